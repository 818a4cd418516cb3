"""What a provider's word can do: with mail that it holds, and with mail that it does not."""

import itertools
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import func, select, update

from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import bodies, claims, lives, outbox, outcomes, services, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.events import ClaimRefused, ForeignMailReported
from mailkeep.mail.types import Job, NewMessage
from mailkeep.providers import registry
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind, WebhookRequest
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]


class Room:
    """The door for webhooks, behind a provider module that says what the test says."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self._database = database
        self._claims = Claims(
            database, SharedCommit(database), {name: provider(name, 1) for name in ("one", "two")}
        )
        self._said: list[Claim] = []
        self._count = 0
        module = registry.get("mandrill")
        monkeypatch.setattr(module, "verify", lambda _config, request: request)
        monkeypatch.setattr(module, "parse", lambda _config, _verified: self._said)

    async def say(
        self,
        name: str,
        message: str | None,
        kind: ClaimKind = ClaimKind.DELIVERED,
        theirs: str | None = None,
        *,
        kept: bool = True,
    ) -> None:
        """A webhook of a provider; a new one each time. ``theirs``: its own name for the mail."""
        self._count += 1
        self._said = [
            Claim(name, f"claim_{self._count}", kind, theirs, message, None, None, "", "signature")
        ]
        request = WebhookRequest("", {}, b"", self._database.clock.now())
        assert await self._claims.receive(name, request) == kept

    async def claim(self, stream: str = "bulk") -> Job:
        async with self._database.write() as tx:
            [job] = await outbox.claim(self._database, tx, STREAMS[stream], {}, 5)
        return job

    async def cut(self, name: str, since: int = 0) -> None:
        async with self._database.write() as tx:
            await services.cut_off(self._database, tx, name, by="op", reason="x", since=since)

    async def reopen(self) -> None:
        """The word came before, and is in ``claims``; the message is still in hand."""
        async with self._database.write() as tx:
            await tx.run(update(tables.messages).values(status="sending"))

    async def finish(self, job: Job, kind: OutcomeKind, theirs: str | None = None) -> None:
        answer = Outcome(kind, "", provider_message_id=theirs)
        async with self._database.write() as tx:
            await outcomes.finish(self._database, tx, [outcomes.Finished(job, answer, 0.1, True)])

    async def sent(self, accept: Accept, kind: OutcomeKind) -> Job:
        """A message after its first attempt."""
        await accept(new())
        job = await self.claim()
        await self.finish(job, kind)
        return job

    async def state(self) -> tuple[str, int]:
        """(status of the only message, how many bodies are kept)."""
        async with self._database.read() as tx:
            status = await tx.value(select(tables.messages.c.status))
            return status, await tx.value(select(func.count()).select_from(tables.message_bodies))

    async def foreign(self) -> list[tuple[str, str]]:
        async with self._database.read() as tx:
            rows = await tx.all(
                select(events.c.kind, events.c.data)
                .where(events.c.kind == ForeignMailReported.kind)
                .order_by(events.c.id)
            )
        facts = [decode(row["kind"], row["data"]) for row in rows]
        return [(one.provider, one.why) for one in facts if isinstance(one, ForeignMailReported)]

    async def refusals(self) -> list[tuple[str, str]]:
        async with self._database.read() as tx:
            rows = await tx.all(select(events).where(events.c.kind == ClaimRefused.kind))
        facts = [decode(row["kind"], row["data"]) for row in rows]
        return [(one.provider, one.why) for one in facts if isinstance(one, ClaimRefused)]

    async def reports(self) -> int:
        async with self._database.read() as tx:
            kinds = await tx.all(select(events.c.kind).where(events.c.kind == "mail.reported"))
        return len(kinds)


@pytest.fixture
def room(database: Database, monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(database, monkeypatch)


OTHER = {"one": "two", "two": "one"}


async def test_who_holds_a_message_may_say_what_became_of_it(room: Room, accept: Accept) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    assert await room.state() == ("accepted", 1)
    await room.say(job.provider, job.message)
    assert await room.state() == ("delivered", 0)


async def test_a_delivery_may_be_told_before_the_answer_is_written_down(
    room: Room, accept: Accept
) -> None:
    await accept(new())
    job = await room.claim()
    await room.say(job.provider, job.message)
    assert await room.state() == ("delivered", 0)
    await room.finish(job, OutcomeKind.ACCEPTED)
    assert await room.state() == ("delivered", 0)


async def test_who_is_distrusted_moves_nothing_now_or_later(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    async with database.write() as tx:
        assert await services.distrust(database, tx, job.provider, by="key_1", reason="x")
        assert not await services.distrust(database, tx, job.provider, by="key_1", reason="x")
    for kind in (ClaimKind.DELIVERED, ClaimKind.BOUNCED, ClaimKind.REJECTED):
        await room.say(job.provider, job.message, kind)
    assert await room.state() == ("accepted", 1)
    # It is on record, and is no mail that we never sent.
    assert (await room.reports(), await room.foreign()) == (3, [])
    async with database.write() as tx:
        assert await services.trust(database, tx, job.provider, by="key_1", reason="x")
        assert not await services.trust(database, tx, job.provider, by="key_1", reason="x")
    assert await room.state() == ("accepted", 1)
    await room.say(job.provider, job.message)
    assert await room.state() == ("delivered", 0)


async def test_what_it_said_before_the_answer_was_written_down_moves_nothing_either(
    room: Room, accept: Accept, database: Database
) -> None:
    await accept(new())
    job = await room.claim()
    async with database.write() as tx:
        await services.distrust(database, tx, job.provider, by="key_1", reason="x")
    await room.say(job.provider, job.message)
    await room.finish(job, OutcomeKind.ACCEPTED)
    assert await room.state() == ("accepted", 1)


@pytest.mark.parametrize("kind", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
@pytest.mark.parametrize("secret", [False, True])
async def test_who_was_cut_off_closes_nothing_that_it_took_before(
    room: Room, accept: Accept, database: Database, kind: ClaimKind, *, secret: bool
) -> None:
    """Neither what is not sent again, as it took it long ago, nor a secret mail."""
    await accept(new("recovery" if secret else "bulk"))
    job = await room.claim("recovery" if secret else "bulk")
    await room.finish(job, OutcomeKind.ACCEPTED)
    await room.cut(job.provider, since=2**62)
    await room.say(job.provider, job.message, kind)
    assert await room.state() == ("accepted", 0 if secret else 1)
    # Nor later: what it said while it was cut off is on record, and no more.
    async with database.write() as tx:
        await services.restore(database, tx, job.provider, by="key_1", reason="x")
    assert (await room.state())[0] == "accepted"
    assert await room.reports() == 1


@pytest.mark.parametrize("left", ["cut", "offboarded", "suspected"])
async def test_what_waits_after_a_lost_answer_goes_to_another_whatever_is_said(
    room: Room, accept: Accept, database: Database, clock: ManualClock, left: str
) -> None:
    """A late 'delivered' would keep a bulk mail from being sent by who still stands."""
    job = await room.sent(accept, OutcomeKind.AMBIGUOUS)
    if left == "cut":
        await room.cut(job.provider)
    elif left == "offboarded":
        async with database.write() as tx:
            await services.distrust(database, tx, job.provider, by="key_1", reason="x")
    else:
        async with database.write() as tx:
            await bodies.doubt(tx, [job.provider])
    await room.say(job.provider, job.message)
    assert await room.state() == ("queued", 1)
    clock.advance(60)
    again = await room.claim()
    assert again.message == job.message
    assert again.provider == OTHER[job.provider] or left != "cut"


async def test_what_a_suspect_says_that_it_delivered_is_taken_back_by_the_cut(
    room: Room, accept: Accept, database: Database
) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    async with database.write() as tx:
        await bodies.doubt(tx, [job.provider])
    await room.say(job.provider, job.message)
    assert await room.state() == ("delivered", 1)
    await room.cut(job.provider)
    assert await room.state() == ("queued", 1)
    await room.say(job.provider, job.message)
    assert await room.state() == ("queued", 1)


async def test_what_was_told_before_a_cut_closes_nothing_when_the_answer_comes(
    room: Room, accept: Accept
) -> None:
    """Not even a secret mail, which is not sent again."""
    await accept(new("recovery"))
    job = await room.claim("recovery")
    await room.say(job.provider, job.message)
    assert (await room.state())[0] == "delivered"
    await room.reopen()
    await room.cut(job.provider)
    await room.finish(job, OutcomeKind.ACCEPTED)
    assert (await room.state())[0] == "accepted"


@pytest.mark.parametrize("kind", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
async def test_who_refused_a_message_cannot_end_it(
    room: Room, accept: Accept, kind: ClaimKind
) -> None:
    """It waits for another provider; that one must still find its body, and send it."""
    job = await room.sent(accept, OutcomeKind.SUSPENDED)
    await room.say(job.provider, job.message, kind)
    assert await room.state() == ("queued", 1)
    assert await room.reports() == 1
    again = await room.claim()
    assert again.provider == OTHER[job.provider]


@pytest.mark.parametrize("kind", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
async def test_who_had_a_message_before_cannot_end_it_while_another_sends(
    room: Room, accept: Accept, kind: ClaimKind
) -> None:
    first = await room.sent(accept, OutcomeKind.SUSPENDED)
    second = await room.claim()
    await room.say(first.provider, first.message, kind)
    assert await room.state() == ("sending", 1)
    await room.finish(second, OutcomeKind.UNAVAILABLE)
    assert await room.state() == ("queued", 1)


async def test_a_late_word_about_an_ambiguous_send_is_on_record_and_no_more(
    room: Room, accept: Accept, clock: ManualClock
) -> None:
    """It may well be true; our copy stays until who holds the message says so too."""
    first = await room.sent(accept, OutcomeKind.AMBIGUOUS)
    clock.advance(HOUR // 1_000_000)
    second = await room.claim()
    assert second.provider == OTHER[first.provider]
    await room.finish(second, OutcomeKind.ACCEPTED)
    await room.say(first.provider, first.message, ClaimKind.BOUNCED)
    await room.say(first.provider, first.message)
    assert await room.state() == ("accepted", 1)
    assert await room.reports() == 2
    await room.say(second.provider, second.message)
    assert await room.state() == ("delivered", 0)


async def test_a_bounce_after_a_delivery_changes_nothing(room: Room, accept: Accept) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    await room.say(job.provider, job.message)
    await room.say(job.provider, job.message, ClaimKind.BOUNCED)
    assert await room.state() == ("delivered", 0)


async def test_a_provider_from_which_a_message_was_withheld_never_had_it(
    room: Room, database: Database, accept: Accept
) -> None:
    await accept(new())
    job = await room.claim()
    async with database.write() as tx:
        await outcomes.finish(database, tx, [outcomes.Finished(job, None, 0.0, True)])
    await room.say(job.provider, job.message)
    assert await room.state() == ("queued", 1)
    async with database.read() as tx:
        data = await tx.value(select(events.c.data).where(events.c.kind == "mail.reported"))
    assert '"message":null' in data


_BOUNCED = (ClaimKind.SENT, ClaimKind.BOUNCED, None)
_DELIVERED = (ClaimKind.DEFERRED, ClaimKind.DELIVERED, *_BOUNCED)


@pytest.mark.parametrize(
    ("order", "end"),
    [
        *((order, "delivered") for order in itertools.permutations(_DELIVERED)),
        *((order, "bounced") for order in itertools.permutations(_BOUNCED)),
    ],
)
async def test_a_messages_life_ends_the_same_in_any_order(
    room: Room, accept: Accept, order: tuple[ClaimKind | None, ...], end: str
) -> None:
    """None is our own writing down that the provider took it: webhooks come before it too."""
    await accept(new())
    job = await room.claim()
    for kind in order:
        if kind is None:
            await room.finish(job, OutcomeKind.ACCEPTED)
        else:
            await room.say(job.provider, job.message, kind)
    assert await room.state() == (end, 0)


async def test_a_word_that_comes_twice_or_late_counts_once(
    room: Room, accept: Accept, database: Database, clock: ManualClock
) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    await room.say(job.provider, job.message)
    clock.advance(29 * 86_400)
    request = WebhookRequest("", {}, b"", clock.now())
    assert await room._claims.receive(job.provider, request) == 0
    assert await room.reports() == 1


async def test_the_same_word_twice_in_one_webhook_counts_once(room: Room, accept: Accept) -> None:
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    await room.say(job.provider, job.message)
    room._said = [
        Claim(job.provider, "c", ClaimKind.OPENED, None, job.message, None, None, "", "signature")
    ] * 3
    assert await room._claims.receive(job.provider, WebhookRequest("", {}, b"", 1)) == 1


async def test_the_provider_may_say_that_it_has_what_we_are_not_sure_of(
    room: Room, accept: Accept
) -> None:
    """Its answer was lost: its webhook saves a second copy."""
    job = await room.sent(accept, OutcomeKind.AMBIGUOUS)
    await room.say(job.provider, job.message)
    assert await room.state() == ("delivered", 0)


async def test_a_late_word_is_taken_and_counts_less(room: Room, accept: Accept) -> None:
    """A clock that is wrong is no forgery, and who is late may be right."""
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    now = room._database.clock.now()
    for number, (at, late, weight) in enumerate(
        [(now - 2 * SECOND, 2.0, 1.0), (now - HOUR, 3600.0, 1 / 30), (None, None, 1.0)]
    ):
        one = Claim(
            *(job.provider, f"late_{number}", ClaimKind.DELIVERED, None, job.message, None, at),
            *("", "signature"),
        )
        assert await room._claims.take(job.provider, [one]) == 1
        async with room._database.read() as tx:
            last = await tx.one(select(events.c.data).order_by(events.c.id.desc()).limit(1))
            seen = [one.weight for one in await lives.events(tx, job.message)]
        fact = msgspec.json.decode(last["data"])
        assert (fact["late"], round(fact["weight"], 3)) == (late, round(weight, 3))
        assert round(weight, 3) in [round(one, 3) for one in seen]
    assert (await room.state())[0] == "delivered"


async def test_mail_that_we_never_gave_a_provider_is_told_once(room: Room, accept: Accept) -> None:
    """Somebody sends through our account there; mail of our own is none of it."""
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    other = "two" if job.provider == "one" else "one"
    await room.say(job.provider, job.message, theirs="their_1")
    assert await room.foreign() == []
    for _ in range(2):
        await room.say(job.provider, "msg_made_up", theirs="their_2")
        await room.say(job.provider, None, theirs="their_3")
        await room.say(other, job.message, theirs="their_4")
    assert await room.foreign() == [
        (job.provider, "unknown"),
        (job.provider, "unmarked"),
        (other, "not_given"),
    ]


async def test_an_id_that_somebody_got_hides_no_mail_of_his(room: Room, accept: Accept) -> None:
    """Every mail of ours shows its id. The provider gives each mail a name of its own."""
    await accept(new())
    job = await room.claim()
    await room.say(job.provider, job.message, ClaimKind.SENT, theirs="their_0")
    assert await room.foreign() == []  # which name it has is not known before its answer
    await room.finish(job, OutcomeKind.ACCEPTED, theirs="their_1")
    for number in range(2, 5):
        await room.say(job.provider, job.message, theirs=f"their_{number}")
    assert await room.foreign() == [(job.provider, "not_given")] * 3
    assert (await room.state())[0] == "accepted"
    await room.say(job.provider, job.message, theirs="their_1")
    assert len(await room.foreign()) == 3
    assert (await room.state())[0] == "delivered"


async def test_a_flood_of_words_about_one_mail_fills_no_disk(
    room: Room, accept: Accept, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider may tell of its own mail, and not for ever."""
    monkeypatch.setattr(claims, "ABOUT_ONE", 3)
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    for number in range(6):
        await room.say(job.provider, job.message, ClaimKind.SENT, kept=number < 3)
        clock.advance(60)
    assert await room.reports() == 3
    assert await room.refusals() == [(job.provider, "flood")] * 3
    other = await room.sent(accept, OutcomeKind.ACCEPTED)  # of the next it is heard as before
    await room.say(other.provider, other.message)
    assert await room.reports() == 4


