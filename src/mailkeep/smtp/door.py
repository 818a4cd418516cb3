"""What both listeners share: how much they take in, from how many, and for how long.

Security: the canaries' listener is a public mail server in the process that carries everything
else. Without bounds a stranger's idle connections would take its file descriptors, and the process
would believe that its providers do not answer.
"""

import asyncio
from collections import Counter
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_SIZE = 10 * 1024 * 1024  #: of a mail from a stranger
MAX_RECIPIENTS = 100
MAX_CONNECTIONS = 120
MAX_FROM_ONE = 60  #: of these from one address: a provider keeps a few dozen
TIMEOUT_SECONDS = 60.0  #: between two commands
SESSION_SECONDS = 600.0  #: in all, however busy the client keeps it

NOT_NOW = "452 4.3.1 cannot store it now, try again"
_TOO_MANY = b"421 4.7.0 too many connections, try again later\r\n"


class Door:
    """Takes recipients in; what becomes of a message is its children's."""

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


class _Connection(SMTP):
    """One client, counted while it is here, and shown out when its time is over."""

    def __init__(self, door: Door, here: Counter[str], **more: Any) -> None:
        super().__init__(door, **more)
        self._here = here
        self._peer: str | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else "unknown"
        full = self._here.total() >= MAX_CONNECTIONS or self._here[address] >= MAX_FROM_ONE
        if full and isinstance(transport, asyncio.Transport):
            transport.write(_TOO_MANY)  # RFC 5321 section 3.8
            transport.close()
            return
        self._peer = address
        self._here[address] += 1
        if isinstance(transport, asyncio.Transport):
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(SESSION_SECONDS, transport.abort)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._peer is None:
            return  # it was turned away at the door
        self._here[self._peer] -= 1
        if not self._here[self._peer]:
            del self._here[self._peer]
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(error)


async def listen(
    door: Door, host: str, port: int, *, max_size: int = MAX_SIZE, **more: Any
) -> asyncio.Server:
    """Listen; the server's sockets tell the port when ``port`` was 0.

    Args:
        max_size: octets of a message.
        more: further arguments of aiosmtpd's ``SMTP``.
    """
    loop = asyncio.get_running_loop()
    here: Counter[str] = Counter()

    def connection() -> SMTP:
        return _Connection(
            door,
            here,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            timeout=TIMEOUT_SECONDS,
            hostname="mailkeep",
            ident="Mailkeep",
            loop=loop,
            **more,
        )

    return await loop.create_server(connection, host, port)
