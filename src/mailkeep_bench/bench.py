"""A run: its options, its directory, its load and sinks, and the counting that every row shares."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import procfs
from .arithmetic import micros_each, per_second
from .children import Broken, Helper
from .mailkeep import Mailkeep, Wanted
from .postfix import Postfix
from .results import Row
from .wire import SIZE

STALLED = 60.0  #: seconds without a further message at the sink, after which it is lost
SETTLE = 0.3  #: seconds for which a server may still write down what it did


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        rounds: of each system, alternating.
        messages: in a round; rows with batches send five times as many.
        seconds: no round sends for longer.
        own: without Postfix.
        depth: bulk messages that wait while recoveries are measured.
        samples: recoveries that are measured.
        queued: messages of the row "memory".
        soak: seconds of the row "life".
        rate: messages a second of the row "life".
        batch: messages to a request of the row "life"; 0 is one, not as a batch.
        retention: hours for which the row "life" keeps messages, claims and facts.
        profile: directory for profiles of Mailkeep; None makes none.
    """

    rounds: int = 5
    messages: int = 4000
    seconds: float = 30.0
    connections: int = 50
    sessions: int = 30
    concurrency: int = 20
    own: bool = False
    depth: int = 100_000
    samples: int = 300
    queued: int = 1_000_000
    soak: float = 60.0
    rate: float = 1000.0
    batch: int = 0
    retention: float = 1.0
    profile: Path | None = None

    def words(self) -> str:
        """What decides the figures, in one line."""
        words = [f"{self.rounds} rounds of {self.messages:,} messages of {SIZE:,} bytes"]
        words.append(f"{self.connections} connections by HTTP, {self.sessions} by SMTP")
        words.append(f"{self.concurrency} sends at once")
        return ", ".join(words)


class Bench:
    """Shared by the rows.

    Args:
        directory: everything is below it; on the disk that is to be measured.
        say: shows what goes on.
    """

    def __init__(self, options: Options, directory: Path, say: Callable[[str], None]) -> None:
        self.options = options
        self.directory = directory
        self.say = say
        self._stack = AsyncExitStack()
        self._rounds = itertools.count(1)
        self._homes = itertools.count(1)
        log = directory / "tools.log"
        self.http = Helper("load_http", log)
        self.smtp = Helper("load_smtp", log)
        self.sink = Helper("sink", log)
        self.other_sink = Helper("sink", log)

    async def __aenter__(self) -> "Bench":
        for helper in (self.http, self.smtp, self.sink, self.other_sink):
            await self._stack.enter_async_context(helper)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def round(self, timed: bool = False) -> str:
        """A name for the next round; arrivals of a timed one are kept with their instants."""
        return f"{'t' if timed else 'r'}{next(self._rounds)}"

    @contextlib.asynccontextmanager
    async def mailkeep(self, row: str, wanted: Wanted) -> AsyncIterator[Mailkeep]:
        """Mailkeep on a fresh home, running."""
        wanted.concurrency = self.options.concurrency
        if self.options.profile is not None:
            wanted.profile = self.options.profile / f"{row}.txt"
        mailkeep = Mailkeep(self.directory / f"mailkeep-{next(self._homes)}", wanted)
        self.say(f"{row}: Mailkeep starts")
        try:
            await mailkeep.start()
            yield mailkeep
        finally:
            await mailkeep.stop()

    @contextlib.asynccontextmanager
    async def postfix(self, row: str) -> AsyncIterator[Postfix | None]:
        """Postfix with an empty queue, running; None when it is not wanted."""
        if self.options.own:
            yield None
            return
        postfix = Postfix(
            self.directory / f"postfix-{next(self._homes)}", int(self.sink.ready["smtp"])
        )
        self.say(f"{row}: Postfix starts")
        try:
            await postfix.start()
            yield postfix
        finally:
            await postfix.stop()

    async def load(self, helper: Helper, **what: Any) -> dict[str, Any]:
        """A round of load. Raises ``Broken`` when nothing was acknowledged."""
        seconds = what.setdefault("seconds", self.options.seconds)
        found = await helper.call("run", patience=seconds + 180.0, **what)
        if not found["acknowledged"]:
            raise Broken(f"nothing was acknowledged: {found['failed']}")
        return found

    async def drained(
        self, sink: Helper, round_: str, found: dict[str, Any], what: str
    ) -> dict[str, Any]:
        """Wait until all that was acknowledged is in the sink, and count.

        Raises:
            Broken: something is missing, came twice, or was never sent.
        """
        wanted, moved, before = found["acknowledged"], time.monotonic(), -1
        while True:
            counted = await sink.call("count", round=round_)
            if counted["unique"] != before:
                moved, before = time.monotonic(), counted["unique"]
            if counted["unique"] >= wanted:
                break
            if time.monotonic() - moved > STALLED:
                raise Broken(f"{wanted - before} of {wanted} acknowledged messages never came")
            self.say(f"{what}: {before} of {wanted} delivered")
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE)
        counted = await sink.call("count", round=round_)
        answer = await sink.call(
            "missing", round=round_, sent=found["sent"], unsure=found["unsure"]
        )
        if answer["missing"]:
            raise Broken(f"{answer['missing']} acknowledged messages never came")
        if counted["all"] != counted["unique"]:
            raise Broken(f"{counted['all'] - counted['unique']} messages came twice")
        if counted["unique"] > found["sent"] or counted["strangers"]:
            raise Broken("messages came that were never sent")
        return counted

    async def accepting(self, row: Row, system: str, pid: int, helper: Helper, **what: Any) -> None:
        """A round of load while what was accepted is delivered; adds its figures to the row."""
        round_ = self.round()
        label = f"{row.name}: {system}, round {len(row.values(system, 'rate')) + 1}"
        self.say(label)
        before, tools = procfs.cpu(pid), self._tools(helper)
        found = await self.load(helper, round=round_, **what)
        counted = await self.drained(self.sink, round_, found, label)
        used, tools = procfs.cpu(pid) - before, self._tools(helper) - tools
        count = found["acknowledged"]
        row.counted += count
        if found["failed"]:
            row.notes.append(f"{system}: refused or lost on the way in: {found['failed']}")
        row.add(system, "rate", "/s", per_second(count, found["seconds"]))
        row.add(system, "cpu", "µs", micros_each(used, count))
        whole = counted["last"] - found["began"]
        row.add(system, "through", "/s", per_second(count, whole))
        row.add(system, "answer p99", "ms", found["p99"] * 1e3)
        row.add(system, "load and sink", "µs", micros_each(tools, count))

    def _tools(self, helper: Helper) -> float:
        """CPU seconds of what measures: it must be much cheaper than what is measured."""
        return procfs.cpu(helper.pid) + procfs.cpu(self.sink.pid)


def warm() -> dict[str, Any]:
    """Load of a first round, which is thrown away: pools, caches and files are made in it."""
    return {"messages": 100, "connections": 4, "seconds": 20.0}
