"""In which language owners are written to: in theirs, whatever the browser of who asks says. In
which language pages are: in that of whoever looks at them."""

import html
import re
import warnings
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import select

from mailkeep.accounts import tables as accounts
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base import networks
from mailkeep.base.errors import Conflict
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
    """The pages speak the language of the browser: never that of an account."""
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


OPEN = (
    *("/sign-in", "/sign-up", "/sign-up/confirm", "/recover", "/recover/proof", "/recover/done"),
    *("/deny", "/change", "/genuine", "/keep"),
)


@pytest.mark.parametrize("tag", ["de", "en", "es", "fr"])
async def test_a_page_is_in_the_language_of_its_visitor(house: House, tag: str) -> None:
    words = house.running.accounts.languages.of(tag)
    async with house.browser(f"{tag}-XX, tlh;q=0.9") as client:
        for path in OPEN:
            answer = await client.get(path)
            assert f'<html lang="{tag}">' in answer.text, path
            assert answer.headers["content-language"] == tag
            assert words.say("pages.skip") in answer.text, path
        wrong = await client.post("/sign-in", data={"address": ADA, "password": PASSWORD})
        refused = words.say("refused.address_or_password")
        assert refused[:1].upper() + refused[1:] + "." in html.unescape(wrong.text)
        missing = await client.get("/nothing", headers={"Accept": "text/html"})
        assert words.say("failed.missing") in html.unescape(missing.text)
        operators = await client.get("/console/nothing", headers={"Accept": "text/html"})
        assert "There is no such page" in operators.text, "operators read English"


async def test_who_has_no_language_that_is_written_here_reads_the_house_s(house: House) -> None:
    async with house.browser("tlh") as client:
        assert '<html lang="es">' in (await client.get("/recover")).text


