"""Which routes of a stream would remain without some providers (pure)."""

from collections.abc import Iterable, Set
from itertools import combinations

import msgspec

from mailkeep.incidents.suspects import ProviderParties
from mailkeep.mail.types import StreamSettings


class Thin(msgspec.Struct, frozen=True):
    """A stream that would be left with too little. ``left``: its providers that still stand."""

    stream: str
    left: tuple[str, ...]
    secret: bool


def thin(
    streams: Iterable[StreamSettings], house: ProviderParties, cut: Set[str], gone: Set[str]
) -> list[Thin]:
    """The streams that lose a route and would have too little left.

    A secret stream needs two providers that nobody can read both of: a reset's two proofs must not
    meet. Any other needs one. What is not cut but tied to the suspects does not count.

    Args:
        cut: providers that are cut off already.
        gone: providers that would go, or that somebody reads together with them.
    """
    out = []
    for stream in streams:
        names = {one.provider for one in stream.routes}
        if not names & gone:
            continue
        left = tuple(sorted(names - cut - gone))
        if stream.secret:
            enough = any(house.independent(a, b) for a, b in combinations(left, 2))
        else:
            enough = bool(left)
        if not enough:
            out.append(Thin(stream.name, left, stream.secret))
    return out


def say(one: Thin) -> str:
    """The warning, in words."""
    left = ", ".join(one.left)
    if not one.left:
        return f"{one.stream}: no route would be left; this mail waits until one stands again"
    if one.secret:
        return (
            f"{one.stream}: fewer than two independent routes would be left (only {left}), and the "
            "two proofs of a reset need two"
        )
    return f"{one.stream}: only {left} would be left"
