"""The port by which a room has background loops of its own supervised.

Who supervises them stands above all rooms: it logs what fails, counts it, and goes on.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

Loop = Coroutine[Any, Any, None]  #: runs until it is cancelled
Seconds = float | Callable[[], float]  #: asked anew for each wait


class OutsideFault(Exception):
    """A step failed for what others do or do not, and has said so in the log: it is counted apart,
    and not said once more."""


class Keeper(Protocol):
    """Supervises the loops of one kind."""

    def __call__(
        self,
        step: Callable[[], Awaitable[object]],
        seconds: Seconds,
        *,
        of: str = "",
        again: tuple[float, float] | None = None,
    ) -> Loop:
        """Call ``step`` until cancelled.

        Args:
            step: returns something true when there is more to do at once.
            seconds: how long to wait otherwise.
            of: which one of its kind, for the log.
            again: the first and the longest wait after a failure, which doubles.
        """
        ...
