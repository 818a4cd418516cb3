"""The recoveries of some accounts of which a proof went through some providers, as they went."""

from collections.abc import Collection, Mapping, Set

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables
from .types import State

_r, _p, _d = tables.recoveries, tables.proofs, tables.redemptions


class Story(msgspec.Struct, frozen=True):
    """One recovery.

    Attributes:
        half: a proof that went through the providers came back.
        stopped: the second factor was wrong or missing.
        browsers: pseudonyms of those that showed both proofs: one of them finished it.
    """

    asked_at: Instant
    half: bool
    stopped: bool
    denied_at: Instant | None
    completed_at: Instant | None
    browsers: frozenset[str]


async def stories(
    tx: Tx, providers: Set[str], since: Instant, until: Instant, accounts: Collection[str]
) -> Mapping[str, list[Story]]:
    """The recoveries of each of a few accounts with a proof through ``providers`` in a window."""
    # By the accounts first: a window may hold a million recoveries.
    rows = await tx.all(select(_r).where(_r.c.account_id.in_(accounts)).order_by(_r.c.id))
    ids = [row["id"] for row in rows]
    proofs = await tx.all(
        select(_p.c.id, _p.c.recovery_id, _p.c.provider, _p.c.minted_at).where(
            _p.c.recovery_id.in_(ids)
        )
    )
    theirs: dict[str, set[str]] = {}
    for row in proofs:
        if row["provider"] in providers and since <= row["minted_at"] <= until:
            theirs.setdefault(row["recovery_id"], set()).add(row["id"])
    shown = await tx.all(
        select(_p.c.recovery_id, _p.c.kind, _d.c.proof_id, _d.c.browser)
        .select_from(_p.join(_d, _d.c.proof_id == _p.c.id))
        .where(_p.c.recovery_id.in_(theirs))
    )
    redeemed = {row["proof_id"] for row in shown}
    kinds: dict[tuple[str, str], set[str]] = {}
    for row in shown:
        kinds.setdefault((row["recovery_id"], row["browser"]), set()).add(row["kind"])
    both: dict[str, set[str]] = {}
    for (recovery, browser), had in kinds.items():
        if len(had) == 2:
            both.setdefault(recovery, set()).add(browser)
    found: dict[str, list[Story]] = {}
    for row in rows:
        if row["id"] not in theirs:
            continue
        done = row["state"] == State.COMPLETED.value
        story = Story(
            row["asked_at"],
            bool(theirs[row["id"]] & redeemed),
            row["stopped_at"] is not None,
            row["denied_at"],
            row["ended_at"] if done else None,
            frozenset(both.get(row["id"], ())),
        )
        found.setdefault(row["account_id"], []).append(story)
    return found
