"""Carries removed receivers and replaced tokens over a restore from an older backup."""

import msgspec
from sqlalchemy import delete, or_, select, update

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables

_r = tables.receivers


class Kept(msgspec.Struct, frozen=True):
    """The valid tokens before the restore: by receiver, the token's hash, the previous one's, and
    until when that one is valid."""

    tokens: tuple[tuple[str, str, str | None, Instant | None], ...] = ()


async def kept(tx: Tx) -> Kept:
    """Read them from the database that is replaced."""
    columns = (_r.c.id, _r.c.hash, _r.c.old_hash, _r.c.old_until)
    rows = await tx.tuples(select(*columns).order_by(_r.c.id))
    return Kept(tuple((row[0], row[1], row[2], row[3]) for row in rows))


async def keep(tx: Tx, before: Kept | None) -> int:
    """In the copy: remove receivers that were removed since, and invalidate tokens that were
    replaced since; returns how many receivers went. What was added since must be added again by
    hand.

    Args:
        before: None where no database was replaced; then the copy's word is all there is.
    """
    if before is None:
        return 0
    ids = [one for one, *_ in before.tokens]
    gone = await tx.run(delete(_r).where(_r.c.id.not_in(ids)))
    for one, new, old, until in before.tokens:
        stale = or_(_r.c.hash != new, _r.c.old_hash.is_not(None))
        await tx.run(
            update(_r).where(_r.c.id == one, stale).values(hash=new, old_hash=old, old_until=until)
        )
    return gone
