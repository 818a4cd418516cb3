"""How far somebody came with an account: judged from what is kept, whoever it was."""

import pytest

from mailkeep.accounts.histories import Altered, Stay
from mailkeep.accounts.types import ChangeKind, ChangeState
from mailkeep.incidents.harm import By, Harm, Reached, judge
from mailkeep.recovery.stories import Story

HOME = Stay("home", 10, None, counts=True)


def _story(**what: object) -> Story:
    plain = {"asked_at": 100, "half": False, "stopped": False, "denied_at": None}
    return Story(**{**plain, "completed_at": None, "browsers": frozenset(), **what})


def _done(*browsers: str, **what: object) -> Story:
    return _story(**{"half": True, "completed_at": 200, "browsers": frozenset(browsers), **what})


def _judge(
    *stories: Story, stays: tuple[Stay, ...] = (HOME,), changes: object = (), ours: bool = True
) -> Harm:
    return judge("acc_1", stories, stays, changes, ours=ours)


@pytest.mark.parametrize(
    ("stories", "reached"),
    [
        ([_story()], Reached.REQUESTED),
        ([_story(), _story(half=True)], Reached.HALF),
        ([_story(half=True, stopped=True), _story()], Reached.STOPPED),
        ([_done("home"), _story(stopped=True)], Reached.COMPLETED),
        ([_done("home"), _done("thief")], Reached.LOST),
    ],
)
def test_the_worst_of_it_counts(stories: list[Story], reached: Reached) -> None:
    assert _judge(*stories).reached is reached


def test_lost_is_what_was_denied_or_came_from_a_strange_browser() -> None:
    assert _judge(_done("home")).why == ()
    assert _judge(_done("home", denied_at=300)).why == ("denied",)
    assert _judge(_done("thief")).why == ("strange_browser",)
    assert _judge(_done("thief", denied_at=300)).why == ("denied", "strange_browser")
    # Either of two that showed both proofs may have finished it.
    assert _judge(_done("home", "thief")).why == ("strange_browser",)
    # What a denial ended before it was completed lost nothing.
    stopped = _judge(_story(half=True, denied_at=150))
    assert (stopped.reached, stopped.denied_at) == (Reached.HALF, 150)


def test_a_browser_is_known_by_what_came_before() -> None:
    later = Stay("thief", 201, None, counts=True)
    doubted = Stay("thief", 10, 50, counts=False)
    assert _judge(_done("thief"), stays=(HOME, later, doubted)).reached is Reached.LOST
    # Where nothing is kept of who finished it, nothing is said against them.
    assert _judge(_done(), stays=()).reached is Reached.COMPLETED


def test_of_a_user_of_an_application_no_browser_is_known() -> None:
    assert _judge(_done("any"), ours=False).reached is Reached.COMPLETED
    assert _judge(_done("any", denied_at=300), ours=False).reached is Reached.LOST


def test_what_came_afterwards_is_told_with_who_was_there() -> None:
    stays = (
        Stay("home", 10, 195, counts=True),
        Stay("thief", 205, 260, counts=False),
        Stay("home", 250, None, counts=True),
    )
    changes = [
        Altered(ChangeKind.PASSWORD, ChangeState.DONE, at)
        for at in (150, 203, 210, 255, 300)  # before; nobody; the thief; both; the owner
    ]
    found = _judge(_done("thief"), stays=stays, changes=changes)
    assert [(one.at, one.by) for one in found.changes] == [
        *((203, By.UNSEEN), (210, By.STRANGE), (255, By.EITHER), (300, By.KNOWN))
    ]
    assert (found.sessions, found.strange) == (2, 1)
    assert _judge(_story(half=True), stays=stays, changes=changes).changes == ()
