"""Read-only queries of the watch room."""

from collections.abc import Collection

import msgspec
from sqlalchemy import func, select

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.ids import earliest
from mailkeep.base.workers import Workers
from mailkeep.events.log import head
from mailkeep.events.tables import events
from mailkeep.store.database import Tx

from . import heard
from .correlation import Beliefs, Opinion, hear, weigh
from .logs import Line
from .report_types import LATE
from .reports import Taken
from .tables import canaries, reports_refused
from .tables import reports as reports_table
from .types import CorrelationSettings, WatchSettings

#: One is enough: what it works out hangs on its arguments alone.
_WEIGHING = Workers("weighing", 1)


async def opinions(tx: Tx, settings: WatchSettings) -> list[Opinion]:
    """The opinions that the signals on the log give at ``tx.now``, the likeliest first.

    Worked out anew from the log at every call, so that the answer is the one a replay gives; in a
    thread, since whoever makes many signals must not stop the loop with it.
    """
    rows = await heard.rows(tx)
    return await _WEIGHING.run(_weigh, rows, tx.now, settings.correlation) if rows else []


def _weigh(rows: list[heard.Row], now: Instant, settings: CorrelationSettings) -> list[Opinion]:
    return weigh(hear(Beliefs(), *heard.in_order(rows)), now, settings)[1]


async def reports(tx: Tx, limit: int = 200) -> tuple[list[Taken], list[tuple[str, int]]]:
    """The reports of others, the newest first; what was refused in the last week, by reason."""
    r, refused = reports_table, reports_refused
    rows = await tx.all(
        select(r).where(r.c.kind != "claim").order_by(r.c.received_at.desc(), r.c.id).limit(limit)
    )
    counts = await tx.all(
        select(refused.c.why, func.sum(refused.c.count).label("count"))
        .where(refused.c.day > tx.now // DAY - 7)
        .group_by(refused.c.why)
        .order_by(refused.c.why)
    )
    found = [
        Taken(
            id=row["id"],
            kind=row["kind"],
            reporter=row["reporter"],
            believed=row["believed"],
            domain=row["domain"],
            begin=row["begins"],
            end=row["ends"],
            total=row["total"],
            failed=row["failed"],
            new=False,
        )
        for row in rows
    ]
    return found, [(row["why"], int(row["count"])) for row in counts]


async def newest_arrival(tx: Tx, provider: str) -> Instant:
    """When the newest canary was sent that came through a provider; 0: none that is known."""
    c = canaries.c
    found = await tx.value(
        select(func.max(c.created_at)).where(
            c.provider == provider, c.arrived_at.is_not(None), ~c.honey
        )
    )
    return int(found or 0)


async def lines(
    tx: Tx, position: int, limit: int, kinds: Collection[str] | None = None
) -> list[Line]:
    """Facts after ``position`` as they lie in the log, of the given kinds or of all."""
    query = select(*(getattr(events.c, name) for name in Line.__struct_fields__))
    query = query.where(events.c.position > position).order_by(events.c.position).limit(limit)
    if kinds is not None:
        query = query.where(events.c.kind.in_(sorted(kinds)))
    return [
        Line(**{**row, "data": msgspec.Raw(row["data"].encode())}) for row in await tx.all(query)
    ]


async def place_at(tx: Tx, since: Instant) -> int:
    """The place before the first fact that was recorded at ``since`` or later."""
    first = await tx.value(
        select(events.c.position)
        .where(events.c.id >= earliest("evt", since), events.c.position.is_not(None))
        .order_by(events.c.id)
        .limit(1)
    )
    return int(first) - 1 if first is not None else await head(tx)


async def last_brought(tx: Tx) -> dict[str, float]:
    """By kind of ``LATE``, the days since what the newest report is about; without those of which
    none came for two months. What is brought late is about a time long ago: it shows nothing of
    now."""
    r = reports_table.c
    rows = await tx.all(
        select(r.kind, func.max(r.ends).label("last"))
        .where(r.received_at >= tx.now - 60 * DAY, r.kind.in_(LATE))
        .group_by(r.kind)
    )
    return {row["kind"]: max(0, tx.now - row["last"] * SECOND) / DAY for row in rows}
