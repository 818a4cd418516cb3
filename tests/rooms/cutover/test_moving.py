"""A move from its plan to its end, killed at every statement, and taken back."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.cutover import queries
from mailkeep.cutover.services import Cutover
from mailkeep.cutover.types import Gate, Pace, State
from mailkeep.events import audit
from mailkeep.events import tables as event_tables
from mailkeep.mail import bodies, services, shifting
from mailkeep.mail import queries as mail
from mailkeep.mail.types import RouteSettings, Shift, StreamSettings
from mailkeep.providers.types import Claim, ClaimKind, OutcomeKind
from mailkeep.store.database import Database, Tx

BY = "key_operator"
QUICK = Pace(shares=(0.5, 1.0), dwell=10, patience=20, rest=60, least=1)


class Killed(BaseException):
    """The process is gone."""


async def _shares(database: Database) -> dict[str, float]:
    async with database.read() as tx:
        found = await shifting.shifts(tx)
    return {name: one.share for name, (one,) in found.items()}


async def _through(house: Any, steps: int = 40) -> None:
    """Mail comes in and the move goes on."""
    for _ in range(steps):
        for stream in house.streams:
            await house.accept(stream, 4)
        await house.carry()
        await house.cutover.step()
        if (await house.view()).state is State.MOVED:
            return
        house.clock.advance(11)


async def test_every_stream_moves_in_its_turn_and_the_weights_say_so(house: Any) -> None:
    view = await house.begin(QUICK)
    assert [one.stream for one in view.streams] == ["bulk", "alert", "recovery"]
    await house.cutover.step()
    assert await _shares(house.database) == {"bulk": 0.5}
    await _through(house)
    view = await house.view()
    assert view.state is State.MOVED
    assert await _shares(house.database) == dict.fromkeys(house.streams, 1.0)
    new = await house.accept("alert", 10)
    await house.carry()
    assert {by for one in new for by in house.taken[one]} == {"b"}
    async with house.database.write() as tx:
        assert (await house.cutover.finish(tx, view.id, by=BY)).state is State.FINISHED
        assert await queries.live(tx) is None
    assert not house.twice()


async def test_it_moves_on_after_a_kill_at_any_statement(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies in the middle leaves the weights and the row of the step as they were, both."""
    run, left = Tx.run, [0]

    async def mortal(tx: Tx, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return await run(tx, *args, **options)

    await house.begin(QUICK)
    kills = 0
    for at in range(200):
        for stream in house.streams:
            await house.accept(stream, 2)
        await house.carry()
        left[0] = at % 10 + 1
        monkeypatch.setattr(Tx, "run", mortal)
        try:
            await house.cutover.step()
        except Killed:
            kills += 1
        monkeypatch.setattr(Tx, "run", run)
        house.open()
        view = await house.view()
        moved = {one.stream: view.share(one) for one in view.streams if one.step >= 0}
        assert await _shares(house.database) == moved
        if view.state is State.MOVED:
            break
        house.clock.advance(11)
    assert (await house.view()).state is State.MOVED
    assert kills > 5
    await house.settle()
    assert not house.twice()
    async with house.database.read() as tx:
        assert await audit.verify(tx) is None


@pytest.mark.parametrize("act", ["start", "now", "pause", "resume", "back"])
async def test_what_a_person_does_is_done_whole_or_not_at_all(
    house: Any, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    database, cutover = house.database, house.cutover
    async with database.write() as tx:
        plan = await cutover.plan(tx, "a", "b", [], QUICK, by=BY)
    if act not in {"start", "now"}:
        async with database.write() as tx:
            await cutover.start(tx, plan.id, by=BY)
        await cutover.step()
    if act == "resume":
        async with database.write() as tx:
            await cutover.pause(tx, plan.id, by=BY)
    before, run = (await _shares(database), (await house.view()).state), Tx.run

    async def do(tx: Tx) -> Any:
        if act == "now":
            return await cutover.now(tx, "a", "b", by=BY, reason="it fell", since=0)
        if act == "back":
            return await cutover.back(tx, plan.id, by=BY, reason="no")
        return await getattr(cutover, act)(tx, plan.id, by=BY)

    killed_at = 0
    while True:
        killed_at += 1
        left = [killed_at]

        async def mortal(tx: Tx, *args: Any, _left: list[int] = left, **options: Any) -> Any:
            _left[0] -= 1
            if _left[0] == 0:
                raise Killed
            return await run(tx, *args, **options)

        monkeypatch.setattr(Tx, "run", mortal)
        try:
            async with database.write() as tx:
                await do(tx)
            monkeypatch.setattr(Tx, "run", run)
            break
        except Killed:
            monkeypatch.setattr(Tx, "run", run)
            assert (await _shares(database), (await house.view()).state) == before
    assert killed_at > 2
    assert (await _shares(database), (await house.view()).state) != before


async def test_a_bouncing_target_is_left_and_mail_goes_the_old_way(house: Any) -> None:
    house.bounces = lambda job, _to: job.provider == "b"
    await house.begin(msgspec.structs.replace(QUICK, dwell=1000, patience=2000))
    for _ in range(30):
        await house.accept("bulk", 20)
        await house.carry()
        await house.cutover.step()
        house.clock.advance(5)
    view = await house.view()
    (bulk,) = [one for one in view.streams if one.stream == "bulk"]
    assert bulk.backs >= 1
    assert "more of its mail fails" in bulk.why
    if view.share(view.streams[0]) == 0:
        new = await house.accept("bulk", 10)
        await house.carry()
        assert {by for one in new for by in house.taken[one]} == {"a"}


async def test_a_target_that_stays_bad_is_given_up_and_a_person_asked(house: Any) -> None:
    house.bounces = lambda job, _to: job.provider == "b"
    await house.begin(msgspec.structs.replace(QUICK, dwell=1000, patience=2000, rest=5))
    for _ in range(120):
        await house.accept("bulk", 20)
        await house.carry()
        await house.cutover.step()
        if (await house.view()).state is State.PAUSED:
            break
        house.clock.advance(5)
    view = await house.view()
    assert view.state is State.PAUSED
    assert "taken back 2 times" in view.why


async def test_one_that_refuses_our_account_is_left_at_once(house: Any) -> None:
    await house.begin(QUICK)
    await house.cutover.step()
    house.answer = lambda job: OutcomeKind.SUSPENDED if job.provider == "b" else None
    ids = await house.accept("bulk", 20)
    await house.carry()
    await house.cutover.step()
    view = await house.view()
    assert view.streams[0].backs == 1
    assert "refuses our account" in view.streams[0].why
    await house.settle()
    assert {by for one in ids for by in house.taken[one]} == {"a"}


async def test_an_old_provider_that_is_suspended_hurries_the_move(house: Any) -> None:
    await house.begin(QUICK)
    await house.cutover.step()
    house.answer = lambda job: OutcomeKind.SUSPENDED if job.provider == "a" else None
    await house.accept("alert", 20)
    await house.carry()
    await house.cutover.step()
    assert await _shares(house.database) == dict.fromkeys(house.streams, 1.0)
    assert (await house.view()).state is State.MOVED


async def test_now_works_with_the_old_provider_cut_off(house: Any, clock: ManualClock) -> None:
    ids = await house.accept("alert", 20)
    await house.carry()
    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=0)
        done = await house.cutover.now(tx, "a", "b", by=BY, reason="stolen", since=0)
    assert done.streams == ("recovery", "alert", "bulk")
    await house.settle()
    assert all(house.taken[one][-1] == "b" for one in ids)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="cut off"):
            await house.cutover.back(tx, done.id, by=BY, reason="again")
        await services.restore(house.database, tx, "a", by=BY, reason="well")
        await house.cutover.back(tx, done.id, by=BY, reason="well")
    assert await _shares(house.database) == {}


