"""PostgreSQL connections that notice within seconds when the server has vanished.

By default the driver waits a minute for a connection, and connections to a machine that disappeared
stay open for as long as TCP likes: a quarter of an hour.
"""

import socket
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

PROBES = 3  #: unanswered ones after which a silent machine counts as gone


def engine(url: URL, patience: Callable[[], float]) -> AsyncEngine:
    """An engine on the server that ``url`` names.

    Args:
        patience: tells the seconds for a connection to be made, and for the other side's TCP to
            answer on one that is open. A statement may take as long as it takes.
    """
    made = create_async_engine(
        url,
        pool_size=10,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    def connecting(_dialect: Any, _record: Any, _args: Any, named: dict[str, Any]) -> None:
        named["timeout"] = patience()

    def connected(connection: Any, _record: Any) -> None:
        _bound(connection.driver_connection, patience())

    event.listen(made.sync_engine, "do_connect", connecting)
    event.listen(made.sync_engine, "connect", connected)
    return made


def _bound(connection: Any, patience: float) -> None:
    """Have the operating system close a connection whose other side is silent."""
    own = connection._transport.get_extra_info("socket")  # the driver has no public way to it
    if own is None or own.family not in (socket.AF_INET, socket.AF_INET6):
        return
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = max(1, round(patience / PROBES))
    for name, value in (
        ("TCP_KEEPIDLE", seconds),
        ("TCP_KEEPINTVL", seconds),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", round(patience * 1000)),  # RFC 5482: what is sent is not acknowledged
    ):
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            own.setsockopt(socket.IPPROTO_TCP, option, value)
