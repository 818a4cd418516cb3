"""Rows: the delay of recovery mail while bulk mail waits, and while bulk's provider hangs.

From the moment at which the request is sent until the message is in the provider's hands: two
processes, one clock (CLOCK_MONOTONIC is the machine's).
"""

import asyncio
import time
from typing import Any

from mailkeep_bench.arithmetic import median, percentile
from mailkeep_bench.bench import Bench
from mailkeep_bench.children import Broken
from mailkeep_bench.mailkeep import Mailkeep, Stream, Wanted
from mailkeep_bench.results import Row

from .accept import BATCH
from .delivery import Queued

DEPTH = 100_000  #: that the goals are for
SAMPLES = 200  #: without which a 99th percentile says nothing
PACE = 15.0  #: recoveries a second
_HOW = {"connections": 8, "batch": BATCH}


async def depth(bench: Bench, row: Row) -> None:
    """While many bulk messages wait and are delivered as fast as they can be."""
    bulk = Stream("bulk", "postmark", int(bench.sink.ready["http"]), priority=9)
    async with bench.mailkeep(row.name, _wanted(bench, bulk)) as mailkeep:
        round_, found = await _wait_in_line(bench, row, mailkeep)
        await _measure(bench, row, mailkeep)
        done = (await bench.sink.call("count", round=round_))["unique"]
        left = found["acknowledged"] - done
        row.notes.append(
            f"{found['acknowledged']:,} bulk messages waited at the beginning, {left:,} at the end."
        )
        if not left:
            row.notes.append("Bulk ran out before the end: say a larger --depth.")
        await bench.drained(bench.sink, round_, found, f"{row.name}: bulk")
        row.counted += found["acknowledged"]


async def hang(bench: Bench, row: Row) -> None:
    """While every connection of bulk hangs: its provider accepts and never answers."""
    bulk = Stream("bulk", "postmark", int(bench.sink.ready["hang"]), priority=9)
    async with bench.mailkeep(row.name, _wanted(bench, bulk)) as mailkeep:
        _, found = await _wait_in_line(bench, row, mailkeep)
        hanging = 0
        for _ in range(150):
            hanging = (await bench.sink.call("hanging"))["waiting"]
            if hanging >= bench.options.concurrency:
                break
            await asyncio.sleep(0.1)
        if not hanging:
            raise Broken("no connection of bulk hung")
        await _measure(bench, row, mailkeep)
        row.notes.append(
            f"{found['acknowledged']:,} bulk messages waited, {hanging} connections hung. Bulk is "
            "never answered here, and so not counted."
        )
        await mailkeep.kill()  # it would wait for what hangs


def _wanted(bench: Bench, bulk: Stream) -> Wanted:
    sink = int(bench.other_sink.ready["http"])
    return Wanted((Stream("recovery", "postmark", sink, priority=0, secret=True), bulk))


async def _wait_in_line(bench: Bench, row: Row, mailkeep: Mailkeep) -> tuple[str, dict[str, Any]]:
    """Bulk that waits, all of it due."""
    if bench.options.depth < DEPTH:
        row.short = f"the goals are for {DEPTH:,} bulk messages that wait"
    elif bench.options.samples < SAMPLES:
        row.short = f"the goals are for {SAMPLES} recoveries at the least"
    bench.say(f"{row.name}: {bench.options.depth:,} bulk messages are queued")
    queued, round_ = Queued(bench, mailkeep, "bulk"), bench.round()
    await queued.gauge(**_HOW)
    found = await queued.fill(round_, bench.options.depth, **_HOW)
    bench.say(f"{row.name}: bulk falls due")
    await asyncio.sleep(max(0.0, queued.due - time.time()) + 0.5)
    return round_, found


async def _measure(bench: Bench, row: Row, mailkeep: Mailkeep) -> None:
    bench.say(f"{row.name}: recoveries")
    round_ = bench.round(timed=True)
    samples = bench.options.samples
    found = await bench.load(
        bench.http,
        port=mailkeep.port,
        key=mailkeep.key,
        stream="recovery",
        round=round_,
        messages=samples,
        connections=10,
        rate=PACE,
        timed=True,
        seconds=samples / PACE * 3 + 30.0,
    )
    await bench.drained(bench.other_sink, round_, found, f"{row.name}: recoveries")
    arrived = dict((await bench.other_sink.call("times", round=round_))["times"])
    sent = found["times"]
    took = [(at - sent[number]) * 1e3 for number, at in arrived.items()]
    row.counted += found["acknowledged"]
    row.add("mailkeep", "median", "ms", median(took))
    row.add("mailkeep", "p99", "ms", percentile(took, 0.99))
    row.add("mailkeep", "slowest", "ms", max(took))
    row.add("mailkeep", "answer median", "ms", found["median"] * 1e3)
    row.notes.append(f"{len(took)} recoveries at {PACE:g} a second.")
