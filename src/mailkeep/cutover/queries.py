"""Read-only queries of the cutover room."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from mailkeep.base.errors import NotFound
from mailkeep.mail import shifting
from mailkeep.store.database import Tx

from . import decide, tables
from .ahead import Ahead, ahead
from .sequential import Seen
from .types import Gate, Pace, State, StreamView, View

_c, _s = tables.cutovers, tables.cutover_streams
_GATES = msgspec.json.Decoder(tuple[Gate, ...])


async def listing(tx: Tx, limit: int = 50) -> list[View]:
    """The moves, the newest first."""
    rows = await tx.all(select(_c).order_by(_c.c.id.desc()).limit(limit))
    return await _views(tx, rows)


async def one(tx: Tx, cutover: str, *, lock: bool = False) -> View:
    """A move. Raises ``NotFound``.

    Args:
        lock: nobody else changes it up to the end of the transaction.
    """
    query = select(_c).where(_c.c.id == cutover)
    row = await tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("no such cutover")
    return (await _views(tx, [row]))[0]


async def live(tx: Tx, *, lock: bool = False) -> View | None:
    """The move that is under way."""
    query = select(_c).where(_c.c.live)
    row = await tx.one(query.with_for_update() if lock else query)
    return None if row is None else (await _views(tx, [row]))[0]


async def newest(tx: Tx) -> View | None:
    """The one that was planned last."""
    found = await listing(tx, 1)
    return found[0] if found else None


async def what_comes(tx: Tx, view: View) -> Ahead | None:
    """What lies ahead of a move, with what is known of its present step; None where it does not go
    on by itself."""
    stream, known = decide.current(view), 0
    if view.state is State.MOVING and stream is not None and stream.step >= 0:
        fared = await shifting.fared(tx, stream.stream, (view.target,), stream.since)
        found = fared.get(view.target, shifting.Fared())
        known = Seen(found.good, found.bad).known
    return ahead(view, known, tx.now)


async def _views(tx: Tx, rows: Sequence[RowMapping]) -> list[View]:
    ids = [row["id"] for row in rows]
    streams = await tx.all(select(_s).where(_s.c.cutover_id.in_(ids)).order_by(_s.c.place))
    return [_view(row, [one for one in streams if one["cutover_id"] == row["id"]]) for row in rows]


def _view(row: RowMapping, streams: Sequence[RowMapping]) -> View:
    return View(
        id=row["id"],
        source=row["source"],
        target=row["target"],
        state=State(row["state"]),
        at_once=bool(row["at_once"]),
        by=row["by"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        why=row["why"],
        pace=msgspec.json.decode(row["pace"], type=Pace),
        gates=_GATES.decode(row["gates"]),
        streams=tuple(
            StreamView(
                one["stream"],
                one["place"],
                one["step"],
                one["since"],
                one["backs"],
                one["held_until"],
                one["why"],
            )
            for one in streams
        ),
    )
