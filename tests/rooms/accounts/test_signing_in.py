"""Codes and tokens of applications whose users are kept here: each theft of one gains nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.accounts import applications, erasing, signing_in, tables
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.signing_in import Granted, SignIn
from mailkeep.accounts.types import SessionView
from mailkeep.base import pkce
from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotAllowed, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as events
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
    assert claims["acr"] == signing_in.ONE_FACTOR
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
    code = await shop.code()
    async with database.write() as tx:
        await shop.accounts.freeze(tx, shop.session.account, tx.now + HOUR, "incident")
    with pytest.raises(Conflict):
        await shop.take(code)
    with pytest.raises(NotSignedIn):
        await shop.code()


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


async def grants(database: Database) -> int:
    async with database.read() as tx:
        return len(await tx.all(select(tables.sign_in_grants.c.id)))


async def facts(database: Database, kind: str) -> int:
    async with database.read() as tx:
        e = events.events
        return len(await tx.all(select(e.c.id).where(e.c.kind == kind)))


async def test_codes_that_are_asked_for_at_once_do_not_pile_up(
    shop: Shop, database: Database
) -> None:
    """Whoever is signed in had a row written with each request, for a minute."""
    taken = await shop.take(await shop.code())
    for _ in range(signing_in.MOST + 5):
        newest = await shop.code()
    assert await grants(database) == signing_in.MOST + 1
    await shop.who(taken)  # no site that has codes made signs anybody out
    await shop.take(newest)


async def test_a_compromised_application_fills_neither_rows_nor_the_log(
    shop: Shop, database: Database, clock: ManualClock
) -> None:
    """With an account of its own it had a row and a fact made with each code."""
    first = await shop.take(await shop.code())
    for _ in range(signing_in.MOST):
        clock.advance(1)
        newest = await shop.take(await shop.code())
    assert await grants(database) == signing_in.MOST
    assert await facts(database, "accounts.application_signed_in") == 1
    await shop.who(newest)
    with pytest.raises(NotSignedIn):
        await shop.who(first)


async def test_leaked_codes_without_end_do_not_fill_the_log(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "TOLD", 3)
    for _ in range(5):
        code = await shop.code()
        with pytest.raises(Conflict):
            await shop.take(code, verifier="b" * 43)
        with pytest.raises(Conflict):
            await shop.take(code)
    assert await facts(database, "accounts.application_refused") == 3


async def test_who_was_signed_out_meanwhile_gets_no_code(shop: Shop, database: Database) -> None:
    """A request that was under way left a row behind of an account that was
    erased."""
    async with database.write() as tx:
        await erasing.begin(database, tx, [shop.session.account])
    with pytest.raises(NotSignedIn):
        await shop.code()
    assert await grants(database) == 0


async def test_one_code_exchanged_twice_at_once_gives_one_token_and_takes_it_back(
    shop: Shop,
) -> None:
    code = await shop.code()
    got = await asyncio.gather(shop.take(code), shop.take(code), return_exceptions=True)
    given = [one for one in got if isinstance(one, Granted)]
    assert len(given) == 1
    assert sum(isinstance(one, Conflict) for one in got) == 1
    with pytest.raises(NotSignedIn):
        await shop.who(given[0])


async def test_an_exchange_beside_the_end_of_its_session_leaves_nothing_that_is_good(
    shop: Shop, database: Database
) -> None:
    code = await shop.code()

    async def end() -> None:
        async with database.write() as tx:
            await shop.accounts.sessions.end_all(tx, shop.session.account, "denied")

    got, _ = await asyncio.gather(shop.take(code), end(), return_exceptions=True)
    if isinstance(got, Granted):
        with pytest.raises(NotSignedIn):
            await shop.who(got)
    else:
        assert isinstance(got, Conflict)


async def test_a_new_secret_ends_what_came_of_the_old_one(
    shop: Shop, database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """Who had read a server's secret and tokens still learned who is signed in, and
    kept them from growing idle, after the secret was replaced for it."""
    granted, code = await shop.take(await shop.code()), await shop.code()
    clock.advance(1)
    async with database.write() as tx:
        await applications.new_secret(tx, keys, "Shop", by="test")
        view = await applications.named(tx, "Shop")
    with pytest.raises(NotSignedIn):
        await shop.who(granted)
    with pytest.raises(Conflict):
        await shop.take(code, application=view)
    await shop.who(await shop.take(await shop.code(), application=view))
