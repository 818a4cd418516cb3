"""A fast path, around the framework, to the one handler by which every message comes in.

The framework's own path to a handler (router, dependencies, response) takes as long as all that
this handler does, and it needs none of it. The handler stays registered with the framework, which
holds its limits and describes it; errors become responses by the same functions as everywhere.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from mailkeep.base.errors import MailkeepError

from . import problems
from .port import Incoming, Services

Handler = Callable[[Incoming, Services], Awaitable[Response[bytes]]]


class ShortWay:
    """An ASGI application before another.

    Args:
        app: the framework's, where the handler is registered.
        rest: takes what does not go this way.
        path: of the handler; its method is POST.
    """

    def __init__(
        self,
        app: Litestar,
        rest: ASGIApp,
        path: str,
        handler: Handler,
        running: Services,
    ) -> None:
        self._rest = rest
        self._path = path
        self._handler = handler
        self._running = running
        self._registered = app.route_handler_method_map[path]["POST"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != self._path or cast(HTTPScope, scope)["method"] != "POST":
            await self._rest(scope, receive, send)
            return
        scope["route_handler"] = self._registered
        scope["path_template"] = self._path
        request: Incoming = Request(scope, receive, send)
        await problems.send(await self._answer(request), send)

    async def _answer(self, request: Incoming) -> Response[bytes]:
        try:
            return await self._handler(request, self._running)
        except MailkeepError as error:
            return problems.on_our_error(request, error)
        except HTTPException as error:
            return problems.on_http_error(request, error)
        except Exception as error:
            return problems.on_fault(request, error)
