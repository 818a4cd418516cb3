"""Who is signed in at the console, on both engines."""

from sqlalchemy import func, select

from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys, operators, tables
from mailkeep.store.database import Database


async def _key(database: Database, keys: KeyRing, *scopes: str) -> str:
    async with database.write() as tx:
        key = await api_keys.create(tx, keys, "night shift", scopes, by="uid:0")
        return (await api_keys.authorise(tx, keys, key, scopes[0], network="::1")).id


async def test_a_sign_in_lasts_until_it_is_left_or_over_or_its_key_is_revoked(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    key = await _key(database, keys, "operate")
    async with database.write() as tx:
        one, other = [await operators.enter(tx, key, tx.now + 8 * HOUR) for _ in "ab"]
        assert await operators.still(tx, one, "operate", "::1") == (key, "night shift")
        assert await operators.still(tx, one, "send", "::1") is None
        await operators.leave(tx, one)
        assert await operators.still(tx, one, "operate", "::1") is None
        assert await operators.still(tx, other, "operate", "::1") == (key, "night shift")
        assert await operators.still(tx, "ops_guess", "operate", "::1") is None
        assert await api_keys.revoke(tx, "night shift", by="uid:0") == 1
        assert await operators.still(tx, other, "operate", "::1") is None


async def test_what_is_over_counts_no_more_and_is_forgotten(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    key = await _key(database, keys, "operate")
    async with database.write() as tx:
        first = await operators.enter(tx, key, tx.now + 8 * HOUR)
    clock.advance(8 * 3600)
    async with database.write() as tx:
        assert await operators.still(tx, first, "operate", "::1") is None
        await operators.enter(tx, key, tx.now + 8 * HOUR)
        sessions = select(func.count()).select_from(tables.operator_sessions)
        assert await tx.value(sessions) == 1