async def test_now_moves_retries_and_leaves_what_the_old_one_may_have(house: Any) -> None:
    house.answer = lambda job: (
        OutcomeKind.AMBIGUOUS if job.stream == "alert" else OutcomeKind.DEFERRED
    )
    unsure = await house.accept("alert", 1)
    refused = await house.accept("bulk", 5)
    await house.carry()
    house.answer = lambda _job: None
    async with house.database.write() as tx:
        done = await house.cutover.now(tx, "a", "b", by=BY, reason="it fell", since=0)
    assert done.retries == 5
    await house.carry()
    assert {house.taken[one][0] for one in refused} == {"b"}
    assert unsure[0] not in house.taken  # its provider may yet tell
    await house.settle()
    assert house.taken[unsure[0]] == ["b"]


async def test_now_sends_again_what_nobody_saw_arrive_and_rests_the_old_one(house: Any) -> None:
    house.bounces = lambda _job, _to: False
    ids = await house.accept("alert", 6)
    claims, house.claims = house.claims, _Mute()
    await house.carry()
    house.claims = claims
    async with house.database.write() as tx:
        done = await house.cutover.now(tx, "a", "b", by=BY, reason="it fell", since=0)
        assert "a" in await mail.resting(tx)
    assert done.again == 6
    await house.settle()
    assert {tuple(house.taken[one]) for one in ids} == {("a", "b")}
    async with house.database.write() as tx:
        await house.cutover.back(tx, done.id, by=BY, reason="it stands")
        assert await mail.resting(tx) == {}


