"""Readings of an account on both engines: compared, told once, announced, accepted, never believed
further than they go."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from supervised import NAME, keeper, until

from mailkeep.app.loops import Pulse
from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock, SystemClock
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events import tables as event_tables
from mailkeep.events.tables import audit
from mailkeep.events.types import Fact, decode
from mailkeep.providers.posture.postmark import PostmarkAccount
from mailkeep.providers.posture.types import (
    MAX_ITEMS,
    AccountConfig,
    Item,
    Kind,
    Trouble,
    Value,
)
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure
from mailkeep.store.database import Database
from mailkeep.watch import posture
from mailkeep.watch.collectors.posture import Posture, collect
from mailkeep.watch.collectors.snapshots import MOST_TOLD, Found, Snapshots, take_turn
from mailkeep.watch.events import PostureAccepted, PostureBlind, PostureChanged, PostureRead
from mailkeep.watch.posture import View
from mailkeep.watch.tables import posture_changes, posture_items
from mailkeep.watch.types import PostureSettings

OURS = frozenset({"ours.example"})
ADDRESS = "carla.private@example.org"


def hook(host: str = "ours.example", number: int = 1) -> Item:
    shown = {"host": Value(host, safe=True), "url": Value(f"sha256:{host}")}
    return Item(Kind.WEBHOOK, str(number), shown)


def sender(address: str = ADDRESS) -> Item:
    return Item(Kind.SENDER, address, {"domain": Value(address.partition("@")[2], safe=True)})


def key(name: str) -> Item:
    return Item(Kind.KEY, name, {"server": Value("1", safe=True)})


class Account:
    """One account, read by hand."""

    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock) -> None:
        self.database, self.keys, self.clock = database, keys, clock
        self.snapshots = Snapshots(database, keys, OURS, patience=3)

    async def read(self, found: Found) -> list[Fact]:
        """One reading, and the facts that came of it."""
        self.clock.advance(60.0)
        async with self.database.write() as tx:
            turn = await take_turn(tx, "a", 30.0)
        assert turn is not None
        before = await self.facts()
        assert await self.snapshots.keep("a", turn, found)
        return (await self.facts())[len(before) :]

    async def facts(self) -> list[Fact]:
        async with self.database.read() as tx:
            rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
        return [decode(row["kind"], row["data"]) for row in rows]

    async def view(self) -> View:
        async with self.database.read() as tx:
            return await posture.view(tx, self.keys, "a")

    async def expect(self, kind: Kind, changes: int = 1, seconds: float = 3600) -> None:
        async with self.database.write() as tx:
            await posture.expect(
                tx, "a", kind, seconds=seconds, changes=changes, by="uid:7", reason="a new host"
            )

    async def accept(self, *changes: str) -> tuple[str, ...]:
        async with self.database.write() as tx:
            return await posture.accept(
                self.database, tx, "a", changes, by="uid:7", reason="it was us"
            )


@pytest.fixture
def account(database: Database, keys: KeyRing, clock: ManualClock) -> Account:
    return Account(database, keys, clock)


async def test_the_first_reading_is_what_later_ones_are_compared_with(account: Account) -> None:
    (read,) = await account.read({"hooks": (hook(),), "senders": (sender(),)})
    assert isinstance(read, PostureRead)
    assert read.anew == ("hooks", "senders")
    assert read.items == {"webhook": 1, "sender": 1}
    assert await account.read({"hooks": (hook(),), "senders": (sender(),)}) == []


async def test_a_webhook_pointed_elsewhere_is_told_with_its_host_and_nobodys_address(
    account: Account,
) -> None:
    await account.read({"hooks": (hook(),), "senders": (sender(),)})
    changed, added = await account.read(
        {"hooks": (hook("evil.example"),), "senders": (sender(), sender("x" + ADDRESS))}
    )
    assert isinstance(changed, PostureChanged)
    assert isinstance(added, PostureChanged)
    assert (changed.item_kind, changed.what, changed.strange) == ("webhook", "changed", True)
    words = {one.name: (one.old_word, one.new_word) for one in changed.fields}
    assert words == {"host": ("ours.example", "evil.example"), "url": ("", "")}
    assert (added.what, added.strange) == ("added", False)
    assert "carla" not in repr(added)
    async with account.database.read() as tx:
        rows = [
            *await tx.all(select(event_tables.events.c.data)),
            *await tx.all(select(posture_items)),
            *await tx.all(select(posture_changes)),
            *await tx.all(select(audit)),
        ]
    assert "carla" not in "".join(str(dict(row)) for row in rows)
    shown = await account.view()
    assert [one.id for one in shown.items["sender"]] == [ADDRESS, "x" + ADDRESS]
    assert {one.item for one in shown.changes} == {"1", "x" + ADDRESS}


async def test_what_was_announced_is_told_as_that_for_as_many_as_were_said(
    account: Account,
) -> None:
    await account.read({"keys": (key("1"),), "hooks": (hook(),)})
    await account.expect(Kind.KEY)
    facts = await account.read(
        {"keys": (key("1"), key("2"), key("3")), "hooks": (hook("evil.example"),)}
    )
    told = [(one.item_kind, one.expected) for one in facts if isinstance(one, PostureChanged)]
    assert sorted(told) == [("key", False), ("key", True), ("webhook", False)]
    assert [one.left for one in (await account.view()).expected] == []


async def test_an_announcement_ends_and_has_bounds(account: Account) -> None:
    await account.read({"keys": (key("1"),)})
    await account.expect(Kind.KEY, seconds=30)
    (changed,) = await account.read({"keys": (key("1"), key("2"))})  # a minute later
    assert isinstance(changed, PostureChanged)
    assert not changed.expected
    for wrong in ({"seconds": 0}, {"seconds": 8 * DAY / SECOND}, {"changes": 0}, {"changes": 51}):
        with pytest.raises(Invalid):
            await account.expect(Kind.KEY, **wrong)


async def test_what_is_accepted_is_told_audited_and_no_more_open(account: Account) -> None:
    await account.read({"keys": (key("1"),)})
    await account.read({"keys": (key("1"), key("2"))})
    (change,) = (await account.view()).changes
    with pytest.raises(NotFound):
        await account.accept("chg_of_another")
    assert await account.accept(change.id) == (change.id,)
    assert (await account.facts())[-1] == PostureAccepted(
        provider="a", changes=(change.id,), by="uid:7"
    )
    (change,) = (await account.view()).changes
    assert not change.is_open
    assert await account.accept() == ()
    async with account.database.read() as tx:
        assert await tx.value(select(audit.c.act)) == "accept_posture"


async def test_a_list_that_cannot_be_read_keeps_what_is_known_of_it(account: Account) -> None:
    await account.read({"keys": (key("1"), key("2")), "hooks": (hook(),)})
    broken: Found = {"keys": Trouble.UNREADABLE, "hooks": (hook(),)}
    assert await account.read(broken) == []
    (blind,) = await account.read(broken)
    assert blind == PostureBlind(
        provider="a", lists=("keys",), reason="unreadable", before=True, whole=False
    )
    assert await account.read(broken) == []
    assert len((await account.view()).items["key"]) == 2
    changed, read = await account.read({"keys": (key("1"),), "hooks": (hook(),)})
    assert isinstance(changed, PostureChanged)
    assert changed.what == "removed"
    assert isinstance(read, PostureRead)
    assert read.anew == ("keys",)


async def test_an_outage_is_told_once_and_as_what_it_is(account: Account) -> None:
    await account.read({"keys": (key("1"),)})
    out: Found = {"keys": Trouble.UNREACHABLE}
    assert [await account.read(out) for _ in range(2)] == [[], []]
    assert await account.read(out) == [
        PostureBlind(provider="a", lists=("keys",), reason="unreachable", before=True, whole=True)
    ]
    assert await account.read({"keys": Trouble.THROTTLED}) == []
    assert await account.read({"keys": Trouble.REFUSED}) == [
        PostureBlind(provider="a", lists=("keys",), reason="refused", before=True, whole=True)
    ]


async def test_a_flood_of_changes_is_told_in_part_and_counted(account: Account) -> None:
    await account.read({"keys": ()})
    facts = await account.read({"keys": tuple(key(str(n)) for n in range(500))})
    told = [one for one in facts if isinstance(one, PostureChanged)]
    assert len(told) == MOST_TOLD
    assert [one.more for one in told if one.more] == [500 - MOST_TOLD]
    assert len((await account.view()).changes) == 200


async def test_two_processes_take_turns_and_a_late_one_writes_nothing(account: Account) -> None:
    async with account.database.write() as tx:
        late = await take_turn(tx, "a", 30.0)
        assert await take_turn(tx, "a", 30.0) is None
    await account.read({"keys": (key("1"),)})
    assert late is not None
    assert not await account.snapshots.keep("a", late, {"keys": ()})
    assert len((await account.view()).items["key"]) == 1


async def test_with_other_keys_nothing_is_compared(account: Account) -> None:
    """A restore without its keys must not look as if the whole account had changed."""
    await account.read({"keys": (key("1"), key("2"))})
    async with account.database.write() as tx:
        await tx.run(update(posture_items).values(sealed=b"sealed by others" * 4))
    assert [one for one in await account.read({"keys": (key("9"),)}) if one.kind] == []
    (changed,) = await account.read({"keys": (key("9"), key("8"))})
    assert isinstance(changed, PostureChanged)
    assert [one.id for one in (await account.view()).items["key"]] == ["8", "9"]


async def test_an_account_that_fails_is_counted_and_ends_no_other_reading(
    account: Account, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Any = {"a": None, "b": None}
    settings = PostureSettings()
    reader = Posture(account.database, account.keys, clock, settings, accounts=asked, ours=OURS)

    async def read(name: str) -> bool:
        reads.append(name)
        if name == "a":
            raise KeyError
        return True

    reads: list[str] = []
    monkeypatch.setattr(reader, "read", read)
    monkeypatch.setattr("mailkeep.watch.collectors.posture.LOOK_SECONDS", 0.05)
    pulse = Pulse()
    started = asyncio.get_running_loop().time()
    await until([reader.run(keeper(pulse))], lambda: reads.count("b") > 4 and bool(pulse.failures))
    assert asyncio.get_running_loop().time() - started >= 0.2, (
        "one that was read is not due at once"
    )
    assert (set(pulse.failures), pulse.well.keys()) == ({(NAME, "fault")}, {NAME})


async def test_old_changes_are_forgotten(account: Account) -> None:
    await account.read({"keys": (key("1"),)})
    await account.read({"keys": (key("1"), key("2"))})
    async with account.database.write() as tx:
        assert await posture.forget(tx, before=tx.now - HOUR, limit=100) == 0
        assert await posture.forget(tx, before=tx.now + HOUR, limit=100) == 1
    assert (await account.view()).changes == ()


CONFIG = AccountConfig("a", "postmark", "http://127.0.0.1:9", Secret("server"), Secret("account"))
Answer = Callable[[HttpRequest], Awaitable[HttpReply | TransportFailure]]


async def _collect(answer: Answer, within: float = 5.0) -> Found:
    return await collect(
        PostmarkAccount(), CONFIG, answer, clock=SystemClock(), gap=0.0, within=within
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"TotalCount": -1}',
        b'{"TotalCount": 1e400, "Servers": []}',
        b'{"TotalCount": 3, "Servers": "x", "Webhooks": 4}',
        b'{"TotalCount": 1, "Senders": [{"ID": {}}]}',
        b"[" * 100_000,
        b"\xff\xfe" * 1000,
        b"x" * (3 * 1024 * 1024),
    ],
)
@pytest.mark.parametrize("status", [200, 302, 401, 429, 500])
async def test_whatever_comes_is_items_or_a_word(body: bytes, status: int) -> None:
    async def answer(_request: HttpRequest) -> HttpReply:
        return HttpReply(status, {}, body)

    found = await _collect(answer)
    assert set(found) == {"webhooks", "templates", "servers", "senders", "domains"}
    assert all(isinstance(one, Trouble) for one in found.values())


async def test_pages_without_end_are_too_many_and_cost_little() -> None:
    asked = 0

    async def answer(request: HttpRequest) -> HttpReply:
        nonlocal asked
        asked += 1
        entries = ",".join(f'{{"ID": {asked * 1000 + n}, "Name": "x{n}"}}' for n in range(300))
        body = f'{{"TotalCount": 2000, "Domains": [{entries}], "Servers": [], "Webhooks": []'
        return HttpReply(200, {}, (body + ', "SenderSignatures": [], "Templates": []}').encode())

    found = await _collect(answer)
    assert found["domains"] is Trouble.TOO_MANY
    assert found["webhooks"] == ()
    assert found["senders"] is Trouble.UNREADABLE  # says that there are more, and gives none
    assert asked <= MAX_ITEMS // 300 + 10


async def test_an_api_that_hangs_ends_in_time() -> None:
    async def answer(_request: HttpRequest) -> HttpReply:
        await asyncio.sleep(60)
        raise AssertionError

    started = asyncio.get_running_loop().time()
    found = await _collect(answer, within=0.3)
    assert set(found.values()) == {Trouble.UNREACHABLE}
    assert asyncio.get_running_loop().time() - started < 3
