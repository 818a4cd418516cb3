"""What a provider's word counts that comes long after what it is about."""

from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import SECOND
from mailkeep.mail import lateness
from mailkeep.mail.lateness import FLOOR, TIMES, learn, weight


@given(st.floats(-1e9, 1e9), st.floats(0, 1e6))
def test_late_counts_less_and_never_nothing(late: float, usual: float) -> None:
    assert 0 < weight(late, usual) <= 1


def test_in_time_counts_in_full() -> None:
    assert weight(FLOOR, 0.0) == weight(None, 0.0) == weight(TIMES * 600, 600.0) == 1
    assert weight(3600.0, 10.0) == FLOOR / 3600
    assert weight(-3600.0, 10.0) == FLOOR / 3600, "a clock that is ahead is as far off"


def test_a_provider_that_is_slow_for_good_becomes_usual_and_a_backlog_does_not() -> None:
    usual = 2.0
    for _ in range(20):  # a day's backlog
        usual = learn(usual, 86_400.0, weight(86_400.0, usual))
    assert weight(86_400.0, usual) < 0.1
    for _ in range(2000):
        usual = learn(usual, 900.0, weight(900.0, usual))
    assert weight(900.0, usual) == 1


def test_lateness_is_by_the_providers_clock() -> None:
    assert lateness.late(None, 5 * SECOND) is None
    assert lateness.late(3 * SECOND, 5 * SECOND) == 2
    assert lateness.late(7 * SECOND, 5 * SECOND) == -2
