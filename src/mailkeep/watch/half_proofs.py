"""Cases of ``half_proof``: what each counts, and which go where there are too many (pure)."""

import hashlib
from collections import Counter
from collections.abc import Iterable

import msgspec

from mailkeep.base.clock import Instant

MOST_CASES = 128  #: of each provider


class Case(msgspec.Struct, frozen=True):
    """A half proof through one provider, and what it counts (1: a full one)."""

    account: str
    way: str
    at: Instant
    id: str
    counts: float
    full: bool


def bounded(cases: list[Case]) -> tuple[Case, ...]:
    """The cases without one, if there are too many. The newest must not push the others out:
    they could be staged, and taken back afterwards."""
    if len(cases) > MOST_CASES:
        of = Counter(one.account for one in cases)
        cases.remove(max(cases, key=lambda one: _dispensable(one, of[one.account])))
    return tuple(cases)


def _dispensable(case: Case, alike: int) -> tuple[int, float, bytes]:
    less = -case.counts if alike > 1 else 0.0
    return alike, less, drawn(case.way)


def drawn(way: str) -> bytes:
    return hashlib.sha256(way.encode()).digest()


def sum_of(cases: Iterable[Case], since: Instant) -> float:
    """What cases count together: of each account its largest."""
    largest: dict[str, float] = {}
    for one in cases:
        if one.at > since:
            largest[one.account] = max(one.counts, largest.get(one.account, 0.0))
    return sum(largest.values())
