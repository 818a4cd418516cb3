"""After a restore from an older backup: ends the recoveries that the backup shows as under way."""

from sqlalchemy import select, update

from mailkeep.events.log import record
from mailkeep.mail import services as mail
from mailkeep.mail.types import GiveUpReason
from mailkeep.store.database import Database, Tx

from . import tables
from .events import RecoveryVoided
from .types import UNDER_WAY, State, VerdictState

_WHY = GiveUpReason.RESTORED
_r, _p, _v = tables.recoveries, tables.proofs, tables.verdicts


async def void_every_recovery(database: Database, tx: Tx) -> int:
    """Void all that have not ended; returns how many. A proof that was used, or denied, after the
    copy was made would be good a second time."""
    under_way = _r.c.state.in_(UNDER_WAY)
    rows = await tx.all(select(_r.c.id, _r.c.account_id).where(under_way).order_by(_r.c.id))
    live = _p.c.voided_at.is_(None) & _p.c.recovery_id.in_([row["id"] for row in rows])
    for proof in await tx.all(select(_p.c.message_id).where(live)):
        await mail.cancel(database, tx, proof["message_id"], _WHY)
    await tx.run(update(_p).where(live).values(voided_at=tx.now))
    await tx.run(
        update(_r)
        .where(under_way)
        .values(state=State.VOID.value, why=_WHY.value, ended_at=tx.now, due_at=None, host="")
    )
    # A code, or a token, that was used after the copy was made would be good a second time.
    takable = _v.c.state.in_([VerdictState.MADE.value, VerdictState.HANDED_OVER.value])
    await tx.run(update(_v).where(takable).values(state=VerdictState.REVOKED.value, why=_WHY.value))
    told = [row for row in rows if row["account_id"] is not None]
    await record(
        database,
        tx,
        *(RecoveryVoided(recovery=row["id"], account=row["account_id"], why=_WHY) for row in told),
    )
    return len(rows)
