"""What the gauges read of the database: right, seldom, and not waited for without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import insert, text

from mailkeep.app.telemetry import stock
from mailkeep.app.telemetry.stock import Storekeeper, take
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Unavailable
from mailkeep.cutover.tables import cutovers
from mailkeep.cutover.types import Pace
from mailkeep.events import log
from mailkeep.events.subscribe import Subscriber
from mailkeep.feed.tables import feeds
from mailkeep.incidents import tables as incidents
from mailkeep.mail import services
from mailkeep.mail.events import ClaimRefused
from mailkeep.store.database import Database, Tx


async def test_the_stock_is_what_the_database_holds(database: Database) -> None:
    relay = log.Relay(database, "one")
    async with database.write() as tx:
        await log.record(database, tx, *(ClaimRefused(provider="a", why=str(n)) for n in range(3)))
    await relay.place()
    subscriber = Subscriber("reader", {})
    await subscriber.step(database)
    async with database.write() as tx:
        await log.record(database, tx, *(ClaimRefused(provider="a", why=str(n)) for n in range(4)))
    await relay.place()
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="x", reason="y", since=tx.now)
        await services.rest_provider(database, tx, "b", by="x", reason="y", since=tx.now)
        for number, state in enumerate(("open", "open", "contained", "closed")):
            row = {
                "id": str(number),
                "subject_kind": "provider",
                "subject_id": f"p{number}",
                "state": state,
                "opened_at": tx.now,
                "since": tx.now,
                "opinions": "[]",
            }
            await tx.run(insert(incidents.incidents).values(**row))
        move = {
            "id": "cut_1",
            "source": "b",
            "target": "c",
            "state": "paused",
            "at_once": False,
            "by": "x",
            "created_at": tx.now,
            "why": "canaries do not arrive",
            "pace": msgspec.json.encode(Pace()).decode(),
            "gates": "[]",
            "live": True,
        }
        await tx.run(insert(cutovers).values(**move))
        feed = {
            "name": "siem",
            "position": 3,
            "leased_until": 0,
            "next_at": 0,
            "failures": 2,
            "failing_since": tx.now - 60 * SECOND,
            "told": 9,
            "refused": 1,
        }
        await tx.run(insert(feeds).values(**feed))

    def reader() -> int:
        return subscriber.passed

    async with database.read() as tx:
        found = await take(tx, ["alert"], {"reader": reader, "newcomer": lambda: 0})
    cut = 2 if database.is_sqlite else 0  # facts of the cut and the rest, placed at once there
    assert found.lag == {"reader": 4 + cut, "newcomer": 7 + cut}
    assert found.unplaced == (0 if database.is_sqlite else 2)
    assert (found.cut, found.resting) == ({"a"}, {"b"})
    assert found.incidents == {("provider", "open"): 2, ("provider", "contained"): 1}
    assert set(found.depths) == {"alert"}
    siem = found.feeds["siem"]
    assert (siem.told, siem.refused, siem.behind) == (9, 1, 4 + cut)
    assert siem.failing_since == found.now - 60 * SECOND
    assert found.cutover == "paused"
    assert found.schema


async def test_a_schema_of_a_later_version_is_noticed(database: Database) -> None:
    async with database.write() as tx:
        await tx.run(text("UPDATE alembic_version SET version_num = '9999'"))
    async with database.read() as tx:
        assert not (await take(tx, [], {})).schema


async def test_many_who_ask_share_one_reading(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    async def counted(
        tx: Tx, streams: list[str], subscribers: stock.Readers, _telling: object
    ) -> stock.Stock:
        nonlocal reads
        reads += 1
        return await take(tx, streams, subscribers)

    monkeypatch.setattr(stock, "take", counted)
    keeper = Storekeeper(database, ["alert"], {})
    await asyncio.gather(*(keeper.look() for _ in range(20)))
    await keeper.look()
    assert reads == 1
    monkeypatch.setattr(stock, "FRESH_SECONDS", 0.0)
    keeper._cost = 0.0
    await keeper.look()
    assert reads == 2
    keeper._cost = 60.0  # what takes a minute is not read again for long
    await keeper.look()
    assert reads == 2
    await keeper.close()


async def test_a_database_that_hangs_or_is_away_holds_nobody_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "FRESH_SECONDS", 0.0)
    keeper = Storekeeper(database, ["alert"], {})
    known = await keeper.look()
    assert known is not None
    monkeypatch.setattr(stock, "PATIENCE_SECONDS", 0.1)
    keeper._cost = 0.0

    @asynccontextmanager
    async def hang() -> AsyncIterator[Tx]:
        await asyncio.sleep(60)
        async with database.write() as tx:
            yield tx

    monkeypatch.setattr(database, "read", hang)
    async with asyncio.timeout(2):
        assert await keeper.look() is known
    await keeper.close()

    @asynccontextmanager
    async def away() -> AsyncIterator[Tx]:
        raise Unavailable("the database cannot take this now")
        yield

    monkeypatch.setattr(database, "read", away)
    assert await keeper.look() is known
    assert keeper.failures == 1
    assert keeper.age() < 60


async def test_facts_are_counted_once_they_are_committed(database: Database) -> None:
    seen: list[tuple[list[object], int]] = []
    database.on_facts = lambda facts, at: seen.append((list(facts), at))
    fact = ClaimRefused(provider="a", why="x")

    async def undone() -> None:
        async with database.write() as tx:
            await log.record(database, tx, fact)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert seen == []
    async with database.write() as tx:
        await log.record(database, tx, fact)
        with contextlib.suppress(RuntimeError):
            async with tx.savepoint():
                await log.record(database, tx, fact)
                raise RuntimeError
        assert seen == []
        at = tx.now
    assert seen == [([fact], at)]
    assert at > SECOND
