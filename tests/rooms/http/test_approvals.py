"""Two people by the API and at the console: one asks, nothing happens, the other one does it."""

import io
import warnings
import zipfile
from pathlib import Path

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.events import log
from mailkeep.events.types import Recorded
from mailkeep.http import server
from mailkeep.incidents import queries as incidents
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.response import evidence
from mailkeep.store.database import Database
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, provider_subject

from .conftest import HERE, SETTINGS

URL = "https://mailkeep.test"


class House:
    """An incident about the only provider, and what two operators do about it."""

    def __init__(self, running: Application, transport: httpx.ASGITransport) -> None:
        self.running = running
        self._transport = transport
        self.keys: dict[str, str] = {}

    async def key(self, name: str, *scopes: str) -> str:
        async with self.running.database.write() as tx:
            made = await api_keys.create(tx, self.running.keys, name, scopes, owner=name, by="test")
        self.keys[name] = made
        return made

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, base_url=URL)

    async def ask(self, who: str, method: str, path: str, body: object = None) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.keys[who]}"}
        async with self.browser() as client:
            return await client.request(method, path, headers=sent, json=body)

    async def cut(self) -> set[str]:
        async with self.running.database.read() as tx:
            return set(await mail.cut(tx))

    async def incident(self) -> str:
        database, running = self.running.database, self.running
        async with database.write() as tx:
            signal = Signal(
                *("honey_hit", Family.BAIT, provider_subject("one")),
                *({Hypothesis.PROVIDER_COMPROMISED: 9.0}, tx.now, "honey says so", ()),
                *(True, Forger.NOBODY, 1800.0, tx.now + 86_400_000_000),
            )
            await log.record(database, tx, SignalRaised(signal=signal))
        await log.Relay(database, "one").place()
        async with database.write() as tx:
            await running.incidents.on_signal(
                tx, Recorded("evt_x", 1, 0, 0, SignalRaised(signal=signal))
            )
        async with database.read() as tx:
            (found,) = await incidents.live(tx)
        return found.id


@pytest.fixture
async def house(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    settings = app_settings.parse(SETTINGS | {"public_url": URL})
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    made = House(running, httpx.ASGITransport(app=app, client=(HERE, 1)))
    for name in ("ada", "bob"):
        await made.key(name, "read", "operate")
    await made.key("eve", "read")
    return made


async def test_the_api_asks_for_the_second_key(house: House) -> None:
    incident = await house.incident()
    path = f"/v1/incidents/{incident}/actions/cut_provider"
    # No route would be left: what that means must have been read first.
    assert (await house.ask("ada", "POST", path, {"step": "apply"})).status_code == 409
    asked = await house.ask("ada", "POST", path, {"step": "apply"})
    assert asked.status_code == 202
    waits = asked.json()["waits"]
    assert (waits["state"], waits["step"], waits["action"]) == ("waiting", "apply", "cut_provider")
    assert asked.json()["preview"]["by_hand"][0].startswith("find and withdraw its DKIM key")
    assert await house.cut() == set()
    listed = await house.ask("eve", "GET", "/v1/approvals")
    assert [one["id"] for one in listed.json()["approvals"]] == [waits["id"]]
    approve = f"/v1/approvals/{waits['id']}/approve"
    assert (await house.ask("ada", "POST", approve)).status_code == 403
    assert (await house.ask("eve", "POST", approve)).status_code == 403
    assert await house.cut() == set()
    done = await house.ask("bob", "POST", approve)
    assert (done.status_code, done.json()["state"], done.json()["waits"]) == (200, "applied", None)
    assert await house.cut() == {"one"}
    assert (await house.ask("bob", "POST", approve)).status_code == 409
    # Given back by one thief of a key: not so.
    undo = await house.ask("ada", "POST", path, {"step": "undo"})
    assert undo.status_code == 202
    assert await house.cut() == {"one"}
    refuse = f"/v1/approvals/{undo.json()['waits']['id']}/refuse"
    refused = await house.ask("bob", "POST", refuse)
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    assert (await house.ask("bob", "POST", f"{path}x", {"step": "stop"})).status_code == 404
    assert (await house.ask("bob", "POST", path, {"step": "stop"})).status_code == 409


async def sign_in(house: House, who: str) -> httpx.AsyncClient:
    client = house.browser()
    answer = await client.post("/console/sign-in", data={"key": house.keys[who]})
    assert answer.status_code == 303
    return client


async def test_the_console_says_who_waits_for_whom(house: House) -> None:
    incident = await house.incident()
    page = f"/console/incidents/{incident}/actions/cut_provider"
    ada, bob = await sign_in(house, "ada"), await sign_in(house, "bob")
    text = (await ada.get(page)).text
    assert "It wants two people" in text
    assert "find and withdraw its DKIM key" in text
    seen = text.split('name="seen" value="')[1].split('"')[0]
    form = {"step": "apply", "sure": "yes", "seen": seen}
    asked = await ada.post(page, data=form)
    assert (asked.status_code, asked.headers["Location"]) == (303, page)
    text = (await ada.get(page)).text
    assert "You cannot approve it yourself" in text
    assert "Approve:" not in text
    text = (await bob.get("/console")).text
    assert "Waits for a second person" in text
    assert page in text
    text = (await bob.get(f"/console/incidents/{incident}")).text
    assert "a second person must approve" in text
    text = (await bob.get(page)).text
    approve = text.split('action="/console/approvals/')[1].split("/")[0]
    assert await house.cut() == set()
    # Looking approves nothing, nor does another site, nor who asked for it.
    assert (await bob.get(f"/console/approvals/{approve}/approve")).status_code == 405
    foreign = {"Origin": "https://evil.test"}
    door = f"/console/approvals/{approve}/approve"
    assert (await bob.post(door, headers=foreign)).status_code == 403
    assert (await ada.post(door)).status_code == 403
    assert await house.cut() == set()
    done = await bob.post(door)
    assert done.status_code == 303
    assert done.headers["Location"] == f"/console/incidents/{incident}"
    assert await house.cut() == {"one"}
    for client in (ada, bob):
        await client.aclose()


async def test_the_evidence_is_taken_along_and_audited(house: House, tmp_path: Path) -> None:
    incident = await house.incident()
    bob = await sign_in(house, "bob")
    for path in (f"/v1/incidents/{incident}/evidence", f"/console/incidents/{incident}/evidence"):
        if path.startswith("/v1"):
            assert (await house.ask("eve", "POST", path)).status_code == 403
            answer = await house.ask("bob", "POST", path)
        else:
            answer = await bob.post(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
        room = tmp_path / path.strip("/").replace("/", "_")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            archive.extractall(room)
        assert evidence.check(room).incident == incident
        assert b"export_evidence" in (room / "audit.jsonl").read_bytes().splitlines()[-1]
    await bob.aclose()


async def test_the_console_shows_how_grave_it_is_and_why(house: House) -> None:
    incident = await house.incident()
    bob = await sign_in(house, "bob")
    text = (await bob.get(f"/console/incidents/{incident}")).text
    assert "Severity: <strong>critical</strong>" in text
    assert "a provider that may be read still carries our mail" in text
    # What nobody has proposed says what it is for.
    assert "Rings every pager that the suspect does not carry." in text
    shown = await house.ask("eve", "GET", f"/v1/incidents/{incident}")
    assert shown.json()["severity"]["level"] == "critical"
    await bob.aclose()
