"""The pages of second factors on each engine: who is held up gets in by binding one, what is put
off comes back, and how many have one is told to operators only."""

import re
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from mailkeep.accounts import applications
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source
from mailkeep.accounts.registration import check
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.http import server
from mailkeep.privacy import people
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS, Api

ADDRESS = "ada@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
DAY = 86_400
RECOVERY = {"priority": 1, "routes": [{"provider": "one"}]}


class Browser:
    """A browser without scripts at the account pages."""

    def __init__(self, running: Application, client: httpx.AsyncClient, clock: ManualClock) -> None:
        self.running, self.client, self.clock = running, client, clock

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        answer = await self.client.post(path, data=fields or {"_": ""})
        return answer.status_code, answer.headers.get("Location") or answer.text

    async def get(self, path: str) -> tuple[int, str]:
        answer = await self.client.get(path)
        return answer.status_code, answer.headers.get("Location") or answer.text

    async def enter(self) -> tuple[int, str]:
        return await self.post("/sign-in", address=ADDRESS, password=PASSWORD)

    async def owner(self) -> str:
        accounts = self.running.accounts
        made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
        assert made.code is not None
        return await accounts.confirm(made.confirmation, made.code.reveal(), "n")

    def code(self, secret: str) -> str:
        return str(pyotp.TOTP(secret).generate_otp(self.clock.now() // totp.STEP))


@pytest.fixture
async def browser(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Browser]:
    settings = app_settings.parse(
        SETTINGS
        | {
            "public_url": "https://mailkeep.test",
            "recovery": {"sender": "us@example.com", "sender_name": "Example"},
            "accounts": {"class": {"customer": {"grace": 10 * DAY, "last": 2 * DAY}}},
            "stream": [
                *SETTINGS["stream"],
                RECOVERY | {"name": "confirmation", "secret": True},
                RECOVERY | {"name": "security"},
            ],
        }
    )
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        # The framework's next version wants dependencies marked; that is not this test's affair.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://mailkeep.test") as client:
        yield Browser(running, client, clock)


async def test_who_is_held_up_comes_in_by_binding_a_factor(browser: Browser) -> None:
    await browser.owner()
    assert await browser.enter() == (303, "/account")
    assert "Add a second factor by" in (await browser.get("/account"))[1]
    browser.clock.advance(11 * DAY)
    assert await browser.enter() == (303, "/account")
    assert "needs a second factor now" in (await browser.get("/account"))[1]
    browser.clock.advance(3 * DAY)
    assert await browser.enter() == (303, "/account/factors")
    assert await browser.get("/account") == (303, "/sign-in")  # nothing else is open
    status, page = await browser.get("/account/factors")
    assert (status, "Add a second factor to go on" in page) == (200, True)
    assert "Rename" not in page
    # Whoever was held up may bind and do nothing else.
    assert (await browser.post("/account/factors/revoke", factor="x"))[0] == 303
    assert (await browser.post("/account/factors/others"))[0] == 303
    assert (await browser.post("/account/factors/no-password"))[0] == 303
    status, page = await browser.post("/account/totp")
    assert status == 200
    secret = re.findall(r'id="secret"[^>]*>([A-Z2-7]{32})<', page)[0]
    factor = re.findall(r'name="factor" value="(\w+)"', page)[0]
    wrong = await browser.post("/account/totp/confirm", factor=factor, code="000000")
    assert wrong[0] == 422
    assert await browser.get("/account") == (303, "/sign-in")
    code = browser.code(secret)
    bound = await browser.post("/account/totp/confirm", factor=factor, code=code)
    assert bound == (303, "/account/factors")
    status, page = await browser.get("/account")
    assert (status, "Add a second factor by" in page) == (200, False)
    assert (await browser.enter()) == (303, "/sign-in/factor")


async def test_every_page_says_whose_it_is_and_where_to_go_on(browser: Browser) -> None:
    status, page = await browser.get("/sign-in")
    assert (status, ">Example</a>" in page) == (200, True)
    page = (await browser.post("/recover", address=ADDRESS))[1]
    assert page == "/recover/proof"
    page = (await browser.get("/recover/proof"))[1]
    assert '<a href="/recover">ask again</a>' in page
    await browser.owner()
    await browser.enter()
    status, page = await browser.post("/account/factors/confirm", current=PASSWORD)
    assert (
        '<a href="/account/addresses">your addresses</a>'
        in (await browser.get("/account/factors"))[1]
    )


async def test_being_held_up_ends_with_the_time_of_the_password(browser: Browser) -> None:
    await browser.owner()
    await browser.enter()
    browser.clock.advance(11 * DAY)
    await browser.enter()
    browser.clock.advance(3 * DAY)
    await browser.enter()
    browser.clock.advance(601)
    assert await browser.get("/account/factors") == (303, "/sign-in")
    assert (await browser.post("/account/totp"))[0] == 303
    assert await browser.enter() == (303, "/account/factors")


async def test_a_word_that_is_put_off_comes_back(browser: Browser) -> None:
    await browser.owner()
    await browser.enter()
    assert await browser.post("/account/factors/later") == (303, "/account")
    assert "Add a second factor by" not in (await browser.get("/account"))[1]
    browser.clock.advance(7 * DAY)
    await browser.enter()
    assert "Add a second factor by" in (await browser.get("/account"))[1]


async def test_adoption_is_for_operators(browser: Browser) -> None:
    await browser.owner()
    await browser.running.accounts.factors_due()
    api = Api(browser.running, browser.client, "")
    api.key = await api.new_key("operate")
    reader = await api.new_key("read", name="reader")
    assert (await api.ask("GET", "/v1/accounts/factors", key=reader)).status_code == 403
    for wrong in ("0", "x", "9999"):
        assert (await api.ask("GET", f"/v1/accounts/factors?days={wrong}")).status_code == 422
    answer = (await api.ask("GET", "/v1/accounts/factors?days=1")).json()["days"]
    assert [(one["account_class"], one["accounts"], one["any"]) for one in answer] == [
        ("customer", 1, 0)
    ]
    assert ADDRESS not in str(answer)


async def test_a_passkey_lets_in_who_was_held_up_and_is_enough_from_then_on(
    browser: Browser, device: Callable[[str], Any]
) -> None:
    await browser.owner()
    await browser.enter()
    browser.clock.advance(11 * DAY)
    await browser.enter()
    browser.clock.advance(3 * DAY)
    assert await browser.enter() == (303, "/account/factors")
    phone = device("https://mailkeep.test")
    status, asked = await browser.post("/account/factors/passkey/ask")
    assert status == 200
    made = phone.create(asked)
    nameless = await browser.post("/account/factors/passkey", passkey=made, name="x" * 65)
    assert nameless[0] == 422
    bound = await browser.post("/account/factors/passkey", passkey=made, name="My phone")
    assert bound == (303, "/account/factors")
    page = (await browser.get("/account/factors"))[1]
    assert "The passkey is added." in page
    assert "My phone" in page
    browser.client.cookies.clear()
    assert (await browser.post("/sign-in/passkey", assertion="{}"))[0] == 401
    _, asked = await browser.post("/sign-in/passkey/ask")
    answer = phone.get(asked)
    assert await browser.post("/sign-in/passkey", assertion=answer) == (303, "/account")
    assert (await browser.get("/account"))[0] == 200
    browser.client.cookies.clear()
    assert (await browser.post("/sign-in/passkey", assertion=answer))[0] == 401  # once only


async def test_who_knows_the_password_alone_binds_nothing_beside_the_owners_factor(
    browser: Browser, device: Callable[[str], Any]
) -> None:
    """A thief who was held up at the same time keeps a place at the page that binds."""
    account = await browser.owner()
    await browser.enter()
    browser.clock.advance(11 * DAY)
    await browser.enter()
    browser.clock.advance(3 * DAY)
    assert await browser.enter() == (303, "/account/factors")
    asked = (await browser.post("/account/factors/passkey/ask"))[1]
    made = device("https://mailkeep.test").create(asked)
    theirs = await browser.running.accounts.sign_in(
        ADDRESS, PASSWORD, browser="owner", network="elsewhere"
    )
    async with browser.running.database.write() as tx:
        enrolment = await totp.enrol(tx, browser.running.keys, account, name="a", issuer="b")
        await browser.running.accounts.factors.bind_totp(
            *(tx, account, enrolment.factor, browser.code(enrolment.secret.reveal())),
            Source("owner", "elsewhere", theirs.session),
        )
    bound = await browser.post("/account/factors/passkey", passkey=made, name="Thief")
    assert bound == (303, "/sign-in")
    assert await browser.get("/account") == (303, "/sign-in")
    async with browser.running.database.read() as tx:
        there = await browser.running.accounts.factors.bound(tx, account)
    assert [one.kind for one in there] == ["totp"]


async def test_an_applications_user_binds_a_factor_here_and_does_nothing_else(
    browser: Browser,
) -> None:
    running, url = browser.running, "/v1/subjects/41/factors/ticket"
    assert running.recovery is not None
    async with running.database.write() as tx:
        shop, secret = await applications.add(
            tx, running.keys, "Shop", ["https://shop.test/back"], by="test"
        )
        told = check([ADDRESS], "customer", "kept_here", "en", running.accounts.classes)
        await running.recovery.subjects.register(tx, shop.id, "key_1", [("41", told)])
    assert (await browser.client.post(url)).status_code == 401
    assert (await browser.client.post(url, auth=(shop.id, "wrong"))).status_code == 401
    answer = await browser.client.post(url, auth=(shop.id, secret))
    assert answer.status_code == 201, answer.text
    page, ticket = answer.json()["url"].split("#")
    assert page == "https://mailkeep.test/keep"
    assert (await browser.get("/keep/factors")) == (303, "/keep")
    assert (await browser.get("/keep"))[0] == 200  # opening it uses nothing up
    assert (await browser.post("/keep", secret=ticket)) == (303, "/keep/factors")
    assert (await browser.post("/keep", secret=ticket))[0] == 401
    status, page = await browser.get("/keep/factors")
    assert (status, "Shop" in page, ADDRESS in page) == (200, True, True)
    for path in ("/account", "/account/factors", "/account/addresses"):
        assert await browser.get(path) == (303, "/sign-in")
    assert (await browser.post("/keep/factors/codes"))[0] == 409  # a factor first
    status, page = await browser.post("/keep/totp")
    app = re.findall(r'id="secret"[^>]*>([A-Z2-7]{32})<', page)[0]
    factor = re.findall(r'name="factor" value="(\w+)"', page)[0]
    assert 'action="/keep/totp/confirm"' in page
    wrong = await browser.post("/keep/totp/confirm", factor=factor, code="000000")
    assert wrong[0] == 422
    code = browser.code(app)
    bound = await browser.post("/keep/totp/confirm", factor=factor, code=code)
    assert bound == (303, "/keep/factors")
    status, page = await browser.get("/keep/factors")
    assert "a password reset asks for it from" in page
    status, page = await browser.post("/keep/factors/codes")
    assert (status, page.count("<li><code>")) == (200, 10)
    assert await browser.post("/keep/factors/revoke", factor=factor) == (303, "/keep/factors")
    browser.clock.advance(601)
    assert (await browser.get("/keep/factors")) == (303, "/keep")
    assert (await browser.post("/keep/totp")) == (303, "/keep")


async def test_a_sign_ups_mail_is_sent_again_with_the_same_answer_for_every_address(
    browser: Browser,
) -> None:
    await browser.owner()
    pages = []
    for address in (ADDRESS, "new@example.net"):
        await browser.post("/sign-up", address=address, password=PASSWORD)
        for _ in range(7):  # its share of mails is used up on the way
            assert await browser.post("/sign-up/again") == (303, "/sign-up/confirm")
        status, page = await browser.get("/sign-up/confirm")
        assert (status, "Sent again" in page) == (200, True)
        assert (await browser.get("/sign-up/confirm"))[1].count("Sent again") == 0
        pages.append(page.replace(address, "…"))
    assert pages[0] == pages[1]
    browser.client.cookies.clear()
    assert await browser.post("/sign-up/again") == (303, "/sign-up")


async def test_an_owner_keeps_an_account_that_somebody_wants_erased(browser: Browser) -> None:
    account = await browser.owner()
    await browser.enter()
    assert "will be erased" not in (await browser.get("/account"))[1]
    room, database = browser.running.privacy.erasing, browser.running.database
    async with database.write() as tx:
        person = await people.find(tx, browser.running.keys, account)
        await room.ask(tx, person, by="key_1")
    assert "will be erased" in (await browser.get("/account"))[1]
    assert await browser.post("/account/erasure/stop") == (303, "/account")
    assert "will be erased" not in (await browser.get("/account"))[1]
    async with database.read() as tx:
        (found,) = await room.listing(tx)
    assert (found.state.value, found.ended_by) == ("stopped", account)
    assert await browser.post("/account/erasure/stop") == (303, "/account")  # nothing to stop
