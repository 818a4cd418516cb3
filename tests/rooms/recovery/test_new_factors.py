"""Factors that a thief binds: what they keep an owner from, which must be nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.events import FactorRevoked
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.types import Stage
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotSignedIn
from mailkeep.events.log import Relay
from mailkeep.events.subscribe import Subscriber

from .conftest import ADDRESS, NEW, PASSWORD, Room
from .test_changes import add, hear, settle
from .test_holds import accept
from .test_recovery import bind, finish, give, settle_factors, signs_in
from .test_taking_back import recover

Owner = Callable[[], Awaitable[str]]


async def bound(room: Room, account: str) -> list[str]:
    async with room.database.read() as tx:
        return [one.kind.value for one in await room.accounts.factors.bound(tx, account)]


async def rob(room: Room, account: str, clock: ManualClock) -> Any:
    """Who knows nothing but the password signs in from a strange browser and binds the first app;
    returns the app."""
    clock.advance(60)
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="n")
    clock.advance(60)
    return await bind(room, account, "thief", settled=False)


@pytest.mark.check("63B 4.1.2.1", "ASVS 6.4.4")
async def test_a_thief_of_the_password_who_binds_the_first_factor_keeps_nobody_out(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await rob(room, account, clock)
    await hear(room)
    await recover(room, "owner")
    assert await bound(room, account) == []
    made = await room.accounts.sign_in(ADDRESS, NEW, browser="owner", network="n")
    assert made.stage is Stage.FULL


@pytest.mark.check("63B 4.6", "ASVS 6.3.7")
async def test_its_notice_stops_it_without_signing_in(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await rob(room, account, clock)
    told = await hear(room)
    assert {(one["to"], one["provider"]) for one in told} == {(ADDRESS, "a"), (ADDRESS, "b")}
    assert all(one["denial"] for one in told)
    thief = await room.accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="n")
    assert thief.stage is Stage.FACTOR  # at once it adds protection
    await room.accounts.changes.deny(str(told[1]["denial"]))
    assert await bound(room, account) == []
    assert not await signs_in(room, PASSWORD), "the thief knows it"
    async with room.database.read() as tx:
        assert await accounts.has_password(tx, account)
        assert not await accounts.knows_browser(tx, account, "thief")
    await recover(room, "owner")
    assert await signs_in(room, NEW)


async def test_what_is_not_settled_proves_nothing_in_a_recovery(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """A thief of a session and of one shown code leaves an app of their own beside the owner's."""
    account = await owner()
    own = await bind(room, account, "own")
    clock.advance(60)
    theirs = await bind(room, account, "thief", settled=False)
    clock.advance(60)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    with pytest.raises(NotSignedIn):
        await finish(room, "thief", theirs.generate_otp(clock.now() // totp.STEP))
    await finish(room, "thief", own.generate_otp(clock.now() // totp.STEP))
    assert await bound(room, account) == ["totp"], "the owner's app stands, the other one fell"
    clock.advance(60)
    waits = await room.accounts.sign_in(ADDRESS, NEW, browser="own", network="n")
    shown = Typed(code=own.generate_otp(clock.now() // totp.STEP))
    await room.accounts.entering.second_step(waits.secret.reveal(), shown)


async def test_a_factor_that_is_not_settled_takes_no_settled_ones_place(
    room: Room, owner: Owner, clock: ManualClock, device: Callable[[], Any]
) -> None:
    account = await owner()
    own = await bind(room, account, "own")
    clock.advance(2 * DAY / SECOND)
    asked = await room.accounts.factors.ask_to_bind(account, "thief", name="a", issuer="E")
    async with room.database.write() as tx:
        made = device().create(asked)
        await room.accounts.factors.bind_passkey(tx, account, made, Source("thief", "n"))
        first = next(
            one for one in await room.accounts.factors.bound(tx, account) if one.kind == "totp"
        )
    told = await hear(room)
    async with room.database.write() as tx:
        until = await room.accounts.factors.revoke(tx, account, first.id, "lost")
    assert until is not None, "the owner's goes only when its owner had time to object"
    async with room.database.write() as tx:
        with pytest.raises(Conflict):
            await room.accounts.passwords.remove(tx, account)
    denial = next(one["denial"] for one in told if "a passkey" in str(one["text"]))
    await room.accounts.changes.deny(str(denial))
    async with room.database.read() as tx:
        left = await room.accounts.factors.bound(tx, account)
    assert [(one.id, one.leaves_at) for one in left] == [(first.id, None)]
    clock.advance(60)
    await recover_with(room, own, clock)


async def recover_with(room: Room, app: Any, clock: ManualClock) -> None:
    await room.ask("owner")
    link, code = await room.proofs()
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner", app.generate_otp(clock.now() // totp.STEP))


async def test_it_settles_when_nobody_objects_and_is_asked_from_then_on(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    app = await rob(room, account, clock)
    clock.advance(DAY / SECOND + 1)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
        assert not await accounts.has_factor(tx, account, settled=True), "nobody was told"
    told = await hear(room)
    await settle(room)
    await room.accounts.changes.deny(str(told[0]["denial"]))
    assert await bound(room, account) == ["totp"]
    await room.ask("owner")
    link, code = await room.proofs()
    await give(room, "owner", link=link["link"], code=code["code"])
    with pytest.raises(NotSignedIn):
        await finish(room, "owner")
    await finish(room, "owner", app.generate_otp(clock.now() // totp.STEP))


async def test_from_a_browser_known_for_long_it_settles_sooner(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="home", network="n")
    clock.advance(3 * DAY / SECOND)
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="n")
    clock.advance(60)
    await bind(room, account, "thief", settled=False)
    clock.advance(60)
    await bind(room, account, "home", settled=False)
    async with room.database.read() as tx:
        held = await room.accounts.changes.held(tx, account)
        policy = room.accounts.classes.of("customer")
    assert [one.until - one.at for one in held] == [policy.bind_hold_known]
    assert 0 < policy.bind_hold_known < policy.bind_hold
    async with room.database.read() as tx:
        now = await room.accounts.factors.bound(tx, account)
    assert [one.browser for one in now] == ["home"], "it took the place of the one before"


async def test_saved_codes_of_a_thief_do_not_outlive_a_recovery(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    own = await bind(room, account, "own")
    clock.advance(60)
    await room.accounts.factors.new_codes(account, Source("thief", "n"))
    clock.advance(60)
    await recover_with(room, own, clock)
    assert await bound(room, account) == ["totp"]


async def test_a_denied_change_takes_factors_of_the_same_session_with_it(
    room: Room, owner: Owner, clock: ManualClock, device: Callable[[], Any]
) -> None:
    account = await owner()
    await rob(room, account, clock)
    clock.advance(1)
    asked = await room.accounts.factors.ask_to_bind(account, "thief", name="a", issuer="E")
    async with room.database.write() as tx:
        made = device().create(asked)
        await room.accounts.factors.bind_passkey(tx, account, made, Source("thief", "n"))
    async with room.database.write() as tx:
        # Even those that count already, such as where a class holds no factors.
        await settle_factors(room, tx, account)
    await add(room, account, "thief@example.org")
    told = [one for one in await hear(room) if "address" in str(one["subject"]).lower()]
    denial = next(one["denial"] for one in told if one["to"] == ADDRESS)
    clock.advance(60)
    await room.accounts.changes.deny(str(denial))
    assert await bound(room, account) == []
    said = await hear(room)
    assert await credentials(room) == [], "it is told once, and not for each factor"
    assert {(one["to"], one["provider"]) for one in said} == {(ADDRESS, "a"), (ADDRESS, "b")}
    assert len(said) == 2
    for one in said:
        text = str(one["text"])
        assert "second factors were removed: an authenticator app, a passkey" in text
        assert "denied from one of your mails" in text
        assert "who was signed in" not in text, "nobody who was signed in did it"


async def credentials(room: Room) -> list[dict[str, object]]:
    """The mails that are new once it was heard which factors are gone."""
    before = {one["id"] for one in await room.mails("security")}
    await Relay(room.database, "test").place()
    heard = Subscriber("credentials", {FactorRevoked: [room.recovery.notices.on_credential]})
    while await heard.step(room.database, 100):
        pass
    return [one for one in await room.mails("security") if one["id"] not in before]


async def test_factors_that_a_denied_recovery_bound_are_told_of_in_one_mail(
    room: Room, owner: Owner, clock: ManualClock, device: Callable[[], Any]
) -> None:
    """No change is stopped with them, so nothing else speaks of them."""
    account = await owner()
    since = clock.now()
    await rob(room, account, clock)
    clock.advance(1)
    asked = await room.accounts.factors.ask_to_bind(account, "thief", name="a", issuer="E")
    async with room.database.write() as tx:
        made = device().create(asked)
        await room.accounts.factors.bind_passkey(tx, account, made, Source("thief", "n"))
        await settle_factors(room, tx, account)
    clock.advance(60)
    async with room.database.write() as tx:
        await room.accounts.take_back(tx, account, since, tx.now)
    said = await credentials(room)
    assert {one["provider"] for one in said} == {"a", "b"}
    assert len(said) == 2
    assert all("an authenticator app, a passkey" in str(one["text"]) for one in said)


async def test_a_factor_that_was_settled_sooner_falls_with_what_else_the_session_did(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Written first: who stole a session in a browser that the account knows binds an app, adds an
    address, and has the app settled before the owner reads of the address."""
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="home", network="n")
    clock.advance(3 * DAY / SECOND)
    await bind(room, account, "home", settled=False)
    await hear(room)
    await accept(room, "a", "b")
    clock.advance(3600)
    await add(room, account, "thief@example.org")
    told = [one for one in await hear(room) if "address" in str(one["subject"]).lower()]
    clock.advance(6 * 3600)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
        factors = await room.accounts.factors.bound(tx, account)
    assert [one.held_by for one in factors] == [None]
    denial = next(one["denial"] for one in told if one["to"] == ADDRESS)
    await room.accounts.changes.deny(str(denial))
    assert await bound(room, account) == []


async def test_a_factor_of_long_ago_stays_when_a_change_is_denied(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="home", network="n")
    clock.advance(3 * DAY / SECOND)
    await bind(room, account, "home")
    clock.advance(DAY / SECOND)
    await add(room, account, "thief@example.org")
    denial = next(one["denial"] for one in await hear(room) if one["to"] == ADDRESS)
    await room.accounts.changes.deny(str(denial))
    assert await bound(room, account) == ["totp"]
