"""Operators at the command line: accounts are looked at, given a class, signed out."""

import asyncio
import json
from pathlib import Path

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
    account = await accounts.confirm(made.confirmation, made.code.reveal())
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
