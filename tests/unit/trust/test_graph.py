"""Independence: what ties, what is only reported, and what holds for every graph."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailkeep.base.errors import NotFound
from mailkeep.trust import register
from mailkeep.trust.graph import TIES, TrustGraph
from mailkeep.trust.types import Party

IDS = "abcdefgh"

some = st.lists(st.sampled_from(IDS), max_size=2).map(tuple)
graphs = st.fixed_dictionaries(
    {
        one: st.builds(
            Party,
            id=st.just(one),
            relays_via=some,
            owned_by=some,
            administered_by=some,
            runs_on=some,
        )
        for one in IDS
    }
)
#: How long an example takes to make says more of the machine than of the graph.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
sides = st.frozensets(st.sampled_from(IDS), min_size=1, max_size=3)


def graph(*tables: dict[str, object]) -> TrustGraph:
    return TrustGraph(register.load(tables))


@pytest.mark.parametrize("tie", TIES)
def test_a_tie_makes_dependent_through_any_number_of_steps(tie: str) -> None:
    made = graph(
        {"id": "one", tie: ["middle"]},
        {"id": "middle", "owned_by": ["house"]},
        {"id": "two", "administered_by": ["house"]},
        {"id": "house"},
        {"id": "other"},
    )
    found = made.independent({"one"}, {"two"})
    assert not found.ok
    assert found.shared == ("house",)
    assert made.independent({"one"}, {"other"}).ok
    assert made.readers("one") == {"one", "middle", "house"}


def test_two_brands_of_one_owner_can_be_read_by_it_alone() -> None:
    made = graph({"id": "x", "owned_by": ["o"]}, {"id": "y", "owned_by": ["o"]}, {"id": "o"})
    assert made.independent({"x"}, {"y"}).shared == ("o",)
    assert "y" not in made.readers("x")


def test_a_shared_host_is_reported_and_does_not_tie() -> None:
    made = graph(
        {"id": "x", "runs_on": ["cloud"]}, {"id": "y", "runs_on": ["cloud"]}, {"id": "cloud"}
    )
    found = made.independent({"x"}, {"y"})
    assert found.ok
    assert found.hosts == ("cloud",)


def test_what_is_unknown_or_not_recorded_is_dependent() -> None:
    made = graph({"id": "x"}, {"id": "y"})
    found = made.independent({"x"}, {"y", "ghost"})
    assert not found.ok
    assert found.unknown == ("ghost",)
    assert made.independent({"ghost"}, {"ghost"}).shared == ("ghost",)
    assert not made.independent({"x"}, ()).ok
    assert not made.independent((), ()).ok
    with pytest.raises(NotFound):
        made.readers("ghost")


@patient
@given(graphs, sides, sides)
def test_independence_has_no_direction(
    parties: dict[str, Party], a: frozenset[str], b: frozenset[str]
) -> None:
    made = TrustGraph(parties)
    assert made.independent(a, b) == made.independent(b, a)


@patient
@given(graphs, sides, sides, sides)
def test_one_more_attempt_never_makes_independent(
    parties: dict[str, Party], a: frozenset[str], b: frozenset[str], more: frozenset[str]
) -> None:
    made = TrustGraph(parties)
    assert made.independent(a, b).ok or not made.independent(a | more, b).ok


@patient
@given(graphs, sides, sides)
def test_independent_exactly_when_no_reader_is_shared(
    parties: dict[str, Party], a: frozenset[str], b: frozenset[str]
) -> None:
    def closure(start: frozenset[str]) -> set[str]:
        seen, todo = set(), list(start)
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                party = parties[one]
                todo += party.relays_via + party.owned_by + party.administered_by
        return seen

    found = TrustGraph(parties).independent(a, b)
    assert set(found.shared) == closure(a) & closure(b)
    assert found.ok == (not found.shared)
