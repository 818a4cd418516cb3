"""Stores actions and their state changes: each with its timeline entry, audit entry and event."""

import asyncio

import msgspec
from sqlalchemy import delete, func, insert, update

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Conflict
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.incidents import queries as incidents
from mailkeep.store import locks
from mailkeep.store.database import Tx

from . import queries, tables
from .actions.catalogue import ACTIONS
from .actions.port import Action, At, Case, Means
from .events import ActionFailed, ActionStarted, ActionStopped, ActionUndone
from .types import ActionState, ActionView, Asked, Preview

PLAYBOOK = "playbook"  #: by whom an automatic action is done


_a, _p, _runs = tables.actions, tables.approvals, tables.playbook_runs


class Keeper:
    """The rows of actions. Callers have locked the incident first, always in this order, so that
    nobody deadlocks.

    Args:
        means: the services that actions use.

    Attributes:
        awake: set when an action is running.
    """

    def __init__(self, means: Means) -> None:
        self.means = means
        self.awake = asyncio.Event()

    async def holds(self, tx: Tx, case: Case, action: Action) -> bool:
        """Whether doing it again would change nothing."""
        return action.holds is not None and await action.holds(At(tx, self.means, case))

    async def write(
        self, tx: Tx, case: Case, action: Action, by: str, preview: Preview
    ) -> ActionView:
        """Keep an action as proposed, unless it is kept."""
        await tx.run(
            tx.upsert(_a)
            .values(
                id=new_id("act", tx.now, tx.order.next()),
                incident_id=case.incident.id,
                name=action.name,
                state=ActionState.PROPOSED.value,
                by=by,
                at=tx.now,
                preview=encode(preview),
                cursor="",
            )
            .on_conflict_do_nothing()
        )
        row = await queries.action(tx, case.incident.id, action.name)
        if row is None:
            raise Conflict("this action is being written by somebody else")
        return row

    async def set(self, tx: Tx, row: str, **values: object) -> None:
        """Change what is kept of it."""
        await tx.run(update(_a).where(_a.c.id == row).values(**values))

    async def begin(
        self,
        tx: Tx,
        case: Case,
        action: Action,
        row: str,
        by: str,
        preview: Preview,
        *,
        more: bool = False,
    ) -> None:
        """Start it; ``Response.work`` goes on with it. One that was stopped goes on from there, and
        one that has changed something outside and failed. ``more``: it is the same application
        still, for what came since."""
        kept = await queries.action(tx, case.incident.id, action.name)
        over = {ActionState.STOPPED} | ({ActionState.FAILED} if action.call_out else set())
        resumed = kept is not None and kept.state in over
        anew: dict[str, object] = {} if resumed else {"result": None, "cursor": ""}
        await self.set(
            tx,
            row,
            state=ActionState.RUNNING.value,
            by=by,
            at=tx.now,
            preview=encode(preview),
            lease_until=tx.now - 1,
            first_at=func.coalesce(_a.c.first_at, tx.now),
            held=None,
            **anew,
        )
        await self._lapse(tx, case.incident.id, action.name)
        if by == PLAYBOOK and not more:
            await self._count(tx, case.incident.id, action.name)
        await audit.write(tx, by, "apply_action", entry(case, action.name, preview))
        started = ActionStarted(incident=case.incident.id, action=action.name, by=by)
        await record(self.means.database, tx, started)
        tx.after_commit.append(self.awake.set)

    async def _count(self, tx: Tx, incident: str, name: str) -> None:
        """Keep that a playbook began it, for the limit of a day; what is older counts no more."""
        old = (_runs.c.name == name, _runs.c.at <= tx.now - DAY, _runs.c.incident_id == incident)
        await tx.run(delete(_runs).where(*old))
        await tx.run(insert(_runs).values(name=name, at=tx.now, incident_id=incident))

    async def uncount(self, tx: Tx, incident: str, name: str, at: Instant) -> None:
        """What a playbook began at an instant was not done, and has used no limit up."""
        run = (_runs.c.name == name, _runs.c.at == at, _runs.c.incident_id == incident)
        await tx.run(delete(_runs).where(*run))

    async def undo(self, tx: Tx, case: Case, action: Action, row: ActionView, by: str) -> None:
        """Take it back. Raises ``Conflict`` where that cannot be."""
        if action.undo is None:
            raise Conflict(f"{action.name} cannot be taken back")
        incident, name = case.incident.id, action.name
        words = await action.undo(At(tx, self.means, case, by))
        undone = {"state": ActionState.UNDONE.value, "by": by, "at": tx.now}
        undone |= {"held": None, "applied_at": None}
        await self.set(tx, row.id, **undone)
        await self._lapse(tx, incident, name)
        await audit.write(tx, by, "undo_action", entry(case, name, None))
        await self.means.incidents.enter(
            tx, incident, "action", f"{action.title}: taken back; {words}", by=by
        )
        await record(self.means.database, tx, ActionUndone(incident=incident, action=name, by=by))

    async def stop(self, tx: Tx, case: Case, action: Action, row: ActionView, by: str) -> None:
        """Pause it where it is. Raises ``Conflict`` when it is not running."""
        if row.state is not ActionState.RUNNING:
            raise Conflict(f"{action.name} is not running")
        incident, name = case.incident.id, action.name
        await self.set(tx, row.id, state=ActionState.STOPPED.value, by=by, lease_until=None)
        await audit.write(tx, by, "stop_action", entry(case, name, None))
        words = f"{action.title}: stopped on its way; what was done stays done"
        await self.means.incidents.enter(tx, incident, "action", words, by=by)
        await record(self.means.database, tx, ActionStopped(incident=incident, action=name, by=by))

    async def _lapse(self, tx: Tx, incident: str, name: str) -> None:
        """What still waits for a second person was asked about how it stood before. Else a word
        that comes late does it twice, or takes back what was done since."""
        waits = (_p.c.incident_id == incident, _p.c.name == name)
        lapsed = {"state": Asked.LAPSED.value, "decided_at": tx.now}
        still = _p.c.state == Asked.WAITING.value
        await tx.run(update(_p).where(*waits, still).values(**lapsed))

    async def fail(self, tx: Tx, incident: str, name: str, by: str, words: str) -> None:
        """Record that it could not be done, unless somebody ended it meanwhile."""
        await incidents.one(tx, incident, lock=True)
        kept = await queries.action(tx, incident, name)
        before = {} if kept is None or ACTIONS[name].call_out is None else kept.result or {}
        failed = await tx.run(
            update(_a)
            .where(
                _a.c.incident_id == incident,
                _a.c.name == name,
                _a.c.state == ActionState.RUNNING.value,
            )
            .values(
                state=ActionState.FAILED.value,
                result=msgspec.json.encode({**before, "error": words}).decode(),
                lease_until=None,
            )
        )
        if failed and kept is not None:
            await self.uncount(tx, incident, name, kept.at)
            await audit.write(tx, by, "action_failed", {"incident": incident, "action": name})
            title = ACTIONS[name].title
            await self.means.incidents.enter(
                tx, incident, "action", f"{title}: failed; {words}", by=by
            )
            await record(
                self.means.database, tx, ActionFailed(incident=incident, action=name, by=by)
            )


async def take_turn(tx: Tx) -> None:
    """Lock out other actions from here to the end of the transaction.

    What would still stand is counted before a route is taken away; two that counted at once would
    both find enough. Taken after the incident's row, and before anything is counted.
    """
    await locks.alone(tx, locks.ACTIONS)


def encode(preview: Preview) -> str:
    """As the row keeps it."""
    return msgspec.json.encode(preview).decode()


def entry(case: Case, name: str, preview: Preview | None) -> dict[str, object]:
    """What the audit chain says of an act."""
    said: dict[str, object] = {"incident": case.incident.id, "action": name}
    if preview is not None:
        said |= {"count": preview.count, "warnings": list(preview.warnings)}
    return said
