"""Resets that applications keep, at the command line: what would have become of them, and the share
of an application's users that is recovered here."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mailkeep.accounts import applications
from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.recovery import tables
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "adopt-by-levels.md"
SETTINGS = """
level = "LEVEL"

[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "recovery"
priority = 0
secret = true
routes = [{ provider = "a" }]

[[stream]]
name = "confirmation"
priority = 0
secret = true
routes = [{ provider = "a" }]

[[stream]]
name = "security"
priority = 1
routes = [{ provider = "a" }]

[recovery]
sender = "us@example.com"
"""
ROW = {
    "application": "",
    "address_key": "address_1",
    "browser": "",
    "network": "",
    "agent": "",
    "due_at": None,
}


async def run(home: Path, *words: str) -> tuple[int, Any]:
    arguments = [*words, "--home", str(home)]
    said = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    shown = "--json" in words and said.exit_code == 0
    return said.exit_code, json.loads(said.stdout) if shown else said.stdout


async def opened(home: Path, level: str) -> Database:
    (home / "mailkeep.toml").write_text(SETTINGS.replace("LEVEL", level))
    database = Database(f"sqlite:///{home}/mailkeep.db", SystemClock())
    await upgrade(database)
    return database


async def test_what_would_have_become_of_resets_is_said(tmp_path: Path) -> None:
    database = await opened(tmp_path, "rehearse")
    assert await run(tmp_path, "recoveries", "rehearsed") == (0, "no reset was rehearsed\n")
    code, _ = await run(
        *(tmp_path, "applications", "add", "Shop", "--redirect", "https://shop.example/back")
    )
    assert code == 0
    async with database.write() as tx:
        shop = (await applications.named(tx, "Shop")).id
        for number, (way, would) in enumerate(
            [("there", "at_once"), ("there", "not_registered"), ("here", None)]
        ):
            row = ROW | {"id": f"reh_{'z' * 25}{number}", "way": way, "would": would}
            row |= {"asked_at": tx.now, "application": shop}
            await tx.run(tables.rehearsals.insert().values(**row))
    await database.close()
    code, found = await run(tmp_path, "recoveries", "rehearsed", "--since", "7d", "--json")
    assert (code, found["asked"], found["here"], found["at_once"]) == (0, 3, 1, 1)
    assert found["meaning"] == "of 2 resets 1 would have gone through at once, 1 not registered"
    code, text = await run(tmp_path, "recoveries", "rehearsed", "--application", "Shop")
    assert (code, text.splitlines()) == (
        0,
        [
            found["meaning"],
            "recovered here: 1",
            f"cheapest step: {found['next']}",
        ],
    )
    assert (await run(tmp_path, "recoveries", "rehearsed", "--application", "Nobody"))[0] == 1
    assert (await run(tmp_path, "recoveries", "rehearsed", "--since", "soon"))[0] != 0


async def test_a_share_is_set_at_the_shell_and_only_where_shares_count(tmp_path: Path) -> None:
    """No key of the API sets it, so that no thief of one sends anybody the weaker way."""
    await (await opened(tmp_path, "share")).close()
    code, _ = await run(
        *(tmp_path, "applications", "add", "Shop", "--redirect", "https://shop.example/back")
    )
    assert code == 0
    code, found = await run(tmp_path, "applications", "share", "Shop", "25", "--json")
    assert (code, found["share"]) == (0, 25)
    assert "share 25%" in (await run(tmp_path, "applications", "list"))[1]
    assert (await run(tmp_path, "applications", "share", "Shop", "101"))[0] == 2
    assert (await run(tmp_path, "applications", "share", "Nobody", "1"))[0] == 1
    code, found = await run(tmp_path, "audit", "list", "--json")
    assert "share_application" in json.dumps(found)
    words = PAGE.read_text().split("## Rehearse")[1]
    shown = re.findall(r"^mailkeep (\w+ \w+ .*)$", words, re.MULTILINE)
    assert shown == ["recoveries rehearsed --since 7d", "applications share Shop 1"]
    for command in shown:
        assert (await run(tmp_path, *command.split()))[0] == 0
    for level in ("rehearse", "recover"):
        (tmp_path / "mailkeep.toml").write_text(SETTINGS.replace("LEVEL", level))
        assert (await run(tmp_path, "applications", "share", "Shop", "50"))[0] == 1
