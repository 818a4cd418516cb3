"""A provider that serves some of a message's recipients and not the others."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.events.types import decode
from mailkeep.mail import leases, lives, outbox, outcomes, services, tables
from mailkeep.mail.events import CopySplit
from mailkeep.mail.intake import Intake
from mailkeep.mail.splitting import Splitting
from mailkeep.mail.types import Content, Job, NewMessage
from mailkeep.providers.message import Address, Shown
from mailkeep.providers.types import OfCopy, Outcome, OutcomeKind
from mailkeep.store.database import Database

from .conftest import STREAMS, new

Accept = Callable[[NewMessage], Awaitable[str]]
ADA, BOB, CLEO, DORA = (f"{name}@example.net" for name in ("ada", "bob", "cleo", "dora"))
OK, OUT, NEVER = OutcomeKind.ACCEPTED, OutcomeKind.SUPPRESSED_THERE, OutcomeKind.REJECTED
PEOPLE = (BOB, CLEO, DORA)


def copied(**more: object) -> NewMessage:
    message = new(**more)
    content = msgspec.structs.replace(
        message.content,
        more_to=(Address(BOB, "Bob"),),
        cc=(Address(CLEO),),
        bcc=(Address(DORA),),
    )
    return msgspec.structs.replace(message, content=content)


class Room:
    """The outbox, and providers that say of each recipient what the test says."""

    def __init__(self, database: Database, keys: KeyRing, intake: Intake) -> None:
        self.database = database
        self._splitting = Splitting(database, keys, intake, STREAMS)

    async def claim(self) -> list[Job]:
        async with self.database.write() as tx:
            return await outbox.claim(self.database, tx, STREAMS["bulk"], {}, 10)

    async def finish(self, job: Job, main: OutcomeKind, *copies: OutcomeKind) -> None:
        said = tuple(map(OfCopy, PEOPLE, copies))
        done = outcomes.Finished(job, Outcome(main, "", copies=said), 0.1, True, True)
        async with self.database.write() as tx:
            await outcomes.finish(self.database, tx, [done], self._splitting)

    async def facts(self) -> list[CopySplit]:
        async with self.database.read() as tx:
            rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, CopySplit)]

    async def copies(self, message: str) -> list[str]:
        async with self.database.read() as tx:
            return [of for of, _ in await lives.copies(tx, message)]


@pytest.fixture
def room(database: Database, keys: KeyRing, intake: Intake) -> Room:
    return Room(database, keys, intake)


def read(job: Job) -> Content:
    return msgspec.json.decode(job.body, type=Content)


def goes_to(content: Content) -> list[str]:
    return [content.to, *(p.email for p in (*content.more_to, *content.cc, *content.bcc))]


async def test_a_copy_that_was_suppressed_travels_by_another_provider(
    room: Room, accept: Accept
) -> None:
    """And shows its reader the same To and Cc as all others see."""
    message = await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, OK, OUT, OK, OUT)
    again = await room.claim()
    assert {one.provider for one in again} == {"one", "two"} - {job.provider}
    contents = {goes_to(read(one))[0]: read(one) for one in again}
    assert {to: goes_to(one) for to, one in contents.items()} == {BOB: [BOB], DORA: [DORA]}
    seen = Shown((Address(ADA), Address(BOB, "Bob")), (Address(CLEO),))
    assert {one.shown for one in contents.values()} == {seen}
    assert await room.copies(message) == sorted(one.message for one in again)
    facts = await room.facts()
    assert {one.copy for one in facts} == {one.message for one in again}
    assert {(one.message, one.left, one.because) for one in facts} == {
        (message, job.provider, "suppressed_there")
    }
    for one in again:
        await room.finish(one, OK)
    async with room.database.read() as tx:
        for one in again:
            life = await lives.one(tx, one.message)
            assert (life.status, life.copy_of) == ("accepted", message)
    assert await room.claim() == []


async def test_what_is_sent_again_after_a_cut_leaves_out_who_was_served_elsewhere(
    room: Room, accept: Accept
) -> None:
    await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, OK, OUT, OK, OK)
    (copy,) = await room.claim()
    await room.finish(copy, OK)
    async with room.database.write() as tx:
        await services.cut_off(room.database, tx, job.provider, by="op", reason="r", since=0)
    (again,) = await room.claim()
    assert goes_to(read(again)) == [ADA, CLEO, DORA]


async def test_who_has_the_mail_does_not_get_it_again_with_who_was_refused(
    room: Room, accept: Accept
) -> None:
    """The recipient was suppressed and Cleo was not: only she has it."""
    message = await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, OUT, OUT, OK, OUT)
    assert await room.copies(message) == []
    (again,) = await room.claim()
    assert again.message == message
    assert again.provider != job.provider
    content = read(again)
    assert goes_to(content) == [ADA, BOB, DORA]
    assert content.shown == Shown((Address(ADA), Address(BOB, "Bob")), (Address(CLEO),))


async def test_a_recipient_who_does_not_exist_takes_no_copy_with_them(
    room: Room, accept: Accept
) -> None:
    """The message is over once every provider refused it; whoever is refused with it is not."""
    message = await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, NEVER, OUT, OK, NEVER)
    (other,) = await room.claim()
    assert (other.provider != job.provider, goes_to(read(other))) == (True, [ADA, BOB, DORA])
    await room.finish(other, NEVER, OUT)
    (copy,) = await room.claim()  # about Bob the other provider is asked once more
    assert (goes_to(read(copy)), copy.provider) == ([BOB], job.provider)
    async with room.database.read() as tx:
        assert (await lives.one(tx, message)).status == "given_up"


async def test_a_copy_that_one_refuses_for_good_is_tried_at_the_other(
    room: Room, accept: Accept
) -> None:
    message = await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, OK, OK, OK, NEVER)
    (copy,) = await room.claim()
    assert (goes_to(read(copy)), copy.provider != job.provider) == ([DORA], True)
    await room.finish(copy, NEVER)
    async with room.database.read() as tx:
        assert (await lives.one(tx, copy.message)).status == "given_up"
        assert (await lives.one(tx, message)).status == "accepted"


@pytest.mark.parametrize("only", [("one",), ()])
async def test_a_copy_that_no_other_may_carry_is_not_made(
    room: Room, accept: Accept, only: tuple[str, ...]
) -> None:
    avoid = () if only else ("two",)
    message = await accept(copied(only=only, avoid=avoid))
    (job,) = await room.claim()
    await room.finish(job, OK, OUT, OK, OK)
    assert await room.copies(message) == []
    assert await room.claim() == []


@pytest.mark.parametrize("because", [OutcomeKind.DEFERRED, OutcomeKind.THROTTLED])
async def test_a_copy_that_was_put_off_waits_for_the_only_one_that_may_carry_it(
    room: Room, accept: Accept, clock: ManualClock, because: OutcomeKind
) -> None:
    """Else whom a relay defers (452: too many at once) never gets a mail that we took."""
    message = await accept(copied(only=("one",)))
    (job,) = await room.claim()
    await room.finish(job, OK, OK, because, NEVER)
    assert await room.claim() == []
    clock.advance(3)
    (copy,) = await room.claim()
    assert (copy.provider, goes_to(read(copy))) == ("one", [CLEO])
    assert await room.copies(message) == [copy.message]


async def test_whoever_lost_its_lease_splits_nothing(room: Room, accept: Accept) -> None:
    """Else two workers that both were refused would send the copy twice."""
    message = await accept(copied())
    (job,) = await room.claim()
    async with room.database.write() as tx:
        await leases.release(tx)
    (other,) = await room.claim()
    await room.finish(job, OK, OUT, OK, OK)
    assert await room.copies(message) == []
    await room.finish(other, OK, OUT, OK, OK)
    assert len(await room.copies(message)) == 1


async def test_the_addresses_of_a_copy_stand_where_they_are_erased(
    room: Room, accept: Accept
) -> None:
    await accept(copied())
    (job,) = await room.claim()
    await room.finish(job, OK, OUT, OK, OK)
    async with room.database.read() as tx:
        rows = await tx.all(select(tables.messages))
        facts = [one["data"] for one in await tx.all(select(event_tables.events.c.data))]
    assert not [one for one in facts if "@" in one]
    assert not [row for row in rows if "@" in str(dict(row))]
