"""The receiving listener: takes any mail in and hands it to ``deliver`` before it says 250."""

import asyncio
from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailkeep.base.errors import Unavailable

MAX_SIZE = 10 * 1024 * 1024
MAX_RECIPIENTS = 100
TIMEOUT_SECONDS = 60.0

Deliver = Callable[[list[str], bytes], Awaitable[None]]  # (recipients, raw message)


class _Handler:
    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def handle_RCPT(
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"  # RFC 5321 section 4.5.3.1.10
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 5.6.0 no content"
        try:
            await self._deliver(list(envelope.rcpt_tos), _return_path(envelope) + content)
        except Unavailable:
            return "452 4.3.1 cannot store it now, try again"
        return "250 2.0.0 stored"


def _return_path(envelope: Envelope) -> bytes:
    """The envelope sender, as the server that delivers finally writes it (RFC 5321 section 4.4)."""
    sender = (envelope.mail_from or "").strip("<>")
    if len(sender) > 320 or not sender.isprintable():
        sender = ""
    return f"Return-Path: <{sender}>\r\n".encode()


async def listen(host: str, port: int, deliver: Deliver) -> asyncio.Server:
    """Listen; the server's sockets tell the port when ``port`` was 0."""
    loop = asyncio.get_running_loop()
    handler = _Handler(deliver)

    def connection() -> SMTP:
        return SMTP(
            handler,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            timeout=TIMEOUT_SECONDS,
            hostname="mailkeep",
            ident="Mailkeep",
            loop=loop,
        )

    return await loop.create_server(connection, host, port)
