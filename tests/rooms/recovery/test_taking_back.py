"""Who took an account by both its mails, and settled in: what a denial takes back, and what not."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source
from mailkeep.accounts.passwords import NO_HASH
from mailkeep.base.clock import ManualClock

from .conftest import ADDRESS, NEW, PASSWORD, Room
from .test_recovery import OWN, bind, finish, give, settle_factors, signs_in

Owner = Callable[[], Awaitable[str]]


async def recover(room: Room, browser: str) -> None:
    await room.ask(browser)
    link, code = await room.proofs()
    await give(room, browser, link=link["link"], code=code["code"])
    await finish(room, browser)


async def rob(room: Room, account: str, *, browser: str = "thief") -> None:
    """Take an account by both its mails, and settle in: a factor, an address, another password."""
    await recover(room, browser)
    room.database.clock.advance(60)
    await room.accounts.sign_in(ADDRESS, NEW, browser=browser, network="n")
    await bind(room, account, browser)
    made = await room.accounts.contacts.add(account, "thief@example.org", "n", factor=True)
    assert made.code is not None
    await room.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "n")
    await room.accounts.change_password(account, NEW, "a-thief-was-here-for-an-hour", "n")
    room.database.clock.advance(60)


async def test_a_denial_takes_back_all_that_came_of_it(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await rob(room, account)
    first = (await room.mails("security"))[0]
    await room.recovery.denying.deny(str(first["denial"]))
    clock.advance(2 * 3600)  # the freeze is over
    assert not await signs_in(room, "a-thief-was-here-for-an-hour")
    async with room.database.read() as tx:
        assert not await accounts.has_factor(tx, account), "the owner could not answer for it"
        points = await accounts.contact_points(tx, account)
    assert [one.address for one in points] == [ADDRESS]
    # And the owner comes in again, with nothing but both mails.
    await recover(room, "owner")
    assert await signs_in(room, NEW)


async def test_a_thief_who_leaves_passkeys_alone_does_not_keep_the_account(
    room: Room, owner: Owner, device: Callable[[], Any]
) -> None:
    account = await owner()
    await recover(room, "thief")
    room.database.clock.advance(60)
    for _ in range(2):
        asked = await room.accounts.factors.ask_to_bind(
            account, "thief", name=ADDRESS, issuer="Example"
        )
        async with room.database.write() as tx:
            source = Source("thief", "n")
            made = device().create(asked)
            await room.accounts.factors.bind_passkey(tx, account, made, source)
            await settle_factors(room, tx, account)  # nobody said a word for a day
    async with room.database.write() as tx:
        await room.accounts.passwords.remove(tx, account)
    await room.recovery.denying.deny(str((await room.mails("security"))[0]["denial"]))
    room.database.clock.advance(1)
    await recover(room, "owner")
    assert await signs_in(room, NEW)


async def test_an_old_mail_strips_no_owner_of_a_factor_from_where_they_are_known(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="home", network="n")
    clock.advance(60)
    await recover(room, "home")
    old = (await room.mails("security"))[0]
    clock.advance(60)
    await bind(room, account, "home")
    clock.advance(60)
    await room.recovery.denying.deny(str(old["denial"]))
    async with room.database.read() as tx:
        assert await accounts.has_factor(tx, account)


async def test_what_came_after_a_fresh_proof_stands(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Nobody denied the thief's recovery before the owner made one; then an old mail is used."""
    account = await owner()
    await recover(room, "thief")
    old = (await room.mails("security"))[0]
    clock.advance(60)
    await recover(room, "owner")
    clock.advance(60)
    await bind(room, account, "owner")
    await room.accounts.change_password(account, NEW, OWN, "n")
    clock.advance(60)
    await room.recovery.denying.deny(str(old["denial"]))
    async with room.database.read() as tx:
        assert await accounts.has_factor(tx, account)
        assert await accounts.password_hash(tx, account) != NO_HASH


async def test_a_factor_between_two_thefts_does_not_outlive_the_first(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """A thief binds a factor and recovers once more with it, to have it older than a recovery."""
    account = await owner()
    await recover(room, "thief")
    first = (await room.mails("security"))[0]
    clock.advance(60)
    app = await bind(room, account, "thief")
    clock.advance(60)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    await finish(room, "thief", app.generate_otp(clock.now() // totp.STEP))
    await room.recovery.denying.deny(str(first["denial"]))
    async with room.database.read() as tx:
        assert not await accounts.has_factor(tx, account)


async def test_a_recovery_stops_what_a_thief_of_a_session_began(room: Room, owner: Owner) -> None:
    account = await owner()
    made = await room.accounts.contacts.add(account, "thief@example.org", "n", factor=False)
    assert made.code is not None
    await room.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "n")
    await recover(room, "owner")
    async with room.database.read() as tx:
        points = await accounts.contact_points(tx, account)
        assert not await room.accounts.changes.held(tx, account)
    assert [one.address for one in points] == [ADDRESS]
