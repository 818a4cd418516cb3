"""An evidence bundle at the shell: taken, and held to heads that were kept elsewhere."""

import asyncio
import json
from pathlib import Path

from sqlalchemy import insert, update
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.events import audit
from mailkeep.events.tables import audit as chain
from mailkeep.incidents import tables
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

HOUSE = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"
base_url = "smtp://localhost:25"

[[party]]
id = "a"

[[stream]]
name = "bulk"
priority = 9
routes = [{{ provider = "a" }}]

[audit]
anchors = ["file:{heads}"]
"""


async def _begin(home: Path) -> None:
    database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    async with database.write() as tx:
        await tx.run(
            insert(tables.incidents).values(
                id="inc_1",
                subject_kind="provider",
                subject_id="a",
                state="open",
                opened_at=tx.now,
                since=tx.now,
                opinions="[]",
            )
        )
        for number in range(3):
            await audit.write(tx, "key_ada", "note_incident", {"incident": f"inc_{number}"})
    await database.close()


async def _alter(home: Path) -> None:
    database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
    async with database.write() as tx:
        await tx.run(update(chain).where(chain.c.number == 2).values(actor="key_eve"))
    await database.close()


def test_a_bundle_is_taken_and_held_to_kept_heads(tmp_path: Path) -> None:
    heads = tmp_path / "heads.txt"
    (tmp_path / "mailkeep.toml").write_text(HOUSE.format(heads=heads))
    asyncio.run(_begin(tmp_path))

    def run(*words: str, home: bool = True) -> tuple[int, str, str]:
        where = ("--home", str(tmp_path)) if home else ()
        said = CliRunner().invoke(app, [*words, *where])
        return said.exit_code, said.stdout, str(said.exception or "")

    heads.write_text(run("audit", "head")[1])
    public = json.loads(heads.read_text())["public_key"]
    bundle = tmp_path / "bundle"
    code, taken, why = run("incidents", "evidence", "inc_1", str(bundle), "--json")
    assert (code, why) == (0, "")
    assert (json.loads(taken)["chain_broken_at"], json.loads(taken)["anchors"]["fits"]) == (None, 3)
    verify = ("incidents", "verify", str(bundle))
    _, text, _ = run(*verify, home=False)
    assert "1 anchor of its house agreed at that time" in text
    _, text, _ = run(*verify, "--against", str(heads), "--key", public, home=False)
    assert "1 head that you kept agrees, up to entry 3:" in text
    assert "Compare the key" not in text
    assert "another key" in run(*verify, "--key", "00" * 32, home=False)[2]
    assert "no head" in run(*verify, "--against", str(tmp_path / "mailkeep.toml"), home=False)[2]

    asyncio.run(_alter(tmp_path))
    altered = tmp_path / "altered"
    assert "Entry 2 does not fit" in run("incidents", "evidence", "inc_1", str(altered))[1]
    assert "entry 2 of" in run("incidents", "verify", str(altered), home=False)[2]
