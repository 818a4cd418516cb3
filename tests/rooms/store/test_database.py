"""Transactions: what an error may say, parts that are undone alone, and trying again."""

import asyncio
import contextlib
import secrets
import traceback

import asyncpg
import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from mailkeep.base.clock import Clock
from mailkeep.base.errors import Unavailable
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Repeated
from mailkeep.store.shared import SharedCommit

SECRET = "ada@example.net"

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("address", String(40), nullable=False),
    Column("name", String(40), nullable=False),
    Column("count", Integer),
)


@pytest.fixture
async def database(database: Database) -> Database:
    async with database.write() as tx:
        await tx.on_connection(metadata.create_all)
        await tx.run(insert(people).values(id=1, address=SECRET, name="Ada", count=0))
        await tx.run(insert(people).values(id=2, address="eve@example.net", name="Eve", count=0))
    return database


@pytest.mark.parametrize(
    "values",
    [
        {"id": 1, "address": SECRET, "name": "x"},
        {"id": 3, "address": SECRET, "name": None},
        {"id": 3, "address": SECRET, "name": ["x", SECRET]},
        {"id": 3, "address": SECRET + "\udcff", "name": "x"},
        {"id": 3, "address": SECRET * 40, "name": SECRET, "count": 2**80},
    ],
)
async def test_an_error_says_nothing_of_what_was_bound(
    database: Database, values: dict[str, object]
) -> None:
    """PostgreSQL's own words show the row at fault, and its driver the argument."""
    with pytest.raises((DBAPIError, UnicodeEncodeError, OverflowError)) as caught:
        async with database.write() as tx:
            await tx.run(insert(people).values(**values))
    logged = "".join(traceback.format_exception(caught.value)) + str(caught.value)
    assert SECRET not in logged
    assert "INSERT INTO people" in logged or not isinstance(caught.value, DBAPIError)


async def test_an_error_still_says_what_is_wrong(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"people"):
        async with database.write() as tx:
            await tx.run(insert(people).values(id=1, address=SECRET, name="x"))
    with pytest.raises(DBAPIError, match=r"nowhere"):
        async with database.read() as tx:
            await tx.run(text("SELECT 1 FROM nowhere"))


async def test_a_part_is_undone_alone(database: Database) -> None:
    called: list[str] = []
    async with database.write() as tx:
        async with tx.savepoint():
            assert tx.first("kept")
            await tx.run(update(people).where(people.c.id == 1).values(count=5))
            tx.after_commit.append(lambda: called.append("kept"))
        with contextlib.suppress(DBAPIError):
            async with tx.savepoint():
                assert tx.first("undone")
                await tx.run(update(people).where(people.c.id == 2).values(count=7))
                tx.after_commit.append(lambda: called.append("undone"))
                await tx.run(insert(people).values(id=1, address="x", name="x"))
        assert [tx.first("kept"), tx.first("undone"), tx.first("undone")] == [False, True, False]
    async with database.read() as tx:
        rows = await tx.all(select(people).order_by(people.c.id))
    assert [row["count"] for row in rows] == [5, 0]
    assert called == ["kept"]


@pytest.mark.parametrize("shared", [False, True])
async def test_who_loses_to_another_transaction_is_run_again(
    database: Database, shared: bool
) -> None:
    """Two that lock the same rows in turn: PostgreSQL ends one of them."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer: nobody waits inside a transaction")
    met, calls = asyncio.Barrier(2), 0

    async def add(tx: Tx, first: int, second: int) -> None:
        nonlocal calls
        calls += 1
        await tx.run(update(people).where(people.c.id == first).values(count=people.c.count + 1))
        if calls <= 2:
            await met.wait()
        await tx.run(update(people).where(people.c.id == second).values(count=people.c.count + 1))

    def run(first: int, second: int) -> object:
        if shared:
            return SharedCommit(database).run(lambda tx: add(tx, first, second))
        return database.retrying(lambda tx: add(tx, first, second))

    await asyncio.gather(run(1, 2), run(2, 1))
    async with database.read() as tx:
        counts = [row["count"] for row in await tx.all(select(people.c.count))]
    assert counts == [2, 2]
    assert calls >= 3


async def test_what_is_wrong_for_good_is_not_run_again(database: Database) -> None:
    calls = 0

    async def work(tx: Tx) -> None:
        nonlocal calls
        calls += 1
        await tx.run(insert(people).values(id=9, address="x", name=None))

    with pytest.raises(DBAPIError):
        await database.retrying(work)
    assert calls == 1


async def test_a_connection_that_somebody_else_lost_is_an_outage(database: Database) -> None:
    """The library closes it under all who share it when one of them is cancelled."""
    if not database.is_sqlite:
        pytest.skip("on PostgreSQL nobody shares a connection")
    count = Repeated(lambda _insert: select(people.c.id))

    async def lose(tx: Tx) -> None:
        async with database._writing.connect() as shared:
            await shared.invalidate()
        await tx.fetch(count)

    with pytest.raises(Unavailable):
        await database.retrying(lose)
    async with database.write() as tx:
        assert len(await tx.fetch(count)) == 2


async def test_a_server_that_is_away_is_an_outage(clock: Clock) -> None:
    """It refuses before there is a connection: no error of a statement says so."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing", clock)
    for way in (database.write, database.read, database.glance):
        with pytest.raises(Unavailable):
            async with way():
                pass
    with pytest.raises(Unavailable):
        await SharedCommit(database).run(lambda tx: tx.value(text("SELECT 1")))
    await database.close()


async def test_a_server_that_takes_nobody_in_is_an_outage(
    new_postgresql: str, clock: Clock
) -> None:
    """While it starts up, shuts down, or has its hands full."""
    url = make_url(new_postgresql)
    admin = await asyncpg.connect(
        host=str(url.query["host"]), user=url.username, database=url.database
    )
    name = f"r{secrets.token_hex(8)}"
    await admin.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 0")
    database = Database(url.set(username=name).render_as_string(hide_password=False), clock)
    with pytest.raises(Unavailable):
        async with database.write():
            pass
    await database.close()
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()
