"""The abuse mailbox on both engines: each mail once, bounded by the day, nothing kept of it."""

from collections.abc import Mapping

import pytest
from dkim_signing import record, sign
from sqlalchemy import insert, select

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import TooMany
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Database
from mailkeep.watch import queries, tables
from mailkeep.watch.abuse import Abuse
from mailkeep.watch.events import AbuseReported
from mailkeep.watch.received import Received
from mailkeep.watch.report_types import ReportSettings, Unreadable

SETTINGS = ReportSettings(abuse="abuse@in.example", per_day=6)


class House:
    def __init__(self, database: Database, clock: ManualClock) -> None:
        clock.advance(100_000)
        self.database, self.asked = database, []
        self.abuse = Abuse(
            database,
            SETTINGS,
            domains=frozenset({"example.com"}),
            received=Received(database, self.ask, SETTINGS.per_day),
        )

    async def ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        self.asked += names
        return {one: (record(),) for one in names}

    async def facts(self) -> list[AbuseReported]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        found = [decode(row["kind"], row["data"]) for row in rows]
        return [one for one in found if isinstance(one, AbuseReported)]


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def mail(sender: str, text: str = "Your account is closed") -> bytes:
    return f"From: {sender}\r\nTo: ada@example.net\r\nSubject: now\r\n\r\n{text}\r\n".encode()


def report(attached: bytes) -> bytes:
    return (
        b"From: ada@example.net\r\nTo: abuse@in.example\r\nSubject: is this yours?\r\n"
        b'Content-Type: multipart/mixed; boundary="o"\r\n\r\n--o\r\nContent-Type: text/plain\r\n'
        b"\r\nI got this\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n"
        + attached
        + b"\r\n--o--\r\n"
    )


async def test_a_reported_mail_counts_once_and_nothing_of_it_is_kept(house: House) -> None:
    raw = report(mail("Us <us@mail.example.com>"))
    assert await house.abuse.sift(["abuse@in.example", "b@x.example"], raw) == ["b@x.example"]
    assert await house.abuse.sift(["ABUSE@in.example"], raw.replace(b"I got", b"We got")) == []
    assert await house.abuse.sift(["b@x.example"], raw) == ["b@x.example"]
    (fact,) = await house.facts()
    assert (fact.domain, fact.name, fact.said, fact.ours) == ("example.com", "", "", False)
    assert house.asked == [], "it bears no signature, so nobody is asked for a key"
    async with house.database.read() as tx:
        (row,), _ = await queries.reports(tx)
        kept = str(dict(await tx.one(select(tables.reports)) or {}))
    assert (row.kind, row.domain, row.believed) == ("abuse", "example.com", False)
    for word in ("ada", "closed", "us@"):
        assert word not in kept + str(fact)


async def test_a_mail_that_we_signed_is_ours(house: House) -> None:
    signed = sign(mail("us@example.com"), "example.com")
    assert (await house.abuse.take(report(signed), via="api")).ours
    forged = signed.replace(b"closed", b"c1osed")
    assert not (await house.abuse.take(report(forged), via="api")).ours
    # Somebody else's signature is none of ours, and his key is not even asked for.
    house.asked.clear()
    foreign = sign(mail("us@thief.example"), "thief.example")
    told = await house.abuse.take(report(foreign), via="api")
    assert (told.domain, told.ours, house.asked) == ("", False, [])


async def test_a_name_like_ours_is_counted_against_the_domain_that_it_is_like(
    house: House,
) -> None:
    name = {"name": "examp1e.com", "domain": "example.com", "way": "homoglyph", "place": 0}
    async with house.database.write() as tx:
        await tx.run(insert(tables.lookalikes).values(**name, fresh=False))
    told = await house.abuse.take(report(mail("us@mail.examp1e.com")), via="api")
    assert (told.domain, told.name, told.new) == ("example.com", "examp1e.com", True)


async def test_a_flood_is_bounded_and_what_is_no_report_is_counted(house: House) -> None:
    await house.abuse.sift(["abuse@in.example"], mail("spam@x.example"))
    with pytest.raises(Unreadable):
        await house.abuse.take(mail("spam@x.example"), via="api")
    for number in range(4):
        await house.abuse.take(report(mail("us@example.com", f"{number}")), via="mail")
    with pytest.raises(TooMany):
        await house.abuse.take(report(mail("us@example.com", "more")), via="api")
    assert await house.abuse.sift(["abuse@in.example"], report(mail("us@example.com"))) == []
    assert len(await house.facts()) == 4
    async with house.database.read() as tx:
        _, refused = await queries.reports(tx)
    assert dict(refused) == {"nothing-attached": 2, "too-many": 2}
