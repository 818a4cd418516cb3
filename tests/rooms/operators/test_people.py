"""Who is one person, on both engines: by whatever names they come."""

import pytest
from sqlalchemy import insert

from mailkeep.base.clock import HOUR, SECOND, ManualClock
from mailkeep.base.errors import NotAllowed
from mailkeep.base.keys import KeyRing
from mailkeep.mail import api_keys
from mailkeep.operators import people, services, tables
from mailkeep.store.database import Database


class House:
    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database, self._keys = database, keys

    async def key(self, owner: str, name: str = "") -> str:
        """The id of a new key."""
        async with self.database.write() as tx:
            key = await api_keys.create(
                tx, self._keys, name or owner, ["operate"], owner=owner, by="x"
            )
            return (await api_keys.authorise(tx, self._keys, key, "operate", network="::1")).id

    async def enter(self, key: str, account: str = "") -> None:
        async with self.database.write() as tx:
            await services.enter_by_key(tx, key, tx.now + 8 * HOUR, account)

    async def person(self, actor: str) -> str:
        async with self.database.read() as tx:
            return await people.person(tx, actor)


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys)


async def test_two_owners_beside_one_passkey_are_one_person(house: House) -> None:
    ada, admin, bob = [await house.key(one) for one in ("ada", "ada-admin", "bob")]
    assert len({await house.person(one) for one in (ada, admin, bob)}) == 3
    await house.enter(ada, "acc_1")
    await house.enter(admin)
    assert await house.person(ada) != await house.person(admin)
    await house.enter(admin, "acc_1")
    await house.enter(bob, "acc_2")
    assert await house.person(ada) == await house.person(admin) == "owner ada"
    assert await house.person(bob) == "owner bob"
    # A key that was never shown beside it, of the same owner.
    assert await house.person(await house.key("ada-admin", "another")) == "owner ada"


async def test_passkeys_join_through_each_other(house: House) -> None:
    keys = {name: await house.key(name) for name in ("ada", "bea", "cleo", "dora")}
    for name, account in (("ada", "1"), ("bea", "1"), ("bea", "2"), ("cleo", "2"), ("dora", "3")):
        await house.enter(keys[name], f"acc_{account}")
    assert [await house.person(one) for one in keys.values()] == [
        *("owner ada", "owner ada", "owner ada", "owner dora")
    ]


async def test_what_made_them_one_counts_for_a_while(house: House, clock: ManualClock) -> None:
    """Who once sat at another one's place is not that one for good."""
    ada, bob = await house.key("ada"), await house.key("bob")
    await house.enter(ada, "acc_1")
    await house.enter(bob, "acc_1")
    clock.advance(people.LINKED / SECOND - 1)
    assert await house.person(ada) == await house.person(bob)
    clock.advance(2)
    assert await house.person(ada) != await house.person(bob)


async def test_operators_whom_a_provider_named_are_joined_as_well(house: House) -> None:
    async with house.database.write() as tx:
        for name in ("opr_a", "opr_b"):
            row = {"id": name, "who": name, "name": name, "first_at": 1, "last_at": 1}
            await tx.run(insert(tables.operators).values(**row))
    first, second = await house.key("opr_a"), await house.key("opr_b")
    assert await house.person(first) == "opr_a"
    assert await house.person("opr_b") == await house.person(second) == "opr_b"
    for one in (first, second):
        await house.enter(one, "acc_1")
    assert await house.person("opr_b") == await house.person(first) == "opr_a"


async def test_users_of_the_machine_are_one_and_none_of_two(house: House) -> None:
    assert await house.person("uid:0") == await house.person("uid:1000") == people.SHELL
    async with house.database.read() as tx:
        with pytest.raises(NotAllowed, match="MAILKEEP_OPERATOR_KEY"):
            await people.named(tx, "uid:0")
        assert await people.named(tx, "opr_x") == "opr_x"


async def test_a_key_of_nobody_makes_nobody_one(house: House) -> None:
    ada, none = await house.key("ada"), await house.key("", "program")
    for one in (ada, none):
        await house.enter(one, "acc_1")
    assert await house.person(ada) == "owner ada"
    with pytest.raises(NotAllowed, match="--owner"):
        await house.person(none)
