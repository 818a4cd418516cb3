"""Accounts by the API: opened one by one, with a reason, on record, and so many in an hour."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import func, insert, select

from mailkeep.accounts import opening
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import TooMany
from mailkeep.events import audit as audit_log
from mailkeep.events.tables import audit
from mailkeep.http import server
from mailkeep.store.database import Database

from .conftest import ALL, HERE, SETTINGS, Api

PASSWORD = "violet-harbour-undoes-kettles"
WHO = {"address": "ada@example.net", "reason": "ticket 7"}


@pytest.fixture
async def api(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """A house that keeps accounts."""
    secret = {"priority": 1, "routes": [{"provider": "one"}], "secret": True}
    streams = [secret | {"name": name} for name in ("confirmation", "security")]
    more = {
        "recovery": {"sender": "us@example.com"},
        "stream": [*SETTINGS["stream"], *streams],
    }
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(
        app_settings.parse(SETTINGS | more), tmp_path / "home", environ={"ONE": "secret"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailkeep.test") as client:
        made = Api(running, client, "")
        made.key = await made.new_key(*ALL, name="all")
        yield made


async def _join(api: Api) -> str:
    rooms = api.running.accounts
    made = await rooms.sign_up(WHO["address"], PASSWORD, "network_a")
    assert made.code is not None
    return await rooms.confirm(made.confirmation, made.code.reveal(), "n")


async def _entries(api: Api) -> list[str]:
    async with api.running.database.read() as tx:
        of = select(audit.c.data).where(audit.c.act == opening.ACCOUNT)
        return [row["data"] for row in await tx.all(of.order_by(audit.c.number))]


async def test_an_account_is_opened_with_a_reason_before_anything_is_seen_or_done(
    api: Api,
) -> None:
    account = await _join(api)
    path = f"/v1/accounts/{account}"
    doors = (
        ("GET", path, None),
        ("GET", f"{path}/sessions", None),
        ("POST", f"{path}/sessions/end", {"session": None}),
        ("PUT", f"{path}/class", {"class": "staff"}),
    )
    for door in doors:
        assert (await api.ask(*door)).status_code == 403, door
    bare = {"address": WHO["address"]}
    assert (await api.ask("POST", "/v1/accounts/search", bare)).status_code == 422
    found = await api.ask("POST", "/v1/accounts/search", WHO)
    assert (found.status_code, found.json()["id"]) == (200, account)
    assert len(await _entries(api)) == 1
    other = await api.new_key("operate")
    for door in doors:
        assert (await api.ask(*door)).status_code == 200, door
        assert (await api.ask(*door, key=other)).status_code == 403, door
    opened = await api.ask("POST", f"{path}/open", {"reason": "ticket 8"}, key=other)
    assert opened.json()["id"] == account
    assert (await api.ask("GET", path, key=other)).status_code == 200
    assert "ticket 8" in (await _entries(api))[-1]


async def test_a_thief_of_a_key_tries_no_list_of_addresses(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is a customer is told of so many in an hour, and those that are none count as well."""
    monkeypatch.setattr(opening, "MOST", 3)
    await _join(api)
    said = [
        await api.ask("POST", "/v1/accounts/search", WHO | {"address": f"x{n}@example.net"})
        for n in range(3)
    ]
    assert [one.status_code for one in said] == [404, 404, 404]
    assert len(await _entries(api)) == 3
    assert (await api.ask("POST", "/v1/accounts/search", WHO)).status_code == 429
    assert len(await _entries(api)) == 3


async def test_many_at_once_are_counted_together(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST", 3)
    said = await asyncio.gather(
        *(
            api.ask("POST", "/v1/accounts/search", WHO | {"address": f"x{n}@example.net"})
            for n in range(8)
        )
    )
    assert sorted(one.status_code for one in said) == [404] * 3 + [429] * 5


async def test_what_was_opened_is_not_pushed_out_of_sight(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of entries between two, such as of previews, do not make them be forgotten."""
    monkeypatch.setattr(opening, "MOST", 1)
    async with database.write() as tx:
        await opening.open_(tx, opening.ACCOUNT, "acc_1", by="key_eve", reason="x")
        noise = {"at": tx.now, "actor": "key_eve", "act": "preview_action", "data": "{}"}
        rows = [noise | {"number": n, "previous": "x", "hash": "x"} for n in range(2, 6003)]
        await tx.run(insert(audit), rows)
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(audit)) == 6002
        await opening.require(tx, opening.ACCOUNT, "acc_1", by="key_eve")
        assert len(await audit_log.acts(tx, (opening.ACCOUNT,), tx.now - 1)) == 1
    with pytest.raises(TooMany):
        async with database.write() as tx:
            await opening.open_(tx, opening.ACCOUNT, "acc_2", by="key_eve", reason="x")
