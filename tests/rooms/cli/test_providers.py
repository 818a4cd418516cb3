"""A cut from the command line waits for an automatic one that is being counted."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.mail import queries
from mailkeep.response.keeping import take_turn
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }]
"""


async def test_a_cut_takes_its_turn(
    new_postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(new_postgresql, SystemClock())
    await upgrade(database)
    (tmp_path / "mailkeep.toml").write_text(f'database = "env:DB_URL"\n{SETTINGS}')
    monkeypatch.setenv("DB_URL", new_postgresql)
    words = ["providers", "cut", "a", "--reason", "test", "--json", "--home", str(tmp_path)]

    async with database.write() as tx:
        await take_turn(tx)  # an automatic act counts what stands
        command = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, app, words))
        waits = 0
        for _ in range(600):
            waits = await tx.value(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            if waits or command.done():
                break
            await asyncio.sleep(0.05)
        assert waits
        assert not command.done()
        assert await queries.cut(tx) == {}
    result = await asyncio.wait_for(command, 30)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"provider": "a", "cut": True, "sent_again": 0}
    async with database.read() as tx:
        assert list(await queries.cut(tx)) == ["a"]
    await database.close()