async def test_a_flood_of_one_that_is_distrusted_fills_no_disk(
    database: Database, room: Room, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "OTHERS_A_MINUTE", 3)
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    async with database.write() as tx:
        await services.distrust(database, tx, job.provider, by="op", reason="test")
    for number in range(6):
        await room.say(job.provider, job.message, ClaimKind.SENT, kept=number < 3)
    assert await room.reports() == 3
    assert await room.refusals() == [(job.provider, "flood")]


async def test_a_flood_of_words_about_mail_that_is_not_ours_fills_no_disk(
    room: Room, accept: Accept, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who learns what a webhook is proved with can make up mail, and none of ours."""
    monkeypatch.setattr(claims, "OTHERS_A_MINUTE", 3)
    job = await room.sent(accept, OutcomeKind.ACCEPTED)
    other = OTHER[job.provider]
    for number in range(5):
        await room.say(job.provider, None, theirs=f"their_{number}", kept=number < 3)
    await room.say(other, job.message, theirs="their_1")
    await room.say(job.provider, job.message)  # of a mail that it has, it is heard all the same
    assert (await room.state())[0] == "delivered"
    assert await room.reports() == 5
    assert await room.refusals() == [(job.provider, "flood")]
    clock.advance(60)
    await room.say(job.provider, None, theirs="their_9")
    assert await room.reports() == 6
