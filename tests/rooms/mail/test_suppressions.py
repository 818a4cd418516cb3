"""Our own list: who is on it gets no mail of the streams that mind it, and every other."""

from pathlib import Path

import pytest
from sqlalchemy import select

from mailkeep.app.settings import parse
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.events.queries import entries
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import outbox, suppressions
from mailkeep.mail.events import SuppressionChanged
from mailkeep.mail.intake import Intake
from mailkeep.mail.suppressions import BLOCKED_FOR, Entry, Put
from mailkeep.mail.types import Content, NewMessage, RouteSettings, StreamSettings
from mailkeep.mail.types import SuppressionReason as R
from mailkeep.providers.message import Address
from mailkeep.store.database import Database

ROUTES = (RouteSettings("a"),)
STREAMS = {
    "bulk": StreamSettings("bulk", 50, ROUTES, keep=0, suppress=tuple(R)),
    "receipts": StreamSettings("receipts", 20, ROUTES, suppress=(R.BOUNCED, R.COMPLAINED)),
    "alert": StreamSettings("alert", 10, ROUTES),
    # The settings refuse this; were it there, nobody would be locked out by it.
    "recovery": StreamSettings("recovery", 0, ROUTES, secret=True, suppress=tuple(R)),
}


class House:
    """Mail of every stream to an address, as the outbox hands it out."""

    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock) -> None:
        self.database = database
        self.keys = keys
        self.clock = clock
        self.intake = Intake(database, keys, STREAMS)

    async def put(self, address: str, reason: R, stream: str = "", **more: object) -> Put:
        entry = Entry(address, reason, stream, **more)
        async with self.database.write() as tx:
            return await suppressions.put(tx, self.keys, [entry], by="me")

    async def goes(self, address: str, *, cc: str = "") -> set[str]:
        """The streams in which mail to an address leaves now."""
        out = set()
        for name, stream in STREAMS.items():
            copies = (Address(cc, ""),) if cc else ()
            content = Content("us@example.com", address, "Hello", "words", cc=copies)
            async with self.database.write() as tx:
                message = await self.intake.accept(tx, NewMessage(name, content))
            async with self.database.write() as tx:
                jobs = await outbox.claim(self.database, tx, stream, {}, 100)
            if message in {one.message for one in jobs}:
                out.add(name)
        return out


@pytest.fixture
def house(database: Database, keys: KeyRing, clock: ManualClock) -> House:
    return House(database, keys, clock)


@pytest.mark.parametrize(
    ("reason", "held"),
    [
        (R.BOUNCED, {"bulk", "receipts"}),
        (R.COMPLAINED, {"bulk", "receipts"}),
        (R.UNSUBSCRIBED, {"bulk"}),
        (R.MANUAL, {"bulk"}),
        (R.BLOCKED, {"bulk"}),
    ],
)
async def test_a_stream_minds_what_it_names_and_recovery_nothing(
    house: House, reason: R, held: set[str]
) -> None:
    await house.put("Ada@example.net", reason)
    assert await house.goes("ada@example.net") == set(STREAMS) - held
    assert await house.goes("bob@example.net") == set(STREAMS)


async def test_what_is_held_back_is_told_and_can_be_sent_after_all(house: House) -> None:
    await house.put("ada@example.net", R.BOUNCED)
    await house.goes("ada@example.net")
    async with house.database.read() as tx:
        rows = await tx.tuples(_given_up())
    assert [(row[0], row[1]) for row in rows] == [("bulk", True), ("receipts", True)]
    async with house.database.write() as tx:
        gone = await suppressions.remove(house.database, tx, house.keys, "ADA@example.net", by="me")
    assert gone == 1
    assert await house.goes("ada@example.net") == set(STREAMS)


def _given_up() -> object:
    from sqlalchemy import exists, select

    from mailkeep.mail import tables

    m, b = tables.messages, tables.message_bodies
    kept = exists().where(b.c.message_id == m.c.id)
    return select(m.c.stream, kept).where(m.c.status == "given_up").order_by(m.c.stream)


async def test_an_entry_of_one_stream_holds_there_alone(house: House) -> None:
    await house.put("ada@example.net", R.COMPLAINED, "receipts")
    assert await house.goes("ada@example.net") == set(STREAMS) - {"receipts"}


async def test_mail_to_others_too_goes_out_whole(house: House) -> None:
    await house.put("ada@example.net", R.BOUNCED)
    assert await house.goes("ada@example.net", cc="bob@example.net") == set(STREAMS)


