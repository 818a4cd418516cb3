"""Row: the disk's sync rate, the floor under everything durable."""

import asyncio
import os
import time
from pathlib import Path

from mailkeep_bench.arithmetic import median, per_second, percentile
from mailkeep_bench.bench import Bench
from mailkeep_bench.results import Row
from mailkeep_bench.wire import SIZE

SECONDS = 2.0


async def disk(bench: Bench, row: Row) -> None:
    """Append a message's size to a file and have it on the disk, one after the other."""
    for number in range(bench.options.rounds):
        bench.say(f"{row.name}: round {number + 1}")
        times = await asyncio.to_thread(_syncs, bench.directory / "disk")
        row.add("disk", "rate", "/s", per_second(len(times), sum(times)))
        row.add("disk", "median", "ms", median(times) * 1e3)
        row.add("disk", "p99", "ms", percentile(times, 0.99) * 1e3)
    row.notes.append(f"{SIZE} bytes appended and synced (fdatasync) at a time, by one thread.")


def _syncs(path: Path) -> list[float]:
    """How long each of them took, in seconds."""
    block, times = os.urandom(SIZE), []
    until = time.monotonic() + SECONDS
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        while (began := time.monotonic()) < until:
            os.write(handle, block)
            os.fdatasync(handle)
            times.append(time.monotonic() - began)
    finally:
        os.close(handle)
        path.unlink()
    return times
