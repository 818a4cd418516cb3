"""Keeps the signals that still weigh, bounded and fair (pure).

What is over a bound is taken from the detector that has most, so that many signals of one never
push out another's; of its signals, those that outsiders can stage go first, then those of the
subject that has most, then the weakest.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from mailkeep.base.clock import Instant

from .types import Signal, Subject
from .weighing import RANK

MOST_SIGNALS = 512  #: more than there are pairs of a detector and a subject
MOST_ALIKE = 8  #: signals kept of one detector about one subject

#: The signals of one detector about one subject, by number.
_Pair = dict[int, Signal]


class Hearing:
    """Takes one signal after the other. What it does for each hangs on how many are kept, and on
    nothing else.

    Args:
        signals: those that were kept before, in their order.
    """

    def __init__(self, signals: Iterable[Signal] = ()) -> None:
        self._number = 0
        self._kept: dict[int, tuple[Signal, _Pair]] = {}
        self._pairs: dict[tuple[str, Subject], _Pair] = {}
        self._says = Counter[str]()
        self._ends: list[tuple[Instant, int]] = []  # a heap
        for one in signals:
            self._add(one)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Those that are kept, in the order in which they came."""
        return tuple(one for one, _ in self._kept.values())

    def take(self, signal: Signal) -> None:
        """Add a signal; its instant is now."""
        while self._ends and self._ends[0][0] <= signal.at:
            _, number = heappop(self._ends)
            if number in self._kept:
                self._remove(number)
        if signal.restates:
            for number in tuple(self._pairs.get((signal.detector, signal.subject), ())):
                self._remove(number)
            if not signal.evidence:
                return
        alike = self._add(signal)
        if len(alike) > MOST_ALIKE:
            self._remove(_first(alike, _repeated(tuple(alike.values()), signal.at)))
        if len(self._kept) > MOST_SIGNALS:
            one, its = self._dispensable(signal.at)
            self._remove(_first(its, one))

    def _add(self, signal: Signal) -> _Pair:
        pair = self._pairs.setdefault((signal.detector, signal.subject), {})
        self._number += 1
        pair[self._number] = signal
        self._kept[self._number] = (signal, pair)
        self._says[signal.detector] += 1
        heappush(self._ends, (signal.expires_at, self._number))
        return pair

    def _remove(self, number: int) -> None:
        one, pair = self._kept.pop(number)
        self._says[one.detector] -= 1
        del pair[number]
        if not pair:
            del self._pairs[one.detector, one.subject]

    def _dispensable(self, now: Instant) -> tuple[Signal, _Pair]:
        most = max(self._says.values())
        loudest = [it for it in self._kept.values() if self._says[it[0].detector] == most]
        rank = max(RANK[one.forger] for one, _ in loudest)
        staged = [it for it in loudest if RANK[it[0].forger] == rank]
        alike = max(len(its) for _, its in staged)
        return min(
            (it for it in staged if len(it[1]) == alike),
            key=lambda it: (_strength(it[0], now), it[0].at, it[0].events),
        )


def _first(pair: _Pair, signal: Signal) -> int:
    """The number of the oldest of those that say just this."""
    return next(number for number, one in pair.items() if one == signal)


def _repeated(alike: Sequence[Signal], now: Instant) -> Signal:
    """Of one detector's signals about one subject that which another says as strongly, if any."""

    def again(one: Signal) -> bool:
        return all(
            any(two.weight(name, now) >= one.weight(name, now) for two in alike if two is not one)
            for name in one.evidence
        )

    return min(
        alike,
        key=lambda one: (
            -RANK[one.forger],
            not again(one),
            _strength(one, now),
            one.at,
            one.events,
        ),
    )


def _strength(signal: Signal, now: Instant) -> float:
    return max((signal.weight(one, now) for one in signal.evidence), default=0.0)
