"""Accounts of other systems: whole or not at all, once, and as slow to guess at as ours."""

import bcrypt
import pytest
from sqlalchemy import func, select

from mailkeep.accounts import importing, queries, tables
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.importing import Bad, Importing, Line
from mailkeep.accounts.services import Accounts
from mailkeep.base.errors import NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

ADDRESS, OTHER = "ada@example.net", "ada@example.org"
PASSWORD = "correct horse battery"


@pytest.fixture
def rooms(database: Database, keys: KeyRing) -> Importing:
    return Importing(database, keys, SlowHash(keys, memory_kib=64, passes=1))


def line(number: int = 1, **fields: object) -> Line:
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    whole = {"address": ADDRESS, "confirmed": True, "password": kept} | fields
    found = importing.read(number, {k: v for k, v in whole.items() if v is not None}, Classes())
    assert isinstance(found, Line), found
    return found


async def sign_in(accounts: Accounts, password: str = PASSWORD) -> str:
    made = await accounts.sign_in(ADDRESS, password, browser="b", network="n")
    return made.account


async def test_an_imported_password_opens_and_becomes_one_of_ours(
    rooms: Importing, accounts: Accounts, database: Database
) -> None:
    account = await rooms.take(line(created_at="2020-01-01T00:00:00Z"))
    async with database.read() as tx:
        kept = await queries.password_hash(tx, account)
        assert (await queries.account(tx, account)).created_at == 1_577_836_800 * 1_000_000
        await accounts.passwords.look_for_imported(tx)
    assert kept.startswith("bcrypt:")
    assert "$argon2id$" in kept
    # What bcrypt came to is nowhere: a stolen row cannot be guessed at as bcrypt.
    assert line().password.output.decode() not in kept
    with pytest.raises(NotSignedIn):
        await sign_in(accounts, "correct horse batterz")
    assert await sign_in(accounts) == account
    async with database.read() as tx:
        anew = await queries.password_hash(tx, account)
        await accounts.passwords.look_for_imported(tx)
    assert anew.startswith("$argon2id$")
    assert await sign_in(accounts) == account


async def test_one_that_was_never_hashed_waits_for_a_reset(
    rooms: Importing, accounts: Accounts
) -> None:
    assert await rooms.take(line(password=None))
    for password in ("", "!", PASSWORD):
        with pytest.raises(NotSignedIn):
            await sign_in(accounts, password)


async def test_an_import_that_is_begun_again_takes_nothing_twice(
    rooms: Importing, database: Database
) -> None:
    assert await rooms.take(line(number=1))
    assert await rooms.take(line(number=1)) is None
    both = {"addresses": [{"address": one, "confirmed": True} for one in (ADDRESS, OTHER)]}
    mixed = await rooms.take(line(number=2, address=None, confirmed=None, **both))
    assert isinstance(mixed, Bad)
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(tables.accounts)) == 1
        assert await tx.value(select(func.count()).select_from(tables.contact_points)) == 1


async def test_with_several_addresses_all_are_there(rooms: Importing, database: Database) -> None:
    both = {"addresses": [{"address": one, "confirmed": "yes"} for one in (ADDRESS, OTHER)]}
    account = await rooms.take(line(address=None, confirmed=None, **both, **{"class": "staff"}))
    async with database.read() as tx:
        points = await queries.contact_points(tx, account)
        assert {one.address for one in points} == {ADDRESS, OTHER}
        assert all(one.counts for one in points)
        (found,) = await importing.exported(tx, "", 10)
        assert await importing.exported(tx, account, 10) == []
    assert (found["id"], found["class"]) == (account, "staff")
    assert found["password"]["over"] == "imported password"
    assert {"address": OTHER, "confirmed": True} in found["addresses"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "not a line of this form"),
        ({"address": "nobody", "confirmed": True}, "address: not a mail address"),
        ({"address": ADDRESS}, "none is confirmed"),
        ({"address": ADDRESS, "confirmed": "perhaps"}, "say true or false"),
        ({"address": ADDRESS, "confirmed": True, "pasword": "x"}, "did you mean password?"),
        ({"address": ADDRESS, "confirmed": True, "password": "secret"}, "password: "),
        ({"address": ADDRESS, "confirmed": True, "password": 7}, "password: "),
        ({"address": ADDRESS, "confirmed": True, "class": "operator"}, "mailkeep operators add"),
        ({"address": ADDRESS, "confirmed": True, "class": "oprator"}, "did you mean operator?"),
        ({"ada@example.net": "x", "true": "y"}, "a field that is not known; there are address"),
        ({"address": ADDRESS, "confirmed": True, "created_at": "then"}, "created_at"),
        ({"addresses": []}, "1 to 5"),
        ({"addresses": [7]}, "not a mail address"),
    ],
)
def test_a_bad_line_says_why_and_repeats_nothing(
    fields: dict[str, object] | None, why: str
) -> None:
    found = importing.read(7, fields, Classes())
    assert isinstance(found, Bad)
    assert (found.number, why in found.why) == (7, True)
    assert "ada@" not in found.why
    assert "secret" not in found.why
