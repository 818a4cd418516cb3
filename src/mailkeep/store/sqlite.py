"""SQLite connections: durable before acknowledged, and few switches to their threads.

aiosqlite switches to the connection's thread for a cursor, for the statement, for its rows and to
close the cursor: four switches, each dearer than most statements. Here one call does all of it, for
as many statements as there are.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import Any, Self, TypeVar

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .repeated import Call

T = TypeVar("T")

_CHUNK = 64  # rows that the library would read at once; we read them all
READERS = 3  #: connections beside the one that writes and the one that glances
#: KiB of pages that a connection keeps. Every write meets the same few pages again; what others
#: read lies in the system's own cache, which all connections share.
WRITER_CACHE, READER_CACHE, GLANCE_CACHE = 32_000, 8_000, 2_000

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # durable before acknowledged
    "foreign_keys=ON",
    "busy_timeout=5000",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "wal_autocheckpoint=8000",  # pages: what is written twice between two costs the disk once
)


class Opened:
    """The connections of one file that are open.

    The library forgets one without closing it when whoever asked for it is cancelled while it is
    being prepared; its thread and its file would stay.
    """

    def __init__(self) -> None:
        self._ones: set[RawConnection] = set()

    async def connect(self, path: str, cache: int) -> "RawConnection":
        connection = RawConnection(partial(_prepared, path, cache))
        connection.thread.daemon = True  # as the library has it: it must not hang the exit
        self._ones = {one for one in self._ones if one.thread.is_alive()} | {connection}
        try:
            await connection
        finally:
            connection.settled.set()
        return connection

    async def close(self) -> None:
        """Close those that nobody has closed, and see all their threads end: one that answers to a
        loop that is gone would say so."""
        while self._ones:  # one may be opened meanwhile
            one = next(iter(self._ones))
            await one.settled.wait()
            if one.alive:
                await one.close()
            if one.thread.is_alive():
                await asyncio.to_thread(one.thread.join)
            self._ones.discard(one)


def engine(url: URL, connections: int, opened: Opened, cache: int) -> AsyncEngine:
    """An engine on the file that ``url`` names, whose connections keep ``cache`` KiB of it each.

    All that is written goes over one connection: a second one would find all that the first has in
    memory out of date, and each would read again what the other had written.
    """
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return=None,  # ``Database`` ends every transaction that it begins
        hide_parameters=True,
        async_creator=partial(opened.connect, url.database or "", cache),
    )


def _prepared(path: str, cache: int) -> sqlite3.Connection:
    """In the connection's thread."""
    # We say BEGIN ourselves.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*_PRAGMAS, f"cache_size=-{cache}"):
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        connection.close()
        raise
    return connection


async def raw(connection: AsyncConnection) -> "RawConnection":
    """The driver's connection below one of the library's."""
    found = (await connection.get_raw_connection()).driver_connection
    assert isinstance(found, RawConnection)
    return found


class RawConnection(aiosqlite.Connection):
    """A connection, and the thread in which all is done over it.

    Attributes:
        settled: set once it is open, or will never be.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _CHUNK)
        self.settled = asyncio.Event()

    @property
    def thread(self) -> Thread:
        found: Thread = self._thread
        return found

    @property
    def alive(self) -> bool:
        """The library closes one in which somebody was cancelled."""
        return self._running and self._connection is not None

    def cursor(self) -> "_Cursor":  # type: ignore[override]
        return _Cursor(self)

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run ``work`` in the connection's thread; returns its result."""
        done: T = await self._execute(work, *arguments)  # type: ignore[no-untyped-call]
        return done

    async def carry_out(
        self, first: Sequence[Call], calls: Sequence[Call], commit: bool
    ) -> list[Sequence[Any]]:
        """Execute the writes, then read the rows of each query, then commit where that is asked: in
        one switch to the thread.

        Raises:
            DBAPIError: as the library raises it; what came before the fault is done.
        """
        try:
            return await self.do(_carry_out, self._conn, first, calls, commit)
        except sqlite3.Error as error:
            raise DBAPIError.instance("", None, error, sqlite3.Error, True) from error
        except ValueError as error:
            if self.alive:
                raise
            closed = sqlite3.OperationalError("the connection was closed")
            raise DBAPIError("", None, closed, True, connection_invalidated=True) from error


def _carry_out(
    connection: sqlite3.Connection, first: Sequence[Call], calls: Sequence[Call], commit: bool
) -> list[Sequence[Any]]:
    """In the connection's thread."""
    for sql, rows in first:
        if isinstance(rows, list):
            connection.executemany(sql, rows)
        else:
            connection.execute(sql, rows)
    found: list[Sequence[Any]] = []
    for sql, values in calls:
        found.append(connection.execute(sql, values).fetchall())
    if commit:
        connection.commit()
    return found


class _Cursor:
    """A cursor with all its rows, as SQLAlchemy's adapter uses one."""

    def __init__(self, connection: RawConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        await self._connection.do(self._run, sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Self:
        await self._connection.do(self._run, sqlite3.Cursor.executemany, sql, parameters)
        return self

    def _run(self, how: Any, sql: str, parameters: Any) -> None:
        """In the connection's thread."""
        cursor = self._connection._conn.cursor()
        try:
            how(cursor, sql, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []
