"""Retention: deletes delivered events of the signals room, a batch at a time."""

from sqlalchemy import delete, select

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables

_e = tables.sets


async def forget_sets(tx: Tx, *, before: Instant, limit: int) -> int:
    """Forget events that ended before an instant; returns how many."""
    of = select(_e.c.id).where(_e.c.ended_at < before).order_by(_e.c.ended_at).limit(limit)
    return await tx.run(delete(_e).where(_e.c.id.in_(of)))
