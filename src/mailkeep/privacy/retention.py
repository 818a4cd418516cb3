"""Retention: deletes the pseudonyms of people who were erased, or on whom a hold was."""

from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts.tables import accounts
from mailkeep.base.clock import Instant
from mailkeep.mail import counting
from mailkeep.store.database import Tx

from . import rows
from .tables import erasures, legal_holds
from .types import State

_e, _h, _a = erasures, legal_holds, accounts
_BATCH = 20  #: each may have thousands of exposures


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Delete the keyed hashes of people erased before an instant: their exposures of then, what
    remains of their accounts with its recoveries, and their names here; returns how many."""
    found = await tx.all(
        select(_e)
        .where(_e.c.ended_at < before, (_e.c.accounts != "") | (_e.c.addresses != ""))
        .order_by(_e.c.ended_at)
        .limit(min(limit, _BATCH))
    )
    for row in found:
        if row["state"] == State.DONE.value:
            await _forget(tx, row)
        await tx.run(update(_e).where(_e.c.id == row["id"]).values(accounts="", addresses=""))
    return len(found)


async def forget_holds(tx: Tx, before: Instant, limit: int) -> int:
    """Delete of whom holds were that ended before an instant, and why; returns how many. What is
    left says that there was one, and who placed and ended it."""
    old = (
        select(_h.c.id)
        .where(_h.c.ended_at < before, (_h.c.accounts != "") | (_h.c.addresses != ""))
        .order_by(_h.c.id)
        .limit(limit)
    )
    values = {"accounts": "", "addresses": "", "reason": ""}
    return await tx.run(update(_h).where(_h.c.id.in_(old)).values(**values))


async def _forget(tx: Tx, row: RowMapping) -> None:
    whom = rows.person(row)
    await counting.forget(tx, whom.addresses, row["ended_at"])
    await tx.run(delete(_a).where(_a.c.id.in_(whom.accounts), _a.c.erased_at.is_not(None)))
