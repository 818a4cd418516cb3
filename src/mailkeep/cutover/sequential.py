"""Sequential tests of whether the new provider is worse than the old one (pure).

Two sequential probability ratio tests (Wald 1945), which may be evaluated as often as one likes,
and both must agree:

- *worse than the other*: of all failures of one step, how many are the new one's? If both are
  equally good, its part of the failures is its part of the mail, whatever share of mail fails just
  now (Wald's double dichotomy). A mailbox provider's bad day, a list full of old addresses, or
  somebody who signs up with dead ones, hits both, and reverses nothing.
- *worse than is tolerated*: does more of its mail fail than is nobody's fault? Otherwise the old
  provider could make the new one look bad by reporting no failure of its own.

Refusals by one company's domain count a few times at most: whoever runs a domain decides what
bounces there, and from whom. The mailbox families that many use (gmail and others) count in full.
"""

import enum
import math
from collections.abc import Mapping

import msgspec

from .types import Pace

MOST_OF_ONE = 5  #: failures that one house behind addresses may bring about
MOST_HOUSES = 2  #: fewer houses than this decide nothing, unless one is a family that many use


class Verdict(enum.StrEnum):
    """What the mail of a step says."""

    WORSE = "worse"  #: the new provider is
    OPEN = "open"  #: nothing that would hold


class Seen(msgspec.Struct, frozen=True):
    """What is known of the mail of one provider in a step.

    Attributes:
        good: delivered.
        bad: bounced, by who keeps the mailbox.
    """

    good: int = 0
    bad: Mapping[str, int] = {}

    @property
    def known(self) -> int:
        """Mails whose fate is known."""
        return self.good + sum(self.bad.values())


def failures(seen: Seen, families: frozenset[str]) -> int:
    """How many failures count.

    Args:
        families: keepers of mailboxes that no stranger controls: they count in full.
    """
    return sum(
        count if keeper in families else min(count, MOST_OF_ONE)
        for keeper, count in seen.bad.items()
    )


def judge(target: Seen, source: Seen, pace: Pace, families: frozenset[str]) -> Verdict:
    """Compare the new provider's mail of one step with the old one's in the same time.

    Without mail of the old one there is nothing to compare with, and nothing is told: a day on
    which everything bounces would look the same.
    """
    bad, other = failures(target, families), failures(source, families)
    n, m = target.good + bad, source.good + other
    if not bad or not m:
        return Verdict.OPEN
    if len(target.bad) < MOST_HOUSES and not families & target.bad.keys():
        return Verdict.OPEN
    bound = math.log((1 - pace.missed) / pace.false_alarm)
    alike = n / (n + m)
    worse = pace.ratio * alike / (pace.ratio * alike + 1 - alike)
    against = bad * math.log(worse / alike) + other * math.log((1 - worse) / (1 - alike))
    much = min(0.5, pace.ratio * pace.borne)
    beyond = bad * math.log(much / pace.borne)
    beyond += target.good * math.log((1 - much) / (1 - pace.borne))
    return Verdict.WORSE if min(against, beyond) >= bound else Verdict.OPEN
