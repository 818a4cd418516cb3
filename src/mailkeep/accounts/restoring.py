"""What an older copy of the database may not bring back to life: sessions, and held changes of
applications' users, which somebody may have stopped since."""

from sqlalchemy import func, select, update

from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .events import SessionsEnded, SubjectChangeEnded

_s, _h = tables.sessions, tables.subject_changes


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


async def stop_subject_changes(database: Database, tx: Tx) -> int:
    """Stop all that are held; returns how many. The applications ask again for what they still
    want, and its owners are told again."""
    rows = await tx.all(select(_h).where(_h.c.due_at.is_not(None)).order_by(_h.c.id))
    await tx.run(
        update(_h)
        .where(_h.c.due_at.is_not(None))
        .values(due_at=None, ended_at=tx.now, why="restored", wanted="")
    )
    facts = [
        SubjectChangeEnded(row["account_id"], row["application"], row["kind"], "restored")
        for row in rows
    ]
    await record(database, tx, *facts)
    return len(rows)
