"""Codes and tokens of applications whose users are kept here: each theft of one gains nothing."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.accounts import applications, signing_in, tables
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.signing_in import Granted, SignIn
from mailkeep.accounts.types import SessionView
from mailkeep.base import pkce
from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotAllowed, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

from .conftest import PASSWORD

ADDRESS = "ada@example.net"
BACK = "https://shop.example.com/back"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"
ISSUER = "https://accounts.example.com"

Owner = Callable[..., Awaitable[str]]


class Shop:
    """An application, and somebody who is signed in here."""

    def __init__(self, accounts: Accounts, view: ApplicationView, session: SessionView) -> None:
        self.accounts, self.view, self.session = accounts, view, session

    async def code(self, *, mail: bool = True) -> str:
        asked = SignIn(self.view.id, BACK, "the nonce", pkce.challenge(VERIFIER), mail)
        return (await self.accounts.signing_in.grant(self.session, asked)).reveal()

    async def take(self, code: str, **other: object) -> Granted:
        given = {"application": self.view, "redirect_uri": BACK, "verifier": VERIFIER} | other
        return await self.accounts.signing_in.exchange(code=code, issuer=ISSUER, **given)

    async def who(self, granted: Granted) -> dict[str, object]:
        return await self.accounts.signing_in.who(granted.token.reveal())


@pytest.fixture
async def shop(database: Database, keys: KeyRing, accounts: Accounts, owner: Owner) -> Shop:
    await owner(ADDRESS)
    made = await accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    session = await accounts.sessions.lookup(made.secret.reveal())
    async with database.write() as tx:
        view, _ = await applications.add(tx, keys, "Shop", [BACK], signs_in=True, by="test")
    return Shop(accounts, view, session)


async def test_a_code_says_who_is_signed_in_once(shop: Shop, clock: ManualClock) -> None:
    granted = await shop.take(await shop.code())
    claims = granted.claims
    assert claims["sub"] == shop.session.account
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, shop.view.id, "the nonce")
    assert (claims["email"], claims["email_verified"]) == (ADDRESS, True)
    assert claims["acr"] == signing_in.PASSWORD_ONLY
    assert claims["exp"] - claims["iat"] == 60
    assert granted.scope == "openid email"
    assert await shop.who(granted) == {
        name: claims[name] for name in ("sub", "sid", "acr", "email", "email_verified")
    }
    plain = await shop.take(await shop.code(mail=False))
    assert "email" not in plain.claims
    assert plain.scope == "openid"


@pytest.mark.parametrize(
    "theft", [{"verifier": "b" * 43}, {"verifier": ""}, {"redirect_uri": f"{BACK}/"}]
)
async def test_a_code_that_leaked_opens_nothing_any_more(
    shop: Shop, theft: dict[str, object]
) -> None:
    code = await shop.code()
    with pytest.raises(Conflict):
        await shop.take(code, **theft)
    with pytest.raises(Conflict):
        await shop.take(code)


async def test_a_code_of_another_application_is_spoilt(
    shop: Shop, database: Database, keys: KeyRing
) -> None:
    async with database.write() as tx:
        other, _ = await applications.add(tx, keys, "Forum", [BACK], signs_in=True, by="test")
    code = await shop.code()
    with pytest.raises(Conflict):
        await shop.take(code, application=other)
    with pytest.raises(Conflict):
        await shop.take(code)


async def test_a_code_that_is_shown_twice_takes_its_token_back(shop: Shop) -> None:
    code = await shop.code()
    granted = await shop.take(code)
    await shop.who(granted)
    with pytest.raises(Conflict):
        await shop.take(code)
    with pytest.raises(NotSignedIn):
        await shop.who(granted)


async def test_a_code_is_good_for_a_minute(shop: Shop, clock: ManualClock) -> None:
    code = await shop.code()
    clock.advance(60)
    with pytest.raises(Conflict):
        await shop.take(code)


async def test_whoever_is_signed_out_here_is_signed_out_there(
    shop: Shop, database: Database
) -> None:
    code, granted = await shop.code(), await shop.take(await shop.code())
    async with database.write() as tx:
        await shop.accounts.sessions.end(tx, shop.session.account, shop.session.id)
    with pytest.raises(NotSignedIn):
        await shop.who(granted)
    with pytest.raises(Conflict):
        await shop.take(code)


async def test_a_freeze_and_a_revoked_application_end_it(shop: Shop, database: Database) -> None:
    one = await shop.take(await shop.code())
    async with database.write() as tx:
        await applications.revoke(tx, "Shop", by="test")
    with pytest.raises(NotSignedIn):
        await shop.who(one)
    async with database.write() as tx:
        await shop.accounts.freeze(tx, shop.session.account, tx.now + HOUR, "incident")
    with pytest.raises(Conflict):
        await shop.take(await shop.code())


async def test_who_is_asked_about_does_not_grow_idle_and_ends_all_the_same(
    shop: Shop, clock: ManualClock
) -> None:
    granted = await shop.take(await shop.code())
    assert granted.seconds == DAY // SECOND
    for _ in range(47):
        clock.advance(1799)
        await shop.who(granted)
    clock.advance(1900)  # a day is over
    with pytest.raises(NotSignedIn):
        await shop.who(granted)


async def test_nothing_else_is_a_token(shop: Shop) -> None:
    code = await shop.code()
    granted = await shop.take(await shop.code())
    wrong = msgspec.structs.replace(granted, token=granted.token.__class__(code))
    for one in (wrong, msgspec.structs.replace(granted, token=granted.token.__class__("\0" * 9))):
        with pytest.raises(NotSignedIn):
            await shop.who(one)


async def test_its_users_are_registered_by_nobody(shop: Shop, database: Database) -> None:
    async with database.write() as tx:
        with pytest.raises(NotAllowed, match="kept here"):
            await applications.alone(tx, shop.view.id)


async def test_codes_that_nobody_takes_do_not_pile_up(
    shop: Shop, database: Database, clock: ManualClock
) -> None:
    taken = await shop.take(await shop.code())
    for _ in range(5):
        await shop.code()
        clock.advance(61)
    await shop.code()
    async with database.read() as tx:
        assert len(await tx.all(select(tables.sign_in_grants))) == 2
    await shop.who(taken)


async def test_old_grants_are_forgotten(shop: Shop, database: Database, clock: ManualClock) -> None:
    await shop.code()
    clock.advance(2)
    async with database.write() as tx:
        assert await signing_in.forget(tx, tx.now - SECOND, 10) == 1
        assert await signing_in.forget(tx, tx.now - SECOND, 10) == 0
