"""Operators at the command line: accounts are looked at, given a class, signed out."""

import asyncio
import json
from pathlib import Path

import bcrypt
import pytest
from typer.testing import CliRunner

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import MailkeepError
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

ADDRESS = "ada@example.net"
PASSWORD = "violet-harbour-undoes-kettles"


async def signed_in(database: Database, home: Path) -> str:
    """An account whose owner is signed in."""
    await upgrade(database)
    keys = KeyRing(home)
    accounts = Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1))
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    account = await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    await accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    return account


async def test_operators_look_sign_out_and_are_made(
    new_postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(new_postgresql, SystemClock())
    (tmp_path / "mailkeep.toml").write_text('database = "env:DB_URL"\n')
    monkeypatch.setenv("DB_URL", new_postgresql)
    account = await signed_in(database, tmp_path)

    async def run(*words: str) -> dict:
        line = [*words, "--json", "--home", str(tmp_path)]
        done = await asyncio.to_thread(CliRunner().invoke, app, line)
        if isinstance(done.exception, MailkeepError):
            return {"error": done.exception.slug}
        assert done.exit_code == 0, done.output
        assert ADDRESS not in done.stdout
        return json.loads(done.stdout)

    assert (await run("accounts", "show", ADDRESS))["id"] == account
    assert (await run("accounts", "class", account, "staff"))["class"] == "staff"
    assert await run("accounts", "class", account, "stuff") == {"error": "bad-settings"}
    assert await run("accounts", "class", account, "operator") == {"error": "not-allowed"}
    assert await run("accounts", "show", "nobody@example.net") == {"error": "not-found"}
    assert (await run("accounts", "sessions", ADDRESS))["sessions"] == []  # the class ended them
    assert (await run("operators", "list"))["operators"] == []
    made = await run("operators", "add", ADDRESS)
    assert (made["class"], made["factor"]) == ("operator", False)
    assert [one["id"] for one in (await run("operators", "list"))["operators"]] == [account]
    assert (await run("accounts", "end", ADDRESS)) == {"ended": 0}
    assert await run("accounts", "end", ADDRESS, "--session", "ses_0") == {"error": "not-found"}
    assert (await run("operators", "remove", ADDRESS, "--class", "staff"))["class"] == "staff"
    assert await run("operators", "remove", ADDRESS) == {"error": "bad-settings"}
    await database.close()


async def test_accounts_are_taken_over_and_handed_out(
    new_postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(new_postgresql, SystemClock())
    (tmp_path / "mailkeep.toml").write_text('database = "env:DB_URL"\n')
    monkeypatch.setenv("DB_URL", new_postgresql)
    file, out = tmp_path / "users.csv", tmp_path / "out.ndjson"
    kept = bcrypt.hashpw(b"correct horse battery", bcrypt.gensalt(4)).decode()
    lines = [f"{name}@example.net,true,{kept}" for name in ("ada", "grace", "ada", "nobody at")]
    file.write_text("\n".join(["address,confirmed,password", *lines]) + "\n")

    async def run(*words: str) -> tuple[int, dict]:
        line = [*words, "--json", "--home", str(tmp_path)]
        done = await asyncio.to_thread(CliRunner().invoke, app, line)
        assert "example.net" not in done.stdout
        return done.exit_code, json.loads(done.stdout)

    bad = [
        {"line": 4, "why": "an address of an earlier line"},
        {"line": 5, "why": "address: not a mail address"},
    ]
    said = {"good": 2, "bad": 2, "lines": bad}
    assert await run("accounts", "import", str(file)) == (1, said)  # nothing half imported
    assert await run("accounts", "import", str(file), "--partial") == (
        1,
        {"taken": 2, "there_already": 0, "bad": 2, "lines": bad},
    )
    good = tmp_path / "users.ndjson"
    good.write_text(json.dumps({"address": "ada@example.net", "confirmed": True}) + "\n")
    assert await run("accounts", "import", str(good), "--check") == (
        0,
        {"good": 1, "bad": 0, "lines": []},
    )
    again = {"taken": 0, "there_already": 1, "bad": 0, "lines": []}
    assert await run("accounts", "import", str(good)) == (0, again)
    assert (await run("accounts", "export", str(out)))[1]["accounts"] == 2
    assert out.stat().st_mode & 0o777 == 0o600
    given = [json.loads(one) for one in out.read_text().splitlines()]
    found = {one["addresses"][0]["address"] for one in given}
    assert found == {"ada@example.net", "grace@example.net"}
    assert all(one["password"]["of"].startswith("bcrypt:") for one in given)
    await database.close()
