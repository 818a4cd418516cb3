"""Statistics for detectors: delay quantiles, rates of rare events, bounded memories (pure).

All of it is immutable and of bounded size, so that it can stand in a detector's state.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant

V = TypeVar("V")

_FIRST = 0.25  #: seconds of the lowest bound
_STEPS = 2  #: bounds to a doubling: a quantile is right to a factor of 1.42
_BOUNDS = tuple(_FIRST * 2 ** (step / _STEPS) for step in range(36))  # up to about 13 hours


class Delays(msgspec.Struct, frozen=True):
    """A sketch of delays: counts between fixed bounds, decaying with age."""

    counts: tuple[float, ...] = ()
    total: float = 0.0

    def add(self, delay: float, memory: float) -> "Delays":
        """With one more.

        Args:
            delay: in seconds.
            memory: over how many it is averaged.
        """
        counts = list(self.counts or (0.0,) * len(_BOUNDS))
        place = math.ceil(math.log2(max(delay, _FIRST) / _FIRST) * _STEPS)
        counts[min(place, len(_BOUNDS) - 1)] += 1.0
        total = self.total + 1.0
        if total > memory:
            counts, total = [one / 2 for one in counts], total / 2
        return Delays(tuple(counts), total)

    def quantile(self, part: float) -> float:
        """The delay in seconds below which this part of them lies; 0 where none was seen."""
        wanted, seen = part * self.total, 0.0
        for bound, count in zip(_BOUNDS, self.counts, strict=False):
            seen += count
            if count and seen >= wanted:
                return bound
        return 0.0


class Pace(msgspec.Struct, frozen=True):
    """The current rate of events. Gaps are kept in blocks of ``BLOCK``, each as the sum of its
    seconds and of their squares, the newest last; older ones are summed in ``before``, and dropped
    once the newest block has another rate.

    A mean over all that was ever seen is late by as much when a quiet hour ends: at one a second
    after three minutes at one in five, total loss took 17 seconds to be told instead of 14.

    ``counted``: the arrival that began the newest gap.
    """

    blocks: tuple[tuple[float, float], ...] = ()
    before: tuple[float, float] = (0.0, 0.0)
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    counted: Instant = 0

    def at(self, instant: Instant, memory: int) -> "Pace":
        """With one more event, unless it came together with the last one that counts: a webhook
        brings many at once, and gaps of nothing would make any pause a silence. After so short a
        dead time the gaps of a Poisson stream are distributed as before."""
        if not self.counted:
            return msgspec.structs.replace(self, counted=instant)
        gap = instant - self.counted
        if gap < TOGETHER:
            return self
        added = self.add(max(1e-3, (gap - TOGETHER) / SECOND), memory)
        return msgspec.structs.replace(added, counted=instant)

    def add(self, gap: float, memory: int) -> "Pace":
        """With one more gap, in seconds.

        Args:
            memory: gaps that are kept at most.
        """
        count, total, squares = self.count + 1, self.total + gap, self.squares + gap * gap
        if count < BLOCK:
            return Pace(self.blocks, self.before, count, total, squares)
        blocks = self.blocks
        if blocks and _differ(blocks, total, squares):
            blocks = ()
        blocks = (*blocks, (total, squares))[-max(1, memory // BLOCK) :]
        sums = math.fsum(one[0] for one in blocks), math.fsum(one[1] for one in blocks)
        return Pace(blocks, sums)

    @property
    def known(self) -> int:
        """Of how many gaps it is the mean."""
        return BLOCK * len(self.blocks) + self.count

    @property
    def gap(self) -> float:
        """The mean, in seconds; 0 where nothing is known."""
        known = self.known
        return max(1e-3, self._seconds() / known) if known else 0.0

    def within(self, nats: float) -> float:
        """Seconds of silence that occur by chance with probability exp(-``nats``).

        For exponential gaps of which ``k`` were seen, the next is longer than t with the chance (1
        + t/S)^-k, S their sum: what is not sure of the rate is in it. Where they come in clumps, as
        webhooks that bring many at once do, the mean is that of what is left of a gap at any
        instant, E[g²]/2E[g], as for a Poisson stream of clumps.
        """
        known = self.known
        if not known:
            return 0.0
        total = max(self._seconds(), 1e-3 * known)
        clumped = (self.before[1] + self.squares) / (2 * total) * known
        if clumped > CLUMPED * total:
            total = clumped
        return total * math.expm1(nats / known)

    def _seconds(self) -> float:
        return self.before[0] + self.total


BLOCK = 25
TOGETHER = SECOND // 200  #: 5 ms, in which what comes is one
CLUMPED = 1.5  #: times as long as the mean is what is left of a gap, for them to count as clumps
DIFFERENT = 6.0  #: nats by which two rates must say more than one; by chance once in 50,000 gaps


def _differ(blocks: tuple[tuple[float, float], ...], total: float, squares: float) -> bool:
    """Whether a block has another rate than those before: the likelihood ratio of two rates against
    one, for exponential gaps; clumps of m count as one in m."""
    many, before = BLOCK * len(blocks), max(math.fsum(one[0] for one in blocks), 1e-9)
    total = max(total, 1e-9)
    whole, count = before + total, many + BLOCK
    ratio = count * math.log(whole / count)
    ratio -= many * math.log(before / many) + BLOCK * math.log(total / BLOCK)
    within = (squares * BLOCK / total**2, math.fsum(one[1] for one in blocks) * many / before**2)
    return ratio > DIFFERENT * max(1.0, max(within) / 2)


class Base(msgspec.Struct, frozen=True):
    """The rate of a rare event: ``count`` in ``watched`` seconds up to ``last``, both decaying."""

    count: float
    watched: float
    last: Instant = 0

    def at(self, now: Instant, memory: float) -> "Base":
        """Faded to ``now``; ``memory`` in seconds."""
        gap = max(0, now - self.last) / SECOND if self.last else 0.0
        fade = math.exp(-gap / memory)
        return Base(self.count * fade, self.watched * fade + gap, max(self.last, now))

    def plus(self, count: float) -> "Base":
        return msgspec.structs.replace(self, count=self.count + count)

    def expected(self, window: float) -> float:
        """How many are expected in ``window`` seconds."""
        return window * self.count / max(self.watched, 1.0)


def surprise(count: float, expected: float) -> float:
    """What ``count`` says against a Poisson count of ``expected``, in nats:
    k ln(k/E) - (k - E), the likelihood ratio of the rate that fits best, less ½ ln(1 + k) for
    having looked for it (Schwarz, "Estimating the Dimension of a Model", 1978)."""
    expected = max(expected, 1e-6)
    if count <= expected:
        return 0.0
    fitted = count * math.log(count / expected) - (count - expected)
    return max(0.0, fitted - 0.5 * math.log1p(count))


RARE = 0.02  #: a day; what people say of which nothing is known yet
KNOWN_FOR, SAID_MEMORY = 7 * 86_400.0, 30 * 86_400.0  #: seconds


class Usual(msgspec.Struct, frozen=True):
    """How often people say something: the days on which they did, since ``taught``."""

    days: Base = Base(RARE * KNOWN_FOR * SECOND / DAY, KNOWN_FOR)
    taught: Instant = 0


def unusual(usual: Usual, count: int, now: Instant) -> tuple[Usual, float]:
    """What ``count`` people within a day or less, the newest of them now, say against the usual
    days.

    A day teaches one, however many spoke: whoever stages a flood, or the same once an hour, has not
    made it usual.

    Returns:
        the usual with this day, and the nats.
    """
    days = usual.days.at(now, SAID_MEMORY)
    if usual.taught and now - usual.taught < DAY:  # this day must not be its own excuse
        before = msgspec.structs.replace(days, count=max(0.0, days.count - 1.0))
        return Usual(days, usual.taught), surprise(count, before.expected(DAY / SECOND))
    return Usual(days.plus(1.0), now), surprise(count, days.expected(DAY / SECOND))


def gap_alarm(between: float, gap: float) -> float:
    """The alarm threshold ln(1 + γ/g) in nats, so that a false alarm occurs once in ``between``
    seconds (γ) when evidence comes every ``gap`` seconds (g): Lorden's bound for a CUSUM."""
    return math.log1p(between / max(gap, 1e-3))


def kept(entries: Mapping[str, V], key: str, value: V, most: int) -> dict[str, V]:
    """The entries with one more at the end; beyond ``most`` the first one is dropped."""
    out = {name: one for name, one in entries.items() if name != key}
    out[key] = value
    if len(out) > most:
        del out[next(iter(out))]
    return out