class _Mute:
    """No webhook comes."""

    async def take(self, _provider: str, _found: object) -> int:
        return 0


async def test_back_again_and_forth_the_last_word_counts(house: Any) -> None:
    async def now(source: str, target: str) -> None:
        house.clock.advance(1)
        async with house.database.write() as tx:
            live = await queries.live(tx)
            if live is not None:
                await house.cutover.finish(tx, live.id, by=BY)
            for one in ("a", "b", "c"):
                await services.unrest_provider(house.database, tx, one, by=BY, reason="x")
            await house.cutover.now(tx, source, target, by=BY, reason="x", since=tx.now)

    for source, target in (("a", "b"), ("b", "c"), ("c", "a"), ("a", "b"), ("b", "a"), ("a", "b")):
        await now(source, target)
        ids = await house.accept("alert", 5)
        await house.settle()
        assert {by for one in ids for by in house.taken[one]} == {target}


async def test_a_late_bounce_of_the_old_one_is_understood(house: Any) -> None:
    house.bounces = lambda _job, _to: False
    (one,) = await house.accept("alert", 1)
    claims, house.claims = house.claims, _Mute()
    await house.carry()
    house.claims = claims
    await house.begin(QUICK)
    await _through(house)
    bounce = Claim(
        *("a", "late", ClaimKind.BOUNCED, None, one, None, house.clock.now(), "", "signature")
    )
    assert await house.claims.take("a", [bounce]) == 1
    async with house.database.read() as tx:
        assert await mail.statuses(tx, [one]) == {one: "bounced"}


async def test_bulk_is_kept_from_whom_it_bounced_and_other_mail_is_not(house: Any) -> None:
    """The old one's own list held such mail back; the new one has none."""
    house.bounces = lambda _job, _to: True
    await house.accept("bulk", 3)
    await house.carry()
    house.bounces = lambda _job, _to: False
    async with house.database.read() as tx:
        assert await shifting.carried_over(tx, "a") == 3
    await house.begin(QUICK)
    await house.cutover.step()
    async with house.database.write() as tx:
        await shifting.shift(
            house.database, tx, house.streams["alert"], "a", "b", 1.0, by=BY, reason="x"
        )
    house.accepted = 0  # the same people again
    bulk = await house.accept("bulk", 3)
    house.accepted = 0
    alert = await house.accept("alert", 3)
    await house.settle()
    assert not house.taken.keys() & set(bulk)
    assert {house.taken[one][0] for one in alert} == {"b"}
    async with house.database.read() as tx:
        assert set((await mail.statuses(tx, bulk)).values()) == {"given_up"}


