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
from mailkeep.response import approval, queries, report
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.actions.port import Action
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionView, CaseView
from mailkeep.store.database import Tx

from .cases import LISTED, Cases
from .operator import Operator, needs, still
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


class Incidents(Controller):
    """The list, an incident, and what is done about it."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(self, running: Running, operator: Operator) -> Template:
        async with running.database.read() as tx:
            found = await incidents.recent(tx, LISTED)
            waiting, names = await approval.all_waiting(tx), await operators.names(tx)
        return page(
            operator,
            "incidents",
            "/incidents",
            found=found,
            waiting=waiting,
            names=names,
            actions=ACTIONS,
        )

    @get("/news", media_type="text/event-stream", opt=_SEE)
    async def news(self, running: Running, operator: Operator, cases: Cases) -> ServerSentEvent:
        return _news(running, operator, cases.version_of_all)

    @get("/{incident:str}", opt=_SEE)
    async def show(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Template:
        case = await cases.look(incident)
        async with running.database.read() as tx:
            names = await operators.names(tx)
            others = [
                one
                for one in await incidents.live(tx)
                if one.part_of is None and one.id not in {incident, case.incident.part_of}
            ]
        return page(
            operator,
            "incident",
            "/incidents",
            case=case,
            offers=_offers(case),
            names=names,
            most=_most(case),
            others=others,
        )

    @get("/{incident:str}/report", media_type=MediaType.HTML, opt=_SEE)
    async def report(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[str]:
        """As it stands now; `mailkeep incidents evidence` writes it with what it rests on."""
        del operator
        case = await cases.look(incident)
        async with running.database.read() as tx:
            text = report.html(report.written(case, await operators.names(tx), tx.now))
        return Response(text, media_type=MediaType.HTML)

    @get("/{incident:str}/news", media_type="text/event-stream", opt=_SEE)
    async def incident_news(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> ServerSentEvent:
        return _news(running, operator, lambda: cases.version(incident))

    @get("/{incident:str}/actions/{name:str}", opt=_ACT)
    async def preview(
        self, request: Incoming, running: Running, operator: Operator, incident: str, name: str
    ) -> Template:
        """What it would do now. Nothing is kept: opening a page does nothing."""
        stood = request.query_params.get("stood") == "yes"
        return await _action_page(running, operator, incident, name, stood=stood)

    @post("/{incident:str}/actions/{name:str}", opt=_ACT)
    async def act(
        self, running: Running, operator: Operator, incident: str, name: str
    ) -> Response[Any]:
        action = _find(name)
        step, sure = operator.form.get("step"), operator.form.get("sure") == "yes"
        if step not in {"apply", "undo", "stop"}:
            raise Invalid("say apply, undo or stop", field="step")
        if action.dangerous and step != "stop" and not sure:
            return await _action_page(running, operator, incident, name, asked=step)
        if step != "apply":
            do = running.response.undo if step == "undo" else running.response.stop
            done = await running.database.retrying(
                lambda tx: do(tx, incident, name, by=operator.actor)
            )
            return _to(incident, done)
        seen = operator.form.get("seen", "")
        try:
            done = await running.response.apply(incident, name, by=operator.actor, seen=seen)
        except NotShown as error:
            # What it would do has changed since the page was made: show that, and ask again.
            return await _action_page(running, operator, incident, name, error=error)
        return _to(incident, done)

    @post("/{incident:str}/notes", opt=_WORK)
    async def note(self, running: Running, operator: Operator, incident: str) -> Redirect:
        text = operator.form.get("text", "")
        await running.database.retrying(
            lambda tx: running.incidents.note(tx, incident, text, by=operator.actor)
        )
        return _to(incident)

    @post("/{incident:str}/take", opt=_WORK)
    async def take(self, running: Running, operator: Operator, incident: str) -> Redirect:
        await running.database.retrying(
            lambda tx: running.incidents.take(tx, incident, by=operator.actor)
        )
        return _to(incident)

    @post("/{incident:str}/evidence", status_code=200, opt=needs(Permission.EVIDENCE_TAKE))
    async def evidence(
        self, running: Running, operator: Operator, incident: str
    ) -> Response[bytes]:
        """Signed, as one file; that it was taken is in the audit log."""
        return await bundle(running, incident, operator.actor)

    @post("/{incident:str}/merge", opt=_WORK)
    async def merge(self, running: Running, operator: Operator, incident: str) -> Redirect:
        """Into the one that was chosen; into none: it is split off."""
        into = operator.form.get("into", "")

        async def work(tx: Tx) -> None:
            if into:
                await running.incidents.merge(tx, incident, into, by=operator.actor)
            else:
                await running.incidents.split(tx, incident, by=operator.actor)

        await running.database.retrying(work)
        return _to(incident)

    @post("/{incident:str}/close", opt=_WORK)
    async def close(
        self, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        if operator.form.get("sure") != "yes":
            case = await cases.look(incident)
            return page(operator, "close", "/incidents", case=case)
        why = operator.form.get("text", "")
        await running.database.retrying(
            lambda tx: running.incidents.close(tx, incident, why, by=operator.actor)
        )
        return _to(incident)


class Approvals(Controller):
    """What a second person says to what somebody asked for."""

    path = "/console/approvals"
    include_in_schema = False

    @post("/{asked:str}/approve", opt=needs(Permission.ACTIONS_APPROVE))
    async def approve(self, running: Running, operator: Operator, asked: str) -> Redirect:
        """The action's page has shown what it would do; another one asked for it."""
        async with running.database.read() as tx:
            found = await approval.one(tx, asked)
        await running.response.approve(asked, by=operator.actor)
        return _to(found.incident)

    @post("/{asked:str}/refuse", opt=_WORK)
    async def refuse(self, running: Running, operator: Operator, asked: str) -> Redirect:
        refuse = running.response.refuse
        found = await running.database.retrying(lambda tx: refuse(tx, asked, by=operator.actor))
        return _to(found.incident)


