"""The runner on both engines: what it records is what a replay of its log raises."""

import asyncio

import msgspec
import pytest

from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.events import log
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished
from mailkeep.recovery.events import ProofRedeemed, RecoveryDenied, RecoveryRequested
from mailkeep.store.database import Database
from mailkeep.watch import heard, logs, queries
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived, SignalRaised
from mailkeep.watch.runner import Watch
from mailkeep.watch.types import (
    Family,
    Forger,
    HoneyAccount,
    HoneySettings,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    provider_subject,
)


async def _log(database: Database) -> list[Recorded]:
    async with database.read() as tx:
        return [one for _, one in await log.after(tx, 0, 10_000) if one is not None]


def _raised(facts: list[Recorded]) -> list[Signal]:
    return [one.fact.signal for one in facts if isinstance(one.fact, SignalRaised)]


def _order(signal: Signal) -> bytes:
    return msgspec.json.encode(signal)


async def _live(database: Database, clock: ManualClock) -> None:
    """A little incident, watched by a fresh process at every step."""
    relay = log.Relay(database, "one")
    for n in range(8):
        async with database.write() as tx:
            await log.record(
                database,
                tx,
                AttemptFinished(
                    message=f"m{n}",
                    attempt=f"t{n}",
                    provider="a",
                    stream="bulk",
                    address="address_1",
                    outcome="unavailable",
                    detail="",
                    seconds=1.0,
                ),
                ProofRedeemed(
                    recovery=f"r{n}",
                    account=f"account_{n}",
                    proof="link",
                    providers=("b",),
                    same_browser=False,
                    known_browser=False,
                    network="network_1",
                    browser="b1",
                ),
                RecoveryDenied(
                    recovery=f"q{n}",
                    account=f"account_{n}",
                    after_completion=False,
                    provider="b",
                    acted=True,
                ),
            )
        clock.advance(0.7)
        await relay.place()
        await Watch(database).step(limit=2)
    for _ in range(60):
        clock.advance(20)
        await relay.place()
        await Watch(database).step()


async def test_live_and_replayed_agree(database: Database, clock: ManualClock) -> None:
    await _live(database, clock)
    facts = await _log(database)
    async with database.read() as tx:
        through = await log.placed_through(tx)
    raised = _raised(facts)
    assert {one.detector for one in raised} == {"provider_refusal", "half_proof", "denial"}
    # Facts of one transaction take their places in the log in no order that means anything.
    assert sorted(raised, key=_order) == sorted(replay(facts, through=through), key=_order)


async def test_two_runners_weigh_each_fact_once(database: Database, clock: ManualClock) -> None:
    relay = log.Relay(database, "one")
    async with database.write() as tx:
        await log.record(
            database,
            tx,
            *(
                CanaryArrived(provider=f"p{n}", message="m", seconds=1.0, strangers=("h",))
                for n in range(9)
            ),
        )
    await relay.place()
    watches = [Watch(database), Watch(database)]
    await asyncio.gather(*(one.step() for one in watches), *(one.step() for one in watches))
    await relay.place()
    raised = _raised(await _log(database))
    assert len(raised) == 9
    assert {one.subject for one in raised} == {provider_subject(f"p{n}") for n in range(9)}


async def test_nothing_new_writes_nothing(database: Database, clock: ManualClock) -> None:
    watch = Watch(database)
    assert await watch.step() == 0
    clock.advance(60)
    assert await watch.step() == 0
    assert await _log(database) == []


async def test_staged_signals_push_no_firm_one_out_of_the_opinions(
    database: Database, clock: ManualClock
) -> None:
    relay = log.Relay(database, "one")
    async with database.write() as tx:
        await log.record(
            database,
            tx,
            CanaryArrived(provider="a", message="m", seconds=1.0, strangers=("evil.example",)),
        )
    await relay.place()
    await Watch(database).step()
    (firm,) = _raised(await _log_with_unplaced(database, relay))
    reason = 'says "forger":"nobody"'
    staged = msgspec.structs.replace(firm, detector="x", forger=Forger.ANYONE, reason=reason)
    for _ in range(3):
        clock.advance(1)
        async with database.write() as tx:
            await log.record(database, tx, *[SignalRaised(signal=staged)] * 200)
    async with database.read() as tx:
        found = await queries.opinions(tx, WatchSettings())
    terms = {term.detector for one in found for term in one.terms if term.counted}
    assert "stranger_in_mail" in terms


