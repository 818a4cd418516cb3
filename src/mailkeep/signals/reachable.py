"""Outgoing connections to receivers, guarded against SSRF.

Security: a receiver says where it wants to be pushed to, so it could make us connect to servers
behind our own walls. An operator names the origins; https only; no redirect is followed; and the
address is checked when the socket for it is made, so that a name that resolves elsewhere the second
time (DNS rebinding) leads nowhere. Answers are bounded in size and time, and never decompressed.
"""

import ipaddress
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mailkeep.base import networks
from mailkeep.base.errors import Invalid

if TYPE_CHECKING:
    import aiohttp  # imported when somebody is asked: not by who only wants the settings

LONGEST = 2000  #: characters of a URL
MOST_READ = 4096  #: bytes of an answer
LONGEST_ASKED = 900  #: seconds of a ``Retry-After`` that are minded

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK_NAMES = frozenset({"localhost"})


class Answer(msgspec.Struct, frozen=True):
    """What came of a request. ``failure``: why there was no answer; else status and beginning.

    ``retry_after``: seconds for which the other side asks to be left alone (RFC 9110 section
    10.2.3); 0 where it says none, or a date.
    """

    status: int = 0
    body: bytes = b""
    failure: str = ""
    retry_after: int = 0


def origin(text: str, *, loopback: bool) -> str:
    """``scheme://host[:port]`` as it is compared. Raises ``Invalid``."""
    found, path = _split(text, loopback=loopback, field="push_to")
    if path not in {"", "/"}:
        raise Invalid("an origin is https://HOST or https://HOST:PORT", field="push_to")
    return found


def endpoint(url: str, origins: tuple[str, ...], *, loopback: bool) -> str:
    """The URL, when events may be pushed to it.

    Raises:
        Invalid: it is none, or at no origin that the operator named.
    """
    field = "delivery.endpoint_url"
    found, _ = _split(url, loopback=loopback, field=field)
    if found not in origins:
        raise Invalid("the operator has named no such origin for this receiver", field=field)
    return url


def url(text: str, named: tuple[Network, ...]) -> str:
    """A URL that an operator wrote, when something may be told there.

    Args:
        named: networks beside the public ones. Clear text goes to this machine alone, and only
            where they name it.

    Raises ``Invalid``.
    """
    loopback = any(one.is_loopback for one in named)
    _split(text, loopback=loopback, field="to", named=named)
    return text


def may_reach(host: str, *, loopback: bool, named: tuple[Network, ...] = ()) -> bool:
    """Whether an address is one that we connect to (pure)."""
    found = networks.read(host)
    if found is None:
        return False
    if any(found in one for one in named):
        return True
    return networks.is_public(found) or (loopback and found.is_loopback)


def _split(
    url: str, *, loopback: bool, field: str, named: tuple[Network, ...] = ()
) -> tuple[str, str]:
    """(origin, path and more)"""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Invalid("this is not a URL", field=field) from error
    near = host in _LOOPBACK_NAMES or (host is not None and _is_loopback(host))
    schemes = {"https", "http"} if loopback and near else {"https"}
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not plain or len(url) > LONGEST or parts.scheme not in schemes or not host:
        raise Invalid("say https://HOST/…", field=field)
    if "@" in parts.netloc or "#" in url:
        raise Invalid("a URL here has no user and no fragment", field=field)
    # Bare digits are an IP address to some resolvers, whatever they look like.
    numeric = ":" in host or host.replace(".", "").isdigit()
    closed = numeric and not may_reach(host, loopback=loopback, named=named)
    if (near and not loopback) or closed:
        raise Invalid("this address is not public", field=field)
    shown = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    at = "" if port in {None, default} else f":{port}"
    return f"{parts.scheme}://{shown}{at}", parts.path + (f"?{parts.query}" if parts.query else "")


def _is_loopback(host: str) -> bool:
    found = networks.read(host)
    return found is not None and found.is_loopback


class Outbound:
    """Connections to receivers.

    Args:
        loopback: development: loopback addresses are reached too.
        timeout: seconds for a whole request.
        named: networks that an operator named are reached too.
    """

    def __init__(self, timeout: float, *, loopback: bool, named: tuple[Network, ...] = ()) -> None:
        self._loopback = loopback
        self._named = named
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post; never raises for what the network or the other side does."""
        import aiohttp

        try:
            async with self._open().post(
                url, data=body, headers=dict(headers), allow_redirects=False
            ) as reply:
                read = b""
                if reply.status == 400:  # nothing else is looked into
                    read = await reply.content.read(MOST_READ)
                asked = reply.headers.get("Retry-After", "")
                seconds = int(asked) if asked.isascii() and asked.isdigit() else 0
                return Answer(reply.status, read, retry_after=min(seconds, LONGEST_ASKED))
        except aiohttp.ClientConnectorCertificateError:
            return Answer(failure="its certificate is not valid")
        except TimeoutError:
            return Answer(failure="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(failure=_why(error))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, use_dns_cache=False, socket_factory=self._socket
                ),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _socket(self, info: "aiohttp.AddrInfoType") -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_reach(str(address[0]), loopback=self._loopback, named=self._named):
            raise OSError("not a public address")
        return socket.socket(family=family, type=kind, proto=protocol)


def _why(error: Exception) -> str:
    """Words for an operator; nothing of what the other side wrote."""
    import aiohttp

    chain: BaseException | None = error
    while chain is not None:
        if "not a public address" in str(chain):
            return "its name leads to an address that is not public"
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    return "it broke off"
