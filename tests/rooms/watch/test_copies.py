"""Copies as a journal on both engines: what a signed one adds, what a liar who knows the address
can do with it, and how the provider's word finds it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec
import pytest
from dkim_signing import record, sign
from sqlalchemy import func, insert, select
from structlog.testing import capture_logs

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant, ManualClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import copies as ledger
from mailkeep.mail import journal, queries, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.events import AttemptFinished, DeliveryReported, ForeignMailReported
from mailkeep.mail.journal import Journal
from mailkeep.mail.types import (
    CopySettings,
    JournalSettings,
    RouteSettings,
    Status,
    StreamSettings,
)
from mailkeep.providers.types import Claim, ClaimKind
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit
from mailkeep.watch import dkim_keys
from mailkeep.watch.copies import Copies

COPIES = CopySettings("in.example.com", ("example.com",), editions=(1, 2), per_day=9)
STREAMS = {
    "alert": StreamSettings("alert", 2, (RouteSettings("one"),)),
    "security": StreamSettings("security", 1, (RouteSettings("one"),), secret=True),
}
FIELDS = ("from", "to", "cc", "date", "subject")
SECRET = "https://shop.example.com/reset#s3cr3t-of-ada"


class House:
    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        shared = SharedCommit(database)
        self.places = ledger.places(keys, COPIES, {"one", "two"}, set(STREAMS))
        settings = JournalSettings(patience=900.0)
        told = Journal(database, keys, settings, STREAMS, frozenset({"one", "two"}), self.places)
        self.claims = Claims(database, shared, {}, journal=told)
        self.asked: list[tuple[str, ...]] = []
        self.keyless = False
        self.copies = Copies(
            database,
            shared,
            ledger.Copies(database, keys, STREAMS, COPIES.per_day),
            self.places,
            frozenset(COPIES.senders),
            frozenset(STREAMS),
            self.ask,
        )
        self.count = 0

    async def ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        self.asked.append(names)
        known = {"r._domainkey.example.com"}
        return {one: (record(),) for one in names if one in known and not self.keyless}

    def address(self, provider: str = "one", stream: str = "alert") -> str:
        return [
            one.address
            for one in self.places.values()
            if (one.provider, one.stream) == (provider, stream)
        ][-1]

    def mail(
        self, to: str = "ada@example.net", *, ago: int = 0, sender: str = "example.com"
    ) -> bytes:
        self.count += 1
        at = format_datetime(datetime.fromtimestamp((self.clock.now() - ago) // SECOND, UTC))
        return (
            f"From: Shop <shop@{sender}>\r\nTo: {to}\r\nSubject: Reset {self.count}\r\n"
            f"Date: {at}\r\n\r\n{SECRET}\r\n"
        ).encode()

    async def take(self, raw: bytes, to: str | None = None) -> None:
        assert await self.copies.sift([to or self.address(), "x@y.example"], raw) == ["x@y.example"]

    async def come(self, to: str = "ada@example.net", *, ago: int = 0, **of: str) -> bytes:
        raw = sign(self.mail(to, ago=ago), "example.com", fields=FIELDS)
        await self.take(raw, self.address(**of))
        return raw

    async def say(
        self,
        name: str,
        to: str = "ada@example.net",
        kind: ClaimKind = ClaimKind.DELIVERED,
        of: str = "one",
    ) -> int:
        self.count += 1
        said = Claim(
            *(of, f"claim_{self.count}", kind, name, None),
            *(to, self.clock.now(), "", "signature"),
        )
        return await self.claims.take(of, [said])

    async def later(self, of: str = "one") -> None:
        """A copy of other mail comes, and then nothing for as long as a word waits."""
        self.clock.advance(1)
        await self.come("later@example.net", provider=of)
        self.clock.advance(901)
        await self.claims.release()

    async def facts(self, *kinds: type) -> Sequence[object]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, kinds)]

    async def statuses(self) -> list[str]:
        async with self.database.read() as tx:
            return [row["status"] for row in await tx.all(select(tables.messages.c.status))]

    async def refused(self) -> dict[str, int]:
        await self.copies.settle()
        async with self.database.read() as tx:
            return await ledger.refused(tx)


@pytest.fixture
def house(database: Database, keys: KeyRing, clock: ManualClock) -> House:
    return House(database, keys, clock)


async def test_a_copy_is_a_message_with_its_exposure_and_no_body(house: House) -> None:
    await house.come("ada@example.net, bob@example.org")
    first, second = await house.facts(AttemptFinished)
    assert isinstance(first, AttemptFinished)
    assert isinstance(second, AttemptFinished)
    assert (first.provider, first.stream, first.outcome) == ("one", "alert", "accepted")
    assert first.told
    assert second.told
    # The provider was given three addresses, the one for copies among them.
    assert first.recipients + second.recipients == 3
    assert await house.statuses() == ["accepted"] * 2
    async with house.database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.message_bodies)) == 0
        assert await tx.value(select(func.count()).select_from(tables.addresses)) == 0
        assert await queries.exposed_to_each(tx) == {"one": 2}


async def test_nothing_that_a_copy_says_is_kept_or_logged(house: House) -> None:
    with capture_logs() as logs:
        await house.come()
        await house.take(house.mail())  # one that is refused
        await house.say("m1")
    await house.copies.settle()
    async with house.database.read() as tx:
        rows = [
            dict(row)
            for one in tables.metadata.sorted_tables
            if one.name in {"events", "messages", "attempts", "caught_mail"}
            or one.name.startswith("journal")
            for row in await tx.all(select(one))
        ]
    text = f"{rows} {logs}"
    for word in ("s3cr3t", "Reset", "ada@", "shop@", house.address()):
        assert word not in text


async def test_the_stream_is_that_of_the_address_or_of_a_header(house: House) -> None:
    await house.come(stream="security")
    raw = sign(house.mail(), "example.com", fields=FIELDS)
    await house.take(b"X-Mailkeep-Stream: security\r\n" + raw)
    raw = sign(house.mail(), "example.com", fields=FIELDS)
    await house.take(b"X-Mailkeep-Stream: none\r\n" + raw)
    found = await house.facts(AttemptFinished)
    assert [one.stream for one in found] == ["security", "security", "alert"]


async def test_a_liar_who_learned_the_address_can_do_nothing(house: House) -> None:
    """Not frame a provider by mail that never was, not fill the ledger, not hide mail of his."""
    for _ in range(20):
        await house.take(house.mail("victim@example.net"))
        await house.take(sign(house.mail(sender="evil.example"), "evil.example", fields=FIELDS))
    forged = sign(house.mail("victim@example.net"), "example.com", fields=FIELDS)
    await house.take(forged.replace(b"victim@", b"others@"))
    await house.take(forged, "copy-aaaaaaaaaaaaaaaaaaaaaaaaaa@in.example.com")
    assert await house.facts(AttemptFinished) == []
    assert await house.statuses() == []
    await house.say("thief", "victim@example.net")
    await house.later()
    assert len(await house.facts(ForeignMailReported)) == 1
    assert await house.refused() == {"foreign": 20, "unsigned": 21, "unknown-address": 1}
    # Nobody's domain was asked for but ours, and that once.
    assert house.asked == [("r._domainkey.example.com",)]


async def test_noise_does_not_keep_a_copy_out(house: House) -> None:
    for number in range(200):
        fake = sign(house.mail(), "example.com", fields=FIELDS)
        fake = fake.replace(b"s=r;", f"s=r{number};".encode())
        try:
            await house.take(fake)
        except Unavailable:
            continue
    assert sum(map(len, house.asked)) <= dkim_keys.ASKED_A_MINUTE
    house.clock.advance(61)
    await house.come()
    house.clock.advance(400)  # its key is asked for anew, whatever is asked for besides
    for number in range(200):
        fake = sign(house.mail(), "example.com", fields=FIELDS)
        with pytest.raises(Unavailable):
            await house.take(fake.replace(b"s=r;", f"s=q{number};".encode()))
    await house.come()
    assert len(await house.facts(AttemptFinished)) == 2


async def test_who_got_a_mail_brings_its_copy_once_and_changes_nothing_in_it(house: House) -> None:
    raw = await house.come()
    for again in (raw, b"Received: x\r\n" + raw, raw.replace(b"\r\n\t ", b"\r\n   ")):
        await house.take(again)
        await house.take(again, house.address(stream="security"))
    assert len(await house.facts(AttemptFinished)) == 1
    assert await house.refused() == {"known": 6}


async def test_a_flood_of_signed_copies_is_bounded_by_the_day(house: House) -> None:
    for _ in range(12):
        await house.come()
    await house.come(provider="two")
    assert len(await house.statuses()) == 10
    assert await house.refused() == {"too-many": 3}
    house.clock.advance(DAY / SECOND)
    await house.come()
    assert len(await house.statuses()) == 11


async def test_a_late_copy_is_for_the_ledger_alone(house: House) -> None:
    await house.come(ago=11 * MINUTE)
    await house.come(ago=8 * DAY)
    await house.come(ago=-6 * MINUTE)
    assert await house.facts(AttemptFinished) == []
    async with house.database.read() as tx:
        assert await queries.exposed_to_each(tx) == {"one": 1}
    assert await house.refused() == {"stale": 2}


async def test_what_the_provider_says_of_it_is_said_of_ours(house: House) -> None:
    await house.come()
    assert await house.say("m1", kind=ClaimKind.SENT) == 1
    assert await house.say("m1", "Ada@Example.net") == 1
    told = await house.facts(DeliveryReported, ForeignMailReported)
    (sent,) = await house.facts(AttemptFinished)
    assert [one.message for one in told] == [sent.message] * 2
    assert await house.statuses() == ["delivered"]


async def test_a_word_that_comes_first_waits_for_the_copy(house: House) -> None:
    await house.say("m1", kind=ClaimKind.SENT)
    await house.say("m1")
    await house.say("m2", "bob@example.org")
    await house.come()
    await house.claims.release()
    told = await house.facts(DeliveryReported, ForeignMailReported)
    (sent,) = await house.facts(AttemptFinished)
    assert [one.message for one in told] == [sent.message] * 2
    await house.later()
    assert len(await house.facts(ForeignMailReported)) == 1
    async with house.database.read() as tx:
        assert await journal.waiting(tx) == 0


async def test_a_mail_that_another_process_named_meanwhile_stops_no_copy(house: House) -> None:
    """Its copy came, and a word of it waited, at the same moment in two processes."""
    await house.say("m1")
    async with house.database.write() as tx:
        (row,) = await tx.all(select(tables.journal_waiting))
        name = ledger.of_copy(row["mail"], row["whom"])
        named = {"provider": "one", "mail": name, "message_id": "msg_x", "received_at": tx.now}
        await tx.run(insert(tables.journal).values(**named))
    await house.come()
    assert await house.statuses() == ["accepted"]


async def test_each_copy_answers_for_one_mail(house: House) -> None:
    """A stranger's mail to somebody who gets ours is left over."""
    await house.come()
    await house.say("m1")
    await house.say("thief")
    await house.say("m1", kind=ClaimKind.OPENED)
    await house.later()
    assert len(await house.facts(ForeignMailReported)) == 1
    await house.come("bob@example.org")
    await house.say("other", "bob@example.org", of="two")
    await house.later("two")
    assert len(await house.facts(ForeignMailReported)) == 2  # a copy is of one provider's mail


