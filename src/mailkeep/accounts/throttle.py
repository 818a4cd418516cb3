"""Rate limiting: counts tries before they are made, so that parallel guesses cannot exceed a
limit."""

from sqlalchemy import case, delete, select, tuple_

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.store.database import Tx

from . import tables

_t = tables.tries

WINDOW = 15 * MINUTE  #: over which tries are counted, where nothing else is said
WAIT = WINDOW / SECOND  #: how many seconds who has none left may wait for the next


async def take(tx: Tx, of: str, lane: str, *, limit: int, window: Instant) -> bool:
    """Take one try from a lane; False when it has none left in this window.

    Args:
        of: whom it is counted for; the same form whether an account exists or not.
        lane: what is counted apart from what.
        window: microseconds, from the first try on.
    """
    over = _t.c.since <= tx.now - window
    await tx.run(
        tx.upsert(_t)
        .values(of=of, lane=lane, since=tx.now, count=1)
        .on_conflict_do_update(
            index_elements=["of", "lane"],
            set_={
                "since": case((over, tx.now), else_=_t.c.since),
                "count": case((over, 1), (_t.c.count > limit, _t.c.count), else_=_t.c.count + 1),
            },
        )
    )
    count = await tx.value(select(_t.c.count).where(_t.c.of == of, _t.c.lane == lane))
    return int(count) <= limit


async def spent(tx: Tx, of: str, lane: str, *, limit: int, window: Instant) -> bool:
    """Whether ``take`` would find no try left; takes none. It spares slow work that would be in
    vain, and decides nothing."""
    mine = (_t.c.of == of, _t.c.lane == lane, _t.c.since > tx.now - window)
    return int(await tx.value(select(_t.c.count).where(*mine)) or 0) >= limit


async def clear(tx: Tx, of: str, *lanes: str) -> None:
    """Give lanes their tries back: what they guarded was proved."""
    await tx.run(delete(_t).where(_t.c.of == of, _t.c.lane.in_(lanes)))


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Delete up to ``limit`` counts that began before an instant; returns how many."""
    key = (_t.c.of, _t.c.lane)
    old = select(*key).where(_t.c.since < before).order_by(_t.c.since).limit(limit)
    # Asked again of the row itself: a count may begin anew meanwhile.
    return await tx.run(delete(_t).where(tuple_(*key).in_(old), _t.c.since < before))
