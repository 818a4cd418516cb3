"""The shared commit: what many want done is done at once, and one's trouble is one's own."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True, autoincrement=False))


class Adder:
    """Adds numbers; 13 is refused, and what is there already breaks the statement."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    async def add(self, tx: Tx, items: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(items))
        good = [{"n": item} for item in items if item != 13]
        if good:
            await tx.run(insert(numbers), good)
        return [item if item != 13 else LookupError("unlucky") for item in items]


@pytest.fixture
async def shared(database: Database) -> SharedCommit:
    async with database.write() as tx:
        await tx.on_connection(metadata.create_all)
    return SharedCommit(database)


async def _stored(database: Database) -> list[int]:
    async with database.read() as tx:
        return [row[0] for row in await tx.tuples(select(numbers.c.n).order_by(numbers.c.n))]


async def test_what_many_want_is_one_call(database: Database, shared: SharedCommit) -> None:
    adder = Adder()
    assert await asyncio.gather(*(shared.each(adder.add, n) for n in range(10))) == list(range(10))
    assert adder.calls == [list(range(10))]
    assert await _stored(database) == list(range(10))


async def test_a_refusal_is_its_callers_alone(database: Database, shared: SharedCommit) -> None:
    adder = Adder()
    found = await asyncio.gather(
        *(shared.each(adder.add, n) for n in (12, 13, 14)), return_exceptions=True
    )
    assert found[0] == 12
    assert isinstance(found[1], LookupError)
    assert adder.calls == [[12, 13, 14]]
    assert await _stored(database) == [12, 14]


async def test_what_breaks_the_commit_is_found_and_spoils_nobodys(
    database: Database, shared: SharedCommit
) -> None:
    adder = Adder()
    await shared.each(adder.add, 2)
    found = await asyncio.gather(
        *(shared.each(adder.add, n) for n in (1, 2, 3)), return_exceptions=True
    )
    assert [found[0], found[2]] == [1, 3]
    assert isinstance(found[1], Exception)
    assert await _stored(database) == [1, 2, 3]


async def test_the_urgent_are_done_first(shared: SharedCommit) -> None:
    done: list[str] = []

    async def note(_tx: Tx, items: Sequence[str]) -> list[None]:
        done.extend(items)
        return [None] * len(items)

    async def urgent(_tx: Tx) -> None:
        done.append("recovery")

    await asyncio.gather(
        *(shared.each(note, "bulk", lane=9) for _ in range(3)), shared.run(urgent, lane=0)
    )
    assert done == ["recovery", "bulk", "bulk", "bulk"]


async def test_a_commit_takes_so_much_and_no_more(database: Database) -> None:
    async with database.write() as tx:
        await tx.on_connection(metadata.create_all)
    shared, adder = SharedCommit(database, batch=4), Adder()
    await asyncio.gather(*(shared.each(adder.add, n, weight=2) for n in range(5)))
    assert [len(call) for call in adder.calls] == [2, 2, 1]


async def test_who_went_away_is_not_written_for(database: Database, shared: SharedCommit) -> None:
    adder = Adder()
    first = asyncio.create_task(shared.each(adder.add, 1))
    gone = asyncio.create_task(shared.each(adder.add, 2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await first == 1
    assert await _stored(database) in ([1], [1, 2])  # it may have been on its way


async def test_who_is_patient_shares_the_commit_of_who_is_not(
    database: Database, shared: SharedCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkeep.store.shared.PATIENCE_SECONDS", 60.0)
    adder = Adder()
    waiting = [asyncio.create_task(shared.each(adder.add, n, patient=True)) for n in (1, 2)]
    await asyncio.sleep(0.05)
    assert adder.calls == []
    async with asyncio.timeout(30):
        await shared.each(adder.add, 3)
        await asyncio.gather(*waiting)
    assert adder.calls == [[1, 2, 3]]


async def test_nobody_is_patient_for_ever(database: Database, shared: SharedCommit) -> None:
    adder = Adder()
    async with asyncio.timeout(30):
        await asyncio.gather(*(shared.each(adder.add, n, patient=True) for n in (1, 2)))
    assert await _stored(database) == [1, 2]


async def test_patience_ends_where_a_commit_is_full(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkeep.store.shared.PATIENCE_SECONDS", 60.0)
    async with database.write() as tx:
        await tx.on_connection(metadata.create_all)
    shared, adder = SharedCommit(database, batch=2), Adder()
    async with asyncio.timeout(30):
        await asyncio.gather(*(shared.each(adder.add, n, patient=True) for n in range(4)))
    assert adder.calls == [[0, 1], [2, 3]]
