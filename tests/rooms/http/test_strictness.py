"""Bad input over the API, on both engines: a problem document that names the field, and nothing
is stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailkeep.http.api import whole
from mailkeep.http.held import Held

from .conftest import GOOD, Api

LONG = "x" * 300

#: What is wrong with one message, and the field that is named.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"to": "ada@example.net\r\nBcc: eve@example.net"}, "to"),
    ({"to": {"email": "ada@example.net", "name": "Ada\r\nBcc: eve@example.net"}}, "to"),
    ({"from": "us@example.com\nX: y"}, "from"),
    ({"subject": "Hello\r\nBcc: eve@example.net"}, "subject"),
    ({"subject": "Hello\u2028Bcc: eve@example.net"}, "subject"),
    ({"headers": {"X-A": "b\r\nBcc: eve@example.net"}}, "headers.X-A"),
    ({"headers": {"X-A\r\nBcc": "eve@example.net"}}, "headers"),
    ({"headers": {"Bcc": "eve@example.net"}}, "headers.Bcc"),
    ({"reply_to": "eve@example.net, ada@example.net"}, "reply_to"),
    ({"tags": ["a\nb"]}, "tags"),
    ({"metadata": {"a": "b\0"}}, "metadata.a"),
    ({"to": "ada"}, "to"),
    ({"to": ""}, "to"),
    ({"to": "@example.net"}, "to"),
    ({"to": "ada@"}, "to"),
    ({"to": "ada@@example.net"}, "to"),
    ({"to": "ada@example..net"}, "to"),
    ({"to": "ada@[127.0.0.1]"}, "to"),
    ({"to": '"a b"@example.net'}, "to"),
    ({"to": f"{'a' * 65}@example.net"}, "to"),
    ({"to": f"a@{'b.' * 130}net"}, "to"),
    ({"to": f"a@{'b' * 64}.net"}, "to"),
    ({"to": "a" * 1_000_000 + "@example.net"}, "to"),
    ({"text": "nul \0 here"}, "text"),
    ({"html": "nul \0 here", "text": None}, "html"),
    ({"to": "ada\0@example.net"}, "to"),
    ({"stream": "alert\0"}, "stream"),
    ({"text": "\ud800"}, "text"),
    ({"subject": "\udfff"}, "subject"),
    ({"metadata": {"\ud800": "a"}}, "metadata"),
    ({"idempotency_key": "\ud800"}, "idempotency_key"),
    ({"subject": 7}, "subject"),
    ({"subject": None}, "subject"),
    ({"subject": ["Hello"]}, "subject"),
    ({"to": ["ada@example.net", 7]}, "to[1]"),
    ({"headers": ["X-A"]}, "headers"),
    ({"headers": {"X-A": 1}}, "headers[...]"),
    ({"tags": "a"}, "tags"),
    ({"tags": ["a"] * 21}, "tags"),
    ({"idempotency_key": ""}, "idempotency_key"),
    ({"idempotency_key": LONG}, "idempotency_key"),
    ({"send_at": 1}, "send_at"),
    ({"send_at": "tomorrow"}, "send_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"subject": LONG * 10}, "subject"),
    ({"text": None}, "text"),
    ({"x": 1}, "x"),
    ({"to": {"email": "ada@example.net", "x": 1}}, "to.x"),
]

#: Whole bodies that are no JSON, or not quite; and the field, where one is at fault.
RAW: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b"{", None),
    (b"null", None),
    (b"[]", None),
    (b'"x"', None),
    (b"\xff\xfe{", None),
    (b"\xef\xbb\xbf{}", None),
    (b'{"subject": NaN}', None),
    (b'{"subject": "a" "b"}', None),
    (json.dumps(GOOD).encode()[:-1] + b',"subject":"b"}', "subject"),
    (json.dumps(GOOD).encode()[:-1] + b',"headers":{"X-A":"a","X-A":"b"}}', "headers.X-A"),
    (b'{"subject":"\xed\xa0\x80"}', "subject"),
    (b'{"subject":"\\ud83d"}', "subject"),
    (b'{"subject":"' + b"\x01" + b'"}', None),
    (b'{"subject":' + b"9" * 5000 + b"}", "subject"),
    (b'{"subject":1e99999}', "subject"),
    (b'{"x":' * 50_000 + b"1" + b"}" * 50_000, None),
    (b"[" * 100_000 + b"]" * 100_000, None),
    (b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    (b'{"messages":[]}', "messages"),
    (b'{"messages":{}}', "messages"),
    (b'{"messages":[{}],"messages":[{}]}', "messages"),
    (b'{"messages":[{}],"x":1}', "x"),
    (b'{"messages":[{}],"all_or_none":1}', "all_or_none"),
    (b'{"messages":[' + b"{}," * 1000 + b"{}]}", "messages"),
    (b'{"metadata":{' + b",".join(b'"k%d":"v"' % n for n in range(100_001)) + b"}}", None),
]


def _deep(body: dict[str, Any], text: str) -> bytes:
    return json.dumps(body | {"text": text}).encode()


async def test_what_is_wrong_is_named_and_nothing_is_stored(api: Api) -> None:
    for fields, field in BAD:
        raw = json.dumps(GOOD | fields).encode()
        answer = await api.ask("POST", "/v1/messages", raw=raw)
        said = (answer.status_code, answer.json().get("field"))
        assert said == (422, field), (fields, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.content) < 1000
    for raw, field in RAW:
        answer = await api.ask("POST", "/v1/messages", raw=raw)
        said = (answer.status_code, answer.json().get("field"))
        assert said == (422, field), (raw[:60], answer.text[:300])
        assert len(answer.content) < 100_000
    twice = b'{"messages":[' + _deep(GOOD, "x").replace(b'"text"', b'"text":"y","text"') + b"]}"
    found = (await api.ask("POST", "/v1/messages", raw=twice)).json()
    assert found["results"][0]["problem"]["field"] == "messages[0].text"
    assert await api.count() == 0


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"Content_Type": "text/plain"}, 415, None),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415, None),
        ({"Content_Type": ""}, 415, None),
        ({"Content_Type": "application/json; charset=utf-16"}, 415, None),
        ({"Content_Encoding": "gzip"}, 415, None),
        ({"Idempotency_Key": ""}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": '""'}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": LONG}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": "a b"}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": '"a'}, 422, "Idempotency-Key"),
        ({"Content_Type": "application/json; charset=UTF-8"}, 202, None),
        ({"Idempotency_Key": '"a \\" b"'}, 202, None),
    ],
)
async def test_headers(api: Api, headers: dict[str, str], status: int, field: str | None) -> None:
    answer = await api.ask("POST", "/v1/messages", raw=_deep(GOOD, "x"), **headers)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert await api.count() == (2 if status == 202 else 0)


async def test_a_body_past_the_limit(api: Api) -> None:
    said = {"Content_Length": str(whole.MOST + 1)}
    for path in ("/v1/messages", "/v1/messages/search", "/v1/incidents/inc_1/notes"):
        answer = await api.ask("POST", path, raw=b"{}", **said)
        assert (answer.status_code, answer.json()["status"]) == (413, 413)
        assert answer.headers["content-type"] == "application/problem+json"

    async def unsaid() -> AsyncIterator[bytes]:
        yield b'{"text":"'
        for _ in range(whole.MOST // 2**20):
            yield b"x" * 2**20

    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    answer = await api.client.post("/v1/messages", headers=headers, content=unsaid())
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert await api.count() == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/incidents/inc_1/merge", {"into": "\0"}, "into"),
        ("POST", "/v1/providers/one/posture/accepted", {"reason": "x", "changes": ["a\0"]}, None),
        ("POST", "/v1/providers/one/posture/expected", {"kind": "key", "reason": "\0"}, None),
        ("POST", "/v1/messages/cancel", {"idempotency_key": "\0"}, "idempotency_key"),
        ("GET", "/v1/audit?act=%00", None, "act"),
    ],
)
async def test_what_no_database_takes_is_refused_and_no_fault_of_ours(
    api: Api, method: str, path: str, body: object, field: str | None
) -> None:
    answer = await api.ask(method, path, body)
    assert answer.status_code == 422, answer.text
    if field is not None:
        assert answer.json()["field"] == field


async def test_bodies_that_never_end_leave_room_for_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief of a key that may send begins message after message, and ends none."""
    monkeypatch.setattr(whole, "SMALL", 0)
    monkeypatch.setattr(whole, "_held", Held(3000))
    there = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"text":"' + b"x" * 2000
        there.set()
        await asyncio.Event().wait()

    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    begun = api.client.post("/v1/messages", headers=headers, content=endless())
    thief = asyncio.create_task(begun)
    await there.wait()
    for number in range(3):  # what was answered is held no more
        await api.send(text=str(number) * 1500)
    answer = await asyncio.wait_for(thief, 5)
    assert (answer.status_code, answer.json()["status"]) == (408, 408)
    assert await api.count() == 6


