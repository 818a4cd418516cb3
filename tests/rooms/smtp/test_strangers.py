"""Who brings dear mail and hangs up: what it still costs is counted until it is over."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from mailkeep.base.workers import STRANGERS
from mailkeep.smtp import receiving

from .conftest import Client, Connect


async def _until(what: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def _bring(client: Client, octets: int) -> None:
    """Send a mail, and hang up before the answer."""
    for line in ("HELO x", "MAIL FROM:<eve@evil.example>", "RCPT TO:<dmarc@in.example>", "DATA"):
        await client.reply()
        await client.say(line)
    await client.reply()
    await client.say(b"From: eve@evil.example\r\n\r\n" + b"x" * octets + b"\r\n.")


def _hang_up(client: Client) -> None:
    """Without waiting for an answer: RST."""
    made = client.writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@pytest.mark.check("ASVS 15.2.2")
async def test_what_a_thread_reads_is_counted_after_its_client_has_gone(connect: Connect) -> None:
    began, go_on = threading.Event(), threading.Event()
    one = asyncio.Lock()

    def read(_raw: bytes) -> None:
        began.set()
        assert go_on.wait(30)

    async def deliver(_recipients: list[str], raw: bytes) -> None:
        async with one:
            await STRANGERS.run(read, raw)

    listener = await receiving.listen("127.0.0.1", 0, deliver)
    try:
        client = await connect(listener.port)
        await _bring(client, 900)
        assert await asyncio.to_thread(began.wait, 20)
        _hang_up(client)
        await _until(lambda: not listener._connections)
        for _ in range(20):  # these wait for their turn, and nothing of theirs has begun
            other = await connect(listener.port)
            await _bring(other, 900)
            await asyncio.sleep(0.01)
            _hang_up(other)
        await _until(lambda: not listener._connections)
        await _until(lambda: listener.guests.memory < 2_000)
        assert listener.guests.memory > 900
        assert one.locked()
        assert await asyncio.wait_for(asyncio.to_thread(int, "7"), 10) == 7
        go_on.set()
        await _until(lambda: listener.guests.memory == 0)
        assert not one.locked()
    finally:
        go_on.set()
        await listener.finish(1)
