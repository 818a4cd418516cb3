"""What detectors count with (pure): delays, rates of rare things, bounded memories.

All of it is immutable and of bounded size, so that it can stand in a detector's state.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mailkeep.base.clock import SECOND, Instant

V = TypeVar("V")

_FIRST = 0.25  #: seconds of the lowest bound
_STEPS = 2  #: bounds to a doubling: a quantile is right to a factor of 1.42
_BOUNDS = tuple(_FIRST * 2 ** (step / _STEPS) for step in range(36))  # up to about 13 hours


class Delays(msgspec.Struct, frozen=True):
    """Delays seen, as counts between fixed bounds; the older count less and less."""

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
        """Seconds within which this part of them was; 0 where none was seen."""
        wanted, seen = part * self.total, 0.0
        for bound, count in zip(_BOUNDS, self.counts, strict=False):
            seen += count
            if count and seen >= wanted:
                return bound
        return 0.0


class Base(msgspec.Struct, frozen=True):
    """How often something rare happens: ``count`` in ``watched`` seconds up to ``last``, fading."""

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


def gap_alarm(between: float, gap: float) -> float:
    """ln(1 + γ/g), in nats: the sum at which to alarm so that chance does it once in ``between``
    seconds, when what adds to it comes every ``gap`` seconds (Lorden's bound for a CUSUM)."""
    return math.log1p(between / max(gap, 1e-3))


def kept(entries: Mapping[str, V], key: str, value: V, most: int) -> dict[str, V]:
    """The entries with one more at the end; past ``most`` without the one that stood first."""
    out = {name: one for name, one in entries.items() if name != key}
    out[key] = value
    if len(out) > most:
        del out[next(iter(out))]
    return out
