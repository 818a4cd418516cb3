"""Adds up evidence so that the same evidence is never counted twice (pure).

Two signals exclude each other when one detector raised both, or when they share a fact. Of all sets
without such a pair the one with the largest sum counts. So the order of arrival does not matter,
one more signal never lowers the sum, and evidence split into parts never counts more than the
whole.

A sum is built in two steps: each family's signals together add up to its cap, those first that
nobody outside could stage; and where a party of ours is accused, all that outsiders could stage
adds up to a cap of its own, however many families see it. Of two ways in to our mail at a provider
one counts little (``_WAYS``), whichever leaves the larger sum.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from .types import Family, Forger, Signal

#: Detectors that tell of two ways in: somebody came in at the provider, which says so, or is in our
#: account there. Who did the one leaves no trace of the other, and a sign-in or a change that the
#: provider speaks of is that same one: the likelihood of both is a mixture's, and no product.
_WAYS = frozenset({"provider_notice", "console_sign_in"})
_OTHER_WAY = 1.3  #: nats that the other one counts at most; judged

MOST_TRIED = 2000  #: partial sets that are looked at; past that the best one so far counts

RANK = {Forger.NOBODY: 0, Forger.CUSTOMERS: 1, Forger.ANYONE: 2}


class Bonus(msgspec.Struct, frozen=True):
    """What a set adds beside its own weights.

    Attributes:
        of: nats for a set; never more for a larger one.
        facts: those that decide on it, where a signal about something else than an account has one.
    """

    of: Callable[[Sequence["Weighed"]], float] = lambda _chosen: 0.0
    facts: frozenset[str] = frozenset()


class Weighed(msgspec.Struct, frozen=True):
    """A signal with its remaining evidence for the question at hand, in nats."""

    signal: Signal
    weight: float

    @property
    def firm(self) -> bool:
        """Nobody outside could have staged it."""
        return self.signal.forger is Forger.NOBODY


class Caps(msgspec.Struct, frozen=True):
    """The caps of a sum, in nats: for each family, and for all that outsiders could stage."""

    family: Mapping[Family, float]
    staged: float = math.inf


NO_BONUS = Bonus()


def order(one: Weighed) -> tuple[int, float, str, tuple[str, ...]]:
    """Firm ones first, then the strongest: as people read them."""
    return (RANK[one.signal.forger], -one.weight, one.signal.detector, one.signal.events)


def total(chosen: Iterable[Weighed], caps: Caps) -> float:
    """What a set without doubles adds up to."""
    chosen = tuple(chosen)
    return max(_sum(chosen, caps, cut) for cut in _cuts(chosen))


def other_way(chosen: Sequence[Weighed], caps: Caps) -> str:
    """The detector that counts little, as another one tells of another way in; "": none does."""
    return max(_cuts(chosen), key=lambda one: _sum(chosen, caps, one))


def _cuts(chosen: Sequence[Weighed]) -> tuple[str, ...]:
    """The detectors of which one counts little; "": nothing does. Nobody who stages a way in takes
    anything from another."""
    ways = [one.signal.detector for one in chosen if one.firm and one.signal.detector in _WAYS]
    return tuple(sorted(ways)) if len(ways) > 1 else ("",)


def _uncut(one: Weighed, cut: str) -> float:
    little = one.firm and one.signal.detector == cut
    return min(one.weight, _OTHER_WAY) if little else one.weight


def _sum(chosen: Sequence[Weighed], caps: Caps, cut: str) -> float:
    firm: dict[Family, float] = {}
    staged: dict[Family, float] = {}
    for one in chosen:
        sums, family = (firm if one.firm else staged), one.signal.family
        sums[family] = sums.get(family, 0.0) + _uncut(one, cut)
    sure = doubtful = 0.0
    for family in firm.keys() | staged.keys():
        cap, kept = caps.family.get(family, math.inf), firm.get(family, 0.0)
        sure += min(cap, kept)
        doubtful += min(staged.get(family, 0.0), max(0.0, cap - kept))
    return sure + min(doubtful, caps.staged)


def parts(chosen: Iterable[Weighed], caps: Caps) -> list[tuple[Weighed, float]]:
    """How much of each signal counts: those first in ``order`` use up the caps."""
    chosen = tuple(chosen)
    cut = other_way(chosen, caps)
    room = dict(caps.family)
    staged = caps.staged
    out = []
    for one in sorted(chosen, key=order):
        family = one.signal.family
        weight = _uncut(one, cut)
        counted = min(weight, room.get(family, weight))
        if not one.firm:
            counted = min(counted, staged)
            staged -= counted
        if family in room:
            room[family] -= counted
        out.append((one, counted))
    return out


def most(candidates: Sequence[Weighed], caps: Caps, bonus: Bonus = NO_BONUS) -> tuple[Weighed, ...]:
    """The set without exclusive pairs that has the largest sum; of equals, the one that is harder
    to stage."""
    groups = _groups(candidates, bonus.facts)
    # The most that the groups from each depth on can still add: the search's bound for pruning.
    rest = [0.0] * (len(groups) + 1)
    for depth in reversed(range(len(groups))):
        rest[depth] = rest[depth + 1] + max(one.weight for one, _ in groups[depth])
    extra = bonus.of(())
    best: tuple[float, tuple[Weighed, ...]] = (-1.0, ())
    tried = 0

    def look(depth: int, chosen: tuple[Weighed, ...], used: frozenset[str]) -> None:
        nonlocal best, tried
        tried += 1
        value = total(chosen, caps)
        if depth == len(groups):
            value += bonus.of(chosen)
            if value > best[0] + 1e-9:
                best = (value, chosen)
            return
        if tried > MOST_TRIED and best[0] >= 0:
            return
        if value + rest[depth] + extra <= best[0] + 1e-9:
            return
        for one, shared in groups[depth]:
            if used.isdisjoint(shared):
                look(depth + 1, (*chosen, one), used | shared)
        # For a group that shares nothing, leaving it out is never better.
        if all(shared for _, shared in groups[depth]):
            look(depth + 1, chosen, used)

    look(0, (), frozenset())
    return best[1]


class Sure:
    """Of what bears on a question that which nobody outside could have staged; ``nats``: its
    sum."""

    def __init__(self, bearing: Iterable[Weighed], caps: Caps) -> None:
        self._parts = parts(most([one for one in bearing if one.firm], caps), caps)
        self.nats = math.fsum(counted for _, counted in self._parts)

    def observed(self, least: float) -> bool:
        """Whether we saw some of it ourselves that counts ``least`` nats."""
        return any(one.signal.own_observation and counted >= least for one, counted in self._parts)


def _groups(
    candidates: Sequence[Weighed], watched: frozenset[str]
) -> list[list[tuple[Weighed, frozenset[str]]]]:
    """Each detector's signals, the strongest first, with the facts of each that matter to others;
    without those that another one of it stands in for."""
    says: dict[str, list[Weighed]] = {}
    for one in sorted(candidates, key=order):
        says.setdefault(one.signal.detector, []).append(one)
    of = Counter(
        fact
        for alike in says.values()
        for fact in {fact for one in alike for fact in one.signal.events}
    )
    groups = []
    for alike in says.values():
        kept: list[tuple[Weighed, frozenset[str]]] = []
        for one in alike:
            looked = watched if one.signal.subject.kind != "account" else frozenset()
            facts = one.signal.events
            shared = frozenset(fact for fact in facts if of[fact] > 1 or fact in looked)
            if not any(_stands_in(other, its, one, shared) for other, its in kept):
                kept.append((one, shared))
        groups.append(sorted(kept, key=lambda entry: (-entry[0].weight, order(entry[0]))))
    return sorted(groups, key=lambda alike: order(alike[0][0]))


def _stands_in(one: Weighed, facts: frozenset[str], other: Weighed, shared: frozenset[str]) -> bool:
    """Whether ``one`` can take the place of ``other`` in every set."""
    firmer = RANK[one.signal.forger] <= RANK[other.signal.forger]
    same = one.signal.family is other.signal.family
    return one.weight >= other.weight and facts <= shared and firmer and same
