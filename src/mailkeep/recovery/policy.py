"""Chooses the two routes that carry the two proofs (pure)."""

from collections.abc import Callable, Collection, Sequence
from itertools import permutations

import msgspec

from mailkeep.mail.types import RouteSettings

#: Whether no party can read both what went through one set of providers and through another.
Independent = Callable[[Collection[str], Collection[str]], bool]


class Pair(msgspec.Struct, frozen=True):
    """The provider of the link and that of the code."""

    link: str
    code: str


def plan(
    routes: Sequence[RouteSettings],
    standing: Collection[str],
    independent: Independent,
    draw: float,
) -> Pair | None:
    """Draw two routes of which no party can read both, or None when there are no two.

    Which of the two carries what is drawn with them: a reader of one must not know in advance
    which proof it will get, and honest unfinished recoveries must fall on all routes alike.

    Args:
        routes: the stream's, with weights; a standby (weight 0) is taken only when it must be.
        standing: providers that may carry mail now.
        draw: a random number in [0, 1).
    """
    pairs = [
        (one, other)
        for one, other in permutations([r for r in routes if r.provider in standing], 2)
        if independent({one.provider}, {other.provider})
    ]
    weights = [one.weight * other.weight for one, other in pairs]
    if pairs and not any(weights):
        # One of each pair is a standby: those with a carrying route in them go first.
        weights = [one.weight + other.weight for one, other in pairs]
    if pairs and not any(weights):
        weights = [1.0 for _ in pairs]
    mark = draw * sum(weights)
    for (one, other), weight in zip(pairs, weights, strict=True):
        mark -= weight
        if mark < 0:
            return Pair(one.provider, other.provider)
    if pairs:  # a draw so near to 1 that rounding passed the end
        return Pair(pairs[-1][0].provider, pairs[-1][1].provider)
    return None


def lack(
    routes: Sequence[RouteSettings], standing: Collection[str], independent: Independent
) -> str:
    """Why ``plan`` finds no two routes; "" when it does.

    Returns ``one_route``: fewer than two stand; ``dependent``: one party reads at each two of them.
    """
    if plan(routes, standing, independent, 0.0) is not None:
        return ""
    stands = {one.provider for one in routes if one.provider in standing}
    return "dependent" if len(stands) > 1 else "one_route"


def replacement(
    routes: Sequence[RouteSettings],
    standing: Collection[str],
    independent: Independent,
    *,
    other: Collection[str],
    avoid: Collection[str],
) -> str | None:
    """Another route for one proof, or None when there is none.

    Args:
        other: every provider that the other proof was ever attempted through: the new route must
            be independent of all of them.
        avoid: providers that this recovery was refused by or cut from.
    """
    fit = [
        route
        for route in routes
        if route.provider in standing
        and route.provider not in avoid
        and independent({route.provider}, other)
    ]
    return max(fit, key=lambda route: route.weight).provider if fit else None


def alone(
    routes: Sequence[RouteSettings], standing: Collection[str], doubted: Collection[str]
) -> Pair | None:
    """One route for both proofs, for houses that rather degrade than wait; None when there is none.

    Args:
        doubted: providers that something is held against; one that is doubted never carries both.
    """
    fit = [one for one in routes if one.provider in standing and one.provider not in doubted]
    if not fit:
        return None
    chosen = max(fit, key=lambda route: route.weight).provider
    return Pair(chosen, chosen)
