"""The suppression list at the command line: brought in whole or not at all, and taken along."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailkeep.base.clock import SystemClock
from mailkeep.cli import suppressions
from mailkeep.cli.main import app
from mailkeep.events.queries import entries
from mailkeep.store.database import Database

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"
base_url = "smtp://localhost:25"
[[party]]
id = "a"
[[stream]]
name = "bulk"
priority = 50
routes = [{ provider = "a" }]
keep = 0
"""
MINDS = 'suppress = ["bounced", "complained", "unsubscribed"]\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS + MINDS)
    return tmp_path


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["suppressions", *words, "--home", str(home)])


def _listed(home: Path) -> set[tuple[str, str, str]]:
    found = json.loads(_run(home, "list", "--json").stdout)
    return {(one["address"], one["reason"], one["provider"]) for one in found["entries"]}


def test_a_list_is_brought_in_and_goes_out_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressions, "BATCH", 2)
    file = home / "list.csv"
    people = [f"user{number}@example.net,HardBounce" for number in range(5)]
    file.write_text("\n".join(["EmailAddress,SuppressionReason", *people, ""]))
    checked = json.loads(_run(home, "import", str(file), "--check", "--json").stdout)
    assert (checked["reasons"], checked["written"]) == ({"bounced": 5}, False)
    done = _run(home, "import", str(file), "--provider", "postmark", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["new"], told["known"], told["minding"]) == (5, 0, ["bulk"])
    again = json.loads(_run(home, "import", str(file), "--provider", "postmark", "--json").stdout)
    assert (again["new"], again["known"]) == (0, 5)
    assert _listed(home) == {
        (f"user{number}@example.net", "bounced", "postmark") for number in range(5)
    }

    out = home / "out.jsonl"
    assert json.loads(_run(home, "export", str(out), "--json").stdout)["entries"] == 5
    assert out.stat().st_mode & 0o777 == 0o600
    assert isinstance(_run(home, "export", str(out)).exception, FileExistsError)
    other = home / "other"
    other.mkdir()
    (other / "mailkeep.toml").write_text(SETTINGS + MINDS)
    assert _run(other, "import", str(out)).exit_code == 0
    assert _listed(other) == _listed(home)
    assert _acts(home) == ["export_suppressions", "import_suppressions", "import_suppressions"]


def _acts(home: Path) -> list[str]:
    async def work() -> list[str]:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        async with database.read() as tx:
            found = [one.act for one in await entries(tx)]
        await database.close()
        return found

    return asyncio.run(work())


def test_nothing_is_half_brought_in(home: Path) -> None:
    file = home / "list.csv"
    file.write_text("email,reason\nada@example.net,bounce\nnobody,bounce\nbob@example.net,spam\n")
    found = _run(home, "import", str(file))
    assert found.exit_code == 1
    assert "line 3: not a mail address" in found.stderr
    assert "2 of 3 lines can be taken" in found.stdout
    assert not (home / "mailkeep.db").exists()
    assert _run(home, "import", str(file), "--partial").exit_code == 1
    assert {one[:2] for one in _listed(home)} == {
        ("ada@example.net", "bounced"),
        ("bob@example.net", "complained"),
    }


def test_an_address_is_put_on_and_taken_off(home: Path) -> None:
    said = _run(home, "add", "Ada@example.net", "--reason", "unsubscribed", "--days", "3")
    assert "on the list" in said.stdout, said.output
    assert "said anew" in _run(home, "add", "ada@example.net", "--reason", "unsubscribed").stdout
    assert "every stream" in _run(home, "list", "--address", "ADA@example.net").stdout
    assert "not on the list" in _run(home, "list", "--address", "bob@example.net").stdout
    assert json.loads(_run(home, "remove", "ada@example.net", "--json").stdout)["removed"] == 1
    assert "was not on" in _run(home, "remove", "ada@example.net").stdout
    assert _listed(home) == set()


def test_what_is_mistaken_is_said(home: Path) -> None:
    assert "did you mean" in str(_run(home, "add", "a@b.example", "--stream", "bulks").exception)
    assert "not a mail address" in str(_run(home, "add", "nobody").exception)
    (home / "mailkeep.toml").write_text(SETTINGS)
    assert "No stream minds the list" in _run(home, "add", "ada@example.net").stderr
