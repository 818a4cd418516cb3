"""By when canaries of a provider must have come, learned upwards too, and within a bound (pure).

Whoever can have mail sent through a provider can slow what it sends to one domain by seconds, our
canaries' too. So what comes late within the bound is no mail that is lost: it weighs less, and no
act rests on it. A provider that has become slower for good teaches that by the day, so that what is
slowed for hours is told of for hours.
"""

import msgspec

from mailkeep.base.clock import DAY, Instant

from .rates import Delays

LATE = 3.0  #: nats of canaries that come late; judged
BOUND = 3.0  #: times the deadline of the settings: the latest that is learned, and that is late
ENOUGH = 100.0  #: canaries of a day from which it teaches
REMEMBERED = 20_000.0  #: of a day
LOSSY = 0.25  #: the part of canaries missed that is looked for
IN_A_ROW = 2  #: misses of one row that count: an outage is one event
SHORTEST = 2.0  #: seconds after which a canary is overdue, at the least
LEARN_FROM, MEMORY = 20.0, 500.0  #: canaries before a delay is believed; over which it is averaged
PART, TIMES = 0.95, 1.5  #: the deadline is so many times what this part of a day's canaries took


class Days(msgspec.Struct, frozen=True):
    """How late canaries were on the day that began at ``since``; ``usual``: seconds that the last
    full day taught, 0: none did."""

    since: Instant = 0
    delays: Delays = Delays()
    usual: float = 0.0


def heard(days: Days, seconds: float, at: Instant) -> Days:
    """With one more canary, which took so many seconds and came at ``at``."""
    if at - days.since >= DAY:
        taught = days.delays.total >= ENOUGH
        usual = TIMES * days.delays.quantile(PART) if taught else days.usual
        days = Days(at, usual=usual)
    return msgspec.structs.replace(days, delays=days.delays.add(seconds, REMEMBERED))


def deadline(days: Days, setting: float) -> float:
    """The seconds within which a canary is in time.

    Args:
        setting: those of the settings, below which nothing is learned here.
    """
    return min(BOUND * setting, max(setting, days.usual))


def usual(delays: Delays, days: Days, longest: float) -> float:
    """The seconds after which a canary that may still come in time is overdue already.

    Args:
        delays: of the last ones that came.
        longest: those within which one is in time.
    """
    learned = max(SHORTEST, 3 * delays.quantile(0.99), days.usual)
    return min(longest, learned) if delays.total >= LEARN_FROM else longest


def latest(setting: float) -> float:
    """The seconds within which a canary that comes is late; after that it was held back, which is
    as bad as lost."""
    return BOUND * setting
