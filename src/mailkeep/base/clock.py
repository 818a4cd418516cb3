"""Clocks and instants. Time is always passed in; an instant is an ``int`` of microseconds since the
Unix epoch, UTC."""

import time
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Instant = int  #: microseconds since 1970-01-01T00:00:00Z


class Clock(Protocol):
    """What tells the time. Services take one; pure modules take an ``Instant``."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock, never stepping back within one process.

    A clock set back would bring expired codes to life again; time then stands still until the
    machine's clock has caught up.
    """

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> Instant:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last


class ManualClock:
    """A clock that a test or a replay moves by hand."""

    def __init__(self, start: Instant = 1_700_000_000 * SECOND) -> None:
        self._now = start

    def now(self) -> Instant:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``; time never runs backwards."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._now += round(seconds * SECOND)


def iso(at: Instant) -> str:
    """RFC 3339 text of an instant, to the millisecond."""
    seconds, micros = divmod(at, SECOND)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{stamp}.{micros // 1000:03d}Z"


def readable(at: Instant) -> str:
    """An instant as people read it, in UTC: ``2026-12-31 23:59:59 UTC``. Programs get ``iso``."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(at // SECOND))} UTC"


def readable_of(text: str) -> str:
    """The same of what ``iso`` wrote."""
    return f"{text[:10]} {text[11:19]} UTC"


def when(at: Instant | None) -> str | None:
    """``iso`` of an instant; None for None, of what has not happened."""
    return None if at is None else iso(at)
