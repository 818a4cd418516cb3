"""The trust graph: who can read what a party carries, and whether two routes are independent
(pure)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from mailkeep.base.errors import NotFound

from .types import Independence, Party

#: Edges along which reading passes on; ``runs_on`` is not one of them.
TIES = ("relays_via", "owned_by", "administered_by")

#: For each party those that it is tied to, or runs on, at first hand.
Edges = Mapping[str, tuple[str, ...]]


#: Days for which a tie may be set aside at most: one that is set aside for longer counts.
LONGEST = 400


def counting(until: str, today: str) -> bool:
    """Whether an override that was given until a day still counts on this one. A day too far off
    would be as good as for ever, and nobody knows for ever that two parties are not tied."""
    left = (date.fromisoformat(until) - date.fromisoformat(today)).days
    return 0 < left <= LONGEST


def overridden(parties: Mapping[str, Party], today: str | None) -> frozenset[tuple[str, str]]:
    """The ties that an override cancels on a day, as (party, other). Without a day no override
    counts."""
    if today is None:
        return frozenset()
    return frozenset(
        (party.id, one.of)
        for party in parties.values()
        for one in party.independent
        if counting(one.until, today)
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
        self._ties: Edges = {}
        self._hosts: Edges = {party.id: party.runs_on for party in parties.values()}

    def _tied(self) -> Edges:
        """The ties of today: an override is over on the day that it says, not at a restart."""
        loosed = overridden(self.parties, None if self._today is None else self._today())
        if loosed != self._loosed:
            self._ties = {
                party.id: tuple(
                    other
                    for tie in TIES
                    for other in getattr(party, tie)
                    if (party.id, other) not in loosed
                )
                for party in self.parties.values()
            }
            self._loosed = loosed
        return self._ties

    def knows(self, party: str) -> bool:
        return party in self.parties

    def readers(self, party: str) -> frozenset[str]:
        """Everybody who can read what ``party`` carries, itself included.

        A relay's owner reads what is relayed, and so does an administrator of that owner: it is the
        transitive closure.

        Raises:
            NotFound: no such party.
        """
        if not self.knows(party):
            raise NotFound(f"no party {party!r}")
        return _reached(self._tied(), [party])

    def independent(self, a: Iterable[str], b: Iterable[str]) -> Independence:
        """Whether nobody can read both what went through ``a`` and what went through ``b``.

        Args:
            a: every party that the first proof was ever attempted through.
            b: the same of the second.

        An empty side is not independent of anything: it means that the attempts were not recorded,
        not that there were none.
        """
        first, second = frozenset(a), frozenset(b)
        unknown = tuple(sorted(one for one in first | second if not self.knows(one)))
        readers_a, readers_b = self._all_readers(first), self._all_readers(second)
        # An id that the register lacks, on both sides, is the same party.
        shared = tuple(sorted((readers_a | first) & (readers_b | second)))
        hosts = tuple(sorted(self._all_hosts(readers_a) & self._all_hosts(readers_b)))
        ok = bool(first and second) and not shared and not unknown
        return Independence(ok, shared, unknown, hosts)

    def _all_readers(self, parties: frozenset[str]) -> frozenset[str]:
        return _reached(self._tied(), filter(self.knows, parties))

    def _all_hosts(self, parties: frozenset[str]) -> frozenset[str]:
        first = (host for one in parties if self.knows(one) for host in self._hosts[one])
        return _reached(self._hosts, first)


def _reached(edges: Edges, start: Iterable[str]) -> frozenset[str]:
    """Everything that edges lead to, the beginning included."""
    seen, todo = set[str](), list(start)
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += edges.get(one, ())
    return frozenset(seen)
