"""``/v1/resets`` in front of a house that rehearses, or hands over a share: what an application
hears, and what its key and its users' browsers do not get."""

import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from mailkeep.accounts import applications
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.http import server
from mailkeep.mail import tables
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS, Api

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "adopt-by-levels.md"
BACK = "https://shop.test/back"
SECRET = {"priority": 0, "routes": [{"provider": "one"}], "secret": True}
ASKED = {
    "response_type": "code",
    "redirect_uri": BACK,
    "scope": "openid",
    "state": "the state",
    "code_challenge": "a" * 43,
    "code_challenge_method": "S256",
}


class House(Api):
    """Attributes:
    shop: the id of an application.
    told: a key of it.
    """

    shop: str
    told: str

    async def reset(self, **body: object) -> httpx.Response:
        return await self.ask("POST", "/v1/resets", body, key=self.told)

    async def report(self, query: str = "") -> httpx.Response:
        recovery = self.running.recovery
        assert recovery is not None
        while await recovery.step():
            pass
        return await self.ask("GET", f"/v1/resets{query}")


@pytest.fixture
async def house(
    database: Database,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[House]:
    streams = [*SETTINGS["stream"], *(SECRET | {"name": n} for n in ("confirmation", "security"))]
    more: dict[str, Any] = {"recovery": {"sender": "us@example.com"}, "stream": streams}
    more["level"] = getattr(request, "param", "rehearse")
    settings = app_settings.parse(SETTINGS | more)
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailkeep.test") as client:
        made = House(running, client, "")
        made.key = await made.new_key("operate", name="all")
        async with database.write() as tx:
            view, _ = await applications.add(tx, running.keys, "Shop", [BACK], by="test")
        made.shop = view.id
        made.told = await made.new_key("recover", name="shop", application=view.id)
        yield made


async def test_an_application_hears_where_a_reset_goes_on_and_nothing_else(house: House) -> None:
    body = {"addresses": ["ada@example.net"], "factor": "none"}
    answer = await house.ask("PUT", "/v1/subjects/41", body, key=house.told)
    assert answer.status_code == 200
    given = {"network": "192.0.2.9", "agent": "Mozilla/5.0 (X11; Linux) Firefox/1", "device": "d"}
    known = await house.reset(address="ada@example.net", subject="41", **given)
    unknown = await house.reset(address="eve@example.net", **given)
    assert (known.status_code, known.json()) == (200, {"way": "there"})
    assert (unknown.status_code, unknown.content) == (200, known.content)
    assert known.headers.keys() == unknown.headers.keys()
    found = (await house.report()).json()
    assert (found["asked"], found["here"], found["not_registered"]) == (2, 0, 1)
    assert found["waits"] == 1  # this house has one route only
    assert found["why"] == {"one_route": 1}
    assert "1 waited for a second route" in found["meaning"]
    assert found["next"].startswith("register these users")
    async with house.running.database.read() as tx:
        assert await tx.all(tables.messages.select()) == []


async def test_the_request_of_the_page_is_taken(house: House) -> None:
    (body,) = re.findall(r"-d '(\{\"address\".*?\})'", PAGE.read_text(), re.DOTALL)
    answer = await house.ask("POST", "/v1/resets", raw=body.encode(), key=house.told)
    assert (answer.status_code, answer.json()) == (200, {"way": "there"})


async def test_the_report_may_be_of_one_application(house: House) -> None:
    await house.reset(address="ada@example.net")
    for query, status, asked in (
        ("?application=Shop", 200, 1),
        (f"?application={house.shop}&days=0.5", 200, 1),
        ("?application=Nobody", 404, None),
        ("?days=0", 422, None),
        ("?day=7", 422, None),
    ):
        answer = await house.report(query)
        assert (answer.status_code, answer.json().get("asked")) == (status, asked), query


async def test_what_cannot_be_is_refused_by_name(house: House) -> None:
    for body, field in (
        ({}, "address"),
        ({"address": "no address"}, "address"),
        ({"subject": "ada@example.net"}, "subject"),
        ({"address": "ada@example.net", "network": "the office"}, "network"),
        ({"address": "ada@example.net", "way": "there"}, "way"),
    ):
        answer = await house.reset(**body)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_an_applications_key_reads_no_report(house: House) -> None:
    """What came of a rehearsal says who is a customer."""
    for key in (house.told, await house.new_key("recover", name="ours")):
        assert (await house.ask("GET", "/v1/resets", key=key)).status_code == 403
    ours = await house.new_key("recover", name="of no application")
    answer = await house.ask("POST", "/v1/resets", {"address": "ada@example.net"}, key=ours)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("house", "share", "opens", "way"),
    [("rehearse", 100, False, "there"), ("share", 0, True, "there"), ("share", 100, True, "here")],
    indirect=["house"],
)
async def test_a_browser_is_let_in_only_where_recoveries_begin(
    house: House, share: int, opens: bool, way: str
) -> None:
    async with house.running.database.write() as tx:
        await applications.set_share(tx, "Shop", share, by="test")
    assert (await house.reset(address="ada@example.net")).json() == {"way": way}
    answer = await house.client.get("/oauth/authorize", params=ASKED | {"client_id": house.shop})
    if opens:
        assert answer.status_code == 200
        return
    assert answer.status_code == 303
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (told["error"], told["state"]) == (["unauthorized_client"], ["the state"])
