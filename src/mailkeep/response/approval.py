"""Two-person approval of dangerous actions: one person requests, a second one approves, and only
then it is done.

Attacks met here: a thief has one operator's key or session (a request can be made, and everybody's
pager says so; nothing is done), and a colleague approves something else than what they read (both
were shown the same warnings, or it is requested anew). A person counts once, whichever of their
keys and sessions they use (``operators.people``); a key that belongs to nobody, and whoever sits at
the shell without a key, neither requests nor approves. Nobody approves their own request.

Approval can be bypassed only at the server's own shell (``mailkeep incidents apply --alone``):
whoever sits there could write into the database anyway. Everybody is paged then.
"""

from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict, NotAllowed, NotFound
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.incidents.types import Incident, SaidWindow
from mailkeep.operators import people
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis

from .actions.port import Action, Case, Means
from .events import ActionAsked, ActionDecided
from .paging.desk import Desk
from .paging.types import Why
from .refusing import whose
from .tables import approvals
from .types import Approval, Asked, Preview, ResponseSettings, Step

_GRAVITY = {one: rank for rank, one in enumerate(Hypothesis)}

_p = approvals


class Approvals:
    """The requests for a second person. Callers have locked the incident first.

    Args:
        means: the services that actions use.
        desk: wakes the second person.
    """

    def __init__(self, means: Means, desk: Desk) -> None:
        self._means = means
        self._desk = desk

    def needed(self, action: Action, incident: Incident, preview: Preview | None = None) -> bool:
        """Whether an action needs two people: by default a dangerous one, and one of which the
        preview says that a person must have seen its warnings. Else the thief of one session would
        let providers rest until no reset has its two routes.

        So does every action while a person's word alone holds the incident, and while it sets its
        window every one that goes by that, unless the settings want two people for nothing. Else
        that thief would open one that reaches back for years, and frighten everybody in it. The
        others rest on signs as before: else a word would keep one person from what helps at once.
        """
        named = self._means.settings.two_people
        worded = word_is_for_two(self._means.settings) and _is_worded(action, incident)
        if named is not None:
            return action.name in named or worded
        return action.dangerous or worded or (preview is not None and preview.needs_person)

    async def ask(
        self, tx: Tx, case: Case, action: Action, step: Step, preview: Preview, *, by: str
    ) -> Approval:
        """Request a second person's approval. A request that is open already, with the same
        warnings, is not made twice."""
        incident = case.incident
        return await self.ask_for(tx, incident, action.name, action.title, step, preview, by=by)

    async def ask_for(
        self,
        tx: Tx,
        incident: Incident,
        name: str,
        title: str,
        step: Step,
        preview: Preview,
        *,
        by: str,
    ) -> Approval:
        """The same for anything that needs two people, by its name and its title.

        Raises:
            NotAllowed: it is not known which person asks, so nobody could be another one.
        """
        await people.named(tx, by)
        before = await waiting(tx, incident.id, name, step)
        if before is not None and before.waits(tx.now) and before.mark == preview.mark:
            return before
        if before is not None:
            lapsed = {"state": Asked.LAPSED.value, "decided_at": tx.now}
            await tx.run(update(_p).where(_p.c.id == before.id).values(**lapsed))
        life = round(self._means.settings.approval_life * SECOND)
        made = Approval(
            id=new_id("apv", tx.now, tx.order.next()),
            incident=incident.id,
            action=name,
            step=step,
            state=Asked.WAITING,
            mark=preview.mark,
            asked_by=by,
            asked_at=tx.now,
            expires_at=tx.now + life,
        )
        await tx.run(
            insert(_p).values(
                id=made.id,
                incident_id=incident.id,
                name=name,
                step=step.value,
                state=made.state.value,
                mark=made.mark,
                asked_by=by,
                asked_at=made.asked_at,
                expires_at=made.expires_at,
            )
        )
        await audit.write(tx, by, "ask_action", _said(made))
        await self._enter(tx, made, f"{title}: {_VERB[step]}, and waits for a second person")
        fact = ActionAsked(
            incident=incident.id, action=name, step=step.value, request=made.id, by=by
        )
        await record(self._means.database, tx, fact)
        await self._desk.call(tx, incident, Why.SECOND)
        return made

    async def approve(self, tx: Tx, found: Approval, preview: Preview, *, by: str) -> None:
        """A second person approves.

        Raises:
            NotAllowed: it is the person who asked, or it is not known who it is.
            Conflict: its time is over, it was decided, or what it would do has changed.
        """
        self._open(tx, found)
        if await people.named(tx, by) == await people.person(tx, found.asked_by):
            raise NotAllowed("who asked for it cannot approve it: a second person must")
        if preview.mark != found.mark:
            raise Conflict(
                "its warnings have changed since it was requested: it must be requested again"
            )
        await self._decide(tx, found, by, approved=True)

    async def refuse(self, tx: Tx, found: Approval, *, by: str) -> None:
        """Somebody refuses, or withdraws their own request.

        Raises:
            Conflict: its time is over, or it was decided.
            NotAllowed: the same person refused the same before. Else the thief of one key would
                keep everybody from ever acting.
        """
        self._open(tx, found)
        if by != found.asked_by and await _refused_before(tx, found, by):
            raise NotAllowed(
                "you have refused this once, and it was asked for again: it is another person's to"
                " refuse, and lapses unless somebody approves it"
            )
        await self._decide(tx, found, by, approved=False)
        whose = "taken back" if by == found.asked_by else "refused"
        await self._enter(tx, found, f"{found.action}: the request was {whose}", by=by)

    async def alone(self, tx: Tx, incident: Incident, name: str, step: Step, by: str) -> None:
        """Somebody at the shell acts without a second person: everybody is told."""
        said = {"incident": incident.id, "action": name, "step": step.value}
        await audit.write(tx, by, "act_alone", said)
        await self._desk.call(tx, incident, Why.ALONE)

    async def _decide(self, tx: Tx, found: Approval, by: str, *, approved: bool) -> None:
        state = Asked.APPROVED if approved else Asked.REFUSED
        values = {"state": state.value, "decided_by": by, "decided_at": tx.now}
        await tx.run(update(_p).where(_p.c.id == found.id).values(**values))
        act = "approve_action" if approved else "refuse_action"
        await audit.write(tx, by, act, _said(found) | {"asked_by": found.asked_by})
        step = found.step.value
        fact = ActionDecided(
            incident=found.incident,
            action=found.action,
            step=step,
            request=found.id,
            by=by,
            approved=approved,
        )
        await record(self._means.database, tx, fact)

    async def _enter(self, tx: Tx, found: Approval, words: str, by: str = "") -> None:
        by = by or found.asked_by
        await self._means.incidents.enter(tx, found.incident, "approval", words, by=by)

    @staticmethod
    def _open(tx: Tx, found: Approval) -> None:
        if not found.waits(tx.now):
            over = found.state is Asked.WAITING
            raise Conflict(
                "the request has expired: it must be made again"
                if over
                else "it was decided already"
            )


