"""Mail that a provider signed as us, and that we never gave it, told of by those who got it."""

from collections.abc import Mapping
from email.utils import formatdate

import pytest
from dkim_signing import record, sign
from sqlalchemy import insert, select

from mailkeep.base.clock import DAY, SECOND, Instant, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import tables
from mailkeep.store.database import Database
from mailkeep.watch.abuse import Abuse
from mailkeep.watch.events import AbuseReported
from mailkeep.watch.received import Received
from mailkeep.watch.report_types import ReportSettings
from mailkeep.watch.unsent import Unsent

from .test_abuse import report

SETTINGS = ReportSettings(abuse="abuse@in.example", per_day=60)
WHOLE = ("from", "to", "subject", "date")


class House:
    """Mail of ours goes out through ``one``, which signs under the selector ``r``."""

    def __init__(self, database: Database, clock: ManualClock, keys: KeyRing) -> None:
        clock.advance(100 * 86_400)
        self.database, self.clock, self.keys = database, clock, keys
        self.signers = {"r": "one"}
        self.count = 0
        self.abuse = Abuse(
            database,
            SETTINGS,
            domains=frozenset({"example.com"}),
            received=Received(database, self.ask, SETTINGS.per_day),
            unsent=Unsent(keys, self.signers, lambda one: one.endswith("@canary.example")),
        )

    async def ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        return {one: (record(),) for one in names}

    async def given(self, address: str, provider: str = "one", days: float = 0) -> None:
        """We gave a provider an address, so many days ago."""
        at = self.clock.now() - round(days * DAY)
        row = {"provider": provider, "stream": "bulk", "day": at // DAY, "count": 1}
        name = self.keys.pseudonym("address", address)
        async with self.database.write() as tx:
            await tx.run(
                insert(tables.exposures).values(**row, address_id=name, first_at=at, last_at=at)
            )
            first = {"address_id": name, "provider": provider, "first_at": at}
            await tx.run(insert(tables.exposed_firsts).values(**first))

    def mail(self, to: str, days: float = 0, *, date: str = "") -> bytes:
        self.count += 1
        at: Instant = self.clock.now() - round(days * DAY)
        return (
            f"From: us@example.com\r\nTo: {to}\r\nSubject: {self.count}\r\n"
            f"Date: {date or formatdate(at / SECOND)}\r\n\r\nYour account is closed\r\n"
        ).encode()

    async def told(
        self, mail: bytes, fields: tuple[str, ...] = WHOLE, domain: str = "example.com"
    ) -> AbuseReported:
        return await self.take(sign(mail, domain, fields=fields))

    async def take(self, raw: bytes) -> AbuseReported:
        await self.abuse.take(report(raw), via="mail")
        async with self.database.read() as tx:
            rows = await tx.all(
                select(events.c.kind, events.c.data).order_by(events.c.id.desc()).limit(1)
            )
        found = decode(rows[0]["kind"], rows[0]["data"])
        assert isinstance(found, AbuseReported)
        return found


@pytest.fixture
def house(database: Database, clock: ManualClock, keys: KeyRing) -> House:
    return House(database, clock, keys)


async def test_mail_to_somebody_to_whom_we_sent_nothing_there_is_not_ours(house: House) -> None:
    await house.given("ada@example.net", days=30)
    told = await house.told(house.mail("Eve <eve@example.org>"))
    assert (told.ours, told.signer, told.unsent) == (True, "one", True)
    # What another provider was given, or this one long ago, is no mail of these days either.
    await house.given("bob@example.org", "two")
    await house.given("cid@example.org", days=20)
    for name in ("bob", "cid"):
        assert (await house.told(house.mail(f"{name}@example.org"))).unsent


async def test_mail_that_we_sent_is_ours_whoever_complains_of_it(house: House) -> None:
    await house.given("ada@example.net", days=30)
    await house.given("eve@example.org", days=1)
    for to in ("Eve@Example.org", "x@example.org, Eve <eve@example.org>"):
        told = await house.told(house.mail(to))
        assert (told.ours, told.signer, told.unsent) == (True, "one", False)


async def test_a_mail_that_waited_keeps_the_date_at_which_it_was_taken_in(house: House) -> None:
    await house.given("ada@example.net", days=30)
    await house.given("eve@example.org", days=1)
    assert not (await house.told(house.mail("eve@example.org", days=6))).unsent


@pytest.mark.parametrize(
    "to",
    ["undisclosed-recipients:;", "", "sig@canary.example", "eve@example.org, a@canary.example"],
)
async def test_where_nobody_is_named_or_a_mailbox_of_our_own_nothing_is_known(
    house: House, to: str
) -> None:
    await house.given("ada@example.net", days=30)
    assert not (await house.told(house.mail(to))).unsent


@pytest.mark.parametrize("missing", ["to", "date"])
async def test_what_is_not_signed_may_have_been_put_there_by_whoever_reports(
    house: House, missing: str
) -> None:
    await house.given("ada@example.net", days=30)
    fields = tuple(one for one in WHOLE if one != missing)
    assert not (await house.told(house.mail("eve@example.org"), fields)).unsent


async def test_of_a_field_that_stands_there_twice_one_is_not_signed(house: House) -> None:
    """Whoever got a mail of ours puts a stranger beside themselves."""
    await house.given("ada@example.net", days=1)
    signed = sign(house.mail("ada@example.net"), "example.com", fields=WHOLE)
    for added in (
        b"To: eve@example.org\r\n" + signed,
        signed.replace(b"From:", b"To: e@x.y\r\nFrom:"),
    ):
        told = await house.take(added)
        assert not told.unsent


@pytest.mark.parametrize("days", [15, -2])
async def test_an_old_mail_is_not_looked_for(house: House, days: float) -> None:
    """Whom we wrote to may have been erased since."""
    await house.given("ada@example.net", days=30)
    assert not (await house.told(house.mail("eve@example.org", days))).unsent
    assert not (await house.told(house.mail("eve@example.org", date="yesterday"))).unsent


async def test_a_house_that_sent_nothing_through_it_before_cannot_tell(house: House) -> None:
    await house.given("ada@example.net", days=1)
    assert not (await house.told(house.mail("eve@example.org"))).unsent


async def test_a_key_of_nobody_known_accuses_nobody(house: House) -> None:
    await house.given("ada@example.net", days=30)
    house.signers.clear()
    told = await house.told(house.mail("eve@example.org"))
    assert (told.ours, told.signer, told.unsent) == (True, "", False)
    house.signers["r"] = "one"
    told = await house.told(house.mail("eve@example.org"), domain="thief.example")
    assert (told.ours, told.unsent) == (False, False)
