"""Who is cancelled while a connection is being opened leaves none behind."""

import asyncio
import contextlib
import gc
from pathlib import Path

import pytest
from sqlalchemy import text

from mailkeep.base.clock import ManualClock
from mailkeep.store.database import Database
from mailkeep.store.sqlite import RawConnection

STEPS = 40  # of the loop, until a first read is done: more than it takes


@pytest.mark.parametrize("way", ["read", "write", "glance"])
async def test_a_cancelled_opening_leaves_no_connection(tmp_path: Path, way: str) -> None:
    done = 0
    for steps in range(STEPS):
        database = Database(f"sqlite:///{tmp_path / 'some.db'}", ManualClock())

        async def ask(database: Database = database) -> None:
            async with getattr(database, way)() as tx:
                await tx.value(text("SELECT 1"))

        asking = asyncio.create_task(ask())
        for _ in range(steps):
            await asyncio.sleep(0.0005)  # each step waits for the connection's thread
        done += asking.done()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await database.close()
    gc.collect()
    assert done, "it was never cancelled late enough"
    left = [one for one in gc.get_objects() if isinstance(one, RawConnection) and one.alive]
    assert left == []
