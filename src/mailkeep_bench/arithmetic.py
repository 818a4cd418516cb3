"""The arithmetic of a benchmark (pure)."""

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the middle two. Raises ``ValueError`` without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all values do not exceed (nearest rank).

    Args:
        share: above 0, at most 1.

    Raises:
        ValueError: no values, or a share that is none.
    """
    if not values or not 0 < share <= 1:
        raise ValueError("needs values, and a share above 0 and at most 1")
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def per_second(count: int, seconds: float) -> float:
    """A rate. Raises ``ValueError`` where no time passed: such a rate is no measurement."""
    if seconds <= 0:
        raise ValueError("no time passed")
    return count / seconds


def micros_each(cpu_seconds: float, count: int) -> float:
    """CPU time a message in µs. Raises ``ValueError`` without messages."""
    if count <= 0:
        raise ValueError("no messages")
    return cpu_seconds * 1e6 / count


def missed_by(reached: float, target: float, at_least: bool) -> float:
    """By which share of the target a goal is missed; 0.0 when it is met.

    Args:
        at_least: whether more is better.
    """
    gap = target - reached if at_least else reached - target
    return max(0.0, gap / target)
