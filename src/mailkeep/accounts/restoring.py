"""After a restore from a backup: ends sessions and held changes that the backup would bring back.

Somebody may have ended or stopped them since the backup was made.
"""

from sqlalchemy import func, select, update

from mailkeep.base.clock import DAY
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import tables
from .changes import undo
from .events import ChangeHeld, ChangesStopped, FactorStays, SessionsEnded, SubjectChangeEnded
from .queries import NOT_THE_OWNERS
from .types import ChangeKind, ChangeState

_s, _h = tables.sessions, tables.subject_changes
_c, _f = tables.changes, tables.factors
#: For so long after something happened its owner can deny it, and a day more.
DENIABLE = 8 * DAY
RESTORED = "restored"  #: by what a held change was stopped


async def end_every_session(database: Database, tx: Tx) -> int:
    """End all of them; returns how many. Those that were ended after the copy was made would be
    good again, a thief's among them.

    Of those that had begun shortly before it, nobody knows whether their owner denied them since:
    the browsers that they came from are known by older ones, or not at all.
    """
    live = _s.c.ended_at.is_(None)
    newest = await tx.value(select(func.max(_s.c.seen_at))) or 0
    doubted = (_s.c.created_at > newest - DENIABLE, live | _s.c.ended_why.not_in(NOT_THE_OWNERS))
    rows = await tx.all(
        select(_s.c.account_id, func.count().label("n")).where(live).group_by(_s.c.account_id)
    )
    await tx.run(update(_s).where(*doubted).values(ended_why="doubted"))
    why = func.coalesce(_s.c.ended_why, "restored")
    await tx.run(update(_s).where(live).values(ended_at=tx.now, ended_why=why))
    await record(
        database,
        tx,
        *(SessionsEnded(account=row["account_id"], count=row["n"], why="restored") for row in rows),
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
        SubjectChangeEnded(
            account=row["account_id"],
            application=row["application"],
            change=row["kind"],
            why="restored",
        )
        for row in rows
    ]
    await record(database, tx, *facts)
    return len(rows)


async def stop_changes(database: Database, tx: Tx) -> int:
    """Take back every change of addresses of ours that is held, and keep every factor that is
    being removed; returns how many. Their owners may have said so after the copy was made, and
    begin anew what they still want."""
    under_way = _c.c.state.in_([ChangeState.WAITING.value, ChangeState.HELD.value])
    # The notice of a changed password can still undo it, also once more.
    held = under_way & _c.c.what.not_in([ChangeKind.PASSWORD.value, ChangeKind.FACTOR.value])
    rows = await tx.all(select(_c).where(held).order_by(_c.c.id))
    for row in rows:
        await undo(tx, row["account_id"], row["id"])
    stopped = {"state": ChangeState.STOPPED.value, "ended_at": tx.now, "stopped_by": RESTORED}
    await tx.run(update(_c).where(held).values(**stopped))
    going = (_f.c.leaves_at.is_not(None), _f.c.revoked_at.is_(None))
    leaving = await tx.all(select(_f.c.id, _f.c.account_id).where(*going).order_by(_f.c.id))
    await tx.run(update(_f).where(*going).values(leaves_at=None))
    await _tell_of_factors(database, tx)
    facts = [
        ChangesStopped(account=row["account_id"], changes=(row["id"],), by=RESTORED) for row in rows
    ]
    await record(database, tx, *facts)
    await record(
        database, tx, *(FactorStays(account=row["account_id"], factor=row["id"]) for row in leaving)
    )
    return len(rows) + len(leaving)


async def _tell_of_factors(database: Database, tx: Tx) -> None:
    """Begin the holds of new factors again. To drop them would take away what owners bound, to let
    them settle what they may have denied since."""
    held = (_c.c.state == ChangeState.HELD.value, _c.c.what == ChangeKind.FACTOR.value)
    for row in await tx.all(select(_c).where(*held).order_by(_c.c.id)):
        until = tx.now + row["until"] - row["at"]
        values = {"at": tx.now, "until": until, "told_at": None}
        await tx.run(update(_c).where(_c.c.id == row["id"]).values(**values))
        fact = ChangeHeld(
            account=row["account_id"],
            change=row["id"],
            what=row["what"],
            address=None,
            until=until,
            factor=row["factor"],
        )
        await record(database, tx, fact)
