"""A few threads with a short queue, whose places nobody takes from everybody else.

Security: anyone may have us do slow work. If the queue were only bounded, whoever fills it from one
network would have every sign-in turned away, and with it who comes to finish a recovery. So when
all places are taken the newest goes of those of whom the most wait, if they are more than of the
one who comes.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from mailkeep.base.errors import Unavailable

T = TypeVar("T")
Args = TypeVarTuple("Args")

WAITING = 48  #: callers that wait for a thread, beside those at work


class Threads:
    """A few threads with a short queue.

    Args:
        name: of the threads.
        threads: how many.
        waiting: how many callers may wait.
    """

    def __init__(self, name: str, threads: int, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads + waiting
        # Whose each is, and whether it goes before strangers; the newest comes last.
        self._waiting: dict[Future[Any], tuple[str, bool]] = {}
        self._gone: set[Future[Any]] = set()  # had to make room, and were not told yet
        # A future that is cancelled calls back at once, in the thread that holds it already.
        self._lock = threading.RLock()

    async def run(
        self, of: str, work: Callable[[*Args], T], *args: *Args, proved: bool = False
    ) -> T:
        """Call ``work`` in a thread.

        Args:
            of: for whom, such as the network that asks: they share the places fairly. "": for
                ourselves, who make room for nobody; never for what a visitor can ask for.
            proved: they have shown something already, such as both proofs. One that waits for
                each finds room before all strangers, and makes room for nobody; anybody can open an
                account and be signed in, so what more waits for the same is a stranger's.

        Raises:
            Unavailable: too many wait already.
        """
        with self._lock:
            firm = proved and (of, True) not in self._waiting.values()
            if self._free == 0 and not self._make_room("" if firm else of):
                raise _busy()
            self._free -= 1
            future: Future[T] = Future()
            self._waiting[future] = (of, firm)
        # Not when the caller goes away: the thread is taken until the work is done.
        future.add_done_callback(self._leave)
        self._pool.submit(self._call, future, partial(work, *args))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            with self._lock:
                made_room = future in self._gone
                self._gone.discard(future)
            task = asyncio.current_task()
            if made_room and not (task is not None and task.cancelling()):
                raise _busy() from None
            raise

    def close(self) -> None:
        """Drop what waits, and wait for what is at work: a hash takes a tenth of a second."""
        with self._lock:
            for future in list(self._waiting):
                future.cancel()
        self._pool.shutdown(cancel_futures=True)

    def _call(self, future: Future[T], work: Callable[[], T]) -> None:
        with self._lock:
            self._waiting.pop(future, None)
            if not future.set_running_or_notify_cancel():
                return
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    def _make_room(self, of: str) -> bool:
        """Send the newest away of those of whom the most wait; False when nobody is to go."""
        counts = Counter(one for one, firm in self._waiting.values() if one and not firm)
        most = max(counts, key=lambda one: counts[one], default="")
        if counts[most] <= counts[of] + (of != ""):
            return False
        whose = reversed(self._waiting.items())
        newest = next(one for one, which in whose if which == (most, False))
        self._gone.add(newest)
        return newest.cancel()

    def _leave(self, future: Future[Any]) -> None:
        with self._lock:
            self._waiting.pop(future, None)
            self._free += 1


def _busy() -> Unavailable:
    return Unavailable("too busy just now; try again in a moment")
