"""Stand-in for an SMTP relay: a third route, without an API or webhooks.

Replies follow RFC 5321, RFC 4954 (AUTH) and RFC 3463; X.7.13 for a disabled account is of RFC 5248.
What a relay says to a suspended sender is not standardised; kind ``account`` refuses at the end of
DATA, ``auth`` at AUTH, and ``silent`` says 250 and drops the mail.
"""

import asyncio
import hmac
import secrets
import time
from email.utils import formatdate, parseaddr
from typing import ClassVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .account import Settings
from .faults import Fail, Hang, RefuseKey, Reset, Slow, Throttle
from .hooks import HookFormat
from .mail import Mail, Mailbox
from .mandrill_hooks import MandrillHooks
from .mime import body_of, crlf, fold, parse
from .standin import StandIn

MAX_SIZE = 35 * 1024 * 1024


class _NoHooks(MandrillHooks):
    """A relay reports nothing."""

    def tells(self, event: object) -> bool:
        """Nothing."""
        del event
        return False


class SmtpRelay(StandIn):
    """See the module."""

    kind: ClassVar[str] = "smtp"
    suspensions: ClassVar[tuple[str, ...]] = ("account", "auth", "silent")
    hook_format: ClassVar[HookFormat] = _NoHooks()
    hostname: ClassVar[str] = "relay.smtp.example"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def listen(self, port: int) -> dict[str, object]:
        """Open the submission port."""
        loop = asyncio.get_running_loop()

        def connect() -> _Connection:
            connection = _Connection(self, loop)
            self._connections.add(connection)
            return connection

        self._server = await loop.create_server(connect, "127.0.0.1", port)
        host, actual = self._server.sockets[0].getsockname()[:2]
        return {"smtp": f"{host}:{actual}"}

    async def close(self) -> None:
        """Close the port and what is open."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.cut()

    def gone(self, connection: "_Connection") -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object
    ) -> AuthResult:
        """Check name and password."""
        self.count["requests"] += 1
        if self.faults.state().get("suspend") and self.faults.suspension() == "auth":
            return AuthResult(success=False, handled=False, message="525 5.7.13 User disabled")
        known = f"{self.settings.user}:{self.settings.key}".encode()
        given = b""
        if isinstance(login, LoginPassword):
            given = login.login + b":" + login.password
        good = hmac.compare_digest(given, known) and not self.faults.hit(RefuseKey)
        return AuthResult(success=good, handled=False, message=None)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail, under whatever faults strike it."""
        del session
        self.count["requests"] += 1
        to = envelope.rcpt_tos
        slow = self.faults.hit(Slow, to)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        if not self.settings.key and self.faults.hit(RefuseKey, to):
            return "530 5.7.0 Authentication required"
        if self.faults.hit(Throttle, to):
            return "450 4.7.1 Rate limit exceeded, try again later"
        reset = self.faults.hit(Reset, to)
        if reset is not None:
            if reset.half or reset.takes:
                self._take(envelope)
            if isinstance(server, _Connection):
                server.cut(b"250-2.0" if reset.half else b"")
            return "421 4.3.2 Closing"
        fail, hang = self.faults.hit(Fail, to), self.faults.hit(Hang, to)
        taken = ""
        if not (fail is not None and not fail.takes) and not (hang is not None and not hang.takes):
            taken = self._take(envelope)
        if hang is not None:
            self.count["hanging"] += 1
            try:
                await self.faults.hang_over()
            finally:
                self.count["hanging"] -= 1
            if isinstance(server, _Connection):
                server.cut()
            return "421 4.3.2 Closing"
        return taken if fail is None else "451 4.3.0 Internal error, try again later"

    def _take(self, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        sender = envelope.mail_from or ""
        if not self.may_send_from(sender):
            return "550 5.7.1 Sender address rejected: not owned by user"
        suspended = self.faults.suspension(envelope.rcpt_tos)
        if suspended in {"account", "auth"}:
            return "554 5.7.1 Your account has been suspended"
        octets = crlf(raw)
        message = parse(octets)
        name, address = parseaddr(str(message.get("From", "")))
        mail = Mail(
            id=self.new_id(),
            sender=Mailbox(address or sender, name),
            to=tuple(Mailbox(rcpt) for rcpt in envelope.rcpt_tos),
            at=time.time(),
            subject=str(message.get("Subject", "")),
            text=body_of(message, "plain"),
            html=body_of(message, "html"),
            headers=tuple((k, str(v)) for k, v in message.items()),
            return_path=sender,
            raw=octets,
        )
        self.take(mail, dropped=suspended == "silent")
        return f"250 2.0.0 Ok: queued as {mail.id}"

    def new_id(self) -> str:
        """A queue id."""
        return secrets.token_hex(8).upper()

    def envelope_sender(self, mail: Mail, recipient: str) -> str:
        """The submitter's own: bounces go to him."""
        del recipient
        return mail.return_path or mail.sender.email

    def message_id(self, mail: Mail) -> str:
        """For mail that came without one."""
        return f"<{mail.id}@{self.hostname}>"

    def marks(self, mail: Mail, recipient: str, message: bytes) -> bytes:
        """A Received line (RFC 5321 section 4.4) and the relay's own signature."""
        now = int(time.time())
        received = (
            f"from client ([127.0.0.1]) by {self.hostname} with ESMTP id {mail.id}"
            f" for <{recipient}>; {formatdate(now)}"
        )
        signature = self.signer.sign(message, "smtp.example", "relay", now)
        return signature + fold("Received", received)


class _Connection(SMTP):
    """One client; with a password configured it has to authenticate, in clear on loopback."""

    def __init__(self, relay: SmtpRelay, loop: asyncio.AbstractEventLoop) -> None:
        self._relay = relay
        required = bool(relay.settings.key)
        super().__init__(
            relay,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            hostname=relay.hostname,
            ident="ESMTP",
            auth_required=False,
            auth_require_tls=False,
            authenticator=relay.authenticate if required else None,
            loop=loop,
        )
        # Set here: the constructor warns of AUTH without TLS, which loopback does without.
        self._auth_required = required

    def cut(self, words: bytes = b"") -> None:
        """Close the connection without a word, or after some."""
        if isinstance(self.transport, asyncio.Transport):
            if words:
                self.transport.write(words)
                self.transport.close()
            else:
                self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        self._relay.gone(self)
        super().connection_lost(error)
