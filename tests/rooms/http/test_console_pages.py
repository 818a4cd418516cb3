"""Every page of the console: whom it lets in, what it shows, and that it reads little."""

import asyncio
import html
import importlib.util
import re
import warnings
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import Executable, insert, select, update

from mailkeep.accounts import opening
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import HOUR, SECOND, Instant, ManualClock
from mailkeep.cutover import tables as cutover_tables
from mailkeep.events import tables as event_tables
from mailkeep.http import server
from mailkeep.http.console import cases as cases_module
from mailkeep.http.console.cases import Cases
from mailkeep.http.console.operator import COOKIE, LIVE, NEEDS, Signed, seal
from mailkeep.http.console.overview import version_of
from mailkeep.incidents import queries as incidents
from mailkeep.incidents import tables as incident_tables
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.operators import services
from mailkeep.operators.openid import Who
from mailkeep.operators.permissions import ROLES, Permission, Role
from mailkeep.operators.types import OperatorSettings, RoleSettings
from mailkeep.posture.types import Fall
from mailkeep.posture.whatif import Model
from mailkeep.response import queries
from mailkeep.response import tables as response_tables
from mailkeep.store.database import Database, Tx
from mailkeep.watch import tables as watch_tables

from .conftest import HERE, SETTINGS
from .crowd import Crowd, fill

URL = "https://mailkeep.test"
PROVIDERS = ["one", "two"]
GROUPS = RoleSettings(**{role.value: (role.value,) for role in Role})
OPENID = OperatorSettings("https://id.example", "x", roles=GROUPS)

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class House:
    """A console in front of a small crowd."""

    def __init__(self, running: Application, app: Litestar, crowd: Crowd) -> None:
        self.running, self.app, self.crowd = running, app, crowd

    async def browser(
        self, role: Role | str = Role.ADMIN, life: Instant = HOUR
    ) -> httpx.AsyncClient:
        """A browser of an operator with a role; "": of nobody."""
        transport = httpx.ASGITransport(app=self.app, client=(HERE, 1))
        browser = httpx.AsyncClient(transport=transport, base_url=URL)
        if role:
            who = Who(f"person {role}", f"The {role}", (str(role),), "")

            async def work(tx: Tx) -> str:
                return await services.enter_by_word(
                    tx, self.running.keys, OPENID, who, tx.now + life
                )

            session = await self.running.database.retrying(work)
            browser.cookies.set(COOKIE, seal(self.running.keys, Signed(session)))
        return browser

    def paths(self) -> list[tuple[str, str, Permission | None]]:
        """Each route of the console that is for who is signed in: method, path, what it needs."""
        of = {
            "incident": self.crowd.incident,
            "message": self.crowd.message,
            "account": self.crowd.account,
            "recovery": self.crowd.recovery,
            "name": "one",
            "step": "cut",
            "item": "keys",
            "key": "key_x",
            "who": "opr_x",
            "asked": "apv_x",
        }
        found = []
        for path, methods in self.app.route_handler_method_map.items():
            if not path.startswith("/console") or path.startswith("/console/sign-"):
                continue
            of_path = of | ({"name": "cut_provider"} if "/actions/" in path else {})
            plain = re.sub(r"\{(\w+):str\}", lambda m, of=of_path: of[m[1]], path)
            for method in set(methods) - {"OPTIONS", "HEAD"}:
                found.append((str(method), plain, methods[method].opt.get(NEEDS)))
        return sorted(found, key=lambda one: one[1])

    def shown(self) -> list[str]:
        """The pages among them."""
        return [one[1] for one in self.paths() if one[0] == "GET" and "news" not in one[1]]

    async def audited(self) -> list[str]:
        a = event_tables.audit.c
        async with self.running.database.read() as tx:
            return [row["act"] for row in await tx.all(select(a.act).order_by(a.number))]


