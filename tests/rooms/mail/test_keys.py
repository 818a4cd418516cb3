"""API keys: shown once, kept as hashes, bound to scopes and streams, revoked at once."""

import pytest
from sqlalchemy import select

from mailkeep.base.errors import NotAllowed, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.mail import services, tables
from mailkeep.store.database import Database


async def test_a_key_does_what_it_was_made_for_until_it_is_revoked(
    database: Database, keys: KeyRing
) -> None:
    async with database.write() as tx:
        key = await services.create_key(tx, keys, "shop", ("send",), ("alert",), by="test")
        other = await services.create_key(tx, keys, "other", ("send",), by="test")
    async with database.read() as tx:
        stored = await tx.all(select(tables.api_keys))
        assert not [row for row in stored if key in str(dict(row))]
        assert await services.authorise(tx, keys, key, "send", frozenset({"alert"}))
        with pytest.raises(NotAllowed):
            await services.authorise(tx, keys, key, "read")
        with pytest.raises(NotAllowed):
            await services.authorise(tx, keys, key, "send", frozenset({"alert", "recovery"}))
        with pytest.raises(NotSignedIn):
            await services.authorise(tx, keys, key[:-1], "send")
    async with database.write() as tx:
        assert await services.revoke_keys(tx, "shop", by="test") == 1
        assert await services.revoke_keys(tx, "shop", by="test") == 0
    async with database.read() as tx:
        with pytest.raises(NotSignedIn):
            await services.authorise(tx, keys, key, "send", frozenset({"alert"}))
        assert await services.authorise(tx, keys, other, "send", frozenset({"alert"}))