async def test_what_is_not_there_is_a_problem_document_too(api: Api) -> None:
    for method, path, status in (
        ("GET", "/v1/nosuch", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/messages/x/y", 404),
        ("PUT", "/v1/messages", 405),
        ("DELETE", "/v1/messages/msg_1", 405),
        ("PATCH", "/v1/incidents", 405),
    ):
        answer = await api.ask(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status), (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("allow" in answer.headers) is (status == 405)


async def test_the_other_bodies_are_as_strict(api: Api) -> None:
    path = "/v1/incidents/inc_1/notes"
    for raw, status, field in (
        (b'{"text":1}', 422, "text"),
        (b'{"text":""}', 422, "text"),
        (b'{"text":"a","text":"b"}', 422, "text"),
        (b'{"text":"\\ud800"}', 422, "text"),
        (b'{"text":"a","x":1}', 422, "x"),
        (b"[" * 100_000, 422, None),
        (b'{"text":"a"}', 404, None),
    ):
        answer = await api.ask("POST", path, raw=raw)
        assert (answer.status_code, answer.json().get("field")) == (status, field), raw[:40]
    for incident in ("%00", "x" * 5000, "%ff"):
        for answer in (
            await api.ask("GET", f"/v1/incidents/{incident}"),
            await api.ask("POST", f"/v1/incidents/{incident}/notes", {"text": "a"}),
            await api.ask("POST", f"/v1/incidents/{incident}/close", {"text": "a"}),
            await api.ask("POST", f"/v1/incidents/{incident}/actions/x", {"step": "preview"}),
        ):
            assert answer.status_code == 404, answer.text
