"""Limits how much is exported or erased in a day, counted for the whole installation.

A limit for each key would be none: a thief of one that makes keys has as many as they like.
"""

from sqlalchemy import delete, func, insert, select, text

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import TooMany
from mailkeep.base.ids import earliest, new_id
from mailkeep.store.database import Tx

from .tables import privacy_uses
from .types import Use

_u = privacy_uses
_LOCK = text("LOCK TABLE privacy_uses IN SHARE ROW EXCLUSIVE MODE")


async def spend(tx: Tx, use: Use, limit: int, *, by: str, count: int = 1) -> None:
    """Count a use. Raises ``TooMany`` when the day's limit would be passed."""
    if tx.is_postgresql:  # two at once must see each other
        await tx.run(_LOCK)
    used = await tx.value(
        select(func.sum(_u.c.count)).where(
            _u.c.id >= earliest("use", tx.now - DAY), _u.c.kind == use.value
        )
    )
    if int(used or 0) + count > limit:
        raise TooMany(
            f"the day's limit of {use.value}s is reached ([privacy]); look into the audit log at"
            " who asked for them",
            retry_after=3600,
        )
    await tx.run(insert(_u).values(id=new_id("use", tx.now), kind=use.value, by=by, count=count))


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Delete uses from before an instant; returns how many. The audit chain keeps them."""
    old = select(_u.c.id).where(_u.c.id < earliest("use", before)).order_by(_u.c.id).limit(limit)
    return await tx.run(delete(_u).where(_u.c.id.in_(old)))
