"""Row: Postfix by its own load generator, as a check on ours."""

import asyncio
import time

from mailkeep_bench import procfs, wire
from mailkeep_bench.arithmetic import micros_each, per_second
from mailkeep_bench.bench import SETTLE, STALLED, Bench
from mailkeep_bench.children import Broken, output
from mailkeep_bench.postfix import Postfix
from mailkeep_bench.results import Row

SYSTEM = "smtp-source"


async def smtp_source(bench: Bench, row: Row) -> None:
    """``smtp-source -d`` with as many sessions as our load keeps."""
    async with bench.postfix(row.name) as postfix:
        if postfix is None:
            row.absent = "Postfix is not measured"
            return
        for number in range(bench.options.rounds):
            bench.say(f"{row.name}: round {number + 1}")
            await _round(bench, row, postfix)


async def _round(bench: Bench, row: Row, postfix: Postfix) -> None:
    count, round_ = bench.options.messages, bench.round()
    before, began = procfs.cpu(postfix.pid), time.monotonic()
    await output(
        *("smtp-source", "-d", "-s", str(bench.options.sessions), "-m", str(count)),
        *("-l", str(wire.SIZE), "-f", wire.SENDER, "-t", wire.recipient(0, round_)),
        f"127.0.0.1:{postfix.port}",
    )
    seconds, moved, last = time.monotonic() - began, time.monotonic(), -1
    while True:  # all to one recipient: only their number tells
        counted = await bench.sink.call("count", round=round_)
        if counted["all"] >= count:
            break
        if counted["all"] != last:
            last, moved = counted["all"], time.monotonic()
        if time.monotonic() - moved > STALLED:
            raise Broken(f"{count - last} messages never came")
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE)
    counted = await bench.sink.call("count", round=round_)
    if counted["all"] != count:
        raise Broken(f"{counted['all']} messages came where {count} were sent")
    row.counted += count
    row.add(SYSTEM, "rate", "/s", per_second(count, seconds))
    row.add(SYSTEM, "cpu", "µs", micros_each(procfs.cpu(postfix.pid) - before, count))
    row.add(SYSTEM, "through", "/s", per_second(count, counted["last"] - began))
