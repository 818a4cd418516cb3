"""Medians, percentiles, rates and what is missed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep_bench.arithmetic import median, micros_each, missed_by, per_second, percentile

VALUES = st.lists(st.floats(0, 1e9), min_size=1)


@pytest.mark.parametrize(
    ("values", "middle"), [([3.0], 3.0), ([9.0, 1.0, 5.0], 5.0), ([4.0, 1.0, 2.0, 9.0], 3.0)]
)
def test_the_median(values: list[float], middle: float) -> None:
    assert median(values) == middle


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_a_percentile_is_a_value_that_occurred(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


@given(VALUES, st.floats(0.01, 1.0))
def test_so_large_a_share_does_not_exceed_the_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) * (1 - 1e-9)


@given(VALUES)
def test_the_median_lies_between_smallest_and_largest(values: list[float]) -> None:
    assert min(values) <= median(values) <= max(values)


def test_what_was_not_measured_has_no_figure() -> None:
    for nothing in (
        lambda: median([]),
        lambda: percentile([], 0.5),
        lambda: percentile([1.0], 0.0),
        lambda: per_second(10, 0.0),
        lambda: micros_each(1.0, 0),
    ):
        with pytest.raises(ValueError, match=r"no|needs"):
            nothing()


def test_rates_and_cpu() -> None:
    assert per_second(500, 2.0) == 250.0
    assert micros_each(1.5, 3000) == 500.0


@pytest.mark.parametrize(
    ("reached", "target", "at_least", "missed"),
    [
        (1.5, 3.0, True, 0.5),
        (3.0, 3.0, True, 0.0),
        (9.0, 3.0, True, 0.0),
        (900.0, 450.0, False, 1.0),
        (450.0, 450.0, False, 0.0),
        (10.0, 450.0, False, 0.0),
    ],
)
def test_by_how_much_a_goal_is_missed(
    reached: float, target: float, at_least: bool, missed: float
) -> None:
    assert missed_by(reached, target, at_least) == pytest.approx(missed)
