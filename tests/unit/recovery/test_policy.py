"""Which routes carry the proofs."""

from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.mail.types import RouteSettings
from mailkeep.recovery.policy import plan, replacement

ROUTES = (RouteSettings("a"), RouteSettings("b", weight=3), RouteSettings("c", weight=0))
EVERY = frozenset("abc")


def apart(one: Collection[str], other: Collection[str]) -> bool:
    return bool(one) and bool(other) and not set(one) & set(other)


def test_link_and_code_are_drawn_evenly_and_the_standby_is_kept_back() -> None:
    drawn = Counter(
        (pair.link, pair.code)
        for n in range(1000)
        if (pair := plan(ROUTES, EVERY, apart, n / 1000)) is not None
    )
    assert drawn == {("a", "b"): 500, ("b", "a"): 500}


def test_a_standby_takes_part_when_a_carrier_is_gone() -> None:
    pair = plan(ROUTES, frozenset("ac"), apart, 0.0)
    assert pair is not None
    assert {pair.link, pair.code} == {"a", "c"}


@pytest.mark.parametrize("standing", [frozenset(), frozenset("a"), frozenset("xyz")])
def test_one_route_is_no_pair(standing: frozenset[str]) -> None:
    assert plan(ROUTES, standing, apart, 0.5) is None


@given(
    weights=st.lists(st.floats(0, 100), min_size=0, max_size=6),
    owners=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_the_pair_is_always_independent(
    weights: list[float], owners: list[int], draw: float
) -> None:
    routes = tuple(RouteSettings(str(n), weight) for n, weight in enumerate(weights))

    def independent(one: Collection[str], other: Collection[str]) -> bool:
        return not {owners[int(x)] for x in one} & {owners[int(x)] for x in other}

    pair = plan(routes, {route.provider for route in routes}, independent, draw)
    possible = len({owners[n] for n in range(len(routes))}) > 1
    assert (pair is not None) is possible
    if pair is not None:
        assert independent({pair.link}, {pair.code})


def test_a_replacement_is_independent_of_all_that_the_other_went_through() -> None:
    assert replacement(ROUTES, EVERY, apart, other={"a"}, avoid={"b"}) == "c"
    assert replacement(ROUTES, EVERY, apart, other={"a", "c"}, avoid={"b"}) is None
    assert replacement(ROUTES, EVERY, apart, other={"a"}, avoid=set()) == "b"
