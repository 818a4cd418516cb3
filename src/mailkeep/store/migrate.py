"""Bring the schema up to date, on either engine, once, whoever starts first."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

from .database import Database, Tx

#: Any number that nothing else takes as an advisory lock in this database.
_LOCK = 6_238_421

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection, metadata: MetaData | None = None) -> Config:
    """Alembic's configuration on an open connection.

    Args:
        metadata: what the schema should be, for comparing and for drafting a migration.
    """
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes.update(connection=connection, metadata=metadata)
    return made


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction, under a lock.

    Raises:
        Unavailable: the database is away or full; the schema is as it was.
    """
    async with database.write() as tx:
        if tx.is_postgresql:
            await tx.run(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await tx.on_connection(lambda connection: command.upgrade(config(connection), "head"))


@cache
def head() -> str | None:
    """The newest migration that this version has."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(made).get_current_head()


async def is_current(tx: Tx) -> bool:
    """Whether the schema is the one that this version was made for: another process, of a later
    version, may have changed it meanwhile."""
    return bool(await tx.value(text("SELECT version_num FROM alembic_version")) == head())
