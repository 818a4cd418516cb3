"""What playbooks go on with by themselves: after a failure, after a change."""

from typing import Any

import pytest
from sqlalchemy import update

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response import queries, tables
from mailkeep.response.types import ActionState, PlaybookSettings
from mailkeep.store.database import Database

from .conftest import COMPROMISED, SILENT, Stage

BY = "key_operator"
CUTS = (PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",)),)


async def _out(stage: Stage) -> tuple[set[str], set[str]]:
    """(cut off, at rest)."""
    async with stage.database.read() as tx:
        return set(await mail.cut(tx)), set(await mail.resting(tx))


async def _state(stage: Stage, name: str) -> ActionState:
    """Of the newest incident's action."""
    async with stage.database.read() as tx:
        found = await queries.action(tx, (await stage.all())[0].id, name)
    assert found is not None
    return found.state


async def _work(stage: Stage) -> None:
    while await stage.response.work():
        pass
    await stage.hear()


@pytest.mark.parametrize(("detector", "wait"), [("honey", 0), ("refusal", 60)])
async def test_what_failed_is_tried_again_on_new_evidence(
    database: Database,
    keys: KeyRing,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    detector: str,
    wait: int,
) -> None:
    """Of another kind at once, of the same after a minute."""
    stage = Stage(database, keys, playbooks=CUTS)

    async def broken(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no")

    await stage.signal({COMPROMISED: 8.5})
    with monkeypatch.context() as patch:
        patch.setattr(services, "cut_off", broken)
        await _work(stage)
    assert await _state(stage, "cut_provider") is ActionState.FAILED
    await stage.signal({COMPROMISED: 8.5})
    await _work(stage)
    assert await _out(stage) == (set(), set())
    clock.advance(wait)
    await stage.signal({COMPROMISED: 8.5}, detector=detector)
    await _work(stage)
    assert await _out(stage) == ({"a"}, set())
    assert await _state(stage, "cut_provider") is ActionState.APPLIED


async def test_what_a_person_began_and_failed_is_theirs_to_begin_again(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, playbooks=CUTS)
    await stage.signal({COMPROMISED: 8.5}, own=False)
    async with database.write() as tx:
        await tx.run(update(tables.actions).values(by=BY, state=ActionState.FAILED.value))
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    await _work(stage)
    assert await _out(stage) == (set(), set())


async def _close(stage: Stage, incident: str) -> None:
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, incident, "false alarm", by=BY)


async def _pass(stage: Stage, clock: ManualClock, hours: int) -> None:
    clock.advance(hours * 3600)
    await stage.incidents.tick()
    await stage.hear()


async def _rest(stage: Stage, provider: str, reason: str = "by hand") -> None:
    async with stage.database.write() as tx:
        await services.rest_provider(
            stage.database, tx, provider, by=BY, reason=reason, since=tx.now
        )


async def _unrest(stage: Stage, provider: str) -> None:
    async with stage.database.write() as tx:
        await services.unrest_provider(stage.database, tx, provider, by=BY, reason="by hand")
    await stage.hear()


async def test_a_rest_ends_with_the_incident_that_a_person_closes(stage: Stage) -> None:
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    assert await _out(stage) == (set(), {"a"})
    incident = (await stage.only()).id
    await _close(stage, incident)
    await stage.hear()
    assert await _out(stage) == (set(), set())
    assert await _state(stage, "rest_provider") is ActionState.UNDONE
    assert (await stage.lines(incident))[-1] == (
        "action",
        "Let the provider rest: taken back; a carries mail again",
    )


async def test_what_was_begun_is_not_done_after_its_reason(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    await _close(stage, (await stage.only()).id)  # begun, and not done yet
    await stage.hear()
    await _work(stage)
    assert await _out(stage) == (set(), set())
    assert await _state(stage, "rest_provider") is ActionState.FAILED
    clock.advance(2 * 3600)
    await stage.signal({SILENT: 8.0}, detector="other")
    await _pass(stage, clock, 20)  # this one goes by itself, before it is done
    await _work(stage)
    assert await _out(stage) == (set(), set())
    assert await _state(stage, "rest_provider") is ActionState.FAILED
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    assert await _out(stage) == (set(), {"a"})


async def test_a_rest_that_outlived_its_incident_ends_with_the_next_silence(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    await _close(stage, (await stage.only()).id)
    clock.advance(1)
    # The next one is there before anybody hears that the first was closed.
    await stage.signal({SILENT: 8.0}, detector="other")
    await _work(stage)
    assert len(await stage.all()) == 2
    assert await _out(stage) == (set(), {"a"})
    await _pass(stage, clock, 20)
    assert await _out(stage) == (set(), set())


async def test_a_rest_by_hand_after_the_playbooks_is_not_the_playbooks_to_end(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    await _unrest(stage, "a")
    await _rest(stage, "a")
    await _pass(stage, clock, 20)
    assert not any(one.open for one in (await stage.only()).opinions)
    assert await _out(stage) == (set(), {"a"})


async def test_what_waited_for_a_second_route_is_done_when_there_is_one(stage: Stage) -> None:
    await _rest(stage, "b")
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    assert await _out(stage) == (set(), {"b"})
    waits = [kind for kind, _ in await stage.lines((await stage.only()).id)].count("waits")
    assert waits == 1
    await _unrest(stage, "b")
    await _work(stage)
    assert await _out(stage) == (set(), {"a"})


async def test_what_failed_for_want_of_a_route_is_done_when_one_is_restored(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, playbooks=CUTS)
    await stage.signal({COMPROMISED: 8.5})
    async with database.write() as tx:
        await services.cut_off(database, tx, "b", by=BY, reason="x", since=tx.now)
    await _work(stage)
    assert await _state(stage, "cut_provider") is ActionState.FAILED
    async with database.write() as tx:
        await services.restore(database, tx, "b", by=BY, reason="x")
    await stage.hear()
    await _work(stage)
    assert await _out(stage) == ({"a"}, set())


async def test_whoever_gave_a_provider_back_is_not_overruled_by_that(
    database: Database, keys: KeyRing
) -> None:
    """Nor by the signs after it: whoever makes many has nothing cut off again by itself."""
    stage = Stage(database, keys, playbooks=CUTS)
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by=BY, reason="x", since=tx.now)
    await stage.signal({COMPROMISED: 8.5})
    async with database.write() as tx:
        await services.restore(database, tx, "a", by=BY, reason="x")
    await stage.hear()
    await _work(stage)
    assert await _out(stage) == (set(), set())
    for _ in range(3):
        await stage.signal({COMPROMISED: 8.9})
        await _work(stage)
    assert "cut_provider" not in await _idle(stage, (await stage.only()).id)
    assert await _out(stage) == (set(), set())


async def test_what_is_proposed_about_a_provider_that_stands_again_says_so(stage: Stage) -> None:
    """It was cut off and distrusted when its incident was told of: of a suspect that carries mail
    again, nothing may go on saying that it is dealt with."""
    database = stage.database
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by=BY, reason="x", since=tx.now)
        await services.distrust(database, tx, "a", by=BY, reason="x")
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    held = {"cut_provider", "distrust_events"}
    assert held <= await _idle(stage, incident)
    async with database.write() as tx:
        await services.restore(database, tx, "a", by=BY, reason="x")
    await stage.hear()
    assert held & await _idle(stage, incident) == {"distrust_events"}
    async with database.write() as tx:
        await services.trust(database, tx, "a", by=BY, reason="x")
    await stage.hear()
    assert not held & await _idle(stage, incident)
    async with database.write() as tx:
        await services.distrust(database, tx, "a", by=BY, reason="x")
    await stage.hear()
    assert held & await _idle(stage, incident) == {"distrust_events"}


async def _idle(stage: Stage, incident: str) -> set[str]:
    """What is proposed and would change nothing."""
    async with stage.database.read() as tx:
        rows = await queries.actions(tx, incident)
    return {name for name, row in rows.items() if row.preview.idle}
