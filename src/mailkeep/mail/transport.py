"""Carries a built request over the network and says what happened, telling before from after.

Security: the only place of the mail room that opens sockets. Redirects are not followed (the key is
in the request), replies are read up to a bound.
"""

from io import BytesIO

import aiohttp

from mailkeep.providers.types import (
    MAX_REPLY,
    HttpReply,
    HttpRequest,
    Reply,
    Request,
    SmtpRequest,
    TransportFailure,
)

from .failures import CONNECT_SECONDS, TOTAL_SECONDS, ours
from .smtp_client import SmtpConnections

IN_PIECES = 512 * 1024  #: a longer body is written piece by piece: the loop has others to serve


class Transport:
    """Connections to all providers. They are bounded by the lanes that send, each for itself: in a
    bound for all of them, bulk mail that hangs would take recovery's places."""

    def __init__(self) -> None:
        self._smtp = SmtpConnections()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def carry(self, request: Request) -> Reply:
        """Send it; never raises for what the network or the other side does."""
        if isinstance(request, SmtpRequest):
            return await self._smtp.carry(request)
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
            return TransportFailure("local" if ours(error.os_error) else "connect")
        except TimeoutError:
            return TransportFailure("timeout_after_send")
        except (aiohttp.ClientError, OSError):
            return TransportFailure("reset_after_send")

    async def close(self) -> None:
        self._smtp.close()
        await self._session.close()
