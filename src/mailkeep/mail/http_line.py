"""One HTTP connection to a provider's API: one request at a time, its response read up to a bound.

aiohttp took three times as long over a request as all that is needed of it here: nothing is
redirected, decompressed, remembered in cookies or streamed.

Security: responses come from the provider and are hostile input: bounded, whatever they hold.
"""

import asyncio
from typing import cast

import httptools

from mailkeep.providers.types import MAX_REPLY, HttpReply

_PIECE = 256 * 1024  #: of a large request; in between the loop serves others
_HEAD = 64 * 1024  #: octets of a reply that are not its body: fields, and what parts it in chunks


class Garbled(ConnectionError):
    """What came is no reply, or breaks off."""


class HttpLine(asyncio.Protocol):
    """See the module. To be made by the loop's ``create_connection``."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[HttpReply] | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._read = 0
        self._to_the_end = False  # the reply ends where the connection does
        self._over = False  # it carries nothing more

    @property
    def idle(self) -> bool:
        """Whether it can carry a request."""
        closing = self._transport is None or self._transport.is_closing()
        return not (closing or self._over) and self._waiting is None

    def close(self) -> None:
        """Give it up, and whatever is under way."""
        self._over = True
        if self._transport is None:
            return
        if self._waiting is not None:
            self._transport.abort()  # what is written and has not left is not to leave any more
        else:
            self._transport.close()

    async def carry(self, head: bytes, body: bytes, until: float) -> HttpReply:
        """Send a request and wait for the reply to it.

        Args:
            until: when it must be over, by the loop's clock.

        Raises:
            TimeoutError, OSError: no reply; the request may have been read.
        """
        transport = self._transport
        if transport is None or not self.idle:
            raise ConnectionResetError
        self._waiting = self._loop.create_future()
        timer = self._loop.call_at(until, self._fail, TimeoutError())
        try:
            if len(body) <= _PIECE:
                transport.write(head + body)
            else:
                transport.write(head)
                for at in range(0, len(body), _PIECE):
                    transport.write(body[at : at + _PIECE])
                    await asyncio.sleep(0)
            reply = await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiting = None
        if transport.get_write_buffer_size():
            self._over = True  # it answered before it had read all: what is left is no request
        return reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        if self._to_the_end and error is None:
            self._done()
        self._fail(error if isinstance(error, OSError) else Garbled())

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._over:
            self.close()  # nobody asked
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._over = True
            self._fail(Garbled())
        if len(self._body) > MAX_REPLY:
            self._over = True
            self._done()
        elif self._read - len(self._body) > _HEAD:
            self._over = True
            self._fail(Garbled())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self._fields}
        # RFC 9112 section 6.3: without a length the reply lasts until the connection closes.
        self._to_the_end = names.isdisjoint((b"content-length", b"transfer-encoding"))

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if 100 <= self._parser.get_status_code() < 200:
            self._fields = []  # RFC 9110 section 15.2: the reply itself follows
            return
        self._over = self._over or not self._parser.should_keep_alive()
        self._done()

    def _done(self) -> None:
        """The reply is here, as far as it is wanted."""
        fields, self._fields = self._fields, []
        body, self._body = self._body, bytearray()
        self._read, self._to_the_end = 0, False
        if self._waiting is None or self._waiting.done():
            self._over = True  # a second reply to one request
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        self._waiting.set_result(HttpReply(self._parser.get_status_code(), headers, bytes(body)))

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
