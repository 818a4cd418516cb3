"""Loops run as the application runs them, until something is seen of how they go."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from mailkeep.app.loops import Pulse, keep
from mailkeep.base.loops import Keeper

NAME = "kind"  #: by which they are counted


def keeper(pulse: Pulse | None = None) -> Keeper:
    """What a room is handed."""
    return partial(keep, NAME, pulse=Pulse() if pulse is None else pulse)


async def until(loops: Iterable[Coroutine[Any, Any, None]], so: Callable[[], bool]) -> None:
    """Run loops until something is so, and end them."""
    tasks = [asyncio.create_task(one) for one in loops]
    try:
        async with asyncio.timeout(20):
            while True:
                if so():
                    return
                await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
