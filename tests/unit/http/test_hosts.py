"""Whoever asks for a name that is not ours gets a problem document, and reaches nothing."""

from typing import Any

import msgspec
import pytest

from mailkeep.http.hosts import Hosts


async def ask(*hosts: bytes) -> list[Any]:
    """What is sent to a request with these Host headers; ``["through"]`` when it gets through."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        sent.append("through")

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "headers": [(b"host", one) for one in hosts]}
    await Hosts(app, ("localhost:8025", "127.0.0.1:8025"))(scope, None, send)
    return sent


async def test_our_own_names_get_through() -> None:
    for host in (b"localhost:8025", b"LOCALHOST:8025", b"127.0.0.1:8025"):
        assert await ask(host) == ["through"]


@pytest.mark.parametrize(
    "hosts",
    [
        *((b"evil.example",), (b"localhost",), (b"evil.localhost:8025",), (), (b"",)),
        (b"localhost:8025", b"evil.example"),
    ],
)
async def test_no_other_does(hosts: tuple[bytes, ...]) -> None:
    start, body = await ask(*hosts)
    headers = dict(start["headers"])
    assert (start["status"], headers[b"content-type"]) == (400, b"application/problem+json")
    problem = msgspec.json.decode(body["body"])
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    assert "evil" not in problem["detail"]
