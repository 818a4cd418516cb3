"""Turns: one of several processes does it; who died keeps none, who was slow writes nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.events import turns
from mailkeep.events.turns import Turn
from mailkeep.store.database import Database, Tx


async def test_of_many_at_once_one_gets_it(database: Database, clock: ManualClock) -> None:
    async def one() -> bool:
        return await turns.taken(database, "sweep", 60) is not None

    assert sum(await asyncio.gather(*(one() for _ in range(6)))) == 1
    clock.advance(59)
    assert not await one()
    clock.advance(1)
    assert sum(await asyncio.gather(*(one() for _ in range(6)))) == 1
    assert await turns.taken(database, "another", 60)


async def test_a_turn_that_is_rolled_back_was_not_taken(database: Database) -> None:
    async def fails(tx: Tx) -> None:
        assert await turns.take(tx, "canary", 60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.retrying(fails)
    assert await turns.taken(database, "canary", 60)


async def test_who_was_slow_finds_that_it_is_another_ones(
    database: Database, clock: ManualClock
) -> None:
    slow = await turns.taken(database, "poll", 10)
    assert slow is not None
    async with database.write() as tx:
        assert await turns.mine(tx, slow)
    clock.advance(11)
    async with database.write() as tx:
        assert await turns.mine(tx, slow)  # late, and nobody else came: nothing is lost
    other = await turns.taken(database, "poll", 10)
    assert other is not None
    async with database.write() as tx:
        assert not await turns.mine(tx, slow)
        assert not await turns.keep(tx, slow, 10)
        await turns.leave(tx, slow)
        assert await turns.mine(tx, other)
    assert await turns.taken(database, "poll", 10) is None


async def test_a_step_in_turn_goes_on_while_there_is_more(
    database: Database, clock: ManualClock
) -> None:
    more = [True, True, False]
    done: list[str] = []

    def process(name: str) -> Callable[[], Awaitable[object]]:
        async def step() -> bool:
            done.append(name)
            return more.pop(0)

        return turns.in_turn(database, "sweep", 60, step)

    first, second = process("first"), process("second")
    assert await first()
    assert await first()
    assert not await second()
    assert done == ["first", "first", "second"]
    assert not await first()  # it was done a moment ago
    assert done == ["first", "first", "second"]
    more += [False]
    clock.advance(60 * turns.EARLY)
    await first()
    assert done == ["first", "first", "second", "first"]


async def test_one_of_two_works_and_the_other_does_when_it_ends(database: Database) -> None:
    began = asyncio.Event()
    over = asyncio.Event()

    async def work(turn: Turn) -> None:
        async with database.write() as tx:
            assert await turns.mine(tx, turn)
        began.set()
        await over.wait()

    first = asyncio.create_task(turns.holding(database, "mailbox", 60, work))
    await began.wait()
    assert not await turns.holding(database, "mailbox", 60, work)
    over.set()
    assert await first
    assert await turns.holding(database, "mailbox", 60, work)  # it was left, not only let lapse


async def test_work_ends_when_its_turn_is_another_ones(
    database: Database, clock: ManualClock
) -> None:
    """Stopped, and taken for dead: two must not go on."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def work(_turn: Turn) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(turns.holding(database, "mailbox", 0.3, work))
    await began.wait()
    other = None
    while other is None:  # between two of its renewals
        clock.advance(1)
        other = await turns.taken(database, "mailbox", 3600)
    assert await asyncio.wait_for(task, 60)
    assert ended.is_set()
    async with database.write() as tx:
        assert await turns.mine(tx, other)


async def test_what_work_raises_is_told_and_its_turn_left(database: Database) -> None:
    async def work(_turn: Turn) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await turns.holding(database, "mailbox", 60, work)
    assert await turns.taken(database, "mailbox", 60)


async def test_who_is_alone_takes_back_the_turns_of_one_that_is_gone(database: Database) -> None:
    assert await turns.taken(database, "sweep", 60)
    async with database.write() as tx:
        await turns.release(tx)
    assert await turns.taken(database, "sweep", 60)
