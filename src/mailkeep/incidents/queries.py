"""Read-only queries of the incidents room."""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.ids import is_id
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis, Subject

from . import blast, regulator
from .suspects import ProviderParties
from .tables import blast_answers, incident_entries, incidents
from .types import (
    COUNTS_NOBODY,
    UNATTENDED,
    Answer,
    BlastRadius,
    Duty,
    Entry,
    Incident,
    IncidentSettings,
    Notified,
    State,
    View,
    Word,
)

LISTED = 100  #: incidents on a page of the list
LINES = 1000  #: of the timeline, where it is not wanted whole
_LIVE = "live"
LOOK_BACK = 30 * DAY  #: no signal weighs longer, so nothing that was dismissed earlier matters

_i, _e, _b = incidents, incident_entries, blast_answers


async def page(
    tx: Tx, before: str | None = None, limit: int = LISTED
) -> tuple[list[Incident], str | None]:
    """(incidents: first those that are not closed, then the others, the newest of each first; after
    which the next page begins). Raises ``Invalid``.

    Args:
        before: what the page before gave with it.
    """
    place, at = _place(before)
    found: list[Incident] = []
    if place == _LIVE:
        query = _newest().where(_i.c.state != State.CLOSED.value)
        query = query if at is None else query.where(_i.c.id < at)
        found = [_incident(row) for row in await tx.all(query.limit(limit + 1))]
        at = None
    if len(found) <= limit:
        query = _newest().where(_i.c.state == State.CLOSED.value)
        query = query if at is None else query.where(_i.c.id < at)
        found += [_incident(row) for row in await tx.all(query.limit(limit + 1 - len(found)))]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], last.id if last.state is State.CLOSED else f"{_LIVE}.{last.id}"


def _place(before: str | None) -> tuple[str, str | None]:
    """Where a page begins: among those that are not closed, or behind all of them."""
    if not before:
        return _LIVE, None
    place, _, at = before.rpartition(".")
    if place not in {"", _LIVE} or not is_id("inc", at):
        raise Invalid("this is not what the page before gave", field="before")
    return place, at


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


def live_ids() -> Select[tuple[str]]:
    """Which incidents are not closed, for use inside another query."""
    return select(_i.c.id).where(_i.c.state != State.CLOSED.value)


async def about_same(tx: Tx, some: Collection[str], subject: Subject) -> set[str]:
    """Those of some incidents, closed or not, that are about a subject."""
    same = (_i.c.subject_kind == subject.kind, _i.c.subject_id == subject.id)
    rows = await tx.all(select(_i.c.id).where(_i.c.id.in_(sorted(some)), *same))
    return {row["id"] for row in rows}


async def rests_from(
    tx: Tx, lead: float, accounts: Collection[str] | None = None
) -> Instant | None:
    """From when on what happened to accounts counts in an incident that is not closed, so that it
    must stay as it is; None: nothing does. One about a domain or a mailbox counts no account:
    else whoever opens one about any name at all would have nothing forgotten, nor erased.

    Args:
        lead: seconds before the first sign, as ``IncidentSettings`` says.
        accounts: of these alone; None: of all.
    """
    counts: list[ColumnElement[bool]] = [_i.c.subject_kind.not_in(sorted(COUNTS_NOBODY))]
    if accounts is not None:
        counts.append(or_(_i.c.subject_kind != "account", _i.c.subject_id.in_(sorted(accounts))))
    said = func.coalesce(_i.c.said_since, _i.c.since)
    first = await tx.value(
        select(func.min(case((said < _i.c.since, said), else_=_i.c.since))).where(
            _i.c.state != State.CLOSED.value, *counts
        )
    )
    return None if first is None else int(first) - round(lead * SECOND)


async def about(tx: Tx, subject: Subject) -> Incident | None:
    """The incident about a subject that is not closed."""
    same = (_i.c.subject_kind == subject.kind, _i.c.subject_id == subject.id)
    row = await tx.one(select(_i).where(*same, _i.c.state != State.CLOSED.value))
    return None if row is None else _incident(row)


