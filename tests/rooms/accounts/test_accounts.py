"""Accounts on both engines: what is told, what counts once, and what cannot be locked."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pyotp
import pytest
from sqlalchemy import func, select

from mailkeep.accounts import queries, tables
from mailkeep.accounts.confirming import OF_NETWORK, TO_ADDRESS, TO_ADDRESS_IN_ALL
from mailkeep.accounts.events import SignInFailed
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import SignedIn, SignUp, Stage
from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotSignedIn, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.queries import recent
from mailkeep.events.tables import events
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"


async def kinds(database: Database) -> list[str]:
    async with database.read() as tx:
        return [row["kind"] for row in await tx.all(select(events.c.kind).order_by(events.c.id))]


async def sign_in(
    accounts: Accounts, password: str = PASSWORD, browser: str = "b1", network: str = "n1"
) -> SignedIn:
    return await accounts.sign_in(ADDRESS, password, browser=browser, network=network)


async def bind(accounts: Accounts, database: Database, keys: KeyRing, account: str) -> pyotp.TOTP:
    async with database.write() as tx:
        made = await totp.enrol(tx, keys, account, name=ADDRESS, issuer="Example")
    app = pyotp.TOTP(made.secret.reveal())
    code = app.generate_otp(database.clock.now() // totp.STEP)
    async with database.write() as tx:
        await accounts.factors.bind_totp(tx, account, made.factor, code, Source("b", "n"))
    return app


@pytest.mark.check("ASVS 16.3.1")
async def test_sign_up_confirm_sign_in(
    database: Database, accounts: Accounts, owner: Owner
) -> None:
    account = await owner()
    made = await sign_in(accounts)
    assert (made.account, made.stage) == (account, Stage.FULL)
    assert (await accounts.sessions.lookup(made.secret.reveal())).account == account
    assert "accounts.signed_in" in await kinds(database)
    with pytest.raises(NotSignedIn):
        await sign_in(accounts, "violet-harbour-undoes-kettle")


@pytest.mark.check("ASVS 15.4.2", "ASVS 6.5.1")
async def test_a_code_confirms_once_even_at_the_same_time(accounts: Accounts) -> None:
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    code = made.code.reveal()
    results = await asyncio.gather(
        *(accounts.confirm(made.confirmation, code, "n") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in results) == 1
    assert sum(isinstance(one, Conflict) for one in results) == 2


@pytest.mark.check("ASVS 6.6.2")
async def test_the_code_without_the_browser_confirms_nothing(accounts: Accounts) -> None:
    stranger = await accounts.sign_up(ADDRESS, "the-password-of-a-stranger", "n1")
    own = await accounts.sign_up(ADDRESS, PASSWORD, "n2")
    with pytest.raises(Conflict):
        await accounts.confirm(own.confirmation, stranger.code.reveal(), "n")
    await accounts.confirm(own.confirmation, own.code.reveal(), "n")
    with pytest.raises(Conflict):  # the address is taken meanwhile
        await accounts.confirm(stranger.confirmation, stranger.code.reveal(), "n")
    assert (await sign_in(accounts)).stage is Stage.FULL


async def test_a_flood_of_sign_ups_leaves_no_more_rows_than_mails(
    accounts: Accounts, owner: Owner, database: Database
) -> None:
    """Anybody can sign up with any address, taken or not, as often as they like."""
    await owner()
    most = TO_ADDRESS
    for address in (ADDRESS, "new@example.net"):
        made = [await accounts.sign_up(address, PASSWORD, f"n {address}") for _ in range(most + 3)]
        assert [one.mail for one in made] == [True] * most + [False] * 3
        assert all(one.code is None for one in made[most:])
    async with database.read() as tx:
        for table in (tables.accounts, tables.contact_points, tables.passwords):
            assert await tx.value(select(func.count()).select_from(table)) == 1 + 2 * most


@pytest.mark.check("ASVS 6.3.8")
async def test_a_taken_address_looks_like_a_free_one(accounts: Accounts, owner: Owner) -> None:
    await owner()
    again = await accounts.sign_up("ADA@example.net", "another-password-entirely", "n")
    assert again.taken
    assert again.code is None
    fresh = await accounts.sign_up("new@example.net", "another-password-entirely", "n")
    assert len(again.confirmation) == len(fresh.confirmation)
    errors = []
    for one in (again, fresh):
        with pytest.raises(Conflict) as error:
            await accounts.confirm(one.confirmation, "WRONG234", "n")
        errors.append(str(error.value))
    assert errors[0] == errors[1]
    assert (await sign_in(accounts)).stage is Stage.FULL


@pytest.mark.check("ASVS 6.6.3", "63B 4.2.1.2")
async def test_five_wrong_codes_end_a_confirmation(accounts: Accounts, clock: ManualClock) -> None:
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    for code in ["WRONG234"] * 5 + [made.code.reveal()]:
        with pytest.raises(Conflict):
            await accounts.confirm(made.confirmation, code, "n")
    late = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    clock.advance(601)
    with pytest.raises(Conflict):
        await accounts.confirm(late.confirmation, late.code.reveal(), "n")


@pytest.mark.check("ASVS 2.4.1")
async def test_sign_ups_cannot_bomb_an_address(accounts: Accounts) -> None:
    mails = [(await accounts.sign_up(ADDRESS, PASSWORD, "n")).mail for _ in range(7)]
    assert mails == [True] * 5 + [False] * 2


async def flood(accounts: Accounts, address: str) -> list[SignUp]:
    """Strangers of many networks have an address mailed as often as it may be."""
    networks = [f"n{number}" for number in range(TO_ADDRESS_IN_ALL // TO_ADDRESS)]
    return [
        await accounts.sign_up(address, PASSWORD, network)
        for network in networks
        for _ in range(TO_ADDRESS)
    ]


@pytest.mark.check("ASVS 2.4.1")
async def test_one_network_uses_up_nobody_elses_mails(
    accounts: Accounts, clock: ManualClock
) -> None:
    for _ in range(4):
        for _ in range(OF_NETWORK):
            await accounts.sign_up(ADDRESS, PASSWORD, "thief")
        clock.advance(16 * 60)
    own = await accounts.sign_up(ADDRESS, PASSWORD, "home")
    assert own.code is not None
    assert await accounts.confirm(own.confirmation, own.code.reveal(), "home")


async def test_many_networks_keep_nobody_from_signing_up(
    accounts: Accounts, clock: ManualClock
) -> None:
    """What is mailed stays bounded, and what was mailed last confirms in the owner's browser: the
    handle of a stranger opens what the stranger chose, and the owner's what the owner did."""
    clock.advance(3600 - clock.now() // SECOND % 3600 + 60)  # the hour has just begun
    assert all(one.mail for one in await flood(accounts, ADDRESS))
    thief = await accounts.sign_up(ADDRESS, "the-password-of-a-stranger", "far")
    assert thief.code is not None  # the one of this hour
    own = await accounts.sign_up(ADDRESS, PASSWORD, "home")
    added = await accounts.sign_up(ADDRESS, PASSWORD, "work")
    assert [(one.mail, one.code) for one in (own, added)] == [(False, None)] * 2
    for _ in range(5):  # wrong codes end a stranger's own handle, and no other
        with pytest.raises(Conflict):
            await accounts.confirm(thief.confirmation, "WRONG234", "far")
    with pytest.raises(Conflict):
        await accounts.confirm(thief.confirmation, thief.code.reveal(), "far")
    assert await accounts.confirm(own.confirmation, thief.code.reveal(), "home")
    assert (await sign_in(accounts)).stage is Stage.FULL
    with pytest.raises(Conflict):
        await accounts.confirm(added.confirmation, thief.code.reveal(), "work")


async def test_a_flood_over_hours_mails_one_an_hour(accounts: Accounts, clock: ManualClock) -> None:
    await flood(accounts, ADDRESS)
    hours: list[SignUp] = []
    for hour in range(3):
        clock.advance(3600)
        mailed = [await accounts.sign_up(ADDRESS, PASSWORD, f"h{hour} {n}") for n in range(8)]
        hours += [one for one in mailed if one.mail]
    assert len(hours) == 3
    assert len({one.code.reveal() for one in hours if one.code is not None}) == 3
    late = await accounts.sign_up(ADDRESS, PASSWORD, "home")
    clock.advance(3600)
    nobodys = SignUp("0" * 26, ADDRESS, None, False, False)
    assert not (await again(accounts, nobodys)).mail  # and it uses none up
    asked = await again(accounts, late)
    assert asked.code is not None
    assert await accounts.confirm(asked.confirmation, asked.code.reveal(), "home")


async def test_a_flood_of_a_taken_address_mails_one_an_hour_as_well(
    accounts: Accounts, owner: Owner
) -> None:
    await owner()
    told = await flood(accounts, ADDRESS)
    told += [await accounts.sign_up(ADDRESS, PASSWORD, f"m{number}") for number in range(4)]
    # The owner's own sign-up was the first of those that everybody has together.
    assert sum(one.mail for one in told) == TO_ADDRESS_IN_ALL
    assert all(one.code is None for one in told)


@pytest.mark.check("ASVS 6.3.8")
async def test_an_unknown_account_is_refused_in_the_same_words(
    accounts: Accounts, owner: Owner
) -> None:
    await owner()
    words = []
    for address in (ADDRESS, "nobody@example.net", "not an address"):
        with pytest.raises(NotSignedIn) as error:
            await accounts.sign_in(address, "wrong", browser="b", network="n")
        words.append(str(error.value))
    assert len(set(words)) == 1


@pytest.mark.check("63B 3.1.1.2", "ASVS 6.1.1")
async def test_guessing_is_throttled_and_locks_no_owner_out(
    accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await sign_in(accounts, browser="own")
    for network in range(11):
        for _ in range(10):
            with pytest.raises((NotSignedIn, TooMany)):
                await sign_in(accounts, "wrong", browser="thief", network=f"t{network}")
    with pytest.raises(TooMany):
        await sign_in(accounts, browser="thief", network="t99")
    # The owner's own browser is counted apart, even from the thief's network.
    assert (await sign_in(accounts, browser="own", network="t0")).stage is Stage.FULL
    clock.advance(901)
    assert (await sign_in(accounts, browser="new")).stage is Stage.FULL


async def test_unknown_accounts_are_throttled_alike(accounts: Accounts) -> None:
    for _ in range(10):
        with pytest.raises(NotSignedIn):
            await accounts.sign_in("nobody@example.net", "wrong", browser="b", network="n")
    with pytest.raises(TooMany):
        await accounts.sign_in("nobody@example.net", "wrong", browser="b", network="n")


@pytest.mark.check("ASVS 15.4.2")
async def test_guesses_sent_at_once_do_not_overrun_the_limit(
    accounts: Accounts, owner: Owner
) -> None:
    await owner()
    results = await asyncio.gather(
        *(sign_in(accounts, "wrong") for _ in range(15)), return_exceptions=True
    )
    assert sum(isinstance(one, NotSignedIn) for one in results) == 10
    assert sum(isinstance(one, TooMany) for one in results) == 5


@pytest.mark.check("ASVS 2.3.1", "ASVS 6.5.1", "ASVS 7.2.4", "ASVS 6.3.4")
async def test_the_factor_is_asked_and_a_code_counts_once(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    app = await bind(accounts, database, keys, account)
    clock.advance(90)
    pending, other = await sign_in(accounts), await sign_in(accounts)
    assert pending.stage is Stage.FACTOR
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(pending.secret.reveal())
    code = app.generate_otp(clock.now() // totp.STEP)
    results = await asyncio.gather(
        accounts.entering.second_step(pending.secret.reveal(), Typed(code=code)),
        accounts.entering.second_step(other.secret.reveal(), Typed(code=code)),
        return_exceptions=True,
    )
    made = [one for one in results if isinstance(one, SignedIn)]
    assert len(made) == 1
    assert (await accounts.sessions.lookup(made[0].secret.reveal())).account == account
    with pytest.raises(NotSignedIn):  # the pending secret opens nothing afterwards
        await accounts.sessions.lookup(pending.secret.reveal())


async def test_wrong_factors_are_counted(
    database: Database, accounts: Accounts, keys: KeyRing, owner: Owner
) -> None:
    await bind(accounts, database, keys, await owner())
    pending = (await sign_in(accounts)).secret.reveal()
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await accounts.entering.second_step(pending, Typed(code="12345"))
    with pytest.raises(TooMany):
        await accounts.entering.second_step(pending, Typed(code="12345"))


async def test_a_wrong_code_binds_no_factor(
    database: Database, keys: KeyRing, owner: Owner, accounts: Accounts
) -> None:
    account = await owner()
    async with database.write() as tx:
        made = await totp.enrol(tx, keys, account, name=ADDRESS, issuer="Example")
    with pytest.raises(Invalid):
        async with database.write() as tx:
            await accounts.factors.bind_totp(tx, account, made.factor, "1", Source("b", "n"))
    assert (await sign_in(accounts)).stage is Stage.FULL


@pytest.mark.check("63B 2.2.3", "63B 5.1", "ASVS 7.4.1", "ASVS 7.5.2")
async def test_sessions_end(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    idle = (await sign_in(accounts)).secret.reveal()
    clock.advance(3599)
    await accounts.sessions.lookup(idle)
    clock.advance(3599)
    await accounts.sessions.lookup(idle)
    clock.advance(3600)
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(idle)
    used = (await sign_in(accounts)).secret.reveal()
    for _ in range(47):
        clock.advance(1800)
        await accounts.sessions.lookup(used)
    clock.advance(1800)
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(used)
    one, two = await sign_in(accounts), await sign_in(accounts)
    async with database.write() as tx:
        assert [view.id for view in await accounts.sessions.of(tx, account)] == [
            view.session for view in sorted((one, two), key=lambda it: it.session, reverse=True)
        ]
        assert await accounts.sessions.end(tx, account, one.session)
        assert not await accounts.sessions.end(tx, "acc_other", two.session)
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(one.secret.reveal())
    async with database.write() as tx:
        await accounts.sessions.end_all(tx, account, "owner")
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(two.secret.reveal())


@pytest.mark.check("ASVS 7.4.2")
async def test_a_freeze_holds_for_its_time(
    database: Database, accounts: Accounts, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    session = (await sign_in(accounts, browser="thief")).secret.reveal()
    async with database.write() as tx:
        await accounts.freeze(tx, account, tx.now + HOUR, "denied")
        await accounts.freeze(tx, account, tx.now + 1, "denied")
        assert not await queries.knows_browser(tx, account, "thief")
    for attempt in (accounts.sessions.lookup(session), sign_in(accounts)):
        with pytest.raises(NotSignedIn):
            await attempt
    clock.advance(3600)
    assert (await sign_in(accounts)).stage is Stage.FULL


@pytest.mark.parametrize(
    ("first", "then", "hours"),
    [
        (("incident", 2), ("denied", 3), 3),
        (("incident", 3), ("denied", 2), 3),
        (("denied", 2), ("incident", 3), 3),
        (("denied", 3), ("incident", 2), 3),
    ],
)
async def test_proofs_end_no_freeze_that_was_not_of_a_denial_alone(
    database: Database,
    accounts: Accounts,
    owner: Owner,
    first: tuple[str, int],
    then: tuple[str, int],
    hours: int,
) -> None:
    """An old mail's denial gave an incident's freeze a reason that proofs end."""
    account = await owner()
    async with database.write() as tx:
        for why, length in (first, then):
            await accounts.freeze(tx, account, tx.now + length * HOUR, why)
        assert not await accounts.thaw(tx, account, "denied")
        view = await queries.account(tx, account)
        assert (view.frozen_until, view.frozen_why) == (tx.now + hours * HOUR, "incident")
        assert await accounts.thaw(tx, account, "incident")


async def test_why_a_right_password_opens_nothing_is_told_to_the_log_alone(
    database: Database, accounts: Accounts, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was replaced while it was being checked was told as a frozen account."""
    account = await owner()
    right = accounts.passwords.right

    async def slowly(kept: str | None, typed: str, *, of: str = "") -> bool:
        was = await right(kept, typed, of=of)
        async with database.write() as tx:
            await accounts.void_password(tx, account)
        return was

    with monkeypatch.context() as patched:
        patched.setattr(accounts.passwords, "right", slowly)
        with pytest.raises(NotSignedIn) as replaced:
            await sign_in(accounts)
    async with database.write() as tx:
        made = await accounts.passwords.make(PASSWORD, has_factor=False, about=[], of="n")
        await accounts.passwords.write(tx, account, made, by="change")
        await accounts.freeze(tx, account, tx.now + HOUR, "incident")
    with pytest.raises(NotSignedIn) as frozen:
        await sign_in(accounts)
    assert str(replaced.value) == str(frozen.value)
    async with database.read() as tx:
        failed = await recent(tx, [SignInFailed], 0, 9)
    assert sorted(one.fact.why for one in failed) == ["frozen", "replaced"]


@pytest.mark.check("ASVS 7.4.3", "ASVS 7.5.3")
async def test_a_changed_password_ends_sessions(accounts: Accounts, owner: Owner) -> None:
    account = await owner()
    session = (await sign_in(accounts)).secret.reveal()
    with pytest.raises(NotSignedIn):
        await accounts.change_password(account, "wrong", "a-new-one-for-the-harbour", "n")
    with pytest.raises(Invalid):
        await accounts.change_password(account, PASSWORD, "short", "n")
    await accounts.change_password(account, PASSWORD, "a-new-one-for-the-harbour", "n")
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(session)
    with pytest.raises(NotSignedIn):
        await sign_in(accounts)
    assert (await sign_in(accounts, "a-new-one-for-the-harbour")).stage is Stage.FULL


@pytest.mark.check("ASVS 16.2.5")
async def test_nothing_personal_or_secret_is_in_the_log(
    database: Database, accounts: Accounts, owner: Owner
) -> None:
    await owner()
    await sign_in(accounts)
    async with database.read() as tx:
        data = "".join(row["data"] for row in await tx.all(select(events.c.data)))
    assert re.search(r"\bada\b", data) is None  # as part of a random id it stands there by chance
    assert PASSWORD not in data


async def again(accounts: Accounts, made: SignUp, address: str = ADDRESS) -> SignUp:
    key = accounts.address_key(address)
    return await accounts.confirming.again(made.confirmation, address, key, "n")


async def test_a_code_is_sent_again_and_only_the_newest_counts(
    accounts: Accounts, clock: ManualClock
) -> None:
    made = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    for _ in range(5):
        with pytest.raises(Conflict):
            await accounts.confirm(made.confirmation, "WRONG234", "n")
    clock.advance(3600)
    fresh = await again(accounts, made)
    assert made.code is not None
    assert fresh.code is not None
    assert fresh.mail
    for handle, code in (
        (made.confirmation, made.code),
        (made.confirmation, fresh.code),
        (fresh.confirmation, made.code),
    ):
        with pytest.raises(Conflict):
            await accounts.confirm(handle, code.reveal(), "n")
    await accounts.confirm(fresh.confirmation, fresh.code.reveal(), "n")
    late = await again(accounts, fresh)
    assert (late.mail, late.code, late.confirmation) == (False, None, fresh.confirmation)


async def test_to_ask_for_it_again_tells_nothing_and_floods_nobody(accounts: Accounts) -> None:
    """Written first: a stranger's handle with another's address, an address that is taken, and
    a mailbox that is to be filled."""
    own = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    assert own.code is not None
    stranger = await accounts.sign_up("new@example.net", PASSWORD, "n")
    mixed = await again(accounts, stranger)
    assert (mixed.mail, mixed.code) == (False, None)
    assert not (await again(accounts, SignUp("0" * 26, ADDRESS, None, False, False))).mail
    await accounts.confirm(own.confirmation, own.code.reveal(), "n")
    taken = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    told = await again(accounts, taken)
    assert (told.mail, told.code, told.taken) == (True, None, True)
    assert len(told.confirmation) == len(taken.confirmation)
    for _ in range(10):
        told = await again(accounts, told)
    assert not told.mail


@pytest.mark.check("ASVS 6.3.8")
async def test_a_sign_up_of_which_nothing_was_mailed_tells_nothing_when_asked_again(
    accounts: Accounts, owner: Owner
) -> None:
    """From another network, where a mail would be left."""
    await owner()
    for address in (ADDRESS, "new@example.net"):
        made = [await accounts.sign_up(address, PASSWORD, "thief") for _ in range(TO_ADDRESS + 1)]
        key, last = accounts.address_key(address), made[-1].confirmation
        told = await accounts.confirming.again(last, address, key, "elsewhere")
        assert (told.confirmation, told.mail) == (last, False)


async def test_a_code_of_before_does_not_take_an_address_that_somebody_else_confirmed(
    accounts: Accounts,
) -> None:
    slow = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    quick = await accounts.sign_up(ADDRESS, PASSWORD, "n")
    assert quick.code is not None
    await accounts.confirm(quick.confirmation, quick.code.reveal(), "n")
    told = await again(accounts, slow)
    assert (told.code, told.taken) == (None, True)
