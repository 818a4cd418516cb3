"""What the opinions are read from: as many signals of each sort as they need, by an index, and no
flood of one sort at the expense of another."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import sqlalchemy

from mailkeep.base.clock import DAY, ManualClock
from mailkeep.events import log
from mailkeep.mail.events import MessageAccepted
from mailkeep.store.database import Database
from mailkeep.watch import heard, queries
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import (
    OUR_HOUSE,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    account_subject,
    domain_subject,
    mailbox_subject,
    provider_subject,
)

COMPROMISED, TARGETED = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.ACCOUNT_TARGETED


def _signal(
    clock: ManualClock,
    detector: str,
    subject: Subject,
    nats: float,
    *,
    forger: Forger = Forger.NOBODY,
    restates: bool = False,
    reason: str = "it says so",
) -> Signal:
    what = TARGETED if subject.kind == "account" else COMPROMISED
    return Signal(
        *(detector, Family.BAIT, subject, {what: nats} if nats else {}, clock.now(), reason),
        (f"evt_{detector}_{subject.id}_{clock.now()}",),
        *(True, forger, 86_400.0, clock.now() + 3 * DAY, restates),
    )


async def _say(database: Database, clock: ManualClock, signals: Sequence[Signal]) -> None:
    """Put them on the log, a few in each transaction."""
    relay = log.Relay(database, "one")
    for first in range(0, len(signals), 300):
        async with database.write() as tx:
            facts = [SignalRaised(signal=one) for one in signals[first : first + 300]]
            await log.record(database, tx, *facts)
        await relay.place()
        clock.advance(1)


async def _found(database: Database) -> list[Opinion]:
    async with database.read() as tx:
        return await queries.opinions(tx, WatchSettings())


def _said(opinions: list[Opinion], subject: Subject) -> set[str]:
    return {term.detector for one in opinions if one.subject == subject for term in one.terms}


@pytest.mark.parametrize("restates", [True, False])
async def test_a_flood_about_one_provider_leaves_what_is_said_of_another(
    database: Database, clock: ManualClock, *, restates: bool
) -> None:
    """A thief at one provider changes its account, and changes it back, each minute."""
    a, c = provider_subject("a"), provider_subject("c")
    await _say(database, clock, [_signal(clock, "account_drift", a, 8.2, restates=True)])
    await _say(database, clock, [_signal(clock, "decoy_shown", a, 8.4, restates=True)])
    flood = [_signal(clock, "account_drift", c, 1.0, restates=restates)] * 2400
    await _say(database, clock, flood)
    found = await _found(database)
    assert _said(found, a) == {"account_drift", "decoy_shown"}
    assert _said(found, c) == {"account_drift"}
    assert {one.subject for one in found if one.open} == {a}


async def test_a_flood_about_one_account_leaves_what_is_said_of_others(
    database: Database, clock: ManualClock
) -> None:
    own = Forger.CUSTOMERS
    victims = [account_subject(f"acc_{n}") for n in range(12)]
    await _say(database, clock, [_signal(clock, "takeover", one, 8.0) for one in victims])
    await _say(database, clock, [_signal(clock, "misplaced", one, 4.0) for one in victims])
    thief = account_subject("acc_thief")
    await _say(database, clock, [_signal(clock, "misplaced", thief, 4.0)] * 1500)
    await _say(database, clock, [_signal(clock, "misplaced", thief, 4.0, forger=own)] * 900)
    found = await _found(database)
    for victim in victims:
        assert _said(found, victim) == {"takeover", "misplaced"}


async def test_what_outsiders_stage_leaves_what_is_firm_of_the_same_sort(
    database: Database, clock: ManualClock
) -> None:
    a = provider_subject("a")
    await _say(database, clock, [_signal(clock, "notice", a, 3.0)])
    staged = _signal(clock, "notice", a, 0.1, forger=Forger.ANYONE, reason='"forger":"nobody"')
    await _say(database, clock, [staged] * 2400)
    (one,) = await _found(database)
    assert one.firm == pytest.approx(-4.0, abs=0.1)


async def test_what_replaces_is_read_alone(database: Database, clock: ManualClock) -> None:
    a = provider_subject("a")
    before = [_signal(clock, "drift", a, 2.0, restates=n % 9 == 0) for n in range(100)]
    newest = _signal(clock, "drift", a, 1.0, restates=True)
    newest = msgspec.structs.replace(newest, reason='"restates":true', backs=False)
    after = _signal(clock, "drift", a, 0.5)
    await _say(database, clock, [*before, newest, after])
    async with database.read() as tx:
        read = heard.in_order(await heard.rows(tx))
    assert read == [newest, after]


async def test_few_signals_are_all_heard_in_the_order_of_the_log(
    database: Database, clock: ManualClock
) -> None:
    """So the answer is the one that a replay gives."""
    about = [
        *map(provider_subject, "abc"),
        *(RESETS, OUR_HOUSE, domain_subject("example.com"), mailbox_subject("keeper")),
        *(account_subject(f"acc_{n}") for n in range(5)),
    ]
    said = [
        _signal(clock, name, one, 0.1 * n + 1, forger=forger, restates=n % 4 == 3)
        for n in range(5)
        for name in ("first", "second")
        for one in about
        for forger in Forger
    ]
    await _say(database, clock, said)
    beliefs = hear(Beliefs(), *said)
    settings = WatchSettings()
    async with database.read() as tx:
        found = await queries.opinions(tx, settings)
        assert found == weigh(beliefs, tx.now, settings.correlation)[1]


async def test_what_is_older_than_any_signal_weighs_is_left(
    database: Database, clock: ManualClock
) -> None:
    old = _signal(clock, "drift", provider_subject("a"), 2.0)
    await _say(database, clock, [old])
    clock.advance(31 * 86_400)
    new = _signal(clock, "drift", provider_subject("b"), 2.0)
    await _say(database, clock, [new])
    async with database.read() as tx:
        assert heard.in_order(await heard.rows(tx)) == [new]


async def test_what_is_read_is_bounded(database: Database, clock: ManualClock) -> None:
    many = [_signal(clock, "loud", account_subject(f"acc_{n}"), 3.0) for n in range(900)]
    await _say(database, clock, many)
    await _say(database, clock, [_signal(clock, "loud", provider_subject("a"), 3.0)] * 300)
    async with database.read() as tx:
        read = heard.in_order(await heard.rows(tx))
    assert len([one for one in read if one.subject.kind == "account"]) == heard.MOST_OF_MANY
    assert len([one for one in read if one.subject.kind == "provider"]) == heard.MOST_OF_EACH


async def test_the_loop_goes_on_while_opinions_are_formed(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = provider_subject("a")
    await _say(database, clock, [_signal(clock, "drift", a, 8.5)])
    loop, went_on, seen = asyncio.get_running_loop(), threading.Event(), list[bool]()

    def slowly(*given: Any) -> Any:
        loop.call_soon_threadsafe(went_on.set)
        seen.append(went_on.wait(20))
        return weigh(*given)

    monkeypatch.setattr(queries, "weigh", slowly)
    (one,) = await _found(database)
    assert (one.subject, seen) == (a, [True])


async def test_the_index_answers_it(database: Database, clock: ManualClock) -> None:
    """The log only grows; the opinions are asked for at every signal."""
    subjects = [*map(provider_subject, "abc"), *(account_subject(f"acc_{n}") for n in range(40))]
    await _say(database, clock, [_signal(clock, "drift", one, 3.0) for one in subjects * 4])
    relay = log.Relay(database, "one")
    for _ in range(10):
        async with database.write() as tx:
            facts = [
                MessageAccepted(address=f"address_{n}", stream="bulk", message=f"m{n}")
                for n in range(500)
            ]
            await log.record(database, tx, *facts)
        await relay.place()
    async with database.write() as tx:
        await tx.run(sqlalchemy.text("ANALYZE"))
    async with database.read() as tx:
        (sort, *_) = await heard.sorts(tx)
        library = await tx._way.library()
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        for statement, values in ((heard.SORTS, {}), (heard.NEWEST, heard.of_sort(sort, tx.now))):
            sql, given = statement.on(library.dialect).one(values)
            rows = await library.exec_driver_sql(f"{explain} {sql}", given)
            plan = [str(row[-1]) for row in rows.fetchall()]
            assert not any("SCAN events" in one and "USING INDEX" not in one for one in plan)
            looks = [one for one in plan if "events" in one or "later" in one]
            assert looks
            assert all("ix_events_signals" in one for one in looks), plan
