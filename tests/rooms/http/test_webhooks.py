"""The webhook door under hostile input, on both engines: what is signed may be anything as well."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from litestar.exceptions import ClientException
from sqlalchemy import select

from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import new_id
from mailkeep.http.held import Held
from mailkeep.mail import tables

from .conftest import Api

ROUNDS = 150
URL = "http://localhost:8025/hooks/one"

#: What no provider sends, and a thief with its key does.
HOSTILE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        10**30,
        -(10**400),
        1e308,
        0.1,
        "",
        "\0",
        "a\0b",
        "\ud800",
        "ü" * 50,
    ),
    *("x" * 300, "x" * 100_000, [], {}, [[]], [None], {"a": {"b": []}}, "1e999", "'; --", "%00"),
    *("<script>", "\r\nX: y", "\u2028", "🂡" * 200, 2**63, 2**63 - 1, -(2**63) - 1, "NaN"),
]


def _event(message: str) -> dict[str, Any]:
    return {
        "event": "delivered",
        "ts": 1_700_000_000,
        "_id": "id-1",
        "msg": {
            "_id": "id-1",
            "ts": 1_700_000_000,
            "email": "ada@example.net",
            "state": "sent",
            "metadata": {"mailkeep_id": message, "mailkeep_attempt": "att_1"},
            "smtp_events": [{"ts": 1_700_000_000, "type": "sent", "diag": "250 ok"}],
        },
    }


def _bent(draw: random.Random, node: Any) -> Any:
    """A copy with some values, and some names, replaced by hostile ones."""
    if draw.random() < 0.12:
        return draw.choice(HOSTILE)
    if isinstance(node, dict):
        out = {name: _bent(draw, one) for name, one in node.items() if draw.random() > 0.05}
        if draw.random() < 0.1:
            out[draw.choice(["", "\0", "\ud800", "x" * 3000, "_id", "ts"])] = draw.choice(HOSTILE)
        return out
    return [_bent(draw, one) for one in node] if isinstance(node, list) else node


def _signed(events: str) -> tuple[bytes, dict[str, str]]:
    signed = hmac.digest(b"secret", (URL + "mandrill_events" + events).encode(), hashlib.sha1)
    body = urlencode({"mandrill_events": events}).encode()
    kind = "application/x-www-form-urlencoded"
    return body, {
        "Content-Type": kind,
        "X-Mandrill-Signature": base64.b64encode(signed).decode(),
    }


async def _post(api: Api, body: bytes, headers: dict[str, str]) -> int:
    answer = await api.client.post("/hooks/one", content=body, headers=headers)
    return answer.status_code


async def test_whatever_is_signed_is_taken_or_left_and_never_breaks_the_door(api: Api) -> None:
    draw = random.Random(20220808)
    message = await api.send()
    for number in range(ROUNDS):
        kind = draw.choice(["delivered", "hard_bounce", "soft_bounce", "open", "reject", "x\0"])
        events = [
            _event(message) | {"event": kind, "_id": f"id-{number}"}
            for _ in range(draw.randrange(1, 4))
        ]
        body, headers = _signed(json.dumps(_bent(draw, events)))
        assert await _post(api, body, headers) == 200
    async with api.running.database.read() as tx:
        rows = await tx.all(select(tables.claims))
        stored = await tx.one(select(tables.messages.c.status))
    assert len(rows) > ROUNDS // 2  # most of it could be read, so that this tried the inside
    assert not [row for row in rows if row["message_id"] is not None]  # it was never given to "one"
    assert stored is not None
    assert stored["status"] == "queued"


async def test_a_claim_is_about_the_message_that_the_provider_had(api: Api) -> None:
    message = await api.send()
    async with api.running.database.write() as tx:
        a = tables.attempts
        values = {"id": new_id("att", tx.now), "message_id": message, "provider": "one"}
        await tx.run(a.insert().values(**values, started_at=tx.now, outcome="accepted"))
        m = tables.messages
        await tx.run(m.update().values(status="accepted", provider="one", accepted_at=tx.now))
    for _ in range(2):  # heard twice, told once
        assert await _post(api, *_signed(json.dumps([_event(message)]))) == 200
    life = (await api.ask("GET", f"/v1/messages/{message}")).json()
    assert life["status"] == "delivered"
    (event,) = life["events"]
    assert (event["provider"], event["event"]) == ("one", "delivered")
    assert event["at_provider"] == "2023-11-14T22:13:20.000Z"


async def test_what_is_not_signed_is_refused_whatever_it_is(api: Api) -> None:
    draw = random.Random(20220809)
    body, headers = _signed(json.dumps([_event("msg_1")]))
    for _ in range(ROUNDS):
        broken = bytearray(body)
        for _ in range(draw.randrange(1, 20)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        junk = draw.randbytes(draw.randrange(2000))
        given = draw.choice(
            [
                {},
                {"X-Mandrill-Signature": ""},
                {"X-Mandrill-Signature": "ü" * 28},
                {"X-Mandrill-Signature": draw.randbytes(20).hex()[:28]},
                {"Content-Type": "multipart/form-data; boundary="},
                {"Authorization": "Basic !!!"},
                {"Content-Type": "\x00".join("abc")},
            ]
        )
        changed = bytes(broken) if bytes(broken) != body else b"x"
        content = draw.choice([changed, junk, b""])
        sent = {name: one.encode("latin-1") for name, one in (headers | given).items()}
        answer = await api.client.post("/hooks/one", content=content, headers=sent)
        assert answer.status_code == 401, (content[:80], given)
    async with api.running.database.read() as tx:
        assert await tx.all(select(tables.claims)) == []


async def test_a_webhook_is_bounded_alone(api: Api) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 2**16

    for path, count, status in (("one", 40, 413), ("one", 10, 401), ("nobody", 40, 404)):
        answer = await api.client.post(f"/hooks/{path}", content=chunks(count))
        assert answer.status_code == status


class Slow:
    """A request of which a chunk comes, and then nothing until it is told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        yield b"x" * 600
        await self.go.wait()
        yield b"y"


