"""An accounts room whose slow hash is quick."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

PASSWORD = "violet-harbour-undoes-kettles"


@pytest.fixture
def accounts(database: Database, keys: KeyRing) -> Accounts:
    return Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1))


@pytest.fixture
def owner(accounts: Accounts) -> Callable[..., Awaitable[str]]:
    """Signs up and confirms; returns the account."""

    async def run(address: str = "ada@example.net") -> str:
        made = await accounts.sign_up(address, PASSWORD, "network_a")
        assert made.code is not None
        return await accounts.confirm(made.confirmation, made.code.reveal(), "n")

    return run
