"""What strangers leave behind is forgotten; what owners have is not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Table, func, select, update

from mailkeep.accounts import queries, retention, tables, throttle
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import Stage
from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.errors import NotSignedIn
from mailkeep.events.tables import events
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]


async def _count(database: Database, table: Table) -> int:
    async with database.read() as tx:
        return int(await tx.value(select(func.count()).select_from(table)))


async def _forget(database: Database, forget: object, days: float, limit: int = 100) -> int:
    async with database.write() as tx:
        return await forget(tx, tx.now - round(days * DAY), limit)


async def _enter(accounts: Accounts, browser: str = "own") -> object:
    return await accounts.sign_in("ada@example.net", PASSWORD, browser=browser, network="n")


async def test_accounts_that_nobody_confirmed_are_forgotten_whole(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    for number in range(5):
        await accounts.sign_up(f"u{number}@example.org", PASSWORD, "n")
    await accounts.sign_up("ada@example.net", PASSWORD, "n")  # taken: a code that leads nowhere
    clock.advance(2 * DAY // SECOND + 1)
    facts = await _count(database, events)
    late = await accounts.sign_up("late@example.org", PASSWORD, "n")
    assert await _forget(database, retention.forget_confirmations, 2) == 6
    assert await _forget(database, retention.forget_unconfirmed, 2, limit=4) == 4
    assert await _forget(database, retention.forget_unconfirmed, 2, limit=4) == 2
    assert await _forget(database, retention.forget_unconfirmed, 2, limit=4) == 0
    for table in (tables.accounts, tables.contact_points, tables.passwords):
        assert await _count(database, table) == 2
    assert await _count(database, events) >= facts  # the log stays
    assert late.code is not None
    await accounts.confirm(late.confirmation, late.code.reveal(), "n")
    await _enter(accounts)


async def test_an_owner_loses_only_the_address_that_was_not_confirmed(
    database: Database, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    async with database.write() as tx:
        await tx.run(
            tables.contact_points.insert().values(
                id="cpt_0",
                account_id=account,
                address_key="second",
                address="ada@second.example",
                created_at=tx.now,
            )
        )
    assert await _forget(database, retention.forget_unconfirmed, 0) == 1
    async with database.read() as tx:
        assert [one.address for one in await queries.contact_points(tx, account)] == [
            "ada@example.net"
        ]


async def test_an_account_whose_address_is_confirmed_meanwhile_stays(
    database: Database, accounts: Accounts, clock: ManualClock
) -> None:
    """Of both, in whatever order they come, one has its way and the other sees it."""
    made = await accounts.sign_up("ada@example.net", PASSWORD, "n")
    assert made.code is not None
    clock.advance(1)
    got = await asyncio.gather(
        accounts.confirm(made.confirmation, made.code.reveal(), "n"),
        *(_forget(database, retention.forget_unconfirmed, 0) for _ in range(3)),
        return_exceptions=True,
    )
    confirmed = isinstance(got[0], str)
    assert await _count(database, tables.accounts) == confirmed
    assert await _count(database, tables.contact_points) == confirmed


async def test_counts_of_tries_are_forgotten_once_they_count_no_more(
    database: Database, clock: ManualClock
) -> None:
    async def take(of: str) -> bool:
        async with database.write() as tx:
            return await throttle.take(tx, of, "lane", limit=1, window=DAY)

    for number in range(5):
        assert await take(f"stranger_{number}")
    clock.advance(2 * DAY // SECOND + 1)
    assert await take("now")
    assert await _forget(database, throttle.forget, 2, limit=3) == 3
    assert await _forget(database, throttle.forget, 2, limit=3) == 2
    assert await _forget(database, throttle.forget, 2, limit=3) == 0
    assert not await take("now")


async def test_sessions_are_forgotten_after_their_last_use(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    old = await _enter(accounts, "old")
    assert old.stage is Stage.FULL
    clock.advance(89 * DAY // SECOND)
    new = await _enter(accounts, "new")
    async with database.write() as tx:
        await accounts.sessions.end_all(tx, account, "denied")
    clock.advance(2 * DAY // SECOND)
    assert await _forget(database, retention.forget_sessions, 90) == 0  # it ended two days ago
    async with database.write() as tx:
        s = tables.sessions
        await tx.run(update(s).where(s.c.id == old.session).values(ended_at=None))
    assert await _forget(database, retention.forget_sessions, 90) == 1
    async with database.read() as tx:
        assert [row["id"] for row in await tx.all(select(s.c.id))] == [new.session]
        assert not await queries.knows_browser(tx, account, "old")
    live = await _enter(accounts)
    clock.advance(HOUR // SECOND // 2)
    assert await _forget(database, retention.forget_sessions, 1) == 1
    assert (await accounts.sessions.lookup(live.secret.reveal())).account == account
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(new.secret.reveal())
