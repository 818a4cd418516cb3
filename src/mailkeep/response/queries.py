"""Read-only queries of the response room: an incident with all that is known and all that was
done."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import MINUTE, readable
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.keys import digest
from mailkeep.incidents import blast
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.content import taken
from mailkeep.incidents.regulator import deadline
from mailkeep.incidents.severity import judge
from mailkeep.incidents.tracks import Seen, mail_track, security_track
from mailkeep.incidents.types import Incident, SaidWindow
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx

from . import approval, tables, telling, todo
from .actions.catalogue import ACTIONS
from .actions.port import Action, At, Case, Means, Progress
from .checking import checked
from .paging.desk import paged
from .playbooks import standing
from .types import ActionState, ActionView, BriefView, CaseView, Preview

_a = tables.actions
_HALTED = (ActionState.STOPPED, ActionState.FAILED)
#: Some of it was done, or all.
_BEGUN = frozenset(
    {ActionState.RUNNING, ActionState.STOPPED, ActionState.FAILED, ActionState.APPLIED}
)


def case_of(tx: Tx, means: Means, incident: Incident, said: SaidWindow | None = None) -> Case:
    """The context that an action needs of an incident.

    Args:
        said: what a person had said of its window when the action was agreed to; None: as now.
    """
    incident = incident if said is None else incident.with_window(said)
    since, until = blast.window(incident, tx.now, means.incidents.settings)
    return Case(incident, means.house.suspects(incident.subject), since, until)


async def foreseen(at: At, action: Action) -> Preview:
    """What an action would do. Where it goes by a window that a person said, that is among the
    warnings: whoever agrees has read it, and what is said later changes nothing of it."""
    preview, said_window = await action.preview(at), at.case.incident.said_window
    if not action.by_window or said_window == SaidWindow():
        return preview
    start = "the first sign" if said_window.since is None else readable(said_window.since)
    end = "the cut, or now" if said_window.until is None else readable(said_window.until)
    words = f"whom it reaches rests on a person's word: from {start} to {end}"
    warnings = (*preview.warnings, words)
    return msgspec.structs.replace(preview, warnings=warnings, said_window=said_window)


async def action(tx: Tx, incident: str, name: str) -> ActionView | None:
    """An action as it is kept."""
    row = await tx.one(select(_a).where(_a.c.incident_id == incident, _a.c.name == name))
    return None if row is None else _view(row)


async def actions(tx: Tx, incident: str) -> dict[str, ActionView]:
    """The actions of an incident as they are kept, by name."""
    rows = await tx.all(select(_a).where(_a.c.incident_id == incident).order_by(_a.c.id))
    return {row["name"]: _view(row) for row in rows}


async def shown(tx: Tx, means: Means, case: Case, name: str) -> ActionView:
    """An action with its result as it stands now."""
    row = await action(tx, case.incident.id, name)
    if row is None:
        raise LookupError(name)
    waiting = {one.action: one for one in await approval.all_waiting(tx, case.incident.id)}
    shown = await _renewed(tx, means, case, row)
    return msgspec.structs.replace(shown, waits=waiting.get(name))


async def case(tx: Tx, means: Means, incident: str, *, whole: bool = False) -> CaseView:
    """Everything about an incident. Raises ``NotFound``.

    Args:
        whole: with every line of the timeline, as for a report; else with the newest.
    """
    found = await incidents.one(tx, incident)
    about = case_of(tx, means, found)
    kept = await actions(tx, found.id)
    waiting = {one.action: one for one in await approval.all_waiting(tx, found.id)}
    shown = [
        msgspec.structs.replace(
            await _renewed(tx, means, about, kept[name]), waits=waiting.get(name)
        )
        for name in ACTIONS
        if name in kept
    ]
    radius = await incidents.blast_radius(tx, means.house, found, means.incidents.settings)
    seen = await _seen(tx, means, about, kept)
    seen = await checked(tx, means, about, kept, radius, seen)
    lines = await (incidents.whole if whole else incidents.timeline)(tx, found.id)
    return CaseView(
        found,
        tuple(sorted(about.suspects)),
        radius,
        shown,
        lines,
        mail_track(found, seen),
        security_track(found, seen, radius),
        tuple(await paged(tx, found.id)),
        deadline(found, radius, seen, means.incidents.settings),
        judge(found, radius, seen),
        tuple(await incidents.parts(tx, found.id)),
        taken(found),
        lines[0].line - 1 if lines else 0,
        standing(found.opinions, means.playbooks),
    )


async def briefs(
    tx: Tx, means: Means, before: str | None, limit: int
) -> tuple[list[BriefView], str | None]:
    """A page of the incidents, as ``incidents.page`` has it, with what is kept of each: a few
    statements, however many they are. Raises ``Invalid``."""
    found, after = await incidents.page(tx, before, limit)
    ids = [one.id for one in found]
    blasts = await incidents.kept_blasts(tx, ids)
    actions = await _kept(tx, ids)
    made = [
        BriefView(
            one,
            tuple(sorted(means.house.suspects(one.subject))),
            blasts.get(one.id),
            actions[one.id],
        )
        for one in found
    ]
    return made, after


async def to_decide(tx: Tx, found: Sequence[Incident]) -> dict[str, int]:
    """How many actions of each of these incidents wait for a person, by the incident's id."""
    kept = await _kept(tx, [one.id for one in found])
    return {one.id: len(todo.to_decide(one, kept[one.id])) for one in found}


