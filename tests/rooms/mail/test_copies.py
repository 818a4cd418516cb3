"""Copies and files in the mail room: exposed, held to honey rules, forgotten, and claimed about."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.mail import lives, outbox, outcomes, queries, retention, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, Job, NewMessage
from mailkeep.providers import registry
from mailkeep.providers.message import Address, Attachment, Shown
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind, WebhookRequest
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

Accept = Callable[[NewMessage], Awaitable[str]]
ADA, BOB, CLEO, DORA = (f"{name}@example.net" for name in ("ada", "bob", "cleo", "dora"))
HONEY = {"bait@example.net": "one", "trap@example.net": "two"}
COPIES = {"more_to": (Address(BOB),), "cc": (Address("Cleo@example.net"),), "bcc": (Address(DORA),)}


def copied(message: NewMessage | None = None, **content: object) -> NewMessage:
    message = message or new()
    fields = content or COPIES
    return msgspec.structs.replace(
        message, content=msgspec.structs.replace(message.content, **fields)
    )


async def claim(database: Database) -> list[Job]:
    async with database.write() as tx:
        return await outbox.claim(database, tx, STREAMS["bulk"], {}, 10)


async def finish(database: Database, job: Job, kind: OutcomeKind, *, reports: bool = True) -> None:
    async with database.write() as tx:
        done = outcomes.Finished(job, Outcome(kind, ""), 0.1, reports)
        await outcomes.finish(database, tx, [done])


async def test_whoever_is_named_is_exposed_with_the_claim(
    database: Database, accept: Accept, keys: KeyRing
) -> None:
    """The blast radius of a provider counts the copies too, and those that a mail only shows."""
    shown = Shown(to=(Address(ADA),), cc=(Address("eve@elsewhere.example"),))
    await accept(copied(**COPIES, shown=shown))
    (job,) = await claim(database)
    people = [ADA, BOB, CLEO, DORA, "eve@elsewhere.example"]
    async with database.read() as tx:
        rows = await tx.all(select(tables.exposures))
        assert await queries.exposed(tx, job.provider, tx.now) == len(people)
        known = {row["id"]: row["address"] for row in await tx.all(select(tables.addresses))}
    assert {row["address_id"] for row in rows} == {keys.pseudonym("address", p) for p in people}
    assert {row["count"] for row in rows} == {1}
    assert {one.lower() for one in known.values()} == set(people)
    assert set(known) == {row["address_id"] for row in rows}


async def test_addresses_stand_where_they_can_be_erased_and_nowhere_else(
    database: Database, accept: Accept
) -> None:
    message = await accept(copied())
    async with database.read() as tx:
        row = await tx.one(select(tables.messages).where(tables.messages.c.id == message))
        facts = [one["data"] for one in await tx.all(select(events.c.data))]
        copies = await tx.all(select(tables.message_copies.c.address_id))
    assert row is not None
    assert "@" not in row["copies"]
    assert len(row["copies"].split(",")) == 3
    assert sorted(row["copies"].split(",")) == sorted(one["address_id"] for one in copies)
    assert not [data for data in facts if "@" in data]


@pytest.mark.parametrize(
    ("message", "only", "status"),
    [
        (new(to="bait@example.net"), "one", "queued"),
        (copied(cc=(Address("Bait@example.net"),)), "one", "queued"),
        (copied(bcc=(Address("trap@example.net"),)), "two", "queued"),
        (copied(shown=Shown(cc=(Address("trap@example.net"),))), "two", "queued"),
        (copied(new(only=("two",)), cc=(Address("bait@example.net"),)), "one", "given_up"),
        (
            copied(cc=(Address("bait@example.net"),), bcc=(Address("trap@example.net"),)),
            "one",
            "given_up",
        ),
    ],
)
async def test_a_copy_to_a_honey_address_goes_through_its_provider_only(
    database: Database, keys: KeyRing, message: NewMessage, only: str, status: str
) -> None:
    intake = Intake(database, keys, STREAMS, honey=HONEY)
    async with database.write() as tx:
        stored = await intake.accept(tx, intake.check(message))
    async with database.read() as tx:
        row = await tx.one(select(tables.messages).where(tables.messages.c.id == stored))
        body = await tx.one(select(tables.message_bodies))
    assert row is not None
    assert (row["only"], row["status"]) == (only, status)
    assert (body is None) is (status == "given_up")
    assert {job.provider for job in await claim(database)} <= {only}


async def test_an_address_is_kept_while_a_copy_goes_there(
    database: Database, accept: Accept, clock: ManualClock
) -> None:
    kept = 10 * DAY
    await accept(copied())
    (job,) = await claim(database)
    await finish(database, job, OutcomeKind.ACCEPTED, reports=False)
    clock.advance((kept + SECOND) // SECOND)
    await accept(copied(new(to=CLEO), cc=(Address(DORA),)))
    async with database.write() as tx:
        assert await retention.forget_messages(tx, tx.now - kept, 10) == 1
        left = {row["address"].lower() for row in await tx.all(select(tables.addresses))}
        copies = await tx.value(select(func.count()).select_from(tables.message_copies))
    assert left == {CLEO, DORA}
    assert copies == 1


class Said:
    """A provider that says what the test says."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self._database = database
        accounts = {name: provider(name, 1) for name in ("one", "two")}
        self._claims = Claims(database, SharedCommit(database), accounts)
        self._said: list[Claim] = []
        module = registry.get("mandrill")
        monkeypatch.setattr(module, "verify", lambda _config, request: request)
        monkeypatch.setattr(module, "parse", lambda _config, _verified: self._said)
        self._count = 0

    async def __call__(self, job: Job, kind: ClaimKind, recipient: str | None) -> None:
        self._count += 1
        name = f"claim_{self._count}"
        self._said = [
            Claim(job.provider, name, kind, None, job.message, recipient, None, "", "signature")
        ]
        request = WebhookRequest("", {}, b"", self._database.clock.now())
        assert await self._claims.receive(job.provider, request) == 1


