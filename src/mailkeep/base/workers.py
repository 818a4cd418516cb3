"""Threads for one kind of work, apart from everybody else's.

Security: the loop's own threads are shared by all that asks for one. Whoever had them parse
something dear, and hung up, took one at each try: the caller was cancelled and its lock free, while
the thread went on. So a caller here stays until its work is done, also when it is cancelled: its
lock is held, and what it has in memory counted, as long as the thread is busy.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Workers:
    """A few threads, which begin when they are first needed.

    Args:
        name: of the threads.
        most: how many.
    """

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[[*Args], T], *args: *Args) -> T:
        """Call ``work`` in a thread; it must not take long. A caller who is cancelled meanwhile is
        cancelled when it is done."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            future.exception()  # nobody is left to hear of it
            raise cancelled
        return future.result()


#: Reads mail of strangers: reports, bounces, canaries, notices. Each of their doors has one of its
#: mails looked at at a time.
STRANGERS = Workers("strangers", 4)