async def _kept(tx: Tx, ids: Sequence[str]) -> dict[str, list[ActionView]]:
    """The actions of each incident as they are kept, and what of them is asked for."""
    asked = {(one.incident, one.action): one for one in await approval.all_waiting(tx)}
    actions: dict[str, list[ActionView]] = {one: [] for one in ids}
    for row in await tx.all(select(_a).where(_a.c.incident_id.in_(ids)).order_by(_a.c.id)):
        waits = asked.get((row["incident_id"], row["name"]))
        actions[row["incident_id"]].append(msgspec.structs.replace(_view(row), waits=waits))
    return actions


async def failed(tx: Tx) -> dict[str, list[str]]:
    """Which actions of each incident that is not closed could not be done, by name."""
    live = [one.id for one in await incidents.live(tx)]
    rows = await tx.all(
        select(_a.c.incident_id, _a.c.name)
        .where(_a.c.incident_id.in_(live), _a.c.state == ActionState.FAILED.value)
        .order_by(_a.c.id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["incident_id"], []).append(row["name"])
    return found


async def stamp(tx: Tx, incident: str) -> str:
    """A fingerprint of an incident that changes when a row of it does: its own, its timeline,
    actions or pages. Cheap. Raises ``NotFound``."""
    p = tables.pages
    found = await incidents.one(tx, incident)
    held = (_a.c.preview, _a.c.result, _a.c.held)
    acts = await tx.tuples(
        select(_a.c.name, _a.c.state, _a.c.by, _a.c.at, _a.c.cursor, *held)
        .where(_a.c.incident_id == incident)
        .order_by(_a.c.id)
    )
    rung = await tx.tuples(
        select(p.c.id, p.c.state, p.c.tries).where(p.c.incident_id == incident).order_by(p.c.id)
    )
    rows = [list(row) for row in (*acts, *rung)]
    lines = await incidents.lines(tx, incident)
    return digest(msgspec.json.encode([found, lines, rows]))


async def preview(tx: Tx, means: Means, incident: str, name: str) -> Preview:
    """What an action would do now; nothing is kept. Raises ``NotFound``, ``Invalid``."""
    if name not in ACTIONS:
        raise NotFound(f"no action {name!r}; there are {', '.join(ACTIONS)}")
    found = await incidents.one(tx, incident)
    if not ACTIONS[name].fits(found.subject):
        raise Invalid(f"{name} does not fit an incident about a {found.subject.kind}")
    return await foreseen(At(tx, means, case_of(tx, means, found)), ACTIONS[name])


async def _seen(tx: Tx, means: Means, about: Case, kept: dict[str, ActionView]) -> Seen:
    cut = await mail.cut(tx)
    resting = await mail.resting(tx)
    standing = frozenset(means.house.parties) - about.suspects - cut.keys() - resting.keys()
    applied = {name for name, one in kept.items() if one.state is ActionState.APPLIED}
    notices = kept.get("notify_owners")
    begun = notices is not None and notices.state in _BEGUN
    told = await telling.counts(tx, means, about) if begun else telling.Counts(0, 0, 0)
    return Seen(
        cut=about.provider in cut,
        resting=about.provider in resting,
        standing=tuple(sorted(standing)),
        carried=await mail.carried(tx, standing, about.incident.opened_at),
        overdue=await mail.overdue(tx, tx.now - 2 * MINUTE),
        applied=frozenset(applied),
        told=told.told,
        not_told=told.not_told,
    )


async def _renewed(tx: Tx, means: Means, about: Case, row: ActionView) -> ActionView:
    look = ACTIONS[row.name].look
    if look is None or row.result is None:
        return row
    before = Progress(True, row.result)
    result = await look(At(tx, means, about, before=before))
    if row.state is ActionState.FAILED:  # what a part of it did, beside why there is no more
        result = {**row.result, **result}
    return msgspec.structs.replace(row, result=result)


def _view(row: RowMapping) -> ActionView:
    result, done = row["result"], row["applied_at"] is not None
    return ActionView(
        row["id"],
        row["name"],
        ActionState(row["state"]),
        row["by"],
        row["at"],
        msgspec.json.decode(row["preview"], type=Preview),
        None if result is None else msgspec.json.decode(result, type=dict[str, object]),
        partly=(row["state"] in _HALTED and (bool(row["cursor"]) or done))
        or (row["state"] == ActionState.PROPOSED and (result is not None or done)),
        held=row["held"],
        applied_at=row["applied_at"],
    )