async def test_a_plan_is_for_a_day_and_what_failed_stops_it(house: Any) -> None:
    bad = [Gate("dns.dkim", "failed", "there is no key.", "publish it")]
    async with house.database.write() as tx:
        plan = await house.cutover.plan(tx, "a", "b", bad, QUICK, by=BY)
        with pytest.raises(Conflict, match="there is no key"):
            await house.cutover.start(tx, plan.id, by=BY)
    house.clock.advance(DAY // 1_000_000 + 1)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="older than a day"):
            await house.cutover.start(tx, plan.id, by=BY, anyway=True)
        plan = await house.cutover.plan(tx, "a", "b", bad, QUICK, by=BY)
        assert (await house.cutover.start(tx, plan.id, by=BY, anyway=True)).state is State.MOVING


async def test_one_move_at_a_time(house: Any) -> None:
    await house.begin(QUICK)
    async with house.database.write() as tx:
        plan = await house.cutover.plan(tx, "a", "c", [], QUICK, by=BY)
        with pytest.raises(Conflict, match="from a to b is under way"):
            await house.cutover.start(tx, plan.id, by=BY)


async def test_what_stays_where_it_is_paused_goes_on_anew(house: Any) -> None:
    view = await house.begin(QUICK)
    await house.cutover.step()
    async with house.database.write() as tx:
        await house.cutover.pause(tx, view.id, by=BY)
    await _through(house, 5)
    assert await _shares(house.database) == {"bulk": 0.5}
    async with house.database.write() as tx:
        await house.cutover.resume(tx, view.id, by=BY)
        with pytest.raises(Conflict, match="moving"):
            await house.cutover.finish(tx, view.id, by=BY)
    await _through(house)
    assert (await house.view()).state is State.MOVED


async def test_weights_are_the_settings_again_once_they_say_the_same(house: Any) -> None:
    await house.begin(QUICK)
    await _through(house)
    async with house.database.write() as tx:
        view = await queries.live(tx)
        assert view is not None
        await house.cutover.finish(tx, view.id, by=BY)
    await house.cutover.step()
    assert len(await _shares(house.database)) == 3  # the settings still say a
    routes = (RouteSettings("a", 0), RouteSettings("b"), RouteSettings("c", 0))
    house.streams = {
        name: msgspec.structs.replace(one, routes=routes) for name, one in house.streams.items()
    }
    house.open()
    await house.cutover.step()
    assert await _shares(house.database) == {}


async def test_every_act_is_on_the_log_and_in_the_audit_chain(house: Any) -> None:
    view = await house.begin(QUICK)
    await house.cutover.step()
    async with house.database.write() as tx:
        await house.cutover.back(tx, view.id, by=BY, reason="changed our mind")
    a, e = event_tables.audit.c, event_tables.events.c
    async with house.database.read() as tx:
        acts = [row["act"] for row in await tx.all(select(a.act).order_by(a.number))]
        kinds = [row["kind"] for row in await tx.all(select(e.kind).order_by(e.id))]
    assert acts == [
        *("plan_cutover", "cutover", "shift_routes", "shift_routes", "cutover"),
    ]
    for kind in ("cutover.started", "cutover.stepped", "cutover.changed", "mail.routes_shifted"):
        assert kind in kinds


async def test_recovery_takes_its_routes_as_they_are_now(database: Database) -> None:
    stream = StreamSettings(
        "recovery", 0, (RouteSettings("a"), RouteSettings("b", 0), RouteSettings("c")), secret=True
    )
    async with database.write() as tx:
        await shifting.shift(database, tx, stream, "a", "b", 1.0, by=BY, reason="x")
        found = {one.provider: one.weight for one in await shifting.routes(tx, stream)}
    assert found == {"a": 0.0, "b": 1.0, "c": 1.0}


async def test_a_shift_is_between_routes_of_the_stream(database: Database) -> None:
    stream = StreamSettings("bulk", 9, (RouteSettings("a"), RouteSettings("b", 0)))
    async with database.write() as tx:
        for source, target, share in (("a", "x", 0.5), ("x", "b", 0.5), ("a", "a", 0.5)):
            with pytest.raises(Invalid):
                await shifting.shift(database, tx, stream, source, target, share, by=BY, reason="")
        with pytest.raises(Invalid):
            await shifting.shift(database, tx, stream, "a", "b", 1.5, by=BY, reason="")
        assert await shifting.shifts(tx) == {}
        await shifting.shift(database, tx, stream, "a", "b", 0.25, by=BY, reason="")
        assert await shifting.shifts(tx) == {"bulk": [Shift("a", "b", 0.25)]}


def _without(house: Any, stream: str, provider: str) -> None:
    """The settings no longer give a stream that route; "": they have no such stream any more."""
    known = house.streams[stream]
    routes = tuple(one for one in known.routes if one.provider != provider)
    left = {name: one for name, one in house.streams.items() if name != stream}
    changed = msgspec.structs.replace(known, routes=routes)
    house.streams = left if not provider else {stream: changed, **left}
    house.open()


@pytest.mark.parametrize("provider", ["", "a", "b"])
async def test_what_the_settings_no_longer_have_is_taken_back_all_the_same(
    house: Any, provider: str
) -> None:
    view = await house.begin(QUICK)
    await house.cutover.step()
    _without(house, "bulk", provider)
    async with house.database.write() as tx:
        back = await house.cutover.back(tx, view.id, by=BY, reason="they changed it")
    assert back.state is State.RETURNED
    assert await _shares(house.database) == {}


@pytest.mark.parametrize("provider", ["", "a"])
async def test_a_move_passes_over_what_the_settings_have_taken_out_of_it(
    house: Any, provider: str
) -> None:
    await house.begin(QUICK)
    await house.cutover.step()
    _without(house, "bulk", provider)
    await _through(house)
    assert (await house.view()).state is State.MOVED
    shares = await _shares(house.database)
    assert (shares["alert"], shares["recovery"]) == (1.0, 1.0)


async def test_a_move_whose_target_lost_a_route_waits_for_a_person_and_hurries_the_rest(
    house: Any,
) -> None:
    view = await house.begin(QUICK)
    _without(house, "bulk", "b")
    await house.cutover.step()
    found = await house.view()
    assert (found.state, found.why) == (State.PAUSED, "b is no route of bulk any more")
    async with house.database.write() as tx:
        await house.cutover.resume(tx, view.id, by=BY)
        await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=0)
    await house.cutover.step()
    assert await _shares(house.database) == {"alert": 1.0, "recovery": 1.0}


