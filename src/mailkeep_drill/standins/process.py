"""The life of a process of the drill: a ready line, and an end that leaves no orphans."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable
from typing import Protocol


class Runs(Protocol):
    """Something that listens."""

    async def start(self) -> dict[str, object]:
        """Begin; returns what the ready line says."""
        ...

    async def stop(self) -> None:
        """End."""
        ...


def run(make: Callable[[], Runs], *, exit_with_stdin: bool) -> None:
    """Start, print one line of JSON, and serve until SIGTERM, SIGINT or the end of stdin.

    Args:
        make: called within the event loop.
        exit_with_stdin: end when standard input does: a parent that dies, however it dies, closes
            its end of the pipe.
    """
    asyncio.run(_run(make, exit_with_stdin))


async def _run(make: Callable[[], Runs], exit_with_stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    service = make()
    shown = await service.start()
    if exit_with_stdin:
        threading.Thread(target=_watch, args=(loop, done), daemon=True).start()
    print(json.dumps({"ready": True, **shown, "pid": os.getpid()}), flush=True)
    await done.wait()
    await service.stop()


def _watch(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    # By descriptor: a thread that waits inside sys.stdin would hold its lock when Python ends.
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(done.set)
