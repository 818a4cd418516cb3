"""The journal on both engines: mail of others is known as ours, and nothing is sent for it."""

from collections.abc import Sequence

import pytest
from sqlalchemy import func, insert, select

from mailkeep.base.clock import DAY, MINUTE, SECOND, ManualClock
from mailkeep.base.errors import Invalid, NotAllowed, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import journal as room
from mailkeep.mail import outbox, queries, services, shifting, tables
from mailkeep.mail.claims import Claims
from mailkeep.mail.events import AttemptFinished, DeliveryReported, ForeignMailReported
from mailkeep.mail.intake import Intake
from mailkeep.mail.journal import Journal, Noted, Sent
from mailkeep.mail.types import JournalSettings
from mailkeep.providers.types import Claim, ClaimKind
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, new, provider

SETTINGS = JournalSettings(patience=900.0, per_day=20)


class House:
    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.journal = Journal(database, keys, SETTINGS, STREAMS, frozenset({"one", "two"}))
        providers = {name: provider(name, 1) for name in ("one", "two")}
        shared = SharedCommit(database)
        self.claims = Claims(database, shared, providers, journal=self.journal)
        self.count = 0

    def line(
        self, name: str = "a", *, ago: int = 0, to: str = "ada@example.net", **more: str
    ) -> Sent:
        of, stream = more.get("provider", "one"), more.get("stream", "bulk")
        return Sent(of, name, to, stream, self.clock.now() - ago)

    async def note(self, *lines: Sent, by: str = "key_1") -> Noted:
        checked = self.journal.check(lines)
        async with self.database.write() as tx:
            return await self.journal.note(tx, checked, by=by)

    async def say(
        self,
        name: str | None,
        kind: ClaimKind = ClaimKind.DELIVERED,
        of: str = "one",
        claim: str = "",
        to: str = "ada@example.net",
    ) -> int:
        self.count += 1
        said = Claim(
            *(of, claim or f"claim_{self.count}", kind, name, None),
            *(to, self.clock.now(), "", "signature"),
        )
        return await self.claims.take(of, [said])

    async def facts(self, *kinds: type) -> Sequence[object]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, kinds)]

    async def statuses(self) -> list[str]:
        async with self.database.read() as tx:
            return [row["status"] for row in await tx.all(select(tables.messages.c.status))]


@pytest.fixture
def house(database: Database, keys: KeyRing, clock: ManualClock) -> House:
    return House(database, keys, clock)


async def test_a_line_is_a_message_with_its_exposure_and_no_body(house: House) -> None:
    assert await house.note(house.line("a"), house.line("b")) == Noted(2, 0, 0)
    assert await house.note(house.line("a"), house.line("a", provider="two")) == Noted(1, 1, 0)
    first, *_ = await house.facts(AttemptFinished)
    assert isinstance(first, AttemptFinished)
    assert (first.provider, first.stream, first.outcome) == ("one", "bulk", "accepted")
    assert first.told
    async with house.database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.message_bodies)) == 0
        assert await tx.value(select(func.count()).select_from(tables.addresses)) == 0
        assert await queries.exposed_to_each(tx) == {"one": 1, "two": 1}
        count = select(tables.exposures.c.count).where(tables.exposures.c.provider == "one")
        assert await tx.value(count) == 2
    assert await house.statuses() == ["accepted"] * 3


async def test_one_id_for_several_recipients_is_a_mail_to_each(house: House) -> None:
    """As Amazon SES names a mail: else the ledger would miss whom the provider was given."""
    told = [house.line(to=to) for to in ("ada@example.net", "bob@example.net")]
    assert await house.note(*told) == Noted(2, 0, 0)
    assert await house.note(*reversed(told), house.line(to="eve@example.net")) == Noted(1, 2, 0)
    assert await house.note(*told) == Noted(0, 2, 0)
    async with house.database.read() as tx:
        rows = await tx.all(select(tables.exposures.c.address_id, tables.exposures.c.count))
    assert [row["count"] for row in rows] == [1, 1, 1]
    for to in ("bob@example.net", "ada@example.net"):
        await house.say("a", ClaimKind.BOUNCED, to=to)
    async with house.database.read() as tx:
        found = await tx.all(select(tables.messages.c.address_id, tables.messages.c.status))
    assert sorted(row["status"] for row in found) == ["accepted", "bounced", "bounced"]


async def test_what_the_provider_says_of_it_is_said_of_ours(house: House) -> None:
    await house.note(house.line("a"))
    assert await house.say("a") == 1
    (told,) = await house.facts(DeliveryReported)
    (sent,) = await house.facts(AttemptFinished)
    assert told.message == sent.message
    assert await house.statuses() == ["delivered"]
    # Another provider's word about the same name is about another mail.
    await house.say("a", of="two")
    assert len(await house.facts(DeliveryReported)) == 1


