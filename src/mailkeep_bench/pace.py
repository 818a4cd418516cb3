"""Paces the load: as fast as the connections allow, or at a given rate."""

import asyncio
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Protocol

from .arithmetic import percentile

TICK = 0.002  #: seconds between two looks at the clock when there is a pace


class Connection(Protocol):
    """One connection; it carries one request at a time."""

    def send(self, first: int, count: int, /) -> None:
        """Send these messages now."""


class Load:
    """Hands numbers to idle connections, and writes down what became of them.

    Args:
        messages: how many.
        batch: how many to a request.
        seconds: no request begins after so long.
        rate: messages a second; 0.0 is as fast as it goes.
        timed: keep when each message was sent, for latencies across processes.
    """

    def __init__(
        self, messages: int, batch: int, seconds: float, rate: float = 0.0, timed: bool = False
    ) -> None:
        self._messages = messages
        self._batch = batch
        self._seconds = seconds
        self._rate = rate
        self._next = 0
        self._idle: deque[Connection] = deque()
        self._done = asyncio.Event()
        self._under_way = 0
        self.began = self._ended = 0.0
        self._times = array("d")
        self._sent: list[float] | None = [] if timed else None
        self._failed: Counter[str] = Counter()
        self._unsure: list[tuple[int, int]] = []
        self.acknowledged = 0

    @property
    def over(self) -> bool:
        """Whether everything has been sent."""
        return self._next >= self._messages

    def free(self, connection: Connection) -> None:
        """A connection can carry something."""
        if self.began and not self._rate:
            self._hand(connection)
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is gone; nothing more is given to it."""
        if connection in self._idle:
            self._idle.remove(connection)

    def result(self, first: int, count: int, sent: float, failure: str = "") -> None:
        """A request was answered, or will never be."""
        now = time.monotonic()
        self._under_way -= 1
        if failure:
            self._failed[failure] += count
            self._unsure.append((first, count))
        else:
            self.acknowledged += count
            self._times.append(now - sent)
            self._ended = now
        self._look()

    def _hand(self, connection: Connection) -> None:
        if self.over or time.monotonic() - self.began > self._seconds:
            self._messages = min(self._messages, self._next)
            self._look()
            return
        count = min(self._batch, self._messages - self._next)
        first, self._next = self._next, self._next + count
        self._under_way += 1
        if self._sent is not None:
            self._sent.append(time.monotonic())
        connection.send(first, count)

    def _look(self) -> None:
        if not self._under_way and self.over:
            self._done.set()

    async def run(self, patience: Callable[[], bool] = lambda: True) -> dict[str, Any]:
        """Send everything, and say what came of it.

        Args:
            patience: asked now and then; False means that no connection stands any more.
        """
        self.began = self._ended = time.monotonic()
        if self._rate:
            await self._paced()
        else:
            for connection in list(self._idle):
                self._idle.remove(connection)
                self._hand(connection)
        while not self._done.is_set():
            try:
                await asyncio.wait_for(self._done.wait(), 1.0)
            except TimeoutError:
                self._look()
                if not patience():
                    break
        times = list(self._times)
        return {
            "sent": self._next,
            "acknowledged": self.acknowledged,
            "unsure": self._unsure,
            "failed": dict(self._failed),
            "began": self.began,
            "seconds": self._ended - self.began,
            "median": percentile(times, 0.5) if times else 0.0,
            "p99": percentile(times, 0.99) if times else 0.0,
            "times": self._sent or [],
        }

    async def _paced(self) -> None:
        while not self.over:
            elapsed = time.monotonic() - self.began
            if elapsed > self._seconds:
                self._messages = self._next
                break
            while not self.over and self._idle and self._next <= elapsed * self._rate:
                self._hand(self._idle.popleft())
            await asyncio.sleep(TICK)
        self._look()
