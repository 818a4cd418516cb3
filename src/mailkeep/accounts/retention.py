"""Retention: deletes old rows of the accounts room, class by class, a bounded batch at a time.

Anyone can sign up with any address or fail to sign in with any address, and so leave rows behind.
Rows are deleted, events stay: they hold pseudonyms only.
"""

from sqlalchemy import delete, or_, select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import tables

_a, _c, _s = tables.accounts, tables.contact_points, tables.sessions


async def forget_unconfirmed(tx: Tx, before: Instant, limit: int) -> int:
    """Forget addresses that were claimed before an instant and never confirmed, with the accounts
    that have no other and their passwords; returns how many addresses."""
    old = await tx.all(
        select(_c.c.id, _c.c.account_id)
        .where(_c.c.confirmed_at.is_(None), _c.c.id < earliest("cpt", before))
        .order_by(_c.c.id)
        .limit(limit)
    )
    if not old:
        return 0
    accounts = sorted({row["account_id"] for row in old})
    # Held from here on: who confirms an address of one of them meanwhile is seen below.
    await tx.all(select(_a.c.id).where(_a.c.id.in_(accounts)).order_by(_a.c.id).with_for_update())
    gone = await tx.run(
        delete(_c).where(_c.c.id.in_([row["id"] for row in old]), _c.c.confirmed_at.is_(None))
    )
    has_another = select(_c.c.id).where(_c.c.account_id == _a.c.id).exists()
    await tx.run(delete(_a).where(_a.c.id.in_(accounts), ~has_another))
    return gone


async def forget_confirmations(tx: Tx, before: Instant, limit: int) -> int:
    """Forget codes that were mailed before an instant, used or not; returns how many. They expire
    in minutes; also those of an address that was taken, which belong to no contact point."""
    f = tables.confirmations
    old = select(f.c.id).where(f.c.id < earliest("cnf", before)).order_by(f.c.id).limit(limit)
    return await tx.run(delete(f).where(f.c.id.in_(old)))


async def forget_sessions(tx: Tx, before: Instant, limit: int) -> int:
    """Forget sessions that ended, or were used last, before an instant; returns how many.

    An account knows a browser by its sessions: one that has not been used for so long is a
    stranger's again.
    """
    old = (
        select(_s.c.id)
        .where(
            _s.c.id < earliest("ses", before),
            _s.c.seen_at < before,
            or_(_s.c.ended_at.is_(None), _s.c.ended_at < before),
        )
        .order_by(_s.c.id)
        .limit(limit)
    )
    return await tx.run(delete(_s).where(_s.c.id.in_(old)))


async def forget_subject_changes(tx: Tx, before: Instant, limit: int) -> int:
    """Forget changes of applications' users that ended before an instant; returns how many."""
    h = tables.subject_changes
    old = select(h.c.id).where(h.c.ended_at < before).order_by(h.c.id).limit(limit)
    return await tx.run(delete(h).where(h.c.id.in_(old)))
