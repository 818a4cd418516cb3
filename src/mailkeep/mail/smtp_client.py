"""SMTP as a client: one transaction at a time on connections that are kept (RFC 5321 section 3).

To set a connection up costs more than to send a mail over it, and a relay counts new ones.
"""

import asyncio
import time
from collections import deque
from typing import NamedTuple

import aiosmtplib

from mailkeep.providers.types import Reply, SmtpReply, SmtpRequest, TransportFailure

from . import smtp_data
from .failures import CONNECT_SECONDS, TOTAL_SECONDS, ours

IDLE_SECONDS = 20.0  #: a relay hangs up after minutes; well before that we do
MOST_USES = 200  #: transactions on one connection: behind one name are many machines


class _Kept(NamedTuple):
    client: aiosmtplib.SMTP
    uses: int
    until: float


class SmtpConnections:
    """Connections to relays. How many there are is the callers' affair: a lane's own bound holds,
    and no lane waits for another's connection."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, ...], deque[_Kept]] = {}

    async def carry(self, request: SmtpRequest) -> Reply:
        """Hand one mail over; never raises for what the network or the other side does."""
        where = _where(request)
        kept = self._take(where)
        if kept is not None:
            reply = await self._transact(kept.client, kept.uses, where, request)
            if not (isinstance(reply, TransportFailure) and reply.kind == "connect"):
                return reply
            # It had been hung up meanwhile: nothing of this mail was handed over.
        client = aiosmtplib.SMTP(
            hostname=request.host,
            port=request.port,
            use_tls=request.tls == "implicit",
            start_tls=request.tls == "starttls",
            timeout=TOTAL_SECONDS,
        )
        failure = await _connect(client, request)
        if failure is not None:
            client.close()
            return failure
        return await self._transact(client, 0, where, request)

    async def _transact(
        self, client: aiosmtplib.SMTP, uses: int, where: tuple[str, ...], request: SmtpRequest
    ) -> Reply:
        handed_over = keep = False
        try:
            await client.mail(request.mail_from)
            await client.rcpt(request.rcpt_to)
            refused = [
                (one, said)
                for one in request.also
                if (said := await _refuses(client, one)) is not None
            ]
            handed_over = True
            reply = await smtp_data.send(client, request.data)
            keep = True
            return _reply(reply.code, reply.message, tuple(refused))
        except aiosmtplib.SMTPResponseException as error:
            keep = error.code != 421 and await _reset(client)  # RFC 5321 section 3.8: it hangs up
            return _reply(error.code, error.message)
        except (aiosmtplib.SMTPTimeoutError, TimeoutError):
            return TransportFailure("timeout_after_send" if handed_over else "timeout_before_send")
        except (aiosmtplib.SMTPException, OSError):
            return TransportFailure("reset_after_send" if handed_over else "connect")
        finally:
            if keep and uses + 1 < MOST_USES:
                until = time.monotonic() + IDLE_SECONDS
                self._idle.setdefault(where, deque()).append(_Kept(client, uses + 1, until))
            else:
                client.close()

    def _take(self, where: tuple[str, ...]) -> _Kept | None:
        """The connection that was used last: the others grow old and are closed."""
        idle, now = self._idle.get(where), time.monotonic()
        while idle:
            kept = idle.pop()
            if kept.until > now and kept.client.is_connected:
                while idle and idle[0].until <= now:
                    idle.popleft().client.close()
                return kept
            kept.client.close()
        return None

    def close(self) -> None:
        for idle in self._idle.values():
            for kept in idle:
                kept.client.close()
        self._idle.clear()


async def _connect(client: aiosmtplib.SMTP, request: SmtpRequest) -> Reply | None:
    """Connect and sign in; what went wrong, or None."""
    try:
        await asyncio.wait_for(client.connect(), CONNECT_SECONDS)
        if request.username is not None and request.password is not None:
            await client.login(request.username, request.password.reveal())
    except aiosmtplib.SMTPResponseException as error:
        return _reply(error.code, error.message)
    except (aiosmtplib.SMTPTimeoutError, TimeoutError):
        return TransportFailure("timeout_before_send")
    except (aiosmtplib.SMTPException, OSError) as error:
        return TransportFailure("local" if ours(error.__cause__ or error) else "connect")
    return None


async def _refuses(client: aiosmtplib.SMTP, copy: str) -> SmtpReply | None:
    """What the relay says against one who gets a copy; it holds nobody else's mail back."""
    try:
        await client.rcpt(copy)
    except aiosmtplib.SMTPRecipientRefused as error:
        return _reply(error.code, error.message)
    return None


async def _reset(client: aiosmtplib.SMTP) -> bool:
    """Ready for another transaction after one that was refused; False: not to be used again."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return False
    return True


def _where(request: SmtpRequest) -> tuple[str, ...]:
    password = "" if request.password is None else request.password.reveal()
    return (request.host, str(request.port), request.tls, request.username or "", password)


def _reply(code: int, message: str, refused: tuple[tuple[str, SmtpReply], ...] = ()) -> SmtpReply:
    enhanced, _, rest = message.partition(" ")
    if enhanced.count(".") == 2 and enhanced.replace(".", "").isdigit():
        return SmtpReply(code, enhanced, rest, refused)
    return SmtpReply(code, "", message, refused)
