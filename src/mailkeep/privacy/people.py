"""Resolves a person from an address or an account's id."""

from sqlalchemy import select

from mailkeep.accounts import tables
from mailkeep.base import addresses
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import is_id
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Tx

from .types import Person

_a, _c = tables.accounts, tables.contact_points


async def find(tx: Tx, keys: KeyRing, who: str) -> Person:
    """The person behind an address, or an account's id: their accounts, and the addresses that are
    theirs alone.

    An address that nobody has confirmed is a person too: mail may have gone there.

    Raises:
        NotFound: no account has that id.
        Invalid: it is neither an id nor an address.
    """
    if is_id("acc", who):
        if await tx.value(select(_a.c.id).where(_a.c.id == who)) is None:
            raise NotFound("no such account", field="who")
        return await _person(tx, [who], [])
    key = keys.pseudonym("address", addresses.key(addresses.parse(who, field="who")))
    held = (_c.c.address_key == key, _c.c.confirmed_at.is_not(None), _c.c.added_by.is_(None))
    rows = await tx.all(select(_c.c.account_id).where(*held))
    return await _person(tx, [row["account_id"] for row in rows], [key])


async def _person(tx: Tx, accounts: list[str], keys: list[str]) -> Person:
    # Anybody may claim any address. What went to one that nobody confirmed for them, or whose
    # addition is held, is not theirs to be handed out or erased; who has it asks by it.
    theirs = (_c.c.confirmed_at.is_not(None), _c.c.added_by.is_(None))
    named = await tx.all(
        select(_c.c.address_key).where(_c.c.account_id.in_(sorted(accounts)), *theirs)
    )
    wanted = {*keys, *(row["address_key"] for row in named)}
    # An address that another account has confirmed as well belongs to that account, unless it was
    # asked for by name.
    shared = await tx.all(
        select(_c.c.address_key).where(
            _c.c.address_key.in_(sorted(wanted)),
            *theirs,
            _c.c.account_id.not_in(sorted(accounts)),
        )
    )
    wanted -= {row["address_key"] for row in shared} - set(keys)
    return Person(tuple(sorted(set(accounts))), tuple(sorted(wanted)))
