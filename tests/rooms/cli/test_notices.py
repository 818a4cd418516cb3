"""At the shell: which owners were told."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.base.ids import new_id
from mailkeep.cli.main import app
from mailkeep.incidents import tables as incident_tables
from mailkeep.response import tables
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

from .test_exposed import SETTINGS

ONE, TWO = (f"acc_{number:026}" for number in (1, 2))


async def _begin(home: Path) -> str:
    database = Database(f"sqlite:///{home}/mailkeep.db", SystemClock())
    await upgrade(database)
    async with database.write() as tx:
        incident = new_id("inc", tx.now)
        about = {"id": incident, "subject_kind": "provider", "subject_id": "a"}
        times = {"state": "open", "opened_at": tx.now, "since": tx.now, "opinions": "[]"}
        await tx.run(insert(incident_tables.incidents).values(about | times))
        for name in (ONE, TWO):
            of = {"incident_id": incident, "contact_point_id": name, "account_id": name}
            more = {"message_id": f"msg_{name}", "what": "half_proven", "at": tx.now}
            await tx.run(insert(tables.notices).values(of | more))
    await database.close()
    return incident


def _run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--home", str(home)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_owners_are_listed_in_pages(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    incident = asyncio.run(_begin(tmp_path))
    words = ("incidents", "notices", incident)
    text = _run(tmp_path, *words)
    assert f"{ONE}  not told" in text
    assert "forgotten: half proven" in text
    assert f"More: --after {ONE}" in _run(tmp_path, *words, "--limit", "1")
    said = json.loads(_run(tmp_path, *words, "--unreached", "--after", ONE, "--json"))
    assert ([one["account"] for one in said["notices"]], said["after"]) == ([TWO], None)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_look_at_accounts_is_audited(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    incident = asyncio.run(_begin(tmp_path))
    words = ("incidents", "accounts", incident, "--outcome")
    assert _run(tmp_path, *words, "lost") == "None.\n"
    assert json.loads(_run(tmp_path, *words, "requested", "--json")) == {
        "accounts": [],
        "after": None,
    }
    _run(tmp_path, "incidents", "evidence", incident, str(tmp_path / "bundle"))
    chain = (tmp_path / "bundle" / "audit.jsonl").read_text().splitlines()
    assert [json.loads(one)["act"] for one in chain][-3:] == [
        *("list_touched", "list_touched", "export_evidence")
    ]
