"""Limits and answers that a thief would turn on an owner, or read something from."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts.confirming import Minted, Share
from mailkeep.accounts.factors import passkeys
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.errors import TooMany, Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

from .conftest import PASSWORD
from .device import Device
from .test_factors import settled

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"
HOME, FAR = Source("own", "home"), Source("thief", "far")


@pytest.mark.check("ASVS 6.1.1")
async def test_who_knows_the_password_uses_up_no_question_of_the_owners_passkey(
    accounts: Accounts, owner: Owner, database: Database
) -> None:
    account = await owner()
    device = Device()
    asked = await accounts.factors.ask_to_bind(account, "own", name=ADDRESS, issuer="Example")
    async with database.write() as tx:
        await accounts.factors.bind_passkey(tx, account, device.create(asked), HOME)
        await settled(accounts, database, tx, account)
    thief = await accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="far")
    for _ in range(passkeys.NETWORK_ASKS):
        await accounts.entering.ask(thief.secret.reveal(), FAR)
    with pytest.raises(TooMany):
        await accounts.entering.ask(thief.secret.reveal(), FAR)
    came = await accounts.sign_in(ADDRESS, PASSWORD, browser="own", network="home")
    asked = await accounts.entering.ask(came.secret.reveal(), HOME)
    typed = Typed(assertion=device.get(asked), browser="own")
    assert (await accounts.entering.second_step(came.secret.reveal(), typed)).secret


Guess = Callable[[Accounts, int], Awaitable[object]]


async def guess_password(accounts: Accounts, number: int) -> None:
    address = f"nobody{number}@example.net"
    await accounts.sign_in(address, PASSWORD, browser="thief", network="far")


async def guess_code(accounts: Accounts, number: int) -> None:
    """Handles are given without end."""
    async with accounts._database.write() as tx:
        minted = Minted(f"handle{number}", "", "$argon2")
        await accounts.confirming.open(tx, minted, None, Share.MAIL)
    await accounts.confirm(minted.handle, "WRONG234", "far")


async def change_password(accounts: Accounts, number: int) -> None:
    """Accounts are anybody's as well, and who is signed in goes before strangers."""
    await accounts.passwords.prove(f"acc_{number}", "not-the-password", "far")


@pytest.mark.check("ASVS 6.1.1")
@pytest.mark.parametrize("guess", [guess_password, guess_code, change_password])
async def test_a_flood_from_one_network_turns_away_itself_alone(
    database: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch, guess: Guess
) -> None:
    """Anyone may have us hash, for addresses that nobody has as well: the places of those who wait
    are shared by network."""
    slow = SlowHash(keys, memory_kib=64, passes=1, at_once=2, reserved=1, waiting=4)
    accounts, go, same = Accounts(database, keys, slow), threading.Event(), slow._same
    made = await accounts.sign_up(ADDRESS, PASSWORD, "home")
    assert made.code is not None
    await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    monkeypatch.setattr(slow, "_same", lambda *given: go.wait(10) and same(*given))
    flood = [asyncio.create_task(guess(accounts, number)) for number in range(8)]
    done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_EXCEPTION)
    assert {type(one.exception()) for one in done} == {Unavailable}
    signed_in = accounts.sign_in(ADDRESS, PASSWORD, browser="own", network="home")
    owner = asyncio.create_task(signed_in)
    await asyncio.sleep(0.2)  # it waits, or was turned away
    go.set()
    assert (await owner).secret
    await asyncio.gather(*flood, return_exceptions=True)
    slow.close()
