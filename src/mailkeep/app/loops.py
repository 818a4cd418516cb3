"""Supervises a background loop: an error neither ends it nor makes it spin."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import structlog

from mailkeep.base.errors import Unavailable

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0  #: after an error


class Pulse:
    """The health of a process's loops.

    Attributes:
        failures: steps that failed, by loop and ``unavailable`` (the database) or ``fault``.
        well: by loop, when a step last went well: on the clock that never steps, and on the wall's.
    """

    def __init__(self) -> None:
        self.failures: Counter[tuple[str, str]] = Counter()
        self.well: dict[str, tuple[float, float]] = {}

    def beat(self, loop: str) -> None:
        """A step went well."""
        self.well[loop] = (time.monotonic(), time.time())

    def silent_for(self, loop: str) -> float:
        """Seconds since a step succeeded; infinite before the first."""
        seen = self.well.get(loop)
        return float("inf") if seen is None else time.monotonic() - seen[0]


Loop = Coroutine[Any, Any, None]  #: runs until it is cancelled


class Keep(Protocol):
    """``keep`` of one process, which notes how its steps go."""

    def __call__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        seconds: float,
        awake: asyncio.Event | None = None,
        *,
        gather: float = 0.0,
    ) -> Loop: ...


async def keep(
    name: str,
    step: Callable[[], Awaitable[object]],
    seconds: float,
    awake: asyncio.Event | None = None,
    *,
    pulse: Pulse,
    gather: float = 0.0,
) -> None:
    """Call ``step`` until cancelled.

    Args:
        step: returns something true when there is more to do at once.
        seconds: how long to wait otherwise.
        awake: ends the wait early.
        pulse: where it is noted how the steps went.
        gather: seconds for which more may come together, once there is nothing more to do at once.
    """
    while True:
        if awake is not None:
            awake.clear()
        wait = seconds
        try:
            more = await step()
            pulse.beat(name)
            if more:
                continue
        except Unavailable as error:
            pulse.failures[name, "unavailable"] += 1
            log.warning("loop.unavailable", loop=name, error=str(error))
        except Exception as error:
            pulse.failures[name, "fault"] += 1
            # A loop that ends silently is a protection that is silently missing.
            log.exception("loop.failed", loop=name, error=type(error).__name__)
            wait = max(wait, PAUSE_SECONDS)
        if awake is None:
            await asyncio.sleep(wait)
            continue
        await asyncio.sleep(gather)
        # Not ``wait_for``: before Python 3.12 it swallows a cancellation that comes together with
        # what it waits for, and a loop that missed its end holds up the end of the process.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await awake.wait()
