"""Clocks and instants. Time is always passed in; an instant is an ``int`` of microseconds since the
Unix epoch, UTC."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
JUMP = MINUTE  #: ahead of what has passed; clocks that are kept right are never off by so much
LASTED = 5 * SECOND

Instant = int  #: microseconds since 1970-01-01T00:00:00Z


class Clock(Protocol):
    """What tells the time. Services take one; pure modules take an ``Instant``."""

    def now(self) -> Instant: ...


def _since_boot() -> int:
    """Nanoseconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boot is None else time.clock_gettime_ns(boot)


class SystemClock:
    """The machine's clock, which within one process never steps back and never stands still,
    whichever of its threads asks.

    A clock set back would bring expired codes to life again: it then goes at half its speed until
    the machine's has caught up. One that jumps ahead would let waiting mail expire: a jump counts
    once it has lasted for a while, so that a single wrong reading does not.

    Args:
        wall, steady: nanoseconds of the machine's clock, and of one that nobody sets.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = _since_boot
    ) -> None:
        self._wall, self._steady = wall, steady
        self._last, self._read = wall() // 1000, steady() // 1000
        self._jumped: int | None = None  # when, by the steady one, a jump was seen first
        self._one_asks = threading.Lock()

    def now(self) -> Instant:
        with self._one_asks:
            return self._now()

    def _now(self) -> Instant:
        wall, read = self._wall() // 1000, self._steady() // 1000
        passed, self._read = read - self._read, read
        jumped, self._jumped = self._jumped, None
        if wall < self._last:
            self._last += passed // 2
            self._read -= passed % 2  # or nothing would pass for who asks each microsecond
        elif wall - self._last - passed <= JUMP or (jumped is not None and read - jumped >= LASTED):
            self._last = wall
        else:
            self._jumped = read if jumped is None else jumped
            self._last += passed
        return self._last

    def ahead(self) -> float:
        """Seconds by which it is ahead of the machine's clock, after that was set back."""
        return max(0, self.now() - self._wall() // 1000) / SECOND


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