async def clocks(tx: Tx, settings: IncidentSettings) -> list[tuple[Instant, Incident]]:
    """The regulators' clocks that run, or ran out within a week, with when they are due; the
    earliest first. A part is left to its lead incident, where that has a clock or an answer: else
    whoever merges a breach into an outage would silence it."""
    since = tx.now - round(settings.tell_within * SECOND) - 7 * DAY
    query = _newest().where(
        func.coalesce(_i.c.aware_at, _i.c.opened_at) >= since,
        _i.c.notified.is_(None),
        or_(_i.c.closed_by.is_(None), _i.c.closed_by != "joined"),
    )
    found = [_incident(row) for row in await tx.all(query)]
    due = [(regulator.due(one, settings), one) for one in found]
    running = [(at, one) for at, one in due if at is not None]
    heads = {one.part_of for _, one in running if one.part_of is not None}
    led = {head for head in heads if regulator.due(await one(tx, head), settings) is not None}
    return sorted((pair for pair in running if pair[1].part_of not in led), key=lambda it: it[0])


async def parts(tx: Tx, head: str) -> list[Incident]:
    """The other incidents that belong to the same matter, closed or not, the newest first."""
    return [_incident(row) for row in await tx.all(_newest().where(_i.c.part_of == head))]


async def dismissed(tx: Tx) -> list[Incident]:
    """Incidents that a person closed and whose evidence may still weigh."""
    query = _newest().where(
        _i.c.closed_at >= tx.now - LOOK_BACK, _i.c.closed_by.not_in(sorted(UNATTENDED))
    )
    return [_incident(row) for row in await tx.all(query)]


async def whole(tx: Tx, incident: str) -> list[Entry]:
    """Every line of an incident's timeline, in order."""
    found = await timeline(tx, incident)
    parts = [found]
    while found and found[0].line > 1:
        found = await timeline(tx, incident, before=found[0].line)
        parts.append(found)
    return [line for part in reversed(parts) for line in part]


async def timeline(
    tx: Tx, incident: str, limit: int = LINES, *, before: int | None = None
) -> list[Entry]:
    """The newest lines of an incident's timeline, in order.

    Args:
        before: only those with a smaller number.
    """
    query = select(_e).where(_e.c.incident_id == incident).order_by(_e.c.line.desc()).limit(limit)
    rows = await tx.all(query if before is None else query.where(_e.c.line < before))
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


async def first(tx: Tx, incident: str, kind: str) -> Instant | None:
    """When the first line of a kind was written into a timeline; None: there is none."""
    of = (_e.c.incident_id == incident, _e.c.kind == kind)
    found = await tx.value(select(func.min(_e.c.at)).where(*of))
    return None if found is None else int(found)


async def notes(tx: Tx, incident: str) -> int:
    """How many notes people wrote into a timeline."""
    of = (_e.c.incident_id == incident, _e.c.kind == "note")
    return int(await tx.value(select(func.count()).select_from(_e).where(*of)) or 0)


async def lines(tx: Tx, incident: str) -> tuple[int, int]:
    """(how many lines a timeline has, and the sum of their counts): both only grow."""
    row = await tx.one(
        select(func.count().label("n"), func.sum(_e.c.count).label("sum")).where(
            _e.c.incident_id == incident
        )
    )
    return (0, 0) if row is None else (row["n"], int(row["sum"] or 0))


async def blast_radius(
    tx: Tx, house: ProviderParties, incident: Incident, settings: IncidentSettings
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


async def answer_by(tx: Tx, incident: str, at: Instant) -> Answer | None:
    """The newest answer about an incident that had been given by then."""
    query = _answers([incident]).where(_b.c.at <= at).order_by(_b.c.number.desc())
    row = await tx.one(query.limit(1))
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
    said = None
    if row["said_by"] is not None:
        name = row["said"]
        said = Word(
            by=row["said_by"],
            at=row["said_at"],
            hypothesis=None if name is None else Hypothesis(name),
            since=row["said_since"],
            until=row["said_until"],
        )
    earliest = said.since if said is not None and said.since is not None else row["since"]
    return Incident(
        row["id"],
        Subject(row["subject_kind"], row["subject_id"]),
        State(row["state"]),
        row["opened_at"],
        min(row["since"], earliest),
        tuple(msgspec.json.decode(row["opinions"], type=list[View])),
        row["contained_at"],
        row["restored_at"],
        row["closed_at"],
        row["closed_by"],
        row["quiet_since"],
        row["taken_at"],
        row["taken_by"],
        row["part_of"],
        said,
        row["aware_at"],
        _notified(row),
        row["since"],
    )


def _notified(row: RowMapping) -> Notified | None:
    if row["notified"] is None:
        return None
    told = (row["notified_at"], row["notified_by"], row["notified_as"])
    return Notified(Duty(row["notified"]), *told)
