"""SQLite's connections: durable before acknowledged, and one way to their thread a statement.

aiosqlite goes to the connection's thread for a cursor, for the statement, for its rows and to close
the cursor: four ways, each dearer than most statements. Here one call does all of it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy import URL, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

#: Readers beside the one that writes.
CONNECTIONS = 4

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # durable before acknowledged
    "foreign_keys=ON",
    "busy_timeout=5000",
    "secure_delete=ON",
    "temp_store=MEMORY",
)


def engine(url: URL) -> AsyncEngine:
    """An engine on the file that ``url`` names."""
    made = create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_reset_on_return=None,  # ``Database`` ends every transaction that it begins
        hide_parameters=True,
        async_creator=partial(_connect, url.database or ""),
    )
    _prepare(made.sync_engine)
    return made


def _prepare(made: Engine) -> None:
    event.listen(made, "connect", _on_connect)


async def _connect(path: str) -> "_Connection":
    connection = _Connection(partial(sqlite3.connect, path, check_same_thread=False), 64)
    connection._thread.daemon = True  # as SQLAlchemy has it: a forgotten one must not hang the exit
    await connection
    return connection


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Connection(aiosqlite.Connection):
    def cursor(self) -> "_Cursor":  # type: ignore[override]
        return _Cursor(self)

    async def do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Have ``work`` done in the connection's thread."""
        await self._execute(work, *arguments)  # type: ignore[no-untyped-call]


class _Cursor:
    """A cursor with all its rows, as SQLAlchemy's adapter uses one."""

    def __init__(self, connection: _Connection) -> None:
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
