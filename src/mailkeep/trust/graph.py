"""Who can read what a party carries, and whether two routes count as two (pure)."""

from collections.abc import Callable, Iterable, Mapping

import networkx as nx

from mailkeep.base.errors import NotFound

from .types import Independence, Party

#: Edges along which reading passes on; ``runs_on`` is not one of them.
TIES = ("relays_via", "owned_by", "administered_by")

#: Said here because the stubs of networkx leave it untyped.
_reached: Callable[[nx.DiGraph, str], set[str]] = nx.descendants


def overridden(parties: Mapping[str, Party], today: str | None) -> frozenset[tuple[str, str]]:
    """The ties that do not count on a day, as (party, other). None: no day, and all count."""
    if today is None:
        return frozenset()
    return frozenset(
        (party.id, one.of)
        for party in parties.values()
        for one in party.independent
        if today < one.until
    )


class TrustGraph:
    """The parties and their ties.

    Args:
        parties: by id, as ``register.load`` gives them.
        today: the day, as 2026-11-28; without it no override counts, which ties more.
    """

    def __init__(
        self, parties: Mapping[str, Party], today: Callable[[], str] | None = None
    ) -> None:
        self.parties = parties
        self._today = today
        self._loosed: frozenset[tuple[str, str]] | None = None
        self._ties: nx.DiGraph = nx.DiGraph()
        self._hosts: nx.DiGraph = nx.DiGraph()
        for party in parties.values():
            self._hosts.add_node(party.id)
            self._hosts.add_edges_from((party.id, host) for host in party.runs_on)

    def _tied(self) -> nx.DiGraph:
        """The ties of today: an override is over on the day that it says, not at a restart."""
        loosed = overridden(self.parties, None if self._today is None else self._today())
        if loosed != self._loosed:
            ties: nx.DiGraph = nx.DiGraph()
            ties.add_nodes_from(self.parties)
            for party in self.parties.values():
                for tie in TIES:
                    others = getattr(party, tie)
                    ties.add_edges_from(
                        (party.id, one) for one in others if (party.id, one) not in loosed
                    )
            self._ties, self._loosed = ties, loosed
        return self._ties

    def knows(self, party: str) -> bool:
        return party in self.parties

    def readers(self, party: str) -> frozenset[str]:
        """Everybody who can read what ``party`` carries, itself included.

        A relay's owner reads what is relayed, and so does the admin of that owner: the closure.

        Raises:
            NotFound: no such party.
        """
        if not self.knows(party):
            raise NotFound(f"no party {party!r}")
        return frozenset(_reached(self._tied(), party)) | {party}

    def independent(self, a: Iterable[str], b: Iterable[str]) -> Independence:
        """Whether nobody can read both what went through ``a`` and what went through ``b``.

        Args:
            a: every party that the first thing was ever attempted through.
            b: the same of the second.

        An empty side is not independent of anything: that a proof went through nobody is not
        something that is known, it is something that was not recorded.
        """
        first, second = frozenset(a), frozenset(b)
        unknown = tuple(sorted(one for one in first | second if not self.knows(one)))
        readers_a, readers_b = self._all_readers(first), self._all_readers(second)
        # An id that the register lacks, on both sides, is one party all the same.
        shared = tuple(sorted((readers_a | first) & (readers_b | second)))
        hosts = tuple(sorted(self._all_hosts(readers_a) & self._all_hosts(readers_b)))
        ok = bool(first and second) and not shared and not unknown
        return Independence(ok, shared, unknown, hosts)

    def _all_readers(self, parties: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(self.readers(one) for one in parties if self.knows(one)))

    def _all_hosts(self, parties: frozenset[str]) -> frozenset[str]:
        return frozenset().union(
            *(_reached(self._hosts, one) for one in parties if self.knows(one))
        )
