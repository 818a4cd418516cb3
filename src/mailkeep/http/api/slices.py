"""Works through many things of one request without keeping the loop from others.

Security: what one of them takes is not told by its octets: a domain in another script is a
millisecond, and a batch may hold hundreds, while somebody's recovery waits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.005  #: seconds of work after which others have their turn


async def sliced(many: Iterable[T]) -> AsyncIterator[T]:
    """Each of many, in order; between two of them others are served once a slice is used up."""
    ends = time.perf_counter() + SLICE
    for one in many:
        yield one
        if time.perf_counter() >= ends:
            await asyncio.sleep(0)
            ends = time.perf_counter() + SLICE
