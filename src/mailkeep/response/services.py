"""The service of response: propose, apply and undo actions; and the loop that resumes them after a
kill."""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, Unavailable
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import State
from mailkeep.store.database import Tx
from mailkeep.store.errors import passes

from . import approval, limits, queries, tables
from .actions.catalogue import ACTIONS
from .actions.port import Action, At, Case, Means, Progress
from .approval import Approvals
from .events import ActionApplied
from .keeping import PLAYBOOK, Keeper, encode, entry, take_turn
from .listing import Lists
from .paging.desk import Desk
from .paging.types import Pager, PagingSettings
from .playbooks import books
from .playing import Player
from .types import ActionState, ActionView, Approval, PlaybookSettings, Preview, Step
from .warning import Warner

log = structlog.get_logger(__name__)

LEASE = 30 * SECOND  #: longer than a step takes; a lapsed one means that its worker died

_a = tables.actions
_TAKING_BACK = Preview("", 0)  #: taking back warns of nothing that could change meanwhile


class Response:
    """What is done about incidents.

    Args:
        means: the services that actions use.
        playbooks: of the settings; the rest are the defaults.
        pagers, paging: who is woken, and how often.

    Attributes:
        desk: wakes people.
        approvals: what waits for a second person.
        lists: who was exposed, one by one.
        awake: set when an action is running.
    """

    def __init__(
        self,
        means: Means,
        playbooks: tuple[PlaybookSettings, ...] = (),
        pagers: Sequence[Pager] = (),
        paging: PagingSettings | None = None,
    ) -> None:
        self.desk = Desk(means.database, means.house, pagers, paging, means.notices.public_url)
        means = dataclasses.replace(means, desk=self.desk, playbooks=books(playbooks))
        self.means = means
        self.approvals = Approvals(means, self.desk)
        self.lists = Lists(means, self.approvals)
        self._keeper = Keeper(means)
        self.player = Player(self._keeper)
        self.warner = Warner(means)
        self.awake = self._keeper.awake

    async def preview(self, tx: Tx, incident: str, name: str, *, by: str) -> ActionView:
        """Work out what an action would do, and keep it as what ``by`` was told.

        Raises:
            NotFound: no such incident or action.
            Conflict: the incident is closed.
            Invalid: the action does not fit the incident's subject.
        """
        case, action = await self._case(tx, incident, name)
        preview = await queries.foreseen(At(tx, self.means, case), action)
        row = await queries.action(tx, incident, name)
        if row is None:
            row = await self._keeper.write(tx, case, action, by, preview)
        else:
            await self._keeper.set(tx, row.id, preview=encode(preview))
        await audit.write(tx, by, "preview_action", entry(case, name, preview))
        return await queries.shown(tx, self.means, case, name)

    async def apply(
        self, incident: str, name: str, *, by: str, seen: str | None = None, alone: str = ""
    ) -> ActionView:
        """Begin an action and do its first part; a long one goes on by itself. One that wants two
        people only asks for the second: see ``waits`` of what comes back.

        Applying again what is done does what has become to do since, and nothing twice; where that
        is nothing at all, ``unchanged`` of what comes back says so.

        Args:
            by: a person's pseudonymous id.
            seen: the mark of the preview that the person was shown; else the one that is kept.
            alone: why it is done without a second person; for the shell of the house only.

        Raises:
            NotShown: it needs a person who has seen its warnings; the preview that is kept now has
                them.
            Conflict: the incident is closed.
            NotAllowed: this house only observes.
            NotFound, Invalid: as for ``preview``.
        """
        database = self.means.database
        try:
            return await database.retrying(
                lambda tx: self._apply(tx, incident, name, by, seen, alone)
            )
        except NotShown:
            await database.retrying(lambda tx: self.preview(tx, incident, name, by=by))
            raise

    async def _apply(
        self, tx: Tx, incident: str, name: str, by: str, seen: str | None, alone: str
    ) -> ActionView:
        self.means.may_act()
        case, action = await self._case(tx, incident, name)
        await take_turn(tx)
        row = await queries.action(tx, incident, name)
        running = row is not None and row.state is ActionState.RUNNING
        done = row is not None and row.state is ActionState.APPLIED
        if running or (done and await self._keeper.holds(tx, case, action)):
            stands = await queries.shown(tx, self.means, case, name)
            return msgspec.structs.replace(stands, unchanged=True)
        preview = await queries.foreseen(At(tx, self.means, case), action)
        told = row.preview.mark if seen is None and row is not None else seen
        if preview.needs_person and told != preview.mark:
            raise NotShown(preview)
        if preview.idle and action.call_out is not None:
            raise Conflict(preview.summary)
        if row is None:
            row = await self._keeper.write(tx, case, action, by, preview)
        second = self.approvals.needed(action, case.incident, preview) and not preview.idle
        if second and not await self._alone(tx, case, action, Step.APPLY, by, alone):
            await self.approvals.ask(tx, case, action, Step.APPLY, preview, by=by)
            return await queries.shown(tx, self.means, case, name)
        await self._keeper.begin(tx, case, action, row.id, by, preview)
        await self._advance(tx, case, action)
        return await queries.shown(tx, self.means, case, name)

    async def undo(
        self, tx: Tx, incident: str, name: str, *, by: str, alone: str = ""
    ) -> ActionView:
        """Take an action back, or ask for the second person that this wants; see ``apply``. Raises
        ``Conflict`` where that cannot be."""
        self.means.may_act()
        case, action = await self._case(tx, incident, name, closed=True)
        row = await self._applied(tx, case, action)
        second = self.approvals.needed(action, case.incident)
        if second and not await self._alone(tx, case, action, Step.UNDO, by, alone):
            await self.approvals.ask(tx, case, action, Step.UNDO, _TAKING_BACK, by=by)
        else:
            await self._keeper.undo(tx, case, action, row, by)
        return await queries.shown(tx, self.means, case, name)

    async def stop(self, tx: Tx, incident: str, name: str, *, by: str) -> ActionView:
        """Hold up an action that is on its way; no second person is asked. Applied again it goes on
        where it was. Raises ``Conflict`` when it does not run."""
        case, action = await self._case(tx, incident, name, closed=True)
        row = await queries.action(tx, incident, name)
        if row is None:
            raise Conflict(f"{name} is not running")
        await self._keeper.stop(tx, case, action, row, by)
        return await queries.shown(tx, self.means, case, name)

    async def approve(self, request: str, *, by: str) -> ActionView | Approval:
        """Agree, as a second person, to what another one asked for; it is begun at once, in the
        name of who asked. A list is not: who asked takes it.

        Raises:
            NotFound: no such request.
            NotAllowed: it is one's own, or it is not known whose key it is.
            Conflict: it was decided, its time is over, its warnings have changed, or it cannot be
                done any more.
        """
        return await self.means.database.retrying(lambda tx: self._approve(tx, request, by))

    async def refuse(self, tx: Tx, request: str, *, by: str) -> Approval:
        """Say no to a request, or take back one's own. Raises ``NotFound``, ``Conflict``."""
        found = await self._locked(tx, request)
        await self.approvals.refuse(tx, found, by=by)
        return await approval.one(tx, request)

    async def _approve(self, tx: Tx, request: str, by: str) -> ActionView | Approval:
        found = await self._locked(tx, request)
        if found.step is Step.LIST:
            await self.lists.agree(tx, found, by=by)
            return await approval.one(tx, request)
        self.means.may_act()
        back = found.step is Step.UNDO
        case, action = await self._case(tx, found.incident, found.action, closed=back)
        await take_turn(tx)
        at = At(tx, self.means, case)
        preview = _TAKING_BACK if back else await queries.foreseen(at, action)
        await self.approvals.approve(tx, found, preview, by=by)
        if back:
            row = await self._applied(tx, case, action)
            await self._keeper.undo(tx, case, action, row, found.asked_by)
        else:
            row = await self._keeper.write(tx, case, action, found.asked_by, preview)
            if row.state is not ActionState.RUNNING:
                await self._keeper.begin(tx, case, action, row.id, found.asked_by, preview)
                await self._advance(tx, case, action)
        return await queries.shown(tx, self.means, case, action.name)

    async def _locked(self, tx: Tx, request: str) -> Approval:
        """A request that nobody else decides meanwhile: its incident is locked."""
        found = await approval.one(tx, request)
        await incidents.one(tx, found.incident, lock=True)
        return await approval.one(tx, request)

    async def _alone(
        self, tx: Tx, case: Case, action: Action, step: Step, by: str, why: str
    ) -> bool:
        """Whether somebody said why they do it alone; that is written down then."""
        if not why:
            return False
        await self.means.incidents.note(tx, case.incident.id, why, by=by)
        await self.approvals.alone(tx, case.incident, action.name, step, by)
        return True

    async def _applied(self, tx: Tx, case: Case, action: Action) -> ActionView:
        """An action that was done, or a part of it before it was stopped or failed: that part need
        not be made whole first to be taken back."""
        row = await queries.action(tx, case.incident.id, action.name)
        if row is None or not (row.state is ActionState.APPLIED or row.partly):
            raise Conflict(f"{action.name} was not applied")
        if action.undo is None:
            raise Conflict(f"{action.name} cannot be taken back")
        return row

    async def work(self) -> bool:
        """Go on with one action that is running and that nobody is at; False: there is none.

        What failed for a while only, as when the database ended the transaction for another one's
        sake, is raised and tried again by the next call: an action ends on its own account alone.
        """
        database = self.means.database
        row = await database.retrying(self._take) if self.means.acts else None
        if row is None:
            return False
        incident, name, by = row["incident_id"], row["name"], row["by"]
        try:
            called = await self._call_out(incident, name)
            await database.retrying(lambda tx: self._go_on(tx, incident, name, called))
        except Unavailable:
            raise
        except Exception as error:
            if passes(error):
                await database.retrying(lambda tx: self._let_go(tx, row["id"]))
                raise
            log.exception("action.failed", action=name, error=type(error).__name__)
            words = str(error) if isinstance(error, MailkeepError) else type(error).__name__
            await database.retrying(lambda tx: self._keeper.fail(tx, incident, name, by, words))
        return True

    async def _take(self, tx: Tx) -> RowMapping | None:
        row = await tx.one(
            select(_a)
            .where(_a.c.state == ActionState.RUNNING.value, _a.c.lease_until < tx.now)
            .order_by(_a.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is not None:
            await self._keeper.set(tx, row["id"], lease_until=tx.now + LEASE)
        return row

    async def _let_go(self, tx: Tx, row: str) -> None:
        await self._keeper.set(tx, row, lease_until=tx.now - 1)

    async def _call_out(self, incident: str, name: str) -> tuple[str, Mapping[str, str]] | None:
        """Do outside what the next part needs; returns of which part it is, and what came of it."""
        call_out = ACTIONS[name].call_out
        if call_out is None:
            return None
        async with self.means.database.read() as tx:
            found = await incidents.one(tx, incident)
            row = await tx.one(select(_a).where(_a.c.incident_id == incident, _a.c.name == name))
            case = queries.case_of(tx, self.means, found)
        if row is None:
            return None
        return row["cursor"], await call_out(self.means, case, _progress(row))

    async def _go_on(
        self, tx: Tx, incident: str, name: str, called: tuple[str, Mapping[str, str]] | None
    ) -> None:
        # Lock the incident before the action, as everywhere: otherwise this and a person's click
        # deadlock.
        found = await incidents.one(tx, incident, lock=True)
        case = queries.case_of(tx, self.means, found)
        await self._advance(tx, case, ACTIONS[name], called)

    async def _advance(
        self,
        tx: Tx,
        case: Case,
        action: Action,
        called: tuple[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Do the next part, and write down how far it has come, in one transaction."""
        incident = case.incident.id
        await take_turn(tx)
        row = await tx.one(
            select(_a)
            .where(_a.c.incident_id == incident, _a.c.name == action.name)
            .with_for_update()
        )
        if row is None or row["state"] != ActionState.RUNNING.value:
            return
        if action.call_out is not None and (called is None or called[0] != row["cursor"]):
            return  # nobody has been outside for this part yet
        by, alone = row["by"], row["by"] == PLAYBOOK
        # Whoever widens the window now must not widen what others agreed to, or what runs alone.
        said = msgspec.json.decode(row["preview"], type=Preview).said_window
        case = queries.case_of(tx, self.means, case.incident, said)
        if alone:
            done = row["applied_at"] is not None
            why = self.player.left(case.incident, action.name, done=done)
            if row["result"] is None and why is None:
                raise Conflict("the suspicion that it was started for is no longer held")
            if row["result"] is None and why:
                await limits.let_go(tx, self._keeper, case, action, row, why)
                return
            preview = await action.preview(At(tx, self.means, case))
            if preview.needs_person:
                raise Conflict("it needs a person: " + "; ".join(preview.warnings))
        outside = None if called is None else called[1]
        most = await limits.allowance(tx, self.means, incident, action) if alone else None
        after = await action.step(At(tx, self.means, case, by, _progress(row), outside, most))
        if most is not None:
            await limits.note(tx, incident, action.name, after)
        values: dict[str, object] = {
            "result": msgspec.json.encode(after.result).decode(),
            "cursor": after.cursor,
            "lease_until": tx.now - 1 + after.wait,
        }
        if after.done and not after.beyond:
            values |= {"state": ActionState.APPLIED.value, "applied_at": tx.now}
        await self._keeper.set(tx, row["id"], **values)
        if not after.done:
            return
        if after.beyond:
            await limits.stop(tx, self._keeper, case, action, row["id"], after.beyond)
            return
        figures = {name: value for name, value in after.result.items() if isinstance(value, int)}
        data = {"incident": incident, "action": action.name, **figures}
        await audit.write(tx, by, "action_applied", data)
        applied = ActionApplied(incident=incident, action=action.name, by=by)
        await record(self.means.database, tx, applied)
        if alone and not any(figures.values()):
            return  # nobody is woken to read that nothing was to do
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        await self.means.incidents.enter(
            tx, incident, "action", f"{action.title}: applied{f'; {words}' if words else ''}", by=by
        )

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


def _progress(row: RowMapping) -> Progress:
    """How far an action has come."""
    result = {} if row["result"] is None else msgspec.json.decode(row["result"], type=dict)
    return Progress(False, result, row["cursor"])


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
