"""Statements that go past the library: in the same transaction, in their order, and as discreet."""

import asyncio
import contextlib
import traceback

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError

from mailkeep.store.database import Database
from mailkeep.store.repeated import Among, Repeated

SECRET = "ada@example.net"

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False),
)
ADD = Repeated(lambda insert: insert(people), ("id", "name"))
RENAME = Repeated(
    lambda _insert: (
        update(people).where(people.c.id == bindparam("of")).values(name=bindparam("to"))
    )
)
NAMED = Repeated(
    lambda _insert: (
        select(people.c.id, people.c.name)
        .where(Among(people.c.name, "names"))
        .order_by(people.c.id)
    )
)


@pytest.fixture
async def database(database: Database) -> Database:
    async with database.write() as tx:
        await tx.on_connection(metadata.create_all)
    return database


async def _names(database: Database) -> list[str]:
    async with database.read() as tx:
        return [row[0] for row in await tx.tuples(select(people.c.name).order_by(people.c.id))]


async def test_both_ways_are_one_transaction_and_keep_their_order(database: Database) -> None:
    async with database.write() as tx:
        tx.many(ADD, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
        assert await tx.run(update(people).where(people.c.id == 1).values(name="c")) == 1
        tx.many(RENAME, [{"of": 1, "to": "d"}])
        assert [tuple(row) for row in await tx.fetch(NAMED, names=["b", "d"])] == [
            (1, "d"),
            (2, "b"),
        ]
        tx.many(RENAME, [{"of": 2, "to": "e"}])
    assert await _names(database) == ["d", "e"]


async def test_whatever_fails_undoes_both(database: Database) -> None:
    async def add_twice() -> None:
        async with database.write() as tx:
            await tx.run(insert(people).values(id=1, name="a"))
            tx.many(ADD, [{"id": 2, "name": "b"}, {"id": 1, "name": "again"}])

    with pytest.raises(DBAPIError):
        await add_twice()
    with contextlib.suppress(LookupError):
        async with database.write() as tx:
            tx.many(ADD, [{"id": 3, "name": "c"}])
            await tx.fetch(NAMED, names=["c"])
            raise LookupError
    assert await _names(database) == []


async def test_a_part_is_undone_with_what_it_only_added(database: Database) -> None:
    async with database.write() as tx:
        tx.many(ADD, [{"id": 1, "name": "a"}])
        async with tx.savepoint():
            tx.many(RENAME, [{"of": 1, "to": "b"}])
        with contextlib.suppress(LookupError):
            async with tx.savepoint():
                tx.many(RENAME, [{"of": 1, "to": "c"}])
                raise LookupError
        with contextlib.suppress(DBAPIError):
            async with tx.savepoint():
                tx.many(ADD, [{"id": 2, "name": "d"}, {"id": 1, "name": "again"}])
    assert await _names(database) == ["b"]


@pytest.mark.parametrize("count", [0, 1, 3000])
async def test_a_list_is_as_long_as_it_is(database: Database, count: int) -> None:
    names = [f"n{number}" for number in range(count)]
    async with database.write() as tx:
        tx.many(ADD, [{"id": at, "name": name} for at, name in enumerate([*names, "other"])])
        found = await tx.fetch(NAMED, names=names)
    assert [row[1] for row in found] == names


async def test_a_glance_reads_past_a_transaction_under_way(database: Database) -> None:
    async with database.write() as tx:
        tx.many(ADD, [{"id": 1, "name": "a"}])
        assert len(await tx.fetch(NAMED, names=["a"])) == 1
        async with database.glance() as other:
            assert await other.fetch_each((NAMED, {"names": ["a"]}), (NAMED, {"names": []})) == [
                [],
                [],
            ]
    async with database.glance() as other:
        assert len(await other.fetch(NAMED, names=["a"])) == 1
        assert await other.value(select(people.c.name)) == "a"


@pytest.mark.parametrize(
    "row", [{"id": 1, "name": SECRET}, {"id": 2, "name": None}, {"id": 2, "name": [SECRET]}]
)
async def test_an_error_says_nothing_of_what_was_bound(
    database: Database, row: dict[str, object]
) -> None:
    async with database.write() as tx:
        tx.many(ADD, [{"id": 1, "name": "a"}])
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as tx:
            tx.many(ADD, [{"id": 7, "name": SECRET}, row])
    logged = "".join(traceback.format_exception(caught.value)) + str(caught.value)
    assert SECRET not in logged


async def test_who_is_cancelled_leaves_the_way_open(database: Database) -> None:
    """The library closes a connection in which somebody was cancelled, and opens another."""

    async def write(name: str) -> None:
        async with database.write() as tx:
            await tx.run(insert(people).values(id=9, name=name))
            tx.many(RENAME, [{"of": 9, "to": name}])
            await tx.fetch(NAMED, names=[name])

    for turns in range(30):
        task = asyncio.create_task(write("cancelled"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.write() as tx:
            tx.many(Repeated(lambda _insert: people.delete()), [{}])
    await write("last")
    assert await _names(database) == ["last"]
