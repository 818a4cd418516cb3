"""Runs playbooks: proposes actions, starts automatic ones, and ends what they began."""

import msgspec
from sqlalchemy import Select, and_, or_, select

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentUpdated,
    IncidentWeighed,
)
from mailkeep.incidents.types import Incident, SaidWindow, State
from mailkeep.mail import queries as mail
from mailkeep.mail.events import (
    ProviderDistrusted,
    ProviderRested,
    ProviderRestored,
    ProviderTrusted,
    ProviderUnrested,
)
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis, Subject

from . import limits, queries, tables
from .actions import rest_provider
from .actions.catalogue import ACTIONS
from .actions.port import Action, At
from .events import ActionProposed
from .keeping import PLAYBOOK, Keeper, encode, entry
from .playbooks import NOWHERE, Place, Planned, plan
from .types import ActionState, ActionView, Preview

AGAIN = MINUTE  #: how long after it began what failed is tried again at the earliest

_a = tables.actions
#: By what a provider stands otherwise than before. That it was cut off contains its incident, and
#: its playbooks go on there (``on_incident``).
_STANDING = (
    *(ProviderRestored, ProviderRested, ProviderUnrested),
    *(ProviderDistrusted, ProviderTrusted),
)
_SUNK = "the weight that its playbook wants is not reached any more"
_FADED = "what speaks for it now lets no playbook act by itself"


