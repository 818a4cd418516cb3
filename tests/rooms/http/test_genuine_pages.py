"""The pages of 'did you really send this?' on each engine, without scripts."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import func, select

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.http import server
from mailkeep.http.pages import genuine as pages
from mailkeep.mail import api_keys, genuine, tables
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS

ADDRESS = "ada@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
ROUTES = [{"provider": "one"}]


class Browser:
    """A browser at the pages, and the house behind them."""

    def __init__(self, running: Application, client: httpx.AsyncClient) -> None:
        self.running, self.client = running, client

    async def mail(self, subject: str, to: str = ADDRESS) -> str:
        """Takes a mail in; returns its code."""
        intake = self.running.intake
        new = intake.check(NewMessage("alert", Content("us@example.com", to, subject, "Words")))
        message = await self.running.database.retrying(lambda tx: intake.accept(tx, new))
        return genuine.code_of(self.running.keys, message)

    async def ask(self, code: str, address: str = ADDRESS) -> httpx.Response:
        return await self.client.post("/genuine", data={"code": code, "address": address})


@pytest.fixture
async def browser(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Browser]:
    secret = {"priority": 0, "routes": ROUTES, "secret": True}
    told: dict[str, Any] = {
        **SETTINGS,
        "stream": [
            {"name": "recovery", **secret},
            {"name": "alert", "priority": 3, "routes": ROUTES, "genuine": True},
        ],
        "recovery": {"sender": "us@example.com", "notices": "alert", "confirmations": "recovery"},
    }
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(app_settings.parse(told), tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        # The framework's next version wants dependencies marked; that is not this test's affair.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="https://mailkeep.test",
        headers={"Origin": running.public_url},
    ) as client:
        yield Browser(running, client)


async def test_many_small_mails_with_many_blind_copies_are_bounded_together(
    browser: Browser,
) -> None:
    async with browser.running.database.write() as tx:
        key = await api_keys.create(tx, browser.running.keys, "shop", ["send"], by="test")
    mail = {
        "stream": "alert",
        "from": "us@example.com",
        "to": ADDRESS,
        "subject": "Your invoice",
        "text": "Words",
        "bcc": [f"p{number}@example.net" for number in range(49)],
    }

    async def send(count: int, **more: object) -> httpx.Response:
        return await browser.client.post(
            "/v1/messages",
            json={"messages": [mail] * count, **more},
            headers={"Authorization": f"Bearer {key}"},
        )

    refused = await send(101, all_or_none=True)
    assert (refused.status_code, refused.json()["field"]) == (422, "messages[100].bcc")
    assert "more than 5,000 messages" in refused.json()["detail"]
    async with browser.running.database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.messages)) == 0
    some = (await send(101)).json()["results"]
    assert [one["status"] for one in some] == ["accepted"] * 100 + ["refused"]


async def test_a_mail_is_compared_and_never_only_confirmed(browser: Browser) -> None:
    code = await browser.mail("Your <b>invoice</b>")
    before = await browser.client.get("/genuine")
    assert before.status_code == 200
    assert "Subject" not in before.text
    answer = await browser.ask(code)
    assert answer.status_code == 200
    assert "Your &lt;b&gt;invoice&lt;/b&gt;" in answer.text
    assert "a•••@example.net" in answer.text
    assert "has not left yet" in answer.text


async def test_what_is_not_found_is_said_in_the_same_words(browser: Browser) -> None:
    """Whether the code is another's, the address is known, or nothing is: one page."""
    code = await browser.mail("Hello", to="mallory@example.org")
    asked = [
        (code, ADDRESS),
        ("0" * 16, ADDRESS),
        ("0" * 16, "nobody@example.net"),
        ("0" * 16, "no address"),
    ]
    said = []
    for typed, address in asked:
        answer = await browser.ask(typed, address)
        said.append((answer.status_code, answer.text.replace(address, "")))
    assert {status for status, _ in said} == {200}
    assert all("know of no mail" in text and "Hello" not in text for _, text in said)
    assert len({len(text.replace('value=""', "")) for _, text in said}) == 1


async def test_a_code_that_is_too_short_is_no_mail_that_is_not_ours(browser: Browser) -> None:
    """Who typed the first four of its characters must not take a genuine mail for a false one."""
    code = await browser.mail("Hello")
    for typed in ("", code[:4], code + "0"):
        answer = await browser.ask(typed)
        assert answer.status_code == 422, typed
        assert "A code has 16 characters" in answer.text
        assert "it is not ours" not in answer.text
    assert "The time is UTC" in (await browser.ask(" ".join(code))).text


async def test_a_network_asks_so_often(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TRIES", 2)
    code = await browser.mail("Hello")
    assert "Hello" in (await browser.ask(code)).text
    assert "Hello" in (await browser.ask(code)).text
    answer = await browser.ask(code)
    assert answer.status_code == 429
    assert "Hello" not in answer.text
    browser.running.database.clock.advance(601)
    assert "Hello" in (await browser.ask(code)).text


async def test_another_site_cannot_ask(browser: Browser) -> None:
    code = await browser.mail("Hello")
    form = {"code": code, "address": ADDRESS}
    answer = await browser.client.post(
        "/genuine", data=form, headers={"Origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 403
    assert "Hello" not in answer.text


async def test_the_account_lists_its_own_mail(browser: Browser) -> None:
    accounts = browser.running.accounts
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    assert made.code is not None
    await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    await browser.mail("For Ada")
    await browser.mail("For Mallory", to="mallory@example.org")
    away = await browser.client.get("/account/mail")
    assert (away.status_code, away.headers["Location"]) == (303, "/sign-in")
    await browser.client.post("/sign-in", data={"address": ADDRESS, "password": PASSWORD})
    page = (await browser.client.get("/account/mail")).text
    assert "For Ada" in page
    assert "For Mallory" not in page


async def test_an_address_that_does_not_count_yet_shows_none_of_its_mail(browser: Browser) -> None:
    """Who reads a code at one provider adds a stranger's address to an account of theirs. What was
    mailed there before is not for them."""
    accounts, mallorys = browser.running.accounts, "mallory@example.org"
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    assert made.code is not None
    account = await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    await browser.mail("For Mallory", to=mallorys)
    added = await accounts.contacts.add(account, mallorys, "n", factor=False)
    assert added.code is not None
    await accounts.contacts.confirm(account, added.confirmation, added.code.reveal(), "n")
    await browser.client.post("/sign-in", data={"address": ADDRESS, "password": PASSWORD})
    page = await browser.client.get("/account/mail")
    assert (page.status_code, "For Mallory" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("method", "path", "form", "headers"),
    [
        ("POST", "/genuine", {"code": "\0", "address": ADDRESS}, {}),
        ("POST", "/oauth/authorize", {"client_id": "\0"}, {}),
        ("GET", "/oauth/authorize?client_id=%00", None, {}),
        ("POST", "/oauth/token", {"grant_type": "authorization_code", "client_id": "a\0"}, {}),
        ("POST", "/oauth/token", {"grant_type": "x"}, {"Authorization": "Basic AHg6eA=="}),
    ],
)
async def test_what_no_database_takes_is_no_fault_of_ours(
    browser: Browser, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
) -> None:
    """Any stranger could wake whoever is called for faults."""
    answer = await browser.client.request(method, path, data=form, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