async def test_a_second_emergency_takes_the_rest_of_the_first_one_along(house: Any) -> None:
    """b was no route of alert: a went on with it, at rest, until c took it over."""
    _without(house, "alert", "b")
    async with house.database.write() as tx:
        first = await house.cutover.now(tx, "a", "b", by=BY, reason="a fell", since=tx.now)
        assert first.left_out == ("alert",)
        second = await house.cutover.now(tx, "a", "c", by=BY, reason="b fell", since=tx.now)
        assert "a" in await mail.resting(tx)
        await house.cutover.back(tx, second.id, by=BY, reason="a stands")
        assert await mail.resting(tx) == {}


async def test_now_says_what_speaks_against_the_new_one(house: Any) -> None:
    async with house.database.write() as tx:
        await bodies.doubt(tx, ["b"])
        done = await house.cutover.now(tx, "a", "b", by=BY, reason="it fell", since=tx.now)
    assert "b is under suspicion." in done.warnings


async def test_a_plan_counts_no_route_that_is_cut_off(house: Any) -> None:
    rules = msgspec.structs.replace(house.cutover.house, recovery="recovery")
    cutover = Cutover(house.database, rules)
    async with house.database.write() as tx:
        plan = await cutover.plan(tx, "a", "b", [], QUICK, by=BY)
        assert plan.failed == ()
        await services.cut_off(house.database, tx, "c", by=BY, reason="stolen", since=0)
        plan = await cutover.plan(tx, "a", "b", [], QUICK, by=BY)
    assert [one.id for one in plan.failed] == ["cutover.two_routes"]


