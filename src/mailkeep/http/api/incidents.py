"""``/v1/incidents``: list and read incidents, open one, and preview, apply and undo actions."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get, post

from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import duties
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.by_hand import Saying
from mailkeep.incidents.types import Duty
from mailkeep.mail import queries as mail
from mailkeep.operators.permissions import Permission
from mailkeep.response import queries, report
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis

from . import strict_json
from .incident_out import (
    ActionOut,
    IncidentOut,
    IncidentReportOut,
    IncidentsOut,
    TimelineOut,
    acted,
    brief,
    entry,
    shown,
)
from .message_in import instant

MOST = 50  #: incidents in the list


class ActionIn(msgspec.Struct, forbid_unknown_fields=True):
    """``preview`` records the effects as shown to you; ``apply`` carries it out; ``stop`` pauses
    one that is running."""

    step: Literal["preview", "apply", "undo", "stop"]


class PageIn(msgspec.Struct, forbid_unknown_fields=True):
    """``before``: the ``after`` of the page before."""

    before: Annotated[str, msgspec.Meta(max_length=60)] | None = None


class LinesIn(msgspec.Struct, forbid_unknown_fields=True):
    """``before``: only lines with a smaller number."""

    before: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None


class MergeIn(msgspec.Struct, forbid_unknown_fields=True):
    """``into``: the id of the incident that leads."""

    into: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class IncidentIn(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody says. ``subject``: the provider's name, the account's id or the domain that it
    is about; left out where the hypothesis is about no one of many. ``since``, ``until``: from when
    to when it was so, if they know."""

    reason: Reason
    hypothesis: Hypothesis = Hypothesis.PROVIDER_COMPROMISED
    subject: Annotated[str, msgspec.Meta(max_length=255)] = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class WindowIn(msgspec.Struct, forbid_unknown_fields=True):
    """From when to when it was; what is left out is as the signs say."""

    reason: Reason
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class DutyIn(msgspec.Struct, forbid_unknown_fields=True):
    """``duty``: ``told`` (``at``: when; now without it), ``not_needed``, ``runs`` (neither, after
    all) or ``aware`` (``at``: since when the breach is known). ``reference``: the regulator's, or
    why."""

    duty: Duty
    reference: Reason
    at: dt.datetime | None = None


