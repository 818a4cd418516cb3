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
