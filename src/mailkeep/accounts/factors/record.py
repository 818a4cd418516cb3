"""The record of authenticators: which are bound, which ever were, and their consecutive failures.

SP 800-63B-4 section 4.1: the time and source of each are kept for as long as the account; the
verifying secret or key is destroyed when the authenticator is revoked.
"""

from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import tables
from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from .types import FactorView, Kind, Source, Way

_f, _x = tables.factors, tables.factor_failures


async def bound(tx: Tx, account: str) -> list[FactorView]:
    """The authenticators that are bound to an account, oldest first; saved codes among them."""
    return await _views(tx, _query(account).where(_f.c.revoked_at.is_(None)))


async def history(tx: Tx, account: str) -> list[FactorView]:
    """Every authenticator that was ever bound to an account, oldest first."""
    return await _views(tx, _query(account))


async def add(
    tx: Tx,
    factor: str,
    account: str,
    kind: Kind,
    name: str,
    source: Source,
    held_by: str | None = None,
    *,
    attested: bool = False,
) -> None:
    """Put an authenticator on record as bound; ``held_by``: the change that can be stopped;
    ``attested``: a settled one was shown for it."""
    await tx.run(
        insert(_f).values(
            id=factor,
            account_id=account,
            kind=kind.value,
            name=name,
            bound_at=tx.now,
            browser=source.browser,
            network=source.network,
            held_by=held_by,
            attested=attested,
        )
    )


async def rename(tx: Tx, account: str, factor: str, name: str) -> bool:
    """Give a bound authenticator another name; False when there is no such one."""
    theirs = (_f.c.id == factor, _f.c.account_id == account, _f.c.revoked_at.is_(None))
    return await tx.run(update(_f).where(*theirs).values(name=name)) == 1


async def revoke(tx: Tx, account: str, factor: str, why: str) -> bool:
    """Note that an authenticator proves nothing any more, and destroy what it proved with; False
    when there is no such one."""
    theirs = (_f.c.id == factor, _f.c.account_id == account, _f.c.revoked_at.is_(None))
    values = {"revoked_at": tx.now, "revoked_why": why, "leaves_at": None}
    values["held_by"] = None
    if await tx.run(update(_f).where(*theirs).values(**values)) != 1:
        return False
    await tx.run(delete(tables.totp_factors).where(tables.totp_factors.c.id == factor))
    for table in (tables.passkeys, tables.saved_codes, _x):
        await tx.run(delete(table).where(table.c.factor_id == factor))
    return True


async def leave(tx: Tx, factor: str, at: Instant | None) -> bool:
    """Have a bound authenticator go at an instant, or stay after all; False when that is so."""
    other = _f.c.leaves_at.is_(None) if at is not None else _f.c.leaves_at.is_not(None)
    bound = (_f.c.id == factor, _f.c.revoked_at.is_(None), other)
    return await tx.run(update(_f).where(*bound).values(leaves_at=at)) == 1


async def leaving(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """Account and id of authenticators whose time has come, the longest due first."""
    rows = await tx.all(
        select(_f.c.account_id, _f.c.id)
        .where(_f.c.leaves_at.is_not(None), _f.c.leaves_at <= tx.now)
        .order_by(_f.c.leaves_at)
        .limit(limit)
    )
    return [(row["account_id"], row["id"]) for row in rows]


async def used(tx: Tx, factor: str) -> None:
    """A right answer: what failed before it is no longer in a row."""
    await tx.run(update(_f).where(_f.c.id == factor).values(last_used_at=tx.now))
    await tx.run(delete(_x).where(_x.c.factor_id == factor))


async def failures(tx: Tx, factor: str, way: Way) -> int:
    """Wrong answers in a row on one way."""
    found = await tx.value(
        select(_x.c.count).where(_x.c.factor_id == factor, _x.c.way == way.value)
    )
    return int(found or 0)


async def failed(tx: Tx, factor: str, way: Way) -> int:
    """Count a wrong answer; returns how many there are in a row now."""
    await tx.run(
        tx.upsert(_x)
        .values(factor_id=factor, way=way.value, count=1)
        .on_conflict_do_update(index_elements=["factor_id", "way"], set_={"count": _x.c.count + 1})
    )
    return await failures(tx, factor, way)


def _query(account: str) -> Select[Any]:
    p, s = tables.passkeys, tables.saved_codes
    left = (
        select(func.count())
        .where(s.c.factor_id == _f.c.id, s.c.used_at.is_(None))
        .correlate(_f)
        .scalar_subquery()
    )
    return (
        select(_f, p.c.synced, left.label("left"))
        .join(p, p.c.factor_id == _f.c.id, isouter=True)
        .where(_f.c.account_id == account)
        .order_by(_f.c.bound_at, _f.c.id)
    )


async def _views(tx: Tx, query: Select[Any]) -> list[FactorView]:
    return [_view(row) for row in await tx.all(query)]


def _view(row: RowMapping) -> FactorView:
    kind = Kind(row["kind"])
    return FactorView(
        id=row["id"],
        account=row["account_id"],
        kind=kind,
        name=row["name"],
        bound_at=row["bound_at"],
        browser=row["browser"],
        network=row["network"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        revoked_why=row["revoked_why"],
        left=row["left"] if kind is Kind.SAVED_CODES else None,
        synced=row["synced"] if kind is Kind.PASSKEY else None,
        leaves_at=row["leaves_at"],
        held_by=row["held_by"],
        attested=bool(row["attested"]),
    )
