"""Notices on both engines: authentic only when the provider wrote them to us, now, and once."""

from collections.abc import Mapping

import pytest
from dkim_signing import record, sign
from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Database
from mailkeep.watch.events import ProviderNoticed, ReportRefused
from mailkeep.watch.noticing import Notices
from mailkeep.watch.received import Received
from mailkeep.watch.report_types import ReportSettings

SETTINGS = ReportSettings(
    notices="ops@in.example",
    senders={"one": ("them.example",), "two": ("also.example",)},
    status={"one": "https://status.them.example/"},
    per_day=5,
)
MAIL = (
    b"From: Abuse <abuse@mail.them.example>\r\nTo: ops@in.example\r\n"
    b"Date: Tue, 14 Nov 2023 22:00:00 +0000\r\n"
    b"Subject: Your account has been suspended\r\n\r\nx\r\n"
)
FIELDS = ("from", "to", "date", "subject")
SUSPENDED = ProviderNoticed(provider="one", via="mail", notice="suspended", authentic=True)
CLAIMED = ProviderNoticed(provider="one", via="mail", notice="suspended", authentic=False)


class House:
    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.page: bytes | None = None
        self.incidents: bytes | None = None
        self.fetched: list[str] = []
        self.notices = Notices(database, SETTINGS, Received(database, self.ask, 5), self.fetch)

    async def ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        return {one: (record(),) for one in names}

    async def fetch(self, url: str) -> bytes | None:
        self.fetched.append(url)
        return self.incidents if url.endswith("/incidents.json") else self.page

    async def take(self, raw: bytes) -> list[object]:
        assert await self.notices.sift(["Ops@in.example"], raw) == []
        return await self.facts()

    async def facts(self) -> list[object]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        return [decode(row["kind"], row["data"]) for row in rows]


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


async def test_a_signed_notice_to_us_is_the_providers_word_once(house: House) -> None:
    raw = sign(MAIL, "them.example", fields=FIELDS)
    assert await house.take(raw) == [SUSPENDED]
    assert await house.take(b"Return-Path: <x@y.example>\r\n" + raw) == [SUSPENDED]


async def test_a_notice_that_comes_again_is_the_same_whatever_was_added(house: House) -> None:
    """Who has a copy of one would else have it said for days, and use up what is read of all."""
    raw = sign(MAIL, "them.example", fields=FIELDS)
    assert await house.take(raw) == [SUSPENDED]
    beside = b"DKIM-Signature: v=1; a=rsa-sha256; d=them.example; s=r; h=from:to:date; bh=AA; b=AA"
    assert await house.take(beside + b"\r\n" + raw) == [SUSPENDED]
    end = raw.index(b"==\r\n")  # base64 writes the same octets in several ways
    other = raw[: end - 1] + bytes([raw[end - 1] + 1]) + raw[end:]
    assert await house.take(other) == [SUSPENDED]


async def test_one_providers_notices_keep_no_other_out(house: House) -> None:
    for number in range(9):
        mail = MAIL.replace(b"\r\nx\r\n", b"\r\nx%d\r\n" % number)
        await house.take(sign(mail, "them.example", fields=FIELDS))
    facts = await house.facts()
    assert (facts.count(SUSPENDED), facts[-1]) == (
        5,
        ReportRefused(via="mail", why="too-many", count=4),
    )
    mail = MAIL.replace(b"them.example", b"also.example")
    await house.take(sign(mail, "also.example", fields=FIELDS))
    assert (await house.facts())[-1] == ProviderNoticed(
        provider="two", via="mail", notice="suspended", authentic=True
    )


@pytest.mark.parametrize(
    "raw",
    [
        MAIL,
        sign(MAIL, "them.example", fields=("from", "subject")),  # whoever it was written to
        sign(MAIL.replace(b"ops@in", b"eve@in"), "them.example", fields=FIELDS),  # to another
        sign(MAIL.replace(b"2023", b"2022"), "them.example", fields=FIELDS),  # of last year
        sign(MAIL, "evil.example", fields=FIELDS),
        sign(MAIL, "them.example", fields=FIELDS).replace(b"suspended", b"suspended "[:-1] + b"!"),
        b"To: ops@in.example\r\n" + sign(MAIL, "them.example", fields=FIELDS),
        MAIL.replace(b"To: ops@in.example", b"To: " + b"(" * 5000),
    ],
)
async def test_anything_else_in_its_name_is_anyones_word(house: House, raw: bytes) -> None:
    assert await house.take(raw) == [CLAIMED]


async def test_a_stranger_is_refused_and_a_flood_keeps_no_notice_out(house: House) -> None:
    (fact,) = await house.take(MAIL.replace(b"them.example", b"evil.example"))
    assert fact == ReportRefused(via="mail", why="no-provider", count=1)
    for number in range(9):
        await house.take(MAIL + str(number).encode())
    assert (await house.facts()).count(CLAIMED) == 4
    assert SUSPENDED in await house.take(sign(MAIL, "them.example", fields=FIELDS))


async def test_a_status_page_is_said_now_and_then(house: House) -> None:
    await house.notices.poll()
    house.page = b'{"status":{"indicator":"none"}}'
    await house.notices.poll()
    api = "https://status.them.example/api/v2"
    assert house.fetched == [f"{api}/incidents.json", f"{api}/status.json"] * 2
    assert await house.facts() == []
    house.page = b'{"status":{"indicator":"critical"}}'
    for _ in range(7):
        await house.notices.poll()
        house.clock.advance(300)
    assert (
        await house.facts()
        == [ProviderNoticed(provider="one", via="status", notice="outage", authentic=True)] * 2
    )


async def test_incidents_of_a_page_are_read_before_its_indicator(house: House) -> None:
    house.page = b'{"status":{"indicator":"none"}}'
    house.incidents = (
        b'{"incidents":[{"name":"Mail delays","status":"investigating","impact":"major"}]}'
    )
    await house.notices.poll()
    house.incidents = (
        b'{"incidents":[{"name":"Security incident","status":"monitoring","impact":"none"}]}'
    )
    await house.notices.poll()
    assert await house.facts() == [
        ProviderNoticed(provider="one", via="status", notice="outage", authentic=True),
        ProviderNoticed(provider="one", via="status", notice="security", authentic=True),
    ]
    house.incidents = house.incidents.replace(b"monitoring", b"resolved")
    house.clock.advance(3600)
    await house.notices.poll()
    assert len(await house.facts()) == 2
