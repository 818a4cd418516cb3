"""Draft the migration that takes the schema from the last one to what the rooms' tables say.

Usage: ``python scripts/draft_migration.py 0014 "what changes"``, with the next number.
Read it before you commit it.
"""

import asyncio
import importlib
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from mailkeep.base.clock import SystemClock
from mailkeep.store import migrate
from mailkeep.store.database import Database
from mailkeep.store.schema import metadata


def load_tables() -> None:
    """Import every room's tables, so that the metadata knows them."""
    for path in sorted((Path(__file__).parents[1] / "src" / "mailkeep").glob("*/tables.py")):
        importlib.import_module(f"mailkeep.{path.parent.name}.tables")


async def draft(number: str, words: str) -> None:
    load_tables()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/draft.db", SystemClock())

        def write(connection: Connection) -> None:
            config = migrate.config(connection, metadata)
            command.revision(config, words, autogenerate=True, rev_id=number)

        if any(migrate.MIGRATIONS.glob("versions/[0-9]*.py")):
            await migrate.upgrade(database)
        async with database.write() as tx:
            await tx.on_connection(write)
        await database.close()


if __name__ == "__main__":
    asyncio.run(draft(sys.argv[1], sys.argv[2]))
