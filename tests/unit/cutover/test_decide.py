"""What a move does next."""

import msgspec
import pytest

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Invalid
from mailkeep.cutover.ahead import ahead, told
from mailkeep.cutover.decide import (
    Back,
    Done,
    Evidence,
    Hurry,
    Pause,
    Step,
    Wait,
    decide,
    missing,
    order,
)
from mailkeep.cutover.gates import CutoverConfiguration, check, gates
from mailkeep.cutover.sequential import Seen
from mailkeep.cutover.types import Pace, State, StreamView, View
from mailkeep.mail.types import RouteSettings, StreamSettings

NOW = 1_000_000 * SECOND
PACE = Pace()
WELL = Seen(200)
ROUTES = (RouteSettings("a"), RouteSettings("b", 0), RouteSettings("c"))


def _view(*steps: int, since: float = 0, **more: object) -> View:
    streams = tuple(
        StreamView(f"s{n}", n, step, NOW - round(since * SECOND)) for n, step in enumerate(steps)
    )
    streams = tuple(msgspec.structs.replace(one, **more) for one in streams)
    return View(
        *("cut_1", "a", "b", State.MOVING, False, "op", NOW, NOW - round(since * SECOND), None),
        *("", PACE, (), streams),
    )


def test_ordinary_mail_moves_first_and_what_opens_accounts_last() -> None:
    streams = [
        StreamSettings("recovery", 0, ROUTES, secret=True),
        StreamSettings("security", 2, ROUTES),
        StreamSettings("confirmation", 1, ROUTES, secret=True),
        StreamSettings("bulk", 9, ROUTES),
        StreamSettings("elsewhere", 3, (RouteSettings("c"), RouteSettings("a", 0))),
    ]
    names = order(streams, "a")
    assert names == ["bulk", "security", "confirmation", "recovery"]
    assert missing(streams, names, "b") == []
    assert missing(streams, ["elsewhere"], "b") == ["elsewhere"]


def test_a_stream_begins_when_a_canary_came_through() -> None:
    view = _view(-1, since=60)
    waits = decide(view, Evidence(canaried=True, arrived=NOW - 61 * SECOND), NOW)
    assert isinstance(waits, Wait)
    assert decide(view, Evidence(canaried=True, arrived=NOW - SECOND), NOW) == Step("s0", 0)
    assert decide(view, Evidence(), NOW) == Step("s0", 0)


def test_a_canary_from_before_the_last_step_of_another_stream_begins_nothing() -> None:
    """The stream before went to all of it just now; nothing is known of that yet."""
    last = len(PACE.shares) - 1
    view = _view(last, -1, since=3600)
    moved = msgspec.structs.replace(view.streams[0], since=NOW - 10 * SECOND)
    view = msgspec.structs.replace(view, streams=(moved, view.streams[1]))
    old = Evidence(canaried=True, arrived=NOW - 60 * SECOND)
    assert isinstance(decide(view, old, NOW), Wait)
    assert decide(view, Evidence(canaried=True, arrived=NOW), NOW) == Step("s1", 0)


def test_what_was_taken_back_is_not_tried_again_on_a_canary_from_before_that() -> None:
    back = _view(-1, since=PACE.rest, backs=1, held_until=NOW)
    view = msgspec.structs.replace(back, started_at=NOW - round(PACE.rest * 3 * SECOND))
    old = Evidence(canaried=True, arrived=NOW - round(PACE.rest * 2 * SECOND))
    assert isinstance(decide(view, old, NOW), Wait)
    assert decide(view, Evidence(canaried=True, arrived=NOW), NOW) == Step("s0", 0)


def test_nothing_hurries_to_who_shares_a_party_with_one_that_was_cut_off() -> None:
    """An owner of both was broken into: the move would carry every secret mail after the thief."""
    tied = Evidence(source_gone=True, tied=True)
    assert decide(_view(1, -1), tied, NOW) == Pause(
        "a is cut off, and who reads there may read at b"
    )


def test_a_stream_of_which_the_target_is_no_route_any_more_asks_a_person() -> None:
    gone = Evidence(no_route=True)
    assert decide(_view(-1), gone, NOW) == Pause("b is no route of s0 any more")
    assert isinstance(decide(_view(-1), Evidence(no_route=True, source_gone=True), NOW), Hurry)


def test_no_canary_for_long_asks_a_person() -> None:
    found = decide(_view(-1, since=PACE.patience), Evidence(canaried=True), NOW)
    assert found == Pause("no canary arrived through b")


def test_a_step_lasts_and_needs_mail_whose_fate_is_known() -> None:
    early = decide(_view(1, since=PACE.dwell - 1), Evidence(WELL, WELL), NOW)
    assert isinstance(early, Wait)
    few = decide(_view(1, since=PACE.dwell), Evidence(Seen(PACE.least - 1), WELL), NOW)
    assert isinstance(few, Wait)
    assert decide(_view(1, since=PACE.dwell), Evidence(WELL, WELL), NOW) == Step("s0", 2)
    assert decide(_view(1, since=PACE.patience), Evidence(Seen(), WELL), NOW) == Step("s0", 2)


def test_a_target_that_says_delivered_of_everything_waits_for_a_canary() -> None:
    """It reports ten thousand deliveries, and nothing came."""
    lies = Evidence(Seen(10_000), WELL, canaried=True, arrived=NOW - 15_000 * SECOND)
    assert isinstance(decide(_view(2, since=PACE.dwell), lies, NOW), Wait)
    assert isinstance(decide(_view(2, since=PACE.patience), lies, NOW), Pause)


