"""A provider that took a mail, and says by a webhook that it did not send one of the copies."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.events.types import decode
from mailkeep.mail import lives, outbox, outcomes, services, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.events import CopySplit
from mailkeep.mail.intake import Intake
from mailkeep.mail.splitting import Splitting
from mailkeep.mail.types import Content, Job, NewMessage
from mailkeep.providers.message import Address, Shown
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new

Accept = Callable[[NewMessage], Awaitable[str]]
ADA, BOB, CLEO = (f"{name}@example.net" for name in ("ada", "bob", "cleo"))
OTHER = {"one": "two", "two": "one"}


class Room:
    """The outbox, and the door for what providers say."""

    def __init__(self, database: Database, keys: KeyRing, intake: Intake) -> None:
        self.database = database
        self._splitting = Splitting(database, keys, intake, STREAMS)
        self._claims = Claims(database, SharedCommit(database), {}, ["bulk"], self._splitting)
        self._count = 0

    async def claim(self) -> list[Job]:
        async with self.database.write() as tx:
            return await outbox.claim(self.database, tx, STREAMS["bulk"], {}, 10)

    async def finish(self, job: Job, kind: OutcomeKind = OutcomeKind.ACCEPTED) -> None:
        done = outcomes.Finished(job, Outcome(kind, ""), 0.1, True, True)
        async with self.database.write() as tx:
            await outcomes.finish(self.database, tx, [done], self._splitting)

    async def sent(self, accept: Accept) -> Job:
        """A mail with two copies, that a provider took."""
        message = new()
        content = msgspec.structs.replace(message.content, cc=(Address(BOB),), bcc=(Address(CLEO),))
        await accept(msgspec.structs.replace(message, content=content))
        (job,) = await self.claim()
        await self.finish(job)
        return job

    async def say(self, job: Job, *words: tuple[ClaimKind, str], by: str = "") -> None:
        """One webhook."""
        claims = []
        for kind, whom in words:
            self._count += 1
            name, provider = f"claim_{self._count}", by or job.provider
            claims.append(
                Claim(provider, name, kind, None, job.message, whom, None, "", "signature")
            )
        assert await self._claims.take(by or job.provider, claims) == len(claims)

    async def facts(self) -> list[CopySplit]:
        async with self.database.read() as tx:
            rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, CopySplit)]

    async def body(self, message: str) -> Content:
        b = tables.message_bodies.c
        async with self.database.read() as tx:
            data = await tx.value(select(b.data).where(b.message_id == message))
        return msgspec.json.decode(data, type=Content)


@pytest.fixture
def room(database: Database, keys: KeyRing, intake: Intake) -> Room:
    return Room(database, keys, intake)


@pytest.mark.parametrize("kind", [ClaimKind.SUPPRESSED, ClaimKind.REJECTED])
async def test_a_copy_that_was_not_sent_goes_on_by_another_provider(
    room: Room, accept: Accept, kind: ClaimKind
) -> None:
    job = await room.sent(accept)
    await room.say(job, (kind, BOB))
    (copy,) = await room.claim()
    content = msgspec.json.decode(copy.body, type=Content)
    assert (copy.provider, content.to) == (OTHER[job.provider], BOB)
    assert (content.cc, content.bcc) == ((), ())
    assert content.shown == Shown((Address(ADA),), (Address(BOB),))
    (fact,) = await room.facts()
    assert (fact.message, fact.copy, fact.left) == (job.message, copy.message, job.provider)
    async with room.database.read() as tx:
        assert (await lives.one(tx, job.message)).status == "accepted"
        assert (await lives.one(tx, copy.message)).copy_of == job.message
    # What may be sent again leaves them out: they have a mail of their own now.
    left = await room.body(job.message)
    assert (left.cc, left.bcc) == ((), (Address(CLEO),))
    await room.say(job, (kind, BOB))
    await room.finish(copy)
    assert await room.claim() == []
    assert len(await room.facts()) == 1


async def test_it_may_be_told_before_the_answer_is_written_down(room: Room, accept: Accept) -> None:
    message = new()
    content = msgspec.structs.replace(message.content, cc=(Address(BOB),))
    await accept(msgspec.structs.replace(message, content=content))
    (job,) = await room.claim()
    await room.say(job, (ClaimKind.SUPPRESSED, BOB))
    await room.finish(job)
    (copy,) = await room.claim()
    assert msgspec.json.decode(copy.body, type=Content).to == BOB


async def test_the_word_of_one_that_was_left_keeps_no_copy_back(room: Room, accept: Accept) -> None:
    """It said that all arrived, and was cut off; who carries the mail now refuses one of them."""
    first = await room.sent(accept)
    await room.say(first, (ClaimKind.DELIVERED, BOB))
    async with room.database.write() as tx:
        await services.cut_off(room.database, tx, first.provider, by="op", reason="x", since=0)
    (second,) = await room.claim()
    assert second.provider == OTHER[first.provider]
    await room.finish(second)
    await room.say(second, (ClaimKind.SUPPRESSED, BOB))
    (fact,) = await room.facts()
    assert (fact.message, fact.left) == (second.message, second.provider)


@pytest.mark.parametrize(
    "word",
    [
        ClaimKind.DELIVERED,
        ClaimKind.BOUNCED,
        ClaimKind.COMPLAINED,
        ClaimKind.UNSUBSCRIBED,
        ClaimKind.OPENED,
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_who_had_the_mail_or_wants_none_gets_no_other(
    room: Room, accept: Accept, word: ClaimKind, together: bool
) -> None:
    """Providers put on their list whoever complains."""
    job = await room.sent(accept)
    if together:
        await room.say(job, (ClaimKind.SUPPRESSED, BOB), (word, BOB))
    else:
        await room.say(job, (word, BOB))
        await room.say(job, (ClaimKind.SUPPRESSED, BOB))
    assert await room.claim() == []
    assert await room.facts() == []


async def test_only_who_holds_the_mail_has_a_say(room: Room, accept: Accept) -> None:
    job = await room.sent(accept)
    await room.say(job, (ClaimKind.SUPPRESSED, BOB), by=OTHER[job.provider])
    await room.say(job, (ClaimKind.SUPPRESSED, "stranger@example.org"))
    await room.say(job, (ClaimKind.SUPPRESSED, ADA))  # the recipient's fate is the message's own
    assert await room.claim() == []
    assert await room.facts() == []
