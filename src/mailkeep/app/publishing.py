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
        senders: addresses that we send from.
    """
    domains = sorted({addresses.domain(one).lower() for one in senders if "@" in one})
    return {one.name: tuple(_records(one, domains)) for one in providers}


def _records(one: Named, domains: list[str]) -> list[str]:
    options = {name: text.strip().lower() for name, text in one.options.items()}
    marks = sorted({mark.lstrip(".") for mark in registry.get(one.kind).capabilities.marks})
    signing = [options["dkim_domain"]] if options.get("dkim_domain") else domains
    out = []
    selector = options.get("dkim_selector", "")
    if selector:
        out += [f"withdraw {selector}._domainkey.{name} (its DKIM key)" for name in signing]
    else:
        out.append("find and withdraw its DKIM key: options.dkim_selector is not set")
    bounces = options.get("return_path_domain", "")
    if bounces:
        out.append(f"withdraw {bounces}, MX and TXT (its return path)")
    else:
        out.append("find and withdraw its return path: options.return_path_domain is not set")
    tracking = options.get("tracking_domain", "")
    if tracking:
        out.append(f"withdraw {tracking} (its links and opens are tracked under it)")
    named = f" ({', '.join(marks)})" if marks else ""
    out += [
        f"take it out of the SPF record of {name}, where it is included{named}" for name in domains
    ]
    return out
