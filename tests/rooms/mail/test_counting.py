"""What is counted of the exposure ledger is what a recount finds, on both engines."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection

import pytest
from sqlalchemy import insert, select

from mailkeep.base.clock import DAY, HOUR, MINUTE, ManualClock, iso
from mailkeep.mail import counting, exposed_lines, outbox, queries, tables
from mailkeep.mail.ledger import total
from mailkeep.mail.types import NewMessage
from mailkeep.store.database import Database

from .conftest import STREAMS, new

SETS = [{"a"}, {"b"}, {"a", "c"}, {"a", "b", "c"}]


class Ledger:
    """Rows of the ledger, here and in the database."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.draw = random.Random(seed)
        self.rows: dict[tuple[str, str, str, int], dict[str, object]] = {}

    async def give(self, many: int) -> None:
        """More of them, whenever: a claim may be written down after one that began later."""
        now = self.database.clock.now()
        fresh = {}
        for _ in range(many):
            at = now - self.draw.choice([self.draw.randrange(2 * DAY), self.draw.randrange(MINUTE)])
            key = (f"adr_{self.draw.randrange(60)}", self.draw.choice("abc"), "bulk", at // DAY)
            if key not in self.rows:
                columns = ("address_id", "provider", "stream", "day")
                row = dict(zip(columns, key, strict=True))
                fresh[key] = row | {"first_at": at, "last_at": at, "count": 1}
        self.rows |= fresh
        if fresh:
            async with self.database.write() as tx:
                await tx.run(insert(tables.exposures), list(fresh.values()))

    def recount(self, providers: Collection[str], until: int) -> int:
        return len(
            {
                key[0]
                for key, row in self.rows.items()
                if key[1] in providers and int(str(row["first_at"])) <= until
            }
        )

    async def hold(self) -> None:
        """The answers are those of a recount."""
        now = self.database.clock.now()
        async with self.database.read() as tx:
            for providers in SETS:
                for until in (now, now - 20 * MINUTE // 60, now - HOUR, now - DAY - 12_345_678):
                    found = await counting.exposed(tx, providers, until)
                    assert found == self.recount(providers, until), (providers, now - until)
            each = {one: self.recount(one, now) for one in "abc"}
            assert await counting.exposed_to_each(tx) == {k: n for k, n in each.items() if n}
            steps = await counting.given(tx)
            for some in SETS:
                assert total(steps, some) == self.recount(some, now), some


@pytest.mark.parametrize("seed", range(3))
async def test_counted_or_not_the_answer_is_a_recount(
    database: Database, clock: ManualClock, seed: int
) -> None:
    ledger = Ledger(database, seed)
    await ledger.hold()
    for _ in range(6):
        await ledger.give(40)
        await ledger.hold()
        async with database.write() as tx:
            await counting.count(tx, ledger.draw.randrange(1, 60))
        await ledger.hold()
        clock.advance(ledger.draw.choice([1.0, 70.0, 90_000.0]))
    while await counting.step(database):
        pass
    await ledger.hold()
    async with database.read() as tx:
        assert (
            await tx.all(select(tables.exposures).where(tables.exposures.c.counted.is_(None))) == []
        )
        kept = await tx.all(select(tables.exposed_counts.c["count"]))
    assert all(row["count"] >= 0 for row in kept)


async def test_with_more_providers_than_bits_nobody_is_left_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_BITS", 2)
    ledger = Ledger(database, 5)
    await ledger.give(80)
    async with database.write() as tx:
        await counting.count(tx, 40)
    now = database.clock.now()
    async with database.read() as tx:
        steps = await counting.given(tx)
    for some in SETS:
        found, true = total(steps, some), ledger.recount(some, now)
        assert found == true if len(some) == 1 else found >= true, some


async def test_two_that_count_at_once_count_once(database: Database) -> None:
    """They meet the same addresses, given to different providers: each must see the other's."""
    ledger = Ledger(database, 7)
    await ledger.give(150)
    await asyncio.gather(*(database.retrying(lambda tx: counting.count(tx, 40)) for _ in range(6)))
    await ledger.hold()


async def test_to_be_erased_makes_no_incident_smaller(
    database: Database, clock: ManualClock
) -> None:
    """Who is forgotten stays in the counts and in the list, under a number that is nobody's; who
    is given again counts again."""
    ledger = Ledger(database, 5)
    await ledger.give(200)
    while await counting.step(database):
        pass
    await ledger.give(30)  # of these nothing is counted when they are forgotten
    now, before = clock.now(), {}
    clock.advance(1)
    gone = [f"adr_{one}" for one in range(20)]
    async with database.write() as tx:
        await counting.forget(tx, gone, now)
    while await counting.step(database):
        pass
    await ledger.hold()
    async with database.read() as tx:
        before = {frozenset(one): await counting.exposed(tx, one, now) for one in SETS}
        for table in (tables.exposures, tables.exposed_firsts):
            names = {row["address_id"] for row in await tx.all(select(table.c.address_id))}
            assert names.isdisjoint(gone)
        each = await counting.exposed_to_each(tx)
    listed = {
        one: sum([part.lines async for part in exposed_lines.read(database, one, now, 999)])
        for one in "abc"
    }
    assert listed == each
    async with database.write() as tx:
        again = {"address_id": "adr_1", "provider": "a", "stream": "bulk", "day": 1}
        at = {"first_at": clock.now(), "last_at": clock.now(), "count": 1}
        await tx.run(insert(tables.exposures), [again | at])
    async with database.read() as tx:
        for one in SETS:
            found = await counting.exposed(tx, one, clock.now())
            assert found == before[frozenset(one)] + ("a" in one)


async def test_a_list_has_every_line_once_in_order(database: Database, clock: ManualClock) -> None:
    """However many are read together, and where a part ends amid many that were given at once."""
    ledger = Ledger(database, 9)
    await ledger.give(120)
    while await counting.step(database):
        pass
    firsts: dict[str, int] = {}
    for key, row in ledger.rows.items():
        if key[1] == "a":
            at = int(str(row["first_at"]))
            firsts[key[0]] = min(at, firsts.get(key[0], at))
    some, same = min(firsts.values()), [f"adr_same{one}" for one in range(9)]
    async with database.write() as tx:
        assert not await counting.is_behind(tx, clock.now())
        await tx.run(
            insert(tables.exposed_firsts),
            [{"address_id": name, "provider": "a", "first_at": some} for name in same],
        )
    firsts |= dict.fromkeys(same, some)
    true = [(name, iso(at)) for at, name in sorted((at, name) for name, at in firsts.items())]
    for at_most in (1, 7, len(true), 999):
        parts = [one async for one in exposed_lines.read(database, "a", clock.now(), at_most)]
        lines = [json.loads(line) for part in parts for line in part.text.splitlines()]
        assert [(one["address"], one["first_at"]) for one in lines] == true
        assert all(len(one) == 3 and one["provider"] == "a" for one in lines)
        assert [part.lines for part in parts[:-1]] == [at_most] * (len(parts) - 1)
    before = [one async for one in exposed_lines.read(database, "a", some - 1, 7)]
    assert before == []


async def test_what_a_claim_writes_counts_at_once(
    database: Database, accept: Callable[[NewMessage], Awaitable[str]]
) -> None:
    for name in ("ada", "bob", "ada"):
        await accept(new(to=f"{name}@example.net"))
    async with database.write() as tx:
        jobs = await outbox.claim(database, tx, STREAMS["bulk"], {}, 10)
    given = {(job.address, job.provider) for job in jobs}
    for _ in range(2):  # before it is counted, and after
        async with database.read() as tx:
            assert await queries.exposed(tx, {"one", "two"}, tx.now) == 2
            each = await queries.exposed_to_each(tx)
        assert sum(each.values()) == len(given)
        await counting.step(database)