@pytest.fixture
def said(database: Database, monkeypatch: pytest.MonkeyPatch) -> Said:
    return Said(database, monkeypatch)


@pytest.mark.parametrize("kind", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
async def test_a_word_about_a_copy_moves_nothing(
    database: Database, accept: Accept, said: Said, keys: KeyRing, kind: ClaimKind
) -> None:
    """A copy that arrived must not shred the body of a mail that its recipient never got."""
    message = await accept(copied())
    (job,) = await claim(database)
    await finish(database, job, OutcomeKind.ACCEPTED)
    for recipient in ("BOB@example.net", DORA, "stranger@example.org", None):
        await said(job, kind, recipient)
    async with database.read() as tx:
        assert (await lives.one(tx, message)).status == "accepted"
        assert await tx.one(select(tables.message_bodies)) is not None
        data = await tx.all(select(events.c.data).where(events.c.kind == "mail.reported"))
    reports = [msgspec.json.decode(row["data"]) for row in data]
    # Mail to a stranger is none of ours; a bounce may name whom a mail of ours was passed on to.
    foreign = kind is ClaimKind.DELIVERED
    stranger = None if foreign else message
    assert [one["message"] for one in reports] == [message, message, stranger, message]
    assert [one["copy"] for one in reports] == [True, True, not foreign, True]
    bob, dora = (keys.pseudonym("address", one) for one in (BOB, DORA))
    assert [one["address"] for one in reports] == [bob, dora, None, None]


async def test_a_word_about_a_copy_before_the_answer_is_no_word_about_the_mail(
    database: Database, accept: Accept, said: Said
) -> None:
    message = await accept(copied())
    (job,) = await claim(database)
    await said(job, ClaimKind.DELIVERED, BOB)
    await finish(database, job, OutcomeKind.ACCEPTED)
    async with database.read() as tx:
        assert (await lives.one(tx, message)).status == "accepted"
        assert await tx.one(select(tables.message_bodies)) is not None
    again = await accept(copied())
    (job,) = await claim(database)
    await said(job, ClaimKind.DELIVERED, ADA)
    await finish(database, job, OutcomeKind.ACCEPTED)
    async with database.read() as tx:
        assert (await lives.one(tx, again)).status == "delivered"


async def test_a_word_about_the_recipient_moves_the_message(
    database: Database, accept: Accept, said: Said
) -> None:
    message = await accept(copied())
    (job,) = await claim(database)
    await finish(database, job, OutcomeKind.ACCEPTED)
    await said(job, ClaimKind.DELIVERED, "Ada@example.net")
    async with database.read() as tx:
        assert (await lives.one(tx, message)).status == "delivered"
        assert await tx.one(select(tables.message_bodies)) is None


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (copied(cc=(Address(BOB), Address("nobody"))), "cc[1]"),
        (copied(bcc=(Address("b@x.example\nCc: e@x.example"),)), "bcc[0]"),
        (copied(more_to=(Address("bob"),)), "to[1]"),
        (copied(new(to="bob"), more_to=(Address(BOB),)), "to[0]"),
        (copied(shown=Shown(cc=(Address("x"),))), "Cc[0]"),
        (copied(attachments=(Attachment("a/b", b""),)), "attachments[0].filename"),
        (copied(attachments=(Attachment("a", bytes(26 << 20)),)), "attachments"),
        (copied(new("recovery")), "to[1]"),
    ],
)
def test_bad_input_names_the_field_and_its_place(
    keys: KeyRing, tmp_path: object, message: NewMessage, field: str
) -> None:
    intake = Intake(Database(f"sqlite:///{tmp_path}/x.db", ManualClock()), keys, STREAMS)
    with pytest.raises(Invalid) as caught:
        intake.check(message, field="messages[3].")
    assert caught.value.field == f"messages[3].{field}"


