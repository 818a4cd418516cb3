"""The migrations lead to what the rooms' tables say, on both engines."""

import importlib
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import mailkeep
from mailkeep.store.database import Database
from mailkeep.store.migrate import MIGRATIONS, upgrade, versions
from mailkeep.store.schema import metadata


def _load_tables() -> None:
    for path in Path(mailkeep.__file__).parent.glob("*/tables.py"):
        importlib.import_module(f"mailkeep.{path.parent.name}.tables")


async def test_migrations_and_tables_agree(database: Database) -> None:
    _load_tables()
    found: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found.extend(compare_metadata(context, metadata))

    async with database.read() as tx:
        await tx.on_connection(compare)
    assert found == []


def test_the_files_are_numbered_in_their_order() -> None:
    """Whether there is something to migrate is told by their names, without Alembic."""
    script = ScriptDirectory(str(MIGRATIONS))
    assert versions() == tuple(one.revision for one in script.walk_revisions())


async def test_upgrading_twice_changes_nothing(database: Database) -> None:
    await upgrade(database)
