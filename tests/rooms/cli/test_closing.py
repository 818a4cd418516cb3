"""At the shell: what people say of an incident, its report, and its end."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.incidents import tables
from mailkeep.mail import api_keys
from mailkeep.mail import tables as mail_tables
from mailkeep.response import tables as response_tables
from mailkeep.response.types import Preview
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
provider = [
  { name = "a", kind = "smtp", party = "a" }, { name = "b", kind = "smtp", party = "b" },
]
party = [{ id = "a" }, { id = "b" }]

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }, { provider = "b" }]
"""


@pytest.fixture
def incident(tmp_path: Path) -> str:
    """An open incident about a provider, in a home of its own."""
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)

    async def begin() -> str:
        database = Database(f"sqlite:///{tmp_path}/mailkeep.db", SystemClock())
        await upgrade(database)
        async with database.write() as tx:
            found = new_id("inc", tx.now)
            about = {"id": found, "subject_kind": "provider", "subject_id": "a"}
            times = {"state": "open", "opened_at": tx.now, "since": tx.now, "opinions": "[]"}
            await tx.run(insert(tables.incidents).values(about | times))
        await database.close()
        return found

    return asyncio.run(begin())


def _run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["incidents", *words, "--home", str(home)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_is_to_do_is_counted_at_the_shell_as_everywhere(tmp_path: Path, incident: str) -> None:
    async def propose() -> None:
        database = Database(f"sqlite:///{tmp_path}/mailkeep.db", SystemClock())
        async with database.write() as tx:
            for name, idle in (("cut_provider", False), ("rest_provider", True)):
                preview = msgspec.json.encode(Preview("x", 1, idle=idle)).decode()
                row = {"id": new_id("act", tx.now), "incident_id": incident, "name": name}
                row |= {"state": "proposed", "by": "mailkeep", "at": tx.now}
                row |= {"preview": preview, "cursor": ""}
                await tx.run(insert(response_tables.actions).values(row))
        await database.close()

    assert "for a decision" not in _run(tmp_path, "list")
    asyncio.run(propose())
    assert "(1 action waits for a decision)" in _run(tmp_path, "list")
    assert json.loads(_run(tmp_path, "list", "--json"))["incidents"][0]["to_decide"] == 1
    told = json.loads(_run(tmp_path, "show", incident, "--json"))
    assert told["to_decide"] == 1
    said = _run(tmp_path, "show", incident)
    assert f"1 action waits for a decision; {told['still_to_do']} items are still to do" in said


def test_an_incident_goes_to_its_closing_report_at_the_shell(tmp_path: Path, incident: str) -> None:
    _run(tmp_path, "note", incident, "their support confirms a break-in")
    said = _run(tmp_path, "close", incident, "--reason", "keys changed, account reopened")
    assert "Still to do:\n" in said
    assert "\n  [ ] Mail goes out over it (0 accepted since this opened)\n" in said
    report = _run(tmp_path, "report", incident)
    assert report.startswith("# ")
    for said in ("their support confirms a break-in", "keys changed, account reopened"):
        assert said in report
    shown = json.loads(_run(tmp_path, "show", incident, "--json"))
    assert shown["state"] == "closed"
    said = json.loads(_run(tmp_path, "report", incident, "--json"))
    assert said["markdown"].startswith("# ")


def test_an_incident_is_opened_at_the_shell_on_a_persons_word(
    tmp_path: Path, incident: str
) -> None:
    words = ("open", "b", "--since", "2026-08-03", "--until", "2026-08-08")
    with pytest.raises(Invalid):
        _run(tmp_path, *words, "--reason", " ")
    with pytest.raises(NotFound, match="`mailkeep providers list` names them"):
        _run(tmp_path, "open", "sendgrid", "--reason", "case 4711")
    made = json.loads(_run(tmp_path, *words, "--reason", "case 4711", "--json"))
    assert made["new"]
    today = datetime.now(UTC).date().isoformat()
    words = ("--since", "2026-08-03", "--until", today)
    again = json.loads(_run(tmp_path, "open", "a", *words, "--reason", "case 4712", "--json"))
    assert again == {"incident": incident, "new": False}
    text = _run(tmp_path, "show", made["incident"])
    assert "as a person says from 2026-08-03 00:00:00 UTC" in text
    assert "opened by a person: case 4711" in text
    words = ("--since", "2026-08-01", "--reason", "their log")
    text = _run(tmp_path, "window", made["incident"], *words)
    assert text == "The window is set: from 2026-08-01 00:00:00 UTC to the cut, or now.\n"
    shown = json.loads(_run(tmp_path, "show", made["incident"], "--json"))
    assert shown["since"] == "2026-08-01T00:00:00.000Z"
    assert shown["said"]["until"] is None
    assert "somebody says so" in _run(tmp_path, "report", made["incident"])


def test_the_timeline_is_read_a_page_at_a_time(tmp_path: Path, incident: str) -> None:
    for number in range(3):
        _run(tmp_path, "note", incident, f"note {number}")
    text = _run(tmp_path, "timeline", incident, "--before", "3")
    assert "note 1" in text
    assert "note 2" not in text
    whole = json.loads(_run(tmp_path, "timeline", incident, "--json"))
    assert [one["line"] for one in whole["timeline"]] == [1, 2, 3]
    listed = json.loads(_run(tmp_path, "list", "--json"))
    assert ([one["id"] for one in listed["incidents"]], listed["after"]) == ([incident], None)
    with pytest.raises(Invalid):
        _run(tmp_path, "list", "--before", "x")


def test_the_regulators_clock_is_answered_at_the_shell(tmp_path: Path, incident: str) -> None:
    _run(tmp_path, "regulator", incident, "told", "--reference", "DPA 7", "--at", "2026-08-10")
    assert "It was told, 2026-08-10 00:00:00 UTC: DPA 7" in _run(tmp_path, "show", incident)
    said = json.loads(_run(tmp_path, "regulator", incident, "runs", "--reference", "x", "--json"))
    assert said == {"incident": incident, "duty": "runs", "at": None}


def test_an_incident_is_closed_once_and_with_a_reason(tmp_path: Path, incident: str) -> None:
    with pytest.raises(Invalid):
        _run(tmp_path, "close", incident, "--reason", " ")
    _run(tmp_path, "close", incident, "--reason", "a false alarm")
    with pytest.raises(Conflict):
        _run(tmp_path, "close", incident, "--reason", "again")


def test_an_incident_can_be_read_while_the_service_and_its_credentials_are_away(
    tmp_path: Path, incident: str
) -> None:
    away = SETTINGS.replace('party = "a" }', f'party = "a", secret = "file:{tmp_path}/away/a" }}')
    assert away != SETTINGS
    (tmp_path / "mailkeep.toml").write_text(away)
    for words in (["show", incident], ["report", incident], ["preview", incident, "cut_provider"]):
        assert _run(tmp_path, *words)


def test_who_has_a_key_signs_with_it(
    tmp_path: Path, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of an incident is said by somebody: all users of the machine are one."""

    async def keys() -> tuple[str, str, str]:
        database = Database(f"sqlite:///{tmp_path}/mailkeep.db", SystemClock())
        async with database.write() as tx:
            made = [
                await api_keys.create(tx, KeyRing(tmp_path), name, [name], by="test", owner="ada")
                for name in ("operate", "read")
            ]
            rows = await tx.all(select(mail_tables.api_keys).order_by(mail_tables.api_keys.c.id))
        await database.close()
        return *made, next(row["id"] for row in rows if row["name"] == "operate")

    key, weak, name = asyncio.run(keys())
    monkeypatch.setenv("MAILKEEP_OPERATOR_KEY", weak)
    with pytest.raises(MailkeepError):
        _run(tmp_path, "note", incident, "I only look")
    monkeypatch.setenv("MAILKEEP_OPERATOR_KEY", key)
    _run(tmp_path, "note", incident, "they confirm it")
    assert json.loads(_run(tmp_path, "take", incident, "--json"))["taken_by"] == name
    _run(tmp_path, "evidence", incident, str(tmp_path / "bundle"))
    chain = (tmp_path / "bundle" / "audit.jsonl").read_text()
    acts = [json.loads(one) for one in chain.splitlines()]
    assert acts[-1]["actor"] == name
    _run(tmp_path, "close", incident, "--reason", "over")
    lines = json.loads(_run(tmp_path, "show", incident, "--json"))["timeline"]
    assert {one["by"] for one in lines if one["kind"] in {"note", "taken"}} == {name}
