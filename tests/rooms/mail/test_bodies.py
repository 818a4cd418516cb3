"""A provider that takes mail, drops it and says whatever makes us forget it."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import MINUTE, SECOND, Instant, ManualClock
from mailkeep.mail import bodies, lives, outbox, outcomes, queries, services, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.types import GiveUpReason, Job, Keeping, NewMessage
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]
KEEP = Keeping(3600, 3600, doubted=86_400, streams={"told": 0.0})


class Room:
    """One stream; ``keeps``: whether its bodies outlive a provider's word."""

    def __init__(self, database: Database, *, keeps: bool) -> None:
        self.database = database
        self._keeps = keeps
        self._claims = Claims(
            database,
            SharedCommit(database),
            {name: provider(name, 1) for name in ("one", "two")},
            ["bulk"] if keeps else (),
        )

    async def claim(self) -> list[Job]:
        async with self.database.write() as tx:
            return await outbox.claim(self.database, tx, STREAMS["bulk"], {}, 50)

    async def finish(
        self, job: Job, *, reports: bool = True, kind: OutcomeKind = OutcomeKind.ACCEPTED
    ) -> None:
        done = outcomes.Finished(job, Outcome(kind, "said"), 0.1, reports, self._keeps)
        async with self.database.write() as tx:
            await outcomes.finish(self.database, tx, [done])

    async def taken(self, *, reports: bool = True) -> list[Job]:
        """What is due, taken by its provider."""
        jobs = await self.claim()
        for job in jobs:
            await self.finish(job, reports=reports)
        return jobs

    async def say(self, job: Job, kind: ClaimKind = ClaimKind.DELIVERED) -> None:
        name = f"{job.attempt}{kind}"
        one = Claim(job.provider, name, kind, None, job.message, None, None, "", "signature")
        assert await self._claims.take(job.provider, [one]) == 1

    async def cut(self, name: str, since: Instant = 0, *, distrust: bool = True) -> int:
        async with self.database.write() as tx:
            return await services.cut_off(
                self.database, tx, name, by="op", reason="it lies", since=since, distrust=distrust
            )

    async def rest(self, name: str) -> int:
        async with self.database.write() as tx:
            return await services.rest_provider(
                self.database, tx, name, by="op", reason="silent", since=0
            )

    async def doubt(self, *names: str) -> None:
        async with self.database.write() as tx:
            await bodies.doubt(tx, names)

    async def swept(self) -> int:
        async with self.database.write() as tx:
            return await bodies.sweep(tx, KEEP, 100)

    async def bodies(self) -> int:
        async with self.database.read() as tx:
            return int(await tx.value(select(func.count()).select_from(tables.message_bodies)))

    async def status(self, message: str) -> str:
        async with self.database.read() as tx:
            return (await lives.one(tx, message)).status


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database, keeps=True)


@pytest.fixture
def told(database: Database) -> Room:
    """Bulk: there is much of it, and a body goes at its provider's word."""
    return Room(database, keeps=False)


