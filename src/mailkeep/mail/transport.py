"""Sends a built request over the network and returns the result; a failure says whether it came
before or after the request may have arrived.

Security: the only place of the mail room that opens sockets.
"""

from collections.abc import Callable

from mailkeep.providers.types import Reply, Request, SmtpRequest

from .http_client import HttpConnections
from .smtp_client import SmtpConnections


class Transport:
    """Connections to all providers. They are bounded by the lanes that send, each for itself: in a
    bound for all of them, bulk mail that hangs would take recovery's places."""

    def __init__(self) -> None:
        self._smtp = SmtpConnections()
        self._http = HttpConnections()

    async def carry(self, request: Request, may: Callable[[], bool] = lambda: True) -> Reply:
        """Send it; never raises for what the network or the other side does.

        Args:
            may: asked when a connection stands, right before the request goes out.

        Raises:
            LeaseLost: it may not; nothing was sent.
        """
        if isinstance(request, SmtpRequest):
            return await self._smtp.carry(request, may)
        return await self._http.carry(request, may)

    def close(self) -> None:
        self._smtp.close()
        self._http.close()
