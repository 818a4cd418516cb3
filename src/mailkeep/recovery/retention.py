"""Retention of the recovery room. Proofs, redemptions and denials are deleted with their
recovery."""

from sqlalchemy import delete, select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import tables
from .types import State

_r, _q, _t = tables.recoveries, tables.verdict_requests, tables.rehearsals


async def forget_recoveries(tx: Tx, before: Instant, limit: int) -> int:
    """Forget recoveries that were asked for before an instant and have ended; returns how many."""
    return await _forget(tx, before, limit, (State.COMPLETED, State.VOID))


async def forget_nothing(tx: Tx, before: Instant, limit: int) -> int:
    """Forget requests that led to nothing: anyone may type any address, and leaves a row."""
    return await _forget(tx, before, limit, (State.NOTHING,))


async def _forget(tx: Tx, before: Instant, limit: int, states: tuple[State, ...]) -> int:
    old = (
        select(_r.c.id)
        .where(_r.c.id < earliest("rec", before), _r.c.state.in_([one.value for one in states]))
        .order_by(_r.c.id)
        .limit(limit)
    )
    return await tx.run(delete(_r).where(_r.c.id.in_(old)))


async def forget_requests(tx: Tx, before: Instant, limit: int) -> int:
    """Forget what browsers were sent here for before an instant; returns how many."""
    old = select(_q.c.id).where(_q.c.expires_at < before).order_by(_q.c.id).limit(limit)
    return await tx.run(delete(_q).where(_q.c.id.in_(old)))


async def forget_rehearsals(tx: Tx, before: Instant, limit: int) -> int:
    """Forget resets that applications told of before an instant; returns how many."""
    old = select(_t.c.id).where(_t.c.id < earliest("reh", before)).order_by(_t.c.id).limit(limit)
    return await tx.run(delete(_t).where(_t.c.id.in_(old)))
