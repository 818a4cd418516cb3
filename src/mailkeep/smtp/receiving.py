"""The receiving listener: accepts any mail, and hands it to ``deliver`` before it answers 250."""

from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailkeep.base.errors import Unavailable

from . import door
from .types import Limits

Deliver = Callable[[list[str], bytes], Awaitable[None]]  # (recipients, raw message)


class _Handler(door.Door):
    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 5.6.0 no content"
        try:
            await self._deliver(list(envelope.rcpt_tos), _return_path(envelope) + content)
        except Unavailable:
            return door.NOT_NOW
        return "250 2.0.0 stored"


def _return_path(envelope: Envelope) -> bytes:
    """The envelope sender, as the server that delivers finally writes it (RFC 5321 section 4.4)."""
    sender = (envelope.mail_from or "").strip("<>")
    if len(sender) > 320 or not sender.isprintable():
        sender = ""
    return f"Return-Path: <{sender}>\r\n".encode()


async def listen(
    host: str, port: int, deliver: Deliver, limits: Limits | None = None
) -> door.Listener:
    """Listen; the listener tells the port when ``port`` was 0."""
    return await door.listen(_Handler(deliver), host, port, limits)
