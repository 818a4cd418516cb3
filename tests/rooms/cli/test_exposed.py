"""At the shell: who was exposed, asked for and taken alone; a cut by hand confirmed; recoveries."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from mailkeep.base.clock import DAY, SystemClock
from mailkeep.base.errors import MailkeepError
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.events import queries as events
from mailkeep.incidents import tables as incident_tables
from mailkeep.mail import api_keys
from mailkeep.mail import tables as mail_tables
from mailkeep.recovery import tables as recovery_tables
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


class Shell:
    """A home with an incident about a provider, and who sits at its shell."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._patch = monkeypatch
        (home / "mailkeep.toml").write_text(SETTINGS)
        self.database = Database(f"sqlite:///{home}/mailkeep.db", SystemClock())

    async def begin(self) -> str:
        """The incident: two were exposed."""
        await upgrade(self.database)
        async with self.database.write() as tx:
            incident, recovery = new_id("inc", tx.now), new_id("rec", tx.now)
            about = {"id": incident, "subject_kind": "provider", "subject_id": "a"}
            times = {"state": "open", "opened_at": tx.now, "since": tx.now, "opinions": "[]"}
            await tx.run(insert(incident_tables.incidents).values(about | times))
            row = {"provider": "a", "stream": "alert", "day": tx.now // DAY, "count": 1}
            for name in ("adr_1", "adr_2"):
                at = {"address_id": name, "first_at": tx.now, "last_at": tx.now}
                await tx.run(insert(mail_tables.exposures).values(row | at))
            asked = {"id": recovery, "state": "void", "address_key": "adr_1", "asked_by": "b"}
            more = {"network": "n", "known_browser": False, "factor_tries": 0}
            at = {"asked_at": tx.now, "expires_at": tx.now}
            await tx.run(insert(recovery_tables.recoveries).values(asked | more | at))
        return incident

    async def key(self, owner: str, *scopes: str) -> str:
        """A key of a person."""
        async with self.database.write() as tx:
            keys, may = KeyRing(self.home), scopes or ("operate",)
            return await api_keys.create(tx, keys, owner, may, owner=owner, by="x")

    async def run(self, *words: str, uid: int = 1, key: str = "") -> Any:
        """What a command says; the slug of its error."""
        self._patch.setattr("os.getuid", lambda: uid)
        self._patch.setenv("MAILKEEP_OPERATOR_KEY", key)
        line = [*words, "--home", str(self.home)]
        done = await asyncio.to_thread(CliRunner().invoke, app, line)
        if isinstance(done.exception, MailkeepError):
            return done.exception.slug
        assert done.exit_code == 0, done.output
        return [json.loads(one) for one in done.stdout.splitlines()]


async def test_the_shell_asks_for_the_list_or_takes_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path, monkeypatch)
    incident = await shell.begin()
    words = ("incidents", "exposed", incident)
    (said,) = await shell.run(*words, "--json")
    assert (said["exposed"], said["each"], said["request"]) == (2, {"a": 2}, None)
    ada, bob = await shell.key("ada"), await shell.key("bob")
    assert await shell.run(*words, "--list") == "not-allowed"
    assert await shell.run(*words, "--ask", "--json") == "not-allowed"  # who asks?
    (said,) = await shell.run(*words, "--ask", "--json", key=ada)
    approve = ("incidents", "approve", said["request"]["id"], "--json")
    assert await shell.run(*approve, key=ada) == "not-allowed"
    for uid in (1, 2):
        assert await shell.run(*approve, uid=uid) == "not-allowed"
    for wrong, slug in ((await shell.key("eve", "send"), "not-allowed"), ("mk_x", "not-signed-in")):
        assert await shell.run(*approve, key=wrong) == slug
    (agreed,) = await shell.run(*approve, key=bob)
    assert agreed["state"] == "approved"
    lines = await shell.run(*words, "--list", key=ada)
    assert [one.get("address") for one in lines] == ["adr_1", "adr_2", None]
    assert await shell.run(*words, "--list", key=ada) == "not-allowed"
    assert len(await shell.run(*words, "--list", "--alone", "nobody answers")) == 3
    assert len(await shell.run(*words, "--list", "--alone", "and again", uid=2)) == 3
    assert await shell.run(*words, "--list", "--alone", "again", uid=3) == "too-many"
    assert await shell.run(*words, "--alone", "what for") == "bad-settings"
    async with shell.database.read() as tx:
        acts = [one.act for one in await events.entries(tx)]
    assert acts[:3] == ["list_exposed_refused", "list_exposed", "act_alone"]
    await shell.database.close()


async def test_a_cut_at_the_shell_waits_for_another_person_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path, monkeypatch)
    await shell.begin()
    cut = ("providers", "cut", "b", "--reason", "it leaks", "--json")
    await shell.run(*cut)
    (said,) = await shell.run("providers", "waiting", "--json")
    (one,) = said["waiting"]
    assert (one["provider"], one["state"], one["reason"]) == ("b", "waiting", "it leaks")
    seen = ("--cut", one["cut"], "--state", one["state"], "--json")
    bob = await shell.key("bob")
    for uid in (1, 2):
        assert await shell.run("providers", "confirm", "b", *seen, uid=uid) == "not-allowed"
    other = ("--cut", "hct_x", *seen[2:])
    assert await shell.run("providers", "confirm", "b", *other, key=bob) == "conflict"
    (done,) = await shell.run("providers", "confirm", "b", *seen, key=bob)
    assert done == {"provider": "b", "confirmed": True}
    assert await shell.run("providers", "confirm", "b", *seen, key=bob) == "conflict"
    back = ("--cut", one["cut"], "--asked-by", "uid:9", "--json")
    assert await shell.run("providers", "return", "b", *back, key=bob) == "conflict", "nobody asked"
    (said,) = await shell.run("providers", "waiting", "--json")
    assert said == {"waiting": []}
    await shell.database.close()


async def test_recoveries_at_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(tmp_path, monkeypatch)
    await shell.begin()
    (said,) = await shell.run("recoveries", "list", "--state", "void", "--json")
    (one,) = said["recoveries"]
    assert "adr_1" not in str(said)
    assert await shell.run("recoveries", "list", "--state", "vod", "--json") == "bad-settings"
    show = ("recoveries", "show", one["id"], "--json")
    assert await shell.run(*show, "--reason", " ") == "invalid"
    (opened,) = await shell.run(*show, "--reason", "she rang")
    assert (opened["recovery"]["id"], opened["proofs"], opened["holds"]) == (one["id"], [], [])
    await shell.database.close()
