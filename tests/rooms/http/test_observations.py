"""The doors for what others saw, over ASGI, on both engines; and a house that only observes."""

import json
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock, iso
from mailkeep.base.errors import NotAllowed
from mailkeep.http import server
from mailkeep.response import hands
from mailkeep.store.database import Database

from .conftest import ALL, GOOD, HERE, SETTINGS, Api

PAYLOADS = Path(__file__).parents[2] / "contract" / "payloads"
OBSERVES: dict[str, Any] = SETTINGS | {
    "level": "observe",
    "provider": [
        {name: value for name, value in one.items() if name != "secret"}
        for one in SETTINGS["provider"]
    ],
    "journal": {},
    "console_log": [{"name": "okta", "kind": "okta", "parties": {"SendGrid": "one", "*": "one"}}],
}


@pytest.fixture
async def observer(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    settings = app_settings.parse(OBSERVES)
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailkeep.test") as client:
        made = Api(running, client, "")
        made.key = await made.new_key(*ALL, name="all")
        yield made


def _sent(at: str, **more: object) -> dict[str, object]:
    line = {"provider": "one", "id": "m1", "to": "ada@example.net", "stream": "alert", "at": at}
    return {"sent": [line | more]}


async def test_a_journal_is_brought_with_a_key_for_its_streams(
    observer: Api, clock: ManualClock
) -> None:
    key = await observer.new_key("observe", streams=["alert"], name="shop")
    now = iso(clock.now())
    answer = await observer.ask("POST", "/v1/observations", _sent(now), key=key)
    assert (answer.status_code, answer.json()) == (200, {"new": 1, "known": 0, "stale": 0})
    answer = await observer.ask("POST", "/v1/observations", _sent(now), key=key)
    assert answer.json() == {"new": 0, "known": 1, "stale": 0}
    for body, status, field in (
        (_sent(now, stream="bulk"), 403, "sent.stream"),
        (_sent(now, stream="none"), 403, "sent.stream"),
        (_sent(now, provider="none"), 422, "sent[0].provider"),
        (_sent(now, to="nobody"), 422, "sent[0].to"),
        (_sent("2023-11-14T22:13:20"), 422, "sent[0].at"),
        (_sent(now, subject="x"), 422, "sent[0].subject"),
        ({"sent": []}, 422, "sent"),
        ({"sent": [_sent(now)["sent"][0]] * 501}, 422, "sent"),
    ):
        answer = await observer.ask("POST", "/v1/observations", body, key=key)
        assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert (await observer.ask("POST", "/v1/observations", _sent(now))).status_code == 403


async def test_lines_of_an_audit_log_are_brought_and_a_hook_is_verified(
    observer: Api, clock: ManualClock
) -> None:
    key = await observer.new_key("audit", name="okta")
    path = "/v1/observations/audit/okta"
    clock.advance(60)
    raw = (PAYLOADS / "okta" / "sso.json").read_bytes()
    answer = await observer.ask("POST", path, raw=raw, key=key)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)
    for body, status in ((b"{", 422), (b"[" * 50_000, 422), (b"", 422)):
        assert (await observer.ask("POST", path, raw=body, key=key)).status_code == status
    none = await observer.ask("POST", "/v1/observations/audit/none", raw=raw, key=key)
    assert none.status_code == 404
    assert (await observer.ask("POST", path, raw=raw)).status_code == 403
    header = {"x_okta_verification_challenge": "zCh4-77"}
    answer = await observer.ask("GET", path, key=key, **header)
    assert answer.json() == {"verification": "zCh4-77"}
    assert (await observer.ask("GET", path, key=key)).status_code == 422
    assert (await observer.ask("GET", path, **header)).status_code == 403


async def test_a_house_that_observes_sends_nothing_and_acts_on_nothing(observer: Api) -> None:
    for body in (GOOD, {"messages": [GOOD]}):
        answer = await observer.ask("POST", "/v1/messages", body)
        assert answer.status_code in {403, 422}, answer.text
        assert "observes" in json.dumps(answer.json())
    assert await observer.count() == 0
    running = observer.running
    async with running.database.write() as tx:
        with pytest.raises(NotAllowed):
            await hands.cut(tx, running.response.means, "one", by="op", reason="x")
        with pytest.raises(NotAllowed):
            await hands.restore(tx, running.response.means, "one", by="op", reason="x")
    with pytest.raises(NotAllowed):
        await running.response.apply("inc_x", "cut_provider", by="op")
    assert not await running.response.work()


async def test_no_journal_is_kept_where_the_settings_have_none(
    api: Api, clock: ManualClock
) -> None:
    key = await api.new_key("observe", name="shop")
    answer = await api.ask("POST", "/v1/observations", _sent(iso(clock.now())), key=key)
    assert answer.status_code == 404
