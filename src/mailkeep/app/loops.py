"""What keeps a loop of the app going: it never ends by an error, and never spins."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from mailkeep.base.errors import Unavailable

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0  #: after an error


async def keep(
    name: str,
    step: Callable[[], Awaitable[object]],
    seconds: float,
    awake: asyncio.Event | None = None,
) -> None:
    """Call ``step`` until cancelled.

    Args:
        step: returns something true when there is more to do at once.
        seconds: how long to wait otherwise.
        awake: ends the wait early.
    """
    while True:
        if awake is not None:
            awake.clear()
        wait = seconds
        try:
            if await step():
                continue
        except Unavailable as error:
            log.warning("loop.unavailable", loop=name, error=str(error))
        except Exception as error:
            # A loop that ends in silence is a protection that silently is not there.
            log.exception("loop.failed", loop=name, error=type(error).__name__)
            wait = max(wait, PAUSE_SECONDS)
        if awake is None:
            await asyncio.sleep(wait)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(awake.wait(), wait)
