"""A provider at rest: no ordinary mail, but no mail is stopped; and addresses kept for one only."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.events.types import decode
from mailkeep.mail import lives, outbox, outcomes, queries, services, tables
from mailkeep.mail.events import FailedOver, ProviderRested, ProviderUnrested
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Job, NewMessage
from mailkeep.providers.types import Outcome, OutcomeKind
from mailkeep.store.database import Database

from .conftest import STREAMS, new

Accept = Callable[[NewMessage], Awaitable[str]]


async def _claim(database: Database, stream: str = "bulk") -> list[Job]:
    async with database.write() as tx:
        return await outbox.claim(database, tx, STREAMS[stream], {}, 50)


async def _rest(database: Database, provider: str, since: int = 0) -> int:
    async with database.write() as tx:
        return await services.rest_provider(
            database, tx, provider, by="op", reason="silent", since=since
        )


async def _facts(database: Database, *kinds: type) -> list[object]:
    async with database.read() as tx:
        rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
    found = [decode(row["kind"], row["data"]) for row in rows]
    return [one for one in found if isinstance(one, kinds)]


async def test_ordinary_mail_leaves_a_resting_provider_and_canaries_do_not(
    database: Database, accept: Accept
) -> None:
    await _rest(database, "one")
    for number in range(20):
        await accept(new(to=f"user{number}@example.net"))
    canary = await accept(new(to="canary@example.org", only=("one",), ours=True))
    jobs = await _claim(database)
    assert {job.provider for job in jobs if job.message != canary} == {"two"}
    assert [job.provider for job in jobs if job.message == canary] == ["one"]
    async with database.write() as tx:
        assert await queries.standing(tx, ("one", "two")) == {"two"}
        assert await services.unrest_provider(database, tx, "one", by="op", reason="back")
        assert not await services.unrest_provider(database, tx, "one", by="op", reason="back")
        assert await queries.standing(tx, ("one", "two")) == {"one", "two"}
    facts = await _facts(database, ProviderRested, ProviderUnrested)
    assert facts == [
        ProviderRested(provider="one", by="op", reason="silent"),
        ProviderUnrested(provider="one", by="op", reason="back"),
    ]


async def test_when_all_rest_the_mail_goes_on(database: Database, accept: Accept) -> None:
    """A rest is a suspicion. If it is false for all (our webhook door is shut), nothing stops."""
    await _rest(database, "one")
    await _rest(database, "two")
    await accept(new())
    assert len(await _claim(database)) == 1


async def test_a_resting_provider_that_is_cut_carries_nothing(
    database: Database, accept: Accept
) -> None:
    await _rest(database, "one")
    async with database.write() as tx:
        await services.cut_off(database, tx, "one", by="op", reason="x", since=0)
    await accept(new(only=("one",)))
    assert await _claim(database) == []


async def test_what_nobody_saw_arrive_is_sent_again_elsewhere_once(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    canary = await accept(new(to="canary@example.org", only=("one",), ours=True))
    messages = [await accept(new(to=f"user{number}@example.net")) for number in range(12)]
    taken: dict[str, str] = {}
    for job in await _claim(database):
        taken[job.message] = job.provider
        async with database.write() as tx:
            await outcomes.finish(
                database, tx, [outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, True)]
            )
    through_one = {name for name in messages if taken[name] == "one"}
    clock.advance(10)
    assert await _rest(database, "one", since=clock.now() - 20 * SECOND) == len(through_one)
    assert await _rest(database, "one", since=0) == 0
    again = await _claim(database)
    assert {job.message for job in again} == through_one
    assert {job.provider for job in again} <= {"two"}
    assert canary not in {job.message for job in again}
    assert len(await _facts(database, FailedOver)) == len(through_one)


async def test_mail_of_our_own_exposes_nobody_and_is_forgotten(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    ours = await accept(new(to="canary@example.org", only=("one",), ours=True))
    await accept(new())
    for job in await _claim(database):
        async with database.write() as tx:
            await outcomes.finish(
                database, tx, [outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, ""), 0.1, True)]
            )
    clock.advance(3601)
    async with database.write() as tx:
        exposed = sum([await queries.exposed(tx, one, tx.now) for one in ("one", "two")])
        assert exposed == 1
        assert await services.forget_ours(tx, tx.now - HOUR) == 1
        left = await tx.all(select(tables.addresses.c.address))
        assert [row["address"] for row in left] == ["ada@example.net"]
        assert await tx.value(select(func.count()).select_from(tables.attempts)) == 1
        assert await tx.one(select(tables.messages).where(tables.messages.c.id == ours)) is None


HONEY = {"iris@example.org": "one"}


@pytest.mark.parametrize(
    ("asked", "carried"),
    [
        ({}, ["one"]),
        ({"only": ("one",)}, ["one"]),
        ({"only": ("one", "two")}, ["one"]),
        ({"only": ("two",)}, []),
        ({"avoid": ("one",)}, []),
    ],
)
@pytest.mark.parametrize("stream", ["bulk", "recovery"])
async def test_no_route_but_its_own_carries_mail_to_a_honey_address(
    database: Database,
    keys: KeyRing,
    clock: ManualClock,
    stream: str,
    asked: dict[str, object],
    carried: list[str],
) -> None:
    """Nor does the answer tell that it is bait."""
    intake = Intake(database, keys, STREAMS, honey=HONEY)
    async with database.write() as tx:
        checked = intake.check(new(stream, to="Iris@Example.org", **asked))
        message = await intake.accept(tx, checked)
    assert [job.provider for job in await _claim(database, stream)] == carried
    async with database.write() as tx:
        await services.cut_off(database, tx, "one", by="op", reason="x", since=0)
    clock.advance(120)
    assert await _claim(database, stream) == []
    async with database.read() as tx:
        assert await queries.attempted(tx, message) == frozenset(carried)
        body = tables.message_bodies
        kept = await tx.one(select(body).where(body.c.message_id == message))
    assert (kept is None) == (not carried)


@pytest.mark.parametrize("leave", ["rest", "cut"])
async def test_what_was_on_its_way_when_a_provider_was_left_is_sent_again(
    database: Database, accept: Accept, clock: ManualClock, leave: str
) -> None:
    messages = [await accept(new(to=f"user{number}@example.net")) for number in range(24)]
    jobs = [job for job in await _claim(database) if job.provider == "one"]
    assert jobs
    clock.advance(1)
    if leave == "rest":
        await _rest(database, "one")
    else:
        async with database.write() as tx:
            await services.cut_off(database, tx, "one", by="op", reason="r", since=0)
    clock.advance(1)
    for job in jobs:
        async with database.write() as tx:
            taken = Outcome(OutcomeKind.ACCEPTED, "200")
            await outcomes.finish(database, tx, [outcomes.Finished(job, taken, 0.1, True)])
    again = await _claim(database)
    assert {job.message for job in again} == {job.message for job in jobs} <= set(messages)
    assert {job.provider for job in again} == {"two"}
    # What a provider takes after it was left, since nothing else may carry it, stays there.
    async with database.write() as tx:
        await services.rest_provider(database, tx, "two", by="op", reason="r", since=tx.now)
    clock.advance(1)
    if leave == "rest":
        late = await accept(new(to="late@example.net"))
        (job,) = await _claim(database)
        async with database.write() as tx:
            await outcomes.finish(
                database,
                tx,
                [outcomes.Finished(job, Outcome(OutcomeKind.ACCEPTED, "200"), 0.1, True)],
            )
            assert (await lives.one(tx, late)).status == "accepted"


async def test_what_was_said_of_providers(database: Database) -> None:
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="x", reason="taken over", since=tx.now)
        await services.rest_provider(database, tx, "b", by="x", reason="silent", since=tx.now)
    async with database.read() as tx:
        found = await queries.states(tx)
    assert found["a"].cut_at is not None
    assert (found["a"].cut_reason, found["b"].rest_reason) == ("taken over", "silent")
    assert (found["b"].cut_at, found["a"].rested_at) == (None, None)
