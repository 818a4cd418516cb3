"""The SMTP client for relays: one transaction at a time on kept connections (RFC 5321 section 3).

To set a connection up costs more than to send a mail over it, and relays limit new ones.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

import aiosmtplib
import msgspec

from mailkeep.providers.types import Reply, SmtpReply, SmtpRequest, TransportFailure

from .failures import CONNECT_SECONDS, TOTAL_SECONDS, ours
from .leases import LeaseLost
from .smtp_line import Line, Refused

IDLE_SECONDS = 20.0  #: a relay hangs up after minutes; well before that we do
MOST_USES = 200  #: transactions on one connection: behind one name are many machines
LONGEST_SECONDS = 50.0  #: from the first word to the last
_GOODBYE = 421


class _Kept(NamedTuple):
    line: Line
    uses: int
    until: float


class SmtpConnections:
    """Connections to relays. How many there are is the callers' affair: a lane's own bound holds,
    and no lane waits for another's connection."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, ...], deque[_Kept]] = {}

    async def carry(self, request: SmtpRequest, may: Callable[[], bool]) -> Reply:
        """Hand one mail over; never raises for what the network or the other side does.

        Raises:
            LeaseLost: ``may`` said no when the connection stood; nothing was handed over.
        """
        where = _where(request)
        until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        kept = self._take(where)
        if kept is not None:
            self._check(may, where, kept.line, kept.uses)
            reply = await self._transact(kept.line, kept.uses, where, request, until)
            if kept.line.handed_over or not _hung_up(reply):
                return reply
            # The relay had closed the connection meanwhile: nothing of this mail was handed over.
        line = await _connect(request, until)
        if not isinstance(line, Line):
            return line
        self._check(may, where, line, 0)
        return await self._transact(line, 0, where, request, until)

    def _check(
        self, may: Callable[[], bool], where: tuple[str, ...], line: Line, uses: int
    ) -> None:
        if not may():
            self._keep(where, line, uses)
            raise LeaseLost

    async def _transact(
        self, line: Line, uses: int, where: tuple[str, ...], request: SmtpRequest, until: float
    ) -> Reply:
        keep = False
        try:
            answer, refused = await line.carry(request, until)
            keep = True
            copies = tuple((one, _reply(*said)) for one, said in refused)
            return _reply(answer.code, answer.text, copies)
        except Refused as error:
            keep = error.usable and await line.reset()
            return _reply(*error.answer)
        except TimeoutError:
            return TransportFailure(
                "timeout_after_send" if line.handed_over else "timeout_before_send"
            )
        except OSError:
            return TransportFailure("reset_after_send" if line.handed_over else "connect")
        finally:
            if keep and uses + 1 < MOST_USES:
                self._keep(where, line, uses + 1)
            else:
                line.close()

    def _keep(self, where: tuple[str, ...], line: Line, uses: int) -> None:
        until = time.monotonic() + IDLE_SECONDS
        self._idle.setdefault(where, deque()).append(_Kept(line, uses, until))

    def _take(self, where: tuple[str, ...]) -> _Kept | None:
        """The connection that was used last: the others grow old and are closed."""
        idle, now = self._idle.get(where), time.monotonic()
        while idle:
            kept = idle.pop()
            if kept.until > now and kept.line.idle:
                while idle and idle[0].until <= now:
                    idle.popleft().line.close()
                return kept
            kept.line.close()
        return None

    def close(self) -> None:
        for idle in self._idle.values():
            for kept in idle:
                kept.line.close()
        self._idle.clear()


def _hung_up(reply: Reply) -> bool:
    """Whether that is the end of a connection, and says nothing of the mail."""
    if isinstance(reply, SmtpReply):
        return reply.code == _GOODBYE
    return isinstance(reply, TransportFailure) and reply.kind == "connect"


async def _connect(request: SmtpRequest, until: float) -> Line | Reply:
    """Connect, greet and sign in; the line, or what went wrong."""
    proven = request.tls != "starttls"
    client = aiosmtplib.SMTP(
        hostname=request.host,
        port=request.port,
        use_tls=request.tls == "implicit",
        start_tls=False,
        timeout=TOTAL_SECONDS,
    )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await client.connect()
            if request.tls == "starttls":
                await _greet(client)
                if not client.supports_extension("starttls"):
                    client.close()
                    return TransportFailure("tls")
                await client.starttls()
                proven = True
        async with asyncio.timeout_at(until):
            if request.username is not None and request.password is not None:
                await client.login(request.username, request.password.reveal())
            elif client.is_ehlo_or_helo_needed:
                await _greet(client)
        if client.transport is not None:
            return Line(client.transport, pipelining=client.supports_extension("pipelining"))
        return TransportFailure("connect")
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        if not 400 <= error.code < 600:
            return TransportFailure("connect")  # a 250 here would be taken for the mail's own
        about: Literal["connection", "account"] = "account" if proven else "connection"
        return msgspec.structs.replace(_reply(error.code, error.message), about=about)
    except (aiosmtplib.SMTPTimeoutError, TimeoutError):
        client.close()
        return TransportFailure("timeout_before_send")
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        cause = error.__cause__ or error
        if isinstance(cause, ssl.SSLError):
            return TransportFailure("tls")
        return TransportFailure("local" if ours(cause) else "connect")


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:  # RFC 5321 section 3.2: an old server knows HELO only
        await client.helo()


def _where(request: SmtpRequest) -> tuple[str, ...]:
    password = "" if request.password is None else request.password.reveal()
    return (request.host, str(request.port), request.tls, request.username or "", password)


def _reply(code: int, message: str, refused: tuple[tuple[str, SmtpReply], ...] = ()) -> SmtpReply:
    enhanced, _, rest = message.partition(" ")
    if enhanced.count(".") == 2 and enhanced.replace(".", "").isdigit():
        return SmtpReply(code, enhanced, rest, refused)
    return SmtpReply(code, "", message, refused)
