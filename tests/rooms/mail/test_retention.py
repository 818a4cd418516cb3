"""Messages that are done with are forgotten, with what only they needed."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Table, func, insert, select

from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import NotFound
from mailkeep.mail import bodies, lives, outbox, outcomes, retention, rounds, tables
from mailkeep.mail.types import Keeping, NewMessage
from mailkeep.providers.types import Outcome, OutcomeKind
from mailkeep.store.database import Database

from .conftest import STREAMS, new

Accept = Callable[[NewMessage], Awaitable[str]]
KEPT = 90 * DAY


async def _count(database: Database, table: Table) -> int:
    async with database.read() as tx:
        return int(await tx.value(select(func.count()).select_from(table)))


async def _send(database: Database, *, reports: bool) -> None:
    """Send what is due."""
    async with database.write() as tx:
        for job in await outbox.claim(database, tx, STREAMS["bulk"], {}, 50):
            outcome = Outcome(OutcomeKind.ACCEPTED, "")
            await outcomes.finish(database, tx, [outcomes.Finished(job, outcome, 0.1, reports)])


async def _forget(database: Database, limit: int = 100) -> int:
    async with database.write() as tx:
        return await retention.forget_messages(tx, tx.now - KEPT, limit)


async def test_messages_go_with_their_attempts_and_addresses(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    for number in range(5):
        await accept(new(to=f"u{number}@example.net"))
    await _send(database, reports=False)
    exposed = await _count(database, tables.exposures)
    clock.advance((KEPT + SECOND) // SECOND)
    young = await accept(new(to="u0@example.net"))
    assert [await _forget(database, 3) for _ in range(3)] == [3, 2, 0]
    assert await _count(database, tables.messages) == 1
    assert await _count(database, tables.attempts) == 0
    assert await _count(database, tables.exposures) == exposed == 5
    async with database.read() as tx:
        kept = [row["address"] for row in await tx.all(select(tables.addresses))]
        assert (await lives.one(tx, young)).status == "queued"
    assert kept == ["u0@example.net"]  # a message that is not done with still goes there


async def test_what_may_yet_be_sent_is_kept_however_old(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    unconfirmed = await accept(new())
    await _send(database, reports=True)
    later = await accept(new())
    clock.advance((KEPT + SECOND) // SECOND)
    assert await _forget(database) == 0
    async with database.write() as tx:
        assert (await lives.one(tx, later)).status == "queued"
        await bodies.sweep(tx, Keeping(3600, 3600), 100)
    assert await _forget(database) == 1
    async with database.read() as tx:
        try:
            await lives.one(tx, unconfirmed)
        except NotFound:
            return
    raise AssertionError


async def test_an_idempotency_key_counts_as_long_as_its_message_is_kept(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    first = await accept(new(idempotency=("key", "k")))
    await _send(database, reports=False)
    clock.advance((KEPT - SECOND) // SECOND)
    assert await _forget(database) == 0
    assert await accept(new(idempotency=("key", "k"))) == first
    clock.advance(2)
    assert await _forget(database) == 1
    assert await accept(new(idempotency=("key", "k"))) != first


async def test_claims_are_forgotten_oldest_first(database: Database, clock: ManualClock) -> None:
    async with database.write() as tx:
        rows = [
            {"provider": name, "claim_id": str(n), "received_at": tx.now - n * DAY}
            for n in range(6)
            for name in ("one", "two")
        ]
        await tx.run(insert(tables.claims), rows)
    counts = []
    for _ in range(3):
        async with database.write() as tx:
            counts.append(await retention.forget_claims(tx, tx.now - 3 * DAY, 3))
    assert counts == [3, 1, 0]
    assert await _count(database, tables.claims) == 8


async def test_what_must_stay_is_gone_round_and_holds_nobody_up(
    database: Database, accept: Accept, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten that must stay stand before three that may go: each look is at a bounded piece."""
    monkeypatch.setattr(rounds, "LOOK", 2)
    for _ in range(10):
        clock.advance(1)
        await accept(new())
    await _send(database, reports=True)  # a body stays: it may yet be sent again
    for _ in range(3):
        clock.advance(1)
        await accept(new())
    await _send(database, reports=False)
    clock.advance((KEPT + SECOND) // SECOND)
    turn = rounds.Round()

    async def forget() -> int:
        async with database.write() as tx:
            return await retention.forget_messages(tx, tx.now - KEPT, 2, turn=turn)

    # Four at a time; the third piece has the first two, the next round begins anew.
    assert [await forget() for _ in range(4)] == [0, 0, 2, 1]
    async with database.write() as tx:
        assert await bodies.sweep(tx, Keeping(3600, 3600), 100) == 10
    assert [await forget() for _ in range(7)] == [2, 2, 2, 2, 2, 0, 0]
    assert await _count(database, tables.messages) == 0


async def test_bodies_are_gone_round_too(
    database: Database, accept: Accept, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LOOK", 2)
    for _ in range(9):
        await accept(new())
    await _send(database, reports=True)
    clock.advance(2 * 3600)
    turn, keep = rounds.Round(), Keeping(3600, 3600)

    async def sweep() -> int:
        async with database.write() as tx:
            return await bodies.sweep(tx, keep, 2, turn=turn)

    async with database.write() as tx:
        taken = {row["provider"] for row in await tx.all(select(tables.messages))}
        await bodies.doubt(tx, taken)
    assert [await sweep() for _ in range(3)] == [0, 0, 0]
    async with database.write() as tx:
        await bodies.doubt(tx, [])
    swept = [await sweep() for _ in range(7)]
    assert sum(swept) == 9
    assert await _count(database, tables.message_bodies) == 0
