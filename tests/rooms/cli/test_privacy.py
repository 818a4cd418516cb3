"""``mailkeep privacy`` at the shell of the house."""

import asyncio
import json
from pathlib import Path

from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade


def test_nothing_is_counted_as_handed_out_that_could_not_be_written(tmp_path: Path) -> None:
    """An export is audited, and a day has few: a mistyped directory costs none."""
    (tmp_path / "mailkeep.toml").write_text("")

    async def make() -> None:
        database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
        await upgrade(database)
        await database.close()

    def run(*words: str) -> tuple[int, str, str]:
        said = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        return said.exit_code, said.stdout, str(said.exception or "")

    asyncio.run(make())
    lost = tmp_path / "none" / "ada.json"
    assert "is no directory" in run("privacy", "export", "ada@example.net", str(lost))[2]
    assert json.loads(run("audit", "list", "--json")[1]) == {"entries": []}
    there = tmp_path / "ada.json"
    assert run("privacy", "export", "ada@example.net", str(there))[0] == 0
    assert there.stat().st_mode & 0o077 == 0
    (entry,) = json.loads(run("audit", "list", "--json")[1])["entries"]
    assert entry["act"] == "privacy.export"
