"""Providers' APIs as far as sending goes: they count the recipient and answer as a provider does.

Postmark's ``POST /email`` (https://postmarkapp.com/developer/api/email-api) and Mandrill's
``POST /messages/send.json`` (https://mailchimp.com/developer/transactional/api/messages/).
"""

import asyncio
import itertools
from typing import cast

from . import wire
from .reporting import Reporter
from .tally import Tally

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Connection: keep-alive\r\nContent-Length: "
)
_ids = itertools.count(1)


class Api(asyncio.Protocol):
    """One connection of a client.

    Args:
        reporter: posts a webhook for each mail that Mandrill's API took; None posts none.
    """

    def __init__(self, tally: Tally, reporter: Reporter | None) -> None:
        self._tally = tally
        self._reporter = reporter
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport is not None:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            place = self._buffer.lower().find(b"content-length:", 0, head)
            if place < 0:
                self._transport.abort()
                return
            length = int(self._buffer[place + 15 : self._buffer.index(b"\r\n", place)])
            end = head + 4 + length
            if len(self._buffer) < end:
                return
            mandrill = self._buffer.startswith(b"POST /messages/send.json ")
            sends = mandrill or self._buffer.startswith(b"POST /email ")
            body = bytes(self._buffer[head + 4 : end])
            del self._buffer[:end]
            answer = b"{}"  # questions about the account
            if sends:
                answer = (self._mandrill if mandrill else self._postmark)(body)
            self._transport.write(b"".join((_HEAD, str(len(answer)).encode(), b"\r\n\r\n", answer)))

    def _postmark(self, body: bytes) -> bytes:
        to = self._take(body, b'"To":"')
        message = f"00000000-0000-4000-8000-{next(_ids):012x}"
        return (
            f'{{"To":"{to}","SubmittedAt":"2030-01-31T12:00:00.0000000+00:00",'
            f'"MessageID":"{message}","ErrorCode":0,"Message":"OK"}}'
        ).encode()

    def _mandrill(self, body: bytes) -> bytes:
        to = self._take(body, b'"to":[{"email":"')
        message = f"{next(_ids):032x}"
        if self._reporter is not None:
            self._reporter.took(body, to, message)
        return (
            f'[{{"email":"{to}","status":"sent","reject_reason":null,"_id":"{message}"}}]'
        ).encode()

    def _take(self, body: bytes, before: bytes) -> str:
        start = body.find(before) + len(before)
        try:
            number, round_ = wire.find(body, start)
        except ValueError:
            self._tally.strangers += 1
            return "?"
        self._tally.arrived(number, round_)
        return wire.recipient(number, round_)
