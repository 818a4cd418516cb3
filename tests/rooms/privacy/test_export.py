"""All that is kept about a person is handed out: to whoever may, counted, and no secret with it."""

import json

import pytest
from sqlalchemy import select

from mailkeep.accounts import tables as account_tables
from mailkeep.base.errors import NotFound, TooMany
from mailkeep.events import audit
from mailkeep.events import tables as event_tables
from mailkeep.privacy import people
from mailkeep.privacy.catalogue import CATALOGUE

from .conftest import ADDRESS, OTHER, House


async def test_it_has_every_row_and_no_secret(house: House) -> None:
    account = await house.person(ADDRESS)
    await house.person(OTHER)
    shared = await house.mail(ADDRESS, cc=OTHER)
    found = await house.privacy.export(ADDRESS, by="key_1")
    text = json.dumps(found)
    assert found["accounts"] == [account]
    assert [one["address"] for one in found["tables"]["contact_points"]] == [ADDRESS]
    assert shared in [one["id"] for one in found["tables"]["messages"]]
    assert {"account_sessions", "passwords", "recoveries", "recovery_proofs", "exposures"} <= set(
        found["tables"]
    )
    assert {"accounts.signed_in", "mail.accepted"} <= {one["kind"] for one in found["facts"]}
    assert OTHER not in text
    assert house.key(OTHER) not in text, "others are left out, also by their pseudonyms"
    async with house.database.read() as tx:
        hashes = [row[0] for row in await tx.tuples(select(account_tables.sessions.c.hash))]
        hashes += [row[0] for row in await tx.tuples(select(account_tables.passwords.c.hash))]
    assert hashes
    assert [one for one in hashes if one in text] == []
    assert {name for name, one in CATALOGUE.items() if one.of} >= set(found["tables"])


async def test_an_address_that_an_account_only_claims_brings_nothing_of_its_mail(
    house: House,
) -> None:
    """Anybody adds a stranger's address to their own account, unconfirmed or held for now, and
    asks for all that is kept about them, or for its erasure."""
    account = await house.person(ADDRESS)
    mail = await house.mail(OTHER)
    contacts = house.accounts.contacts
    added = await contacts.add(account, OTHER, "n", factor=False)
    assert added.code is not None
    for confirmed in (False, True):
        if confirmed:
            await contacts.confirm(account, added.confirmation, added.code.reveal(), "n")
        found = await house.privacy.export(account, by="key_1")
        assert mail not in [one["id"] for one in found["tables"]["messages"]]
        async with house.database.read() as tx:
            person = await people.find(tx, house.keys, account)
        assert person.addresses == (house.key(ADDRESS),)
    async with house.database.write() as tx:
        (change,) = await house.accounts.changes.held(tx, account)
        await house.accounts.changes.told(tx, change)
    house.database.clock.advance(2 * 24 * 3600)
    async with house.database.write() as tx:
        await house.accounts.changes.settle(tx, 1)
        person = await people.find(tx, house.keys, account)
    assert set(person.addresses) == {house.key(ADDRESS), house.key(OTHER)}


async def test_each_is_audited_and_counted(house: House) -> None:
    """A thief of the key takes no more than a day's limit, and leaves a line for each."""
    account = await house.person(ADDRESS)
    for who in (ADDRESS, account, "nobody@example.net"):
        await house.privacy.export(who, by="key_1")
    with pytest.raises(TooMany):
        await house.privacy.export(OTHER, by="key_2")
    with pytest.raises(NotFound):
        await house.privacy.export("acc_" + "0" * 26, by="key_1")
    async with house.database.read() as tx:
        rows = await tx.all(
            select(event_tables.audit).where(event_tables.audit.c.act == "privacy.export")
        )
        assert [row["actor"] for row in rows] == ["key_1"] * 3
        assert all(ADDRESS not in row["data"] for row in rows)
        assert account in rows[0]["data"]
        assert await audit.verify(tx) is None
