"""Sending over the API, on both engines: message by message, and nothing of what is refused."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from mailkeep.base.clock import DAY, HOUR, ManualClock, iso
from mailkeep.mail import api_keys
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import NewMessage
from mailkeep.store.database import Tx

from .conftest import GOOD, Api


def _problem(answer: httpx.Response, status: int, field: str | None) -> dict[str, Any]:
    """The problem document of an answer."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    said = (answer.status_code, found["status"], found.get("field"))
    assert said == (status, status, field), answer.text
    assert {"type", "title"} <= set(found)
    return found


async def test_a_message_and_its_repetition(api: Api) -> None:
    first = await api.ask("POST", "/v1/messages", GOOD, Idempotency_Key="order-17")
    again = await api.ask("POST", "/v1/messages", GOOD, Idempotency_Key='"order-17"')
    body = await api.ask("POST", "/v1/messages", GOOD | {"idempotency_key": "order-17"})
    assert [one.status_code for one in (first, again, body)] == [202] * 3
    assert set(first.json()) == {"id"}
    assert again.json() == body.json() == first.json() | {"repeated": True}
    other = await api.ask("POST", "/v1/messages", GOOD | {"text": "x"}, Idempotency_Key="order-17")
    _problem(other, 409, None)
    assert await api.count() == 2


async def test_an_idempotency_key_counts_for_the_successor_of_a_key(api: Api) -> None:
    old = await api.new_key("send", name="shop")
    async with api.running.database.write() as tx:
        new = await api_keys.rotate(tx, api.running.keys, "shop", HOUR, by="test")
    fields = GOOD | {"idempotency_key": "order-17"}
    ids = [
        (await api.ask("POST", "/v1/messages", fields, key=key)).json()["id"]
        for key in (old, new, api.key)
    ]
    assert ids[0] == ids[1] != ids[2]


async def test_a_batch_says_what_became_of_each(api: Api) -> None:
    first = await api.send(idempotency_key="a")
    batch = [
        GOOD | {"idempotency_key": "a"},
        GOOD | {"to": "nobody"},
        GOOD | {"idempotency_key": "a", "text": "other"},
        GOOD | {"stream": "recovery"},
        7,
        GOOD | {"expires_at": "2020-01-01T00:00:00Z"},
        GOOD | {"idempotency_key": "b"},
        GOOD | {"idempotency_key": "b"},
    ]
    answer = await api.ask("POST", "/v1/messages", {"messages": batch})
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert results[0] == {"status": "accepted", "id": first, "repeated": True}
    assert set(results[3]) == {"status", "id"}
    assert results[7] == results[6] | {"repeated": True}
    refused = {
        index: (one["problem"]["status"], one["problem"].get("field"))
        for index, one in enumerate(results)
        if one["status"] == "refused"
    }
    assert refused == {
        1: (422, "messages[1].to"),
        2: (409, None),
        4: (422, "messages[4]"),
        5: (422, "messages[5].expires_at"),
    }
    assert await api.count() == 6


async def test_a_batch_of_which_nothing_can_be_taken(api: Api) -> None:
    batch = {"messages": [GOOD | {"to": "nobody"}, GOOD | {"stream": "bluk"}]}
    answer = await api.ask("POST", "/v1/messages", batch)
    found = _problem(answer, 422, None)
    fields = [one["problem"]["field"] for one in found["results"]]
    assert fields == ["messages[0].to", "messages[1].stream"]
    assert await api.count() == 0


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"to": "nobody"}, 422, "messages[1].to"),
        ({"idempotency_key": "a", "text": "other"}, 409, None),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "messages[1].expires_at"),
    ],
)
async def test_all_or_none(api: Api, wrong: dict[str, Any], status: int, field: str | None) -> None:
    await api.send(idempotency_key="a")
    whole = {"messages": [GOOD | {"text": "new"}, GOOD | wrong, GOOD], "all_or_none": True}
    _problem(await api.ask("POST", "/v1/messages", whole), status, field)
    assert await api.count() == 2
    whole["messages"][1] = GOOD
    answer = await api.ask("POST", "/v1/messages", whole)
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"] * 3
    assert await api.count() == 8


async def test_who_is_refused_spoils_it_for_nobody_in_the_same_commit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.send(idempotency_key="a")
    calls = 0
    accept_many = Intake.accept_many

    async def counted(self: Intake, tx: Tx, many: Sequence[NewMessage]) -> Any:
        nonlocal calls
        calls += len(many)
        return await accept_many(self, tx, many)

    monkeypatch.setattr(Intake, "accept_many", counted)
    other = GOOD | {"idempotency_key": "a", "text": "other"}
    all_of = {"messages": [GOOD, other], "all_or_none": True}
    bodies = [GOOD, other, GOOD, all_of, GOOD]
    answers = await asyncio.gather(*(api.ask("POST", "/v1/messages", one) for one in bodies))
    assert [one.status_code for one in answers] == [202, 409, 202, 409, 202]
    assert calls == 6, calls  # each once: the commit was not done again for the sake of two


