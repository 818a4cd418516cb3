"""Reports on both engines: each once, believed by whose signature they bear, bounded by the day."""

import asyncio
import base64
import gzip
import threading
from collections.abc import Mapping

import msgspec
import pytest
from dkim_signing import record, sign
from reports_made import report, row, tls
from sqlalchemy import select

from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import TooMany
from mailkeep.events.tables import events
from mailkeep.events.types import Fact, decode
from mailkeep.store.database import Database
from mailkeep.watch import dkim, dmarc, queries
from mailkeep.watch.events import DmarcReported, ReportRefused, TlsReported
from mailkeep.watch.received import Received
from mailkeep.watch.report_types import ReportSettings, Unreadable, are_brought
from mailkeep.watch.reports import Reports, forget_reports

SETTINGS = ReportSettings(
    "", "dmarc@in.example", believe=("them.example", "also.example"), per_day=5
)
HEAD = (
    b"From: noreply@them.example\r\nTo: dmarc@in.example\r\nSubject: Report\r\n"
    b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)


class House:
    def __init__(self, database: Database, clock: ManualClock) -> None:
        clock.advance(100_000)
        self.clock = clock
        self.asked: list[str] = []
        self.slow = asyncio.Event()
        self.database = database
        self.received = Received(database, self.ask, SETTINGS.per_day)
        self.reports = Reports(
            database,
            SETTINGS,
            domains=frozenset({"example.com"}),
            receiving=frozenset({"in.example"}),
            received=self.received,
        )

    async def ask(self, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        self.asked += names
        if any("slow.example" in one for one in names):
            await self.slow.wait()
        known = ("them.example", "also.example")
        return {one: (record(),) for one in names if one.endswith(known)}

    async def facts(self) -> list[Fact]:
        async with self.database.read() as tx:
            rows = await tx.all(
                select(events.c.kind, events.c.data)
                .where(events.c.kind.startswith("watch."))
                .order_by(events.c.id)
            )
        return [one for row in rows if (one := decode(row["kind"], row["data"])) is not None]


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def mail(text: bytes, *, signed: bool = True, by: str = "them.example") -> bytes:
    head = HEAD.replace(b"them.example", by.encode())
    raw = head + base64.encodebytes(gzip.compress(text, mtime=0)).replace(b"\n", b"\r\n")
    return sign(raw, by) if signed else raw


async def test_a_signed_report_is_believed_and_counts_once(house: House) -> None:
    for _ in range(2):
        left = await house.reports.sift(["DMARC@in.example", "x@in.example"], mail(report()))
        assert left == ["x@in.example"]
    (fact,) = await house.facts()
    assert isinstance(fact, DmarcReported)
    assert (fact.reporter, fact.believed, fact.mails, fact.failed) == ("them.example", True, 3, 3)
    assert house.asked[0] == "r._domainkey.them.example"
    async with house.database.read() as tx:
        (one,), refused = await queries.reports(tx)
    assert (one.kind, one.domain, one.believed, refused) == ("dmarc", "example.com", True, [])


async def test_a_stranger_neither_replaces_a_report_nor_keeps_it_out(house: House) -> None:
    """He writes first, in the same name, with the same number: the believed one comes all the
    same."""
    forged = mail(report(row(count=999)), signed=False)
    await house.reports.receive(forged)
    await house.reports.receive(mail(report()))
    # The signature of a mail says nothing of another one's.
    await house.reports.receive(mail(report()).replace(b"Report\r\n", b"report\r\n"))
    facts = await house.facts()
    assert [(one.believed, one.mails) for one in facts if isinstance(one, DmarcReported)] == [
        (False, 999),
        (True, 3),
    ]


async def test_a_tls_report_is_a_fact(house: House) -> None:
    text = tls(begin="2023-11-14T00:00:00Z").replace(b"2026-11-01T23", b"2023-11-14T23")
    text = text.replace(b'"policy-domain":"example.com"', b'"policy-domain":"in.example"')
    (taken,) = await house.reports.take(text, via="command")
    assert (taken.kind, taken.believed, taken.new, taken.failed) == ("tls", False, True, 2)
    (fact,) = await house.facts()
    assert isinstance(fact, TlsReported)
    assert fact.results == (("starttls-not-supported", 2),)


@pytest.mark.parametrize(
    ("text", "later", "why"),
    [
        (report(domain="other.example"), 0, "not-ours"),
        (report(domain="notexample.com"), 0, "not-ours"),
        (report(), 60, "stale"),
        (
            report()
            .replace(b"<begin>17000", b"<begin>17003")
            .replace(b"<end>17000", b"<end>17003"),
            0,
            "ahead",
        ),
        (b"<feedback>", 0, "bad-xml"),
        (b"Subject: hello\r\n\r\nhow are you?", 0, "no-report"),
    ],
)
async def test_what_is_refused_is_counted(house: House, text: bytes, later: int, why: str) -> None:
    house.clock.advance(later * 86_400)
    for _ in range(3):
        with pytest.raises(Unreadable) as caught:
            await house.reports.take(text, via="api")
        assert caught.value.why == why
    assert await house.facts() == [
        ReportRefused(via="api", why=why, count=1),
        ReportRefused(via="api", why=why, count=2),
    ]
    async with house.database.read() as tx:
        assert await queries.reports(tx) == ([], [(why, 3)])


async def test_a_reporter_in_a_thiefs_hands_keeps_no_other_out(house: House) -> None:
    for number in range(6):
        await house.reports.receive(mail(report(of=f"b{number}")))
    assert await house.reports.receive(mail(report(of="b9"))) == 0
    assert await house.reports.receive(mail(report(of="b9"), by="also.example")) == 1


async def test_who_answers_slowly_for_his_keys_keeps_no_report_out(house: House) -> None:
    """His domain, his signature, his DNS: it may take as long as he likes."""
    his = asyncio.create_task(house.reports.receive(mail(report(), by="slow.example")))
    await asyncio.sleep(0.05)
    assert house.asked
    async with asyncio.timeout(10):
        assert await house.reports.receive(mail(report())) == 1
    house.slow.set()
    assert await his == 1


async def test_a_flood_of_strangers_keeps_no_believed_report_out(house: House) -> None:
    for number in range(4):
        await house.reports.receive(report(of=f"r{number}"))
    await house.reports.receive(b"rubbish")
    with pytest.raises(TooMany):
        await house.reports.take(report(of="r9"), via="api")
    assert await house.reports.receive(report(of="r9")) == 0  # and a server hears no error
    for number in range(5):
        assert await house.reports.receive(mail(report(of=f"b{number}"))) == 1
    assert await house.reports.receive(mail(report(of="b9"))) == 0
    house.clock.advance(86_400)
    assert await house.reports.receive(report(of="r9")) == 1


async def test_what_was_brought_counts_by_the_time_that_it_is_about(house: House) -> None:
    """Reports of last month, brought today, show nobody who watches now."""
    async with house.database.read() as tx:
        assert await queries.last_brought(tx) == {}
    (taken,) = await house.reports.take(report(), via="api")
    async with house.database.read() as tx:
        about = (tx.now - taken.end * SECOND) / DAY
        assert await queries.last_brought(tx) == {"dmarc": pytest.approx(max(0.0, about))}
    house.clock.advance(20 * 86_400)
    async with house.database.read() as tx:
        last = await queries.last_brought(tx)
    assert last["dmarc"] > 19
    assert are_brought(last) == frozenset()
    house.clock.advance(60 * 86_400)
    async with house.database.read() as tx:
        assert await queries.last_brought(tx) == {}


async def test_reports_are_forgotten(house: House) -> None:
    await house.reports.take(report(), via="api")
    async with house.database.write() as tx:
        assert await forget_reports(tx, before=tx.now, limit=10) == 0
        assert await forget_reports(tx, before=tx.now + 1, limit=10) == 1


def test_a_fact_is_not_made_larger_than_a_report_says() -> None:
    """The largest sources only: a fact of a large report stays small."""
    many = "".join(row(f"10.{n // 250}.{n % 250}.1", n + 1) for n in range(1000))
    found = dmarc.read(report(many))
    assert len(msgspec.json.encode(found)) < 16_000


async def test_who_hangs_up_gives_the_turn_back_when_the_thread_is_free(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each such mail took one of everybody's threads, until recovery mail waited for one."""
    began, go_on = threading.Event(), threading.Event()
    original = dkim.take_apart

    def slow(raw: bytes) -> dkim.Mail:
        began.set()
        assert go_on.wait(30)
        return original(raw)

    monkeypatch.setattr(dkim, "take_apart", slow)
    task = asyncio.create_task(house.reports.receive(mail(report())))
    assert await asyncio.to_thread(began.wait, 20)
    task.cancel()
    waiting = asyncio.create_task(house.reports.receive(mail(report())))
    await asyncio.sleep(0.05)
    assert house.received.one.locked()
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await waiting == 1
