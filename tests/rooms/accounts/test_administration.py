"""Operators: what they may do to accounts, and what a key of theirs may not."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from mailkeep.accounts import administration, queries
from mailkeep.accounts.classes import Classes, ClassSettings
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import ChangeKind
from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.base.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import audit
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"


async def sign_in(accounts: Accounts) -> str:
    made = await accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    return made.secret.reveal()


async def acts(database: Database) -> list[str]:
    async with database.read() as tx:
        return [row["act"] for row in await tx.all(select(audit.c.act).order_by(audit.c.number))]


async def test_a_class_is_given_on_the_record_and_ends_the_sessions(
    accounts: Accounts, database: Database, owner: Owner, clock: ManualClock
) -> None:
    account, rooms = await owner(), accounts.administration
    secret = await sign_in(accounts)
    clock.advance(5)
    async with database.write() as tx:
        assert await rooms.set_class(tx, account, "high-value", by="key_1")
        assert not await rooms.set_class(tx, account, "high-value", by="key_1")
        view = await queries.account(tx, account)
        assert (view.account_class, view.class_since > view.created_at) == ("high-value", True)
        with pytest.raises(Invalid, match="no class"):
            await rooms.set_class(tx, account, "hihg-value", by="key_1")
        with pytest.raises(NotFound):
            await rooms.set_class(tx, "acc_none", "staff", by="key_1")
    assert await acts(database) == ["account.class"]
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(secret)


async def test_what_a_key_lowers_holds_for_a_while_however_it_goes_about_it(
    accounts: Accounts, database: Database, owner: Owner, clock: ManualClock
) -> None:
    """A thief of an operator's key and of a session would else cut the hold of an editor short."""
    account, rooms = await owner(), accounts.administration
    high = accounts.classes.of("high-value")
    async with database.write() as tx:
        await rooms.set_class(tx, account, "high-value", by="uid:0", at_house=True)
        for name in ("staff", "customer", "staff", "customer"):
            await rooms.set_class(tx, account, name, by="key_1")
        view = await queries.account(tx, account)
        assert view.account_class == "customer"
        now = accounts.classes.holding(view)
        assert (now.change_hold, now.recovery_hold) == (high.change_hold, high.recovery_hold)
        change = await accounts.changes.hold(tx, view, ChangeKind.PASSWORD, factor=False)
        (held,) = await accounts.changes.held(tx, account)
        assert (held.id, held.until) == (change, tx.now + high.change_hold)
    clock.advance(high.change_hold / SECOND + 1)
    async with database.write() as tx:
        view = await queries.account(tx, account)
        assert accounts.classes.holding(view) == accounts.classes.of("customer")
        await rooms.set_class(tx, account, "high-value", by="key_1")
        await rooms.set_class(tx, account, "customer", by="uid:0", at_house=True)
        view = await queries.account(tx, account)
    assert accounts.classes.holding(view) == accounts.classes.of("customer")


async def test_a_class_without_mailed_recovery_is_not_left_for_one_with_a_key(
    database: Database, keys: KeyRing, owner: Owner
) -> None:
    classes = Classes({"desk": ClassSettings(recovers_by_mail=False)})
    rooms = Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1), classes=classes)
    account = await owner()
    async with database.write() as tx:
        await rooms.administration.set_class(tx, account, "desk", by="key_1")
        await rooms.administration.set_class(tx, account, "customer", by="key_1")
        view = await queries.account(tx, account)
    assert not classes.holding(view).recovers_by_mail


async def test_a_key_makes_and_unmakes_no_operator(
    accounts: Accounts, database: Database, owner: Owner
) -> None:
    """A thief of a key would otherwise open the accounts of who runs the house to mailed resets."""
    account, rooms = await owner(), accounts.administration
    async with database.write() as tx:
        with pytest.raises(NotAllowed):
            await rooms.set_class(tx, account, "operator", by="key_1")
        await rooms.set_class(tx, account, "operator", by="uid:0", at_house=True)
        with pytest.raises(NotAllowed):
            await rooms.set_class(tx, account, "customer", by="key_1")
        assert [one.account.id for one in await administration.operators(tx)] == [account]


@pytest.mark.check("ASVS 7.4.5")
async def test_sessions_are_listed_and_ended(
    accounts: Accounts, database: Database, owner: Owner
) -> None:
    account, rooms = await owner(), accounts.administration
    first, second = await sign_in(accounts), await sign_in(accounts)
    chosen = (await accounts.sessions.lookup(first)).id
    async with database.write() as tx:
        assert len(await accounts.sessions.of(tx, account)) == 2
        assert await rooms.end_sessions(tx, account, chosen, by="key_1") == 1
        with pytest.raises(NotFound):
            await rooms.end_sessions(tx, account, chosen, by="key_1")
    await accounts.sessions.lookup(second)
    async with database.write() as tx:
        assert await rooms.end_sessions(tx, account, by="key_1") == 1
        assert await accounts.sessions.of(tx, account) == []
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(second)
    assert await acts(database) == ["account.end_sessions"] * 2


@pytest.mark.check("63B 2.2.3")
async def test_a_class_has_sessions_of_its_own_length(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    classes = Classes({"press": ClassSettings(session_life=7200.0, session_idle=600.0)})
    slow = SlowHash(keys, memory_kib=64, passes=1)
    accounts = Accounts(database, keys, slow, classes=classes)
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n", account_class="press")
    account = await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    secret = await sign_in(accounts)
    for _ in range(14):
        await accounts.sessions.lookup(secret)
        clock.advance(550)
    with pytest.raises(NotSignedIn):  # two hours in all
        await accounts.sessions.lookup(secret)
    idle = await sign_in(accounts)
    clock.advance(601)
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(idle)
    async with database.read() as tx:
        assert await accounts.sessions.of(tx, account) == []
    assert HOUR / SECOND > 601  # a customer's would still be good


async def test_an_account_is_found_by_an_address_and_described_without_one(
    accounts: Accounts, database: Database, owner: Owner
) -> None:
    account = await owner()
    async with database.read() as tx:
        found = await administration.find(tx, accounts.address_key(ADDRESS))
        with pytest.raises(NotFound):
            await administration.find(tx, accounts.address_key("nobody@example.net"))
    assert (found.account.id, found.addresses, found.factor) == (account, 1, False)
    assert ADDRESS not in repr(found)
