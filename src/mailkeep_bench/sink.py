"""``python -m mailkeep_bench.sink``: takes mail by SMTP and by providers' APIs, and counts it.

Three listeners: SMTP; HTTP that answers as providers do; and one that accepts connections and never
answers. Nothing is parsed but the recipient: a sink must be much cheaper than what sends to it.
"""

import asyncio
from typing import Any, ClassVar, cast

import uvloop

from . import wire
from .api import Api
from .reporting import Reporter
from .tally import Tally


class Smtp(asyncio.Protocol):
    """RFC 5321 as a receiver that refuses nothing; commands may be pipelined (RFC 2920)."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = bytearray()
        self._in_data = self._goodbye = False
        self._to: list[tuple[int, str]] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = bytearray()
        while self._buffer and not self._goodbye:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                del self._buffer[: end + 5]
                self._in_data = False
                for number, round_ in self._to:
                    self._tally.arrived(number, round_)
                self._to.clear()
                answer += b"250 2.0.0 Ok: queued as 4XyZ0123ab\r\n"
                continue
            end = self._buffer.find(b"\n")
            if end < 0:
                break
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            answer += self._command(line)
        if answer and self._transport is not None:
            self._transport.write(bytes(answer))
            if self._goodbye:
                self._transport.close()

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            try:
                self._to.append(wire.find(line, line.index(b"<") + 1))
            except ValueError:
                self._tally.strangers += 1
            return b"250 2.1.5 Ok\r\n"
        if verb == b"MAIL":
            self._to.clear()
            return b"250 2.1.0 Ok\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 go ahead\r\n"
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if verb == b"QUIT":
            self._goodbye = True
            return b"221 bye\r\n"
        if verb == b"RSET":
            self._to.clear()
        return b"250 Ok\r\n"  # HELO, RSET, NOOP


class Hanging(asyncio.Protocol):
    """Accepts, reads, never answers; says how many connections wait for an answer."""

    waiting: ClassVar[set["Hanging"]] = set()

    def data_received(self, _data: bytes) -> None:
        self.waiting.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self.waiting.discard(self)


async def main() -> None:
    """Listen and answer the parent."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    reporter: Reporter | None = None

    async def count(asked: dict[str, Any]) -> dict[str, Any]:
        return tally.count(asked["round"])

    async def missing(asked: dict[str, Any]) -> dict[str, Any]:
        return {"missing": tally.missing(asked["round"], asked["sent"], asked["unsure"])}

    async def times(asked: dict[str, Any]) -> dict[str, Any]:
        return {"times": tally.times(asked["round"])}

    async def hanging(_asked: dict[str, Any]) -> dict[str, Any]:
        return {"waiting": len(Hanging.waiting)}

    async def report(asked: dict[str, Any]) -> dict[str, Any]:
        nonlocal reporter
        reporter = Reporter(asked["url"], asked["key"])
        return {}

    async def reported(_asked: dict[str, Any]) -> dict[str, Any]:
        return reporter.state() if reporter is not None else {}

    listeners = [
        await loop.create_server(factory, "127.0.0.1", 0, backlog=512)
        for factory in (lambda: Smtp(tally), lambda: Api(tally, reporter), Hanging)
    ]
    smtp, http, hang = (int(one.sockets[0].getsockname()[1]) for one in listeners)
    await wire.serve(
        {
            "count": count,
            "missing": missing,
            "times": times,
            "hanging": hanging,
            "report": report,
            "reported": reported,
        },
        {"smtp": smtp, "http": http, "hang": hang},
    )


if __name__ == "__main__":
    uvloop.run(main())
