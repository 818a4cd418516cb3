"""Read-only queries of the incidents room."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import DAY
from mailkeep.base.errors import NotFound
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx
from mailkeep.watch.types import Subject

from . import blast
from .suspects import House
from .tables import blast_answers, incident_entries, incidents
from .types import (
    UNATTENDED,
    Answer,
    BlastRadius,
    Entry,
    Incident,
    IncidentSettings,
    State,
    View,
)

LOOK_BACK = 30 * DAY  #: no signal weighs longer, so nothing that was dismissed earlier matters

_i, _e, _b = incidents, incident_entries, blast_answers


async def recent(tx: Tx, limit: int = 200) -> list[Incident]:
    """The newest incidents first."""
    return [_incident(row) for row in await tx.all(_newest().limit(limit))]


async def one(tx: Tx, incident: str, *, lock: bool = False) -> Incident:
    """An incident. Raises ``NotFound``.

    Args:
        lock: hold its row to the end of the transaction.
    """
    query = select(_i).where(_i.c.id == incident)
    row = await tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("no such incident")
    return _incident(row)


async def live(tx: Tx, *, lock: bool = False) -> list[Incident]:
    """Every incident that is not closed, the newest first."""
    query = _newest().where(_i.c.state != State.CLOSED.value)
    return [_incident(row) for row in await tx.all(query.with_for_update() if lock else query)]


async def parts(tx: Tx, head: str) -> list[Incident]:
    """The other incidents that belong to the same matter, closed or not, the newest first."""
    return [_incident(row) for row in await tx.all(_newest().where(_i.c.part_of == head))]


async def dismissed(tx: Tx) -> list[Incident]:
    """Incidents that a person closed and whose evidence may still weigh."""
    query = _newest().where(
        _i.c.closed_at >= tx.now - LOOK_BACK, _i.c.closed_by.not_in(sorted(UNATTENDED))
    )
    return [_incident(row) for row in await tx.all(query)]


async def timeline(tx: Tx, incident: str, limit: int = 1000) -> list[Entry]:
    """The newest lines of an incident's timeline, in order."""
    rows = await tx.all(
        select(_e).where(_e.c.incident_id == incident).order_by(_e.c.line.desc()).limit(limit)
    )
    return [
        Entry(
            row["line"],
            row["at"],
            row["kind"],
            row["text"],
            row["by"],
            tuple(msgspec.json.decode(row["events"], type=list[str])),
            row["count"],
        )
        for row in reversed(rows)
    ]


async def lines(tx: Tx, incident: str) -> tuple[int, int]:
    """(how many lines a timeline has, and the sum of their counts): both only grow."""
    row = await tx.one(
        select(func.count().label("n"), func.sum(_e.c.count).label("sum")).where(
            _e.c.incident_id == incident
        )
    )
    return (0, 0) if row is None else (row["n"], int(row["sum"] or 0))


async def blast_radius(
    tx: Tx, house: House, incident: Incident, settings: IncidentSettings
) -> BlastRadius:
    """Computed anew while the incident is open; afterwards as it stood at the end.

    Where many recoveries lie in the window, addresses are counted now, and accounts are as they
    were a moment ago: ``as_of`` says when.
    """
    kept = await tx.value(select(_i.c.blast).where(_i.c.id == incident.id))
    if kept is not None:
        return msgspec.json.decode(kept, type=BlastRadius)
    last = await last_answer(tx, incident.id)
    since, until = blast.window(incident, tx.now, settings)
    if last is None:
        return await blast.radius(tx, house, incident, settings)
    if not await blast.is_wide(tx, house, incident, settings):
        found = await blast.radius(tx, house, incident, settings)
        return msgspec.structs.replace(found, content=last.blast.content, lost=last.blast.lost)
    if last.blast.since != since:
        return last.blast  # whole, as it was answered: nothing of two windows is mixed
    exposed = await mail.exposed(tx, house.suspects(incident.subject), until)
    return msgspec.structs.replace(last.blast, until=until, exposed=exposed)


async def last_answer(tx: Tx, incident: str) -> Answer | None:
    """The newest answer about an incident that is kept."""
    row = await tx.one(_answers([incident]).order_by(_b.c.number.desc()).limit(1))
    return None if row is None else _answer(row)


async def answers(tx: Tx, incident: str, limit: int = 50) -> list[Answer]:
    """What was answered about an incident, the newest first."""
    query = _answers([incident]).order_by(_b.c.number.desc()).limit(limit)
    return [_answer(row) for row in await tx.all(query)]


async def kept_blasts(tx: Tx, some: Collection[str]) -> dict[str, BlastRadius]:
    """The stored blast radius of each of some incidents: of closed ones as it stood at the end, of
    others the last answer. One that was never computed is left out."""
    newest = (
        select(_b.c.incident_id, func.max(_b.c.number).label("number"))
        .where(_b.c.incident_id.in_(some))
        .group_by(_b.c.incident_id)
        .subquery()
    )
    same = (_b.c.incident_id == newest.c.incident_id) & (_b.c.number == newest.c.number)
    found = {}
    for row in await tx.all(select(_b).join(newest, same)):
        found[row["incident_id"]] = _answer(row).blast
    ended = select(_i.c.id, _i.c.blast).where(_i.c.id.in_(some), _i.c.blast.is_not(None))
    for row in await tx.all(ended):
        found[row["id"]] = msgspec.json.decode(row["blast"], type=BlastRadius)
    return found


def _answers(some: Collection[str]) -> Select[Any]:
    return select(_b).where(_b.c.incident_id.in_(some))


def _answer(row: RowMapping) -> Answer:
    return Answer(row["number"], row["at"], msgspec.json.decode(row["blast"], type=BlastRadius))


def _newest() -> Select[Any]:
    return select(_i).order_by(_i.c.id.desc())


def _incident(row: RowMapping) -> Incident:
    return Incident(
        row["id"],
        Subject(row["subject_kind"], row["subject_id"]),
        State(row["state"]),
        row["opened_at"],
        row["since"],
        tuple(msgspec.json.decode(row["opinions"], type=list[View])),
        row["contained_at"],
        row["restored_at"],
        row["closed_at"],
        row["closed_by"],
        row["quiet_since"],
        row["taken_at"],
        row["taken_by"],
        row["part_of"],
    )