def word_is_for_two(settings: ResponseSettings) -> bool:
    """Whether this installation requires two people for what rests on a person's word alone: by
    default, and unless its settings require them for nothing."""
    return settings.two_people is None or bool(settings.two_people)


def _is_worded(action: Action, incident: Incident) -> bool:
    """Whether what an action does rests on what a person says, and on no sign."""
    said = incident.said
    signs = [one.hypothesis for one in incident.opinions if one.open]
    graver = said is not None and all(_GRAVITY[said] < _GRAVITY[one] for one in signs)
    return graver or (action.by_window and incident.said_window != SaidWindow())


_VERB = {Step.APPLY: "asked for", Step.UNDO: "to be taken back", Step.LIST: "asked for"}


async def one(tx: Tx, request: str) -> Approval:
    """A request. Raises ``NotFound``."""
    row = await tx.one(select(_p).where(_p.c.id == request))
    if row is None:
        raise NotFound("no such request")
    return _view(row)


async def waiting(tx: Tx, incident: str, name: str, step: Step) -> Approval | None:
    """The request that nobody has decided, even if it has expired."""
    row = await tx.one(
        select(_p).where(
            _p.c.incident_id == incident,
            _p.c.name == name,
            _p.c.step == step.value,
            _p.c.state == Asked.WAITING.value,
        )
    )
    return None if row is None else _view(row)


async def all_waiting(tx: Tx, incident: str | None = None) -> list[Approval]:
    """What waits for a second person now, the oldest first; of one incident, or of all."""
    query = select(_p).where(_p.c.state == Asked.WAITING.value, _p.c.expires_at > tx.now)
    if incident is not None:
        query = query.where(_p.c.incident_id == incident)
    return [_view(row) for row in await tx.all(query.order_by(_p.c.id))]


async def _refused_before(tx: Tx, found: Approval, by: str) -> bool:
    """Whether a person refused this before, with whichever key. Withdrawing one's own request is
    not a refusal."""
    rows = await tx.all(
        select(_p.c.decided_by).where(
            _p.c.incident_id == found.incident,
            _p.c.name == found.action,
            _p.c.step == found.step.value,
            _p.c.state == Asked.REFUSED.value,
            _p.c.decided_by != _p.c.asked_by,
        )
    )
    who = await whose(tx, by)
    return any([await whose(tx, row["decided_by"]) == who for row in rows])


def _said(one: Approval) -> dict[str, object]:
    return {
        "incident": one.incident,
        "action": one.action,
        "step": one.step.value,
        "request": one.id,
    }


def _view(row: RowMapping) -> Approval:
    return Approval(
        id=row["id"],
        incident=row["incident_id"],
        action=row["name"],
        step=Step(row["step"]),
        state=Asked(row["state"]),
        mark=row["mark"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
