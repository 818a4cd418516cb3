"""Browsers that an account knows, and one that is forgotten."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts import devices, queries
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import NotFound, NotSignedIn
from mailkeep.store.database import Database

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"


async def test_a_forgotten_browser_is_a_strangers(
    accounts: Accounts, database: Database, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    secrets = {}
    for browser in ("b1", "b2", "b2"):
        clock.advance(60)
        made = await accounts.sign_in(
            ADDRESS, PASSWORD, browser=browser, network="n", agent=f"agent_{browser}"
        )
        secrets[browser] = made.secret.reveal()
    async with database.write() as tx:
        found = await devices.known(tx, account)
        assert [(one.browser, one.agent) for one in found] == [
            ("b2", "agent_b2"),
            ("b1", "agent_b1"),
        ]
        assert found[0].since < found[0].seen_at
        assert await devices.forget(database, tx, account, "b2") == 2
        assert [one.browser for one in await devices.known(tx, account)] == ["b1"]
        assert not await queries.knows_browser(tx, account, "b2")
        with pytest.raises(NotFound):
            await devices.forget(database, tx, account, "b2")
        with pytest.raises(NotFound):
            await devices.forget(database, tx, account, "b3")
    await accounts.sessions.lookup(secrets["b1"])
    with pytest.raises(NotSignedIn):
        await accounts.sessions.lookup(secrets["b2"])
    await accounts.sign_in(ADDRESS, PASSWORD, browser="b2", network="n")  # and known anew
    async with database.read() as tx:
        assert await queries.knows_browser(tx, account, "b2")


@pytest.mark.parametrize("signed_out", [False, True])
async def test_a_browser_of_a_denied_recovery_was_never_known(
    accounts: Accounts, database: Database, owner: Owner, clock: ManualClock, signed_out: bool
) -> None:
    """Written first: where the owner got the account back before they denied the thief's recovery,
    the thief's browser counted later on as one that the account had known, and a factor bound from
    it as the owner's."""
    account = await owner()
    clock.advance(60)
    since = clock.now()
    made = await accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="n")
    clock.advance(60)
    async with database.write() as tx:
        if signed_out:
            await accounts.sessions.end(tx, account, made.session)
        await accounts.sessions.end_all(tx, account, queries.RECOVERED)
    until = clock.now()
    clock.advance(60)
    async with database.write() as tx:
        await accounts.take_back(tx, account, since, until)
        assert not await queries.knew_browser(tx, account, "thief", tx.now)


async def test_a_denied_session_ends_with_all_else_of_its_browser(
    accounts: Accounts, database: Database, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    secrets: dict[str, list[str]] = {"mine": [], "thief": []}
    made = ""
    for browser in ("mine", "thief", "thief"):
        clock.advance(60)
        one = await accounts.sign_in(ADDRESS, PASSWORD, browser=browser, network="n")
        secrets[browser].append(one.secret.reveal())
        made = one.session
    async with database.write() as tx:
        for wrong, here in (("ses_none", "mine"), (made, "thief")):
            with pytest.raises(NotFound):
                await devices.disown(database, tx, account, wrong, here=here)
        with pytest.raises(NotFound):
            await devices.disown(database, tx, "acc_other", made, here="mine")
        fact = await devices.disown(database, tx, account, made, here="mine")
        assert (fact.account, fact.session, fact.browser, fact.ended) == (account, made, "thief", 2)
        assert [one.browser for one in await devices.known(tx, account)] == ["mine"]
        assert not await queries.knew_browser(tx, account, "thief", tx.now)
    await accounts.sessions.lookup(secrets["mine"][0])
    for secret in secrets["thief"]:
        with pytest.raises(NotSignedIn):
            await accounts.sessions.lookup(secret)
    async with database.write() as tx:
        with pytest.raises(NotFound):
            await devices.disown(database, tx, account, made, here="mine")
