"""API keys: shown once, kept as hashes, bound, rotated, revoked at once."""

import asyncio
import contextlib

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotAllowed, NotFound, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.events.tables import audit as audit_table
from mailkeep.mail import api_keys, tables
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.grants import Grant, Scope
from mailkeep.store.database import Database, Tx

HERE = "192.0.2.7"


async def _create(database: Database, keys: KeyRing, name: str = "shop", **more: object) -> str:
    async with database.write() as tx:
        return await api_keys.create(tx, keys, name, (Scope.SEND,), by="test", **more)


async def _ask(database: Database, keys: KeyRing, key: str, **more: object) -> Grant:
    async with database.read() as tx:
        asked = {"scope": Scope.SEND, "network": HERE} | more
        return await api_keys.authorise(tx, keys, key, asked.pop("scope"), **asked)


async def _only(database: Database) -> api_keys.KeyView:
    async with database.read() as tx:
        (one,) = await api_keys.listing(tx)
        return one


async def test_a_key_does_what_it_was_made_for_until_it_is_revoked(
    database: Database, keys: KeyRing
) -> None:
    key = await _create(
        database,
        keys,
        streams=("alert",),
        domains=("Example.com", ".example.com"),
        networks=("192.0.2.0/24",),
    )
    other = await _create(database, keys, "other")
    async with database.read() as tx:
        stored = await tx.all(select(tables.api_keys))
        assert not [row for row in stored if key in str(dict(row))]
    good = {"streams": {"alert"}, "senders": {"us@example.com", "us@mail.example.com"}}
    assert await _ask(database, keys, key, **good)
    for wrong in (
        {"scope": Scope.READ},
        {"streams": {"alert", "recovery"}},
        {"senders": {"us@example.com", "us@example.net"}},
        {"network": "198.51.100.1"},
        {"network": "unknown"},
    ):
        with pytest.raises(NotAllowed):
            await _ask(database, keys, key, **(good | wrong))
    for guess in (key[:-1], key + "x", "", "\0", "mk_" + "ü" * 500):
        with pytest.raises(NotSignedIn):
            await _ask(database, keys, guess)
    async with database.write() as tx:
        assert await api_keys.revoke(tx, "shop", by="test") == 1
        assert await api_keys.revoke(tx, "shop", by="test") == 0
    with pytest.raises(NotSignedIn, match="revoked"):
        await _ask(database, keys, key, **good)
    assert await _ask(database, keys, other)


async def test_a_key_ends_by_itself(database: Database, keys: KeyRing, clock: ManualClock) -> None:
    key = await _create(database, keys, expires_at=clock.now() + DAY)
    grants = Grants(database, keys)
    grant = await _ask(database, keys, key)
    clock.advance(86_400 - 0.5)
    assert await grants.find(key, Scope.SEND, HERE) == grant
    clock.advance(0.5)  # what was read half a second ago does not carry it over its end
    for ask in (_ask(database, keys, key), grants.find(key, Scope.SEND, HERE)):
        with pytest.raises(NotSignedIn, match="expired"):
            await ask
    async with database.write() as tx:
        assert await api_keys.still_valid(tx, {grant.id}) == set()
        assert await api_keys.still_may(tx, grant.id, Scope.SEND, HERE) is None
    assert (await _only(database)).state(clock.now()) == "expired"


