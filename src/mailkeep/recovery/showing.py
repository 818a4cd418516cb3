"""Recoveries as operators see them, masked: no address, no link, no code."""

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import is_id
from mailkeep.store.database import Tx

from . import tables
from .types import State

PAGE = 50
SCAN = 10_000  #: recoveries that are looked at for a page

_r, _p, _h = tables.recoveries, tables.proofs, tables.holds


class Shown(msgspec.Struct, frozen=True):
    """A recovery. ``account`` None: nobody has that address, or nobody has looked yet."""

    id: str
    state: State
    account: str | None
    application: str
    asked_at: Instant
    ended_at: Instant | None
    why: str
    known_browser: bool
    stopped_at: Instant | None
    denied_at: Instant | None
    degraded: bool


class ProofShown(msgspec.Struct, frozen=True):
    """A proof of it: over whom it went, whether it came back."""

    kind: str
    provider: str
    minted_at: Instant
    expires_at: Instant
    voided_at: Instant | None
    shown_at: Instant | None


class HoldShown(msgspec.Struct, frozen=True):
    """A hold. ``until`` None: its clock has not started."""

    reasons: tuple[str, ...]
    held_at: Instant
    until: Instant | None


async def recent(
    tx: Tx,
    *,
    state: State | None = None,
    account: str | None = None,
    before: str | None = None,
    limit: int = PAGE,
) -> tuple[list[Shown], str | None]:
    """(recoveries, the newest first; the id after which the next page begins)."""
    query = select(_r).order_by(_r.c.id.desc())
    if before is not None and is_id("rec", before):
        query = query.where(_r.c.id < before)
    if account is not None:
        query = query.where(_r.c.account_id == account)
    if state is None or account is not None:
        rows = await tx.all(query.limit(limit + 1))
    else:
        # It takes no index to find the few among many: no more than so many are looked at.
        some = query.with_only_columns(_r.c.id).limit(SCAN).subquery()
        floor = await tx.value(select(some.c.id).order_by(some.c.id).limit(1))
        if floor is None:
            return [], None
        of = query.where(_r.c.id >= floor, _r.c.state == state.value)
        rows = await tx.all(of.limit(limit + 1))
    found = [_shown(row) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


async def one(tx: Tx, recovery: str) -> Shown:
    """A recovery. Raises ``NotFound``."""
    row = await tx.one(select(_r).where(_r.c.id == recovery))
    if row is None:
        raise NotFound("no such recovery")
    return _shown(row)


async def proofs(tx: Tx, recovery: str) -> list[ProofShown]:
    """Its proofs in order."""
    seen = tables.redemptions
    rows = await tx.all(select(_p).where(_p.c.recovery_id == recovery).order_by(_p.c.id))
    back = await tx.all(
        select(seen.c.proof_id, seen.c.at)
        .where(seen.c.proof_id.in_([row["id"] for row in rows]))
        .order_by(seen.c.at.desc())
    )
    first = {row["proof_id"]: row["at"] for row in back}
    return [
        ProofShown(
            row["kind"],
            row["provider"],
            row["minted_at"],
            row["expires_at"],
            row["voided_at"],
            first.get(row["id"]),
        )
        for row in rows
    ]


async def holds(tx: Tx, recovery: str) -> list[HoldShown]:
    """Its holds, one for each browser that showed both proofs."""
    rows = await tx.all(select(_h).where(_h.c.recovery_id == recovery).order_by(_h.c.held_at))
    return [
        HoldShown(tuple(row["reasons"].split(",")), row["held_at"], row["until"]) for row in rows
    ]


def _shown(row: RowMapping) -> Shown:
    return Shown(
        row["id"],
        State(row["state"]),
        row["account_id"],
        row["application"],
        row["asked_at"],
        row["ended_at"],
        row["why"] or "",
        row["known_browser"],
        row["stopped_at"],
        row["denied_at"],
        row["degraded"],
    )
