"""Connections to the HTTP door: bounds on what a client may keep open without asking for anything.

uvicorn waits for ever for the head of a request and takes one of any length: one connection could
fill the memory, and a thousand silent ones every descriptor, with them the database's and the
providers'. A proxy in front has such bounds too; not everyone has a proxy.
"""

import asyncio
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0  #: for the head of a request, and before the first one
HEAD_OCTETS = 64 * 1024  #: of a head that is not whole yet: four times what nginx would take
MOST = 10_000  #: connections, where descriptors allow it
_SLOW, _LARGE = (
    b"HTTP/1.1 " + line + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    for line in (b"408 Request Timeout", b"431 Request Header Fields Too Large")
)


class Room:
    """Who is connected and asks for nothing just now, the longest first.

    Args:
        most: connections at once; beyond it whoever asked for nothing the longest has to go.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.idle: dict[HttpToolsProtocol, None] = {}


class Connection(HttpToolsProtocol):
    """A client's connection. Raises nothing: what is too slow or too large is answered and closed
    (RFC 9110 §15.5.9, RFC 6585 §5)."""

    room: ClassVar[Room]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._octets = 0  # of a head that has begun
        self._heads = 0  # that are whole
        self._in_body = False
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        room = self.room
        room.idle[self] = None
        if len(self.connections) > room.most:
            longest = next(iter(room.idle))
            longest.transport.abort()
            room.idle.pop(longest)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.idle.pop(self, None)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads, of_a_body = self._heads, self._in_body
        super().data_received(data)
        if self._heads != heads:
            self._octets = 0
            self._stop_waiting()
        elif not of_a_body and not self.transport.is_closing():
            self._octets += len(data)
            if self._octets > HEAD_OCTETS:
                self._refuse(_LARGE)
            elif self._late is None:
                self._wait()

    def on_headers_complete(self) -> None:
        self._heads += 1
        self._in_body = True
        self.room.idle.pop(self, None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._busy() and not self.transport.is_closing():
            self.room.idle[self] = None

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        self._late = None
        if not self._busy():
            self._refuse(_SLOW)

    def _refuse(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._busy():  # else it would stand in the middle of another answer
            self.transport.write(answer)
        self.transport.close()


def bounded(most: int) -> type[asyncio.Protocol]:
    """The protocol of one server, for uvicorn's ``http``; ``most``: connections at once."""
    return type("BoundedConnection", (Connection,), {"room": Room(most)})


def most_connections() -> int:
    """How many connections leave descriptors for all else: half of what the process may have, once
    it may have what the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MOST if hard == resource.RLIM_INFINITY else min(hard, 4 * MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)
