"""Console pages of incidents: the list and, live, one in full. Made for whoever is woken at three.

A GET shows and changes nothing, previews included; actions are POSTs, and what could hurt customers
is confirmed a second time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from litestar import Controller, MediaType, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from mailkeep.base.errors import Invalid, NotFound
from mailkeep.http.api.evidence import bundle
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import Permission
from mailkeep.response import approval, queries, report, todo
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.actions.port import Action
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView, CaseView

from .cases import Cases, version_of
from .operator import Operator, needs, still
from .refusing import or_again
from .showing import page

LOOK_SECONDS = 1.0

_SEE = needs(Permission.INCIDENTS_SEE)
_WORK = needs(Permission.INCIDENTS_WORK)
_ACT = needs(Permission.ACTIONS_APPLY)


class Offer(msgspec.Struct, frozen=True):
    """An action as the page offers it: ``says`` is its one line; ``kept`` None: nobody has proposed
    it."""

    name: str
    title: str
    says: str
    dangerous: bool
    undoable: bool
    kept: ActionView | None

    @property
    def idle(self) -> bool:
        """Proposed, would change nothing, and so waits for nobody."""
        kept = self.kept
        return kept is not None and kept.state is ActionState.PROPOSED and not todo.waits(kept)


class Incidents(Controller):
    """The list, an incident, and what is done about it."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases
    ) -> Template:
        version = await cases.version_of_all()
        before = request.query_params.get("before")
        async with running.database.read() as tx:
            found, after = await incidents.page(tx, before)
            waiting, names = await approval.all_waiting(tx), await operators.names(tx)
            deciding = await queries.to_decide(tx, found)
        return page(
            operator,
            "incidents",
            "/incidents",
            found=found,
            after=after,
            waiting=waiting,
            names=names,
            actions=ACTIONS,
            deciding=deciding,
            version=version,
        )

    @get("/news", media_type="text/event-stream", opt=_SEE)
    async def news(self, running: Running, operator: Operator, cases: Cases) -> ServerSentEvent:
        return follow(running, operator, cases.version_of_all)

    @get("/{incident:str}", opt=_SEE)
    async def show(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Template:
        return await shown(running, operator, cases, incident)

    @get("/{incident:str}/report", media_type=MediaType.HTML, opt=_SEE)
    async def report(self, running: Running, operator: Operator, incident: str) -> Response[str]:
        """As it stands now; `mailkeep incidents evidence` writes it with what it rests on."""
        del operator
        async with running.database.read() as tx:
            case = await queries.case(tx, running.response.means, incident, whole=True)
            text = report.html(report.written(case, await operators.names(tx), tx.now))
        return Response(text, media_type=MediaType.HTML)

    @get("/{incident:str}/timeline", opt=_SEE)
    async def timeline(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Template:
        """Earlier lines, a page at a time."""
        text = request.query_params.get("before", "")
        if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise Invalid("this is not the number of a line", field="before")
        async with running.database.read() as tx:
            one = await incidents.one(tx, incident)
            found = await incidents.timeline(tx, incident, before=int(text) if text else None)
            names = await operators.names(tx)
        return page(operator, "timeline", "/incidents", one=one, found=found, names=names)

    @get("/{incident:str}/news", media_type="text/event-stream", opt=_SEE)
    async def incident_news(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> ServerSentEvent:
        return follow(running, operator, lambda: cases.version(incident))

    @get("/{incident:str}/actions/{name:str}", opt=_ACT)
    async def preview(
        self, request: Incoming, running: Running, operator: Operator, incident: str, name: str
    ) -> Template:
        """What it would do now. Nothing is kept: opening a page does nothing."""
        stood = request.query_params.get("stood") == "yes"
        return await _action_page(running, operator, incident, name, stood=stood)

    @post("/{incident:str}/actions/{name:str}", opt=_ACT)
    async def act(
        self, request: Incoming, running: Running, operator: Operator, incident: str, name: str
    ) -> Response[Any]:
        async def again(now: Operator) -> Template:
            return await _action_page(running, now, incident, name)

        return await or_again(
            request, operator, lambda: _act(running, operator, incident, name), again
        )

    @post("/{incident:str}/take", opt=_WORK)
    async def take(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        async def work() -> Response[Any]:
            await running.database.retrying(
                lambda tx: running.incidents.take(tx, incident, by=operator.actor)
            )
            return to(incident)

        return await or_again(
            request, operator, work, lambda now: shown(running, now, cases, incident)
        )

    @post("/{incident:str}/evidence", status_code=200, opt=needs(Permission.EVIDENCE_TAKE))
    async def evidence(
        self, running: Running, operator: Operator, incident: str
    ) -> Response[bytes]:
        """Signed, as one file; that it was taken is in the audit log."""
        return await bundle(running, incident, operator.actor)


class Approvals(Controller):
    """What a second person says to what somebody asked for."""

    path = "/console/approvals"
    include_in_schema = False

    @post("/{asked:str}/approve", opt=needs(Permission.ACTIONS_APPROVE))
    async def approve(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, asked: str
    ) -> Response[Any]:
        """The action's page has shown what it would do; another one asked for it."""
        async with running.database.read() as tx:
            found = await approval.one(tx, asked)

        async def work() -> Response[Any]:
            await running.response.approve(asked, by=operator.actor)
            return to(found.incident)

        return await or_again(
            request, operator, work, lambda now: shown(running, now, cases, found.incident)
        )

    @post("/{asked:str}/refuse", opt=_WORK)
    async def refuse(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, asked: str
    ) -> Response[Any]:
        refuse = running.response.refuse
        async with running.database.read() as tx:
            found = await approval.one(tx, asked)

        async def work() -> Response[Any]:
            await running.database.retrying(lambda tx: refuse(tx, asked, by=operator.actor))
            return to(found.incident)

        return await or_again(
            request, operator, work, lambda now: shown(running, now, cases, found.incident)
        )


async def shown(running: Running, operator: Operator, cases: Cases, incident: str) -> Template:
    """The page of an incident. Raises ``NotFound``."""
    case = await cases.look(incident)
    async with running.database.read() as tx:
        names = await operators.names(tx)
        others = [
            one
            for one in await incidents.live(tx)
            if one.part_of is None and one.id not in {incident, case.incident.part_of}
        ]
    offers = _offers(case)
    return page(
        operator,
        "incident",
        "/incidents",
        case=case,
        offers=offers,
        following=_following(offers, operator),
        word_for_two=approval.word_is_for_two(running.response.means.settings),
        deciding=len(todo.to_decide(case.incident, case.actions)),
        left=len(todo.still_to_do(case)),
        names=names,
        most=_most(case),
        others=others,
        version=version_of(case),
    )


def to(incident: str, done: ActionView | None = None) -> Redirect:
    """The incident; of an action that waits for a second person, or had nothing to do, its own
    page, which says so."""
    its = "" if done is None or not (done.waits or done.unchanged) else f"/actions/{done.name}"
    stood = "?stood=yes" if its and done is not None and done.unchanged else ""
    return Redirect(f"/console/incidents/{incident}{its}{stood}", status_code=303)


def _find(name: str) -> Action:
    if name not in ACTIONS:
        raise NotFound(f"no action {name!r}; there are {', '.join(ACTIONS)}")
    return ACTIONS[name]


async def _act(running: Running, operator: Operator, incident: str, name: str) -> Response[Any]:
    """Do what a page of an action asks for; what is dangerous is asked once more."""
    action = _find(name)
    step, sure = operator.form.get("step"), operator.form.get("sure") == "yes"
    if step not in {"apply", "undo", "stop"}:
        raise Invalid("say apply, undo or stop", field="step")
    if action.dangerous and step != "stop" and not sure:
        return await _action_page(running, operator, incident, name, asked=step)
    if step != "apply":
        do = running.response.undo if step == "undo" else running.response.stop
        done = await running.database.retrying(lambda tx: do(tx, incident, name, by=operator.actor))
        return to(incident, done)
    seen = operator.form.get("seen", "")
    try:
        done = await running.response.apply(incident, name, by=operator.actor, seen=seen)
    except NotShown as error:
        # What it would do has changed since the page was made: show that, and ask again.
        return await _action_page(running, operator, incident, name, error=error)
    return to(incident, done)


async def _action_page(
    running: Running,
    operator: Operator,
    incident: str,
    name: str,
    *,
    asked: str | None = None,
    error: NotShown | None = None,
    stood: bool = False,
) -> Template:
    """What an action would do; ``asked``: and whether that is really wanted; ``stood``: and that it
    was done already when it was applied just now."""
    means = running.response.means
    async with running.database.read() as tx:
        preview = await queries.preview(tx, means, incident, name)
        case = await queries.case(tx, means, incident)
        names = await operators.names(tx)
    (offer,) = [one for one in _offers(case) if one.name == name]
    status = 200 if error is None else error.status
    return page(
        operator,
        "action",
        "/incidents",
        status=status,
        case=case,
        preview=preview,
        offer=offer,
        second=running.response.approvals.needed(_find(name), case.incident, preview),
        names=names,
        asked=asked,
        error=error,
        stood=stood,
    )


def _offers(case: CaseView) -> list[Offer]:
    """Every action that fits: those that wait for a person first, then those that were begun."""
    kept = {one.name: one for one in case.actions}
    offers = [
        Offer(name, one.title, one.says, one.dangerous, one.undo is not None, kept.get(name))
        for name, one in ACTIONS.items()
        if one.fits(case.incident.subject)
    ]
    return sorted(offers, key=lambda one: (one.kept is None, one.kept and not todo.waits(one.kept)))


def _following(offers: list[Offer], operator: Operator) -> Offer | None:
    """The one next press (pure): what another person asked for, else the first that is proposed."""

    def rank(offer: Offer) -> int:
        waits = None if offer.kept is None else offer.kept.waits
        if waits is None:
            return 1
        return 2 if waits.asked_by == operator.actor else 0

    waiting = [one for one in offers if one.kept is not None and todo.waits(one.kept)]
    first = min(waiting, key=rank, default=None)
    return None if first is None or rank(first) == 2 else first


def _most(case: CaseView) -> float:
    """The longest bar, in nats."""
    views = case.incident.opinions
    sizes = [abs(one.prior) for one in views]
    return max(sizes + [abs(one.nats) for view in views for one in view.reasons], default=1.0)


def follow(
    running: Running, operator: Operator, version: Callable[[], Awaitable[str]]
) -> ServerSentEvent:
    """The version that is current, and each later one; a page that has it already does nothing.
    So nothing is missed between a page and its stream, nor while the stream was broken. Ends when
    who listens may look no longer."""

    async def look() -> AsyncIterator[str]:
        last: str | None = None
        while True:
            async with running.database.read() as tx:
                found = await still(tx, running, operator.signed, operator.network)
            if found is None or not found.may(Permission.INCIDENTS_SEE):
                return
            current = await version()
            if current != last:
                yield current
            last = current
            await asyncio.sleep(LOOK_SECONDS)

    return ServerSentEvent(look())