async def test_a_block_ends_by_itself_and_is_forgotten(house: House) -> None:
    await house.put("ada@example.net", R.BLOCKED)
    assert "bulk" not in await house.goes("ada@example.net")
    house.clock.advance(BLOCKED_FOR / SECOND + 1)
    assert "bulk" in await house.goes("ada@example.net")
    async with house.database.read() as tx:
        assert await suppressions.of(tx, house.keys, "ada@example.net") == []
        assert await suppressions.page(tx, None, 10) == []
    async with house.database.write() as tx:
        assert await suppressions.forget_suppressions(tx, tx.now - DAY, 10) == 0
        assert await suppressions.forget_suppressions(tx, tx.now, 10) == 1
    old = house.clock.now() - 2 * BLOCKED_FOR
    assert await house.put("ada@example.net", R.BLOCKED, since=old) == Put(over=1)


async def test_the_same_again_is_one_entry(house: House) -> None:
    assert await house.put("ada@example.net", R.BOUNCED, provider="x") == Put(new=1)
    assert await house.put("ADA@example.net", R.BOUNCED, provider="y") == Put(known=1)
    assert await house.put("ada@example.net", R.MANUAL) == Put(new=1)
    async with house.database.read() as tx:
        found = await suppressions.of(tx, house.keys, "ada@example.net")
        assert [(one.reason, one.provider) for one in found] == [
            (R.BOUNCED, "y"),
            (R.MANUAL, ""),
        ]
        assert await suppressions.counts(tx) == {"bounced": 1, "manual": 1}


async def test_pages_have_every_entry_once(house: House) -> None:
    for number in range(7):
        await house.put(f"user{number}@example.net", R.BOUNCED)
        await house.put(f"user{number}@example.net", R.MANUAL, "bulk")
    found, last = [], None
    while True:
        async with house.database.read() as tx:
            page = await suppressions.page(tx, last, 3)
        found += [(one.address, one.reason) for one in page]
        if len(page) < 3:
            break
        last = page[-1].address_id, page[-1].stream, page[-1].reason.value
    assert len(found) == len(set(found)) == 14


async def test_what_is_done_by_hand_is_audited_and_a_fact_says_for_whom(house: House) -> None:
    """The chain outlives an erasure; the fact goes with the others."""
    async with house.database.write() as tx:
        await suppressions.add(
            house.database, tx, house.keys, Entry("ada@example.net", R.MANUAL), by="me"
        )
        await suppressions.remove(
            house.database, tx, house.keys, "ada@example.net", reason=R.MANUAL, by="me"
        )
        await suppressions.remove(house.database, tx, house.keys, "ada@example.net", by="me")
    async with house.database.read() as tx:
        found = await entries(tx)
    assert [one.act for one in found] == ["unsuppress", "suppress"]
    key = house.keys.pseudonym("address", "ada@example.net")
    assert all("@" not in one.data and key not in one.data for one in found)
    async with house.database.read() as tx:
        facts = [decode(row["kind"], row["data"]) for row in await tx.all(select(events))]
    assert [one for one in facts if isinstance(one, SuppressionChanged)] == [
        SuppressionChanged(address=key, listed=True, reason="manual", stream="", by="me"),
        SuppressionChanged(address=key, listed=False, reason="manual", stream="", by="me"),
    ]


def test_no_list_stands_between_an_owner_and_their_account(tmp_path: Path) -> None:
    raw = {
        "provider": [
            {"name": "a", "kind": "smtp", "party": "a", "base_url": "smtp://localhost:25"}
        ],
        "party": [{"id": "a"}],
    }
    stream = {"priority": 5, "routes": [{"provider": "a"}], "suppress": ["bounced"]}
    assert parse(raw | {"stream": [stream | {"name": "bulk"}]}).stream[0].suppress == (R.BOUNCED,)
    with pytest.raises(BadSettings, match="opens accounts"):
        parse(raw | {"stream": [stream | {"name": "recovery", "secret": True}]})
    secret = {"name": "s", "priority": 0, "secret": True, "routes": [{"provider": "a"}]}
    recovery = {"sender": "us@example.com", "stream": "s", "confirmations": "s", "notices": "n"}
    with pytest.raises(BadSettings, match="must not keep notices from owners"):
        parse(raw | {"stream": [secret, stream | {"name": "n"}], "recovery": recovery})
