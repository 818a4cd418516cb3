"""Operators come to the console by a real OpenID provider, and thieves do not."""

import hmac
import json
import re
import warnings
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import select

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.errors import BadSettings
from mailkeep.events import tables as event_tables
from mailkeep.http import server
from mailkeep.mail import api_keys
from mailkeep.operators import services
from mailkeep.operators.openid import LOGOUT
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS
from .openid_house import CLIENT, SECRET, House

URL = "https://mailkeep.test"
START, BACK = "/console/sign-in/openid", "/console/sign-in/openid/back"
ROLES = {"viewer": ["staff"], "support": ["desk"], "responder": ["oncall"], "admin": ["owners"]}

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Desk:
    """Browsers at the console, and the provider that stands beside it."""

    def __init__(self, running: Application, app: Any, house: House, clock: ManualClock) -> None:
        self.running, self.app, self.house, self.clock = running, app, house, clock

    def browser(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, client=(HERE, 1))
        return httpx.AsyncClient(transport=transport, base_url=URL)

    async def enter(self, browser: httpx.AsyncClient, person: str, **bent: str) -> httpx.Response:
        """A person signs in; ``bent``: what somebody changed in the answer."""
        begun = await browser.post(START)
        assert begun.status_code == 303, begun.text
        told = self.house.authorize(begun.headers["Location"], person) | bent
        return await self.back(browser, told)

    async def back(self, browser: httpx.AsyncClient, told: dict[str, str]) -> httpx.Response:
        """The provider sends the browser back, and it goes on."""
        page = await browser.get(BACK, params=told)
        assert page.status_code == 200
        assert "set-cookie" not in page.headers  # opening redeems nothing
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        return await browser.post(BACK, data=fields)

    async def audited(self, act: str) -> list[tuple[str, str]]:
        a = event_tables.audit.c
        async with self.running.database.read() as tx:
            rows = await tx.all(select(a.actor, a.data).where(a.act == act).order_by(a.number))
        return [(row["actor"], row["data"]) for row in rows]


