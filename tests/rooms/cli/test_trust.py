"""``mailkeep trust`` at the shell of the house."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[provider]]
name = "b"
kind = "smtp"
party = "b"

[[party]]
id = "a"

[[party]]
id = "b"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }, { provider = "b" }]
"""


@pytest.mark.parametrize(
    ("parties", "words"),
    [
        ("a", ("If a falls:", "Addresses given to it:", "What it could do:")),
        ("a,b", ("If a and b fall:", "Addresses given to them:", "What they could do:")),
    ],
)
def test_one_that_falls_and_several_that_fall_are_spoken_of_as_such(
    parties: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)

    async def make() -> None:
        database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
        await upgrade(database)
        await database.close()

    asyncio.run(make())
    said = CliRunner().invoke(app, ["trust", "whatif", parties, "--home", str(tmp_path)])
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    for one in words:
        assert any(line.startswith(one) for line in lines), one
    assert all(line == line.rstrip() for line in lines)
