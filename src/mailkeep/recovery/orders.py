"""Operators' orders to hold recoveries for a while: of some routes, of one account, or all of them.

An order delays each recovery that meets it, and ends by itself: no operator, and no thief of an
operator's key, locks owners out by it. A proved second factor avoids it, as it does any suspicion.
"""

from collections.abc import Collection

from sqlalchemy import delete, func, select

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables
from .types import LIVE

_o, _r, _p = tables.hold_orders, tables.recoveries, tables.proofs


async def order(
    tx: Tx, cause: str, providers: Collection[str], account: str, until: Instant
) -> None:
    """Have recoveries held until an instant; what was ordered for the same cause is replaced.

    Args:
        cause: what it is for, an id.
        providers: whoever carried a proof of them; none: any.
        account: whose they are; "": anybody's.
    """
    await tx.run(delete(_o).where((_o.c.id == cause) | (_o.c.until <= tx.now)))
    for provider in sorted(providers) or [""]:
        row = {"id": cause, "provider": provider, "account_id": account, "until": until}
        await tx.run(tx.upsert(_o).values(**row).on_conflict_do_nothing())


async def end(tx: Tx, cause: str) -> bool:
    """End what was ordered for a cause; False when nothing was."""
    return await tx.run(delete(_o).where(_o.c.id == cause)) > 0


async def ordered(tx: Tx, providers: Collection[str], account: str) -> bool:
    """Whether a recovery of an account is to be held whose proofs went through ``providers``."""
    found = await tx.value(
        select(_o.c.id)
        .where(
            _o.c.until > tx.now,
            _o.c.provider.in_(["", *sorted(providers)]),
            _o.c.account_id.in_(["", account]),
        )
        .limit(1)
    )
    return found is not None


async def until(tx: Tx, cause: str) -> Instant | None:
    """When what was ordered for a cause ends; None where nothing is ordered now."""
    found = await tx.value(
        select(func.max(_o.c.until)).where(_o.c.id == cause, _o.c.until > tx.now)
    )
    return None if found is None else int(found)


async def under_way(tx: Tx, providers: Collection[str], account: str) -> int:
    """How many recoveries that are under way would meet such an order."""
    query = (
        select(func.count(_r.c.id.distinct()))
        .select_from(_r.join(_p, _p.c.recovery_id == _r.c.id))
        .where(_r.c.state.in_(LIVE), _r.c.expires_at > tx.now, _p.c.voided_at.is_(None))
    )
    if providers:
        query = query.where(_p.c.provider.in_(sorted(providers)))
    if account:
        query = query.where(_r.c.account_id == account)
    return int(await tx.value(query) or 0)