async def test_a_move_stops_before_who_shares_a_party_with_one_that_is_cut_off(house: Any) -> None:
    rules = msgspec.structs.replace(house.cutover.house, independent=lambda _a, _b: False)
    house.cutover = Cutover(house.database, rules)
    await house.begin(QUICK)
    await house.cutover.step()
    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=0)
    await house.cutover.step()
    view = await house.view()
    assert view.state is State.PAUSED
    assert await _shares(house.database) == {"bulk": 0.5}


async def test_there_and_back_leaves_the_word_to_the_settings(house: Any) -> None:
    """Else who gives b weight a year later gets none, and nobody sees why."""
    for source, target in (("a", "b"), ("b", "a")):
        house.clock.advance(1)
        async with house.database.write() as tx:
            for one in "ab":
                await services.unrest_provider(house.database, tx, one, by=BY, reason="x")
            done = await house.cutover.now(tx, source, target, by=BY, reason="x", since=tx.now)
            await house.cutover.finish(tx, done.id, by=BY)
    assert await _carried(house, "alert") == {"a": 1.0, "b": 0.0, "c": 0.0}
    await house.cutover.step()
    async with house.database.read() as tx:
        assert await shifting.shifts(tx) == {}
    routes = (RouteSettings("a"), RouteSettings("b"), RouteSettings("c", 0))
    house.streams = {
        name: msgspec.structs.replace(one, routes=routes) for name, one in house.streams.items()
    }
    house.open()
    assert await _carried(house, "alert") == {"a": 1.0, "b": 1.0, "c": 0.0}


async def _carried(house: Any, stream: str) -> dict[str, float]:
    async with house.database.read() as tx:
        found = await shifting.routes(tx, house.streams[stream])
    return {one.provider: one.weight for one in found}


@pytest.mark.parametrize("fell", ["cut", "doubted", "stands"])
async def test_a_thief_at_the_old_one_keeps_bulk_from_nobody(house: Any, fell: str) -> None:
    """Just before it is found out it says that everybody complained."""
    house.bounces = lambda _job, to: to.startswith("user1@")
    await house.accept("bulk", 4)
    await house.carry()  # what bounced long before was no thief's word
    house.clock.advance(8 * DAY / SECOND)
    house.bounces = lambda _job, _to: True
    house.accepted = 0
    await house.accept("bulk", 4)
    await house.carry()
    house.bounces = lambda _job, _to: False
    await house.begin(QUICK)
    await house.cutover.step()
    async with house.database.write() as tx:
        if fell == "cut":
            await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=tx.now)
        if fell == "doubted":
            await bodies.doubt(tx, ["a"])
        kept_from = await shifting.carried_over(tx, "a")
    house.accepted = 0
    ids = await house.accept("bulk", 4)
    await house.settle()
    suppressed = [one for one in ids if one not in house.taken]
    assert len(suppressed) == kept_from == (4 if fell == "stands" else 1)


async def _finished(house: Any) -> None:
    """Bulk of one address in four bounced at a; then all of it goes over b, and the settings say
    the same."""
    house.bounces = lambda _job, to: to.startswith("user1@")
    await house.accept("bulk", 4)
    await house.carry()
    house.bounces = lambda _job, _to: False
    async with house.database.write() as tx:
        done = await house.cutover.now(tx, "a", "b", by=BY, reason="x", since=tx.now)
        await house.cutover.finish(tx, done.id, by=BY)
    _weights(house, a=0, b=1)
    await house.cutover.step()


def _weights(house: Any, **weights: float) -> None:
    """The settings give these weights; a provider that is not named has no route."""
    routes = tuple(RouteSettings(name, weight) for name, weight in weights.items())
    house.streams = {
        name: msgspec.structs.replace(one, routes=routes) for name, one in house.streams.items()
    }
    house.open()


async def _kept_from(house: Any, stream: str = "bulk") -> int:
    """How many of four get no mail: the first of them bounced at a."""
    house.accepted = 0
    ids = await house.accept(stream, 4)
    await house.settle()
    return sum(one not in house.taken for one in ids)


