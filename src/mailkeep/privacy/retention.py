"""Retention: deletes the pseudonyms of people who were erased."""

from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts.tables import accounts
from mailkeep.base.clock import Instant
from mailkeep.mail import counting
from mailkeep.store.database import Tx

from . import rows
from .tables import erasures
from .types import State

_e, _a = erasures, accounts
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


async def _forget(tx: Tx, row: RowMapping) -> None:
    whom = rows.person(row)
    await counting.forget(tx, whom.addresses, row["ended_at"])
    await tx.run(delete(_a).where(_a.c.id.in_(whom.accounts), _a.c.erased_at.is_not(None)))