async def test_who_has_accounts_of_his_own_pushes_nothing_out_of_the_opinions(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody stages what is done with an account but who is in it; and he has many."""
    monkeypatch.setattr(heard, "MOST_OF_MANY", 40)
    relay = log.Relay(database, "one")
    async with database.write() as tx:
        await log.record(
            database,
            tx,
            CanaryArrived(provider="a", message="m", seconds=1.0, strangers=("evil.example",)),
        )
    await relay.place()
    await Watch(database).step()
    (firm,) = _raised(await _log_with_unplaced(database, relay))
    clock.advance(1)
    own = [
        msgspec.structs.replace(
            firm,
            detector="takeover_pattern",
            subject=account_subject(f"account_{n}"),
            evidence={Hypothesis.ACCOUNT_TARGETED: 6.0},
            at=clock.now(),
        )
        for n in range(60)
    ]
    async with database.write() as tx:
        await log.record(database, tx, *[SignalRaised(signal=one) for one in own])
    async with database.read() as tx:
        found = await queries.opinions(tx, WatchSettings())
    terms = {term.detector for one in found for term in one.terms if term.counted}
    assert terms == {"stranger_in_mail", "takeover_pattern", "accounts"}


async def test_what_was_withdrawn_stays_so_when_a_clock_is_put_back(
    database: Database, clock: ManualClock
) -> None:
    """Ids follow the clocks of processes, and these differ; the log has one order."""
    relay = log.Relay(database, "one")
    silent = Signal(
        *("delivery_silence", Family.FLOW, provider_subject("a")),
        *({Hypothesis.PROVIDER_SILENT: 9.0}, clock.now(), "silent", ("evt_1",)),
        *(True, Forger.NOBODY, 1800.0, clock.now() + DAY),
    )
    back = msgspec.structs.replace(silent, evidence={}, restates=True)
    for signal, behind in ((silent, 0), (back, 600), (silent, 900), (back, 1200)):
        clock._now = silent.at - behind * SECOND
        async with database.write() as tx:
            await log.record(database, tx, SignalRaised(signal=signal))
        await relay.place()
        async with database.read() as tx:
            found = await queries.opinions(tx, WatchSettings())
        assert [one.open for one in found] == [True] * bool(signal.evidence)


async def test_a_lone_honey_touch_opens_however_late_it_is_weighed(
    database: Database, clock: ManualClock
) -> None:
    honey = HoneySettings((HoneyAccount("address_7", "b"),))
    settings = WatchSettings(honey_account=honey)
    relay = log.Relay(database, "one")
    touch = RecoveryRequested(
        recovery=None, account=None, address="address_7", network="network_1", browser="browser_1"
    )
    async with database.write() as tx:
        await log.record(database, tx, touch)
    await relay.place()
    await Watch(database, settings).step()
    for seconds in (0.001, 1, 60, 3600):
        clock.advance(seconds)
        async with database.read() as tx:
            found = await queries.opinions(tx, settings)
        (one,) = [o for o in found if o.hypothesis is Hypothesis.PROVIDER_COMPROMISED]
        assert (one.subject, one.open) == (provider_subject("b"), True)
        assert one.may_cut_automatically


async def _log_with_unplaced(database: Database, relay: log.Relay) -> list[Recorded]:
    await relay.place()
    return await _log(database)


async def test_an_export_of_the_log_replays_to_the_last_bit(
    database: Database, clock: ManualClock
) -> None:
    await _live(database, clock)
    found = logs.Replay(WatchSettings())
    async with database.read() as tx:
        through, wanted = await log.placed_through(tx), logs.kinds()
        assert await queries.place_at(tx, 0) == 0
        assert await queries.place_at(tx, clock.now() + 1) == await log.head(tx)
        position, lines = 0, []
        while batch := await queries.lines(tx, position, 7, wanted):
            lines += batch
            position = batch[-1].position
    for number, line in enumerate(lines, start=2):
        found.take(logs.line_of(logs.encode(line), number))
    found.end(through)
    compared = found.compared()
    assert compared.same == len(found.then) > 0
    assert (compared.missing, compared.new) == (0, 0)


async def test_after_a_restart_only_what_is_new_is_read_and_no_window_is_lost(
    database: Database, clock: ManualClock
) -> None:
    """A half proof that waits when the process dies is said by its successor, in its time."""
    relay = log.Relay(database, "one")
    half = ProofRedeemed(
        recovery="r1",
        account="account_1",
        proof="link",
        providers=("b",),
        same_browser=False,
        known_browser=False,
        network="network_1",
        browser="b1",
    )
    async with database.write() as tx:
        await log.record(database, tx, half, *[_ATTEMPT] * 300)
    await relay.place()
    assert await Watch(database).step() == 301
    clock.advance(44)
    await relay.place()
    assert await Watch(database).step() == 0
    clock.advance(2)
    await relay.place()
    read = await Watch(database).step()
    assert read == 0
    await relay.place()
    (said,) = _raised(await _log(database))
    assert said.detector == "half_proof"


_ATTEMPT = AttemptFinished(
    message="m",
    attempt="t",
    provider="a",
    stream="bulk",
    address="address_1",
    outcome="accepted",
    detail="",
    seconds=1.0,
)
