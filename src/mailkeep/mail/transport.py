"""Carries a built request over the network and says what happened, telling before from after.

Security: the only place of the mail room that opens sockets. Redirects are not followed (the key is
in the request), replies are read up to a bound.
"""

import asyncio
import errno
from io import BytesIO

import aiohttp
import aiosmtplib

from mailkeep.providers.types import (
    MAX_REPLY,
    HttpReply,
    HttpRequest,
    Reply,
    Request,
    SmtpReply,
    SmtpRequest,
    TransportFailure,
)

CONNECT_SECONDS = 5.0
#: Out of descriptors, ports or memory, or off the network.
_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.ENETDOWN}
    | {errno.ENETUNREACH}
)
TOTAL_SECONDS = 20.0
IN_PIECES = 512 * 1024  #: a longer body is written piece by piece: the loop has others to serve


class Transport:
    """One pool of connections, shared by all providers; each host has its own limit in it."""

    def __init__(self, per_host: int = 50) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=per_host),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def carry(self, request: Request) -> Reply:
        """Send it; never raises for what the network or the other side does."""
        if isinstance(request, SmtpRequest):
            return await _smtp(request)
        return await self._http(request)

    async def _http(self, request: HttpRequest) -> Reply:
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=BytesIO(request.body) if len(request.body) > IN_PIECES else request.body,
                allow_redirects=False,
            ) as reply:
                body = bytearray()
                async for chunk in reply.content.iter_any():
                    body += chunk
                    if len(body) > MAX_REPLY:
                        break
                return HttpReply(reply.status, dict(reply.headers), bytes(body))
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
            return TransportFailure("tls")
        except aiohttp.ConnectionTimeoutError:
            return TransportFailure("timeout_before_send")
        except aiohttp.ClientConnectorError as error:
            return TransportFailure("local" if _ours(error.os_error) else "connect")
        except TimeoutError:
            return TransportFailure("timeout_after_send")
        except (aiohttp.ClientError, OSError):
            return TransportFailure("reset_after_send")

    async def close(self) -> None:
        await self._session.close()


async def _smtp(request: SmtpRequest) -> Reply:
    """One transaction on a connection of its own (RFC 5321 section 3.3)."""
    client = aiosmtplib.SMTP(
        hostname=request.host,
        port=request.port,
        use_tls=request.tls == "implicit",
        start_tls=request.tls == "starttls",
        timeout=TOTAL_SECONDS,
    )
    handed_over = False
    try:
        await asyncio.wait_for(client.connect(), CONNECT_SECONDS)
        if request.username is not None and request.password is not None:
            await client.login(request.username, request.password.reveal())
        await client.mail(request.mail_from)
        await client.rcpt(request.rcpt_to)
        refused = [one for one in request.also if not await _takes(client, one)]
        handed_over = True
        reply = await client.data(request.data)
        return _smtp_reply(reply.code, reply.message, len(refused))
    except aiosmtplib.SMTPResponseException as error:
        return _smtp_reply(error.code, error.message)
    except aiosmtplib.SMTPConnectTimeoutError:
        return TransportFailure("timeout_before_send")
    except (aiosmtplib.SMTPTimeoutError, TimeoutError):
        return TransportFailure("timeout_after_send" if handed_over else "timeout_before_send")
    except (aiosmtplib.SMTPException, OSError) as error:
        if not handed_over and _ours(error.__cause__ or error):
            return TransportFailure("local")
        return TransportFailure("reset_after_send" if handed_over else "connect")
    finally:
        client.close()


def _ours(error: BaseException) -> bool:
    """Whether this machine could not even try: blaming the provider would frame it."""
    return isinstance(error, OSError) and error.errno in _OURS


async def _takes(client: aiosmtplib.SMTP, copy: str) -> bool:
    """Whether the relay takes one who gets a copy; a refusal holds nobody else's mail back."""
    try:
        await client.rcpt(copy)
    except aiosmtplib.SMTPRecipientRefused:
        return False
    return True


def _smtp_reply(code: int, message: str, refused: int = 0) -> SmtpReply:
    enhanced, _, rest = message.partition(" ")
    if enhanced.count(".") == 2 and enhanced.replace(".", "").isdigit():
        return SmtpReply(code, enhanced, rest, refused)
    return SmtpReply(code, "", message, refused)
