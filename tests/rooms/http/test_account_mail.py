"""Mail that tells who has an account: not for who may only look at mail, and for nobody unseen."""

import json
import sys
from typing import Any

import pytest
from sqlalchemy import select

from mailkeep.accounts import opening
from mailkeep.events.tables import audit

from .conftest import GOOD, SETTINGS, Api

ADA, NOBODY = "ada@example.net", "nobody@example.net"
PASSWORD = "violet-harbour-undoes-kettles"
TOLD = ["confirmation", "recovery", "security"]

_ROUTES = [{"provider": "one"}, {"provider": "two"}]
_ONE = SETTINGS["provider"][0]
HOUSE: dict[str, Any] = SETTINGS | {
    "party": [{"id": "one", "name": "One"}, {"id": "two", "name": "Two"}],
    "provider": [_ONE, _ONE | {"name": "two", "party": "two"}],
    "stream": [
        {"name": "recovery", "priority": 0, "routes": _ROUTES, "secret": True},
        {"name": "confirmation", "priority": 1, "routes": _ROUTES, "secret": True},
        {"name": "security", "priority": 1, "routes": _ROUTES},
        {"name": "alert", "priority": 3, "routes": _ROUTES},
    ],
    "recovery": {},
}


@pytest.fixture(autouse=True)
def _house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[Api.__module__], "SETTINGS", HOUSE)


async def _join(api: Api) -> None:
    """An owner, of whom a recovery is under way; somebody asks for one of nobody's as well."""
    running = api.running
    made = await running.accounts.sign_up(ADA, PASSWORD, "n")
    assert made.code is not None
    await running.accounts.confirm(made.confirmation, made.code.reveal(), "n")
    assert running.recovery is not None
    for who in (ADA, NOBODY):
        await running.recovery.ask(who, browser="b", network="n")
    for _ in range(4):
        await running.recovery.planner.step()


async def _found(api: Api, key: str, who: str, **more: str) -> dict[str, Any]:
    answer = await api.ask("POST", "/v1/messages/search", {"recipient": who} | more, key=key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _openings(api: Api) -> list[str]:
    """Whose mail was looked at, as the audit chain names them."""
    async with api.running.database.read() as tx:
        rows = await tx.all(select(audit.c.data).where(audit.c.act == opening.MAIL))
    assert "address" not in str(rows)
    return [json.loads(row["data"])["id"] for row in rows]


async def test_a_key_that_reads_mail_learns_of_no_account(api: Api) -> None:
    """By the address, by the pseudonym that an order's mail comes with, in a list, by events."""
    await _join(api)
    orders = {who: await api.send(to=who) for who in (ADA, NOBODY)}
    key = await api.new_key("read", name="dashboard")
    for who, order in orders.items():
        found = await _found(api, key, who)
        assert [one["id"] for one in found["messages"]] == [order]  # the support desk's question
        assert found["left_out"] == TOLD
        name = found["messages"][0]["recipient"]
        page = (await api.ask("GET", f"/v1/messages?recipient={name}", key=key)).json()
        assert [one["id"] for one in page["messages"]] == [order]
        for stream in TOLD:
            body = {"recipient": who, "stream": stream}
            refused = await api.ask("POST", "/v1/messages/search", body, key=key)
            assert (refused.status_code, refused.json()["field"]) == (403, "stream")
            for path in ("/v1/messages", "/v1/events"):
                answer = await api.ask("GET", f"{path}?stream={stream}", key=key)
                assert answer.status_code == 403
        with_reason = {"recipient": who, "reason": "ticket 7"}
        refused = await api.ask("POST", "/v1/messages/search", with_reason, key=key)
        assert refused.status_code == 403
    page = (await api.ask("GET", "/v1/messages", key=key)).json()
    assert {one["id"] for one in page["messages"]} == set(orders.values())
    assert page["left_out"] == TOLD
    assert await _openings(api) == []


async def test_who_may_open_accounts_says_why_and_is_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _join(api)
    await api.send(to=ADA)
    listed = (await api.ask("GET", "/v1/messages")).json()["messages"]
    whose = {one["stream"]: one["recipient"] for one in listed}
    assert whose["recovery"] is None
    assert whose["alert"] is not None
    one = next(each["id"] for each in listed if each["stream"] == "recovery")
    assert (await api.ask("GET", f"/v1/messages/{one}")).json()["recipient"] is None
    assert [m["stream"] for m in (await _found(api, api.key, ADA))["messages"]] == ["alert"]
    assert await _openings(api) == []
    found = await _found(api, api.key, ADA, reason="ticket 7")
    assert "recovery" in {m["stream"] for m in found["messages"]}
    assert found["left_out"] == []
    assert [one.startswith("acc_") for one in await _openings(api)] == [True]
    name = whose["alert"]
    assert {m["recipient"] for m in found["messages"]} == {name}
    page = (await api.ask("GET", f"/v1/messages?recipient={name}")).json()
    assert [m["stream"] for m in page["messages"]] == ["alert"]
    monkeypatch.setattr(opening, "MOST", 2)
    body = {"recipient": NOBODY, "reason": "one after the other"}
    said = [(await api.ask("POST", "/v1/messages/search", body)).status_code for _ in range(2)]
    assert said == [200, 429]


async def test_a_key_that_is_bound_to_a_stream_sees_what_its_application_sends(api: Api) -> None:
    sent = await api.send(stream="recovery", to=ADA)
    key = await api.new_key("read", name="shop", streams=("recovery",))
    found = (await _found(api, key, ADA))["messages"]
    assert [(one["id"], one["recipient"] is None) for one in found] == [(sent, False)]
    assert (await api.ask("GET", "/v1/events?stream=recovery", key=key)).status_code == 200


async def test_a_message_is_shown_by_its_id_without_whose_it_is(api: Api) -> None:
    """Who handed it in was told the id, and no list tells it."""
    sent = await api.send(stream="recovery", to=GOOD["to"])
    key = await api.new_key("read", name="dashboard")
    shown = (await api.ask("GET", f"/v1/messages/{sent}", key=key)).json()
    assert (shown["id"], shown["recipient"]) == (sent, None)
