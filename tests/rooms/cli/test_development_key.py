"""The key of development outlives a start while all that is tried with it can be done with it."""

from types import SimpleNamespace
from typing import Any

import pytest

from mailkeep.base.errors import NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.cli.serve import SCOPES, _key
from mailkeep.mail import api_keys
from mailkeep.store.database import Database


async def test_a_key_that_is_good_for_less_is_replaced(database: Database, keys: KeyRing) -> None:
    """One of that name that somebody made with fewer scopes, say in a home that is older."""
    running: Any = SimpleNamespace(keys=keys)
    async with database.write() as tx:
        for left_out in SCOPES:
            fewer = [one for one in SCOPES if one != left_out]
            less = await api_keys.create(tx, keys, "development", fewer, by="test")
            made = await _key(tx, running, less)
            assert made != less
            with pytest.raises(NotSignedIn):
                await api_keys.authorise(tx, keys, less, fewer[0], network="127.0.0.1")
            for scope in SCOPES:
                await api_keys.authorise(tx, keys, made, scope, network="127.0.0.1")
            assert await _key(tx, running, made) == made
