"""A bounded, numbered list that readers can wait on (long polling)."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_WAIT = 60.0
"""Longest wait of one poll, in seconds."""


class Feed(Generic[T]):
    """Items numbered from 1; the oldest go when there are too many or they are too big.

    Args:
        limit: items kept.
        size: octets that an item takes; with it, `max_bytes` bounds the sum.
        max_bytes: octets kept.
        gone: called with what is given up.
    """

    def __init__(
        self,
        limit: int,
        *,
        size: Callable[[T], int] | None = None,
        max_bytes: int = 256 * 1024 * 1024,
        gone: Callable[[T], object] | None = None,
    ) -> None:
        self._items: deque[T] = deque()
        self._limit = limit
        self._size = size or (lambda _item: 0)
        self._max_bytes = max_bytes
        self._gone = gone or (lambda _item: None)
        self._bytes = 0
        self._first = 1
        self._news = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest item; 0 before the first."""
        return self._first + len(self._items) - 1

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: T) -> int:
        """Add an item, wake whoever waits, and return its number."""
        self._items.append(item)
        self._bytes += self._size(item)
        while len(self._items) > self._limit or (
            self._bytes > self._max_bytes and len(self._items) > 1
        ):
            oldest = self._items.popleft()
            self._bytes -= self._size(oldest)
            self._first += 1
            self._gone(oldest)
        self.notify()
        return self.last

    def notify(self) -> None:
        """Wake whoever waits, without a new item: an old one has changed."""
        self._news.set()
        self._news = asyncio.Event()

    def after(self, number: int, limit: int = 1000) -> list[tuple[int, T]]:
        """Items with a higher number, oldest first, at most `limit`."""
        skip = max(0, number - self._first + 1)
        return [
            (self._first + skip + i, item)
            for i, item in enumerate(islice(self._items, skip, skip + limit))
        ]

    async def wait(self, number: int, seconds: float, limit: int = 1000) -> list[tuple[int, T]]:
        """As `after`; when there is nothing yet, wait for it, at most `seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(seconds, 0.0), MAX_WAIT)
        while True:
            news = self._news
            found = self.after(number, limit)
            left = deadline - loop.time()
            if found or left <= 0:
                return found
            try:
                await asyncio.wait_for(news.wait(), left)
            except TimeoutError:
                return self.after(number, limit)

    def clear(self) -> None:
        """Forget the items; numbers go on."""
        gone = list(self._items)
        self._first += len(gone)
        self._items.clear()
        self._bytes = 0
        for item in gone:
            self._gone(item)