class NoteIn(msgspec.Struct, forbid_unknown_fields=True):
    """A note, or the reason why an incident is closed."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class IncidentsApi(Controller):
    """Reading needs a key with the scope ``read``, acting one with ``operate``."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @get("/", summary="The incidents, those that are not closed first")
    async def index(self, request: Incoming, running: Running) -> IncidentsOut:
        wanted = strict_json.query(request, PageIn)
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            found, after = await queries.briefs(tx, running.response.means, wanted.before, MOST)
        return IncidentsOut([brief(one) for one in found], after)

    @post("/", status_code=201, summary="Open an incident on a person's word")
    async def open(self, request: Incoming, running: Running) -> Response[IncidentOut]:
        """200 where one is open about the same: it is said there, and the window only grows. No
        action rests on it without two people."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), IncidentIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        saying = Saying(
            hypothesis=wanted.hypothesis,
            subject=wanted.subject,
            reason=wanted.reason,
            since=instant(wanted.since, "since"),
            until=instant(wanted.until, "until"),
        )

        async def work(tx: Tx) -> Response[IncidentOut]:
            found, new = await running.incidents.by_hand.open(tx, saying, by=by)
            case = await queries.case(tx, running.response.means, found)
            return Response(shown(case), status_code=201 if new else 200)

        return await running.database.retrying(work)

    @get("/{incident:str}", summary="One incident")
    async def show(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            return shown(await queries.case(tx, running.response.means, incident))

    @get("/{incident:str}/timeline", summary="Its timeline, a page at a time")
    async def timeline(self, request: Incoming, running: Running, incident: str) -> TimelineOut:
        """The newest page; with ``before``, the lines before that one."""
        wanted = strict_json.query(request, LinesIn)
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            await incidents.one(tx, incident)
            found = await incidents.timeline(tx, incident, before=wanted.before)
        return TimelineOut([entry(one) for one in found], found[0].line - 1 if found else 0)

    @post("/{incident:str}/actions/{name:str}", status_code=200, summary="Preview, apply, undo")
    async def act(
        self, request: Incoming, running: Running, incident: str, name: str
    ) -> Response[ActionOut]:
        """409 with the warnings, where an action needs a person who has seen them: they are
        recorded as its preview then, and applying it again carries it out. 202 where a second
        person must approve it: nothing was done, and ``waits`` names the request."""
        await admit(request, running, Permission.ACTIONS_APPLY)
        wanted = strict_json.decode(await strict_json.body(request), ActionIn)
        by = (await authorise(request, running, Permission.ACTIONS_APPLY)).id
        response = running.response
        if wanted.step == "apply":
            return acted(await response.apply(incident, name, by=by), wanted.step)
        do = {"preview": response.preview, "undo": response.undo, "stop": response.stop}[
            wanted.step
        ]
        done = await running.database.retrying(lambda tx: do(tx, incident, name, by=by))
        return acted(done, wanted.step)

    @post("/{incident:str}/notes", status_code=201, summary="Add a note to the timeline")
    async def note(self, request: Incoming, running: Running, incident: str) -> None:
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), NoteIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        await running.database.retrying(
            lambda tx: running.incidents.note(tx, incident, wanted.text, by=by)
        )

    @get("/{incident:str}/report", summary="The report of an incident")
    async def report(self, request: Incoming, running: Running, incident: str) -> IncidentReportOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            case = await queries.case(tx, running.response.means, incident, whole=True)
            written = report.written(case, await mail.key_names(tx), tx.now)
        return IncidentReportOut(report.markdown(written))

    @post("/{incident:str}/take", status_code=200, summary="See to an incident")
    async def take(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """Nobody else is paged for it from now on."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        return await _done(
            running, incident, lambda tx: running.incidents.take(tx, incident, by=by)
        )

    @post("/{incident:str}/window", status_code=200, summary="Say from when to when it was")
    async def window(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """It begins no later than signs say, and ends earlier only where no sign held anything."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), WindowIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        since, until = instant(wanted.since, "since"), instant(wanted.until, "until")
        set_it = running.incidents.by_hand.window
        return await _done(
            running, incident, lambda tx: set_it(tx, incident, since, until, wanted.reason, by=by)
        )

    @post("/{incident:str}/regulator", status_code=200, summary="Answer the regulator's clock")
    async def regulator(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """Of a closed incident too: regulators are told after the end as well."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), DutyIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        said = (wanted.duty, instant(wanted.at, "at"), wanted.reference)
        return await _done(
            running,
            incident,
            lambda tx: duties.say(tx, running.incidents, incident, *said, by=by),
        )

    @post("/{incident:str}/merge", status_code=200, summary="Make it a part of another")
    async def merge(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """People act on the merged incident once; its parts keep their evidence and actions."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), MergeIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        return await _done(
            running, incident, lambda tx: running.incidents.merge(tx, incident, wanted.into, by=by)
        )

    @post("/{incident:str}/split", status_code=200, summary="Make a part stand by itself again")
    async def split(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await admit(request, running, Permission.INCIDENTS_WORK)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        return await _done(
            running, incident, lambda tx: running.incidents.split(tx, incident, by=by)
        )

    @post("/{incident:str}/close", status_code=200, summary="Close an incident")
    async def close(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), NoteIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        return await _done(
            running, incident, lambda tx: running.incidents.close(tx, incident, wanted.text, by=by)
        )


async def _done(
    running: Running, incident: str, act: Callable[[Tx], Awaitable[None]]
) -> IncidentOut:
    """Act on an incident in a transaction of its own, and show it afterwards."""

    async def work(tx: Tx) -> IncidentOut:
        await act(tx)
        return shown(await queries.case(tx, running.response.means, incident))

    return await running.database.retrying(work)
