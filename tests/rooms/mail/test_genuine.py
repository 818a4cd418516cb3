"""'Did you really send this?': what the page knows, and what a phisher and a stranger get of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import msgspec
import pytest
from sqlalchemy import func, insert, select, update

from mailkeep.base import tokens
from mailkeep.base.clock import DAY
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.mail import erasing, genuine, lives, services, tables
from mailkeep.mail.intake import Intake
from mailkeep.mail.taking_back import take_back
from mailkeep.mail.types import Content, GiveUpReason, NewMessage, StreamSettings
from mailkeep.providers.message import Address
from mailkeep.store.database import Database

from .conftest import ROUTES

STREAMS = {
    "alert": StreamSettings("alert", 3, ROUTES, genuine=True),
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, genuine=True),
    "bulk": StreamSettings("bulk", 9, ROUTES),
}
VICTIM, PHISHER = "ada@example.net", "mallory@example.org"
WORDS = "Genuine? {{genuine_link}} or {{genuine_code}}"
Send = Callable[..., Awaitable[tuple[str, str]]]


@pytest.fixture
def send(database: Database, keys: KeyRing) -> Send:
    """Takes a mail in; returns its id and what its text says."""
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")

    async def run(
        to: str = VICTIM, subject: str = "Your invoice", stream: str = "alert", **more: object
    ) -> tuple[str, str]:
        content = Content("us@example.com", to, subject, WORDS, html=f"<p>{WORDS}</p>", **more)
        async with database.write() as tx:
            message = await intake.accept(tx, intake.check(NewMessage(stream, content)))
        b = tables.message_bodies.c
        async with database.read() as tx:
            row = await tx.one(select(b.hour, b.data).where(b.message_id == message))
        data = row["data"]
        if row["hour"] is not None:
            data = keys.unseal_hour(row["hour"], f"body {message}", data)
        return message, data.decode()

    return run


async def _ask(database: Database, keys: KeyRing, code: str, address: str) -> object:
    async with database.read() as tx:
        return await genuine.find(tx, keys, code, address)


async def _to(database: Database, messages: Collection[str]) -> dict[str, str]:
    """To whom each message goes."""
    m, k = tables.messages, tables.addresses
    query = select(m.c.id, k.c.address).join(k, k.c.id == m.c.address_id)
    async with database.read() as tx:
        rows = await tx.all(query.where(m.c.id.in_(list(messages))))
    return {row["id"]: row["address"] for row in rows}


async def test_a_mail_carries_its_code_and_is_known_by_it(
    database: Database, keys: KeyRing, send: Send
) -> None:
    message, text = await send()
    code = genuine.code_of(keys, message)
    assert f"https://example.com/genuine#{code}" in text
    assert tokens.grouped(code) in text
    assert "{{" not in text
    typed = tokens.grouped(code).lower().replace("0", "o")
    found = await _ask(database, keys, typed, VICTIM.upper())
    assert (found.subject, found.to) == ("Your invoice", "a•••@example.net")
    assert found.at is None


async def test_a_phishers_own_code_tells_a_victim_nothing(
    database: Database, keys: KeyRing, send: Send
) -> None:
    message, _ = await send(to=PHISHER)
    code = genuine.code_of(keys, message)
    assert await _ask(database, keys, code, PHISHER) is not None
    assert await _ask(database, keys, code, VICTIM) is None
    assert await _ask(database, keys, "0" * 16, VICTIM) is None
    assert await _ask(database, keys, code, "no address") is None


async def test_a_victims_own_old_code_shows_what_it_was_for(
    database: Database, keys: KeyRing, send: Send
) -> None:
    """Whoever reads at a provider may copy it: the victim sees another subject and an old date."""
    message, _ = await send(subject="Your invoice of May")
    database.clock.advance(40 * 24 * 3600)
    await send(subject="Somebody signed in")
    found = await _ask(database, keys, genuine.code_of(keys, message), VICTIM)
    assert found.subject == "Your invoice of May"
    assert found.taken_in < database.clock.now() - 39 * 24 * 3600 * 1_000_000


async def test_nothing_of_a_secret_mail_that_could_open_anything_is_shown(
    database: Database, keys: KeyRing, send: Send
) -> None:
    message, _ = await send(subject="Your code is 482-913, or AB12CD34", stream="recovery")
    found = await _ask(database, keys, genuine.code_of(keys, message), VICTIM)
    assert found.subject == "Your code is ••••, or ••••"


async def test_who_got_a_copy_may_ask_with_their_own_address(
    database: Database, keys: KeyRing, send: Send
) -> None:
    message, _ = await send(cc=(Address("grace@example.net", ""),))
    found = await _ask(database, keys, genuine.code_of(keys, message), "grace@example.net")
    assert found.to == "g•••@example.net"


async def test_what_never_left_is_not_ours(database: Database, keys: KeyRing, send: Send) -> None:
    message, _ = await send()
    await database.retrying(
        lambda tx: services.cancel(database, tx, message, GiveUpReason.CANCELLED)
    )
    assert await _ask(database, keys, genuine.code_of(keys, message), VICTIM) is None


async def test_the_subject_lies_sealed_and_only_marked_streams_have_one(
    database: Database, keys: KeyRing, send: Send
) -> None:
    _, text = await send(stream="bulk")
    assert "{{genuine_link}}" in text
    await send()
    async with database.read() as tx:
        rows = await tx.all(select(tables.genuine_mails))
    assert len(rows) == 1
    assert b"invoice" not in rows[0]["sealed"]


async def test_the_list_is_of_the_addresses_own_mail(
    database: Database, keys: KeyRing, send: Send
) -> None:
    await send(subject="One")
    await send(to=PHISHER, subject="Two")
    database.clock.advance(1)
    await send(subject="Three")
    async with database.read() as tx:
        name = keys.pseudonym("address", VICTIM)
        found = await genuine.recent(tx, keys, [name], 0, 10)
    assert [one.subject for one in found] == ["Three", "One"]


async def test_a_code_does_not_tell_who_was_blind_copied(
    database: Database, keys: KeyRing, send: Send
) -> None:
    """Who got a mail openly asks with its code and a guess: an answer would say that the guess got
    it as well."""
    message, text = await send(
        cc=(Address("carl@example.net", ""),), bcc=(Address("grace@example.net", "Grace"),)
    )
    assert "grace@example.net" not in text
    code = genuine.code_of(keys, message)
    assert await _ask(database, keys, code, VICTIM) is not None
    assert await _ask(database, keys, code, "carl@example.net") is not None
    assert await _ask(database, keys, code, "grace@example.net") is None
    # She has a code of her own, which is no word about anybody else's mail.
    m, b = tables.messages.c, tables.message_bodies.c
    async with database.read() as tx:
        row = await tx.one(select(m.id, m.copies, m.expires_at).where(m.copy_of == message))
        body = (await tx.value(select(b.data).where(b.message_id == row["id"]))).decode()
    own = genuine.code_of(keys, row["id"])
    assert own in body
    assert code not in body
    found = await _ask(database, keys, own, "grace@example.net")
    assert found.to == "g•••@example.net"
    for other in (VICTIM, "carl@example.net", PHISHER):
        assert await _ask(database, keys, own, other) is None
    content = msgspec.json.decode(body, type=Content)
    assert (content.to, content.bcc) == ("grace@example.net", ())
    assert [one.email for one in content.shown.to] == [VICTIM]
    assert [one.email for one in content.shown.cc] == ["carl@example.net"]


async def test_blind_copies_go_once_and_end_with_their_mail(
    database: Database, keys: KeyRing
) -> None:
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")
    people = tuple(Address(f"{name}@example.net", "") for name in ("grace", "carl"))
    content = Content("us@example.com", VICTIM, "Your invoice", WORDS, bcc=people)
    new = intake.check(NewMessage("alert", content, idempotency=("app", "1")))
    for again in (False, True):
        async with database.write() as tx:
            (taken,) = await intake.accept_many(tx, [new])
        assert taken.repeated is again
    m = tables.messages.c
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.messages)) == 3
    found = await database.retrying(lambda tx: take_back(database, tx, taken.id))
    assert (found.back, len(found.stopped), found.left, found.waiting) == (True, 2, (), ())
    async with database.read() as tx:
        rows = await tx.all(select(m.status))
    assert {row["status"] for row in rows} == {"given_up"}
    # Mail that nobody can ask about stays one message.
    plain = intake.check(NewMessage("bulk", content))
    async with database.write() as tx:
        await intake.accept(tx, plain)
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.messages)) == 4


@pytest.mark.parametrize("outcome", ["accepted", "ambiguous", None])
async def test_what_is_taken_back_names_the_blind_copy_that_left(
    database: Database, keys: KeyRing, outcome: str | None
) -> None:
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")
    people = tuple(Address(f"{name}@example.net", "") for name in ("grace", "carl"))
    content = Content("us@example.com", VICTIM, "Your invoice", WORDS, bcc=people)
    async with database.write() as tx:
        message = await intake.accept(tx, intake.check(NewMessage("alert", content)))
        (gone, _), (stays, _) = await lives.copies(tx, message)
        m, a = tables.messages, tables.attempts
        if outcome == "accepted":
            await tx.run(update(m).where(m.c.id == gone).values(status="accepted"))
        else:  # its answer was lost, and it waits for what its provider says
            row = {"id": "att_1", "message_id": gone, "provider": "a", "started_at": 1}
            await tx.run(insert(a).values(**row, outcome=outcome))
    for _ in ("once", "again"):
        found = await database.retrying(lambda tx: take_back(database, tx, message))
        assert (found.back, found.stopped, found.left) == (True, (stays,), (gone,))
        assert str(found) == (
            f"will not be sent; copies that will not be sent either: {stays}"
            f"; copies that have left, are leaving, or may have left: {gone}"
        )
    # Whoever has it may ask whether it is ours; nobody has the others.
    asked = {one: genuine.code_of(keys, one) for one in (message, gone, stays)}
    addresses = await _to(database, asked)
    answers = {one: await _ask(database, keys, asked[one], addresses[one]) for one in asked}
    assert {one for one, answer in answers.items() if answer} == {gone}
    assert answers[gone].unsure is (outcome != "accepted")


async def test_an_answer_that_was_lost_while_it_waited_to_take_back_is_seen(
    database: Database, keys: KeyRing
) -> None:
    """PostgreSQL gives who waited for a row its new version, and everything else as it was when
    the statement began."""
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")
    content = Content("us@example.com", VICTIM, "Your invoice", WORDS)
    m, a = tables.messages, tables.attempts
    async with database.write() as tx:
        message = await intake.accept(tx, intake.check(NewMessage("alert", content)))
    async with database.write() as tx:  # claimed, tried, and put back to wait
        await tx.run(update(m).where(m.c.id == message).values(tries=1))
        asked = asyncio.create_task(database.retrying(lambda tx: take_back(database, tx, message)))
        await asyncio.sleep(0.5)
        assert not asked.done()
        row = {"id": "att_1", "message_id": message, "provider": "a", "started_at": 1}
        await tx.run(insert(a).values(**row, outcome="ambiguous"))
    found = await asked
    assert (found.back, found.unsure) == (False, True)


async def test_where_the_mail_itself_has_left_its_copies_stay_as_they_are(
    database: Database, keys: KeyRing
) -> None:
    """Such as one for an archive: what it is a copy of is on its way."""
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")
    people = (Address("archive@example.net", ""),)
    content = Content("us@example.com", VICTIM, "Your invoice", WORDS, bcc=people)
    m = tables.messages
    async with database.write() as tx:
        message = await intake.accept(tx, intake.check(NewMessage("alert", content)))
        await tx.run(update(m).where(m.c.id == message).values(status="sending"))
        ((copy, _),) = await lives.copies(tx, message)
        found = await take_back(database, tx, message)
        assert (found.back, found.unsure, found.waiting) == (False, False, (copy,))
        assert str(found) == f"has left, or is leaving; copies that wait still: {copy}"
        assert await lives.copies(tx, message) == [(copy, "queued")]
        with pytest.raises(NotFound):
            await take_back(database, tx, "msg_0")


async def test_who_is_erased_takes_nobody_elses_copy_along(
    database: Database, keys: KeyRing
) -> None:
    intake = Intake(database, keys, STREAMS, public_url="https://example.com/")
    content = Content(
        "us@example.com", VICTIM, "Your invoice", WORDS, bcc=(Address("grace@example.net", ""),)
    )
    async with database.write() as tx:
        await intake.accept(tx, intake.check(NewMessage("alert", content)))
    names = [keys.pseudonym("address", VICTIM)]
    until = database.clock.now() + DAY
    await database.retrying(lambda tx: erasing.erase(database, tx, names, until, 100))
    m = tables.messages.c
    async with database.read() as tx:
        rows = await tx.all(select(m.status, m.copy_of))
        bodies = await tx.value(select(func.count()).select_from(tables.message_bodies))
    assert {row["copy_of"] is None: row["status"] for row in rows} == {
        True: "given_up",
        False: "queued",
    }
    assert bodies == 1


def test_what_would_fill_the_memory_with_blind_copies_is_refused(keys: KeyRing) -> None:
    intake = Intake(None, keys, STREAMS, public_url="https://example.com/")
    people = tuple(Address(f"p{n}@example.net", "") for n in range(49))
    long = "x" * 3_000_000
    content = Content("us@example.com", VICTIM, "Your invoice", long, bcc=people)
    with pytest.raises(
        Invalid, match="more than 100 MB: each blind copy is one of its own"
    ) as refused:
        intake.check(NewMessage("alert", content))
    assert refused.value.field == "bcc"
    assert intake.check(NewMessage("bulk", content)).stream == "bulk"  # one body for all
