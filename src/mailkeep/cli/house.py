"""What a command needs of a Mailkeep that may be running elsewhere: its settings, its database.

No provider's secret is asked for: who cuts a provider off at three in the morning may do so from a
shell that has none of them.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mailkeep.app import settings as app_settings
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade
from mailkeep.trust.register import nearest

from .development import FILE

T = TypeVar("T")


class NoSecrets(dict[str, str]):
    """An environment in which every secret is empty: for who only reads."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        return ""


Home = Annotated[
    Path,
    typer.Option(envvar="MAILKEEP_HOME", help="Where the database and the keys are."),
]
DEFAULT_HOME = Path("mailkeep-data")


def settings(home: Path) -> app_settings.Settings:
    """The settings of a home; in development, those that it was started with last.

    Raises:
        BadSettings: there are neither.
    """
    file, development = home / "mailkeep.toml", home / FILE
    if file.exists():
        return app_settings.load(file)
    if not development.exists():
        raise BadSettings(f"there is no Mailkeep in {home}; say where with --home")
    return app_settings.parse(json.loads(development.read_text()))


def provider(home: Path, name: str) -> str:
    """The name, when there is such a provider. Raises ``BadSettings``."""
    known = settings(home).provider_names()
    if name not in known:
        raise BadSettings(f"no provider {name!r}{nearest(name, known)}")
    return name


def read(home: Path, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Run ``work`` in a reading transaction."""

    async def run() -> T:
        database = Database(settings(home).database_url(home), SystemClock())
        try:
            async with database.read() as tx:
                return await work(tx)
        finally:
            await database.close()

    return asyncio.run(run())


def write(home: Path, work: Callable[[Database, Tx], Awaitable[T]]) -> T:
    """Run ``work`` in a writing transaction, on a schema that is up to date."""

    async def run() -> T:
        database = Database(settings(home).database_url(home), SystemClock())
        try:
            await upgrade(database)
            return await database.retrying(lambda tx: work(database, tx))
        finally:
            await database.close()

    return asyncio.run(run())


def operator() -> str:
    """Who is at the keyboard, as the machine knows them: a number, not a name."""
    return f"uid:{os.getuid()}"