@pytest.fixture
async def house(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    first = SETTINGS["provider"][0]
    streams = [
        one | {"routes": [{"provider": name} for name in PROVIDERS]} for one in SETTINGS["stream"]
    ]
    secret = {"priority": 1, "routes": streams[0]["routes"], "secret": True}
    more = {
        "public_url": URL,
        "party": [{"id": "one"}, {"id": "two"}],
        "provider": [first, first | {"name": "two", "party": "two"}],
        "stream": [*streams, *(secret | {"name": name} for name in ("confirmation", "security"))],
        "recovery": {"sender": "us@example.com"},
        "operators": {"issuer": "https://id.example", "client_id": "x", "roles": {"admin": ["x"]}},
    }
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    settings = app_settings.parse(SETTINGS | more)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    crowd = await fill(database, running.keys, PROVIDERS, messages=60, recoveries=20, incidents_=6)
    yield House(running, app, crowd)
    if running.openid is not None:  # the page of a refused sign-in asks its provider
        await running.openid.close()


@pytest.mark.check("ASVS 8.2.1")
@pytest.mark.parametrize("role", [*Role, ""])
async def test_each_role_opens_what_it_may_and_nothing_else(house: House, role: Role | str) -> None:
    paths = house.paths()
    assert len(paths) > 25
    assert [one for one in paths if one[2] is None] == []
    wrong = []
    async with await house.browser(role) as browser:
        for method, path, needed in paths:
            if role and "news" in path:
                continue  # a stream, which does not end
            answer = await browser.request(method, path, data={"_": ""})
            got, may = answer.status_code, bool(role) and needed in ROLES[Role(role)]
            # What no role forbids may still want an account to be opened with a reason first.
            refused = got == 403 and f"our role, {role}, may not" in answer.text
            if not role:
                fine = got == 303 and answer.headers["Location"] == "/console/sign-in"
            else:
                fine = refused is not may and got < 500
            if not fine:
                wrong.append((method, path, got))
    assert wrong == []


async def test_every_page_opens_and_shows_neither_address_nor_markup(house: House) -> None:
    async with await house.browser() as browser:
        for path in house.shown():
            answer = await browser.get(path)
            assert answer.status_code == 200, (path, answer.text)
            assert "@example.net" not in answer.text, path
            assert ">None<" not in answer.text, path
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert "<script>" not in answer.text


async def test_the_proof_and_the_pictures_go_to_every_page(house: House) -> None:
    """A page that is new and that ``scripts/console_pictures.py`` does not know is named here."""
    where = Path(__file__).parents[3] / "scripts" / "console_pictures.py"
    spec = importlib.util.spec_from_file_location("console_pictures", where)
    assert spec is not None
    assert spec.loader is not None
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    paths = pictures._paths(house.crowd)
    assert pictures.forgotten(house.app, paths.values()) == []
    del paths["leave"], paths["left"]
    assert pictures.forgotten(house.app, paths.values()) == ["/console/providers/{name:str}/leave"]


async def test_opening_an_account_takes_a_reason_and_leaves_a_trace(house: House) -> None:
    account = house.crowd.account
    path = f"/console/accounts/{account}"
    async with await house.browser(Role.SUPPORT) as browser, await house.browser() as other:
        assert "Why do you open this?" in (await browser.get(path)).text
        answer = await browser.post("/console/accounts/open", data={"who": account, "reason": " "})
        assert answer.status_code == 422
        form = {"who": f"{account}@example.net", "reason": "ticket 7"}
        answer = await browser.post("/console/accounts/open", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
        page = (await browser.get(path)).text
        assert "a…@e….net" in page
        assert account in page
        # It is open to who said why, and to nobody else.
        assert "Why do you open this?" in (await other.get(path)).text
        assert (await other.post(f"{path}/sessions", data={"_": ""})).status_code == 403
        assert (await browser.post(f"{path}/class", data={"class": "staff"})).status_code == 403
        assert (await browser.post(f"{path}/sessions", data={"_": ""})).status_code == 303
        house.running.database.clock.advance(15 * 60 + 1)
        assert "Why do you open this?" in (await browser.get(path)).text
    assert (await house.audited()).count(opening.ACCOUNT) == 1


async def test_who_would_copy_the_house_one_by_one_is_stopped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST", 3)
    async with await house.browser(Role.SUPPORT) as browser:
        said = [
            (
                await browser.post(
                    "/console/accounts/open", data={"who": f"x{n}@example.org", "reason": "x"}
                )
            ).status_code
            for n in range(5)
        ]
        assert said == [404, 404, 404, 429, 429]
        path = f"/console/recoveries/{house.crowd.recovery}/open"
        assert (await browser.post(path, data={"reason": "x"})).status_code == 429
        house.running.database.clock.advance(3601)
        browser.cookies.clear()
    async with await house.browser(Role.SUPPORT) as browser:
        assert (await browser.post(path, data={"reason": "x"})).status_code == 303
        assert "Its proofs" in (await browser.get(path.removesuffix("/open"))).text


async def test_a_provider_is_cut_by_hand_only_where_no_incident_is_open(house: House) -> None:
    async with await house.browser(Role.RESPONDER) as browser:
        answer = await browser.post("/console/providers/one/cut", data={"reason": "x"})
        assert answer.status_code == 409
        async with house.running.database.write() as tx:
            for incident in await live(tx):
                await house.running.incidents.close(tx, incident, "over", by="t")
        page = (await browser.get("/console/providers/one/cut")).text
        assert "fewer than two independent routes" in page
        assert (await browser.post("/console/providers/one/cut", data={})).status_code == 422
        answer = await browser.post("/console/providers/one/cut", data={"reason": "it leaks"})
        assert answer.status_code == 303
        async with house.running.database.read() as tx:
            assert await mail.cut(tx) == {}, "recovery needs two routes: it is asked for"
        text = (await browser.get("/console/providers/one")).text
        assert "it leaks" in text
        assert "Nothing is done yet" in text
        answer = await browser.post("/console/providers/one/restore", data={"reason": "mended"})
        assert answer.status_code == 303
        async with house.running.database.read() as tx:
            assert await mail.cut(tx) == {}
    assert {"ask_cut", "refuse_cut"} <= set(await house.audited())


async def live(tx: Tx) -> list[str]:
    return [one.id for one in await incidents.live(tx)]


async def test_an_admin_revokes_a_key_and_signs_an_operator_out(house: House) -> None:
    async with house.running.database.write() as tx:
        await api_keys.create(tx, house.running.keys, "old", ["send"], by="test")
        (key,) = await api_keys.listing(tx)
    async with await house.browser() as admin, await house.browser(Role.VIEWER) as viewer:
        path = f"/console/settings/keys/{key.id}/revoke"
        assert "cannot be taken back" in (await admin.post(path, data={"_": ""})).text
        assert (await admin.post(path, data={"sure": "yes"})).status_code == 303
        assert "revoked" in (await admin.get("/console/settings")).text
        assert (await viewer.get("/console")).status_code == 200
        async with house.running.database.read() as tx:
            (who,) = [one for one in await services.listing(tx) if one.role is Role.VIEWER]
        answer = await admin.post(f"/console/settings/operators/{who.id}/end", data={"_": ""})
        assert answer.status_code == 303
        assert (await viewer.get("/console")).status_code == 303
        foreign = {"Origin": "https://evil.example"}
        answer = await admin.post(path, data={"sure": "yes"}, headers=foreign)
        assert answer.status_code == 403


async def test_times_are_written_in_one_way(house: House) -> None:
    """As 2026-11-28 09:30:00 UTC: what a machine writes stays in the attributes."""
    pages = 0
    async with await house.browser(Role.ADMIN) as browser:
        for path in house.shown():
            answer = await browser.get(path)
            if answer.status_code == 200 and "html" in answer.headers["Content-Type"]:
                pages += 1
                seen = re.sub(r'="[^"]*"', "", answer.text)
                assert re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d", seen) == [], path
    assert pages > 12


async def test_messages_are_filtered_and_found_without_an_address_in_a_url(house: House) -> None:
    async with await house.browser(Role.VIEWER) as browser:
        page = (await browser.get("/console/messages?stream=alert&status=delivered")).text
        assert "chip bounced" not in page
        assert (await browser.get("/console/messages?status=nonsense")).status_code == 422
        assert (await browser.get("/console/messages?stream=nonsense")).status_code == 422
        assert (await browser.get("/console/messages?cursor=nonsense")).status_code == 422
        form = {"address": "p1@example.net"}
        answer = await browser.post("/console/messages/search", data=form)
        assert answer.status_code == 303
        assert re.fullmatch(
            r"/console/messages\?recipient=address_[0-9a-f]+", answer.headers["Location"]
        )
        assert (await browser.get(answer.headers["Location"])).status_code == 200
        page = (await browser.get("/console/messages")).text
        older = re.search(r'href="(/console/messages\?cursor=[^"]+)"', page)
        assert older is not None
        assert (await browser.get(older[1])).status_code == 200


async def test_mail_that_tells_of_accounts_is_for_who_says_why(house: House) -> None:
    who = f"{house.crowd.account}@example.net"
    whose = house.running.keys.pseudonym("address", who)
    m = mail_tables.messages
    async with house.running.database.write() as tx:
        mine = select(m.c.id).where(m.c.stream == "recovery").limit(1).scalar_subquery()
        await tx.run(update(m).where(m.c.id == mine).values(address_id=whose))
        reset = str(await tx.value(select(m.c.id).where(m.c.address_id == whose)))
    one, to_one = f"/console/messages/{reset}", f"/console/messages?recipient={whose}"
    form = {"address": who, "reason": "ticket 7"}
    async with await house.browser(Role.VIEWER) as browser:
        page = (await browser.get("/console/messages?stream=recovery")).text
        assert "Not looked into: confirmation, recovery, security" in page
        assert reset not in page
        answer = await browser.post("/console/messages/search", data=form)
        assert answer.headers["Location"] == to_one
        assert reset not in (await browser.get(to_one)).text
        assert whose not in (await browser.get(one)).text
    assert (await house.audited()).count(opening.MAIL) == 0
    async with await house.browser(Role.SUPPORT) as browser, await house.browser() as other:
        assert reset in (await browser.get("/console/messages?stream=recovery")).text
        assert reset not in (await browser.get(to_one)).text
        assert whose not in (await browser.get(one)).text
        there = (await browser.post("/console/messages/search", data=form)).headers["Location"]
        assert there.startswith(f"{to_one}&opened=")
        assert reset in (await browser.get(there)).text
        assert reset not in (await other.get(there)).text  # it is open to who said why
        elsewhere = there.replace(whose, house.running.keys.pseudonym("address", "x@example.net"))
        assert "Not looked into" in (await browser.get(elsewhere)).text
        house.running.database.clock.advance(15 * 60 + 1)
        assert reset not in (await browser.get(there)).text
    assert (await house.audited()).count(opening.MAIL) == 1


async def test_who_may_only_look_asks_what_falls_as_often_as_they_like_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What falls takes the processor; who asks in a loop must not take it from everybody else."""
    worked: list[tuple[str, ...]] = []
    busy = 0
    fall = Model.fall

    def noted(self: Model, parties: Iterable[str]) -> Fall:
        nonlocal busy
        busy += 1
        assert busy == 1  # one question at a time
        worked.append(tuple(parties))
        found = fall(self, worked[-1])
        busy -= 1
        return found

    monkeypatch.setattr(Model, "fall", noted)
    async with await house.browser(Role.VIEWER) as viewer:
        before = await house.audited()
        asked = ["one", "two", "two,one", "one,two", "one", "mailkeep"] * 3
        answers = await asyncio.gather(
            *(viewer.get(f"/console/trust?party={one}") for one in asked)
        )
        assert {one.status_code for one in answers} == {200}
        assert sorted(worked) == [("mailkeep",), ("one",), ("one", "two"), ("two",)]
        assert (await viewer.get(f"/console/trust?party={'one,' * 11}")).status_code == 422
        assert (await viewer.get("/console/trust?party=nobody")).status_code == 404
        assert (await viewer.get(f"/console/trust?party={'x' * 5000}")).status_code == 404
        assert (await viewer.post("/console/trust?party=one")).status_code == 405
        assert await house.audited() == before


@pytest.mark.check("63B 2.2.3")
async def test_a_page_that_nobody_is_at_keeps_no_session_alive(
    house: House, clock: ManualClock
) -> None:
    """Its script fetches it when something changed; whoever finds the browser is not let in."""
    path, live = f"/console/incidents/{house.crowd.incident}", {LIVE: "yes"}

    async def get(browser: httpx.AsyncClient, **headers: str) -> int:
        return (await browser.get(path, headers=headers)).status_code

    async with (
        await house.browser(Role.RESPONDER, 8 * HOUR) as left,
        await house.browser("") as nobody,
    ):
        for _ in range(3):
            clock.advance(1100)
            assert await get(left, **live) == 200
        assert await get(nobody, **live) == 303, "it reads nothing without a session"
        clock.advance(400)
        assert await get(left, **live) == 303
        assert await get(left) == 303
    # What a person does counts, with that header as well.
    async with await house.browser(Role.RESPONDER, 8 * HOUR) as used:
        clock.advance(3000)
        assert await get(used) == 200
        clock.advance(3000)
        note = await used.post(f"{path}/notes", data={"text": "here"}, headers=live)
        assert note.status_code == 303
        clock.advance(3000)
        assert await get(used) == 200


async def test_a_case_is_worked_out_when_something_changed_and_once_for_all(
    house: House, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    real = queries.case

    async def counted(tx: Tx, means: Any, incident: str) -> Any:
        worked.append(incident)
        return await real(tx, means, incident)

    monkeypatch.setattr(cases_module.queries, "case", counted)
    running, incident = house.running, house.crowd.incident
    shared = Cases(running.database, running.response.means)

    async def pages(count: int) -> set[str]:
        clock.advance(1)
        return {await shared.version(incident) for _ in range(count)}

    (before,) = await pages(20)
    for _ in range(5):
        assert await pages(20) == {before}
    assert len(worked) == 1
    # Something that is not the incident's changes nothing.
    async with running.database.write() as tx:
        await running.incidents.note(tx, (await live(tx))[-1], "elsewhere", by="t")
    assert await pages(20) == {before}
    async with running.database.write() as tx:
        await running.incidents.note(tx, incident, "here", by="t")
    (after,) = await pages(20)
    assert after != before
    count = len(worked)
    # And who opens the page in that second has what the others were told.
    assert any(one.text == "here" for one in (await shared.look(incident)).timeline)
    assert len(worked) == count
    clock.advance(cases_module.FRESH // SECOND)
    await pages(1)
    assert len(worked) == count + 1


async def test_all_that_needs_a_person_reaches_the_open_overview(
    house: House, clock: ManualClock
) -> None:
    """A cut that failed, above all: the page says that it keeps itself up to date."""
    running, incident = house.running, house.crowd.incident
    shared, seen = Cases(running.database, running.response.means), set[str]()
    acts, change = response_tables.actions, watch_tables.posture_changes
    moves, sent, of = cutover_tables.cutovers, mail_tables.messages, incident_tables.incidents
    move = {"id": "cut_1", "source": "one", "target": "two", "at_once": False, "by": "t"}
    move |= {"state": "moving", "created_at": 1, "why": "", "pace": "{}", "gates": "[]"}
    found = {"id": "chg_1", "account": "one", "kind": "user", "what": "new", "strange": True}
    failed = update(acts).where(acts.c.incident_id == incident).values(state="failed")
    paused = update(moves).values(state="paused", why="too many bounces")
    clocked = update(of).where(of.c.id == incident).values(aware_at=clock.now() - 71 * HOUR)
    late = update(sent).where(sent.c.id == house.crowd.message)
    waits = {"stream": "bulk", "status": "queued", "next_at": clock.now() - HOUR}
    steps: list[tuple[str, Executable]] = [
        ("Failed: ", failed),
        ("that nobody announced", insert(change).values(**found, sealed=b"", at=1)),
        ("", insert(moves).values(**move, live=True)),
        ("is held up: too many bounces", paused),
        ("The regulator's clock", clocked),
        ("bulk: 1 wait", late.values(**waits)),
    ]
    async with await house.browser() as browser:
        async with running.database.write() as tx:
            await tx.run(update(sent).values(status="delivered"))
        seen.add(await version_of(running, shared))
        for says, step in steps:
            clock.advance(cases_module.FRESH / SECOND)
            assert await version_of(running, shared) in seen, says
            async with running.database.write() as tx:
                await tx.run(step)
            clock.advance(cases_module.FRESH / SECOND)
            if says:
                current = await version_of(running, shared)
                assert current not in seen, says
                seen.add(current)
                shown = html.unescape((await browser.get("/console")).text)
                assert says in shown
                assert f'data-version="{current}"' in shown, "it is not fetched once more"


async def test_a_page_asks_the_database_seldom_however_much_there_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page reads does not grow with the house: the same count after three times as much."""
    asked: list[object] = []
    real = Tx._execute

    async def counted(self: Tx, statement: Any, rows: Any = None) -> Any:
        asked.append(statement)
        return await real(self, statement, rows)

    monkeypatch.setattr(Tx, "_execute", counted)
    paths = house.shown()

    async def count() -> dict[str, int]:
        found = {}
        async with await house.browser() as browser:
            for path in paths:
                asked.clear()
                await browser.get(path)
                found[path] = len(asked)
        return found

    before = await count()
    monkeypatch.setattr(cases_module, "FRESH", 0)
    await fill(
        house.running.database,
        house.running.keys,
        PROVIDERS,
        messages=200,
        recoveries=60,
        incidents_=0,
        seed=2,
    )
    after = await count()
    assert max(before.values()) < 60
    assert {p: n for p, n in after.items() if n > before[p] + 1 and "incidents/" not in p} == {}
