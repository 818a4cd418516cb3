"""Databases for tests: migrated once for each kind, and then copied."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from mailkeep.base.clock import ManualClock
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

#: Nothing of a test outlives its machine, and thousands of databases come and go.
_FOR_TESTS = {"fsync": "off", "autovacuum": "off"}


class Server:
    """A real PostgreSQL, and one migrated database on it as a template."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._template = ""

    async def empty(self) -> str:
        """The URL of a new database without tables."""
        return await self._new("template1")

    async def migrated(self) -> str:
        """The URL of a new database with ours."""
        if not self._template:
            async with self._admin() as admin:
                for name, value in _FOR_TESTS.items():
                    await admin.execute(f"ALTER SYSTEM SET {name} = {value}")
                await admin.execute("SELECT pg_reload_conf()")
            made = await self.empty()
            await _migrate(made)
            self._template = str(make_url(made).database)
        return await self._new(self._template)

    async def drop(self, url: str) -> None:
        """Remove a database, and whoever still uses it."""
        async with self._admin() as admin:
            await admin.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    async def _new(self, template: str) -> str:
        name = f"t{uuid4().hex}"
        async with self._admin() as admin:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url.set(database=name).render_as_string(hide_password=False)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[asyncpg.Connection]:
        admin = await asyncpg.connect(
            host=str(self._url.query["host"]), user=self._url.username, database=self._url.database
        )
        try:
            yield admin
        finally:
            await admin.close()


class Files:
    """SQLite files that are copies of a migrated one."""

    def __init__(self, home: Path) -> None:
        self._template = home / "template.db"

    async def migrated(self, path: Path) -> str:
        """The URL of a new file with our tables."""
        if not self._template.exists():
            await _migrate(f"sqlite:///{self._template}")
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"


async def _migrate(url: str) -> None:
    database = Database(url, ManualClock())
    await upgrade(database)
    await database.close()
