"""The outbox: durable, leased, accounted for before it is sent, shredded after."""

import asyncio
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.utils import parsedate_to_datetime

import msgspec
import pytest
from sqlalchemy import select, update

from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.keys import KeyRing, Unsealable, digest
from mailkeep.mail import (
    bodies,
    building,
    depth,
    lives,
    outbox,
    outcomes,
    queries,
    services,
    tables,
)
from mailkeep.mail.health import Breaker
from mailkeep.mail.intake import Intake
from mailkeep.mail.taking_back import take_back_keyed
from mailkeep.mail.types import Job, Keeping, NewMessage, StreamSettings
from mailkeep.providers import registry
from mailkeep.providers.types import Outcome, OutcomeKind, SmtpRequest
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]


async def _claim(database: Database, stream: str = "bulk", limit: int = 10) -> list[Job]:
    async with database.write() as tx:
        return await outbox.claim(database, tx, STREAMS[stream], {}, limit)


async def _finish(database: Database, job: Job, kind: OutcomeKind, *, reports: bool = True) -> None:
    async with database.write() as tx:
        await outcomes.finish(
            database, tx, [outcomes.Finished(job, Outcome(kind, ""), 0.1, reports)]
        )


async def _status(database: Database, message: str) -> str:
    async with database.read() as tx:
        return (await lives.one(tx, message)).status


async def _has_body(database: Database, message: str) -> bool:
    async with database.read() as tx:
        bodies = tables.message_bodies
        return await tx.one(select(bodies).where(bodies.c.message_id == message)) is not None


async def test_the_claim_itself_writes_attempt_and_exposure(
    database: Database, accept: Accept
) -> None:
    """A kill right after the claim must not hide that a provider may have had the message."""
    message = await accept(new())
    (job,) = await _claim(database)
    async with database.read() as tx:
        tried = await lives.attempts(tx, message)
        assert [(one.id, one.outcome) for one in tried] == [(job.attempt, None)]
        assert await queries.exposed(tx, job.provider, tx.now) == 1
        assert await queries.attempted(tx, message) == {job.provider}


async def test_two_dispatchers_never_claim_the_same(database: Database, accept: Accept) -> None:
    for number in range(30):
        await accept(new(to=f"user{number}@example.net"))
    claims = await asyncio.gather(*(_claim(database, limit=10) for _ in range(4)))
    claimed = [job.message for jobs in claims for job in jobs]
    assert len(claimed) == len(set(claimed)) == 30


