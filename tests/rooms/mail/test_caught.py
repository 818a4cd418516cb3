"""The development mailbox as a table: the newest thousand, searched and cleared."""

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import NotFound
from mailkeep.http.mailbox.shelf import Shelf
from mailkeep.mail import queries, services
from mailkeep.store.database import Database


async def _catch(database: Database, clock: ManualClock, count: int) -> list[str]:
    out = []
    for number in range(count):
        clock.advance(0.01)
        async with database.write() as tx:
            raw = f"Subject: mail {number}\r\n\r\nbody {number}".encode()
            out.append(await services.catch(tx, f"user{number}@example.net", raw))
    return out


async def test_the_shelf_takes_each_mail_apart_once(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await _catch(database, clock, 25)
    shelf = Shelf(database)
    found = await shelf.all()
    assert [one.id for one in found] == ids[::-1]
    assert found[0].subject == "mail 24"
    before = await shelf.version()
    asked: list[int] = []
    real = queries.caught

    async def counted(tx, mails):
        asked.append(len(mails))
        return await real(tx, mails)

    monkeypatch.setattr(queries, "caught", counted)
    assert await shelf.all() == found
    assert asked == []
    ids += await _catch(database, clock, 1)
    assert [one.id for one in await shelf.all()] == ids[::-1]
    assert asked == [1]
    assert await shelf.version() != before


async def test_mails_are_deleted_by_name_and_nothing_else_is(
    database: Database, clock: ManualClock
) -> None:
    ids = await _catch(database, clock, 4)
    shelf = Shelf(database)
    await shelf.all()
    async with database.write() as tx:
        await services.uncatch(tx, [ids[0], ids[2], "cm_gone"])
        await services.uncatch(tx, [])
    assert [one.id for one in await shelf.all()] == [ids[3], ids[1]]
    async with database.read() as tx:
        assert (await queries.caught_one(tx, ids[1])).recipient == "user1@example.net"
        with pytest.raises(NotFound):
            await queries.caught_one(tx, ids[0])


async def test_a_message_that_is_not_ours_is_not_known(database: Database) -> None:
    async with database.read() as tx:
        assert await queries.known(tx, ["msg_nobody"]) == {}