def _to(incident: str, done: ActionView | None = None) -> Redirect:
    """The incident; of an action that waits for a second person, or had nothing to do, its own
    page, which says so."""
    its = "" if done is None or not (done.waits or done.unchanged) else f"/actions/{done.name}"
    stood = "?stood=yes" if its and done is not None and done.unchanged else ""
    return Redirect(f"/console/incidents/{incident}{its}{stood}", status_code=303)


def _find(name: str) -> Action:
    if name not in ACTIONS:
        raise NotFound(f"no action {name!r}; there are {', '.join(ACTIONS)}")
    return ACTIONS[name]


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
        second=running.response.approvals.needed(_find(name), preview),
        names=names,
        asked=asked,
        error=error,
        stood=stood,
    )


def _offers(case: CaseView) -> list[Offer]:
    """Every action that fits, those that somebody proposed or did first."""
    kept = {one.name: one for one in case.actions}
    offers = [
        Offer(name, one.title, one.says, one.dangerous, one.undo is not None, kept.get(name))
        for name, one in ACTIONS.items()
        if one.fits(case.incident.subject)
    ]
    return sorted(offers, key=lambda one: one.kept is None)


def _most(case: CaseView) -> float:
    """The longest bar, in nats."""
    views = case.incident.opinions
    sizes = [abs(one.prior) for one in views]
    return max(sizes + [abs(one.nats) for view in views for one in view.reasons], default=1.0)


def _news(
    running: Running, operator: Operator, version: Callable[[], Awaitable[str]]
) -> ServerSentEvent:
    """One event for each change; ends when who listens may look no longer."""

    async def look() -> AsyncIterator[str]:
        last: str | None = None
        while True:
            async with running.database.read() as tx:
                found = await still(tx, running, operator.signed, operator.network)
            if found is None or not found.may(Permission.INCIDENTS_SEE):
                return
            current = await version()
            if last is not None and current != last:
                yield current[:16]
            last = current
            await asyncio.sleep(LOOK_SECONDS)

    return ServerSentEvent(look())
