"""Let hours pass on a clock that is moved by hand: the disk is bounded by what retention keeps.

Each step of five minutes a batch of messages lives its whole life in a database of its own
(accepted, carried, reported delivered), and retention, set to its least of an hour, forgets. Unlike
the other proofs this one works inside the process: nobody waits for hours. Usage: ``python
tests/proofs/retention.py [MESSAGES]``, to a step. Prints the report in Markdown.
"""

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import common
from sqlalchemy import Table, func, select

from mailkeep.app import retention
from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events import log
from mailkeep.events import tables as facts
from mailkeep.events.subscribe import save_place
from mailkeep.mail import outbox, outcomes, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, Keeping, NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind, ProviderConfig
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit

STEP = 300.0  #: seconds on the clock
KEPT = 3600.0
STEPS = 30
BATCH = 100
CUSTOMERS = 500  #: mail goes to the same people again
STREAM = StreamSettings("bulk", 9, (RouteSettings("one"),))
LEAST = 1.0 / 24
TABLES = (tables.messages, tables.attempts, tables.claims, facts.events, tables.exposures)


@dataclass(frozen=True, slots=True)
class Step:
    """The database after a step: octets of its file and of SQLite's log, rows, seconds of CPU."""

    size: int
    wal: int
    rows: tuple[int, ...]
    lived: float
    forgot: float


class Hours:
    """One database, and a clock that is moved."""

    def __init__(self, home: Path, messages: int) -> None:
        self._home = home
        self._messages = messages
        self._clock = ManualClock()
        self._database = Database(f"sqlite:///{home / 'proof.db'}", self._clock)
        self._intake = Intake(self._database, KeyRing(home), {"bulk": STREAM})
        provider = ProviderConfig(
            name="one",
            kind="mandrill",
            base_url="http://127.0.0.1:1",
            secret=Secret("a"),
            webhook_secret=Secret("b"),
            webhook_url="http://localhost/hooks/one",
            options={},
            party="one",
        )
        shared = SharedCommit(self._database)
        self._claims = Claims(self._database, shared, {"one": provider})
        self._settings = retention.RetentionSettings(messages=LEAST, claims=LEAST, facts=LEAST)
        self._sweeper = retention.Sweeper(self._database, self._settings, {"reader"}, Keeping(), 0)

    async def run(self) -> list[Step]:
        """All steps."""
        retention.check(self._settings)
        await upgrade(self._database)
        steps = []
        for number in range(STEPS):
            began = time.process_time()
            for first in range(0, self._messages, BATCH):
                await self._live(first + number, min(BATCH, self._messages - first))
            lived = time.process_time()
            self._clock.advance(STEP)
            while await self._forget():
                pass
            spent = (lived - began, time.process_time() - lived)
            steps.append(Step(self._size(""), self._size("-wal"), await self._rows(), *spent))
            print(f"step {number + 1} of {STEPS}: {steps[-1]}", file=sys.stderr)
        await self._database.close()
        return steps

    async def _live(self, first: int, count: int) -> None:
        new = [
            self._intake.check(NewMessage(stream="bulk", content=self._content(first + one)))
            for one in range(count)
        ]
        async with self._database.write() as tx:
            await self._intake.accept_many(tx, new)
        async with self._database.write() as tx:
            jobs = await outbox.claim(self._database, tx, STREAM, {}, count)
        taken = Outcome(OutcomeKind.ACCEPTED, "")
        async with self._database.write() as tx:
            finished = [outcomes.Finished(job, taken, 0.1, reports=True) for job in jobs]
            await outcomes.finish(self._database, tx, finished)
        await self._claims.take("one", [self._claim(job.message) for job in jobs])

    def _content(self, number: int) -> Content:
        to = f"customer{number % CUSTOMERS}@example.net"
        return Content(sender="us@example.com", to=to, subject="News", text="x" * 4096)

    def _claim(self, message: str) -> Claim:
        return Claim(
            provider="one",
            claim_id=f"delivered {message}",
            kind=ClaimKind.DELIVERED,
            provider_message_id=None,
            message_id=message,
            recipient=None,
            at=self._clock.now(),
            detail="",
            authenticated="signature",
        )

    async def _forget(self) -> bool:
        async with self._database.write() as tx:
            await save_place(tx, "reader", await log.head(tx))  # whoever reads the log has read it
        gone = await self._sweeper.step(retention.BATCH)
        return max(gone.values(), default=0) >= retention.BATCH

    async def _rows(self) -> tuple[int, ...]:
        async with self._database.read() as tx:
            return tuple([await self._count(tx, one) for one in TABLES])

    async def _count(self, tx: object, table: Table) -> int:
        return int(await tx.value(select(func.count()).select_from(table)))

    def _size(self, of: str) -> int:
        return (self._home / f"proof.db{of}").stat().st_size


def wrong(steps: list[Step], messages: int) -> list[str]:
    """What must not be (pure): growth once as much is forgotten as comes in."""
    kept = round(KEPT / STEP) + 1  # what lies on the edge is not older than an hour yet
    full, last = steps[kept], steps[-1]
    out = []
    if last.size > 1.05 * full.size:
        out.append(f"the file grew from {full.size} to {last.size} octets")
    if last.rows[0] > kept * messages:
        out.append(f"{last.rows[0]} messages are kept")
    if last.rows[:4] != full.rows[:4]:
        out.append(f"rows grew from {full.rows} to {last.rows}")
    return out


async def prove(messages: int, home: Path) -> int:
    began = time.monotonic()
    steps = await Hours(home, messages).run()
    found = wrong(steps, messages)
    whole = steps[round(KEPT / STEP) + 1 :]
    each = 1e6 / messages / len(whole)
    print(f"""# Hours of retention

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores, SQLite. {messages:,}
messages of 4 KiB to {CUSTOMERS} customers in each five minutes of a clock moved by hand; each
lives its whole life. `messages`, `claims` and `facts` are kept for an hour, the least there is.

| hours | MiB of the file | MiB of its log | {" | ".join(one.name for one in TABLES)} |
|---:|---:|---:|{"---:|" * len(TABLES)}""")
    for number, one in enumerate(steps, start=1):
        if number % 3 == 0 or number == 1:
            rows = " | ".join(f"{count:,}" for count in one.rows)
            sizes = f"{one.size / 2**20:.1f} | {one.wal / 2**20:.1f}"
            print(f"| {number * STEP * 1e6 / HOUR:.2f} | {sizes} | {rows} |")
    print(f"""
- The file stops growing once as much is forgotten as comes in: what is free is written again. What
  is on disk is what comes in within `[retention]`; {steps[-1].size / (steps[-1].rows[0] or 1):,.0f}
  octets for each message that is kept. SQLite's log stays at some 8,000 pages of 4 KiB.
- The exposure ledger (`exposures`) is not forgotten: a row for each address, provider, stream and
  day.
- In processor time a message costs {sum(one.lived for one in whole) * each:.0f} µs to live (without
  HTTP, SMTP and detectors) and {sum(one.forgot for one in whole) * each:.0f} µs to be forgotten.
- All in all {time.monotonic() - began:.0f} s.""")
    for one in found:
        print(f"must not be: {one}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(prove(int(sys.argv[1]) if sys.argv[1:] else 1000, Path(place))))
