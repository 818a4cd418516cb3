"""Middleware around every request: its id, metrics, security headers, and a log line when it fails.

Whoever answers, a page, the framework or a layer before it, the response carries the headers that
protect browsers; it keeps those that it has set itself. What nobody answered is answered here.

Security: the log has the route as the code writes it, never the requested path or query: those are
a stranger's, and may hold somebody else's secret.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Mapping

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from mailkeep.base.floods import Flood

from . import problems

log = structlog.get_logger(__name__)

NO_ROUTE = "none"
NO_HEADERS: Mapping[str, str] = {}
#: Lines of one route and status at once: what an application does wrong now and then is all there,
#: and who knocks at a door without end gets one a second.
BURST = 20
Seen = Callable[[str, str, int], None]

_ENDS = "at_end"  #: in a request's state: what is to be called when it is over


def at_end(scope: HTTPScope, call: Callable[[], None]) -> None:
    """Have something called when a request is over, however it ends."""
    scope.setdefault("state", {}).setdefault(_ENDS, []).append(call)


async def _fault(send: Send) -> None:
    """Our own fault, where not even the framework could say so."""
    await problems.send(problems.respond(problems.INTERNAL), send)


class Requests:
    """An ASGI application around another.

    Args:
        seen: called with route, method and status of each answered request.
        headers: of every answer that has none of that name.
    """

    def __init__(self, app: ASGIApp, seen: Seen, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self._app = app
        self._seen = seen
        self._headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()
        ]
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._flood = Flood(BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        # Never the caller's own: it would be a way to write into the log.
        request = f"{self._prefix}-{next(self._numbers)}"
        started = time.perf_counter()
        status, gone = 0, False

        async def hear() -> ReceiveMessage:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if gone and not status:
                return  # who hangs up before the end is no fault of ours, and wakes nobody
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                given += [one for one in self._headers if one[0] not in names]
                message["headers"] = [*given, (b"x-request-id", request.encode())]
            await send(message)

        bound = structlog.contextvars.bind_contextvars(request=request)
        try:
            await self._app(scope, hear, answer)
        except Exception as error:
            if status:
                raise  # half an answer has left; the server ends the connection
            scope.setdefault("state", {})["fault"] = error
            await _fault(answer)
        finally:
            for end in (scope.get("state") or {}).get(_ENDS, ()):
                end()
            if status:  # else whoever asked went away
                self._note(scope, status, time.perf_counter() - started)
            structlog.contextvars.reset_contextvars(**bound)

    def _note(self, scope: HTTPScope, status: int, seconds: float) -> None:
        route = str(scope.get("path_template") or NO_ROUTE)
        self._seen(route, scope["method"], status)
        if status < 400:
            return
        state = scope.get("state") or {}
        fault = state.get("fault")
        times = 1
        if fault is None:  # our own faults are all said
            times = self._flood.times((route, status), time.monotonic())
            if not times:
                return
        write = log.error if status >= 500 and fault is not None else log.info
        if status >= 500 and fault is None:
            write = log.warning
        write(
            "request.failed",
            method=scope["method"],
            route=route,
            status=status,
            why=state.get("why"),
            seconds=round(seconds, 4),
            times=times,
            exc_info=fault,
        )
