"""Strangers at the doors: idle connections take no more than their share."""

import asyncio

import pytest

from mailkeep.smtp import door


class _Quiet(door.Door):
    async def handle_DATA(self, _server: object, _session: object, _envelope: object) -> str:
        return "250 2.0.0 ok"


async def test_idle_connections_of_one_address_are_bounded_and_leave_room() -> None:
    server = await door.listen(_Quiet(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    held = []
    try:
        replies = []
        for _ in range(door.MAX_FROM_ONE + 5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            held.append(writer)
            replies.append((await reader.readline())[:3])
        assert replies.count(b"220") == door.MAX_FROM_ONE
        assert replies.count(b"421") == 5
        # Another address still gets in.
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=("127.0.0.2", 0)
        )
        held.append(writer)
        assert (await reader.readline()).startswith(b"220")
        # And whoever leaves makes room.
        held.pop(0).close()
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        held.append(writer)
        assert (await reader.readline()).startswith(b"220")
    finally:
        for writer in held:
            writer.close()
        await asyncio.gather(*(one.wait_closed() for one in held), return_exceptions=True)
        server.close()


async def test_a_session_ends_however_busy_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SESSION_SECONDS", 0.3)
    server = await door.listen(_Quiet(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        while line := await reader.readline():
            assert line
            writer.write(b"NOOP\r\n")
            await asyncio.sleep(0.02)
    writer.close()
    server.close()
