"""Whom canaries tell apart: by the trust graph, which of our providers are two, and which mailboxes
elsewhere lie past whoever can be in the way of our own listener (pure).

Whoever has the house of two providers alters the mail of both, and whoever answers for our DNS may
keep the mailbox elsewhere as well. Detectors that take them for two would let the first off, and
have the second frame a provider.
"""

from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.base import addresses
from mailkeep.base.keys import KeyRing
from mailkeep.posture.scene import OURS
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.types import Party, PartyKind
from mailkeep.watch.types import WatchSettings

from . import wiring_trust, wiring_watch
from .settings import Settings

#: Who decides where mail for our names goes.
WAY = frozenset({PartyKind.DNS, PartyKind.REGISTRAR, PartyKind.MAILBOX})


def detectors(settings: Settings, keys: KeyRing) -> WatchSettings:
    """The detectors' settings, with what the trust graph says. No override counts: that two parties
    are not tied is declared for routes, until a day."""
    found, parties = wiring_watch.detectors(settings, keys), wiring_trust.judged(settings)
    graph = TrustGraph(parties)
    stranger = msgspec.structs.replace(
        found.stranger_in_mail, ties=ties(settings, graph), near=near(settings, graph)
    )
    return msgspec.structs.replace(found, stranger_in_mail=stranger)


def ties(settings: Settings, graph: TrustGraph) -> dict[str, tuple[str, ...]]:
    """By provider, those that somebody could read, or runs, together with it."""
    of = {one.name: one.party for one in settings.provider}
    return {
        name: tuple(other for other in of if other != name and _tied(graph, {party}, {of[other]}))
        for name, party in of.items()
    }


def near(settings: Settings, graph: TrustGraph) -> tuple[str, ...]:
    """Mailboxes whose keeper is tied to who answers for the canaries' domain, or to the machine
    that our listener runs on. A keeper that the register does not know is tied to nobody."""
    canary = settings.canary
    if canary is None:
        return ()
    way = {*_serving(graph.parties, canary.domain, WAY), *_beneath_us(graph.parties.values())}
    keepers = {
        one.name: _serving(graph.parties, addresses.domain(one.address), {PartyKind.MAILBOX})
        for one in canary.mailbox
    }
    return tuple(name for name, of in keepers.items() if way and of and _tied(graph, way, of))


def _tied(graph: TrustGraph, some: set[str], others: set[str]) -> bool:
    found = graph.independent(some, others)
    return bool(found.shared or found.hosts)


def _serving(parties: Mapping[str, Party], domain: str, kinds: Iterable[PartyKind]) -> set[str]:
    wanted = set(kinds)
    return {
        one.id
        for one in parties.values()
        if one.kind in wanted
        and any(domain == name or domain.endswith(f".{name}") for name in one.serves)
    }


def _beneath_us(parties: Iterable[Party]) -> set[str]:
    """Our own processes of which somebody said where they run."""
    return {one.id for one in parties if one.id in OURS and one.runs_on}
