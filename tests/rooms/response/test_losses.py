"""Transactions that meet, as only PostgreSQL has them: one that was lost is done all the same, and
two at once take away no more than one after the other."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event, insert, text, update
from sqlalchemy.exc import DBAPIError

from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.bodies import requeue_unconfirmed
from mailkeep.response import queries
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView, PlaybookSettings, Preview
from mailkeep.store.database import RETRIES, Database, Tx

from .conftest import COMPROMISED, SILENT, Stage

BY = "key_operator"
NOTHING_WARNED = Preview("", 0).mark
CUTS = (PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",)),)
#: As PostgreSQL says it of a transaction that it chose to end.
LOST = text("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE='40P01'; END $$")


@pytest.fixture(autouse=True)
def only_postgresql(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("one writer loses to nobody")


@pytest.fixture
def cutting(database: Database, keys: KeyRing) -> Stage:
    return Stage(database, keys, playbooks=CUTS)


def losing(call: Callable[..., Awaitable[Any]], times: int) -> Callable[..., Awaitable[Any]]:
    """``call``, whose transaction is lost the first ``times``."""
    left = [times]

    async def lose(*args: Any, **options: Any) -> Any:
        if left[0]:
            left[0] -= 1
            (tx,) = [one for one in args if isinstance(one, Tx)]
            await tx.run(LOST)
        return await call(*args, **options)

    return lose


async def _cut(stage: Stage) -> set[str]:
    async with stage.database.read() as tx:
        return set(await mail.cut(tx))


async def _action(stage: Stage, name: str = "cut_provider") -> ActionView:
    async with stage.database.read() as tx:
        found = await queries.action(tx, (await stage.only()).id, name)
    assert found is not None
    return found


async def test_a_cut_that_was_lost_once_is_done_at_once(
    cutting: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cutting.signal({COMPROMISED: 8.5})
    monkeypatch.setattr(services, "cut_off", losing(services.cut_off, 1))
    assert await cutting.response.work()
    assert await _cut(cutting) == {"a"}
    assert (await _action(cutting)).state is ActionState.APPLIED


async def test_a_cut_that_is_lost_for_long_goes_on_and_does_not_fail(
    cutting: Stage, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    await cutting.signal({COMPROMISED: 8.5})
    monkeypatch.setattr(services, "cut_off", losing(services.cut_off, RETRIES + 1))
    with pytest.raises(DBAPIError):
        await cutting.response.work()
    assert (await _action(cutting)).state is ActionState.RUNNING
    # The next turn of the loop, and not only when the lease has run out.
    clock.advance(1)
    assert await cutting.response.work()
    assert await _cut(cutting) == {"a"}


async def test_a_person_who_loses_once_hears_nothing_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    monkeypatch.setattr(services, "cut_off", losing(services.cut_off, 1))
    done = await stage.response.apply((await stage.only()).id, "cut_provider", by=BY)
    assert done.state is ActionState.APPLIED


async def test_the_tick_that_loses_once_assesses_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    clock.advance(30 * 3600)
    monkeypatch.setattr(stage.incidents, "assess", losing(stage.incidents.assess, 1))
    await stage.incidents.tick()
    assert (await stage.only()).quiet_since == clock.now()


async def test_the_loop_and_a_person_do_not_wait_for_each_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop has the action when a person, who has the incident, comes to it."""
    await stage.signal({SILENT: 8.0})
    incident = (await stage.only()).id
    losses = 0

    def count(context: Any) -> None:
        nonlocal losses
        losses += 1

    event.listen(stage.database._engine.sync_engine, "handle_error", count)
    working, clicked = asyncio.Event(), asyncio.Event()
    real = services.rest_provider

    async def slowly(*args: Any, **options: Any) -> int:
        working.set()
        await asyncio.wait_for(clicked.wait(), 5)
        await asyncio.sleep(0.1)
        return await real(*args, **options)

    monkeypatch.setattr(services, "rest_provider", slowly)

    async def click() -> ActionView:
        await working.wait()
        clicked.set()
        return await stage.response.apply(incident, "rest_provider", by=BY)

    _, shown = await asyncio.gather(stage.response.work(), click())
    assert shown.state is ActionState.APPLIED
    assert losses == 0


async def test_sending_again_does_not_meet_webhooks_head_on(
    database: Database, clock: ManualClock
) -> None:
    """Whoever locks a provider's messages by id, one by one, is not in a ring with the cut: it
    takes the first before it takes any other."""
    now, ids = clock.now(), [f"msg_{number:03}" for number in range(60)]
    m = mail_tables.messages
    kept = {
        "stream": "bulk",
        "priority": 9,
        "address_id": "address_x",
        "status": "accepted",
        "secret": False,
        "only": "",
        "avoid": "",
        "ours": False,
        "tries": 1,
        "provider": "a",
        "created_at": now,
        "accepted_at": now,
        "next_at": now,
        "expires_at": now + HOUR,
    }
    bodies = mail_tables.message_bodies
    async with database.write() as tx:
        for one in reversed(ids):  # the heap has them the other way round
            await tx.run(insert(m).values(id=one, **kept))
            await tx.run(insert(bodies).values(message_id=one, data=b"x", hour=None))
    first = asyncio.Event()

    async def hook(tx: Tx) -> None:
        for one in ids:
            await tx.run(update(m).where(m.c.id == one).values(tries=2))
            if one == ids[0]:
                first.set()
                await asyncio.sleep(0.3)

    async def again() -> int:
        await first.wait()
        async with database.write() as tx:
            return await requeue_unconfirmed(tx, "a", 0)

    async def all_of_them() -> None:
        async with database.write() as tx:
            await hook(tx)

    _, count = await asyncio.gather(all_of_them(), again())
    assert count == len(ids)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both cuts have counted the routes before either takes one; or one waits for the other."""
    barrier, real = asyncio.Barrier(2), services.cut_off

    async def wait(*args: Any, **options: Any) -> int:
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            await asyncio.wait_for(barrier.wait(), 0.5)
        return await real(*args, **options)

    monkeypatch.setattr(services, "cut_off", wait)


@pytest.mark.usefixtures("together")
async def test_two_automatic_cuts_at_once_leave_two_routes(cutting: Stage) -> None:
    for name in "ab":
        await cutting.signal({COMPROMISED: 8.5}, name)
    await asyncio.gather(cutting.response.work(), cutting.response.work())
    assert len(await _cut(cutting)) == 1
    states = []
    for incident in await cutting.all():
        async with cutting.database.read() as tx:
            found = await queries.action(tx, incident.id, "cut_provider")
        assert found is not None
        states.append(found.state)
    assert sorted(states) == [ActionState.APPLIED, ActionState.FAILED]


@pytest.mark.usefixtures("together")
async def test_two_people_who_cut_at_once_are_told_what_is_left(stage: Stage) -> None:
    for name in "ab":
        await stage.signal({COMPROMISED: 8.5}, name)
    applied = [
        stage.response.apply(one.id, "cut_provider", by=BY, seen=NOTHING_WARNED)
        for one in await stage.all()
    ]
    ends = await asyncio.gather(*applied, return_exceptions=True)
    assert len(await _cut(stage)) == 1
    assert [type(one) for one in ends if isinstance(one, BaseException)] == [NotShown]
