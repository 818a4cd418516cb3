"""A support desk's claims on both engines: on record once, told to nobody."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Invalid, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Database
from mailkeep.watch import claiming
from mailkeep.watch.claiming import What
from mailkeep.watch.events import SupportClaimed
from mailkeep.watch.tables import reports

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"


async def _claim(
    database: Database, keys: KeyRing, address: str = ADDRESS, what: What = What.RESET
) -> None:
    async with database.write() as tx:
        await claiming.claim(database, tx, keys, address, what, by="key_1")


async def _facts(database: Database) -> list[SupportClaimed]:
    async with database.read() as tx:
        rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
    found = [decode(row["kind"], row["data"]) for row in rows]
    return [one for one in found if isinstance(one, SupportClaimed)]


async def test_a_claim_is_on_record_once_a_day(
    database: Database, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    for what in (What.RESET, What.RESET, What.SIGN_IN):
        await _claim(database, keys, what=what)
    assert await _facts(database) == [
        SupportClaimed(account=account, what="reset", by="key_1"),
        SupportClaimed(account=account, what="sign_in", by="key_1"),
    ]
    clock.advance(86_400)
    await _claim(database, keys, "ADA@example.net")
    assert len(await _facts(database)) == 3


async def test_a_stranger_leaves_the_same_trace_and_no_fact(
    database: Database, keys: KeyRing, owner: Owner
) -> None:
    await owner()
    await _claim(database, keys, "nobody@example.net")
    assert await _facts(database) == []
    async with database.read() as tx:
        row = await tx.one(select(reports))
    assert row is not None
    assert "nobody" not in str(dict(row))
    with pytest.raises(Invalid):
        await _claim(database, keys, "no address")


async def test_a_key_brings_so_many_a_day(
    database: Database,
    keys: KeyRing,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claiming, "PER_DAY", 2)
    for number in range(2):
        await _claim(database, keys, f"a{number}@example.net")
    with pytest.raises(TooMany):
        await _claim(database, keys, "a9@example.net")
    clock.advance(86_400)
    await _claim(database, keys, "a9@example.net")
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(reports)) == 3
