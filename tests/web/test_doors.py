"""Strangers at the doors: idle connections take no more than their share."""

import asyncio

from mailkeep.smtp import door
from mailkeep.smtp.types import Limits

LIMITS = Limits()


class _Quiet(door.Door):
    async def handle_DATA(self, _server: object, _session: object, _envelope: object) -> str:
        return "250 2.0.0 ok"


async def test_idle_connections_of_one_network_are_bounded_and_leave_room() -> None:
    server = await door.listen(_Quiet(), "127.0.0.1", 0)
    port = server.port
    held = []
    try:
        replies = []
        for _ in range(LIMITS.per_network + 5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            held.append(writer)
            replies.append((await reader.readline())[:3])
        assert replies.count(b"220") == LIMITS.per_network
        assert replies.count(b"421") == 5
        # Another network still gets in.
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=("127.0.9.2", 0)
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


async def test_a_session_ends_however_busy_it_is_kept() -> None:
    server = await door.listen(_Quiet(), "127.0.0.1", 0, Limits(session=0.3))
    port = server.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    async with asyncio.timeout(5):
        while line := await reader.readline():
            said = line
            if not line.startswith(b"421"):
                writer.write(b"NOOP\r\n")
            await asyncio.sleep(0.02)
    assert said == b"421 4.4.2 the session has lasted too long\r\n"
    writer.close()
    server.close()