async def test_a_webhook_that_comes_first_waits_for_its_line(house: House) -> None:
    assert await house.say("a", claim="c1") == 1
    assert await house.say("a", claim="c1") == 0  # the provider tries again
    assert not await house.claims.release()
    assert await house.facts(DeliveryReported, ForeignMailReported) == []
    await house.note(house.line("a"))
    await house.claims.release()
    (told,) = await house.facts(DeliveryReported, ForeignMailReported)
    assert told.message is not None
    assert await house.statuses() == ["delivered"]
    async with house.database.read() as tx:
        assert await room.waiting(tx) == 0
    # It comes once more, long after: it is known.
    assert await house.say("a", claim="c1") == 0


async def test_what_no_line_tells_of_is_a_strangers_mail_after_a_while(house: House) -> None:
    await house.say("thief")
    house.clock.advance(899)
    await house.claims.release()
    assert await house.facts(ForeignMailReported) == []
    house.clock.advance(2)
    await house.claims.release()
    (foreign,) = await house.facts(ForeignMailReported)
    assert (foreign.provider, foreign.why) == ("one", "unmarked")
    # What names no mail at all waits for nothing.
    await house.say(None, ClaimKind.ACCOUNT_NOTICE)
    assert len(await house.facts(DeliveryReported)) == 2


async def test_what_waits_shows_nobodys_address(house: House) -> None:
    await house.say("a")
    async with house.database.read() as tx:
        row = await tx.one(select(tables.journal_waiting))
    assert row is not None
    assert b"ada@" not in b"".join(str(one).encode() for one in row.values())


async def test_a_late_line_is_for_the_ledger_alone(house: House) -> None:
    """A week that is brought at once must not look like a week of mail of which nothing arrived."""
    taken = await house.note(
        house.line("a", ago=11 * MINUTE),
        house.line("b", ago=8 * DAY),
        house.line("c", ago=-6 * MINUTE),
        house.line("d", ago=-4 * MINUTE),
    )
    assert taken == Noted(2, 0, 2)
    assert len(await house.facts(AttemptFinished)) == 1
    async with house.database.read() as tx:
        assert await queries.exposed_to_each(tx) == {"one": 1}


async def test_a_flood_is_bounded_by_key_and_day_and_nothing_of_it_is_half_stored(
    house: House,
) -> None:
    await house.note(*(house.line(str(n)) for n in range(15)))
    with pytest.raises(TooMany):
        await house.note(*(house.line(str(n)) for n in range(100, 110)))
    assert len(await house.statuses()) == 15
    assert (await house.note(house.line("x"), by="key_2")).new == 1
    house.clock.advance(86_400)
    assert (await house.note(house.line("y"))).new == 1


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"provider": "none"}, "sent[1].provider"),
        ({"stream": "none"}, "sent[1].stream"),
        ({"to": "no address"}, "sent[1].to"),
        ({"name": ""}, "sent[1].id"),
        ({"name": "x" * 201}, "sent[1].id"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    house: House, line: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as error:
        await house.note(house.line(), house.line(**line))
    assert error.value.field == field
    assert await house.statuses() == []


async def test_a_lying_journal_has_nothing_sent(house: House) -> None:
    """Not by a cut, not by a rest: what has no body is not sent again."""
    await house.note(*(house.line(str(n)) for n in range(9)))
    async with house.database.write() as tx:
        since = tx.now - DAY
        again = await services.cut_off(house.database, tx, "one", by="x", reason="y", since=since)
    assert again == 0
    async with house.database.write() as tx:
        assert await outbox.claim(house.database, tx, STREAMS["bulk"], {}, 50) == []


async def test_a_journal_opens_no_account_that_is_closed_to_us(
    house: House, clock: ManualClock
) -> None:
    """Nor does it say how mail of ours fared, or that a provider carried any."""
    async with house.database.write() as tx:
        await tx.run(
            insert(tables.attempts).values(
                id=new_id("att", tx.now),
                message_id="msg_x",
                provider="one",
                started_at=tx.now,
                seconds=0.1,
                detail="",
                outcome="suspended",
            )
        )
    clock.advance(2)
    await house.note(house.line("a"), house.line("b"))
    await house.say("a")
    async with house.database.read() as tx:
        since = tx.now - 5 * MINUTE
        assert await shifting.closed_to_us(tx, ["one"], since) == {"one"}
        assert (await shifting.fared(tx, "bulk", ["one"], since))["one"] == shifting.Fared()
        assert await queries.carried(tx, {"one"}, since) == 0


async def test_lines_are_forgotten_with_the_messages(house: House) -> None:
    await house.note(house.line("a"), house.line("b"))
    house.clock.advance(100 * DAY / SECOND)
    async with house.database.write() as tx:
        assert await room.forget(tx, before=tx.now - 90 * DAY, limit=1) == 1
        assert await room.forget(tx, before=tx.now - 90 * DAY, limit=9) == 1


async def test_a_house_that_observes_takes_no_mail(database: Database, keys: KeyRing) -> None:
    intake = Intake(database, keys, STREAMS, closed=True)
    with pytest.raises(NotAllowed):
        intake.check(new())
    async with database.write() as tx:
        with pytest.raises(NotAllowed):
            await intake.accept_many(tx, [new()])
