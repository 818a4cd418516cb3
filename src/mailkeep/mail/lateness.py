"""Weights a provider's report by how late it comes after what it is about (pure).

Webhooks are retried for days, and a backlog says nothing about now: a report counts in full up to a
few times its provider's usual delay, and less the later it is. It is never refused: a late report
may still be right, and a wrong clock is no forgery. A time in the future counts less by how far
ahead it is.
"""

from mailkeep.base.clock import SECOND, Instant

FLOOR = 120.0  #: seconds that are never late
TIMES = 5.0  #: the usual delay, so often, is not late either
MEMORY = 0.05  #: how much of the newest report's delay goes into the usual one


def late(at_provider: Instant | None, received: Instant) -> float | None:
    """Seconds from when it happened, by the provider's clock, to when we heard; below 0: ahead of
    us; None: it says no time."""
    return None if at_provider is None else (received - at_provider) / SECOND


def weight(seconds: float | None, usual: float) -> float:
    """What a report counts, above 0 to 1. One without a time counts in full: many have none.

    Args:
        usual: the provider's usual delay, in seconds.
    """
    if seconds is None:
        return 1.0
    allowed = max(FLOOR, TIMES * usual)
    return min(1.0, allowed / max(abs(seconds), 1e-9))


def learn(usual: float, seconds: float | None, counts: float) -> float:
    """The usual delay after another report. What counts little teaches little, so a backlog does
    not become usual; a provider that is slow for good does.

    Args:
        counts: the report's weight.
    """
    if seconds is None:
        return usual
    return usual + MEMORY * counts * (abs(seconds) - usual)
