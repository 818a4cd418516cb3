"""Propose, apply, undo: what an incident's actions have come to, and the loop that goes on with
them after a kill."""

import asyncio

import msgspec
import structlog
from sqlalchemy import select, update

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, Unavailable
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.events import IncidentContained, IncidentOpened, IncidentUpdated
from mailkeep.incidents.types import State
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis

from . import queries, tables
from .actions import rest_provider
from .actions.catalogue import ACTIONS
from .actions.port import Action, At, Case, Means, Progress
from .events import ActionApplied, ActionFailed, ActionProposed, ActionStarted, ActionUndone
from .playbooks import books, plan
from .types import ActionState, ActionView, PlaybookSettings, Preview

log = structlog.get_logger(__name__)

PLAYBOOK = "playbook"  #: by whom an automatic action is done
LEASE = 30 * SECOND  #: longer than a step takes; a lapsed one means that its worker died

_a = tables.actions


class Response:
    """What is done about incidents.

    Args:
        means: the services that actions use.
        playbooks: of the settings; the rest are the defaults.
    """

    def __init__(self, means: Means, playbooks: tuple[PlaybookSettings, ...] = ()) -> None:
        self.means = means
        self.playbooks = books(playbooks)
        self.awake = asyncio.Event()  #: set when an action is running

    async def on_incident(self, tx: Tx, recorded: Recorded) -> None:
        """What is held about a subject changed: propose what the playbooks say, start what they
        may start. An action that was proposed, done or refused once is not proposed again; but when
        the suspect is cut off the window is whole, and what a playbook did without an end is done
        for what came since."""
        fact = recorded.fact
        if not isinstance(fact, IncidentOpened | IncidentUpdated | IncidentContained):
            return
        incident = await incidents.one(tx, fact.incident, lock=True)
        if incident.state is State.CLOSED:
            return
        case = queries.case_of(tx, self.means, incident)
        await self._end_rest(tx, case)
        for planned in plan(incident.opinions, self.playbooks):
            action = ACTIONS[planned.name]
            if not action.fits(incident.subject):
                continue
            row = await queries.action(tx, incident.id, planned.name)
            ours = row is not None and row.by == PLAYBOOK
            whole = isinstance(fact, IncidentContained) and action.holds is None
            over = {ActionState.UNDONE, ActionState.APPLIED} if whole else {ActionState.UNDONE}
            again = ours and row is not None and row.state in over
            if row is not None and row.state is not ActionState.PROPOSED and not again:
                continue
            preview = await action.preview(At(tx, self.means, case))
            if row is None:
                kept = await self._write(tx, case, action, PLAYBOOK, preview)
                await audit.write(
                    tx, PLAYBOOK, "propose_action", _entry(case, action.name, preview)
                )
                proposed = ActionProposed(incident.id, action.name)
                await record(self.means.database, tx, proposed)
            else:
                kept = row
                await self._set(tx, kept.id, preview=_encode(preview))
            if not planned.automatic or preview.idle:
                continue
            if not preview.needs_person:
                await self._begin(tx, case, action, kept.id, PLAYBOOK, preview)
            elif row is None or row.preview.mark != preview.mark:
                words = f"{action.title}: waits for a person; {'; '.join(preview.warnings)}"
                await self.means.incidents.enter(tx, incident.id, "waits", words, by=PLAYBOOK)

    async def preview(self, tx: Tx, incident: str, name: str, *, by: str) -> ActionView:
        """Work out what an action would do, and keep it as what ``by`` was told.

        Raises:
            NotFound: no such incident or action.
            Conflict: the incident is closed.
            Invalid: the action does not fit the incident's subject.
        """
        case, action = await self._case(tx, incident, name)
        preview = await action.preview(At(tx, self.means, case))
        row = await queries.action(tx, incident, name)
        if row is None:
            row = await self._write(tx, case, action, by, preview)
        else:
            await self._set(tx, row.id, preview=_encode(preview))
        await audit.write(tx, by, "preview_action", _entry(case, name, preview))
        return await queries.shown(tx, self.means, case, name)

    async def apply(
        self, incident: str, name: str, *, by: str, seen: str | None = None
    ) -> ActionView:
        """Begin an action and do its first part; a long one goes on by itself.

        Applying again what is done does what has become to do since, and nothing twice.

        Args:
            by: a person's pseudonymous id.
            seen: the mark of the preview that the person was shown; else the one that is kept.

        Raises:
            NotShown: it needs a person who has seen its warnings; the preview that is kept now has
                them.
            Conflict: the incident is closed.
            NotFound, Invalid: as for ``preview``.
        """
        try:
            async with self.means.database.write() as tx:
                return await self._apply(tx, incident, name, by, seen)
        except NotShown:
            async with self.means.database.write() as tx:
                await self.preview(tx, incident, name, by=by)
            raise

    async def _apply(
        self, tx: Tx, incident: str, name: str, by: str, seen: str | None
    ) -> ActionView:
        case, action = await self._case(tx, incident, name)
        row = await queries.action(tx, incident, name)
        running = row is not None and row.state is ActionState.RUNNING
        done = row is not None and row.state is ActionState.APPLIED
        if running or (done and await self._holds(tx, case, action)):
            return await queries.shown(tx, self.means, case, name)
        preview = await action.preview(At(tx, self.means, case))
        told = row.preview.mark if seen is None and row is not None else seen
        if preview.needs_person and told != preview.mark:
            raise NotShown(preview)
        if row is None:
            row = await self._write(tx, case, action, by, preview)
        await self._begin(tx, case, action, row.id, by, preview)
        await self._advance(tx, case, action)
        return await queries.shown(tx, self.means, case, name)

    async def _holds(self, tx: Tx, case: Case, action: Action) -> bool:
        return action.holds is not None and await action.holds(At(tx, self.means, case))

    async def undo(self, tx: Tx, incident: str, name: str, *, by: str) -> ActionView:
        """Take an action back. Raises ``Conflict`` where that cannot be."""
        case, action = await self._case(tx, incident, name, closed=True)
        row = await queries.action(tx, incident, name)
        if row is None or row.state is not ActionState.APPLIED:
            raise Conflict(f"{name} was not applied")
        await self._undo(tx, case, action, row, by)
        return await queries.shown(tx, self.means, case, name)

    async def _undo(self, tx: Tx, case: Case, action: Action, row: ActionView, by: str) -> None:
        if action.undo is None:
            raise Conflict(f"{action.name} cannot be taken back")
        incident, name = case.incident.id, action.name
        words = await action.undo(At(tx, self.means, case, by))
        await self._set(tx, row.id, state=ActionState.UNDONE.value, by=by, at=tx.now)
        await audit.write(tx, by, "undo_action", _entry(case, name, None))
        await self.means.incidents.enter(
            tx, incident, "action", f"{action.title}: taken back; {words}", by=by
        )
        await record(self.means.database, tx, ActionUndone(incident, name, by))

    async def work(self) -> bool:
        """Go on with one action that is running and that nobody is at; False: there is none."""
        async with self.means.database.write() as tx:
            row = await tx.one(
                select(_a)
                .where(_a.c.state == ActionState.RUNNING.value, _a.c.lease_until < tx.now)
                .order_by(_a.c.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return False
            incident, name, by = row["incident_id"], row["name"], row["by"]
            await self._set(tx, row["id"], lease_until=tx.now + LEASE)
        try:
            async with self.means.database.write() as tx:
                found = await incidents.one(tx, incident)
                case = queries.case_of(tx, self.means, found)
                await self._advance(tx, case, ACTIONS[name])
        except Unavailable:
            raise
        except Exception as error:
            log.exception("action.failed", action=name, error=type(error).__name__)
            words = str(error) if isinstance(error, MailkeepError) else type(error).__name__
            async with self.means.database.write() as tx:
                await self._fail(tx, incident, name, by, words)
        return True

    async def _end_rest(self, tx: Tx, case: Case) -> None:
        """What a playbook began for a silence ends with it; what a person began is theirs."""
        held = {one.hypothesis for one in case.incident.opinions if one.open}
        row = await queries.action(tx, case.incident.id, rest_provider.ACTION.name)
        if row is None or row.by != PLAYBOOK or row.state is not ActionState.APPLIED:
            return
        action = rest_provider.ACTION
        if Hypothesis.PROVIDER_SILENT not in held and await self._holds(tx, case, action):
            await self._undo(tx, case, action, row, PLAYBOOK)

    async def _begin(
        self, tx: Tx, case: Case, action: Action, row: str, by: str, preview: Preview
    ) -> None:
        await self._set(
            tx,
            row,
            state=ActionState.RUNNING.value,
            by=by,
            at=tx.now,
            preview=_encode(preview),
            result=None,
            cursor="",
            lease_until=tx.now - 1,
        )
        await audit.write(tx, by, "apply_action", _entry(case, action.name, preview))
        started = ActionStarted(case.incident.id, action.name, by)
        await record(self.means.database, tx, started)
        tx.after_commit.append(self.awake.set)

    async def _advance(self, tx: Tx, case: Case, action: Action) -> None:
        """Do the next part, and write down how far it has come, in one transaction."""
        incident = case.incident.id
        row = await tx.one(
            select(_a)
            .where(_a.c.incident_id == incident, _a.c.name == action.name)
            .with_for_update()
        )
        if row is None or row["state"] != ActionState.RUNNING.value:
            return
        by = row["by"]
        if by == PLAYBOOK:
            preview = await action.preview(At(tx, self.means, case))
            if preview.needs_person:
                raise Conflict("it needs a person: " + "; ".join(preview.warnings))
        result = {} if row["result"] is None else msgspec.json.decode(row["result"], type=dict)
        before = Progress(False, result, row["cursor"])
        after = await action.step(At(tx, self.means, case, by, before))
        values: dict[str, object] = {
            "result": msgspec.json.encode(after.result).decode(),
            "cursor": after.cursor,
            "lease_until": tx.now - 1,
        }
        if after.done:
            values["state"] = ActionState.APPLIED.value
        await self._set(tx, row["id"], **values)
        if not after.done:
            return
        figures = {name: value for name, value in after.result.items() if isinstance(value, int)}
        data = {"incident": incident, "action": action.name, **figures}
        await audit.write(tx, by, "action_applied", data)
        await record(self.means.database, tx, ActionApplied(incident, action.name, by))
        if by == PLAYBOOK and not any(figures.values()):
            return  # nobody is woken to read that nothing was to do
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        await self.means.incidents.enter(
            tx, incident, "action", f"{action.title}: applied{f'; {words}' if words else ''}", by=by
        )

    async def _fail(self, tx: Tx, incident: str, name: str, by: str, words: str) -> None:
        failed = await tx.run(
            update(_a)
            .where(
                _a.c.incident_id == incident,
                _a.c.name == name,
                _a.c.state == ActionState.RUNNING.value,
            )
            .values(
                state=ActionState.FAILED.value,
                result=msgspec.json.encode({"error": words}).decode(),
                lease_until=None,
            )
        )
        if failed:
            await audit.write(tx, by, "action_failed", {"incident": incident, "action": name})
            title = ACTIONS[name].title
            await self.means.incidents.enter(
                tx, incident, "action", f"{title}: failed; {words}", by=by
            )
            await record(self.means.database, tx, ActionFailed(incident, name, by))

    async def _case(
        self, tx: Tx, incident: str, name: str, *, closed: bool = False
    ) -> tuple[Case, Action]:
        if name not in ACTIONS:
            raise NotFound(f"no action {name!r}; there are {', '.join(ACTIONS)}")
        found = await incidents.one(tx, incident, lock=True)
        if found.state is State.CLOSED and not closed:
            raise Conflict("this incident is closed")
        action = ACTIONS[name]
        if not action.fits(found.subject):
            raise Invalid(f"{name} does not fit an incident about a {found.subject.kind}")
        return queries.case_of(tx, self.means, found), action

    async def _write(
        self, tx: Tx, case: Case, action: Action, by: str, preview: Preview
    ) -> ActionView:
        await tx.run(
            tx.upsert(_a)
            .values(
                id=new_id("act", tx.now, tx.order.next()),
                incident_id=case.incident.id,
                name=action.name,
                state=ActionState.PROPOSED.value,
                by=by,
                at=tx.now,
                preview=_encode(preview),
                cursor="",
            )
            .on_conflict_do_nothing()
        )
        row = await queries.action(tx, case.incident.id, action.name)
        if row is None:
            raise Conflict("this action is being written by somebody else")
        return row

    async def _set(self, tx: Tx, row: str, **values: object) -> None:
        await tx.run(update(_a).where(_a.c.id == row).values(**values))


class NotShown(Conflict):
    """The warnings of an action were not shown to the person who would apply it.

    Attributes:
        preview: what is to be shown.
    """

    def __init__(self, preview: Preview) -> None:
        words = "; ".join(preview.warnings)
        super().__init__(
            f"look at the preview first, and apply again if you still want to: {words}"
        )
        self.preview = preview


def _encode(preview: Preview) -> str:
    return msgspec.json.encode(preview).decode()


def _entry(case: Case, name: str, preview: Preview | None) -> dict[str, object]:
    entry: dict[str, object] = {"incident": case.incident.id, "action": name}
    if preview is not None:
        entry |= {"count": preview.count, "warnings": list(preview.warnings)}
    return entry
