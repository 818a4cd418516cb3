"""Row: the whole life of messages at a steady rate: accepted, carried, reported delivered.

The provider is a stand-in of Mandrill: it takes mail by its API and tells of each by signed
webhooks, many events in one.
"""

import asyncio
import time

from mailkeep_bench import procfs
from mailkeep_bench.arithmetic import micros_each, per_second
from mailkeep_bench.bench import STALLED, Bench
from mailkeep_bench.children import Broken
from mailkeep_bench.mailkeep import Mailkeep, Stream, Wanted
from mailkeep_bench.results import Row

RATE = 1000  #: that the goal is for
HOUR = 3600
POINTS = 30  #: of the time series


async def life(bench: Bench, row: Row) -> None:
    """``--soak`` seconds at ``--rate`` messages a second."""
    options, sink = bench.options, bench.sink
    wanted = Wanted((Stream("mail", "mandrill", int(sink.ready["http"])),))
    days = options.retention / 24
    wanted.more = f"\n[retention]\nmessages = {days}\nclaims = {days}\nfacts = {days}\n"
    if options.rate < RATE:
        row.short = f"the goal is for {RATE:,} messages a second offered"
    elif options.soak < HOUR:
        row.notes.append(f"The goal is for an hour; this was {options.soak:g} s.")
    async with bench.mailkeep(row.name, wanted) as mailkeep:
        await sink.call("report", url=mailkeep.hook("mail"), key=mailkeep.webhook_key)
        round_, before, began = bench.round(), procfs.cpu(mailkeep.pid), time.monotonic()
        loading = asyncio.create_task(
            bench.load(
                bench.http,
                port=mailkeep.port,
                key=mailkeep.key,
                stream="mail",
                round=round_,
                messages=round(options.soak * options.rate),
                rate=options.rate,
                connections=options.connections,
                batch=options.batch,
                seconds=options.soak + 5.0,
            )
        )
        try:
            told = await _watch(bench, row, mailkeep, loading, began)
            found = await loading
        finally:
            loading.cancel()
        row.add("mailkeep", "accepted", "/s", per_second(found["acknowledged"], found["seconds"]))
        row.add("mailkeep", "rate", "/s", told)
        row.add("mailkeep", "answer p99", "ms", found["p99"] * 1e3)
        if found["failed"]:
            row.notes.append(f"Refused or lost on the way in: {found['failed']}.")
        await bench.drained(sink, round_, found, f"{row.name}: the rest")
        await _told(bench, row, found["acknowledged"])
        used = procfs.cpu(mailkeep.pid) - before
        row.add("mailkeep", "cpu", "µs", micros_each(used, found["acknowledged"]))
        for ids, may_be_gone in kept(found["ids"], options.retention * HOUR, options.soak):
            seen = await bench.http.call("look", port=mailkeep.port, key=mailkeep.key, ids=ids)
            gone = seen.get("404", 0) if may_be_gone else 0
            if seen.get("delivered", 0) + gone != len(ids):
                raise Broken(f"{len(ids)} messages that were reported delivered stand as: {seen}")
            if gone:
                row.notes.append(f"Of {len(ids)} looked up past {options.retention:g} h: {seen}.")
        row.counted = found["acknowledged"]


def kept(ids: list[str], retention: float, lasted: float) -> list[tuple[list[str], bool]]:
    """Ids in the order in which they were accepted, parted by whether one may be forgotten (pure).

    Args:
        retention: seconds for which a message is kept; half of it allows for the time since.
        lasted: seconds over which they were accepted.
    """
    old = round(len(ids) * max(0.0, 1.0 - retention / 2 / lasted))
    return [(ids[old:], False)] + ([(ids[:old], True)] if old else [])


async def _watch(
    bench: Bench, row: Row, mailkeep: Mailkeep, loading: "asyncio.Task[object]", began: float
) -> float:
    """Write the time series down; returns the webhooks a second until the load ended."""
    step = max(1.0, bench.options.soak / POINTS)
    row.notes.append(
        "| s | taken by the provider | reported | MiB resident | MiB on disk | cores |"
    )
    row.notes[-1] += "\n|---:|---:|---:|---:|---:|---:|"
    used, then = procfs.cpu(mailkeep.pid), began
    while not loading.done():
        await asyncio.wait({loading}, timeout=step)
        state, now = await bench.sink.call("reported"), time.monotonic()
        cpu, memory = procfs.cpu(mailkeep.pid), procfs.resident(mailkeep.pid)
        cores = (cpu - used) / (now - then)
        used, then = cpu, now
        disk = await asyncio.to_thread(mailkeep.disk)
        row.notes[-1] += (
            f"\n| {now - began:.0f} | {state['took']:,} | {state['told']:,} "
            f"| {memory:.0f} | {disk:.0f} | {cores:.2f} |"
        )
        bench.say(
            f"{row.name}: {now - began:.0f} s, {state['took']:,} taken, "
            f"{state['told']:,} reported, {memory:.0f} MiB, {disk:.0f} MiB on disk"
        )
    state = await bench.sink.call("reported")
    return per_second(state["told"], time.monotonic() - began)


async def _told(bench: Bench, row: Row, wanted: int) -> None:
    """Wait until every webhook was acknowledged. Raises ``Broken`` when one never is."""
    before, moved = -1, time.monotonic()
    while True:
        state = await bench.sink.call("reported")
        if state["told"] >= wanted:
            break
        if state["told"] != before:
            before, moved = state["told"], time.monotonic()
        if time.monotonic() - moved > STALLED:
            raise Broken(f"{wanted - before} webhooks were never acknowledged")
        bench.say(f"{row.name}: {before:,} of {wanted:,} reported")
        await asyncio.sleep(0.2)
    if state["again"]:
        row.notes.append(f"{state['again']} webhooks had to be sent again.")
