"""What both listeners share: bounds on connections, memory and time.

Security: the canaries' listener is a public mail server in the process that carries everything
else. Without bounds a stranger's idle connections would take its file descriptors, and the process
would believe that its providers do not answer.
"""

import asyncio
import time
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailkeep.base.traces import frames

from .connection import Connection
from .guests import Guests
from .tls import Certificate
from .types import Limits

log = structlog.get_logger(__name__)

NOT_NOW = "452 4.3.1 cannot store it now, try again"
GRACE_SECONDS = 10.0  #: how long a message that is coming in may hold up the stop


class Door:
    """Takes recipients in; what becomes of a message is its children's (``handle_DATA``)."""

    async def handle_EHLO(
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        # Commands are read from one buffer and answered in order (RFC 2920 section 3.2), and no
        # reply goes out without an enhanced code (RFC 2034).
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(
        self,
        server: Connection,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= server.limits.recipients:
            return "452 4.5.3 too many recipients"  # RFC 5321 section 4.5.3.1.10
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_exception(self, error: Exception) -> str:
        """The library would repeat the error's words, which may hold what nobody should see."""
        log.error("smtp.failed", error=type(error).__name__, exception=frames(error))
        return "451 4.3.0 local error, try again"


class Listener:
    """One listening address, with its clients.

    Args:
        door: what to do with messages.
        guests: who is there; shared by the addresses of one service.
        certificate: STARTTLS is offered with it.
        implicit: TLS from the first octet, with that certificate.
        cleartext: keys may come in clear from private addresses too, not from this machine only.
        more: further arguments of aiosmtpd's ``SMTP``.

    Attributes:
        port: also when it was opened on 0.
    """

    def __init__(
        self,
        door: Door,
        guests: Guests,
        *,
        certificate: Certificate | None = None,
        implicit: bool = False,
        cleartext: bool = False,
        **more: Any,
    ) -> None:
        self._door, self.guests = door, guests
        self.certificate, self.implicit, self.cleartext = certificate, implicit, cleartext
        self._more = more
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def open(self, host: str, port: int) -> "Listener":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._door, self, **self._more), host, port
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def entered(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._empty.clear()

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def refused(self, why: str) -> None:
        self.guests.refused(why, time.monotonic())

    def close(self) -> None:
        """Accept nobody any more; clients that are not sending a message are disconnected."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.ask_to_leave("421 4.3.2 we are closing, try again later")

    async def finish(self, seconds: float = GRACE_SECONDS) -> None:
        """``close``, then wait for those who are still sending, and no longer than that."""
        self.close()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()


async def listen(
    door: Door,
    host: str,
    port: int,
    limits: Limits | None = None,
    certificate: Certificate | None = None,
) -> Listener:
    """Listen without signing in; ``Listener.port`` tells the port.

    Args:
        certificate: STARTTLS is offered with it.
    """
    return await Listener(door, Guests(limits or Limits()), certificate=certificate).open(
        host, port
    )
