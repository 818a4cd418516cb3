"""Finds by which terms of an SPF record another house's servers still pass (RFC 7208; pure over
``Records``).

A record lets somebody in by a name that it includes, or by the addresses themselves: whoever wrote
a provider's ranges out, to save look-ups, has nothing left that names it. So both are compared: the
names with those of the provider, and the ranges with those of its own record. Terms are taken in
their order, and what an earlier term of the same record refuses is not let in by a later one
(section 4.6.2).
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .records import Found, Records
from .spf import MOST_LOOKUPS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYBODY: tuple[Network, ...] = (
    ipaddress.IPv4Network("0.0.0.0/0"),
    ipaddress.IPv6Network("::/0"),
)
#: Names under a provider's own at which its SPF record commonly is.
_OWN = ("", "spf.", "_spf.")
_COSTLY = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
INTO = " → "  #: from a term to those of the record that it leads to
_STOP = 40  #: look-ups that are followed at all: a ring of includes ends here


class Passing(msgspec.Struct, frozen=True):
    """How a house's servers pass by a domain's record.

    Attributes:
        through: terms by which they pass, each as the record has it, with the records on the way.
        unknown: DNS did not answer for some of it.
        blind: terms that say nothing before a mail comes (``exists``, ``ptr``, macros).
        ranges: its ranges are known, and were compared.
        lookups: how many the record needs; receivers stop at ten, and let nobody in by it then.
    """

    through: tuple[str, ...] = ()
    unknown: bool = False
    blind: tuple[str, ...] = ()
    ranges: bool = False
    lookups: int = 0

    @property
    def is_broken(self) -> bool:
        """Receivers take the record for an error (section 4.6.4)."""
        return self.lookups > MOST_LOOKUPS


class _Way(msgspec.Struct, frozen=True):
    """A term that lets networks in. ``host``: the name that it gives, if any."""

    words: str
    host: str
    networks: tuple[Network, ...]


def passing(records: Records, domain: str, marks: Sequence[str]) -> Passing:
    """By which terms of the record of ``domain`` a house still passes.

    Args:
        marks: names of the house; what is under one of them is its own.
    """
    ours = _Reader(records)
    ways = list(ours.ways(domain))
    theirs = _Reader(records)
    known: list[Network] = []
    for mark in marks:
        for before in _OWN:
            known += [one for way in theirs.ways(before + mark) for one in way.networks]
    known = [one for one in known if one.prefixlen]  # one that lets everybody in tells nothing
    through = [
        way.words
        for way in ways
        if _under(way.host, marks)
        or _meet(way.networks, known)
        or any(not one.prefixlen for one in way.networks)
    ]
    return Passing(
        tuple(_outer(dict.fromkeys(through))),
        ours.unknown,
        tuple(dict.fromkeys(ours.blind)),
        bool(known),
        ours.lookups,
    )


class _Reader:
    """Follows one record to its end."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.lookups = 0
        self.unknown = False
        self.blind: list[str] = []

    def ways(self, domain: str, before: str = "") -> Iterator[_Way]:
        """The terms that let somebody in, of the record of ``domain`` and of those it leads to."""
        for text in self._texts(domain):
            yield from self._read(domain, text, before)

    def _read(self, domain: str, text: str, before: str) -> Iterator[_Way]:
        refused: list[Network] = []
        redirect = ""
        for raw in text.split()[1:]:
            sign, term = (raw[0], raw[1:]) if raw[0] in "+-~?" else ("+", raw)
            name, target, length = _parts(term)
            if name == "redirect":
                redirect = target
                continue
            if name in _COSTLY and not self._count():
                return
            found = list(self._term(name, target or domain, length, before + raw))
            if sign == "+":
                yield from (one for one in found if not _covered(one.networks, refused))
            else:
                refused += [one for way in found for one in way.networks]
            if name == "all":
                return  # section 5.1: what comes after it is not looked at, redirect included
        if redirect and self._count():
            yield from self._under(redirect, f"{before}redirect={redirect}")

    def _term(self, name: str, target: str, length: str, words: str) -> Iterator[_Way]:
        if name == "all":
            yield _Way(words, "", EVERYBODY)
        elif name in {"ip4", "ip6"}:
            yield _Way(words, "", _network(f"{target}{length}"))
        elif name in {"exists", "ptr"} or "%" in target:
            self.blind.append(words)
        elif name == "include":
            yield from self._under(target, words)
        elif name in {"a", "mx"}:
            hosts = [target] if name == "a" else self._servers(target)
            nets = tuple(one for host in hosts for one in self._addresses(host, length))
            yield _Way(words, target, nets)
            for host in hosts:
                if host != target:
                    yield _Way(words, host, ())

    def _under(self, target: str, words: str) -> Iterator[_Way]:
        """A record that another one leads to: by its name, and by what it lets in itself."""
        yield _Way(words, target, ())
        if "%" not in target:
            yield from self.ways(target, f"{words}{INTO}")

    def _texts(self, domain: str) -> list[str]:
        # More than one is an error (section 4.5), until somebody takes the wrong one away.
        rows = [one.lower() for one in self._ask(domain, "TXT")]
        return [one for one in rows if one.split(" ", 1)[0] == "v=spf1"]

    def _servers(self, domain: str) -> list[str]:
        return [row.split()[-1].rstrip(".").lower() for row in self._ask(domain, "MX") if row]

    def _addresses(self, host: str, length: str) -> Iterator[Network]:
        four, _, six = length.removeprefix("/").partition("//")
        for kind, bits in (("A", four), ("AAAA", six)):
            for row in self._ask(host, kind):
                yield from _network(f"{row}/{bits}" if bits else row)

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        answer = self._records.ask(name, kind)
        self.unknown = self.unknown or answer.found in {Found.ERROR, Found.PENDING}
        return answer.rows

    def _count(self) -> bool:
        self.lookups += 1
        return self.lookups <= _STOP


def _outer(some: Iterable[str]) -> Iterator[str]:
    """Without what lies behind another one of them: that one is to go."""
    every = list(some)
    return (one for one in every if not any(one.startswith(by + INTO) for by in every))


def _parts(term: str) -> tuple[str, str, str]:
    """A term's name, the domain or address that it names, and the length of a prefix."""
    if term.startswith("redirect="):
        return "redirect", term.removeprefix("redirect=").rstrip("."), ""
    name, _, target = term.partition(":")
    if not target:
        name, slash, length = name.partition("/")
        return name, "", slash + length
    target, slash, length = target.partition("/")
    return name, target.rstrip("."), slash + length


def _network(text: str) -> tuple[Network, ...]:
    try:
        return (ipaddress.ip_network(text, strict=False),)
    except ValueError:
        return ()


def _under(host: str, marks: Iterable[str]) -> bool:
    return any(host == mark or host.endswith(f".{mark}") for mark in marks)


def _within(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.subnet_of(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.subnet_of(other)
    return False


def _meet(some: Iterable[Network], known: Sequence[Network]) -> bool:
    return any(_within(one, other) or _within(other, one) for one in some for other in known)


def _covered(some: Sequence[Network], refused: Sequence[Network]) -> bool:
    """Whether all of it is refused by earlier terms."""
    return bool(some) and all(any(_within(one, other) for other in refused) for one in some)
