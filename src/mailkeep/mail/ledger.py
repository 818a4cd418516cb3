"""Counts distinct exposed addresses for any set of providers from precomputed steps (pure).

For a set of providers and an instant, an address counts once: at the first moment at which one of
the set was given it. Which providers had it before decides for which sets that is the first moment.
So each time that a provider is first given an address is one step, stored as (when, provider, who
had it before). The answer for a set is the number of steps to a provider of the set before which
none of the set had the address: a sum, exact for every set.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from mailkeep.base.clock import MINUTE, Instant

DAY = (
    1440  #: minutes; spans are a minute and a day: a sum over years is short, one within a day too
)
SPANS = (1, DAY)

Given = Mapping[str, Instant]  #: when an address was first given to each provider


class Key(NamedTuple):
    """A row of the counts.

    Attributes:
        span: minutes.
        start: in minutes since the epoch.
        before: who had the address then, names joined with commas.
    """

    span: int
    provider: str
    start: int
    before: str


def steps(given: Given) -> Iterator[Key]:
    """The steps of one address. At one instant, names go by the alphabet."""
    had: list[str] = []
    for provider, at in sorted(given.items(), key=lambda one: (one[1], one[0])):
        before = ",".join(sorted(had))
        for span in SPANS:
            yield Key(span, provider, at // MINUTE // span * span, before)
        had.append(provider)


def changes(before: Given, after: Given) -> Counter[Key]:
    """What becomes of the counts when ``before`` of an address has become ``after``."""
    found = Counter(steps(after))
    found.subtract(steps(before))
    return found


def total(counted: Iterable[tuple[str, str, int]], providers: Set[str]) -> int:
    """How many addresses a set of providers was given.

    Args:
        counted: (provider, before, count) of all steps that count.
    """
    return sum(
        count
        for provider, before, count in counted
        if provider in providers and providers.isdisjoint(before.split(","))
    )
