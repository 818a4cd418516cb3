"""Rows: the rate at which queued mail is delivered, with all its bookkeeping.

Mailkeep is given messages for a later instant, Postfix messages that are held; then both let go.
What is measured is from the first to the last arrival at the sink, and the CPU time from the moment
of release.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from mailkeep_bench import procfs
from mailkeep_bench.arithmetic import micros_each, per_second
from mailkeep_bench.bench import Bench
from mailkeep_bench.children import Broken
from mailkeep_bench.mailkeep import Mailkeep, Stream, Wanted
from mailkeep_bench.postfix import Postfix
from mailkeep_bench.results import Row

from .accept import BATCH

GAUGE = 500


class Queued:
    """Fills Mailkeep's queue with messages that fall due all at once.

    Args:
        stream: they go into.
    """

    def __init__(self, bench: Bench, mailkeep: Mailkeep, stream: str) -> None:
        self._bench = bench
        self._mailkeep = mailkeep
        self._stream = stream
        self._rate = 0.0
        self.due = 0.0

    async def gauge(self, **more: Any) -> None:
        """Send a few for tomorrow: they tell how long it takes to send the others."""
        few = await self._send(self._bench.round(), GAUGE, 86_400.0, **more)
        self._rate = per_second(few["acknowledged"], few["seconds"])

    async def fill(self, round_: str, messages: int, **more: Any) -> dict[str, Any]:
        """Fill it; they fall due at ``due``. Raises ``Broken`` when that came too soon."""
        found = await self._send(round_, messages, messages / self._rate * 2 + 3.0, **more)
        if time.time() > self.due - 0.2:
            raise Broken("filling the queue took longer than was allowed for")
        self._rate = per_second(found["acknowledged"], found["seconds"])
        return found

    async def _send(self, round_: str, messages: int, lead: float, **more: Any) -> dict[str, Any]:
        self.due = time.time() + lead
        at = datetime.fromtimestamp(self.due, UTC).isoformat()
        return await self._bench.load(
            self._bench.http,
            port=self._mailkeep.port,
            key=self._mailkeep.key,
            stream=self._stream,
            round=round_,
            messages=messages,
            send_at=at,
            seconds=3600.0,
            **more,
        )


async def smtp(bench: Bench, row: Row) -> None:
    """To an SMTP sink; filled one message a request."""
    stream = Stream("mail", "smtp", int(bench.sink.ready["smtp"]))
    await _deliver(bench, row, stream, {"connections": bench.options.connections})


async def http(bench: Bench, row: Row) -> None:
    """To an HTTP stand-in of Postmark; filled by batches. Postfix delivers by SMTP here too."""
    stream = Stream("mail", "postmark", int(bench.sink.ready["http"]))
    await _deliver(bench, row, stream, {"connections": 8, "batch": BATCH})


async def _deliver(bench: Bench, row: Row, stream: Stream, how: dict[str, Any]) -> None:
    wanted = Wanted((stream,))
    async with bench.mailkeep(row.name, wanted) as mailkeep, bench.postfix(row.name) as postfix:
        queued = Queued(bench, mailkeep, stream.name)
        await queued.gauge(**how)
        for _ in range(bench.options.rounds):
            await _ours(bench, row, mailkeep, queued, how)
            if postfix is not None:
                await _theirs(bench, row, postfix)


async def _ours(
    bench: Bench, row: Row, mailkeep: Mailkeep, queued: Queued, how: dict[str, Any]
) -> None:
    bench.say(f"{row.name}: Mailkeep's queue is filled")
    round_, before = bench.round(), procfs.cpu(mailkeep.pid)
    found = await queued.fill(round_, bench.options.messages, **how)
    filled = procfs.cpu(mailkeep.pid)
    await asyncio.sleep(max(0.0, queued.due - time.time() - 0.1))
    mailkeep.profile_anew()  # of the last round, without how its queue was filled
    await _measure(bench, row, "mailkeep", mailkeep.pid, round_, found)
    _filling(row, "mailkeep", found, filled - before)


async def _theirs(bench: Bench, row: Row, postfix: Postfix) -> None:
    bench.say(f"{row.name}: Postfix's queue is filled")
    round_, before = bench.round(), procfs.cpu(postfix.pid)
    found = await bench.load(
        bench.smtp,
        port=postfix.held,
        round=round_,
        messages=bench.options.messages,
        connections=bench.options.sessions,
        seconds=3600.0,
    )
    filled = procfs.cpu(postfix.pid)
    if (await bench.sink.call("count", round=round_))["all"]:
        raise Broken("Postfix did not hold what it should")
    releasing = asyncio.create_task(postfix.release())
    await _measure(bench, row, "postfix", postfix.pid, round_, found)
    await releasing
    _filling(row, "postfix", found, filled - before)


async def _measure(
    bench: Bench, row: Row, system: str, pid: int, round_: str, found: dict[str, Any]
) -> None:
    before = procfs.cpu(pid)
    counted = await bench.drained(bench.sink, round_, found, f"{row.name}: {system}")
    used = procfs.cpu(pid) - before
    count = counted["unique"]
    row.counted += count
    row.add(system, "rate", "/s", per_second(count - 1, counted["last"] - counted["first"]))
    row.add(system, "cpu", "µs", micros_each(used, count))


def _filling(row: Row, system: str, found: dict[str, Any], used: float) -> None:
    count = found["acknowledged"]
    row.add(system, "accepted before", "/s", per_second(count, found["seconds"]))
    row.add(system, "cpu of that", "µs", micros_each(used, count))
