"""Contact points and held changes: what a thief of a session, a password or a mailbox can do."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts import queries
from mailkeep.accounts.changes import DENIALS
from mailkeep.accounts.confirming import TO_ADDRESS, TO_ADDRESS_IN_ALL
from mailkeep.accounts.contacts import ADDITIONS
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import MOST_ADDRESSES, Change, ChangeKind, ContactKind, ContactPoint
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
OLD, NEW, THIRD = "ada@example.net", "ada@example.org", "ada@example.edu"


class Hands:
    """What somebody who is signed in, or holds a notice, does."""

    def __init__(self, accounts: Accounts, database: Database, clock: ManualClock) -> None:
        self.accounts, self.database, self.clock = accounts, database, clock

    async def add(self, account: str, address: str = NEW, *, factor: bool = False) -> str:
        self.clock.advance(0.01)
        made = await self.accounts.contacts.add(account, address, "network_a", factor=factor)
        assert made.code is not None
        return await self.accounts.contacts.confirm(
            account, made.confirmation, made.code.reveal(), "n"
        )

    async def remove(self, account: str, address: str, *, factor: bool = False) -> None:
        self.clock.advance(0.01)
        point = (await self.points(account))[address]
        await self.accounts.contacts.remove(account, point.id, factor=factor)

    async def points(self, account: str) -> dict[str, ContactPoint]:
        async with self.database.read() as tx:
            return {one.address: one for one in await queries.contact_points(tx, account)}

    async def counting(self, *addresses: str) -> set[str]:
        """Those that recovery goes by."""
        async with self.database.read() as tx:
            keys = {one: self.accounts.address_key(one) for one in addresses}
            return {one for one in keys if await queries.for_recovery(tx, keys[one])}

    async def held(self, account: str) -> list[Change]:
        async with self.database.read() as tx:
            return await self.accounts.changes.held(tx, account)

    async def notice(self, account: str, address: str) -> str:
        """The secret that the notice of the newest change has for the reader of an address."""
        change, point = (await self.held(account))[-1], (await self.points(account))[address]
        async with self.database.write() as tx:
            return await self.accounts.changes.denial(tx, change.id, point.id, "")

    async def later(self, micros: int = DAY + SECOND) -> None:
        """The owner was told, and the time goes by."""
        async with self.database.write() as tx:
            for account in await tx.all(queries.select(queries.tables.accounts.c.id)):
                for change in await self.accounts.changes.held(tx, account["id"]):
                    await self.accounts.changes.told(tx, change)
        self.clock.advance(micros / SECOND)
        async with self.database.write() as tx:
            await self.accounts.changes.settle(tx, 100)

    async def sign_in(self, address: str = OLD, password: str = PASSWORD) -> str:
        made = await self.accounts.sign_in(address, password, browser="b", network="n")
        return made.secret.reveal()


@pytest.fixture
def hands(accounts: Accounts, database: Database, clock: ManualClock) -> Hands:
    return Hands(accounts, database, clock)


@pytest.mark.check("ASVS 7.5.1", "63B 4.6")
async def test_a_thief_with_session_and_password_cannot_swap_the_address_unseen(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    await hands.add(account)
    await hands.remove(account, OLD)
    assert await hands.counting(OLD, NEW) == {OLD}  # all the while it is held
    session = await hands.sign_in()
    await hands.accounts.changes.deny(await hands.notice(account, OLD))
    assert set(await hands.points(account)) == {OLD}
    assert await hands.held(account) == []
    with pytest.raises(NotSignedIn):
        await hands.accounts.sessions.lookup(session)
    with pytest.raises(NotSignedIn):  # who made the change knows the password
        await hands.sign_in()
    await hands.later()
    assert await hands.counting(OLD, NEW) == {OLD}


async def test_a_change_that_nobody_stops_counts_when_its_time_is_over(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    await hands.add(account)
    await hands.remove(account, OLD)
    await hands.later()
    assert await hands.counting(OLD, NEW) == {NEW}
    assert set(await hands.points(account)) == {NEW}
    assert await hands.held(account) == []
    assert await owner(OLD) != account  # the old address is free again


async def test_what_the_owner_was_not_told_of_does_not_count(
    hands: Hands, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await hands.add(account)
    clock.advance(2 * DAY / SECOND)
    async with hands.database.write() as tx:
        assert await hands.accounts.changes.settle(tx, 100) == 0
    assert await hands.counting(OLD, NEW) == {OLD}


async def test_the_one_who_is_removed_stops_it_thrice_a_month_and_no_more(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    await hands.add(account)
    await hands.later()
    for _ in range(DENIALS):
        await hands.remove(account, NEW)
        await hands.accounts.changes.deny(await hands.notice(account, NEW))
        assert (await hands.points(account))[NEW].removed_by is None
    await hands.remove(account, NEW)
    await hands.accounts.changes.deny(await hands.notice(account, NEW))
    await hands.later()
    assert set(await hands.points(account)) == {OLD}


async def test_a_factor_overrides_the_one_who_is_removed(hands: Hands, owner: Owner) -> None:
    account = await owner()
    await hands.add(account)
    await hands.later()
    await hands.remove(account, NEW, factor=True)
    await hands.accounts.changes.deny(await hands.notice(account, NEW))
    assert (await hands.points(account))[NEW].removed_by is None
    await hands.remove(account, NEW, factor=True)
    await hands.accounts.changes.deny(await hands.notice(account, NEW))
    assert len(await hands.held(account)) == 1
    await hands.later()
    assert set(await hands.points(account)) == {OLD}


async def test_a_denial_counts_once_and_only_while_the_change_is_held(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    await hands.add(account)
    secret = await hands.notice(account, OLD)
    await hands.later()
    await hands.accounts.changes.deny(secret)  # too late: it counts
    assert await hands.counting(OLD, NEW) == {OLD, NEW}
    await hands.sign_in()
    await hands.accounts.changes.deny("no such secret")
    await hands.accounts.changes.deny("")


async def test_the_owner_stops_it_from_the_account(hands: Hands, owner: Owner) -> None:
    account = await owner()
    await hands.add(account)
    await hands.remove(account, OLD)
    async with hands.database.write() as tx:
        await queries.account(tx, account, lock=True)
        assert await hands.accounts.changes.stop(tx, account) == 2
    assert set(await hands.points(account)) == {OLD}
    await hands.sign_in()  # they showed that it is them: nothing else ends


async def test_a_password_change_can_be_taken_back(hands: Hands, owner: Owner) -> None:
    account = await owner()
    await hands.accounts.change_password(account, PASSWORD, "the-choice-of-some-thief", "n")
    assert [one.what for one in await hands.held(account)] == [ChangeKind.PASSWORD]
    secret = await hands.notice(account, OLD)
    await hands.sign_in(password="the-choice-of-some-thief")
    await hands.accounts.changes.deny(secret)
    for password in (PASSWORD, "the-choice-of-some-thief"):
        with pytest.raises(NotSignedIn):
            await hands.sign_in(password=password)


async def test_a_denial_leaves_a_password_of_later(
    hands: Hands, owner: Owner, clock: ManualClock
) -> None:
    """The owner has recovered meanwhile."""
    account = await owner()
    await hands.add(account)
    secret = await hands.notice(account, OLD)
    clock.advance(60)
    kept = await hands.accounts.passwords.make(
        "a-lantern-on-the-moor", has_factor=False, about=[], of="n"
    )
    async with hands.database.write() as tx:
        await hands.accounts.passwords.write(tx, account, kept, by="recovery")
    await hands.accounts.changes.deny(secret)
    assert set(await hands.points(account)) == {OLD}
    await hands.sign_in(password="a-lantern-on-the-moor")


@pytest.mark.check("ASVS 6.6.2")
async def test_the_code_without_the_browser_adds_nothing(hands: Hands, owner: Owner) -> None:
    account, contacts = await owner(), hands.accounts.contacts
    made = await contacts.add(account, NEW, "n", factor=False)
    other = await contacts.add(account, THIRD, "n", factor=False)
    with pytest.raises(Conflict):
        await contacts.confirm(account, other.confirmation, made.code.reveal(), "n")


@pytest.mark.check("ASVS 6.6.2")
async def test_a_code_of_one_account_adds_nothing_to_another(hands: Hands, owner: Owner) -> None:
    account, other = await owner(), await owner("bob@example.net")
    made = await hands.accounts.contacts.add(account, NEW, "n", factor=False)
    with pytest.raises(Conflict):
        await hands.accounts.contacts.confirm(other, made.confirmation, made.code.reveal(), "n")


async def test_many_networks_keep_nobody_from_adding_an_address(
    hands: Hands, owner: Owner, clock: ManualClock
) -> None:
    """The code of an hour that was mailed for a sign-up ties the address to no account."""
    clock.advance(3600 - clock.now() // SECOND % 3600 + 60)
    account = await owner()
    for network in range(TO_ADDRESS_IN_ALL // TO_ADDRESS):
        for _ in range(TO_ADDRESS):
            await hands.accounts.sign_up(NEW, PASSWORD, f"n{network}")
    mailed = await hands.accounts.sign_up(NEW, PASSWORD, "far")
    assert mailed.code is not None
    added = await hands.accounts.contacts.add(account, NEW, "home", factor=False)
    assert added.code is not None
    late = await hands.accounts.contacts.add(account, NEW, "home", factor=False)
    assert not late.mail
    with pytest.raises(Conflict):
        await hands.accounts.contacts.confirm(
            account, late.confirmation, mailed.code.reveal(), "home"
        )
    code = added.code.reveal()
    assert await hands.accounts.contacts.confirm(account, late.confirmation, code, "home")


async def test_an_addition_cannot_be_confirmed_as_a_sign_up(hands: Hands, owner: Owner) -> None:
    """That way round it would not be held."""
    account = await owner()
    made = await hands.accounts.contacts.add(account, NEW, "n", factor=False)
    with pytest.raises(Conflict):
        await hands.accounts.confirm(made.confirmation, made.code.reveal(), "n")
    signed_up = await hands.accounts.sign_up(THIRD, PASSWORD, "n")
    with pytest.raises(Conflict):
        await hands.accounts.contacts.confirm(
            account, signed_up.confirmation, signed_up.code.reveal(), "n"
        )


@pytest.mark.check("ASVS 6.3.8")
async def test_a_taken_address_looks_like_a_free_one(hands: Hands, owner: Owner) -> None:
    account, _ = await owner(), await owner(NEW)
    made = await hands.accounts.contacts.add(account, NEW, "n", factor=False)
    assert made.confirmation
    assert made.code is None
    assert made.taken
    with pytest.raises(Conflict):
        await hands.accounts.contacts.confirm(account, made.confirmation, "0000-0000", "n")


async def test_an_address_that_is_being_removed_is_nobody_elses_yet(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    await hands.add(account)
    await hands.remove(account, OLD)
    made = await hands.accounts.sign_up(OLD, PASSWORD, "n")
    assert made.taken


async def test_the_last_address_stays(hands: Hands, owner: Owner) -> None:
    account = await owner()
    with pytest.raises(Conflict, match="only address"):
        await hands.remove(account, OLD)
    await hands.add(account)
    await hands.remove(account, OLD)
    with pytest.raises(Conflict, match="already"):
        await hands.remove(account, OLD)
    with pytest.raises(Conflict, match="only address"):
        await hands.remove(account, NEW)
    with pytest.raises(NotFound):
        await hands.accounts.contacts.remove(account, "cpt_none", factor=False)


async def test_one_that_never_counted_is_gone_at_once(hands: Hands, owner: Owner) -> None:
    account = await owner()
    await hands.add(account)
    await hands.remove(account, NEW)
    assert set(await hands.points(account)) == {OLD}
    assert await hands.held(account) == []


async def test_how_many_and_how_often(hands: Hands, owner: Owner) -> None:
    account, contacts = await owner(), hands.accounts.contacts
    for number in range(MOST_ADDRESSES - 1):
        await hands.add(account, f"ada{number}@example.org")
    with pytest.raises(Conflict, match="at most"):
        await contacts.add(account, THIRD, "n", factor=False)


@pytest.mark.check("ASVS 2.4.1")
async def test_no_account_has_us_mail_to_ever_more_addresses(hands: Hands, owner: Owner) -> None:
    account, contacts = await owner(), hands.accounts.contacts
    for number in range(ADDITIONS):
        await contacts.add(account, f"ada{number}@example.org", "n", factor=False)
    with pytest.raises(TooMany):
        await contacts.add(account, THIRD, "n", factor=False)


async def test_no_phone_is_confirmed_where_nothing_can_send_to_it(
    hands: Hands, owner: Owner
) -> None:
    account = await owner()
    with pytest.raises(Invalid, match="SMS"):
        await hands.accounts.contacts.add(
            account, "+431234567", "n", factor=False, kind=ContactKind.PHONE
        )
    with pytest.raises(Conflict, match="already"):
        await hands.accounts.contacts.add(account, OLD, "n", factor=False)