@pytest.fixture
async def desk(
    database: Database,
    clock: ManualClock,
    tmp_path: Path,
    unused_tcp_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    issuer = f"http://localhost:{unused_tcp_port}"
    house = House(issuer, f"{URL}{BACK}")
    house.now = lambda: clock.now() // SECOND
    house.people = {
        "bob": {"name": "Bob", "groups": ["staff", "oncall"]},
        "eve": {"name": "<b>Eve</b>", "groups": ["strangers"]},
    }
    operators = {"issuer": issuer, "client_id": CLIENT, "client_secret": "env:TWO", "roles": ROLES}
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    settings = app_settings.parse(SETTINGS | {"public_url": URL, "operators": operators})
    environ = {"ONE": "secret", "TWO": SECRET}
    running = Application(settings, tmp_path / "home", environ=environ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    runner = web.AppRunner(house.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    yield Desk(running, app, house, clock)
    assert running.openid is not None
    await running.openid.close()
    await runner.cleanup()


async def test_a_person_comes_in_with_the_role_of_their_groups(desk: Desk) -> None:
    async with desk.browser() as browser:
        page = await browser.get("/console/sign-in")
        assert desk.house.issuer in page.text
        assert f"form-action 'self' {desk.house.issuer}" in page.headers["content-security-policy"]
        answer = await desk.enter(browser, "bob")
        assert (answer.status_code, answer.headers.get("Location")) == (303, "/console"), (
            answer.text
        )
        cookies = [one.lower() for one in answer.headers.get_list("set-cookie")]
        assert all("samesite=strict" in one and "secure" in one for one in cookies)
        page = await browser.get("/console")
        assert page.status_code == 200
        assert "Bob" in page.text
        assert "responder" in page.text
    ((actor, data),) = await desk.audited("console.sign_in")
    assert actor.startswith("opr_")
    assert "Bob" not in data
    assert "bob" not in data


async def test_who_has_no_role_stays_out_and_is_out_everywhere(desk: Desk) -> None:
    async with desk.browser() as phone, desk.browser() as desktop:
        assert (await desk.enter(desktop, "eve")).status_code == 403
        assert (await desk.enter(phone, "bob")).status_code == 303
        # A group claim that changed holds for every session, at the next sign-in anywhere.
        desk.house.people["bob"]["groups"] = ["staff"]
        assert (await desk.enter(desktop, "bob")).status_code == 303
        assert "viewer" in (await phone.get("/console")).text
        desk.house.people["bob"]["groups"] = "owners-of-nothing"
        async with desk.browser() as third:
            assert (await desk.enter(third, "bob")).status_code == 403
        for one in (phone, desktop):
            assert (await one.get("/console")).status_code == 303
    assert len(await desk.audited("console.ended")) == 1


async def test_what_an_operator_may_is_what_their_role_says(desk: Desk) -> None:
    desk.house.people["bob"]["groups"] = ["staff"]
    async with desk.browser() as browser:
        await desk.enter(browser, "bob")
        for path, status in (
            ("/console", 200),
            ("/console/incidents", 200),
            ("/console/incidents/inc_x", 404),
            ("/console/incidents/inc_x/actions/cut_provider", 403),
        ):
            assert (await browser.get(path)).status_code == status, path
        for path in ("notes", "take", "close", "actions/cut_provider"):
            answer = await browser.post(f"/console/incidents/inc_x/{path}", data={"text": "x"})
            assert answer.status_code == 403, path


async def test_anothers_answer_in_this_browser_signs_nobody_in(desk: Desk) -> None:
    """Login CSRF: a thief has their own code redeemed here; and a code of ours redeemed there."""
    async with desk.browser() as thief, desk.browser() as victim:
        begun = await thief.post(START)
        told = desk.house.authorize(begun.headers["Location"], "bob")
        assert (await desk.back(victim, told)).status_code in {303, 401}
        assert (await victim.get("/console")).headers["Location"] == "/console/sign-in"
        await victim.post(START)
        assert (await desk.back(victim, told)).status_code == 401
        assert (await victim.get("/console")).status_code == 303
        # Nor does it help to post it from elsewhere, or with no state at all.
        foreign = {"Origin": "https://evil.example"}
        assert (await thief.post(BACK, data=told, headers=foreign)).status_code == 403
        assert (await thief.post(START, headers=foreign)).status_code == 403
        assert (await thief.post(BACK, data=told | {"state": ""})).status_code == 401


async def test_an_answer_counts_once_and_for_ten_minutes(desk: Desk) -> None:
    async with desk.browser() as browser:
        begun = await browser.post(START)
        kept = dict(browser.cookies)
        told = desk.house.authorize(begun.headers["Location"], "bob")
        assert (await desk.back(browser, told)).status_code == 303
        await browser.post("/console/sign-out")
        browser.cookies.update(kept)
        assert (await desk.back(browser, told)).status_code == 401
        begun = await browser.post(START)
        told = desk.house.authorize(begun.headers["Location"], "bob")
        desk.clock.advance(601)
        assert (await desk.back(browser, told)).status_code == 401


async def test_a_session_that_was_planted_is_over_after_signing_in(desk: Desk) -> None:
    """Session fixation: the cookie that a thief left in the browser becomes nobody's."""
    async with desk.browser() as thief, desk.browser() as victim:
        await desk.enter(thief, "bob")
        victim.cookies.update(dict(thief.cookies))
        await desk.enter(victim, "bob")
        assert (await victim.get("/console")).status_code == 200
        assert (await thief.get("/console")).status_code == 303


@pytest.mark.parametrize("named", ["https://evil.example", ""])
async def test_a_mixed_up_answer_is_refused_before_its_code_is_sent(desk: Desk, named: str) -> None:
    async with desk.browser() as browser:
        assert (await desk.enter(browser, "bob", iss=named)).status_code == 401
        assert "token" not in desk.house.asked
        assert (await browser.get("/console")).status_code == 303


def _none(house: House, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none", "kid": "one"}, claims, None, algorithms=["none"])


def _confused(house: House, claims: dict[str, Any]) -> str:
    """Keyed with what everybody may know, as a library that trusts ``alg`` would check it."""
    parts = [json.dumps({"alg": "HS256", "kid": "one"}), json.dumps(claims)]
    signed = b".".join(_encoded(one.encode()) for one in parts)
    mac = hmac.digest(house.key.as_pem(private=False), signed, "sha256")
    return (signed + b"." + _encoded(mac)).decode()


def _encoded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _strange(house: House, claims: dict[str, Any]) -> str:
    return house.sign(claims, RSAKey.generate_key(2048))


def _bent(**bent: Any) -> Any:
    return lambda house, claims: house.sign(claims | bent)


@pytest.mark.parametrize(
    "forged",
    [
        *(_none, _confused, _strange),
        *(_bent(iss="https://evil.example"), _bent(aud="another"), _bent(nonce="another")),
        *(_bent(aud=[CLIENT, "another"]), _bent(azp="another"), _bent(exp=1), _bent(iat=1)),
        *(_bent(sub=""), _bent(sub=None), _bent(nbf=9_999_999_999), _bent(iat=None)),
        _bent(events={LOGOUT: {}}),
        lambda house, claims: "no token at all",
        lambda house, claims: house.sign({k: v for k, v in claims.items() if k != "nonce"}),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_token_that_is_not_the_providers_for_this_sign_in_is_refused(
    desk: Desk, forged: Any
) -> None:
    def bend(token: str) -> str:
        claims = jwt.decode(token, desk.house.key).claims
        return str(forged(desk.house, claims))

    desk.house.token = bend
    async with desk.browser() as browser:
        assert (await desk.enter(browser, "bob")).status_code == 401
        assert (await browser.get("/console")).status_code == 303
        desk.house.token = lambda token: token
        assert (await desk.enter(browser, "bob")).status_code == 303


async def test_keys_that_follow_one_another_are_found_and_a_strangers_do_not_flood(
    desk: Desk,
) -> None:
    async with desk.browser() as browser:
        await desk.enter(browser, "bob")
        desk.house.key = RSAKey.generate_key(2048, {"kid": "two"})
        desk.house.token = lambda token: desk.house.sign(
            jwt.decode(token, desk.house.key).claims, kid="two"
        )
        assert (await desk.enter(browser, "bob")).status_code == 401  # asked a moment ago
        desk.clock.advance(61)
        assert (await desk.enter(browser, "bob")).status_code == 303
        asked = desk.house.asked.count("keys")
        stranger = desk.house.sign({"iss": "x"}, kid="three")
        for _ in range(5):
            answer = await browser.post(f"{START}/logout", data={"logout_token": stranger})
            assert answer.status_code == 400
        assert desk.house.asked.count("keys") == asked


async def test_who_leaves_at_the_provider_leaves_here(desk: Desk) -> None:
    async def tell(browser: httpx.AsyncClient, **bent: Any) -> int:
        now = desk.clock.now() // SECOND
        claims = {"iss": desk.house.issuer, "aud": CLIENT, "iat": now, "exp": now + 120}
        claims |= {"sub": "bob", "events": {LOGOUT: {}}, "jti": "x"} | bent
        token = desk.house.sign(claims, typ="logout+jwt")
        return (await browser.post(f"{START}/logout", data={"logout_token": token})).status_code

    async with desk.browser() as provider, desk.browser() as browser:
        await desk.enter(browser, "bob")
        for bent in ({"nonce": "x"}, {"events": {}}, {"aud": "another"}, {"sub": None}):
            assert await tell(provider, **bent) == 400
        assert await tell(provider, sub="somebody") == 200
        assert (await browser.get("/console")).status_code == 200
        earlier = desk.clock.now() // SECOND
        assert await tell(provider) == 200
        assert (await browser.get("/console")).status_code == 303
        # Told again later, it ends nothing that began since.
        desk.clock.advance(120)
        await desk.enter(browser, "bob")
        assert await tell(provider, iat=earlier) == 200
        assert (await browser.get("/console")).status_code == 200


async def test_an_operator_who_is_ended_here_is_out(desk: Desk) -> None:
    async with desk.browser() as browser:
        await desk.enter(browser, "bob")
        async with desk.running.database.write() as tx:
            (bob,) = await services.listing(tx)
            assert (bob.name, bob.sessions) == ("Bob", 1)
            assert await services.end(tx, bob.id, by="uid:0") == 1
        assert (await browser.get("/console")).status_code == 303


async def test_a_key_alone_goes_round_no_provider_and_a_provider_that_is_away_is_said(
    desk: Desk,
) -> None:
    async with desk.running.database.write() as tx:
        key = await api_keys.create(tx, desk.running.keys, "op", ["operate"], by="test")
    async with desk.browser() as browser:
        answer = await browser.post("/console/sign-in", data={"key": key})
        assert answer.status_code == 403
        assert (await browser.get("/console")).status_code == 303
        desk.clock.advance(3601)
        desk.house.asked.clear()
        desk.house.told = {"issuer": "https://evil.example"}
        answer = await browser.post(START)
        assert answer.status_code == 503
        assert "is not the one in the settings" in answer.text
        assert "does not answer" in answer.text
        for _ in range(3):  # people wait for it: it is not asked again at once
            assert (await browser.get("/console/sign-in")).status_code == 503
        assert desk.house.asked.count("metadata") == 1


@pytest.mark.parametrize(
    "endpoint", ["http://evil.example/token", "ftp://localhost/token", "", None, 5]
)
async def test_a_description_that_leads_into_the_clear_is_refused(
    desk: Desk, endpoint: object
) -> None:
    desk.house.told = {"token_endpoint": endpoint}
    async with desk.browser() as browser:
        assert (await browser.post(START)).status_code == 503


@pytest.mark.parametrize(
    ("bent", "says"),
    [
        ({"issuer": "http://id.example"}, "issuer"),
        ({"issuer": "https://id.example/?x=1"}, "issuer"),
        ({"roles": {}}, "roles"),
        ({"roles": {"owner": ["x"]}}, "owner"),
        ({"client_id": ""}, "client_id"),
        ({"hours": 25}, "hours"),
        ({"client_secret": "in clear"}, "client_secret"),
    ],
)
def test_settings_that_would_let_nobody_or_anybody_in_are_refused(
    database: Database, bent: dict[str, Any], says: str, tmp_path: Path
) -> None:
    operators = {"issuer": "https://id.example", "client_id": "x", "roles": ROLES} | bent

    def start() -> None:
        settings = app_settings.parse(SETTINGS | {"operators": operators})
        Application(settings, tmp_path / "home", environ={"ONE": "x"})

    with pytest.raises(BadSettings, match=says):
        start()
