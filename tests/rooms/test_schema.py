"""The migrations lead to what the rooms' tables say, on both engines."""

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import mailkeep
from mailkeep.base.clock import ManualClock
from mailkeep.store.database import Database
from mailkeep.store.migrate import MIGRATIONS, is_current, upgrade, versions
from mailkeep.store.schema import metadata


def _load_tables() -> None:
    for path in Path(mailkeep.__file__).parent.glob("*/tables.py"):
        importlib.import_module(f"mailkeep.{path.parent.name}.tables")


#: By an expression, which each engine writes down in words of its own, and which the library does
#: not read on SQLite. The tests below compare it as it was made.
EXPRESSION = "ix_events_signals"


@pytest.mark.filterwarnings(f"ignore:(Skipped|autogenerate skipping).* '?{EXPRESSION}")
async def test_migrations_and_tables_agree(database: Database) -> None:
    _load_tables()
    found: list[object] = []

    def compare(connection: Connection) -> None:
        opts = {"compare_type": True, "include_object": lambda _, name, *_more: name != EXPRESSION}
        context = MigrationContext.configure(connection, opts=opts)
        found.extend(compare_metadata(context, metadata))

    async with database.read() as tx:
        await tx.on_connection(compare)
    assert found == []


def test_the_files_are_numbered_in_their_order() -> None:
    """Whether there is something to migrate is told by their names, without Alembic."""
    script = ScriptDirectory(str(MIGRATIONS))
    assert versions() == tuple(one.revision for one in script.walk_revisions())


def _parts(sql: str) -> list[str]:
    """A statement of SQLite in parts, in whatever order it has its constraints."""
    return sorted(" ".join(sql.replace("(", " ( ").replace(")", " ) ").replace(",", " ").split()))


_SQLITE = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_COLUMNS = """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
    column_default FROM information_schema.columns WHERE table_schema = 'public'"""
_CONSTRAINTS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"


async def _described(database: Database) -> list[object]:
    async with database.read() as tx:
        if database.is_sqlite:
            rows = await tx.tuples(text(_SQLITE))
            return sorted([kind, name, _parts(sql)] for kind, name, sql in rows)
        asked = (_COLUMNS, _CONSTRAINTS, _INDEXES)
        return sorted([str(row) for one in asked for row in await tx.tuples(text(one))])


async def _same(one: Database, url: str) -> None:
    _load_tables()
    fresh = Database(url, ManualClock())
    await upgrade(fresh, metadata)
    await upgrade(fresh, metadata)
    assert await _described(fresh) == await _described(one)
    async with fresh.read() as tx:
        assert await is_current(tx)
    await fresh.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_empty_file_gets_what_the_migrations_come_to(
    database: Database, tmp_path: Path
) -> None:
    await _same(database, f"sqlite:///{tmp_path / 'fresh.db'}")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_an_empty_postgresql_gets_what_the_migrations_come_to(
    database: Database, new_postgresql: str
) -> None:
    await _same(database, new_postgresql)


async def test_upgrading_twice_changes_nothing(database: Database) -> None:
    before = await _described(database)
    await upgrade(database)
    assert await _described(database) == before
