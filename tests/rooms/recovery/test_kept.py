"""How secrets are kept, and what of tries is on record."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from mailkeep.accounts import tables as accounts
from mailkeep.base import tokens
from mailkeep.base.errors import NotSignedIn
from mailkeep.recovery import tables

from .conftest import ADDRESS, PASSWORD, Room

Owner = Callable[[], Awaitable[str]]


@pytest.mark.check("ASVS 6.5.2", "63B 3.1.1.2", "ASVS 13.3.1")
async def test_short_codes_and_passwords_lie_under_a_slow_salted_hash(
    room: Room, owner: Owner
) -> None:
    await owner()
    await room.accounts.sign_up("new@example.net", PASSWORD, "network_b")
    await room.ask()
    link, code = await room.proofs()
    async with room.database.read() as tx:
        passwords = await tx.all(select(accounts.passwords.c.hash))
        confirmations = await tx.all(select(accounts.confirmations.c.code))
        proofs = await tx.all(select(tables.proofs))
    kept = [row["hash"] for row in passwords] + [row["code"] for row in confirmations]
    assert len(kept) == 3
    assert all(one.startswith("$argon2id$") for one in kept)
    assert len(set(kept)) == len(kept)  # the same password twice, each with a salt of its own
    rows = str([dict(row) for row in proofs])
    assert "$argon2id$" in rows
    for secret in (link["link"], code["code"], tokens.fold(str(code["code"]))):
        assert str(secret) not in rows


@pytest.mark.check("ASVS 16.3.1", "ASVS 16.2.5")
async def test_every_sign_in_and_every_failed_one_is_on_record(room: Room, owner: Owner) -> None:
    account = await owner()
    for address, password in (
        (ADDRESS, "wrong"),
        ("nobody@example.net", "wrong"),
        (ADDRESS, PASSWORD),
    ):
        try:
            await room.accounts.sign_in(address, password, browser="b", network="network_1")
        except NotSignedIn:
            continue
    facts = await room.facts("accounts.")
    failed = [fact for kind, fact in facts if kind == "sign_in_failed"]
    assert [(one["account"], one["why"]) for one in failed] == [
        (account, "password"),
        (None, "password"),
    ]
    assert {one["network"] for one in failed} == {"network_1"}
    assert [fact["account"] for kind, fact in facts if kind == "signed_in"] == [account]
    assert "ada@" not in str(facts)
    assert PASSWORD not in str(facts)
