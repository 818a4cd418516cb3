"""The HTTP client for providers' APIs: one request at a time on kept-alive connections.

Security: a redirect is a response like any other and is not followed, since the request holds the
key; certificates are checked against the system's own list; no proxy is taken from the environment.
"""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohappyeyeballs

from mailkeep.providers.types import HttpRequest, Reply, TransportFailure

from .failures import CONNECT_SECONDS, TOTAL_SECONDS, ours
from .http_line import HttpLine
from .leases import LeaseLost

IDLE_SECONDS = 15.0  #: servers close what is idle for longer
STAGGER_SECONDS = 0.25  #: after which the next address is tried beside the last (RFC 8305)

_DEFAULTS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Mailkeep"}
_NO_FIELD = re.compile(r"[\r\n\0]")


class Where(NamedTuple):
    """What a connection leads to."""

    tls: bool
    host: str
    port: int


class _Kept(NamedTuple):
    line: HttpLine
    until: float


class HttpConnections:
    """Connections to providers. How many there are is the callers' affair: a lane's own bound
    holds, and no lane waits for another's connection."""

    def __init__(self) -> None:
        self._idle: dict[Where, deque[_Kept]] = {}

    async def carry(self, request: HttpRequest, may: Callable[[], bool]) -> Reply:
        """Send a request; never raises for what the network or the other side does.

        Raises:
            LeaseLost: ``may`` said no when the connection stood; nothing was sent.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + TOTAL_SECONDS
        where, target, host = _read(request.url)
        head = written(request.method, target, host, request.headers, len(request.body))
        line = self._take(where, loop.time()) or await self._connect(where, until)
        if not isinstance(line, HttpLine):
            return line
        if not may():
            self._keep(where, line)
            raise LeaseLost
        try:
            reply = await line.carry(head, request.body, until)
        except TimeoutError:
            return TransportFailure("timeout_after_send")
        except OSError:
            return TransportFailure("reset_after_send")
        self._keep(where, line)
        return reply

    def _keep(self, where: Where, line: HttpLine) -> None:
        """Keep a connection for the next request, if it can carry one."""
        if line.idle:
            kept = _Kept(line, asyncio.get_running_loop().time() + IDLE_SECONDS)
            self._idle.setdefault(where, deque()).append(kept)
        else:
            line.close()

    def _take(self, where: Where, now: float) -> HttpLine | None:
        """The connection that was used last: the others grow old and are closed."""
        idle = self._idle.get(where)
        while idle:
            kept = idle.pop()
            if kept.until > now and kept.line.idle:
                while idle and idle[0].until <= now:
                    idle.popleft().line.close()
                return kept.line
            kept.line.close()
        return None

    async def _connect(self, where: Where, until: float) -> HttpLine | TransportFailure:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
                connected = await aiohappyeyeballs.start_connection(
                    found, happy_eyeballs_delay=STAGGER_SECONDS, interleave=1
                )
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout_at(until):
                _, line = await loop.create_connection(
                    HttpLine,
                    sock=connected,
                    ssl=self._trust if where.tls else None,
                    server_hostname=where.host if where.tls else None,
                )
            return line
        except ssl.SSLError:
            return TransportFailure("tls")
        except TimeoutError:
            return TransportFailure("timeout_before_send")
        except OSError as error:
            return TransportFailure("local" if ours(error) else "connect")

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def close(self) -> None:
        """Close what is kept."""
        for idle in self._idle.values():
            for kept in idle:
                kept.line.close()
        self._idle.clear()


@lru_cache(maxsize=256)  # what asks after one message has a URL of its own
def _read(url: str) -> tuple[Where, str, str]:
    """(where to connect, what to ask for there, under which name)."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    host = parts.hostname or ""
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    return Where(tls, host, parts.port or (443 if tls else 80)), target, parts.netloc


def written(method: str, target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a request (RFC 9112 section 3; pure).

    Raises:
        ValueError: a field would end its line, and begin another.
    """
    given = {name.lower() for name in headers}
    fields = [f"{name}: {value}" for name, value in headers.items()]
    fields += [f"{name}: {one}" for name, one in _DEFAULTS.items() if name.lower() not in given]
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, f"Content-Length: {length}"]
    if any(map(_NO_FIELD.search, lines)):
        raise ValueError("a field of a request has a line end in it")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