def test_a_worse_target_is_left_and_tried_again_a_few_times() -> None:
    worse = Evidence(Seen(20, {"gmail": 30}), Seen(900), families=frozenset({"gmail"}))
    assert decide(_view(2), worse, NOW) == Back("s0", "more of its mail fails over b")
    again = decide(_view(2, backs=PACE.retries), worse, NOW)
    assert isinstance(again, Pause)
    rests = decide(_view(-1, held_until=NOW + 1, why="so"), Evidence(), NOW)
    assert isinstance(rests, Wait)


def test_nothing_more_goes_to_a_target_that_something_is_held_against() -> None:
    assert decide(_view(2), Evidence(held_against="b rests"), NOW) == Pause("b rests")


def test_an_old_one_that_carries_nothing_hurries_the_move() -> None:
    assert isinstance(decide(_view(1, -1), Evidence(source_gone=True), NOW), Hurry)


def test_where_neither_carries_a_person_is_asked() -> None:
    both = Evidence(source_gone=True, target_closed=True)
    assert isinstance(decide(_view(1, -1), both, NOW), Pause)
    assert isinstance(decide(_view(1, -1), Evidence(target_closed=True), NOW), Back)
    assert isinstance(decide(_view(-1), Evidence(target_closed=True), NOW), Pause)


def test_it_is_done_when_all_is_moved() -> None:
    last = len(PACE.shares) - 1
    assert decide(_view(last, last), Evidence(), NOW) == Done()


@pytest.mark.parametrize(
    "pace",
    [
        Pace(shares=()),
        Pace(shares=(0.5,)),
        Pace(shares=(0.5, 0.2, 1.0)),
        Pace(shares=(0.0, 1.0)),
        Pace(dwell=-1),
        Pace(patience=1),
        Pace(false_alarm=0.9),
        Pace(ratio=1.0),
        Pace(borne=0.7),
    ],
)
def test_a_pace_that_leads_nowhere_is_refused(pace: Pace) -> None:
    with pytest.raises(Invalid):
        check(pace)


def _gates(house: CutoverConfiguration, streams: dict[str, StreamSettings]) -> dict[str, str]:
    found = gates(house, streams, ["recovery"], ["bulk"], "a", "b")
    return {one.id: one.state for one in found}


def test_a_move_must_leave_two_independent_routes_for_recovery() -> None:
    streams = {"recovery": StreamSettings("recovery", 0, ROUTES, secret=True)}
    house = CutoverConfiguration(streams, frozenset("abc"), frozenset("b"), "recovery")
    assert _gates(house, streams) == {"cutover.route": "failed"}
    alike = msgspec.structs.replace(house, independent=lambda _a, _b: False)
    assert _gates(alike, streams)["cutover.two_routes"] == "failed"
    blind = msgspec.structs.replace(house, canaried=frozenset())
    assert _gates(blind, streams)["cutover.canary"] == "warning"


def test_a_route_that_is_cut_off_or_rests_is_none_of_the_two_that_recovery_keeps() -> None:
    streams = {"recovery": StreamSettings("recovery", 0, ROUTES, secret=True)}
    house = CutoverConfiguration(streams, frozenset("abc"), frozenset("b"), "recovery")
    found = gates(house, streams, ["recovery"], [], "a", "b", ["c"])
    assert {one.id: one.state for one in found} == {"cutover.two_routes": "failed"}


def test_that_old_and_new_share_a_party_is_said_where_mail_is_secret() -> None:
    bulk = {"bulk": StreamSettings("bulk", 9, ROUTES)}
    secret = {"resets": StreamSettings("resets", 1, ROUTES, secret=True)}
    for streams, said in ((bulk, {}), (secret, {"cutover.tied": "warning"})):
        house = CutoverConfiguration(
            streams, frozenset("abc"), frozenset("b"), independent=lambda _a, _b: False
        )
        found = gates(house, streams, list(streams), [], "a", "b")
        assert {one.id: one.state for one in found} == said


def test_what_lies_ahead_is_what_the_decisions_then_do() -> None:
    """The soonest end is when a move that nothing holds up is over, played out second by second."""
    view = _view(2, -1, since=300)
    found = ahead(view, 4, NOW)
    assert found is not None
    assert found.step_at == NOW + 600 * SECOND
    assert found.patient_at == NOW + round(PACE.patience - 300) * SECOND
    now = NOW
    while not isinstance(move := decide(view, Evidence(target=WELL), now), Done):
        if isinstance(move, Step):
            streams = tuple(
                msgspec.structs.replace(one, step=move.step, since=now)
                if one.stream == move.stream
                else one
                for one in view.streams
            )
            view = msgspec.structs.replace(view, streams=streams)
        else:
            now += SECOND
    assert now == found.done_at


def test_nothing_lies_ahead_of_a_move_that_waits_for_a_person() -> None:
    for state in State:
        view = msgspec.structs.replace(_view(2, -1), state=state)
        assert (ahead(view, 0, NOW) is not None) is (state is State.MOVING)
    rests = _view(-1, held_until=NOW + 60 * SECOND)
    found = ahead(rests, 0, NOW)
    assert found is not None
    assert found.step_at == NOW + 60 * SECOND
    said = told(rests, found, NOW, str)
    assert said == [
        f"The next step of s0 comes at {NOW + 60 * SECOND} at the soonest.",
        f"b carries everything at {found.done_at} at the soonest.",
    ]
