"""The connection to PostgreSQL is lost during COMMIT: what the client does not know is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Unavailable
from mailkeep.events.log import record
from mailkeep.events.tables import events
from mailkeep.mail.events import ClaimRefused
from mailkeep.store.database import Database, Tx
from mailkeep.store.errors import Unsettled
from mailkeep.store.shared import SharedCommit

from .cut import Cut, Server, Wire

metadata = MetaData()
notes = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))


class House:
    """A database behind a wire that can be cut, and the way around it."""

    def __init__(self, wire: Wire, database: Database, around: Database) -> None:
        self.wire = wire
        self.database = database
        self.shared = SharedCommit(database)
        self._around = around
        self.calls: list[list[int]] = []
        self.settled: list[int] = []

    async def write(self, tx: Tx, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        await tx.run(insert(notes), [{"n": one} for one in items])
        await record(
            self.database, tx, *(ClaimRefused(provider="postmark", why=str(one)) for one in items)
        )
        tx.after_commit.append(lambda: self.settled.extend(items))
        return list(items)

    async def write_untold(self, tx: Tx, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        await tx.run(insert(notes), [{"n": one} for one in items])
        return list(items)

    async def stored(self) -> tuple[list[int], int]:
        """What is there, and how many facts."""
        async with self._around.read() as tx:
            found = [row[0] for row in await tx.tuples(select(notes.c.n).order_by(notes.c.n))]
            return found, await tx.value(select(func.count()).select_from(events))


@pytest.fixture
async def house(postgresql: Server, clock: ManualClock) -> AsyncIterator[House]:
    url = await postgresql.migrated()
    around = Database(url, clock)
    async with around.write() as tx:
        await tx.on_connection(metadata.create_all)
    wire = Wire(url)
    async with wire.up() as behind:
        database = Database(behind, clock)
        database.patience = 2.0
        async with database.read() as tx:
            assert await tx.value(select(func.count()).select_from(notes)) == 0
        yield House(wire, database, around)
        await database.close()
    await around.close()
    await postgresql.drop(url)


async def test_what_landed_is_acknowledged_and_not_done_again(house: House) -> None:
    house.wire.cut = Cut.AFTER
    found = await asyncio.gather(*(house.shared.each(house.write, n) for n in (1, 2, 3)))
    assert found == [1, 2, 3]
    assert house.calls == [[1, 2, 3]]
    assert house.settled == [1, 2, 3]
    assert await house.stored() == ([1, 2, 3], 3)


async def test_what_did_not_land_is_refused_and_may_be_sent_again(house: House) -> None:
    house.wire.cut = Cut.BEFORE
    found = await asyncio.gather(
        *(house.shared.each(house.write, n) for n in (1, 2)), return_exceptions=True
    )
    assert all(isinstance(one, Unavailable) and not isinstance(one, Unsettled) for one in found)
    assert house.calls == [[1, 2]]
    assert house.settled == []
    assert await house.stored() == ([], 0)
    assert await house.shared.each(house.write, 1) == 1


async def test_what_nobody_can_tell_is_said_to_be_so_and_not_done_again(house: House) -> None:
    house.wire.cut = Cut.AWAY
    found = await asyncio.gather(
        *(house.shared.each(house.write, n) for n in (1, 2)), return_exceptions=True
    )
    assert all(isinstance(one, Unsettled) for one in found)
    assert house.calls == [[1, 2]]
    assert (await house.stored())[0] == [1, 2]


async def test_what_left_no_fact_is_not_done_again_either(house: House) -> None:
    house.wire.cut = Cut.AFTER
    found = await asyncio.gather(
        *(house.shared.each(house.write_untold, n) for n in (1, 2)), return_exceptions=True
    )
    assert all(isinstance(one, Unsettled) for one in found)
    assert house.calls == [[1, 2]]
    assert (await house.stored())[0] == [1, 2]


async def test_a_server_that_is_away_is_asked_once_for_all_who_wait(house: House) -> None:
    house.wire.away = True
    await house.database.close()
    found = await asyncio.gather(
        *(house.shared.each(house.write, n) for n in range(40)), return_exceptions=True
    )
    assert all(isinstance(one, Unavailable) for one in found)
    assert house.calls == []


async def test_a_server_that_does_not_answer_is_given_up_soon(clock: ManualClock) -> None:
    """The driver's own patience is a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        database = Database(f"postgresql://mailkeep@{host}:{port}/mailkeep", clock)
        database.patience = 0.2
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable):
                async with database.write():
                    pass
        await database.close()


async def test_a_machine_that_vanishes_is_noticed_on_open_connections_too(house: House) -> None:
    async with house.database.read() as tx:
        seen: list[int] = []

        def look(connection: object) -> None:
            driver = connection.connection.driver_connection
            own: socket.socket = driver._transport.get_extra_info("socket")
            seen.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
            seen.append(own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

        await tx.on_connection(look)
    assert seen == [2000, 1]
