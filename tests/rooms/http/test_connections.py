"""What a client may keep open without asking for anything, over real connections."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import uvicorn

from mailkeep.http import connections

Serve = Callable[..., AbstractAsyncContextManager[int]]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answers after the seconds in the path, with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await asyncio.sleep(float(scope["path"][1:] or 0))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


@pytest.fixture
def serve() -> Serve:
    @contextlib.asynccontextmanager
    async def serve(most: int = 100) -> AsyncIterator[int]:
        door = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            _app, http=connections.bounded(most), log_config=None, lifespan="off"
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server._serve([door]))
        try:
            yield door.getsockname()[1]
        finally:
            server.should_exit = True
            await running

    return serve


@contextlib.asynccontextmanager
async def _connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str = "/", body: bytes = b""
) -> bytes:
    writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\n" % path.encode())
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return (await reader.readuntil(b"\r\n0\r\n\r\n")).split(b"\r\n")[1]


async def test_a_head_without_end_is_refused(serve: Serve) -> None:
    async with serve() as port, _connect(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 4_000_000:
                writer.write(b"X-%d: %s\r\n" % (sent, b"x" * 4000))
                await writer.drain()
                sent += 4000
        assert sent < 4_000_000  # how far it came hangs on the system's buffers


async def test_a_large_head_is_answered(serve: Serve) -> None:
    async with serve() as port, _connect(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * connections.HEAD_OCTETS)
        assert b" 431 " in await _rest(reader)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"GET / HT"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X-Slow: 1\r\n"] * 4],
        [b"\r\n"] * 9,
    ],
    ids=["silent", "half a line", "a line now and then", "empty lines"],
)
async def test_a_head_that_does_not_come_is_not_awaited(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, parts: list[bytes]
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with serve() as port, _connect(port) as (reader, writer):
        answer = asyncio.create_task(_rest(reader))
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.1)
        async with asyncio.timeout(10):
            assert b" 408 " in await answer


async def test_who_asks_is_not_hurried(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a slow body nor a slow answer is a slow head, nor are many requests in a row."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with serve() as port, _connect(port) as (reader, writer):
        for _ in range(5):
            assert await _ask(reader, writer, "/0.1", b"abc") == b"3"
        writer.write(b"\r\n")
        assert await _ask(reader, writer, "/0.5") == b"0"
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            await asyncio.sleep(0.1)
            writer.write(b"x")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")


async def test_a_large_body_is_no_large_head(serve: Serve) -> None:
    async with serve() as port, _connect(port) as (reader, writer):
        length = 4 * connections.HEAD_OCTETS
        assert await _ask(reader, writer, body=b"x" * length) == str(length).encode()


async def test_who_is_silent_makes_room_for_who_asks(serve: Serve) -> None:
    async with serve(most=4) as port, contextlib.AsyncExitStack() as stack:
        busy = await stack.enter_async_context(_connect(port))
        answer = asyncio.create_task(_ask(*busy, path="/1"))
        await asyncio.sleep(0.1)
        silent = [await stack.enter_async_context(_connect(port)) for _ in range(20)]
        async with _connect(port) as new:
            assert await _ask(*new) == b"0"
        assert await answer == b"0"
        async with asyncio.timeout(10):
            assert [await _rest(reader) for reader, _ in silent[:15]] == [b""] * 15


def test_a_process_may_have_as_many_descriptors_as_the_system_lets_it() -> None:
    assert 100 < connections.most_connections() <= connections.MOST
