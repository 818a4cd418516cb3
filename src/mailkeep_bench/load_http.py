"""``python -m mailkeep_bench.load_http``: load on ``/v1/messages`` over kept connections.

Requests are put together from prepared pieces, answers are read no further than their length and,
of a batch, how many ids they hold.
"""

import asyncio
import json
import time
from collections import Counter
from typing import Any, cast

import uvloop

from . import wire
from .pace import Load

_WAIT = 60.0  #: seconds for an answer
SAMPLE = 500  #: ids that are kept, at the least, where there are so many requests


class Pieces:
    """Writes requests.

    Args:
        send_at: an instant as the API takes it; "" for now.
    """

    def __init__(
        self, port: int, key: str, stream: str, round_: str, size: int, send_at: str
    ) -> None:
        message = {
            "stream": stream,
            "from": wire.SENDER,
            "to": "@TO@",
            "subject": "A message of the benchmark",
            "text": wire.body(size),
        }
        if send_at:
            message["send_at"] = send_at
        before, after = json.dumps(message).split("@TO@")
        self._before, self._after = before.encode(), after.encode()
        self._round = round_
        self._head = (
            f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()

    def request(self, first: int, count: int, batch: bool) -> bytes:
        """A whole request, head and body."""
        before, after, round_ = self._before, self._after, self._round
        parts = [
            b"".join((before, wire.recipient(number, round_).encode(), after))
            for number in range(first, first + count)
        ]
        body = b'{"messages":[' + b",".join(parts) + b"]}" if batch else parts[0]
        return b"".join((self._head, str(len(body)).encode(), b"\r\n\r\n", body))


class Ids:
    """Keeps the id of a message here and there, so that it can be asked for afterwards.

    Args:
        every: of so many requests.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self.kept: list[str] = []

    def saw(self, request: int, answer: bytes, head: int) -> None:
        """A request was answered well."""
        if not request % self._every:
            start = answer.index(b'"id":"', head) + 6
            self.kept.append(answer[start : answer.index(b'"', start)].decode())


class _Client(asyncio.Protocol):
    def __init__(self, load: Load, pieces: Pieces, batch: bool, ids: "Ids") -> None:
        self._load = load
        self._ids = ids
        self._pieces = pieces
        self._batch = batch
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._first = self._count = 0
        self._sent = 0.0
        self._under_way = False
        self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.alive = True
        self._load.free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self.alive = False
        self._load.lost(self)
        if self._under_way:
            self._answered("connection lost")

    def send(self, first: int, count: int) -> None:
        assert self._transport is not None
        self._first, self._count = first, count
        self._under_way = True
        self._sent = time.monotonic()
        self._transport.write(self._pieces.request(first, count, self._batch))

    def late(self) -> bool:
        """Whether an answer is overdue; the connection is given up then."""
        if self._under_way and time.monotonic() - self._sent > _WAIT and self._transport:
            self._transport.abort()
            return True
        return False

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        place = self._buffer.lower().find(b"content-length:", 0, head)
        if place < 0:
            self._answered("no length")
            return
        length = int(self._buffer[place + 15 : self._buffer.index(b"\r\n", place)])
        if len(self._buffer) < head + 4 + length:
            return
        answer, self._buffer = self._buffer, b""
        status = answer[9:12].decode()
        ids = answer.count(b'"id":"', head)
        if status != "202":
            self._answered(status)
        elif ids != self._count:
            self._answered(f"{ids} ids for {self._count} messages")
        else:
            self._ids.saw(self._first // self._count, answer, head)
            self._answered("")

    def _answered(self, failure: str) -> None:
        self._under_way = False
        self._load.result(self._first, self._count, self._sent, failure)
        if self.alive:
            self._load.free(self)


async def run(asked: dict[str, Any]) -> dict[str, Any]:
    """One round of load. The arguments are those of `Load` and `Pieces`, and ``connections``."""
    batch = int(asked.get("batch", 0))
    load = Load(
        asked["messages"],
        batch or 1,
        asked["seconds"],
        asked.get("rate", 0.0),
        asked.get("timed", False),
    )
    pieces = Pieces(
        asked["port"],
        asked["key"],
        asked["stream"],
        asked["round"],
        asked.get("size", wire.SIZE),
        asked.get("send_at", ""),
    )
    loop = asyncio.get_running_loop()
    ids = Ids(max(1, asked["messages"] // (batch or 1) // SAMPLE))
    clients = [_Client(load, pieces, bool(batch), ids) for _ in range(asked["connections"])]
    for client in clients:
        await loop.create_connection(lambda c=client: c, "127.0.0.1", asked["port"])  # type: ignore[misc]

    def patience() -> bool:
        for client in clients:
            client.late()
        return any(client.alive for client in clients)

    found = await load.run(patience)
    for client in clients:
        if client._transport is not None:
            client._transport.close()
    return found | {"ids": ids.kept}


async def look(asked: dict[str, Any]) -> dict[str, Any]:
    """How many of some messages have which status; asks for one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", asked["port"])
    found: Counter[str] = Counter()
    for one in asked["ids"]:
        writer.write(
            f"GET /v1/messages/{one} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {asked['key']}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        place = head.index(b"content-length:") + 15
        body = await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
        status = head[9:12].decode()
        found[json.loads(body)["status"] if status == "200" else status] += 1
    writer.close()
    return dict(found)


if __name__ == "__main__":
    uvloop.run(wire.serve({"run": run, "look": look}, {}))
