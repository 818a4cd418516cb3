"""What one process writes, another hears at once, without asking again and again."""

import asyncio
import contextlib

from mailkeep.base.clock import ManualClock
from mailkeep.store.database import Database


async def _hears(database: Database, topic: str) -> asyncio.Event:
    heard = asyncio.Event()
    database.hear(lambda told: heard.set() if told == topic else None)
    return heard


async def test_who_writes_is_heard_after_the_commit(database: Database, clock: ManualClock) -> None:
    other = database
    if not database.is_sqlite:  # another process on the same server
        url = database._engine.url.set(drivername="postgresql")
        other = Database(url.render_as_string(hide_password=False), clock)
    ready, heard = await _hears(other, ""), await _hears(other, "due bulk")
    listening = asyncio.create_task(other.listen())
    if not database.is_sqlite:
        await asyncio.wait_for(ready.wait(), 10)
    async with database.write() as tx:
        database.tell(tx, "due bulk")
        database.tell(tx, "due bulk")
        await asyncio.sleep(0.05)
        assert not heard.is_set()
    await asyncio.wait_for(heard.wait(), 10)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    if other is not database:
        await other.close()


async def test_what_was_rolled_back_is_not_told(database: Database) -> None:
    ready = await _hears(database, "")
    heard, next_one = await _hears(database, "due bulk"), await _hears(database, "due recovery")
    listening = asyncio.create_task(database.listen())
    if not database.is_sqlite:
        await asyncio.wait_for(ready.wait(), 10)
    with contextlib.suppress(RuntimeError):
        async with database.write() as tx:
            database.tell(tx, "due bulk")
            raise RuntimeError
    async with database.write() as tx:
        database.tell(tx, "due recovery")
    await asyncio.wait_for(next_one.wait(), 10)  # what is told later is heard later
    assert not heard.is_set()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
