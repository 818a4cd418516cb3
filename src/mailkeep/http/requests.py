"""Around every request: its id, its count, and one line in the log when it failed.

Security: the log has the route as the code writes it, never the path or the query that was asked
for: those are a stranger's, and may hold what was meant for somebody else.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

NO_ROUTE = "none"
Seen = Callable[[str, str, int], None]


class Requests:
    """An ASGI application around another.

    Args:
        seen: called with route, method and status of each answered request.
    """

    def __init__(self, app: ASGIApp, seen: Seen) -> None:
        self._app = app
        self._seen = seen
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        # Never the caller's own: it would be a way to write into the log.
        request = f"{self._prefix}-{next(self._numbers)}"
        started = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request.encode()),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request):
            try:
                await self._app(scope, receive, answer)
            finally:
                if status:  # else whoever asked went away
                    self._note(dict(scope), status, time.perf_counter() - started)

    def _note(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        route = str(scope.get("path_template") or NO_ROUTE)
        self._seen(route, scope["method"], status)
        if status < 400:
            return
        state = scope.get("state") or {}
        fault = state.get("fault")
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
            exc_info=fault,
        )
