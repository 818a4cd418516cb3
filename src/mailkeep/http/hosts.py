"""Rejects requests whose ``Host`` is not one of ours, before anything else reads them.

In development this protects the mailbox from DNS rebinding: a foreign page that points a name of
its own at loopback could otherwise read it.
"""

from collections.abc import Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from . import problems

_REFUSED = problems.Problem(
    "about:blank", "Bad Request", 400, "this name is not answered here: see the address it printed"
)


class Hosts:
    """An ASGI application before another.

    Args:
        names: the ``Host`` headers (with port) that are answered.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower().encode() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            asked = [value.lower() for name, value in scope["headers"] if name == b"host"]
            if len(asked) != 1 or asked[0] not in self._names:
                await problems.send(problems.respond(_REFUSED), send)
                return
        await self._app(scope, receive, send)
