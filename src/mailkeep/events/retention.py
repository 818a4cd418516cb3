"""Retention of the event log: deletes old events, a bounded batch at a time, never ahead of a
reader.

Most events are about single mails and are of no use after some weeks; what people and detectors
concluded from them is kept for longer.
"""

from collections.abc import Collection

from sqlalchemy import delete, select

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from .subscribe import save_place, take_place
from .tables import checkpoints, events

OURS = "forget "  #: begins the names under which our own places are kept
OF_MAIL = "facts"  #: the class of facts about single mails


async def forgotten(tx: Tx, name: str) -> int:
    """The place up to which facts of a class were forgotten; 0: none were."""
    c = checkpoints.c
    return await tx.value(select(c.position).where(c.subscriber == OURS + name)) or 0


async def forget_facts(
    tx: Tx,
    name: str,
    before: Instant,
    limit: int,
    *,
    readers: Collection[str],
    kinds: Collection[str] | None = None,
) -> int:
    """Forget facts that were placed before an instant and that every reader has passed.

    Args:
        name: of this class of facts; under it is kept how far the log has been looked through.
        limit: how many facts to look at.
        readers: who must have passed them: those that run, not one that is configured no more.
        kinds: only these; None means all that are left.

    Returns how many were looked at.
    """
    place = await take_place(tx, OURS + name)
    c = checkpoints.c
    passed = await tx.tuples(select(c.position).where(c.subscriber.in_(sorted(readers))))
    floor = min((one[0] for one in passed), default=0) if len(passed) == len(readers) else 0
    e = events.c
    rows = await tx.tuples(
        select(e.position, e.placed_at)
        .where(e.position > place, e.position <= floor)
        .order_by(e.position)
        .limit(limit)
    )
    old = [position for position, placed_at in rows if placed_at < before]
    if not old:
        return 0
    gone = delete(events).where(e.position > place, e.position <= old[-1])
    await tx.run(gone if kinds is None else gone.where(e.kind.in_(sorted(kinds))))
    await save_place(tx, OURS + name, old[-1])
    return len(old)
