"""Prepares an account for erasure, before its rows are deleted.

The account's own row stays, emptied, until the keyed hashes of erased accounts are deleted: it
links the records that incidents count. Nobody can sign in to it or recover it.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .events import AccountErased, ErasureAsked, SessionsEnded

_a, _c, _s = tables.accounts, tables.contact_points, tables.sessions
ERASED = "erased"  #: why its sessions ended


async def announce(database: Database, tx: Tx, accounts: Sequence[str], until: int) -> None:
    """Have the owners told that their accounts will be erased at ``until``."""
    await record(database, tx, *(ErasureAsked(account=one, until=until) for one in accounts))


async def begin(database: Database, tx: Tx, accounts: Sequence[str]) -> None:
    """End every session of some accounts and say that they are erased; the caller takes their rows
    away in the same transaction. Those that were erased before are passed over."""
    rows = await tx.all(
        select(_a.c.id)
        .where(_a.c.id.in_(accounts), _a.c.erased_at.is_(None))
        .order_by(_a.c.id)
        .with_for_update()
    )
    for row in rows:
        ended = await tx.run(
            update(_s)
            .where(_s.c.account_id == row["id"], _s.c.ended_at.is_(None))
            .values(ended_at=tx.now, ended_why=ERASED)
        )
        if ended:
            await record(database, tx, SessionsEnded(account=row["id"], count=ended, why=ERASED))
    ids = [row["id"] for row in rows]
    await tx.run(update(_a).where(_a.c.id.in_(ids)).values(erased_at=tx.now))
    await record(database, tx, *(AccountErased(account=one) for one in ids))


async def claimed(tx: Tx, addresses: Sequence[str]) -> list[str]:
    """Accounts that somebody opened with one of some addresses (pseudonyms) and nobody confirmed:
    they go with the address."""
    rows = await tx.all(
        select(_c.c.account_id)
        .where(_c.c.address_key.in_(addresses), _c.c.confirmed_at.is_(None))
        .distinct()
    )
    return sorted(row["account_id"] for row in rows)


async def drop_empty(tx: Tx, accounts: Sequence[str]) -> None:
    """Remove those of some accounts that have no address any more, and were never erased."""
    has_one = select(_c.c.id).where(_c.c.account_id == _a.c.id).exists()
    await tx.run(delete(_a).where(_a.c.id.in_(accounts), _a.c.erased_at.is_(None), ~has_one))
