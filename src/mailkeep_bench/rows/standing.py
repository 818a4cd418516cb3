"""Rows: time to readiness, and the memory that a queue costs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from mailkeep_bench import procfs
from mailkeep_bench.arithmetic import per_second
from mailkeep_bench.bench import Bench, warm
from mailkeep_bench.children import Broken
from mailkeep_bench.mailkeep import Mailkeep, Stream, Wanted
from mailkeep_bench.results import Row

from .accept import BATCH

QUEUED = 1_000_000  #: that the goals are for
_STEPS = (0.01, 0.1, 1.0)  #: shares of the queue at which memory is looked at


async def ready(bench: Bench, row: Row) -> None:
    """From the start of the process until it says that it is ready."""
    wanted = Wanted((Stream("mail", "smtp", int(bench.sink.ready["smtp"])),))
    async with bench.mailkeep(row.name, wanted) as mailkeep:
        round_ = bench.round()
        found = await bench.load(
            bench.http, port=mailkeep.port, key=mailkeep.key, stream="mail", round=round_, **warm()
        )
        await bench.drained(bench.sink, round_, found, row.name)
        row.counted += found["acknowledged"]
        for number in range(bench.options.rounds):
            bench.say(f"{row.name}: start {number + 1}")
            await mailkeep.stop()
            row.add("mailkeep", "ready", "s", await mailkeep.again())
            await mailkeep.kill()
            row.add("mailkeep", "ready after kill", "s", await mailkeep.again())


async def memory(bench: Bench, row: Row) -> None:
    """A deep queue: what it takes in memory and disk, and until it stands again after SIGKILL."""
    wanted = Wanted((Stream("mail", "smtp", int(bench.sink.ready["smtp"])),))
    if bench.options.queued < QUEUED:
        row.short = f"the goals are for {QUEUED:,} queued"
    async with bench.mailkeep(row.name, wanted) as mailkeep:
        row.add("mailkeep", "resident, empty", "MiB", procfs.resident(mailkeep.pid))
        queued, ids = 0, []
        for share in _STEPS:
            until = int(bench.options.queued * share)
            bench.say(f"{row.name}: {until:,} messages are queued")
            found = await _fill(bench, mailkeep, until - queued)
            queued += found["acknowledged"]
            ids += found["ids"]
            await asyncio.sleep(2.0)
            row.add("mailkeep", f"resident, {queued:,}", "MiB", procfs.resident(mailkeep.pid))
            rate = per_second(found["acknowledged"], found["seconds"])
            row.add("mailkeep", f"accepts up to {queued:,}", "/s", rate)
        row.add("mailkeep", "resident", "MiB", procfs.resident(mailkeep.pid))
        row.add("mailkeep", "disk", "MiB", mailkeep.disk())
        bench.say(f"{row.name}: killed, and started again")
        await mailkeep.kill()
        row.add("mailkeep", "ready after kill", "s", await mailkeep.again())
        await asyncio.sleep(2.0)
        row.add("mailkeep", "resident after kill", "MiB", procfs.resident(mailkeep.pid))
        await mailkeep.stop()
        row.add("mailkeep", "ready after stop", "s", await mailkeep.again())
        seen = await bench.http.call("look", port=mailkeep.port, key=mailkeep.key, ids=ids)
        if seen != {"queued": len(ids)}:
            raise Broken(f"of {len(ids)} messages, looked at after the kill, stand: {seen}")
        row.counted = queued
        row.notes.append(
            f"They are for tomorrow, and not delivered: counted are the ids in the answers; "
            f"{len(ids)} of them, looked up after the kill, were all there."
        )


async def _fill(bench: Bench, mailkeep: Mailkeep, messages: int) -> dict[str, Any]:
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return await bench.load(
        bench.http,
        port=mailkeep.port,
        key=mailkeep.key,
        stream="mail",
        round=bench.round(),
        messages=messages,
        send_at=at,
        connections=8,
        batch=BATCH,
        seconds=7200.0,
    )
