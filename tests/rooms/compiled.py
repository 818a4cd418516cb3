"""Statements compiled once for each kind of engine, and not once for each test.

The library compiles a statement once for each engine, and keeps what came of it there. Each test
has an engine of its own, so that to compile was a quarter of what a test of a room cost. All of
them are alike here: one SQLite, one server.
"""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache

from mailkeep.store import postgresql, sqlite

KEPT = 2_000  #: statements


def _alike(self: Any, other: object) -> bool:
    return type(self) is type(other)


def _kind(self: Any) -> int:
    return hash(type(self))


def share() -> None:
    """Have engines that are made from now on keep what they compile in one place."""
    compiled: Any = LRUCache(KEPT)

    def make(*arguments: Any, **named: Any) -> AsyncEngine:
        made = create_async_engine(*arguments, **named)
        made.sync_engine._compiled_cache = compiled
        return made

    sqlite.create_async_engine = postgresql.create_async_engine = make
    for dialect in (PGDialect_asyncpg, SQLiteDialect_aiosqlite):
        dialect.__eq__ = _alike
        dialect.__hash__ = _kind