def test_a_message_too_large_for_a_route_avoids_it(keys: KeyRing, tmp_path: object) -> None:
    accounts = {"one": provider("one", 1), "two": provider("two", 1, "postmark")}
    database = Database(f"sqlite:///{tmp_path}/x.db", ManualClock())
    intake = Intake(database, keys, STREAMS, providers=accounts)
    large = copied(attachments=(Attachment("a.pdf", bytes(9 << 20)),))
    assert intake.check(large).avoid == ("two",)
    assert intake.check(msgspec.structs.replace(large, avoid=("x",))).avoid == ("x", "two")
    for nowhere in (
        msgspec.structs.replace(large, only=("two",)),
        msgspec.structs.replace(large, avoid=("one",)),
    ):
        with pytest.raises(Invalid) as refused:
            intake.check(nowhere)
        assert refused.value.field == "attachments"
        assert "two takes 10 MB at most" in str(refused.value)


@pytest.mark.parametrize(
    ("send_at", "expires_at", "good"),
    [
        (3600, None, True),
        (3600, 3601, True),
        (3600, 3600, False),
        (400 * 86_400, None, True),
        (3_661 * 86_400, None, False),
    ],
)
def test_what_would_expire_before_it_is_sent_is_refused(
    keys: KeyRing, tmp_path: object, send_at: int, expires_at: int | None, good: bool
) -> None:
    clock = ManualClock()
    intake = Intake(Database(f"sqlite:///{tmp_path}/x.db", clock), keys, STREAMS)
    at = clock.now() + send_at * SECOND
    until = None if expires_at is None else clock.now() + expires_at * SECOND
    message = new(send_at=at, expires_at=until)
    if good:
        assert intake.check(message).send_at == at
        return
    with pytest.raises(Invalid) as refused:
        intake.check(message)
    assert refused.value.field == "send_at"


async def test_the_same_key_with_another_file_is_another_message(
    database: Database, accept: Accept
) -> None:
    def message(content: bytes) -> NewMessage:
        file = (Attachment("a.pdf", content),)
        return copied(new(idempotency=("key_1", "order-7")), attachments=file)

    first = await accept(message(b"one"))
    assert await accept(message(b"one")) == first
    with pytest.raises(Conflict):
        await accept(message(b"two"))


async def test_a_file_comes_out_as_it_went_in(database: Database, accept: Accept) -> None:
    file = Attachment("a.pdf", bytes(range(256)) * 5000, "application/pdf", "id@x")
    await accept(copied(attachments=(file,)))
    (job,) = await claim(database)
    assert job.body == b"", "a large one is read when it is sent"
    async with database.read() as tx:
        body = await outbox.body(tx, job.message)
    assert msgspec.json.decode(body or b"", type=Content).attachments == (file,)


def test_a_body_without_attachments_holds_nothing_of_them() -> None:
    """What most messages are must not grow for what few of them have."""
    plain = msgspec.json.encode(new().content)
    assert set(msgspec.json.decode(plain)) == {"sender", "to", "subject", "text"}
