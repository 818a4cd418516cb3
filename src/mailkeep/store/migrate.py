"""Runs the schema migrations on either engine, once, by whichever process starts first.

Alembic is imported only when there is something to migrate, so that other starts do not wait for
it.
"""

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, text

from . import locks
from .database import Database, Tx

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection, metadata: MetaData | None = None) -> "Config":
    """Alembic's configuration on an open connection.

    Args:
        metadata: what the schema should be, for comparing and for drafting a migration.
    """
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes.update(connection=connection, metadata=metadata)
    return made


async def upgrade(database: Database, whole: MetaData | None = None) -> None:
    """Run the migrations that are missing, in one transaction, under a lock.

    Args:
        whole: the tables of every room, from whoever has imported them all. An empty database gets
            them as they are, which is what the migrations come to, for a sixth of their time.

    Raises:
        Unavailable: the database is away or full; the schema is as it was.
    """
    async with database.write() as tx:
        await locks.alone(tx, locks.MIGRATIONS)
        found = await version(tx)
        if found is None and whole is not None:
            await tx.on_connection(partial(_create, whole))
        elif found != head():
            await tx.on_connection(_migrate)


def _create(whole: MetaData, connection: Connection) -> None:
    whole.create_all(connection, checkfirst=False)
    # In Alembic's own format: a later version of this program continues from here.
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head()})


def _migrate(connection: Connection) -> None:
    from alembic import command

    command.upgrade(config(connection), "head")


@cache
def versions() -> tuple[str, ...]:
    """The schema versions that this code knows, the newest first: the files are numbered in their
    order."""
    names = (one.name for one in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return tuple(sorted((name.partition("_")[0] for name in names), reverse=True))


async def version(tx: Tx) -> str | None:
    """The version of a database's schema; None when it has none yet."""
    there = await tx.value(
        text("SELECT to_regclass('alembic_version')")
        if tx.is_postgresql
        else text("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
    )
    if there is None:
        return None
    found = await tx.value(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def head() -> str:
    """The newest migration that this version has."""
    return versions()[0]


async def is_current(tx: Tx) -> bool:
    """Whether the schema is the one that this version needs: a process of a later version may have
    changed it meanwhile."""
    return bool(await tx.value(text("SELECT version_num FROM alembic_version")) == head())
