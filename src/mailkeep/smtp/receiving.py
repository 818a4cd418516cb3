"""The receiving listener: accepts any mail, and hands it to ``deliver`` before it answers 250."""

from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailkeep.base.errors import Unavailable

from . import door
from .connection import Connection
from .tls import Certificate
from .types import Limits, is_loopback, is_private

Deliver = Callable[[list[str], bytes], Awaitable[None]]  # (recipients, raw message)
Private = Callable[[str], bool]  # whether mail to an address may not cross a network in clear


class _Handler(door.Door):
    def __init__(self, deliver: Deliver, private: Private | None, *, cleartext: bool) -> None:
        self._deliver = deliver
        self._private = private
        self._cleartext = cleartext

    async def handle_RCPT(
        self,
        server: Connection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self._private is not None and self._private(address) and self._in_clear(session):
            # RFC 3207 section 4: said before the mail is sent, and so before anybody reads it.
            return "530 5.7.0 mail to this address needs STARTTLS"
        return await super().handle_RCPT(server, session, envelope, address, options)

    def _in_clear(self, session: Session) -> bool:
        """Whether what comes crosses a network that is not ours, and can be read there."""
        host = str(session.peer[0]) if isinstance(session.peer, tuple) else ""
        trusted = is_loopback(host) or (self._cleartext and is_private(host))
        return session.ssl is None and not trusted

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
    host: str,
    port: int,
    deliver: Deliver,
    limits: Limits | None = None,
    *,
    certificate: Certificate | None = None,
    private: Private | None = None,
    cleartext: bool = False,
) -> door.Listener:
    """Listen; the listener tells the port when ``port`` was 0.

    Args:
        certificate: STARTTLS is offered with it.
        private: addresses to which no mail is taken in clear, but from this machine.
        cleartext: private networks are trusted, and it is taken in clear from there too.
    """
    handler = _Handler(deliver, private, cleartext=cleartext)
    return await door.listen(handler, host, port, limits, certificate)
