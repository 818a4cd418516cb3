"""Incidents that are one matter: merged, taken and closed together, split off again."""

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.incidents.types import Incident, State
from mailkeep.response import queries
from mailkeep.response.paging.types import Pager
from mailkeep.store.database import Database

from .conftest import COMPROMISED, SILENT, Stage
from .test_approval import Bell

BY = "key_operator"


@pytest.fixture
async def two(database: Database, keys: KeyRing, clock: ManualClock) -> tuple[Stage, Bell]:
    """Two incidents, each about a provider."""
    bell = Bell()
    stage = Stage(database, keys, "abcd", pagers=(Pager("duty", "elsewhere", bell),))
    await stage.signal({COMPROMISED: 8.5}, "a")
    clock.advance(1)
    await stage.signal({SILENT: 8.0}, "b")
    return stage, bell


async def _named(stage: Stage) -> dict[str, Incident]:
    return {one.subject.id: one for one in await stage.all()}


async def _merge(stage: Stage, part: str, into: str) -> None:
    await stage.database.retrying(lambda tx: stage.incidents.merge(tx, part, into, by=BY))


async def test_one_matter_is_taken_paged_and_closed_once(
    two: tuple[Stage, Bell], clock: ManualClock
) -> None:
    stage, bell = two
    while await stage.response.desk.step():
        pass
    a, b = (await _named(stage))["a"].id, (await _named(stage))["b"].id
    await _merge(stage, b, a)
    before = len(bell.rung)
    clock.advance(301)
    await stage.response.desk.step()
    assert len(bell.rung) == before + 1  # the whole is paged again, and not its part
    async with stage.database.write() as tx:
        await stage.incidents.take(tx, a, by=BY)
    named = await _named(stage)
    assert {one.taken_by for one in named.values()} == {BY}
    assert (named["b"].part_of, named["a"].part_of) == (a, None)
    async with stage.database.read() as tx:
        case = await queries.case(tx, stage.response.means, a)
    assert [one.id for one in case.parts] == [b]
    # Each keeps its own actions.
    await stage.response.apply(b, "rest_provider", by=BY)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, a, "all of it was a drill", by=BY)
    assert {one.state for one in (await _named(stage)).values()} == {State.CLOSED}
    acts = [act for who, act in await stage.audited() if who == BY]
    assert (acts.count("merge_incidents"), acts.count("close_incident")) == (1, 2)


async def test_it_is_split_off_and_nothing_is_lost(two: tuple[Stage, Bell]) -> None:
    stage, _ = two
    before = await _named(stage)
    a, b = before["a"].id, before["b"].id
    await _merge(stage, b, a)
    async with stage.database.write() as tx:
        await stage.incidents.split(tx, b, by=BY)
    assert await _named(stage) == before
    assert [kind for kind, _ in await stage.lines(b)][-2:] == ["merged", "split"]
    with pytest.raises(Conflict, match="not part of another"):
        async with stage.database.write() as tx:
            await stage.incidents.split(tx, b, by=BY)


async def test_what_cannot_be_merged(two: tuple[Stage, Bell]) -> None:
    stage, _ = two
    named = await _named(stage)
    a, b = named["a"].id, named["b"].id
    with pytest.raises(Conflict, match="itself"):
        await _merge(stage, a, a)
    with pytest.raises(NotFound):
        await _merge(stage, a, "inc_none")
    await _merge(stage, b, a)
    with pytest.raises(Conflict, match="is itself part"):
        await _merge(stage, a, b)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, b, "known", by=BY)
    with pytest.raises(Conflict, match="closed"):
        await _merge(stage, b, a)


async def test_parts_stand_by_themselves_when_their_head_ends_by_itself(
    two: tuple[Stage, Bell], clock: ManualClock
) -> None:
    stage, _ = two
    named = await _named(stage)
    await _merge(stage, named["a"].id, named["b"].id)
    clock.advance(90 * 60)
    await stage.signal({COMPROMISED: 8.5}, "a", detector="honey")
    for _ in range(12):
        clock.advance(3600)
        await stage.signal({COMPROMISED: 8.5}, "a", detector="honey")
        await stage.incidents.tick()
    named = await _named(stage)
    assert named["b"].state is State.CLOSED
    assert (named["a"].state, named["a"].part_of) == (State.OPEN, None)
