"""Who is signed in at the console, on both engines."""

from sqlalchemy import func, select

from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys
from mailkeep.operators import services, tables
from mailkeep.operators.permissions import Role
from mailkeep.store.database import Database, Tx


async def _key(database: Database, keys: KeyRing, *scopes: str) -> str:
    async with database.write() as tx:
        key = await api_keys.create(tx, keys, "night shift", scopes, by="uid:0")
        return (await api_keys.authorise(tx, keys, key, scopes[0], network="::1")).id


async def _who(tx: Tx, session: str) -> tuple[str, str, Role]:
    found = await services.still(tx, session, "::1")
    assert found is not None
    return found.actor, found.name, found.role


async def test_a_sign_in_lasts_until_it_is_left_or_over_or_its_key_is_revoked(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    key = await _key(database, keys, "operate")
    async with database.write() as tx:
        one, other = [await services.enter_by_key(tx, key, tx.now + 8 * HOUR) for _ in "ab"]
        assert await _who(tx, one) == (key, "night shift", Role.ADMIN)
        await services.leave(tx, one)
        assert await services.still(tx, one, "::1") is None
        assert await _who(tx, other) == (key, "night shift", Role.ADMIN)
        assert await services.still(tx, "ops_guess", "::1") is None
        assert await api_keys.revoke(tx, "night shift", by="uid:0") == 1
        assert await services.still(tx, other, "::1") is None


async def test_what_is_over_counts_no_more_and_is_forgotten(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    key = await _key(database, keys, "operate")
    async with database.write() as tx:
        first = await services.enter_by_key(tx, key, tx.now + 8 * HOUR)
    clock.advance(8 * 3600)
    async with database.write() as tx:
        assert await services.still(tx, first, "::1") is None
        await services.enter_by_key(tx, key, tx.now + 8 * HOUR)
        sessions = select(func.count()).select_from(tables.operator_sessions)
        assert await tx.value(sessions) == 1