async def test_while_no_copy_comes_nobodys_mail_is_a_strangers(house: House) -> None:
    """Whoever stops our copies, or a port that is closed, must not accuse the provider."""
    await house.come()
    for number in range(3):
        await house.say(f"m{number}", f"user{number}@example.net")
    house.clock.advance(3 * HOUR / SECOND)
    assert not await house.claims.release()
    # They come again: a queue of them, each when its time is.
    await house.come("user0@example.net", ago=3 * HOUR)
    await house.claims.release()
    house.clock.advance(890)
    await house.come("user1@example.net", ago=3 * HOUR)
    await house.claims.release()
    assert await house.facts(ForeignMailReported) == []
    house.clock.advance(11)
    await house.claims.release()
    assert len(await house.facts(ForeignMailReported)) == 1
    assert len(await house.facts(DeliveryReported)) == 3


async def test_a_word_waits_a_day_at_most_and_the_doctor_hears_of_it(house: House) -> None:
    await house.say("m1")
    house.clock.advance(DAY / SECOND + 1)
    await house.claims.release()
    assert await house.facts(ForeignMailReported, DeliveryReported) == []
    async with house.database.read() as tx:
        assert await journal.waiting(tx) == 0
    assert await house.refused() == {"none-came": 1}


async def test_words_that_wait_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailkeep.mail.journal.MOST_WAITING", 3)
    for number in range(3):
        await house.say(f"m{number}", f"user{number}@example.net")
    house.clock.advance(61)
    await house.claims.release()
    await house.say("m9", "user9@example.net")
    async with house.database.read() as tx:
        assert await journal.waiting(tx) == 3
    assert len(await house.facts(ForeignMailReported)) == 1