@pytest.mark.parametrize("word", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
async def test_what_a_liar_swallowed_is_sent_again_after_the_cut(
    room: Room, accept: Accept, clock: ManualClock, word: ClaimKind
) -> None:
    """'It arrived' and 'nobody takes it' are both words that make us forget a mail."""
    messages = {await accept(new(to=f"user{number}@example.net")) for number in range(12)}
    jobs = await room.taken()
    for job in jobs:
        await room.say(job, word)
    swallowed = {job.message for job in jobs if job.provider == "one"}
    assert swallowed
    assert await room.bodies() == len(messages)
    clock.advance(30 * 60)
    assert await room.swept() == 0
    async with room.database.read() as tx:
        since = tx.now - 60 * MINUTE
        assert await queries.unconfirmed(tx, "one", since, distrust=True) == len(swallowed)
        assert await queries.unconfirmed(tx, "one", since) == 0
    assert await room.cut("one", since) == len(swallowed)
    again = await room.claim()
    assert {job.message for job in again} == swallowed
    assert {job.provider for job in again} == {"two"}
    assert all(b"plain words" in job.body for job in again)
    for job in jobs:
        if job.provider == "one":  # it says so again: of mail that is with another
            await room.say(job, ClaimKind.OPENED)
    for job in again:
        await room.finish(job)
        assert await room.status(job.message) == "accepted"


async def test_what_a_liar_refused_for_good_is_sent_after_the_cut(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    """'Nobody can send this' is a word too, and ends a mail sooner than any other."""
    messages = [await accept(new(to=f"user{number}@example.net")) for number in range(12)]
    await room.cut("two")  # while the other one is out, and nobody else can be asked
    jobs = await room.claim()
    refused = {job.message for job in jobs}
    assert refused == set(messages)
    for job in jobs:
        await room.finish(job, kind=OutcomeKind.REJECTED)
    async with room.database.write() as tx:
        await services.restore(room.database, tx, "two", by="op", reason="it is well")
    cancelled = await accept(new())
    async with room.database.write() as tx:
        assert await services.cancel(room.database, tx, cancelled, GiveUpReason.CANCELLED)
    async with room.database.read() as tx:
        assert await queries.unconfirmed(tx, "one", 0, distrust=True) == len(refused)
        assert await queries.unconfirmed(tx, "one", 0) == 0
    assert await room.cut("one") == len(refused)
    again = await room.claim()
    assert {(job.message, job.provider) for job in again} == {(one, "two") for one in refused}
    for job in again:
        await room.finish(job)
    assert {await room.status(one) for one in messages} == {"accepted"}
    # What another one refuses is over: a cut of the first does not bring it back.
    late = await accept(new(to="late@example.net"))
    (job,) = await room.claim()
    await room.finish(job, kind=OutcomeKind.REJECTED)
    assert (job.provider, await room.status(late)) == ("two", "given_up")
    assert await room.cut("one") == 0
    clock.advance(2 * 86_400)
    assert await room.cut("two") == len(messages)  # its time is over: not that one
    assert await room.status(late) == "given_up"


async def test_a_refusal_for_good_that_comes_after_the_cut_ends_nothing(
    room: Room, accept: Accept
) -> None:
    message = await accept(new())
    (job,) = await room.claim()
    await room.cut(job.provider)
    await room.finish(job, kind=OutcomeKind.REJECTED)
    assert await room.status(message) == "queued"


async def test_a_cut_may_believe_what_was_reported(room: Room, accept: Accept) -> None:
    """Of a provider that we leave for its price, nothing need come twice."""
    await accept(new())
    (job,) = await room.taken()
    await room.say(job)
    assert await room.cut(job.provider, distrust=False) == 0
    assert await room.status(job.message) == "delivered"


async def test_a_rest_distrusts_no_report(room: Room, accept: Accept) -> None:
    await accept(new())
    (job,) = await room.taken()
    await room.say(job)
    assert await room.rest(job.provider) == 0


async def test_what_is_over_is_not_sent_again_on_the_word_that_it_arrived(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    expires = clock.now() + 600 * SECOND
    await accept(new(expires_at=expires))
    (job,) = await room.taken()
    await room.say(job)
    clock.advance(601)
    assert await room.cut(job.provider) == 0
    assert await room.status(job.message) == "delivered"


async def test_a_body_goes_when_its_time_is_over_and_nothing_speaks_against_its_provider(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    await accept(new())
    (job,) = await room.taken(reports=False)  # a relay, whose 250 says as little
    assert await room.bodies() == 1
    clock.advance(3590)
    assert await room.swept() == 0
    clock.advance(20)
    await room.doubt(job.provider)
    assert await room.swept() == 0
    await room.doubt()
    assert await room.swept() == 1


async def test_a_suspicion_keeps_bodies_no_longer_than_its_bound(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    """Else whoever keeps us suspicious fills our disk."""
    await accept(new())
    (job,) = await room.taken()
    await room.doubt(job.provider, "two")
    clock.advance(86_390)
    assert await room.swept() == 0
    clock.advance(20)
    assert await room.swept() == 1


@pytest.mark.parametrize("why", ["doubt", "rest", "cut"])
async def test_no_word_counts_while_something_speaks_against_a_provider(
    told: Room, accept: Accept, clock: ManualClock, why: str
) -> None:
    """Not even in a stream that believes it otherwise."""
    await accept(new(to="a@example.net", only=("one",)))
    await accept(new(to="b@example.net", only=("one",)))
    first, second = await told.taken()
    await told.say(first)
    assert await told.bodies() == 1
    clock.advance(1)
    if why == "doubt":
        await told.doubt("one")
    elif why == "rest":
        await told.rest("one")
    else:
        await told.cut("one")
    await told.say(second)
    assert await told.bodies() == 1


async def test_what_was_on_its_way_to_a_liar_is_sent_again(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    """It says 'delivered' before it answers; it was cut off meanwhile."""
    message = await accept(new())
    (job,) = await room.claim()
    clock.advance(1)
    await room.cut(job.provider)
    clock.advance(1)
    await room.say(job)
    await room.finish(job)
    assert await room.status(message) in {"queued", "delivered"}
    assert await room.bodies() == 1


async def test_a_lost_answer_that_a_report_makes_up_for_has_its_time_too(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    """What was never written down as taken must not be kept for ever, nor be left out of a cut."""
    await accept(new())
    (job,) = await room.claim()
    await room.say(job)
    assert await room.status(job.message) == "delivered"
    assert await room.cut(job.provider, since=clock.now() - MINUTE) == 1
    await room.claim()


async def test_a_lost_answer_that_a_report_makes_up_for_is_swept(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    await accept(new())
    (job,) = await room.claim()
    await room.say(job)
    clock.advance(3700)
    assert await room.swept() == 1


async def test_no_secret_outlives_its_handover(database: Database) -> None:
    assert not STREAMS["recovery"].keeps