def _begin(held: Held, slow: Slow, seconds: float = 5) -> asyncio.Task[bytearray]:
    return asyncio.create_task(held.read(slow, 5000, seconds))


async def test_who_takes_the_longest_makes_room_for_who_comes() -> None:
    """Else a stranger who dawdles with a few megabytes has every webhook of every provider refused:
    we are blind, and a provider of which we hear nothing looks silent."""
    held, slow, quick = Held(1000), Slow(), Slow()
    first = _begin(held, slow)
    await asyncio.sleep(0)
    second = _begin(held, quick)
    with pytest.raises(ClientException) as late:
        await first
    assert late.value.status_code == 408
    quick.go.set()
    body = await second
    assert len(body) == 601
    # What is here whole is being worked on, and nobody else's to send away.
    with pytest.raises(Unavailable):
        await _begin(held, Slow())
    held.release(len(body))
    again = Slow()
    again.go.set()
    assert len(await _begin(held, again)) == 601


async def test_who_is_sent_away_when_his_last_octet_is_there_is_not_believed_by_half() -> None:
    held, slow, quick = Held(1000), Slow(), Slow()
    first = _begin(held, slow)
    await asyncio.sleep(0)
    slow.go.set()
    quick.go.set()
    done = await asyncio.gather(first, _begin(held, quick), return_exceptions=True)
    assert [len(one) for one in done if isinstance(one, bytearray)] == [601]
    assert any(isinstance(one, ClientException | Unavailable) for one in done)


async def test_who_is_too_slow_is_not_waited_for() -> None:
    held, slow = Held(1000), Slow()
    with pytest.raises(ClientException) as late:
        await _begin(held, slow, 0.05)
    assert late.value.status_code == 408
    slow.go.set()
    assert len(await _begin(held, slow)) == 601
