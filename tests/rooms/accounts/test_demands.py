"""Who must have a second factor, on both engines: told, reminded, held up, exempt, counted."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from mailkeep.accounts import tables
from mailkeep.accounts.classes import Classes, ClassSettings, FactorPolicy
from mailkeep.accounts.factors import adoption, totp
from mailkeep.accounts.factors.policy import Standing
from mailkeep.accounts.factors.types import Source
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import SignedIn, Stage
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Invalid, NotFound, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import audit, events
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"
DAYS = 86_400


@pytest.fixture
def accounts(database: Database, keys: KeyRing) -> Accounts:
    slow = SlowHash(keys, memory_kib=64, passes=1)
    customer = ClassSettings(grace=30.0 * DAYS, reminders=2, remind_every=10.0 * DAYS)
    return Accounts(database, keys, slow, classes=Classes({"customer": customer}))


async def enter(accounts: Accounts) -> SignedIn:
    return await accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")


async def bind(
    accounts: Accounts, database: Database, keys: KeyRing, account: str, session: str = ""
) -> None:
    async with database.write() as tx:
        made = await totp.enrol(tx, keys, account, name="x", issuer="y")
        step = tx.now // totp.STEP
        code = totp.pyotp.TOTP(made.secret.reveal()).generate_otp(step)
        await accounts.factors.bind_totp(tx, account, made.factor, code, Source("b", "n", session))


async def standing(accounts: Accounts, database: Database, account: str) -> Standing:
    async with database.read() as tx:
        return (await accounts.demands.judged(tx, account)).standing


@pytest.mark.check("ASVS 6.3.3")
async def test_at_the_end_a_sign_in_leads_to_binding_one_and_never_nowhere(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    """ASVS 6.3.3."""
    account = await owner()
    clock.advance(100 * DAYS)  # not told yet, so no time has run
    assert (await enter(accounts)).stage is Stage.FULL
    assert await standing(accounts, database, account) is Standing.DUE
    clock.advance(30 * DAYS)
    assert (await enter(accounts)).stage is Stage.FULL
    assert await standing(accounts, database, account) is Standing.LAST
    clock.advance(6 * DAYS)
    assert (await enter(accounts)).stage is Stage.FULL
    clock.advance(1 * DAYS)
    held = await enter(accounts)
    assert held.stage is Stage.ENROL
    secret = held.secret.reveal()
    for stage in (Stage.FULL, Stage.FACTOR):  # it opens nothing else
        with pytest.raises(NotSignedIn):
            await accounts.sessions.lookup(secret, stage)
    session = await accounts.entering.changing("", secret)
    accounts.entering.require_fresh(clock.now(), session)
    other = await accounts.entering.changing("", (await enter(accounts)).secret.reveal())
    await bind(accounts, database, keys, account, session.id)
    async with database.write() as tx:
        with pytest.raises(NotSignedIn):  # who showed the password alone, and came too late
            await accounts.entering.enrolled(tx, other)
    async with database.write() as tx:
        made = await accounts.entering.enrolled(tx, session)
    assert made.stage is Stage.FULL
    with pytest.raises(NotSignedIn):
        await accounts.entering.changing("", secret)
    assert (await enter(accounts)).stage is Stage.FACTOR
    assert await standing(accounts, database, account) is Standing.FREE


async def test_who_was_held_up_and_binds_nothing_does_not_come_in(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await enter(accounts)
    clock.advance(40 * DAYS)
    await enter(accounts)
    clock.advance(8 * DAYS)
    held = await enter(accounts)
    session = await accounts.entering.changing("", held.secret.reveal())
    with pytest.raises(NotSignedIn):
        async with database.write() as tx:
            await accounts.entering.enrolled(tx, session)


async def test_a_nudge_is_put_off_and_comes_back(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await enter(accounts)

    async def nudged() -> bool:
        async with database.read() as tx:
            return await accounts.demands.nudge(tx, account) is not None

    assert await nudged()
    async with database.write() as tx:
        await accounts.demands.put_off(tx, account)
    assert not await nudged()
    clock.advance(7 * DAYS)
    assert await nudged()


async def test_reminders_are_few_and_far_between(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    account, bound = await owner(), await owner("grace@example.net")
    await bind(accounts, database, keys, bound)
    sent = []
    for day in range(60):
        for _ in range(3):  # however often it is looked
            async with database.write() as tx:
                if await accounts.demands.remind(tx, limit=1):
                    sent.append(day)
        clock.advance(1 * DAYS)
    assert sent == [10, 20]
    async with database.read() as tx:
        query = select(events.c.data).where(events.c.kind == "accounts.factor_reminder_due")
        told = [row["data"] for row in await tx.all(query)]
        row = await tx.one(select(tables.factor_demands))
    assert len(told) == 2
    assert all(account in one for one in told)
    # The first mail tells: from then on the time runs.
    assert row["told_at"] == row["mailed_at"] - 10 * DAYS * 1_000_000


async def test_an_exemption_has_a_reason_an_end_and_a_line_in_the_audit(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await enter(accounts)
    demands = accounts.demands
    async with database.write() as tx:
        for wrong in ({"reason": " ", "days": 5}, {"reason": "x", "days": 0}):
            with pytest.raises(Invalid):
                await demands.exempt(tx, account, **wrong, by="uid:1")
        with pytest.raises(Invalid):
            await demands.exempt(tx, account, reason="x", days=181, by="uid:1")
        with pytest.raises(NotFound):
            await demands.exempt(tx, "acc_none", reason="x", days=5, by="uid:1")
        made = await demands.exempt(tx, account, reason="a hospital", days=90, by="uid:1")
    clock.advance(60 * DAYS)
    assert (await enter(accounts)).stage is Stage.FULL
    assert await standing(accounts, database, account) is Standing.FREE
    async with database.write() as tx:
        assert [one.id for one in await demands.exemptions(tx)] == [made]
        assert await demands.end_exemption(tx, made, by="uid:1")
        assert not await demands.end_exemption(tx, made, by="uid:1")
        assert await demands.exemptions(tx) == []
        assert [one.reason for one in await demands.exemptions(tx, all_of_them=True)] == [
            "a hospital"
        ]
        acts = [row["act"] for row in await tx.all(select(audit).order_by(audit.c.number))]
    assert acts == ["accounts.exempt_from_factor", "accounts.end_exemption"]
    assert await standing(accounts, database, account) is Standing.LAST


async def test_nothing_is_asked_where_the_policy_is_off(
    database: Database, keys: KeyRing, owner: Owner, accounts: Accounts, clock: ManualClock
) -> None:
    await owner()
    slow = SlowHash(keys, memory_kib=64, passes=1)
    off = Classes({"customer": ClassSettings(factor=FactorPolicy.OPTIONAL)})
    off = Accounts(database, keys, slow, classes=off)
    for _ in range(3):
        assert (await enter(off)).stage is Stage.FULL
        clock.advance(60 * DAYS)
    async with database.write() as tx:
        assert await off.demands.remind(tx) == 0
        assert await tx.one(select(tables.factor_demands)) is None


async def test_adoption_is_counted_by_day_and_class(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    one, _ = await owner(), await owner("grace@example.net")
    await accounts.sign_up("never@example.net", PASSWORD, "n")
    began = clock.now()
    await accounts.adoption.keep()
    clock.advance(1 * DAYS)
    await bind(accounts, database, keys, one)
    await accounts.factors.new_codes(one, Source("b", "n"))
    for _ in range(2):  # a day is counted again and again, and stays one
        await accounts.adoption.keep()
        clock.advance(3600)
    async with database.read() as tx:
        first, second = await adoption.over_time(tx, began)
    assert (first.accounts, first.any, second.accounts, second.any) == (2, 0, 2, 1)
    assert second.account_class == "customer"
    assert second.kinds == {"totp": 1, "passkey": 0, "saved_codes": 1}


async def test_the_first_account_is_counted_soon_and_today_as_it_is_now(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    began = clock.now()
    await accounts.adoption.keep()  # nobody is there
    one = await owner()
    clock.advance(120)
    await accounts.adoption.keep()
    async with database.read() as tx:
        (kept,) = await adoption.over_time(tx, began)
    assert (kept.accounts, kept.any) == (1, 0)
    await bind(accounts, database, keys, one)
    await accounts.adoption.keep()  # not again within the hour
    async with database.read() as tx:
        assert await adoption.over_time(tx, began) == [kept]
        (now,) = await adoption.today(tx)
    assert (now.day, now.accounts, now.any, now.kinds["totp"]) == (kept.day, 1, 1, 1)