async def test_of_whom_no_copies_are_asked_a_line_tells(
    house: House, database: Database, keys: KeyRing
) -> None:
    of_one = ledger.places(
        keys, msgspec.structs.replace(COPIES, providers=("one",)), {"one", "two"}, STREAMS
    )
    assert {one.provider for one in of_one.values()} == {"one"}
    names = frozenset({"one", "two"})
    told = Journal(database, keys, JournalSettings(), STREAMS, names, of_one)
    house.claims = Claims(database, SharedCommit(database), {}, journal=told)
    await house.say("m1", of="two")
    house.clock.advance(901)
    await house.claims.release()
    assert len(await house.facts(ForeignMailReported)) == 1


async def test_one_name_for_a_mail_to_several_is_each_ones_own(house: House) -> None:
    await house.come("ada@example.net, bob@example.org")
    await house.say("m1", "bob@example.org", ClaimKind.BOUNCED)
    await house.say("m1", "ada@example.net")
    assert sorted(await house.statuses()) == ["bounced", "delivered"]
    assert await house.facts(ForeignMailReported) == []


async def test_what_becomes_of_the_copy_itself_is_no_word_of_a_mail(house: House) -> None:
    """The provider's word that our own address got it would close the mail that nobody got."""
    async with house.database.write() as tx:
        message = new_id("msg", tx.now)
        await tx.run(insert(tables.messages).values(**_sent(message, tx.now)))
        await tx.run(
            insert(tables.attempts).values(
                id="att_1", message_id=message, provider="one", started_at=1, outcome="accepted"
            )
        )
    address = house.address()
    said = Claim(
        *("one", "c1", ClaimKind.DELIVERED, "m1", message),
        *(address.upper(), house.clock.now(), "", "signature"),
    )
    await house.claims.take("one", [said, msgspec.structs.replace(said, message_id=None)])
    async with house.database.read() as tx:
        assert await journal.waiting(tx) == 0
    assert await house.facts(DeliveryReported, ForeignMailReported) == []
    assert await house.statuses() == ["accepted"]
    # A copy of that mail, which we sent ourselves, is known.
    raw = sign(house.mail(), "example.com", fields=FIELDS)
    await house.take(f"X-Mailkeep-Id: {message}\r\n".encode() + raw)
    assert len(await house.statuses()) == 1


