"""Lists the DNS records that authorise each provider to send as us (pure): what to withdraw when it
falls."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from mailkeep.base import addresses
from mailkeep.providers import registry


class Named(Protocol):
    """A ``[[provider]]`` table, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def options(self) -> dict[str, str]: ...


def published(providers: Iterable[Named], senders: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The records by provider. Unknown ones are named as well: they may exist all the same.

    Args:
        providers: all of them: what another one needs as well is said of a record.
        senders: addresses that we send from.
    """
    every = tuple(providers)
    domains = sorted({addresses.domain(one).lower() for one in senders if "@" in one})
    return {
        one.name: tuple(_records(one, [by for by in every if by.name != one.name], domains))
        for one in every
    }


def _options(one: Named) -> dict[str, str]:
    return {name: text.strip().lower() for name, text in one.options.items()}


def _signed(one: Named, domains: list[str]) -> list[str]:
    """The names of its DKIM keys, where its selector is known."""
    options = _options(one)
    signing = [options["dkim_domain"]] if options.get("dkim_domain") else domains
    selector = options.get("dkim_selector", "")
    return [f"{selector}._domainkey.{name}" for name in signing] if selector else []


def _marks(one: Named) -> list[str]:
    return sorted({mark.lstrip(".") for mark in registry.get(one.kind).capabilities.marks})


def _needed(by: Iterable[str]) -> str:
    """Who would lose mail with a record."""
    names = ", ".join(by)
    return f"; {names} needs it too, and is given another one first" if names else ""


def _records(one: Named, others: list[Named], domains: list[str]) -> list[str]:
    options, marks = _options(one), _marks(one)

    def shared(name: str) -> str:
        return _needed(by.name for by in others if _options(by).get(name) == options[name])

    out = []
    if options.get("dkim_selector"):
        for key in _signed(one, domains):
            also = _needed(by.name for by in others if key in _signed(by, domains))
            out.append(f"withdraw {key} (its DKIM key){also}")
    else:
        out.append("find and withdraw its DKIM key: options.dkim_selector is not set")
    bounces = options.get("return_path_domain", "")
    if bounces:
        also = shared("return_path_domain")
        out.append(f"withdraw {bounces}, MX and TXT (its return path){also}")
    else:
        out.append("find and withdraw its return path: options.return_path_domain is not set")
    tracking = options.get("tracking_domain", "")
    if tracking:
        also = shared("tracking_domain")
        out.append(f"withdraw {tracking} (its links and opens are tracked under it){also}")
    named = f" ({', '.join(marks)})" if marks else ""
    named += _needed(by.name for by in others if {*marks} & {*_marks(by)})
    out += [
        f"take it out of the SPF record of {name}, where it is included{named}" for name in domains
    ]
    return out
