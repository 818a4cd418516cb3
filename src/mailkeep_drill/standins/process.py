"""The life of a process of the drill: a ready line, and an end that leaves no orphans."""

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from typing import Protocol

PATIENCE_SECONDS = 5.0  #: for an end in good order, once the parent is gone


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
    if exit_with_stdin:  # from now on: a parent can die while this starts
        end_with_stdin(lambda: loop.call_soon_threadsafe(done.set))
    service = make()
    shown = await service.start()
    print(json.dumps({"ready": True, **shown, "pid": os.getpid()}), flush=True)
    await done.wait()
    await service.stop()


def end_with_stdin(end: Callable[[], object]) -> None:
    """Call ``end``, in a thread, when standard input ends; and end the process by force when that
    does not do it: nobody is left who would."""
    threading.Thread(target=_watch, args=(end,), daemon=True).start()


def _watch(end: Callable[[], object]) -> None:
    # By descriptor: a thread that waits inside sys.stdin would hold its lock when Python ends.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    force = threading.Timer(PATIENCE_SECONDS, os._exit, (1,))
    force.daemon = True  # it holds up no end in good order
    force.start()
    with contextlib.suppress(RuntimeError):  # the loop is closed: it is ending
        end()
