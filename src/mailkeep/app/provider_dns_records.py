"""Lists the DNS records that authorise each provider to send as us (pure): what to withdraw when it
falls."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.trust.catalogue import HOUSES, OF_PROVIDER

EMPTY: Mapping[str, str] = {}


class Named(Protocol):
    """A ``[[provider]]`` table, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def party(self) -> str: ...

    @property
    def options(self) -> dict[str, str]: ...


def houses(parties: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """The house of the catalogue that each ``[[party]]`` table says it is, by the party's id."""
    return {str(one.get("id")): str(one["known"]) for one in parties if one.get("known")}


def published(
    providers: Iterable[Named], senders: Iterable[str], known: Mapping[str, str] = EMPTY
) -> Mapping[str, tuple[str, ...]]:
    """The records by provider. Unknown ones are named as well: they may exist all the same.

    Args:
        providers: all of them: what another one needs as well is said of a record.
        senders: addresses that we send from.
        known: as ``houses`` gives it: whose servers a relay's are.
    """
    every = tuple(providers)
    domains = sorted({addresses.domain(one).lower() for one in senders if "@" in one})
    return {
        one.name: tuple(_records(one, [by for by in every if by.name != one.name], domains, known))
        for one in every
    }


class Published(msgspec.Struct, frozen=True):
    """A record that is to go, as DNS is asked about it.

    Attributes:
        kinds: of the records that let it send as us.
        key: it is a DKIM key.
        marks: whose servers its SPF record must not let in; none: it is to go whole.
    """

    name: str
    kinds: tuple[str, ...]
    key: bool = False
    marks: tuple[str, ...] = ()


_KEY, _PATH = "(its DKIM key)", "MX and TXT (its return path)"
_LINKS = "(its links and opens are tracked under it)"
_TOO = "needs it too"
_SAID = re.compile(r"(?:DNS: )?withdraw (?P<name>\S+?),? (?P<what>MX and TXT \(.*?\)|\(.*?\))")
_SPF = re.compile(
    r"(?:DNS: )?take it out of the SPF record of (?P<name>\S+), where it is included"
    r" \((?P<marks>.*?)\)"
)


def asked(text: str) -> Published | None:
    """What DNS is asked to see whether a record of ``published`` is gone; None: by looking nobody
    can tell, as its name is not known, or another provider needs it too.

    The words are read back, since those of a provider that was left are all that is kept of it.
    """
    if _TOO in text:
        return None
    if (spf := _SPF.fullmatch(text)) is not None:
        marks = tuple(one.strip() for one in spf["marks"].split(","))
        return Published(spf["name"], ("TXT",), marks=marks)
    found = _SAID.fullmatch(text)
    if found is None:
        return None
    if found["what"] == _KEY:
        return Published(found["name"], ("TXT", "CNAME"), key=True)
    kinds = ("MX", "TXT", "CNAME") if found["what"] == _PATH else ("CNAME", "A", "AAAA")
    return Published(found["name"], kinds)


def _options(one: Named) -> dict[str, str]:
    return {name: text.strip().lower() for name, text in one.options.items()}


def _signed(one: Named, domains: list[str]) -> list[str]:
    """The names of its DKIM keys, where its selector is known."""
    options = _options(one)
    signing = [options["dkim_domain"]] if options.get("dkim_domain") else domains
    selector = options.get("dkim_selector", "")
    return [f"{selector}._domainkey.{name}" for name in signing] if selector else []


def _marks(one: Named, known: Mapping[str, str]) -> list[str]:
    """Names of its servers, as SPF records have them: its company's, and those of the companies
    through which that one relays."""
    found = {mark.lstrip(".") for mark in registry.get(one.kind).capabilities.marks}
    its = HOUSES.get(OF_PROVIDER.get(one.kind, known.get(one.party, one.party)))
    for house in [] if its is None else [its, *(HOUSES[other] for other in its.relays_via)]:
        found |= set(house.signs)
    # A name under another of these adds nothing.
    return sorted(one for one in found if not any(one.endswith(f".{other}") for other in found))


def _needed(by: Iterable[str]) -> str:
    """Who would lose mail with a record."""
    names = ", ".join(by)
    return f"; {names} {_TOO}, and is given another one first" if names else ""


def _records(
    one: Named, others: list[Named], domains: list[str], known: Mapping[str, str]
) -> list[str]:
    options, marks = _options(one), _marks(one, known)

    def shared(name: str) -> str:
        return _needed(by.name for by in others if _options(by).get(name) == options[name])

    out = []
    if options.get("dkim_selector"):
        for key in _signed(one, domains):
            also = _needed(by.name for by in others if key in _signed(by, domains))
            out.append(f"withdraw {key} {_KEY}{also}")
    else:
        out.append("find and withdraw its DKIM key: options.dkim_selector is not set")
    bounces = options.get("return_path_domain", "")
    if bounces:
        also = shared("return_path_domain")
        out.append(f"withdraw {bounces}, {_PATH}{also}")
    else:
        out.append("find and withdraw its return path: options.return_path_domain is not set")
    tracking = options.get("tracking_domain", "")
    if tracking:
        also = shared("tracking_domain")
        out.append(f"withdraw {tracking} {_LINKS}{also}")
    named = f" ({', '.join(marks)})" if marks else ""
    named += _needed(by.name for by in others if {*marks} & {*_marks(by, known)})
    out += [
        f"take it out of the SPF record of {name}, where it is included{named}" for name in domains
    ]
    return out
