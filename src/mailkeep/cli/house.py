"""Shared set-up of commands: the settings and the database of a home, where Mailkeep may be
running.

No provider's secret is needed: whoever cuts a provider off at three in the morning may do so from a
shell that has none of them.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import typer
from sqlalchemy.exc import OperationalError, ProgrammingError

from mailkeep.app import environment
from mailkeep.app import settings as app_settings
from mailkeep.base import reasons
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings, Invalid, Unavailable
from mailkeep.base.networks import LOOPBACK
from mailkeep.base.secret import Secret
from mailkeep.base.wording import nearest
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade

T = TypeVar("T")

#: What a cut by hand still waits for.
CONFIRM = (
    "a second person confirms the cut, with what `mailkeep providers waiting` shows of it:"
    " `mailkeep providers confirm {} --cut … --state …`"
)


Home = Annotated[
    Path,
    typer.Option(envvar="MAILKEEP_HOME", help="Where the database and the keys are."),
]


def _given(reason: str) -> str:
    try:
        return reasons.given(reason)
    except Invalid as error:
        raise typer.BadParameter(str(error)) from error


Reason = Annotated[str, typer.Option(callback=_given, help="Goes into the audit log.")]
DEFAULT_HOME = Path("mailkeep-data")

#: Of development mode, in the home, for commands that look in from another terminal:
FILE = "development.json"  #: its settings
KEY_FILE = "development.key"  #: 0600: the API key that is good at the time
ACCOUNTS_FILE = "development.accounts"  #: 0600: our accounts at the stand-ins


def settings(home: Path) -> app_settings.Settings:
    """The settings of a home; in development, those that it was started with last.

    Raises:
        BadSettings: there are neither.
    """
    file, development = home / "mailkeep.toml", home / FILE
    if file.exists() or not development.exists():
        if not file.exists() and not environment.given(os.environ, app_settings.Settings):
            raise BadSettings(f"there is no Mailkeep in {home}; say where with --home")
        return app_settings.load(file)
    return app_settings.of_development(json.loads(development.read_text()))


def in_development(home: Path) -> bool:
    """Whether the home's settings are those of a development mode."""
    return (home / FILE).exists() and not (home / "mailkeep.toml").exists()


def provider(home: Path, name: str) -> str:
    """The name, when there is such a provider. Raises ``BadSettings``."""
    known = settings(home).provider_names()
    if name not in known:
        raise BadSettings(f"no provider {name!r}{nearest(name, known)}")
    return name


def way_in(home: Path) -> tuple[str, Secret]:
    """URL and API key of a running Mailkeep: ``MAILKEEP_URL`` and ``MAILKEEP_KEY``; what of them is
    not there, from the home.

    Raises:
        BadSettings: no key is known, or it would travel in clear.
    """
    file = home / KEY_FILE
    key = os.environ.get("MAILKEEP_KEY") or (file.read_text().strip() if file.exists() else "")
    if not key:
        raise BadSettings("no API key: set MAILKEEP_KEY (make one with `mailkeep keys create`)")
    url = os.environ.get("MAILKEEP_URL") or settings(home).public_url
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise BadSettings("MAILKEEP_URL: say http://HOST or https://HOST")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadSettings("MAILKEEP_URL: the key would travel in clear; say https://")
    return url.rstrip("/"), Secret(key)


def read(home: Path, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Run ``work`` in a reading transaction."""

    async def at_once(database: Database) -> T:
        async with database.read() as tx:
            return await work(tx)

    return read_long(home, at_once)


def read_long(home: Path, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run ``work``, which reads in transactions of its own: one that lasts keeps what the database
    would give up."""

    async def run() -> T:
        url = settings(home).database_url(home)
        file = sqlite_file(url)
        if file is not None and not file.exists():
            raise BadSettings(f"there is no database {file}; `mailkeep up` makes it")
        database = Database(url, SystemClock())
        try:
            return await work(database)
        except (OperationalError, ProgrammingError) as error:
            raise Unavailable(
                "the database lacks what this version reads; `mailkeep up` brings it up to date"
            ) from error
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


def at_length(home: Path, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run ``work``, which writes, in transactions of its own, on a schema that is up to date."""

    async def run() -> T:
        database = Database(settings(home).database_url(home), SystemClock())
        try:
            await upgrade(database)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for any other."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def operator() -> str:
    """Who is at the keyboard, as the machine knows them: a number, not a name."""
    return f"uid:{os.getuid()}"
