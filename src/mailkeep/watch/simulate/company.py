"""The state of a simulated company: its providers, what they do for a while, and what is really
going on."""

import zlib

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.types import Fact
from mailkeep.watch.types import Hypothesis, Subject

START: Instant = 1_704_067_200 * SECOND  #: a Monday, midnight

Timed = tuple[Instant, Fact]


class SimulatedCompany(msgspec.Struct, frozen=True):
    """A house that sends mail.

    Attributes:
        mails: an hour through each provider, in the mean of the week.
        recoveries: a day.
        canaries: seconds between two through one provider; 0: none.
        batch: seconds of reports that a webhook brings at once.
        cycles: days and weeks have their shape, and some days are special; else all is Poisson.
        troubles: days between two outages of one provider; 0: none.
        beside: what goes on beside the mail goes on (``beside``).
        unannounced: colleagues change things at providers and tell nobody.
        rehearsals: resets a day that an application tells of, and keeps.
    """

    providers: tuple[str, ...] = ("a", "b")
    mails: float = 30.0
    recoveries: float = 30.0
    canaries: float = 300.0
    batch: float = 5.0
    cycles: bool = True
    troubles: float = 30.0
    beside: bool = True
    unannounced: bool = False
    rehearsals: float = 10.0


class Trouble(msgspec.Struct, frozen=True):
    """What a provider does for a while. ``refuses`` and ``drops``: parts of the mail; ``slow``:
    seconds that it takes longer in the median; ``word``: what it answers to what it refuses;
    ``spares``: canaries pass untouched."""

    provider: str
    start: Instant
    end: Instant
    refuses: float = 0.0
    drops: float = 0.0
    slow: float = 0.0
    word: str = "unavailable"
    spares: bool = False
    streams: frozenset[str] = frozenset()


class Truth(msgspec.Struct, frozen=True):
    """What is really going on, about whom, from when to when, and of which shape."""

    hypothesis: Hypothesis
    subject: Subject
    start: Instant
    end: Instant
    shape: str = ""


def hash_of(name: str) -> int:
    """A number that a name always has, in every process."""
    return zlib.crc32(name.encode())
