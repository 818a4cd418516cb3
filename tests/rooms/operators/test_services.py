"""Who is signed in at the console, on both engines."""

import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.base.errors import NotAllowed, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.mail import api_keys
from mailkeep.operators import services, tables
from mailkeep.operators.openid import Left, Who
from mailkeep.operators.permissions import Role
from mailkeep.operators.types import OperatorSettings, RoleSettings
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


@pytest.mark.check("63B 2.2.3")
async def test_a_session_at_which_nothing_is_done_is_over(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """A browser that was left open is not for whoever finds it."""
    key = await _key(database, keys, "operate")
    async with database.write() as tx:
        used, left = [await services.enter_by_key(tx, key, tx.now + 8 * HOUR) for _ in "ab"]
    for _ in range(3):
        clock.advance(3000)
        async with database.write() as tx:
            found = await services.still(tx, used, "::1")
            assert found is not None
            await services.seen(tx, used)
    async with database.read() as tx:
        assert await services.still(tx, left, "::1") is None
        found = await services.still(tx, used, "::1")
        assert found is not None
        assert found.seen_at == clock.now()
    clock.advance(3600)
    async with database.read() as tx:
        assert await services.still(tx, used, "::1") is None


ROLES = RoleSettings(viewer=("staff",), admin=("owners", "root"))
SETTINGS = OperatorSettings("https://id.example", "x", roles=ROLES)


async def test_a_role_is_what_the_last_word_of_the_provider_says_everywhere(
    database: Database, keys: KeyRing
) -> None:
    async def enter(*groups: str, subject: str = "bob", sid: str = "") -> str:
        who = Who(subject, "Bob", groups, sid)
        async with database.write() as tx:
            return await services.enter_by_word(tx, keys, SETTINGS, who, tx.now + HOUR)

    async def role(session: str) -> Role | None:
        async with database.read() as tx:
            found = await services.still(tx, session, "::1")
        return None if found is None else found.role

    first = await enter("staff", "owners", sid="one")
    assert await role(first) is Role.ADMIN
    second = await enter("staff", "Owners", sid="two")  # letter by letter
    assert [await role(first), await role(second)] == [Role.VIEWER] * 2
    other = await enter("root", subject="eve")
    with pytest.raises(NotAllowed):
        await enter("strangers")
    async with database.write() as tx:
        # What is told of one session ends that one; what was told before it began ends nothing.
        told = Left("", "one", tx.now // SECOND)
        assert await services.left(tx, keys, SETTINGS, told) == 1
        old = Left("bob", "", tx.now // SECOND - 3600)
        assert await services.left(tx, keys, SETTINGS, old) == 0
    assert [await role(first), await role(second)] == [None, Role.VIEWER]
    async with database.write() as tx:
        assert await services.shut_out(tx, keys, SETTINGS, "nobody") == 0
        assert await services.shut_out(tx, keys, SETTINGS, "bob") == 1
        assert {one.role for one in await services.listing(tx)} == {None, Role.ADMIN}
        actor = await services.still(tx, other, "::1")
        assert actor is not None
        assert await services.end(tx, actor.actor, by="uid:0") == 1
        with pytest.raises(NotFound):
            await services.end(tx, "opr_x", by="uid:0")
        assert await audit.verify(tx) is None
    assert [await role(second), await role(other)] == [None, None]
