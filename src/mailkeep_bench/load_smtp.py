"""``python -m mailkeep_bench.load_smtp``: load by SMTP over kept sessions, for any server alike.

The dialogue is that of ``smtp-source -d``: one command after the other, no pipelining.
"""

import asyncio
import base64
import time
from typing import Any, cast

import uvloop

from . import wire
from .pace import Load

_WAIT = 60.0  #: seconds for an answer


class _Session(asyncio.Protocol):
    """One kept session.

    Args:
        key: signs in with AUTH PLAIN (RFC 4616); "" does not.
        header: a further line of the header, ended by CRLF, or "".
    """

    def __init__(self, load: Load, round_: str, size: int, key: str, header: str) -> None:
        self._load = load
        self._round = round_
        plain = base64.b64encode(f"\0bench\0{key}".encode()) if key else b""
        self._auth = b"AUTH PLAIN " + plain + b"\r\n" if key else b""
        self._before = f"From: {wire.SENDER}\r\n{header}To: ".encode()
        self._after = (
            f"\r\nSubject: A message of the benchmark\r\n\r\n{wire.body(size)}.\r\n"
        ).encode()
        self._mail = f"MAIL FROM:<{wire.SENDER}>\r\n".encode()
        self._transport: asyncio.Transport | None = None
        self._step = "greeting"
        self._buffer = b""
        self._number = 0
        self._to = b""
        self._sent = 0.0
        self._under_way = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.alive = True

    def connection_lost(self, _error: Exception | None) -> None:
        self.alive = False
        self._load.lost(self)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server closed the session"))
        if self._under_way:
            self._over("connection lost")

    def send(self, first: int, _count: int) -> None:
        self._number = first
        self._to = wire.recipient(first, self._round).encode()
        self._under_way = True
        self._sent = time.monotonic()
        self._write("mail", self._mail)

    def close(self) -> None:
        """Say goodbye, and do not wait for an answer."""
        if self._transport is not None and self.alive:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def late(self) -> None:
        """Give the session up when an answer is overdue."""
        if self._under_way and time.monotonic() - self._sent > _WAIT and self._transport:
            self._transport.abort()

    def _write(self, step: str, data: bytes) -> None:
        assert self._transport is not None
        self._step = step
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        if not data.endswith(b"\n"):
            self._buffer = data
            return
        last = data[data.rfind(b"\n", 0, -1) + 1 :]
        if last[3:4] == b"-":  # RFC 5321 section 4.2: more lines follow
            self._buffer = data
            return
        self._buffer = b""
        self._reply(last)

    def _reply(self, line: bytes) -> None:
        step = self._step
        if line[:1] not in b"23":
            self._refused(line.decode(errors="replace").strip())
        elif step == "greeting":
            self._write("hello", b"EHLO bench.example.com\r\n")
        elif step == "hello" and self._auth:
            self._write("auth", self._auth)
        elif step in {"hello", "auth"}:
            self.ready.set_result(None)
            self._load.free(self)
        elif step == "mail":
            self._write("rcpt", b"RCPT TO:<" + self._to + b">\r\n")
        elif step == "rcpt":
            self._write("data", b"DATA\r\n")
        elif step == "data":
            self._write("text", self._before + self._to + self._after)
        elif step == "text":
            self._over("")

    def _refused(self, said: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(said))
        elif self._under_way:
            if self._step != "text" and self._transport is not None:
                self._transport.abort()  # the transaction would have to be begun anew
            self._over(said[:80])

    def _over(self, failure: str) -> None:
        self._under_way = False
        self._load.result(self._number, 1, self._sent, failure)
        if self.alive:
            self._load.free(self)


async def run(asked: dict[str, Any]) -> dict[str, Any]:
    """One round of load. ``connections`` is how many sessions are kept."""
    load = Load(asked["messages"], 1, asked["seconds"])
    header = f"X-Mailkeep-Stream: {asked['stream']}\r\n" if asked.get("stream") else ""
    sessions = [
        _Session(load, asked["round"], asked.get("size", wire.SIZE), asked.get("key", ""), header)
        for _ in range(asked["connections"])
    ]
    loop = asyncio.get_running_loop()
    for session in sessions:
        await loop.create_connection(lambda s=session: s, "127.0.0.1", asked["port"])  # type: ignore[misc]
        await asyncio.wait_for(session.ready, _WAIT)

    def patience() -> bool:
        for session in sessions:
            session.late()
        return any(session.alive for session in sessions)

    found = await load.run(patience)
    for session in sessions:
        session.close()
    return found


if __name__ == "__main__":
    uvloop.run(wire.serve({"run": run}, {}))
