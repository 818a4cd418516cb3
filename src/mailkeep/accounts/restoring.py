"""What an older copy of the database may not bring back to life: sessions."""

from sqlalchemy import func, select, update

from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .events import SessionsEnded

_s = tables.sessions


async def end_every_session(database: Database, tx: Tx) -> int:
    """End all of them; returns how many. Those that were ended after the copy was made would be
    good again, a thief's among them."""
    live = _s.c.ended_at.is_(None)
    rows = await tx.all(
        select(_s.c.account_id, func.count().label("n")).where(live).group_by(_s.c.account_id)
    )
    await tx.run(update(_s).where(live).values(ended_at=tx.now, ended_why="restored"))
    await record(
        database, tx, *(SessionsEnded(row["account_id"], row["n"], "restored") for row in rows)
    )
    return sum(row["n"] for row in rows)
