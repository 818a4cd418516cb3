"""Leases: a dead worker's mail is soon another's, a live one's is not; who was slow stands back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from mailkeep.base.clock import SECOND, ManualClock, SystemClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.mail import dispatch, leases, lives, outbox, outcomes, tables
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.leases import LEASE, LONGEST_SECONDS, SPARE_SECONDS, LeaseLost, Leases
from mailkeep.mail.types import Job, NewMessage
from mailkeep.providers.types import HttpReply, Outcome, OutcomeKind, Reply, Request
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]
WHOLE = LEASE / SECOND

_TAKEN = b'[{"email": "a@example.net", "status": "sent", "_id": "0123456789abcdef"}]'


class Ticks:
    """A process's own clock, moved with the database's or alone."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.clock.advance(seconds)


@pytest.fixture
def ticks(clock: ManualClock) -> Ticks:
    return Ticks(clock)


async def _claim(database: Database, held: Leases | None = None) -> list[Job]:
    since = 0.0 if held is None else held.ticks()
    async with database.write() as tx:
        jobs = await outbox.claim(database, tx, STREAMS["bulk"], {}, 10, leases=held)
    if held is not None:
        held.take(jobs, since)
    return jobs


async def test_what_is_renewed_is_nobody_elses_and_what_is_not_is_soon(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    message = await accept(new())
    held = Leases(database, ticks)
    (job,) = await _claim(database, held)
    for _ in range(5):
        ticks.advance(WHOLE - SPARE_SECONDS - 1)
        assert held.hold(job)
        assert await held.renew() == 1
        assert await _claim(database) == []
    ticks.advance(WHOLE + 1)  # it was killed
    assert [one.message for one in await _claim(database)] == [message]


async def test_a_young_lease_costs_no_write(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    await accept(new())
    held = Leases(database, ticks)
    await _claim(database, held)
    ticks.advance(1)
    assert await held.renew() == 0


async def test_whoever_was_slow_stands_back_before_another_may_take_it(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    await accept(new())
    slow = Leases(database, ticks)
    (job,) = await _claim(database, slow)
    ticks.advance(WHOLE - SPARE_SECONDS)
    assert not slow.hold(job)
    assert await _claim(database) == []
    ticks.advance(SPARE_SECONDS + 1)
    (again,) = await _claim(database)
    assert await slow.renew() == 0  # it is another one's, and stays so
    assert not slow.hold(job)
    async with database.read() as tx:
        m = tables.messages.c
        row = await tx.one(select(m.attempt_id, m.lease_until))
    assert row is not None
    assert (row["attempt_id"], row["lease_until"]) == (again.attempt, again.started_at + LEASE)


async def test_what_was_let_go_or_finished_is_not_held(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    await accept(new())
    held = Leases(database, ticks)
    (job,) = await _claim(database, held)
    held.drop(job)
    assert not held.hold(job)
    ticks.advance(WHOLE - SPARE_SECONDS)
    assert await held.renew() == 0


async def test_what_a_process_has_in_hand_it_never_claims_again(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    """A full disk lets nobody renew: what was sent meanwhile would be sent again."""
    message = await accept(new())
    held = Leases(database, ticks)
    (job,) = await _claim(database, held)
    ticks.advance(WHOLE * 3)
    assert await _claim(database, held) == []
    assert held.works_on(job)
    ticks.advance(LONGEST_SECONDS)  # a fault of ours holds it
    assert not held.works_on(job)
    assert await held.renew() == 0
    assert [one.message for one in await _claim(database, held)] == [message]


async def test_what_was_written_down_is_claimed_again_at_once(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    """In the very commit: who did the work has not heard of it yet, and a failover waits for it."""
    message = await accept(new())
    held = Leases(database, ticks)
    (job,) = await _claim(database, held)
    refused = outcomes.Finished(job, Outcome(OutcomeKind.SUSPENDED, ""), 0.1, reports=True)
    async with database.write() as tx:
        await outcomes.finish(database, tx, [refused])
    (again,) = await _claim(database, held)
    assert again.message == message
    held.drop(job)
    assert held.hold(again)


async def test_after_an_outage_the_others_may_first_say_what_they_have(
    database: Database, accept: Accept, ticks: Ticks
) -> None:
    message = await accept(new())
    await _claim(database)
    other = Leases(database, ticks)
    ticks.advance(WHOLE + 1)
    other.blind()  # nobody could renew
    async with database.read() as tx:
        assert not await outbox.is_due(tx, "bulk", other)
    assert await _claim(database, other) == []
    fresh = await accept(new(to="bob@example.net"))
    assert [one.message for one in await _claim(database, other)] == [fresh]
    ticks.advance(WHOLE)
    async with database.read() as tx:
        assert await outbox.is_due(tx, "bulk", other)
    assert message in [one.message for one in await _claim(database, other)]


class Wire:
    """Hangs until it is told to go on, and takes what it then may."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.connected = asyncio.Event()
        self.taken = 0

    async def carry(self, _request: Request, may: Callable[[], bool]) -> Reply:
        self.connected.set()
        await self.go_on.wait()
        if not may():
            raise LeaseLost
        self.taken += 1
        return HttpReply(200, {}, _TAKEN)

    def close(self) -> None: ...


@asynccontextmanager
async def _running(
    database: Database, keys: KeyRing, ticks: Ticks
) -> AsyncIterator[tuple[Dispatcher, asyncio.Task[None]]]:
    providers = {name: provider(name, 1) for name in ("one", "two")}
    made = Dispatcher(database, SharedCommit(database), keys, ticks.clock, STREAMS, providers)
    made.leases = Leases(database, ticks)
    task = asyncio.create_task(made.run())
    try:
        yield made, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _row(database: Database, column: str) -> object:
    async with database.read() as tx:
        return await tx.value(select(tables.messages.c[column]))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(dispatch, "Transport", lambda: made)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    return made


async def test_a_send_that_takes_long_keeps_its_message_even_while_its_process_ends(
    database: Database, keys: KeyRing, accept: Accept, wire: Wire, ticks: Ticks
) -> None:
    await accept(new())

    async def renewed() -> bool:
        return await _row(database, "lease_until") == ticks.clock.now() + LEASE

    async with _running(database, keys, ticks) as (_, task):
        await wire.connected.wait()
        for ending in (False, True):
            if ending:
                task.cancel()
            ticks.advance(WHOLE - SPARE_SECONDS - 1)
            await _until(renewed)
        wire.go_on.set()
        await asyncio.gather(task, return_exceptions=True)
    assert await _row(database, "status") == "accepted"
    assert wire.taken == 1


async def test_a_process_that_was_stopped_between_claim_and_send_sends_nothing(
    database: Database,
    keys: KeyRing,
    accept: Accept,
    wire: Wire,
    ticks: Ticks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 600.0)
    message = await accept(new())
    async with _running(database, keys, ticks):
        await wire.connected.wait()
        ticks.advance(WHOLE + 1)  # and nothing of this process ran
        (theirs,) = await _claim(database)
        wire.go_on.set()

        async def withheld() -> bool:
            async with database.read() as tx:
                return "withheld" in [one.outcome for one in await lives.attempts(tx, message)]

        await _until(withheld)
        assert wire.taken == 0
        assert await _row(database, "status") == "sending"
        assert await _row(database, "attempt_id") == theirs.attempt


async def test_a_lane_that_finds_the_database_away_leaves_the_others_time(
    database: Database, keys: KeyRing, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Dispatcher(database, SharedCommit(database), keys, ticks.clock, STREAMS, {})
    made.leases = Leases(database, ticks)

    async def away(_tx: Tx, _stream: str, _leases: Leases) -> bool:
        raise Unavailable("away")

    monkeypatch.setattr(outbox, "is_due", away)
    with pytest.raises(Unavailable):
        await made.due("bulk")
    now = ticks.clock.now()
    assert made.leases.lapsed(now) == 0
    ticks.advance(WHOLE)
    assert made.leases.lapsed(now) == now


@pytest.mark.parametrize("jump", [16, -16])
async def test_whose_clock_is_wrong_takes_nothing_and_loses_nothing(
    database: Database, accept: Accept, ticks: Ticks, clock: ManualClock, jump: int
) -> None:
    """The database's clock goes on as it does; a process's own is set forward, or back."""
    message = await accept(new())
    ticks.advance(20)
    wrong = ManualClock(clock.now() + jump * SECOND)

    async def shared(_tx: Tx) -> int:
        return clock.now()

    right, other = Leases(database, ticks, shared), Leases(database, ticks, shared)
    if database.is_sqlite:
        return  # one machine, one clock
    assert other.lapsed(wrong.now()) == 0  # before it knows, it takes nothing that another has
    await right.look()
    await other.look()
    # Who has it: the wrong one where its clock is behind, as its lease would be over at once.
    has, wants = (right, other) if jump > 0 else (other, right)
    database.clock = clock if jump > 0 else wrong
    (job,) = await _claim(database, has)
    database.clock = wrong if jump > 0 else clock
    assert await _claim(database, wants) == []
    assert has.hold(job)
    ticks.advance(WHOLE + 1)  # it was killed
    assert [one.message for one in await _claim(database, wants)] == [message]


async def test_postgresql_says_what_time_it_is(database: Database, ticks: Ticks) -> None:
    if database.is_sqlite:
        return
    async with database.read() as tx:
        here = SystemClock().now()
        assert abs(await leases.theirs(tx) - here) < 600 * SECOND
