"""Runs playbooks: proposes actions, starts automatic ones, and ends what they began."""

from sqlalchemy import select

from mailkeep.base.clock import MINUTE
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentUpdated,
)
from mailkeep.incidents.types import Incident, Reach, State
from mailkeep.mail import queries as mail
from mailkeep.mail.events import ProviderRestored, ProviderUnrested
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis, Subject

from . import queries, tables
from .actions import rest_provider
from .actions.catalogue import ACTIONS
from .actions.port import At
from .events import ActionProposed
from .keeping import PLAYBOOK, Keeper, encode, entry
from .playbooks import books, plan
from .types import ActionState, PlaybookSettings

AGAIN = MINUTE  #: how long after it began what failed is tried again at the earliest

_a = tables.actions


class Player:
    """Runs the playbooks.

    Args:
        keeper: of the actions.
        playbooks: of the settings; the rest are the defaults.
    """

    def __init__(self, keeper: Keeper, playbooks: tuple[PlaybookSettings, ...] = ()) -> None:
        self._keeper = keeper
        self._means = keeper.means
        self._playbooks = books(playbooks)
        self._tried: Tx | None = None

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

    async def on_closed(self, tx: Tx, recorded: Recorded) -> None:
        """An incident ended: so does what was begun for it."""
        if isinstance(recorded.fact, IncidentClosed):
            incident = await incidents.one(tx, recorded.fact.incident, lock=True)
            await self._end_rest(tx, incident.subject)

    async def on_route_back(self, tx: Tx, recorded: Recorded) -> None:
        """A provider stands again: what waited for a person because too few routes would have been
        left may be done now. Except about that provider itself: whoever restored it has judged
        it."""
        fact = recorded.fact
        if not isinstance(fact, ProviderRestored | ProviderUnrested):
            return
        for incident in await incidents.live(tx, lock=True):
            if incident.subject.id != fact.provider:
                await self._play(tx, incident)

    async def on_signal(self, tx: Tx, _recorded: Recorded) -> None:
        """More of the same evidence changes nothing about an incident; but an action that failed
        for a playbook is retried then, once in a transaction and in ``AGAIN``."""
        if self._tried is tx:
            return
        self._tried = tx
        rows = await tx.all(
            select(_a.c.incident_id)
            .where(
                _a.c.state == ActionState.FAILED.value,
                _a.c.by == PLAYBOOK,
                _a.c.at <= tx.now - AGAIN,
            )
            .distinct()
            .order_by(_a.c.incident_id.desc())
        )
        for row in rows:
            incident = await incidents.one(tx, row["incident_id"], lock=True)
            if incident.state is not State.CLOSED:
                await self._play(tx, incident)

    def may(self, incident: Incident, name: str) -> bool:
        """Whether a playbook does an action without a person for what is held now."""
        if incident.state is State.CLOSED:
            return False
        planned = plan(incident.opinions, self._playbooks)
        return any(one.name == name and one.automatic for one in planned)

    async def _play(self, tx: Tx, incident: Incident, *, whole: bool = False) -> None:
        """An action that was proposed, done or refused once is not proposed again; what a playbook
        took back, or could not do, it may do now. When the suspect is cut off the window is
        ``whole``, and what a playbook did without an end is done for what came since."""
        for planned in plan(incident.opinions, self._playbooks, incident.said):
            action = ACTIONS[planned.name]
            # What runs alone reaches no further than signs say: a person's word is one person's.
            said = Reach() if planned.automatic else incident.reach
            case = queries.case_of(tx, self._means, incident, said)
            if not action.fits(incident.subject):
                continue
            if action.able is not None and not action.able(self._means):
                continue
            row = await queries.action(tx, incident.id, planned.name)
            over = {ActionState.UNDONE, ActionState.FAILED}
            if whole and action.holds is None:
                over.add(ActionState.APPLIED)
            again = row is not None and row.by == PLAYBOOK and row.state in over
            if row is not None and row.state is not ActionState.PROPOSED and not again:
                continue
            preview = await queries.foreseen(At(tx, self._means, case), action)
            if row is None:
                kept = await self._keeper.write(tx, case, action, PLAYBOOK, preview)
                await audit.write(tx, PLAYBOOK, "propose_action", entry(case, action.name, preview))
                proposed = ActionProposed(incident.id, action.name)
                await record(self._means.database, tx, proposed)
            else:
                kept = row
                await self._keeper.set(tx, kept.id, preview=encode(preview))
            if not (planned.automatic and self._means.acts) or preview.idle:
                continue
            if not preview.needs_person:
                await self._keeper.begin(tx, case, action, kept.id, PLAYBOOK, preview)
            elif row is None or row.preview.mark != preview.mark:
                words = f"{action.title}: waits for a person; {'; '.join(preview.warnings)}"
                await self._means.incidents.enter(tx, incident.id, "waits", words, by=PLAYBOOK)

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