async def test_a_key_sends_only_what_it_was_made_for(api: Api) -> None:
    key = await api.new_key(
        "send", streams=("alert",), domains=("example.com",), networks=("192.0.2.0/24",)
    )
    away = await api.new_key("send", networks=("198.51.100.0/24",))
    assert (await api.ask("POST", "/v1/messages", GOOD, key=key)).status_code == 202
    before = await api.count()
    for wrong, status, field in (
        (GOOD | {"stream": "recovery"}, 403, "stream"),
        (GOOD | {"stream": "nosuch"}, 403, "stream"),  # which there are is not told
        (GOOD | {"from": "us@example.net"}, 403, "from"),
        (GOOD | {"from": {"email": "us@mail.example.com", "name": "x"}}, 403, "from"),
    ):
        _problem(await api.ask("POST", "/v1/messages", wrong, key=key), status, field)
    _problem(await api.ask("POST", "/v1/messages", GOOD, key=away), 403, None)
    _problem(await api.ask("GET", "/v1/messages", key=key), 403, None)
    assert await api.count() == before
    batch = {"messages": [GOOD, GOOD | {"stream": "bulk"}]}
    results = (await api.ask("POST", "/v1/messages", batch, key=key)).json()["results"]
    assert [one["status"] for one in results] == ["accepted", "refused"]
    assert results[1]["problem"]["field"] == "messages[1].stream"


async def test_where_a_request_comes_from_behind_a_proxy(api: Api) -> None:
    away = await api.new_key("send", networks=("198.51.100.0/24",))
    named = {"X_Forwarded_For": "198.51.100.9"}
    _problem(await api.ask("POST", "/v1/messages", GOOD, key=away, **named), 403, None)
    api.running.trusted_proxies = tuple(api_keys.grants.network(one) for one in ("192.0.2.0/24",))
    answer = await api.ask("POST", "/v1/messages", GOOD, key=away, **named)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer mk_guess", "x" * 9000]
)
async def test_who_has_no_key_is_not_listened_to(api: Api, given: str) -> None:
    for method, path in (
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/search"),
        ("GET", "/v1/messages"),
        ("GET", "/v1/messages/msg_1"),
        ("GET", "/v1/incidents"),
    ):
        answer = await api.client.request(
            method, path, headers={"Authorization": given}, content=b"{broken"
        )
        _problem(answer, 401, None)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "mk_guess" not in answer.text


async def test_a_revoked_key_stores_nothing_though_its_body_was_under_way(api: Api) -> None:
    """The key was good when the request came in; the body takes its time meanwhile."""
    key = await api.new_key("send", name="shop")
    assert (await api.ask("POST", "/v1/messages", GOOD, key=key)).status_code == 202
    before = await api.count()
    started, go = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield json.dumps(GOOD).encode()[:10]
        started.set()
        await go.wait()
        yield json.dumps(GOOD).encode()[10:]

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    sending = asyncio.create_task(
        api.client.request("POST", "/v1/messages", headers=headers, content=slowly())
    )
    await started.wait()
    async with api.running.database.write() as tx:
        assert await api_keys.revoke(tx, "shop", by="test") == 1
    go.set()
    assert (await api.running.grants.find(key, "send", "192.0.2.7")).name == "shop"
    _problem(await sending, 401, None)
    batch = {"messages": [GOOD, GOOD | {"stream": "bulk"}]}
    _problem(await api.ask("POST", "/v1/messages", batch, key=key), 401, None)
    _problem(
        await api.ask("POST", "/v1/messages", batch | {"all_or_none": True}, key=key), 401, None
    )
    assert await api.count() == before


async def test_a_key_that_ends_and_one_that_is_replaced(api: Api, clock: ManualClock) -> None:
    key = await api.new_key("send", expires_at=clock.now() + DAY)
    assert (await api.ask("POST", "/v1/messages", GOOD, key=key)).status_code == 202
    clock.advance(86_400)
    _problem(await api.ask("POST", "/v1/messages", GOOD, key=key), 401, None)


async def test_what_waits_can_be_taken_back_by_who_sent_it_alone(api: Api) -> None:
    """A thief of another key cannot silence a notice that waits, though the key may send there."""
    later = {"send_at": iso(api.running.database.clock.now() + HOUR)}
    first = await api.send(idempotency_key="order-17", **later)
    before = await api.count()

    async def cancel(key: str | None = None, **body: object) -> tuple[int, dict[str, object]]:
        wanted = body or {"idempotency_key": "order-17"}
        answer = await api.ask("POST", "/v1/messages/cancel", wanted, key=key)
        return answer.status_code, answer.json()

    thief = await api.new_key("send")
    assert (await cancel(thief))[0] == 404
    assert (await cancel(await api.new_key("read", name="r")))[0] == 403
    assert (await cancel(idempotency_key="order-18"))[0] == 404
    assert (await cancel(message=first))[0] == 422
    assert await api.count() == before
    for _ in ("once", "again"):
        said = {"id": first, "status": "given_up", "stopped": [], "left": []}
        assert await cancel() == (200, said)
        assert await api.count() == before - 1, "its body is gone"
    # Who asks again under the key hears of the one that was taken back: nothing is sent.
    assert await api.send(idempotency_key="order-17", **later) == first
