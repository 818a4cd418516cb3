"""Signing in at the console: the key alone while no operator has a passkey, both from then on."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import select, update

from mailkeep.accounts import administration
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.factors.types import Source
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import DAY, MINUTE, ManualClock
from mailkeep.events import tables as event_tables
from mailkeep.http import server
from mailkeep.mail import api_keys
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS

URL = "https://mailkeep.test"
PASSWORD = "violet-harbour-undoes-kettles"
STEP = "/console/sign-in/passkey"
SECRET = {"priority": 1, "routes": [{"provider": "one"}], "secret": True}


class Console:
    """A browser at the console, with a key."""

    def __init__(self, running: Application, client: httpx.AsyncClient, key: str) -> None:
        self.running, self.client, self.key = running, client, key

    async def account(self, address: str, class_: str) -> str:
        accounts = self.running.accounts
        made = await accounts.sign_up(address, PASSWORD, "n")
        assert made.code is not None
        await accounts.confirm(made.confirmation, made.code.reveal(), "n")
        async with self.running.database.write() as tx:
            found = await administration.find(tx, accounts.address_key(address))
            account = found.account.id
            await accounts.administration.set_class(tx, account, class_, by="t", at_house=True)
        return account

    async def bind(self, account: str, device: Any, *, held: bool = False) -> None:
        factors = self.running.accounts.factors
        asked = await factors.ask_to_bind(account, "b", name="x", issuer="x")
        f = account_tables.factors
        async with self.running.database.write() as tx:
            made = await factors.bind_passkey(tx, account, device.create(asked), Source("b", "n"))
            await tx.run(update(f).where(f.c.id == made).values(held_by="chg_x" if held else None))

    async def enter(self) -> tuple[int, str]:
        answer = await self.client.post("/console/sign-in", data={"key": self.key})
        return answer.status_code, answer.headers.get("Location", "")

    async def asked(self) -> str:
        answer = await self.client.post(f"{STEP}/ask")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def show(self, answer: str) -> int:
        return (await self.client.post(STEP, data={"assertion": answer})).status_code

    async def is_in(self) -> bool:
        return (await self.client.get("/console")).status_code == 200


@pytest.fixture
async def console(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Console]:
    streams = [SECRET | {"name": name} for name in ("confirmation", "security")]
    more = {
        "public_url": URL,
        "recovery": {"sender": "us@example.com"},
        "stream": [*SETTINGS["stream"], *streams],
    }
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    settings = app_settings.parse(SETTINGS | more)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    async with database.write() as tx:
        key = await api_keys.create(tx, running.keys, "op", ["operate"], by="test")
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield Console(running, client, key)


async def test_the_key_alone_will_do_while_no_operator_has_a_passkey(
    console: Console, device: type[Any]
) -> None:
    customer = await console.account("ada@example.net", "customer")
    await console.bind(customer, device(URL))
    operator = await console.account("bob@example.net", "operator")
    await console.bind(operator, device(URL), held=True)  # its owner can deny it still
    assert await console.enter() == (303, "/console")
    assert await console.is_in()


async def test_a_key_that_leaked_opens_no_console(console: Console, device: type[Any]) -> None:
    operator = await console.account("bob@example.net", "operator")
    own, thiefs = device(URL), device(URL)
    await console.bind(operator, own)
    customer = await console.account("eve@example.net", "customer")
    await console.bind(customer, thiefs)
    assert await console.enter() == (303, STEP)
    assert not await console.is_in()
    asked = await console.asked()
    assert await console.show("") == 401
    assert await console.show(thiefs.get(asked)) == 401  # a customer's
    assert await console.show(device(URL).get(asked)) == 401  # nobody's
    assert await console.show(device("https://mailkeep.evil", user=own.user).get(asked)) == 401
    assert not await console.is_in()
    assert "Show the passkey" in (await console.client.get(STEP)).text


async def test_with_the_key_and_the_passkey_an_operator_is_in(
    console: Console, device: type[Any], database: Database
) -> None:
    operator = await console.account("bob@example.net", "operator")
    own = device(URL)
    await console.bind(operator, own)
    await console.enter()
    answer = own.get(await console.asked())
    assert await console.show(answer) == 303
    assert await console.is_in()
    audit = event_tables.audit.c
    async with database.read() as tx:
        row = await tx.one(select(audit.data).where(audit.act == "console.sign_in"))
    assert row is not None
    assert operator in row["data"]
    # It counts once, and what waited is over.
    await console.client.post("/console/sign-out")
    assert await console.show(answer) == 303
    assert not await console.is_in()


async def test_a_signature_for_one_door_opens_no_other(console: Console, device: type[Any]) -> None:
    """Whoever has an operator sign at a page of the accounts gains nothing at the console."""
    operator = await console.account("bob@example.net", "operator")
    own = device(URL)
    await console.bind(operator, own)
    await console.client.get("/sign-in")
    asked = (await console.client.post("/sign-in/passkey/ask")).text
    await console.enter()
    assert await console.show(own.get(asked)) == 401
    mine = await console.asked()
    answer = await console.client.post("/sign-in/passkey", data={"assertion": own.get(mine)})
    assert "__Host-session" not in answer.cookies
    # Nor one that another browser was asked for.
    elsewhere = await console.asked()
    await console.enter()
    assert await console.show(own.get(elsewhere)) == 401
    # Nor one without the finger or the PIN.
    own.verifies = False
    assert await console.show(own.get(await console.asked())) == 401
    assert not await console.is_in()


async def test_what_waits_for_the_passkey_ends(
    console: Console, device: type[Any], clock: ManualClock, database: Database
) -> None:
    operator = await console.account("bob@example.net", "operator")
    own = device(URL)
    await console.bind(operator, own)
    assert (await console.client.post(f"{STEP}/ask")).status_code == 303  # the key comes first
    await console.enter()
    answer = own.get(await console.asked())
    clock.advance(5 * MINUTE // 1_000_000 + 1)
    assert await console.show(answer) == 303
    assert not await console.is_in()
    await console.enter()
    answer = own.get(await console.asked())
    async with database.write() as tx:
        await api_keys.revoke(tx, "op", by="test")
    assert await console.show(answer) == 303
    assert not await console.is_in()


async def test_an_operator_no_more_or_frozen_shows_nothing(
    console: Console, device: type[Any], clock: ManualClock, database: Database
) -> None:
    first, second = device(URL), device(URL)
    bob = await console.account("bob@example.net", "operator")
    eve = await console.account("eve@example.net", "operator")
    await console.bind(bob, first)
    await console.bind(eve, second)
    a = account_tables.accounts
    async with database.write() as tx:
        until = clock.now() + DAY
        await tx.run(update(a).where(a.c.id == bob).values(frozen_until=until))
        rooms = console.running.accounts.administration
        await rooms.set_class(tx, eve, "customer", by="t", at_house=True)
    await console.enter()
    for one in (first, second):
        assert await console.show(one.get(await console.asked())) == 401
    assert not await console.is_in()
    async with database.write() as tx:  # the way out of a lost passkey, at the command line
        await rooms.set_class(tx, bob, "customer", by="t", at_house=True)
    assert await console.enter() == (303, "/console")
