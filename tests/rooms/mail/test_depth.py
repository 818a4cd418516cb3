"""How much waits, and for how long: right, and answered by the index of what is due."""

from sqlalchemy import insert, text

from mailkeep.base.clock import HOUR, MINUTE, SECOND, ManualClock
from mailkeep.base.ids import new_id
from mailkeep.mail import tables
from mailkeep.mail.depth import Depth, depths
from mailkeep.store.database import Database, Tx


async def put(tx: Tx, status: str = "queued", stream: str = "alert", **more: object) -> str:
    message = new_id("msg", tx.now)
    row = {
        "id": message,
        "stream": stream,
        "priority": 1,
        "address_id": "address_1",
        "status": status,
        "secret": False,
        "only": "",
        "avoid": "",
        "created_at": tx.now,
        "expires_at": tx.now + HOUR,
        "next_at": tx.now,
        "tries": 0,
    }
    await tx.run(insert(tables.messages).values(**(row | more)))
    return message


async def tried(tx: Tx, message: str, at: int) -> None:
    row = {"id": new_id("att", at), "message_id": message, "provider": "a", "started_at": at}
    await tx.run(insert(tables.attempts).values(**row))


async def test_each_stream_is_counted_by_whether_its_time_has_come(
    database: Database, clock: ManualClock
) -> None:
    async with database.write() as tx:
        begin = tx.now
        await put(tx)
        await put(tx, "sending", next_at=begin - 10 * SECOND)
        await put(tx, next_at=begin + 2 * HOUR)
        for status in ("accepted", "delivered", "bounced", "given_up"):
            await put(tx, status, next_at=begin - HOUR)
        await put(tx, stream="bulk", next_at=begin + MINUTE)
    clock.advance(5)
    async with database.read() as tx:
        found = await depths(tx, ["alert", "bulk", "recovery"])
    assert found == {
        "alert": Depth(2, 1, begin - 10 * SECOND),
        "bulk": Depth(0, 1, None),
        "recovery": Depth(0, 0, None),
    }


async def test_one_that_was_tried_waits_since_its_first_try(database: Database) -> None:
    """Its next try lies ahead, and it is late all the same."""
    async with database.write() as tx:
        begin = tx.now
        message = await put(tx, next_at=begin + 4 * MINUTE, tries=3)
        for minutes in (1, 9, 5):
            await tried(tx, message, begin - minutes * MINUTE)
        await put(tx, next_at=begin + 5 * MINUTE)
    async with database.read() as tx:
        assert await depths(tx, ["alert"]) == {"alert": Depth(0, 2, begin - 9 * MINUTE)}


async def test_the_index_answers(database: Database) -> None:
    """Whatever is done with lies outside; a scan of all messages would take as long as they are."""
    query = (
        "SELECT count(*) FROM messages WHERE stream = 'alert' AND "
        "messages.status IN ('queued', 'sending') AND next_at <= 5"
    )
    async with database.write() as tx:
        if tx.is_postgresql:
            await tx.run(text("SET LOCAL enable_seqscan = off"))
            plan = await tx.all(text(f"EXPLAIN {query}"))
        else:
            plan = await tx.all(text(f"EXPLAIN QUERY PLAN {query}"))
        assert "ix_messages_due" in str([dict(row) for row in plan])


async def test_a_hundred_thousand_are_counted(database: Database) -> None:
    async with database.write() as tx:
        row = (
            'INSERT INTO messages (id, stream, priority, address_id, status, secret, "only", avoid,'
            " created_at, expires_at, next_at, tries, ours) SELECT 'm' || n, 'bulk', 9, 'x',"
            " 'queued', false, '', '', 0, 9000000000000000, n, 0, false FROM numbers"
        )
        numbers = (
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
            " WHERE n < 100000) "
        )
        await tx.run(text(numbers + row))
    async with database.read() as tx:
        found = await depths(tx, ["bulk"])  # 4 ms on SQLite, 10 on PostgreSQL, on a quiet machine
    assert found == {"bulk": Depth(100_000, 0, 1)}
