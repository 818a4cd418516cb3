"""Wakes waiting loops when another process on the same PostgreSQL has written (LISTEN/NOTIFY).

It only wakes: a loop that misses a notification, because the connection was lost, polls by itself a
moment later. Polling fast enough to be quick would cost more than the work.
"""

import asyncio
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

CHANNEL = "mailkeep"
AGAIN_SECONDS = 1.0
ALIVE_SECONDS = 20.0  #: how often the connection is tried: a lost one may not say so itself


async def listen(dsn: str, told: Callable[[str], None]) -> None:
    """Call ``told`` with each topic, until cancelled; with "" where some may have been missed."""
    import asyncpg  # with SQLite there is nobody else to hear

    while True:
        try:
            await _listen(dsn, told)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("listening.lost", error=type(error).__name__)
        await asyncio.sleep(AGAIN_SECONDS)


async def _listen(dsn: str, told: Callable[[str], None]) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.add_listener(CHANNEL, lambda _c, _pid, _channel, topic: told(topic))
        told("")
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            await connection.execute("SELECT 1", timeout=10)
    finally:
        connection.terminate()