async def test_what_bounced_at_the_old_one_stays_away_when_the_settings_say_the_move(
    house: Any,
) -> None:
    """The new one has no list of its own yet: all who are dead would bounce there on one day."""
    await _finished(house)
    async with house.database.read() as tx:
        assert await shifting.shifts(tx) == {}
        (kept,) = await shifting.former(tx)
    assert (kept.stream, kept.source) == ("bulk", "a"), "nobody else is kept from anything"
    assert kept.until == house.clock.now() + shifting.FORMER
    assert await _carried(house, "bulk") == {"a": 0.0, "b": 1.0}
    assert (await _kept_from(house), await _kept_from(house, "alert")) == (1, 0)
    _weights(house, b=1, c=0)  # its route is taken out as well
    await house.cutover.step()
    assert await _kept_from(house) == 1


async def test_it_ends_after_its_time_and_when_somebody_goes_back(house: Any) -> None:
    await _finished(house)
    house.clock.advance(shifting.FORMER / SECOND - 60)
    await house.cutover.step()
    assert await _kept_from(house) == 1
    house.clock.advance(60)
    await house.cutover.step()
    assert await _kept_from(house) == 0


async def test_who_gives_the_old_one_weight_again_is_told_by_its_own_list(house: Any) -> None:
    await _finished(house)
    _weights(house, a=1, b=0)
    await house.cutover.step()
    async with house.database.read() as tx:
        assert await shifting.former(tx) == []
    assert await _kept_from(house) == 0


async def test_what_a_thief_said_there_is_kept_from_nobody_after_the_move_either(
    house: Any,
) -> None:
    await _finished(house)
    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=tx.now)
    assert await _kept_from(house) == 0


async def test_a_second_move_after_it_keeps_bulk_from_who_bounced_at_either(house: Any) -> None:
    await _finished(house)
    _weights(house, a=0, b=1, c=0)
    house.bounces = lambda _job, to: to.startswith("user2@")
    house.accepted = 0
    await house.accept("bulk", 4)
    await house.carry()
    house.bounces = lambda _job, _to: False
    async with house.database.write() as tx:
        for one in "bc":
            await services.unrest_provider(house.database, tx, one, by=BY, reason="x")
        await house.cutover.now(tx, "b", "c", by=BY, reason="x", since=tx.now)
    assert await _carried(house, "bulk") == {"a": 0.0, "b": 0.0, "c": 1.0}
    assert await _kept_from(house) == 2


async def test_what_came_to_speak_against_a_move_since_its_plan_stops_its_start(house: Any) -> None:
    """A plan is good for a day: long enough for the third route to be cut off."""
    rules = msgspec.structs.replace(house.cutover.house, recovery="recovery")
    routes = (RouteSettings("a"), RouteSettings("b", 0), RouteSettings("c", 0))
    house.cutover = Cutover(house.database, msgspec.structs.replace(rules, streams=_all(routes)))
    async with house.database.write() as tx:
        plan = await house.cutover.plan(tx, "a", "b", [], QUICK, by=BY)
        assert plan.failed == ()
        await services.cut_off(house.database, tx, "c", by=BY, reason="stolen", since=0)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="Without a no two routes of recovery are independent"):
            await house.cutover.start(tx, plan.id, by=BY)
    for routes, words in (
        ((RouteSettings("a"), RouteSettings("c", 0)), "b is no route of alert"),
        ((RouteSettings("a"), RouteSettings("b", 0), RouteSettings("c", 0)), "since the plan"),
    ):
        more = {"news": StreamSettings("news", 9, routes)} if "plan" in words else {}
        streams = _all(routes) | more
        house.cutover = Cutover(
            house.database, msgspec.structs.replace(rules, streams=streams, recovery="")
        )
        async with house.database.write() as tx:
            with pytest.raises(Conflict, match=words):
                await house.cutover.start(tx, plan.id, by=BY)
    async with house.database.write() as tx:
        assert (await house.cutover.start(tx, plan.id, by=BY, anyway=True)).state is State.MOVING


def _all(routes: tuple[RouteSettings, ...]) -> dict[str, StreamSettings]:
    return {
        name: StreamSettings(name, number, routes, secret=name == "recovery")
        for number, name in enumerate(("recovery", "alert", "bulk"))
    }
