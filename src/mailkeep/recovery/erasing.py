"""Ends the recoveries of an account that is being erased, so that none under way can write a
password."""

from collections.abc import Sequence

from sqlalchemy import select, update

from mailkeep.events.log import record
from mailkeep.mail import services as mail
from mailkeep.mail.types import GiveUpReason
from mailkeep.store.database import Database, Tx

from . import tables
from .events import RecoveryVoided
from .types import UNDER_WAY, State, VerdictState

_r, _p, _v = tables.recoveries, tables.proofs, tables.verdicts
_WHY = GiveUpReason.ERASED


async def void_all(database: Database, tx: Tx, accounts: Sequence[str]) -> int:
    """Void what is under way for some accounts, verdicts that were not taken included; returns how
    many recoveries."""
    mine = (_r.c.account_id.in_(accounts), _r.c.state.in_(UNDER_WAY))
    rows = await tx.all(select(_r.c.id, _r.c.account_id).where(*mine).order_by(_r.c.id))
    ids = [row["id"] for row in rows]
    live = (_p.c.recovery_id.in_(ids), _p.c.voided_at.is_(None))
    for proof in await tx.all(select(_p.c.message_id).where(*live)):
        await mail.cancel(database, tx, proof["message_id"], _WHY)
    await tx.run(update(_p).where(*live).values(voided_at=tx.now))
    ended = {"state": State.VOID.value, "why": _WHY.value, "ended_at": tx.now, "due_at": None}
    await tx.run(update(_r).where(_r.c.id.in_(ids)).values(**ended))
    takable = _v.c.state.in_([VerdictState.MADE.value, VerdictState.HANDED_OVER.value])
    revoked = {"state": VerdictState.REVOKED.value, "why": _WHY.value}
    await tx.run(update(_v).where(_v.c.account_id.in_(accounts), takable).values(**revoked))
    await record(
        database,
        tx,
        *(RecoveryVoided(recovery=row["id"], account=row["account_id"], why=_WHY) for row in rows),
    )
    return len(rows)