async def test_keys_that_cannot_be_had_are_waited_for(house: House) -> None:
    house.keyless = True
    with pytest.raises(Unavailable):
        await house.come()
    house.keyless = False
    await house.come()
    house.keyless = True
    await house.come()  # known for a while
    house.clock.advance(dkim_keys.KEY_SECONDS + 1)
    with pytest.raises(Unavailable):
        await house.come()
    assert len(await house.statuses()) == 2


async def test_an_edition_that_is_taken_no_more_is_unknown(
    house: House, database: Database, keys: KeyRing
) -> None:
    new = ledger.places(keys, msgspec.structs.replace(COPIES, editions=(2,)), {"one"}, STREAMS)
    old = ledger.places(keys, msgspec.structs.replace(COPIES, editions=(1,)), {"one"}, STREAMS)
    assert not new.keys() & old.keys()
    assert new.keys() | old.keys() < house.places.keys()
    assert house.address() not in repr(house.places[house.address()])


async def test_copies_are_forgotten_with_the_messages(house: House) -> None:
    for _ in range(3):
        await house.come("ada@example.net, bob@example.org")
    house.clock.advance(100 * DAY / SECOND)
    async with house.database.write() as tx:
        # As many as it may are a sign that there are more, though no word was ever heard of one.
        assert await journal.forget(tx, before=tx.now - 90 * DAY, limit=2) == 2
        assert await journal.forget(tx, before=tx.now - 90 * DAY, limit=9) > 0
        assert await tx.all(select(tables.journal_copies)) == []
        assert await ledger.heard(tx) == {}


def _sent(message: str, now: Instant) -> dict[str, object]:
    return {
        "id": message,
        "stream": "alert",
        "priority": 2,
        "address_id": "address_1",
        "status": Status.ACCEPTED.value,
        "secret": False,
        "only": "",
        "avoid": "",
        "tries": 1,
        "created_at": now,
        "expires_at": now + HOUR,
        "next_at": now,
        "provider": "one",
    }
