"""One client connection: aiosmtpd's dialogue, hardened for a public port.

Each method here replaces one of the library's, and says what that one does not do.
"""

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiosmtpd.smtp import SMTP

from mailkeep.base.networks import network
from mailkeep.base.traces import frames

from . import replies
from .body import Body
from .types import is_loopback, is_private

if TYPE_CHECKING:
    from .door import Door, Listener

log = structlog.get_logger(__name__)

LINGER_SECONDS = 2.0  #: for a client to read why it is shown out
MOST_THROWN_AWAY = 1024 * 1024  #: octets that it may still send meanwhile
COMMIT_SECONDS = 30.0  #: how long a commit may go on past the end of its session
HANDSHAKE_SECONDS = 20.0
PROGRESS = 4096  #: octets of a message that buy another ``idle`` seconds
CHUNK = 64 * 1024
MOST_UNSENT = 4096  #: octets of replies that wait for the next one
TURN = 32  #: commands of one client, sent in one go, before others have their turn
MOST_COMMANDS = 300  #: between two messages, besides those that name recipients

_MAY_WAIT = frozenset({"250", "452", "550", "553"})  #: replies after which nothing else happens


class Connection(SMTP):
    """One client, counted while it is here, and shown out when its time is over."""

    def __init__(self, door: "Door", listener: "Listener", **more: Any) -> None:
        self.limits = listener.guests.limits
        super().__init__(
            door,
            data_size_limit=self.limits.size,
            enable_SMTPUTF8=True,
            timeout=self.limits.idle,
            loop=asyncio.get_running_loop(),
            ident="Mailkeep",
            **({"hostname": "mailkeep"} | more),
        )
        self._listener = listener
        self._guests = listener.guests
        self.network = ""
        self._inside = False
        self._deadline: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._receiving = self._storing = self._shaking = False
        self._thrown_away: int | None = None  #: octets that came after it was shown out
        self._leaving: str | None = None  #: the words to leave with once the message is answered
        self._greeting = True  #: the next good reply greets, and has no enhanced code
        self._unsent = bytearray()
        self._idle_until = 0.0
        self._bad = self._commands = self._failed = 0
        self._forget_sizes()

    def _forget_sizes(self) -> None:
        # The library keeps these in its class, for all connections, and adds to them at each EHLO.
        sizes: defaultdict[str, int] = defaultdict(lambda: self.command_size_limit)
        # RFC 1870, 6152, 6531: what each parameter adds; RFC 4954 section 4: a long first response.
        sizes |= {"MAIL": 512 + 26 + 17 + 10, "AUTH": 990}
        self.command_size_limits = sizes

    # -- coming and going

    def connection_made(self, given: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", given)  # uvloop's is one by its methods only
        peer = transport.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) else "unknown"
        self.network = network(host)
        if not self._guests.enter(self.network, self):
            self._listener.refused("too_many_connections")
            if not self._listener.implicit:
                transport.write(replies.finish("421 4.7.0 too many connections, try again later"))
            transport.close()  # RFC 5321 section 3.8
            return
        self._inside = True
        self._listener.entered(self)
        if self._listener.implicit:
            transport.pause_reading()  # the handshake is the first to read
        elif self._listener.certificate is not None:
            self.tls_context = self._listener.certificate.context()
        if self._auth_required:
            trusted = self._listener.cleartext and is_private(host)
            self._auth_require_tls = not (trusted or is_loopback(host))
        self._deadline = self.loop.call_later(self.limits.session, self._over)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._inside:
            return  # it was turned away at the door, or was told already
        self._inside = False
        self._guests.leave(self)
        self._listener.left(self)
        for timer in (self._deadline, self._linger):
            if timer is not None:
                timer.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._thrown_away is None:
            super().data_received(data)
            return
        self._thrown_away += len(data)
        if self._thrown_away > MOST_THROWN_AWAY:
            self.abort()

    def eof_received(self) -> bool | None:
        if self._thrown_away is not None:
            return False
        if self._storing:
            # The client has said all it wants; the library would give the commit up, and a message
            # would be stored of which nobody was told.
            self._leaving = ""
            return self.session is None or self.session.ssl is None
        return super().eof_received()

    @property
    def storing(self) -> bool:
        return self._storing

    def make_room(self) -> None:
        self._listener.refused("made_room")
        self.abort()

    def abort(self) -> None:
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    def _over(self) -> None:
        words = "421 4.4.2 the session has lasted too long"
        self._listener.refused("session_too_long")
        if self._storing:
            self._leaving = words
            self._linger = self.loop.call_later(COMMIT_SECONDS, self.abort)
        else:
            self._leave(words)

    def ask_to_leave(self, words: str) -> None:
        """Disconnect the client; one that is sending a message, after its answer."""
        if self._receiving:
            self._leaving = words
        else:
            self._leave(words)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """The library makes a new timer for each command; this extends the existing one."""
        self._idle_until = self.loop.time() + (duration or self.limits.idle)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._idle_until, self._timeout_cb)

    def _timeout_cb(self) -> None:
        # The library only closes, which waits for ever for a client that does not read.
        left = self._idle_until - self.loop.time()
        if self._storing or left > 0:
            self._timeout_handle = self.loop.call_later(max(left, 0.1), self._timeout_cb)
            return
        self._listener.refused("idle")
        self._leave("421 4.4.2 nothing came for too long")

    def _leave(self, words: str) -> None:
        if self.transport is None or self._thrown_away is not None:
            return
        transport = cast("asyncio.Transport", self.transport)
        self._thrown_away = 0
        try:
            self._say_and_close(transport, words)
        except OSError:  # the client was faster
            transport.abort()
        if self._linger is not None:
            self._linger.cancel()
        self._linger = self.loop.call_later(LINGER_SECONDS, transport.abort)
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()  # commands that wait in the buffer are not for us

    def _say_and_close(self, transport: asyncio.Transport, words: str) -> None:
        if transport.is_closing():
            return
        if not self._shaking and not transport.get_write_buffer_size():
            self._unsent += replies.finish(words) if words else b""
            self._flush()
        if transport.can_write_eof():
            # To close while there is something to read resets the connection, and the client
            # never hears why.
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()

    # -- replies

    async def push(self, status: str | bytes) -> None:
        """Answer. The library's own replies have no enhanced codes, and repeat control characters;
        it counts unknown commands only, and lets a full buffer of commands run in one go."""
        text = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        self._commands += 1
        if text[:2] == "50":
            self._bad += 1
        if self._bad > self.limits.bad_commands:
            self._listener.refused("bad_commands")
            self._leave("421 4.7.0 too many bad commands")
        elif self._commands > MOST_COMMANDS + 2 * self.limits.recipients:
            self._listener.refused("too_many_commands")
            self._leave("421 4.7.0 too many commands without a message")
        else:
            self._unsent += replies.finish(text, greeting=self._greeting)
            self._greeting = self._greeting and text[:3] != "220"
        if self._commands % TURN == 0:
            await asyncio.sleep(0)
        if text[:3] in _MAY_WAIT and len(self._unsent) < MOST_UNSENT and self._more_waits():
            return  # the next command's reply goes out with it (RFC 2920 section 3.2)
        self._flush()
        await self._writer.drain()

    def _more_waits(self) -> bool:
        return b"\n" in self._reader._buffer  # type: ignore[attr-defined]

    def _flush(self) -> None:
        if self._unsent and self.transport is not None and not self.transport.is_closing():
            self._writer.write(bytes(self._unsent))
        self._unsent.clear()

    async def _handle_client(self) -> None:
        if self._listener.implicit and not await self._begin_tls():
            return
        try:
            await super()._handle_client()
        except ConnectionError:
            return  # the library lets it out, where nobody but the loop's error log hears of it

    # -- commands

    async def smtp_HELO(self, hostname: str) -> None:
        await self._greet(super().smtp_HELO, hostname)

    async def smtp_EHLO(self, hostname: str) -> None:
        await self._greet(super().smtp_EHLO, hostname)
        self._forget_sizes()

    async def _greet(self, method: Any, hostname: str) -> None:
        self._greeting = True
        try:
            await method(hostname)
        finally:
            self._greeting = False

    async def smtp_STARTTLS(self, arg: str) -> None:
        """RFC 3207. The library forgets what it knew too, but lets a client send commands along
        with STARTTLS: whoever sits between could add them to another's session (CVE-2011-0411)."""
        if arg:
            await self.push("501 5.5.4 Syntax: STARTTLS")
            return
        if self._tls_protocol is not None or self._listener.certificate is None:
            await self.push("503 5.5.1 TLS is not to be had, or is there already")
            return
        if self._reader._buffer:  # type: ignore[attr-defined]
            self._listener.refused("command_injection")
            self._leave("554 5.5.1 nothing may follow STARTTLS before the handshake")
            return
        await self.push("220 2.0.0 ready for TLS")
        await self._begin_tls()

    async def _begin_tls(self) -> bool:
        """Start TLS, and discard everything said in clear."""
        certificate, session = self._listener.certificate, self.session
        assert certificate is not None
        assert session is not None
        # What came between our reply and now is thrown away as well.
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        self._reader._transport = None  # type: ignore[attr-defined]
        self._shaking = True
        try:
            await self._writer.start_tls(
                certificate.context(), ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
            transport = self._writer.transport
            ssl_object = transport.get_extra_info("ssl_object")
        except Exception as error:
            self._listener.refused(f"handshake_{type(error).__name__}")
            self.abort()
            self.connection_lost(None)  # the TLS layer does not say it when a handshake fails
            return False
        finally:
            self._shaking = False
        self._reader.set_transport(transport)
        self.transport = transport
        self._tls_protocol = transport  # type: ignore[assignment]  # the library: "is it TLS?"
        self.session = self._create_session()
        self.session.peer, self.session.ssl = session.peer, {"ssl_object": ssl_object}
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self._reset_timeout()
        return True

    async def smtp_AUTH(self, arg: str | None) -> None:
        """The library takes mechanisms in capitals only, within a transaction too, and for ever."""
        if self.envelope is not None and self.envelope.mail_from:
            await self.push("503 5.5.1 not within a mail transaction")  # RFC 4954 section 4
            return
        mechanism, _, rest = (arg or "").partition(" ")
        await super().smtp_AUTH(f"{mechanism.upper()} {rest}".strip())
        if self._failed >= self.limits.failed_auth:
            self._leave("421 4.7.0 too many wrong keys")

    async def wrong_key(self) -> None:
        """Delay the answer to a wrong key: longer with each one from that network."""
        self._failed += 1
        self._listener.refused("wrong_key")
        delay = self._guests.wrong(self.network, time.monotonic())
        await asyncio.sleep(min(delay, self.limits.idle / 2))

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._refuse_other_scripts(arg):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._refuse_other_scripts(arg):
            await super().smtp_RCPT(arg)

    async def _refuse_other_scripts(self, arg: str | None) -> bool:
        """Not every route offers SMTPUTF8: a mailbox name in another script is refused here, and
        never rewritten (RFC 6531 section 3.2)."""
        if arg is None or arg.isascii():
            return False
        await self.push("553 5.6.7 addresses must be ASCII")
        return True

    def _getaddr(self, arg: str) -> Any:
        """The library parses paths with a private part of ``email``, which fails on some."""
        return replies.path(arg)

    async def smtp_DATA(self, arg: str | None) -> None:
        """The library reads line by line, keeps a lone LF, knows no bound over all clients, and
        gives the whole message one ``timeout``."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope
        assert envelope is not None
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        self._receiving = True
        body = Body(self.limits.size)
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            progress = 0
            rest: bytes | None = None
            while rest is None:
                chunk = await self._reader.read(CHUNK)
                if not chunk:
                    raise asyncio.CancelledError  # the client is gone
                rest = body.feed(chunk)
                self._guests.grew(body)
                progress += len(chunk)
                if progress >= PROGRESS:
                    progress = 0
                    self._reset_timeout()
                if body.seen > 2 * self.limits.size + CHUNK:
                    self._listener.refused("too_much_data")
                    self._leave("552 5.3.4 the message is too big")
            if rest:
                self._reader._buffer[:0] = rest  # type: ignore[attr-defined]
            status = body.fault() or await self._store(body)
        finally:
            self._guests.over(body)
            self._receiving = False
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        if status[0] == "2":
            self._commands = 0
        await self.push(status)
        self._flush()  # what was stored is told at once, whatever waits behind it
        self._reset_timeout()
        if self._leaving is not None:
            self._leave(self._leaving)

    async def _store(self, body: Body) -> str:
        envelope = self.envelope
        assert envelope is not None
        envelope.content = envelope.original_content = body.content()
        self._storing = True  # from here on it is we who take the time
        try:
            return str(await self._call_handler_hook("DATA"))
        except Exception as error:
            log.error("smtp.failed", error=type(error).__name__, exception=frames(error))
            return "451 4.3.0 local error, try again"
        finally:
            self._storing = False