async def test_a_successor_has_the_same_bindings_and_the_old_key_ends_after_the_overlap(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    bound = {"streams": ("alert",), "domains": ("example.com",), "networks": ("192.0.2.0/24",)}
    old = await _create(database, keys, expires_at=clock.now() + 30 * DAY, **bound)
    clock.advance(29 * 86_400 - 7200)
    async with database.write() as tx:
        new = await api_keys.rotate(tx, keys, "shop", 24 * HOUR, by="test")
        with pytest.raises(NotFound):
            await api_keys.rotate(tx, keys, "nobody", HOUR, by="test")
    first, second = await _ask(database, keys, old), await _ask(database, keys, new)
    assert first.line == second.line == first.id != second.id
    same = {"id": "", "expires_at": None}
    assert msgspec.structs.replace(first, **same) == msgspec.structs.replace(second, **same)
    assert second.expires_at == clock.now() + 30 * DAY
    clock.advance(86_400)
    with pytest.raises(NotSignedIn, match="expired"):
        await _ask(database, keys, old)
    async with database.write() as tx:  # the successor is rotated next, and at once
        third = await api_keys.rotate(tx, keys, "shop", 0, by="test")
    with pytest.raises(NotSignedIn):
        await _ask(database, keys, new)
    assert (await _ask(database, keys, third)).line == first.id
    async with database.read() as tx:
        states = [one.state(clock.now()) for one in await api_keys.listing(tx)]
        assert states == ["expired", "expired", "good"]
        acts = await tx.all(select(audit_table).order_by(audit_table.c.number))
        assert [row["act"] for row in acts] == ["create_key", "rotate_key", "rotate_key"]
        assert not [row for row in acts for key in (old, new, third) if key in row["data"]]
        assert await audit.verify(tx) is None


async def test_an_overlap_never_outlasts_the_old_key(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    old = await _create(database, keys, expires_at=clock.now() + HOUR)
    async with database.write() as tx:
        await api_keys.rotate(tx, keys, "shop", 24 * HOUR, by="test")
    assert (await _ask(database, keys, old)).expires_at == clock.now() + HOUR


async def test_which_of_several_is_rotated_is_said_by_its_id(
    database: Database, keys: KeyRing
) -> None:
    one, other = await _create(database, keys), await _create(database, keys)
    grant = await _ask(database, keys, one)
    async with database.write() as tx:
        with pytest.raises(Conflict, match="several"):
            await api_keys.rotate(tx, keys, "shop", 0, by="test")
        await api_keys.rotate(tx, keys, grant.id, 0, by="test")
    with pytest.raises(NotSignedIn):
        await _ask(database, keys, one)
    assert await _ask(database, keys, other)
    async with database.write() as tx:  # all of them, in the overlap or not
        assert await api_keys.revoke(tx, "shop", by="test") == 3


async def test_many_requests_cost_one_read_a_second(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await _create(database, keys)
    grants = Grants(database, keys)
    reads = 0
    read = database.glance

    @contextlib.asynccontextmanager
    async def counted():
        nonlocal reads
        reads += 1
        async with read() as tx:
            yield tx

    monkeypatch.setattr(database, "glance", counted)
    found = await asyncio.gather(*(grants.find(key, Scope.SEND, HERE) for _ in range(200)))
    assert len({one.id for one in found}) == 1
    clock.advance(0.9)
    await grants.find(key, Scope.SEND, HERE)
    assert reads == 1
    clock.advance(0.2)
    await grants.find(key, Scope.SEND, HERE)
    assert reads == 2
    # What is refused is not remembered, and one that hangs up spoils it for nobody.
    clock.advance(2)
    asks = [asyncio.create_task(grants.find(key, Scope.SEND, HERE)) for _ in range(3)]
    await asyncio.sleep(0)
    asks[0].cancel()
    done = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(one) for one in done] == [asyncio.CancelledError, Grant, Grant]
    with pytest.raises(NotAllowed):
        await grants.find(key, Scope.OPERATE, HERE)
    with pytest.raises(NotSignedIn):
        await grants.find("mk_guess", Scope.SEND, HERE)


async def test_a_key_that_was_let_in_stores_nothing_once_it_is_revoked(
    database: Database, keys: KeyRing
) -> None:
    key = await _create(database, keys)
    grant = await Grants(database, keys).find(key, Scope.SEND, HERE)
    async with database.write() as tx:
        assert await api_keys.still_valid(tx, {grant.id, "key_other"}) == {grant.id}
    async with database.write() as tx:
        await api_keys.revoke(tx, "shop", by="test")
    async with database.write() as tx:
        assert await api_keys.still_valid(tx, {grant.id}) == set()


async def test_a_revocation_waits_for_who_relies_on_the_key_and_then_nobody_does(
    database: Database, keys: KeyRing
) -> None:
    """The race: asked, then revoked, then stored. Whoever was told yes commits first."""
    key = await _create(database, keys)
    grant = await _ask(database, keys, key)
    order: list[str] = []
    asked, go = asyncio.Event(), asyncio.Event()

    async def store(name: str, hold: bool) -> None:
        async with database.write() as tx:
            good = await api_keys.still_valid(tx, {grant.id})
            if hold:
                asked.set()
                await go.wait()
        order.append(f"{name} {'stored' if good else 'refused'}")

    async def end(tx: Tx) -> None:
        await api_keys.revoke(tx, "shop", by="test")

    first = asyncio.create_task(store("first", hold=True))
    await asked.wait()
    revoked = asyncio.create_task(database.retrying(end))
    await asyncio.sleep(0.2)
    assert not revoked.done()
    late = asyncio.create_task(store("late", hold=False))
    await asyncio.sleep(0.1)
    go.set()
    await asyncio.gather(first, revoked, late)
    assert order == ["first stored", "late refused"]


async def test_uses_are_written_down_once_a_minute(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    key = await _create(database, keys)
    grants = Grants(database, keys)
    assert await grants.note() == 0
    with pytest.raises(NotAllowed):
        await grants.find(key, Scope.READ, HERE)
    assert await grants.note() == 0  # refused is not used
    used: list[int | None] = []
    for seconds in (0, 30, 31, 59, 2):
        clock.advance(seconds)
        await grants.find(key, Scope.SEND, HERE)
        await grants.note()
        used.append((await _only(database)).last_used_at)
    assert used[0] is not None
    assert [(one - used[0]) / SECOND for one in used if one is not None] == [0, 0, 61, 61, 122]