class Player:
    """Runs the playbooks that its keeper's means name."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._means = keeper.means
        self._playbooks = keeper.means.playbooks

    async def on_incident(self, tx: Tx, recorded: Recorded) -> None:
        """The suspicions about a subject changed: propose what the playbooks say, start what may
        run alone, and end what was begun for a suspicion that is dropped."""
        fact = recorded.fact
        if not isinstance(fact, IncidentOpened | IncidentUpdated | IncidentContained):
            return
        incident = await incidents.one(tx, fact.incident, lock=True)
        await self._end_rest(tx, incident.subject)
        if incident.state is not State.CLOSED:
            await self._play(tx, incident, whole=isinstance(fact, IncidentContained))

    async def on_weighed(self, tx: Tx, recorded: Recorded) -> None:
        """What is held has grown stronger: the weight of a playbook may be reached. What was
        proposed is not worked out anew each time: whoever makes many signs must not make us look
        through all accounts for each."""
        if isinstance(recorded.fact, IncidentWeighed):
            incident = await incidents.one(tx, recorded.fact.incident, lock=True)
            if incident.state is not State.CLOSED:
                await self._play(tx, incident, lightly=True)

    async def on_closed(self, tx: Tx, recorded: Recorded) -> None:
        """An incident ended: so does what was begun for it."""
        if isinstance(recorded.fact, IncidentClosed):
            incident = await incidents.one(tx, recorded.fact.incident, lock=True)
            await self._end_rest(tx, incident.subject)

    async def on_route_back(self, tx: Tx, recorded: Recorded) -> None:
        """A provider stands again: what waited for a person because too few routes would have been
        left may be done now. Except about that provider itself: whoever restored it has judged
        it (``on_standing``)."""
        fact = recorded.fact
        if not isinstance(fact, ProviderRestored | ProviderUnrested):
            return
        for incident in await incidents.live(tx, lock=True):
            if not _is_about(incident, fact.provider):
                await self._play(tx, incident)

    async def on_standing(self, tx: Tx, recorded: Recorded) -> None:
        """How a provider stands was changed, by whatever means: what is proposed about it is worked
        out anew, and nothing of it begins. Else the page of a suspect that carries mail again would
        say that it is cut off already, and count no decision."""
        if not isinstance(recorded.fact, _STANDING):
            return
        for incident in await incidents.live(tx, lock=True):
            if not _is_about(incident, recorded.fact.provider):
                continue
            case = queries.case_of(tx, self._means, incident)
            for name, row in (await queries.actions(tx, incident.id)).items():
                if row.state is ActionState.PROPOSED:
                    preview = await queries.foreseen(At(tx, self._means, case), ACTIONS[name])
                    await self._keeper.set(tx, row.id, preview=encode(_judged(preview, row)))

    async def on_signal(self, tx: Tx, _recorded: Recorded) -> None:
        """A sign that comes again may change nothing about an incident; but an action that failed
        for a playbook is retried then, once in a transaction and in ``AGAIN``, and so is one that a
        limit held: the day may be over."""
        if not tx.first("playbooks tried again"):
            return
        for row in await tx.all(waiting(tx.now)):
            incident = await incidents.one(tx, row["incident_id"], lock=True)
            if incident.state is not State.CLOSED:
                await self._play(tx, incident, lightly=True)

    def left(self, incident: Incident, name: str, *, done: bool) -> str | None:
        """Why a playbook that began an action leaves it to people; empty where it does not, None
        where nothing is held any more that it began for. ``done``: it was done whole, and is for
        what came since."""
        if incident.state is State.CLOSED:
            return None
        place = self._place(incident.subject)

        def found(*known: str) -> Planned | None:
            planned = plan(incident.opinions, self._playbooks, place=place, done=known)
            return next((one for one in planned if one.name == name), None)

        light = found(name)  # as if there were no weight
        if light is None:
            return None
        now = light if done else found()
        if now is None:
            return _SUNK
        return "" if now.automatic else now.held or _FADED

    async def _play(
        self, tx: Tx, incident: Incident, *, whole: bool = False, lightly: bool = False
    ) -> None:
        """An action that was proposed, done or refused once is not proposed again; what a playbook
        took back, or could not do, it may do now. When the suspect is cut off the window is
        ``whole``, and what a playbook did without an end is done for what came since. ``lightly``:
        of what is proposed only that is looked at which may begin now."""
        place = self._place(incident.subject)
        rows = await queries.actions(tx, incident.id)
        done = {
            name for name, one in rows.items() if one.by == PLAYBOOK and one.applied_at is not None
        }
        for planned in plan(incident.opinions, self._playbooks, incident.said, place, done):
            action = ACTIONS[planned.name]
            if not action.fits(incident.subject):
                continue
            if action.able is not None and not action.able(self._means):
                continue
            row = rows.get(planned.name)
            over = {ActionState.UNDONE, ActionState.FAILED}
            if whole and action.holds is None:
                over.add(ActionState.APPLIED)
            again = row is not None and row.by == PLAYBOOK and row.state in over
            if row is not None and row.state is not ActionState.PROPOSED and not again:
                continue
            more = again and planned.name in done
            spent = "" if more else await self._spent(tx, incident, planned, row)
            if lightly and row is not None and not again and not self._new(planned, row, spent):
                continue
            await self._propose(tx, incident, planned, action, row, spent=spent, more=more)

    async def _propose(
        self,
        tx: Tx,
        incident: Incident,
        planned: Planned,
        action: Action,
        row: ActionView | None,
        *,
        spent: str,
        more: bool,
    ) -> None:
        """Propose an action, and begin it where it needs no person. ``spent``: the limit that keeps
        it from that; ``more``: it was done, and is for what came since."""
        # What runs alone reaches no further than signs say: a person's word is one person's.
        said = SaidWindow() if planned.automatic else incident.said_window
        case = queries.case_of(tx, self._means, incident, said)
        preview = await queries.foreseen(At(tx, self._means, case), action)
        if row is None:
            kept = await self._keeper.write(tx, case, action, PLAYBOOK, preview)
            await audit.write(tx, PLAYBOOK, "propose_action", entry(case, action.name, preview))
            await record(
                self._means.database, tx, ActionProposed(incident=incident.id, action=action.name)
            )
        else:
            kept = row
            over = {"held": None} if planned.automatic and not spent else {}
            await self._keeper.set(tx, kept.id, preview=encode(preview), **over)
        if not self._means.acts or preview.idle:
            return
        if planned.held or spent:
            why, limit = planned.held or spent, bool(spent)
            await limits.hold(tx, self._keeper, case, action, kept, why, limit=limit)
        elif planned.automatic and not preview.needs_person:
            await self._keeper.begin(tx, case, action, kept.id, PLAYBOOK, preview, more=more)
        elif planned.automatic and (row is None or row.held or row.preview.mark != preview.mark):
            words = f"{action.title}: waits for a person; {'; '.join(preview.warnings)}"
            await self._means.incidents.enter(tx, incident.id, "waits", words, by=PLAYBOOK)

    async def _spent(
        self, tx: Tx, incident: Incident, planned: Planned, row: ActionView | None
    ) -> str:
        if not (planned.automatic and self._means.acts):
            return ""
        return await limits.reached(tx, self._means, incident, planned, row)

    def _new(self, planned: Planned, row: ActionView, spent: str) -> bool:
        """Whether there may be more to do about what is proposed than when it was."""
        if not self._means.acts:
            return False
        why = planned.held or spent
        if why:
            return why != row.held and not row.preview.idle
        waits = row.held is None and (row.preview.needs_person or row.preview.idle)
        return planned.automatic and not waits

    def _place(self, subject: Subject) -> Place:
        """Where a provider stands in this house."""
        if subject.kind != "provider":
            return NOWHERE
        carries = (
            stream.name
            for stream in self._means.streams.values()
            if any(route.provider == subject.id for route in stream.routes)
        )
        return Place(self._means.house.party(subject.id) or "", frozenset(carries))

    async def _end_rest(self, tx: Tx, subject: Subject) -> None:
        """A rest that a playbook began for a silence ends with it, whichever incident it began in;
        a person's rest is theirs to end."""
        begun = await mail.rests_in(tx, subject.id) if subject.kind == "provider" else None
        if not begun:
            return
        live = [one for one in await incidents.live(tx) if one.subject == subject]
        held = {view.hypothesis for one in live for view in one.opinions if view.open}
        if Hypothesis.PROVIDER_SILENT in held:
            return
        action = rest_provider.ACTION
        row = await queries.action(tx, begun, action.name)
        if row is None or row.by != PLAYBOOK or row.state is not ActionState.APPLIED:
            return
        incident = await incidents.one(tx, begun, lock=True)
        case = queries.case_of(tx, self._means, incident)
        await self._keeper.undo(tx, case, action, row, PLAYBOOK)


def _is_about(incident: Incident, provider: str) -> bool:
    return incident.subject == Subject("provider", provider)


def _judged(preview: Preview, row: ActionView) -> Preview:
    """What is proposed still, after a person changed how its provider stands: what no playbook
    would have begun on the next sign, none begins by that (pure)."""
    person = preview.needs_person or row.preview.needs_person or row.preview.idle
    return msgspec.structs.replace(preview, needs_person=person)


def waiting(now: Instant) -> Select[tuple[str]]:
    """The incidents with an action that a sign may begin again: one that failed for a playbook, or
    that it left to people. Of those alone that are not closed: the others only grow more."""
    failed = and_(_a.c.state == ActionState.FAILED.value, _a.c.by == PLAYBOOK)
    waits = and_(_a.c.state == ActionState.PROPOSED.value, _a.c.held.is_not(None))
    live = _a.c.incident_id.in_(incidents.live_ids())
    return (
        select(_a.c.incident_id)
        .where(live, or_(failed, waits), _a.c.at <= now - AGAIN)
        .distinct()
        .order_by(_a.c.incident_id.desc())
    )
