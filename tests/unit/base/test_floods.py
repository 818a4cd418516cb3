"""A flood of like lines is a few, and then one a second that says how many it stands for."""

from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.floods import Flood


def test_one_a_second_of_each_kind() -> None:
    flood = Flood()
    assert [flood.times("a", at) for at in (5.0, 5.1, 5.9, 6.0, 6.5, 9.0)] == [1, 0, 0, 3, 0, 2]
    assert flood.times("b", 5.2) == 1


def test_some_are_said_at_once() -> None:
    flood = Flood(3)
    assert [flood.times("a", 0.0) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert [flood.times("a", 1.0) for _ in range(2)] == [3, 0]
    assert [flood.times("a", 60.0) for _ in range(4)] == [2, 1, 1, 0]


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5))
def test_none_is_lost_and_no_more_are_said_than_there_is_room_for(
    waits: list[float], burst: int
) -> None:
    flood, now, said, lines = Flood(burst), 0.0, 0, 0
    for wait in waits:
        now += wait
        times = flood.times("a", now)
        said += times
        lines += times > 0
    assert lines <= burst + now + 1e-6
    assert said + flood.times("a", now + burst + 1) == len(waits) + 1