async def test_a_lapsed_lease_brings_the_message_back_once(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    message = await accept(new())
    (dead,) = await _claim(database)
    assert await _claim(database) == []
    clock.advance(61)
    (again,) = await _claim(database)
    assert again.message == message
    assert again.attempt != dead.attempt
    await _finish(database, dead, OutcomeKind.UNAVAILABLE)  # the dead worker was only slow
    assert await _status(database, message) == "sending"
    await _finish(database, again, OutcomeKind.ACCEPTED)
    assert await _status(database, message) == "accepted"


async def test_an_ambiguous_secret_stays_with_its_reader(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    await accept(new("recovery"))
    (first,) = await _claim(database, "recovery")
    for _ in range(3):
        job = first
        await _finish(database, job, OutcomeKind.AMBIGUOUS)
        clock.advance(600)
        (job,) = await _claim(database, "recovery")
        assert job.provider == first.provider


async def test_failover_is_an_event(database: Database, accept: Accept, clock: ManualClock) -> None:
    await accept(new())
    (first,) = await _claim(database)
    await _finish(database, first, OutcomeKind.SUSPENDED)
    (second,) = await _claim(database)
    assert second.provider != first.provider
    async with database.read() as tx:
        from mailkeep.events.tables import events

        kinds = [row["kind"] for row in await tx.all(select(events.c.kind))]
    assert kinds.count("mail.failed_over") == 1


@pytest.mark.parametrize("stream", ["recovery", "bulk"])
async def test_who_refuses_for_good_is_not_believed_alone(
    database: Database, accept: Accept, clock: ManualClock, stream: str
) -> None:
    message = await accept(new(stream))
    (first,) = await _claim(database, stream)
    await _finish(database, first, OutcomeKind.REJECTED)
    (second,) = await _claim(database, stream)
    assert second.provider != first.provider
    await _finish(database, second, OutcomeKind.UNAVAILABLE)
    clock.advance(600)
    (again,) = await _claim(database, stream)
    assert again.provider == second.provider  # not the one that refused it
    await _finish(database, again, OutcomeKind.REJECTED)
    assert await _status(database, message) == "given_up"
    assert await _has_body(database, message) == (stream == "bulk")


@pytest.mark.parametrize("stream", ["recovery", "bulk"])
@pytest.mark.parametrize("lasting", [OutcomeKind.SUPPRESSED_THERE, OutcomeKind.SENDER_REFUSED])
@pytest.mark.parametrize("first", [True, False])
async def test_what_one_refuses_for_good_and_none_other_carries_is_over(
    database: Database, accept: Accept, stream: str, lasting: OutcomeKind, first: bool
) -> None:
    """Else it was tried at the other one, in vain, some hundred times a day."""
    message = await accept(new(stream))
    said = [OutcomeKind.REJECTED, lasting] if first else [lasting, OutcomeKind.REJECTED]
    for kind in said:
        (job,) = await _claim(database, stream)
        await _finish(database, job, kind)
    assert await _status(database, message) == "given_up"


async def test_what_none_carries_for_now_waits_until_somebody_mends_it(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    """A domain that is not verified at one, a list at the other: nobody said never."""
    message = await accept(new())
    for kind in (OutcomeKind.SENDER_REFUSED, OutcomeKind.SUPPRESSED_THERE):
        (job,) = await _claim(database)
        await _finish(database, job, kind)
    assert await _status(database, message) == "queued"
    clock.advance(600)
    assert len(await _claim(database)) == 1


async def test_who_is_asked_about_a_mail_and_then_refuses_it_ends_nothing(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    """Whoever loses an answer, and says then that they never had it, is one provider as well."""
    message = await accept(new())
    (first,) = await _claim(database)
    await _finish(database, first, OutcomeKind.AMBIGUOUS)
    clock.advance(60)
    async with database.write() as tx:
        (again,) = await outbox.claim(
            database, tx, STREAMS["bulk"], {}, 1, askable=frozenset({first.provider})
        )
    assert (again.provider, again.ask) == (first.provider, True)
    await _finish(database, again, OutcomeKind.REJECTED)
    assert await _status(database, message) == "queued"
    (other,) = await _claim(database)
    assert other.provider != first.provider


async def test_a_secret_that_only_one_may_read_ends_when_that_one_refuses_it(
    database: Database, accept: Accept
) -> None:
    message = await accept(new("recovery", only=("one",)))
    (job,) = await _claim(database, "recovery")
    await _finish(database, job, OutcomeKind.REJECTED)
    assert await _status(database, message) == "given_up"


async def _dead(database: Database, accept: Accept, clock: ManualClock, stream: str) -> list[str]:
    """One that was refused for good, and one whose time is over."""
    refused = await accept(new(stream))
    while jobs := await _claim(database, stream):
        await _finish(database, jobs[0], OutcomeKind.REJECTED)
    late = await accept(new(stream, expires_at=clock.now() + SECOND))
    clock.advance(2)
    assert await _claim(database, stream) == []
    assert [await _status(database, one) for one in (refused, late)] == ["given_up", "given_up"]
    return [refused, late]


async def test_a_secret_that_is_given_up_is_shredded(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    for message in await _dead(database, accept, clock, "recovery"):
        assert not await _has_body(database, message)
        async with database.write() as tx:
            assert not await services.requeue(database, tx, message, STREAMS, by="op")


async def test_what_was_given_up_can_be_requeued_for_a_while(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    messages = await _dead(database, accept, clock, "bulk")
    for message in messages:
        async with database.write() as tx:
            assert await services.requeue(database, tx, message, STREAMS, by="op")
            assert not await services.requeue(database, tx, message, STREAMS, by="op")
    asked: list[str] = []
    while jobs := await _claim(database):
        for job in jobs:
            asked.append(job.message)
            await _finish(database, job, OutcomeKind.REJECTED)
    assert sorted(asked) == sorted([*messages, *messages])  # of both providers, once more
    clock.advance(STREAMS["bulk"].expires + 3601)
    async with database.write() as tx:
        assert await bodies.sweep(tx, Keeping(3600, 3600), 100) == 2
        assert not await services.requeue(database, tx, messages[0], STREAMS, by="op")


async def test_nothing_goes_to_a_provider_that_is_cut(database: Database, accept: Accept) -> None:
    async with database.write() as tx:
        await services.cut_off(database, tx, "one", by="op", reason="test", since=0)
    for number in range(10):
        await accept(new(to=f"user{number}@example.net"))
    assert {job.provider for job in await _claim(database)} == {"two"}
    async with database.write() as tx:
        await services.cut_off(database, tx, "two", by="op", reason="test", since=0)
    await accept(new())
    assert await _claim(database) == []


async def test_a_cut_sends_again_what_nobody_saw_arrive(database: Database, accept: Accept) -> None:
    """The suspended account said 200 and dropped the mail: it must still arrive."""
    message = await accept(new())
    (job,) = await _claim(database)
    await _finish(database, job, OutcomeKind.ACCEPTED)
    async with database.write() as tx:
        again = await services.cut_off(database, tx, job.provider, by="op", reason="t", since=0)
    assert again == 1
    (second,) = await _claim(database)
    assert second.message == message
    assert second.provider != job.provider


async def test_a_secret_is_sealed_at_rest_and_gone_once_handed_over(
    database: Database, accept: Accept
) -> None:
    message = await accept(new("recovery"))
    async with database.read() as tx:
        stored = await tx.value(select(tables.message_bodies.c.data))
    assert b"plain words" not in bytes(stored)
    (job,) = await _claim(database, "recovery")
    await _finish(database, job, OutcomeKind.ACCEPTED)
    assert not await _has_body(database, message)


async def test_a_secret_cannot_be_read_once_its_hour_has_passed(
    database: Database, accept: Accept, keys: KeyRing, clock: ManualClock
) -> None:
    """Deleted rows stay in logs and backups; the destroyed key is what shreds them."""
    message = await accept(new("recovery"))
    async with database.read() as tx:
        row = await tx.one(select(tables.message_bodies))
    assert row is not None
    assert b"plain words" in keys.unseal_hour(row["hour"], f"body {message}", bytes(row["data"]))
    keys.destroy_expired(clock.now() + 3 * HOUR)
    with pytest.raises(Unsealable):
        keys.unseal_hour(row["hour"], f"body {message}", bytes(row["data"]))


async def test_an_ordinary_body_is_kept_until_a_delivery_is_reported(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    message = await accept(new())
    (job,) = await _claim(database)
    await _finish(database, job, OutcomeKind.ACCEPTED, reports=True)
    assert await _has_body(database, message)
    clock.advance(3700)
    async with database.write() as tx:
        await bodies.sweep(tx, Keeping(3600, 3600), 100)
    assert not await _has_body(database, message)


async def test_what_is_over_already_is_refused_unless_it_is_a_repetition(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    with pytest.raises(Invalid) as refused:
        await accept(new(expires_at=clock.now() - SECOND))
    assert refused.value.field == "expires_at"
    async with database.read() as tx:
        for table in (tables.messages, tables.message_bodies, tables.addresses):
            assert not await tx.all(select(table))
    once = new(expires_at=clock.now() + SECOND, idempotency=("key_1", "order-7"))
    first = await accept(once)
    clock.advance(2)
    assert await accept(once) == first


@pytest.mark.parametrize(
    ("outcome", "taken_back"),
    [
        (OutcomeKind.UNAVAILABLE, True),
        (OutcomeKind.AMBIGUOUS, False),
        (None, False),  # cut short by a kill
    ],
)
async def test_nobody_is_told_that_a_mail_was_taken_back_that_may_have_left(
    database: Database,
    keys: KeyRing,
    accept: Accept,
    clock: ManualClock,
    outcome: OutcomeKind | None,
    taken_back: bool,
) -> None:
    key = ("key_1", "order-7")
    message = await accept(new(idempotency=key))
    (job,) = await _claim(database)
    if outcome is not None:
        await _finish(database, job, outcome)
    else:
        async with database.write() as tx:
            await tx.run(update(tables.messages).values(status="queued"))
    for _ in ("once", "again"):
        async with database.write() as tx:
            told = await take_back_keyed(database, tx, keys, key, ())
        assert (told.message, told.back, told.unsure) == (message, taken_back, not taken_back)
        assert await _status(database, message) == "given_up"
    clock.advance(3600)
    assert await _claim(database) == []


async def test_a_mail_that_was_for_later_bears_the_date_of_then(
    database: Database, keys: KeyRing, accept: Accept, clock: ManualClock
) -> None:
    """One that says that it was written weeks ago is taken for spam, and stands far down."""
    once = ("key_1", "order-7")
    later = new(send_at=clock.now() + 30 * DAY, idempotency=once)
    message = await accept(later)
    clock.advance(30 * 86_400 + 5)
    assert await accept(later) == message
    with pytest.raises(Conflict):
        await accept(new(send_at=clock.now() + DAY, idempotency=once))
    (job,) = await _claim(database)
    relay = provider("one", 25, "smtp")
    module = registry.get("smtp")
    request, _, _ = await building.request(keys, module, relay, job, STREAMS["bulk"])
    assert isinstance(request, SmtpRequest)
    date = parsedate_to_datetime(message_from_bytes(request.data)["Date"])
    assert round(date.timestamp()) * SECOND == clock.now() - 5 * SECOND


async def test_who_names_a_time_that_is_past_goes_before_nobody(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    first = await accept(new())
    clock.advance(1)
    second = await accept(new(send_at=clock.now() - 365 * DAY))
    clock.advance(1)
    async with database.read() as tx:
        oldest = (await depth.depths(tx, STREAMS))["bulk"].oldest
    assert oldest == clock.now() - 2 * SECOND
    assert [job.message for job in await _claim(database)] == [first, second]


async def test_the_same_idempotency_key_is_the_same_message(
    database: Database, accept: Accept
) -> None:
    first = await accept(new(idempotency=("key_1", "order-7")))
    assert await accept(new(idempotency=("key_1", "order-7"))) == first
    assert await accept(new(idempotency=("key_2", "order-7"))) != first
    with pytest.raises(Conflict):
        await accept(new(to="eve@example.net", idempotency=("key_1", "order-7")))


async def test_what_is_kept_of_a_secret_to_know_it_again_tells_nothing_of_it(
    database: Database, keys: KeyRing, accept: Accept
) -> None:
    """Everything in the mail is known but for its code: a thief of the database tries each."""
    secret = new("recovery", idempotency=("key_1", "reset-7"))
    first = await accept(secret)
    m = tables.messages.c
    async with database.read() as tx:
        ((kept, once),) = await tx.tuples(select(m.content_hash, m.idempotency))
    assert once != digest(msgspec.json.encode(secret.idempotency))
    guessed = digest(msgspec.json.encode(secret.content) + b"recovery")
    assert kept not in {None, guessed}
    assert kept == keys.lookup_hash("content", guessed)
    assert await accept(secret) == first
    with pytest.raises(Conflict):
        await accept(new("recovery", to="eve@example.net", idempotency=("key_1", "reset-7")))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (new("buk"), "stream"),
        (new(to="ada@example.net\r\nBcc: eve@example.net"), "to"),
        (new(to="ada"), "to"),
        (new(to="ada@exa\0mple.net"), "to"),
        (new(to="\ud800@example.net"), "to"),
        (new(to="a" * 300 + "@example.net"), "to"),
    ],
)
def test_bad_input_names_the_field(
    keys: KeyRing, tmp_path: object, message: NewMessage, field: str
) -> None:
    intake = Intake(Database(f"sqlite:///{tmp_path}/x.db", ManualClock()), keys, STREAMS)
    with pytest.raises(Invalid) as caught:
        intake.check(message)
    assert caught.value.field == field


async def test_recovery_is_claimed_while_every_bulk_worker_hangs(
    database: Database, accept: Accept
) -> None:
    for number in range(20):
        await accept(new(to=f"user{number}@example.net"))
    await _claim(database, "bulk", 20)
    message = await accept(new("recovery"))
    (job,) = await _claim(database, "recovery")
    assert job.message == message


async def test_one_bad_job_spoils_nobodys_commit(database: Database, intake: Intake) -> None:
    shared = SharedCommit(database)

    async def good(tx: Tx) -> str:
        return await intake.accept(tx, new())

    async def bad(_tx: Tx) -> str:
        raise Conflict("no")

    results = await asyncio.gather(
        *(shared.run(good) for _ in range(5)),
        shared.run(bad),
        *(shared.run(good) for _ in range(5)),
        return_exceptions=True,
    )
    assert isinstance(results[5], Conflict)
    async with database.read() as tx:
        assert (await queries.counts(tx))["queued"] == 10


async def test_the_ledger_counts_by_day(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    for _ in range(2):
        await accept(new(only=("one",)))
        await accept(new(only=("one",)))
        await _claim(database)
        clock.advance(DAY / SECOND)
    async with database.read() as tx:
        rows = await tx.all(select(tables.exposures).order_by(tables.exposures.c.day))
    assert [row["count"] for row in rows] == [2, 2]


async def test_breakers_are_the_lanes_own(database: Database, accept: Accept) -> None:
    """A breaker shared by two streams would let one sender's throttling stop the resets."""
    resting = {"one": Breaker(3, 1, 2**62), "two": Breaker(3, 1, 2**62)}
    await accept(new())
    stream: StreamSettings = STREAMS["bulk"]
    async with database.write() as tx:
        assert await outbox.claim(database, tx, stream, resting, 10) == []
        await tx.run(update(tables.messages).values(next_at=0))
        assert len(await outbox.claim(database, tx, stream, {}, 10)) == 1


async def test_a_claim_looks_at_what_is_due_and_at_nothing_else(database: Database) -> None:
    """Else it reads every message that was ever sent, and the gateway slows down with each."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL plans by statistics, which an empty table has not")
    async with database.read() as tx:
        library = await tx._way.library()
        for look in (outbox._ANY_DUE, outbox._DUE):
            sql, values = look.on(library.dialect).one(
                {"stream": "bulk", "now": tx.now, "lapsed": tx.now, "most": 9}
            )
            plan = await library.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            assert "ix_messages_due (stream=? AND next_at<?)" in str(plan.fetchall())


def _set(topic: str, events: dict[str, asyncio.Event]) -> None:
    if topic in events:
        events[topic].set()


async def test_whoever_takes_mail_in_tells_the_lanes(database: Database, accept: Accept) -> None:
    """No door need remember to: a stream that nobody wakes finds its mail half a second late."""
    listening, told = asyncio.Event(), asyncio.Event()
    database.hear(lambda topic: _set(topic, {"": listening, "due bulk": told}))
    task = asyncio.create_task(database.listen())
    if not database.is_sqlite:
        await asyncio.wait_for(listening.wait(), 10)
    told.clear()
    await accept(new())
    await asyncio.wait_for(told.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
