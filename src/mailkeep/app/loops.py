"""Supervises a background loop: an error neither ends it nor makes it spin."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from mailkeep.base.errors import Unavailable
from mailkeep.base.loops import Loop, OutsideFault, Seconds

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


class Keep(Protocol):
    """``keep`` of one process, which notes how its steps go."""

    def __call__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        seconds: Seconds,
        awake: asyncio.Event | None = None,
        *,
        gather: float = 0.0,
        of: str = "",
        again: tuple[float, float] | None = None,
    ) -> Loop: ...


async def keep(
    name: str,
    step: Callable[[], Awaitable[object]],
    seconds: Seconds,
    awake: asyncio.Event | None = None,
    *,
    pulse: Pulse,
    gather: float = 0.0,
    of: str = "",
    again: tuple[float, float] | None = None,
) -> None:
    """Call ``step`` until cancelled.

    Args:
        step: returns something true when there is more to do at once.
        seconds: how long to wait otherwise.
        awake: ends the wait early.
        pulse: where it is noted how the steps went.
        gather: seconds for which more may come together, once there is nothing more to do at once.
        of: which one of those that share a name: the log has it, the metrics have not.
        again: the first and the longest wait after a failure, which doubles; None: the usual one.
    """
    which = {"loop": name, "of": of} if of else {"loop": name}
    later = None if again is None else again[0]
    while True:
        if awake is not None:
            awake.clear()
        wait = seconds() if callable(seconds) else seconds
        try:
            more = await step()
            pulse.beat(name)
            later = None if again is None else again[0]
            if more:
                continue
        except Exception as error:
            wait = _failed(error, which, pulse, wait)
            if later is not None and again is not None:
                wait, later = later, min(later * 2, again[1])
        if awake is None:
            await asyncio.sleep(wait)
            continue
        await asyncio.sleep(gather)
        # Not ``wait_for``: before Python 3.12 it swallows a cancellation that comes together with
        # what it waits for, and a loop that missed its end holds up the end of the process.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await awake.wait()


def begin(loops: Mapping[str, Loop]) -> dict[str, asyncio.Task[None]]:
    """Start loops, by name; one that ends before it is cancelled is logged."""
    tasks = {name: asyncio.create_task(one, name=name) for name, one in loops.items()}
    for task in tasks.values():
        task.add_done_callback(_ended)
    return tasks


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        log.error("loop.ended", loop=task.get_name(), exc_info=task.exception())


def _failed(error: Exception, which: dict[str, str], pulse: Pulse, wait: float) -> float:
    """Note that a step failed, while it is handled; returns how long to wait at least."""
    if isinstance(error, Unavailable):
        pulse.failures[which["loop"], "unavailable"] += 1
        log.warning("loop.unavailable", **which, error=str(error))
        return wait
    if isinstance(error, OutsideFault):
        pulse.failures[which["loop"], "outside"] += 1
    else:
        # A loop that ends silently is a protection that is silently missing.
        pulse.failures[which["loop"], "fault"] += 1
        log.exception("loop.failed", **which, error=type(error).__name__)
    return max(wait, PAUSE_SECONDS)
