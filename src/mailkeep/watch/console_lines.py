"""Stored entries of third parties' audit logs: shown to operators, accepted as our own people's,
deleted."""

from collections.abc import Collection

import msgspec
from sqlalchemy import delete, func, select, update

from mailkeep.base import reasons
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.providers.message import Quiet
from mailkeep.store.database import Database, Tx

from .events import ConsoleAccepted
from .tables import console_acts

PURPOSE = "console"
MOST_SHOWN = 200
SHORT = 12  #: characters by which a line is named

_t = console_acts


class Who(Quiet, frozen=True):
    """The sealed part of an entry."""

    name: str
    address: str
    what: str
    line: str


class Line(Quiet, frozen=True):
    """A line as operators see it. ``who``: None where it was sealed under other keys."""

    _shown = ("id", "party", "act")

    id: str
    log: str
    party: str
    act: str
    at: Instant
    who: Who | None
    expected: bool
    accepted_at: Instant | None
    accepted_by: str
    reason: str


async def accept(
    database: Database, tx: Tx, lines: Collection[str], *, by: str, reason: str
) -> tuple[str, ...]:
    """Mark entries as our own people's; returns the ids of those that were open.

    Args:
        lines: their ids, or the beginnings that are shown of them.

    Raises:
        NotFound: there is no such line that is open.
        Invalid: no reason, or one that is too long.
    """
    reason = reasons.given(reason)
    found: list[str] = []
    for one in sorted(set(lines)):
        rows = await tx.all(
            select(_t.c.id)
            .where(_t.c.id.startswith(one, autoescape=True), _t.c.accepted_at.is_(None))
            .limit(2)
        )
        if len(rows) != 1 or len(one) < SHORT:
            raise NotFound(f"no open line {one[:60]}", field="line")
        found.append(rows[0]["id"])
    said = {"accepted_at": tx.now, "accepted_by": by[:80], "reason": reason}
    await tx.run(update(_t).where(_t.c.id.in_(found)).values(**said))
    await audit.write(tx, by, "accept_console", {"lines": found, "reason": reason})
    await record(database, tx, ConsoleAccepted(told=tuple(found), by=by))
    return tuple(found)


async def view(tx: Tx, keys: KeyRing, party: str = "", limit: int = MOST_SHOWN) -> list[Line]:
    """What logs told, the newest first; of one party, or of all."""
    query = select(_t).order_by(_t.c.received_at.desc(), _t.c.id).limit(limit)
    rows = await tx.all(query.where(_t.c.party == party) if party else query)
    return [
        Line(
            id=row["id"],
            log=row["log"],
            party=row["party"],
            act=row["act"],
            at=row["at"],
            who=_opened(keys, row["sealed"]),
            expected=row["expected"],
            accepted_at=row["accepted_at"],
            accepted_by=row["accepted_by"] or "",
            reason=row["reason"] or "",
        )
        for row in rows
    ]


async def quiet(tx: Tx) -> dict[str, float]:
    """By log that ever told of anything, the days since it did."""
    rows = await tx.all(
        select(_t.c.log, func.max(_t.c.received_at).label("last")).group_by(_t.c.log)
    )
    return {row["log"]: (tx.now - row["last"]) / DAY for row in rows}


async def forget(tx: Tx, *, before: Instant, limit: int) -> int:
    """Delete entries from before an instant; returns how many. A deleted one that comes again
    counts as new, so they are kept for longer than ``STALE``."""
    old = select(_t.c.id).where(_t.c.received_at < before).order_by(_t.c.received_at).limit(limit)
    return await tx.run(delete(_t).where(_t.c.id.in_(old)))


def _opened(keys: KeyRing, sealed: bytes) -> Who | None:
    try:
        return msgspec.json.decode(keys.unseal(PURPOSE, sealed), type=Who)
    except (Unsealable, msgspec.DecodeError):
        return None
