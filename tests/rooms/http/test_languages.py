"""In which language owners are written to: in theirs, whatever the browser of who asks says."""

import warnings
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import select

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.http import server
from mailkeep.mail import tables
from mailkeep.mail.types import Content
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS

ADA, NOBODY = "ada@example.net", "nobody@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
ROUTES = [{"provider": "one"}, {"provider": "two"}]


class House:
    """The pages of a house, asked by browsers that speak different languages."""

    def __init__(self, running: Application, transport: httpx.ASGITransport) -> None:
        self.running, self._transport = running, transport

    def browser(self, language: str) -> httpx.AsyncClient:
        headers = {"Origin": self.running.public_url, "Accept-Language": language}
        return httpx.AsyncClient(
            transport=self._transport, base_url="https://mailkeep.test", headers=headers
        )

    async def join(self, address: str, language: str) -> None:
        """Sign up and confirm."""
        async with self.browser(language) as client:
            await client.post("/sign-up", data={"address": address, "password": PASSWORD})
            mail = (await self.mails(address))[-1]
            code = mail.text.rpartition("/sign-up/confirm#")[2].split()[0]
            answer = await client.post("/sign-up/confirm", data={"code": code})
            assert answer.headers["location"] == "/sign-in"

    async def ask(self, address: str, language: str) -> tuple[int, dict[str, str], str]:
        """Somebody asks for a reset; what they are answered, without what is new each time."""
        self.running.database.clock.advance(1)
        async with self.browser(language) as client:
            await client.get("/sign-in")
            answer = await client.post("/recover", data={"address": address})
            page = await client.get("/recover/proof")
        assert self.running.recovery is not None
        await self.running.recovery.planner.step()
        headers = {k: v for k, v in answer.headers.items() if k != "x-request-id"}
        return answer.status_code, headers, page.text

    async def mails(self, address: str) -> list[Content]:
        """What waits for an address, oldest first."""
        m, b = tables.messages, tables.message_bodies
        async with self.running.database.read() as tx:
            rows = await tx.all(
                select(m.c.id, b.c.hour, b.c.data)
                .join(b, b.c.message_id == m.c.id)
                .order_by(m.c.id)
            )
        found = []
        for row in rows:
            data = row["data"]
            if row["hour"] is not None:
                data = self.running.keys.unseal_hour(row["hour"], f"body {row['id']}", data)
            found.append(msgspec.json.decode(data, type=Content))
        return [one for one in found if one.to == address]


@pytest.fixture
async def house(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    secret = {"priority": 0, "routes": ROUTES, "secret": True}
    other = SETTINGS["provider"][0] | {"name": "two", "party": "two"}
    told: dict[str, Any] = {
        **SETTINGS,
        "party": [{"id": "one", "name": "One"}, {"id": "two", "name": "Two"}],
        "provider": [*SETTINGS["provider"], other],
        "stream": [
            {"name": "recovery", **secret},
            {"name": "confirmation", **secret},
            {"name": "security", "priority": 1, "routes": ROUTES},
        ],
        "recovery": {"sender": "us@example.com"},
        "languages": {"otherwise": "es"},
    }
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(app_settings.parse(told), tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        # The framework's next version wants dependencies marked; that is not this test's affair.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    return House(running, httpx.ASGITransport(app=app, client=(HERE, 1)))


def _languages(found: list[Content]) -> list[str]:
    return [dict(one.headers)["Content-Language"] for one in found]


async def test_who_asks_for_a_reset_does_not_choose_its_language(house: House) -> None:
    await house.join(ADA, "de-CH,en;q=0.5")
    before = len(await house.mails(ADA))
    await house.ask(ADA, "fr")
    asked = (await house.mails(ADA))[before:]
    assert sorted(one.subject for one in asked) == [
        "Passwort zurücksetzen: der Code",
        "Passwort zurücksetzen: der Link",
    ]
    assert _languages(asked) == ["de", "de"]


async def test_whose_language_is_not_known_reads_the_house_s_and_not_the_asker_s(
    house: House,
) -> None:
    await house.join(ADA, "tlh")
    await house.ask(ADA, "fr")
    async with house.browser("fr") as client:
        await client.post("/sign-up", data={"address": ADA, "password": PASSWORD})
    assert _languages(await house.mails(ADA)) == ["es", "es", "es", "es"]


async def test_who_signs_up_reads_the_language_of_their_browser_and_an_owner_theirs(
    house: House,
) -> None:
    await house.join(ADA, "de")
    async with house.browser("fr") as client:
        for address in (ADA, NOBODY):
            await client.post("/sign-up", data={"address": address, "password": PASSWORD})
            await client.post("/sign-up/again")
    fresh, taken = [sorted(one.subject for one in await house.mails(who)) for who in (NOBODY, ADA)]
    assert fresh == ["Confirmez votre adresse"] * 2
    assert taken == ["Bestätigen Sie Ihre Adresse", *["Sie haben schon ein Konto"] * 2]


async def test_nothing_in_the_answer_tells_which_language_an_owner_reads(house: House) -> None:
    """The pages speak the language of the browser, or none: never that of an account."""
    await house.join(ADA, "de")
    known, unknown = [await house.ask(one, "fr") for one in (ADA, NOBODY)]
    assert known == unknown
    assert await house.mails(NOBODY) == [], "a stranger's address gets no mail"
    async with house.browser("fr") as client:
        answers = [
            await client.post("/sign-up", data={"address": one, "password": PASSWORD})
            for one in (ADA, "new@example.net")
        ]
    assert len({(one.status_code, one.text, one.headers["location"]) for one in answers}) == 1