async def test_a_visitor_switches_the_pages_and_no_mail(house: House) -> None:
    await house.join(ADA, "de")
    before = len(await house.mails(ADA))
    async with house.browser("de") as client:
        page = await client.get("/recover")
        assert 'value="fr" lang="fr"' in page.text
        answer = await client.post("/language", data={"language": "fr", "page": "recover"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/recover")
        assert '<html lang="fr">' in (await client.get("/recover")).text
        asked = await client.post("/recover", data={"address": ADA})
        assert asked.status_code == 303
        assert '<html lang="fr">' in (await client.get("/recover/proof")).text
    assert house.running.recovery is not None
    await house.running.recovery.planner.step()
    assert _languages((await house.mails(ADA))[before:]) == ["de", "de"]


async def test_who_switched_and_signs_up_is_written_to_in_what_they_read(house: House) -> None:
    async with house.browser("de") as client:
        await client.post("/language", data={"language": "fr", "page": "sign_up"})
        await client.post("/sign-up", data={"address": NOBODY, "password": PASSWORD})
    assert _languages(await house.mails(NOBODY)) == ["fr"]


async def test_another_site_switches_nothing(house: House) -> None:
    async with house.browser("de") as client:
        fields = {"language": "fr", "page": "recover"}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await client.post("/language", data=fields, headers=headers)
            assert answer.status_code == 403
        assert (await client.get("/language?language=fr&page=recover")).status_code == 405
        assert '<html lang="de">' in (await client.get("/recover?language=fr&lang=fr")).text


@pytest.mark.parametrize(
    ("page", "brought", "to"),
    [
        ("deny", "0123456789ABCDEFGHJKMNPQRS", "/deny#0123456789ABCDEFGHJKMNPQRS"),
        ("confirm", "", "/sign-up/confirm"),
        ("//evil.example", "", "/sign-in"),
        ("https://evil.example/", "", "/sign-in"),
        ("deny", "\r\nSet-Cookie: a=b", "/deny"),
        ("deny", "//evil.example", "/deny"),
    ],
)
async def test_the_switch_leads_to_pages_of_ours_only(
    house: House, page: str, brought: str, to: str
) -> None:
    async with house.browser("de") as client:
        fields = {"language": "fr", "page": page, "brought": brought}
        answer = await client.post("/language", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, to)
        nonsense = await client.post("/language", data={**fields, "language": "../en"})
        assert nonsense.status_code == 422
        assert "Choisissez" in nonsense.text, "what was chosen before still holds"


async def test_what_is_shown_once_has_no_switch(house: House) -> None:
    async with house.browser("de") as client:
        assert 'action="/language"' in (await client.get("/change")).text
        said = await client.post("/change", data={"secret": "0" * 26, "answer": "stop"})
        assert "Danke" in said.text
        assert 'action="/language"' not in said.text


async def test_the_answer_to_a_denial_is_read_in_another_language_by_who_denied(
    house: House,
) -> None:
    async with house.browser("de") as client:
        said = await client.post("/deny", data={"secret": "0" * 26})
        assert "Danke" in said.text
        assert 'action="/language"' in said.text
        answer = await client.post("/language", data={"language": "fr", "page": "denied"})
        assert "Merci" in (await client.get(answer.headers["location"])).text
    async with house.browser("de") as client:
        led = await client.get("/deny/said")
        assert (led.status_code, led.headers["location"]) == (303, "/deny"), (
            "a phisher's link would calm somebody who stopped nothing"
        )


async def test_what_is_missing_is_said_under_our_name_and_in_another_language(house: House) -> None:
    async with house.browser("de") as client:
        client.headers["Accept"] = "text/html"
        missing = await client.get("/nothing")
        assert "Mailkeep" not in missing.text
        brand = r'class="brand".*<img [^>]*>([^<]+)<'
        said = [re.findall(brand, one.text) for one in (missing, await client.get("/recover"))]
        assert said == [["Accounts"]] * 2
        assert 'action="/language"' in missing.text
        answer = await client.post("/language", data={"language": "fr", "page": "missing"})
        again = await client.get(answer.headers["location"])
        assert again.status_code == 404
        assert "Cette page n&#39;existe pas" in again.text
        wrong = await client.put("/sign-in")
        assert (wrong.status_code, 'action="/language"' in wrong.text) == (405, False)


@pytest.mark.parametrize("path", ["/sign-up", "/recover", "/sign-in"])
async def test_the_switch_keeps_what_was_typed_and_refused(house: House, path: str) -> None:
    async with house.browser("de") as client:
        refused = await client.post(path, data={"address": "ada&bee", "password": "x"})
        assert refused.status_code in {401, 422}
        assert '<input type="hidden" name="address" value="ada&amp;bee">' in refused.text
        page = path[1:].replace("-", "_")
        fields = {"language": "fr", "page": page, "address": "ada&bee"}
        answer = await client.post("/language", data=fields)
        assert answer.headers["location"] == path, "no log has the address"
        assert "ada" not in answer.headers["set-cookie"]
        assert 'type="email" value="ada&amp;bee"' in (await client.get(path)).text
        assert "ada&amp;bee" not in (await client.get(path)).text, "once"


@pytest.mark.parametrize(
    ("tag", "title"),
    [
        ("en", "Error: Sign up"),
        ("de", "Fehler: Registrieren"),
        ("fr", "Erreur : Créer un compte"),
        ("es", "Error: Crear una cuenta"),
    ],
)
async def test_a_refusal_is_in_the_title_and_where_the_keyboard_is(
    house: House, tag: str, title: str
) -> None:
    async with house.browser(tag) as client:
        assert "autofocus" not in (await client.get("/sign-up")).text
        page = (await client.post("/sign-up", data={"address": "x", "password": PASSWORD})).text
        assert f"<title>{title}</title>" in page
        assert [one.partition('"')[0] for one in page.split('<input id="')[1:]] == [
            "address",
            "password",
        ]
        at = re.findall(r"<(?:input|p)[^>]* autofocus[^>]*>", page)
        assert len(at) == 1, "the field at fault and no other one"
        assert 'id="address"' in at[0]
        wrong = (await client.post("/sign-in", data={"address": ADA, "password": "x"})).text
        assert re.search(r'id="error" tabindex="-1" autofocus|aria-invalid="true" autofocus', wrong)


async def test_who_asked_for_no_reset_is_led_to_asking_and_it_tells_nothing(house: House) -> None:
    await house.join(ADA, "en")
    said = []
    for address in (ADA, NOBODY):
        async with house.browser("en") as client:
            page = (await client.get("/recover/proof")).text
            assert "on their way" not in page
            assert '<a href="/recover">Ask for the two mails first</a>' in page
            assert 'name="long"' in page, "a link may be opened in another browser"
            await client.post("/recover", data={"address": "no address"})
            assert "on their way" not in (await client.get("/recover/proof")).text
            asked = await client.post("/recover", data={"address": address})
            kept = {one.partition("=")[0]: one for one in asked.headers.get_list("set-cookie")}
            page = (await client.get("/recover/proof")).text
            assert "two mails are on their way" in page
            said.append((page, kept["__Host-asked"]))
    assert said[0] == said[1]


async def test_who_is_signed_in_reads_their_account_s_language_until_they_switch(
    house: House,
) -> None:
    await house.join(ADA, "de")
    async with house.browser("fr") as client:
        await client.post("/sign-in", data={"address": ADA, "password": PASSWORD})
        for path in ("/account", "/account/addresses", "/account/sessions", "/account/factors"):
            page = (await client.get(path)).text
            assert '<html lang="de">' in page, path
            assert "Abmelden" in page, path
        await client.post("/language", data={"language": "es", "page": "account"})
        assert '<html lang="es">' in (await client.get("/account")).text
        async with house.running.database.read() as tx:
            kept = await tx.all(select(accounts.accounts.c.locale))
        assert [row["locale"] for row in kept] == ["de"], "the switch changes nothing of an account"
        await client.post("/account/language", data={"language": "en"})
        assert '<html lang="en">' in (await client.get("/account")).text, "the choice goes first"
        await client.post("/sign-out")
        assert '<html lang="fr">' in (await client.get("/sign-in")).text


async def test_a_session_that_was_ended_shows_no_language_of_its_owner(house: House) -> None:
    await house.join(ADA, "de")
    async with house.browser("fr") as client:
        await client.post("/sign-in", data={"address": ADA, "password": PASSWORD})
        async with house.running.database.write() as tx:
            row = await tx.one(select(accounts.sessions.c.account_id))
            assert row is not None
            await house.running.accounts.sessions.end_all(tx, row["account_id"], "owner")
        assert '<html lang="fr">' in (await client.get("/sign-in")).text


async def test_who_asks_from_a_crowded_network_is_told_so_and_of_nothing_else(house: House) -> None:
    await house.join(ADA, "en")
    recovery = house.running.recovery
    assert recovery is not None
    async with house.browser("en") as client:
        for number in range(recovery.settings.asks):
            await client.post("/recover", data={"address": f"x{number}@example.org"})
            assert "from your network" not in (await client.get("/recover/proof")).text
    said = []
    for address in (ADA, NOBODY):
        async with house.browser("en") as client:
            await client.post("/recover", data={"address": address})
            said.append((await client.get("/recover/proof")).text)
    assert "Many resets were asked for from your network of late." in said[0]
    assert said[0] == said[1]


async def test_an_old_link_in_the_form_keeps_no_right_code_out(house: House) -> None:
    """The script fills in what stood in the fragment; neighbours have shown wrong ones."""
    await house.join(ADA, "en")
    recovery = house.running.recovery
    assert recovery is not None
    async with house.browser("en") as client:
        await client.post("/recover", data={"address": ADA})
        await recovery.planner.step()
        network = house.running.keys.pseudonym("network", networks.network(HERE))
        for number in range(2 * recovery.settings.asks):
            with pytest.raises(Conflict):
                await recovery.proving.link(f"t{number}", network, "0" * 26)
        mails = [one.text for one in await house.mails(ADA) if "/recover/proof" in one.text]
        code = next(
            one[1] for one in (re.search(r"^Code: (\S+)", two, re.M) for two in mails) if one
        )
        page = await client.post("/recover/proof", data={"long": "0" * 26, "code": code})
        assert page.status_code == 429
        assert "The short code: shown" in (await client.get("/recover/proof")).text
