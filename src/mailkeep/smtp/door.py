"""What both listeners share: how much they take in, from how many, and for how long."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_SIZE = 10 * 1024 * 1024
MAX_RECIPIENTS = 100
TIMEOUT_SECONDS = 60.0

NOT_NOW = "452 4.3.1 cannot store it now, try again"


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


async def listen(door: Door, host: str, port: int, **more: Any) -> asyncio.Server:
    """Listen; the server's sockets tell the port when ``port`` was 0.

    Args:
        more: further arguments of aiosmtpd's ``SMTP``.
    """
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            door,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            timeout=TIMEOUT_SECONDS,
            hostname="mailkeep",
            ident="Mailkeep",
            loop=loop,
            **more,
        )

    return await loop.create_server(connection, host, port)
