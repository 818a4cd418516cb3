"""``/v1/incidents``: what may be going on, whom it touches, and what is done about it."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, get, post

from mailkeep.base.clock import iso, when
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.severity import Severity
from mailkeep.incidents.types import BlastRadius, Entry, View
from mailkeep.incidents.words import headline
from mailkeep.mail import queries as mail
from mailkeep.operators.permissions import Permission
from mailkeep.response import queries, report
from mailkeep.response.types import ActionView, Approval, CaseView
from mailkeep.store.database import Tx

from . import strict_json

MOST = 50  #: incidents in the list


class IncidentSubjectOut(msgspec.Struct):
    kind: str
    id: str


class ReasonOut(msgspec.Struct):
    """One term of the sum; ``note`` says why it counts less than it could."""

    detector: str
    nats: float
    text: str
    note: str
    events: tuple[str, ...]


class OpinionOut(msgspec.Struct):
    """``open``: it is held. ``automatic``: an action may rest on it without a person."""

    hypothesis: str
    prior: float
    log_odds: float
    open: bool
    automatic: bool
    reasons: list[ReasonOut]


class BlastOut(msgspec.Struct):
    """Addresses that the suspect was given, and accounts by what happened to them."""

    since: str
    until: str
    exposed: int
    requested: int
    half_proven: int
    stopped_by_factor: int
    completed: int
    denied: int


class PreviewOut(msgspec.Struct):
    summary: str
    count: int
    warnings: tuple[str, ...]
    needs_person: bool
    by_hand: tuple[str, ...]


class ApprovalOut(msgspec.Struct):
    """What one person asked for and a second one must approve, until when."""

    id: str
    incident: str
    action: str
    step: str
    state: str
    asked_by: str
    asked_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None


class ActionOut(msgspec.Struct):
    """``waits``: a second person must approve it first."""

    name: str
    state: str
    by: str
    at: str
    preview: PreviewOut
    result: dict[str, Any] | None
    waits: ApprovalOut | None


class EntryOut(msgspec.Struct):
    at: str
    kind: str
    text: str
    by: str
    events: tuple[str, ...]


class CheckOut(msgspec.Struct):
    """``done`` null: nothing is to be done."""

    text: str
    done: bool | None
    detail: str


class RegulatorOut(msgspec.Struct):
    """What a regulator must be told, by when. ``done`` false: it is missing."""

    due_at: str
    items: list[CheckOut]


class PageOut(msgspec.Struct):
    """One page: which of the incident's it is, and how it went."""

    pager: str
    round: int
    why: str
    state: str
    at: str
    tries: int


class SeverityOut(msgspec.Struct):
    """``level``: critical, high, medium or low."""

    level: str
    reasons: tuple[str, ...]


class IncidentOut(msgspec.Struct):
    """An incident with everything that is known of it."""

    id: str
    subject: IncidentSubjectOut
    state: str
    headline: str
    opened_at: str
    since: str
    contained_at: str | None
    restored_at: str | None
    closed_at: str | None
    taken_at: str | None
    taken_by: str | None
    part_of: str | None
    parts: list[str]
    severity: SeverityOut | None
    pages: list[PageOut]
    suspects: tuple[str, ...]
    opinions: list[OpinionOut]
    blast_radius: BlastOut
    actions: list[ActionOut]
    timeline: list[EntryOut]
    tracks: dict[str, list[CheckOut]]
    regulator: RegulatorOut | None


class IncidentReportOut(msgspec.Struct):
    """The report as it stands now. It names no customer."""

    markdown: str


class IncidentsOut(msgspec.Struct):
    incidents: list[IncidentOut]


class ActionIn(msgspec.Struct, forbid_unknown_fields=True):
    """``preview`` keeps what it would do as what you were told; ``apply`` does it; ``stop`` holds
    up what is on its way."""

    step: Literal["preview", "apply", "undo", "stop"]


class MergeIn(msgspec.Struct, forbid_unknown_fields=True):
    """``into``: the id of the incident that leads."""

    into: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class NoteIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a person has to say: a note, or why an incident is closed."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class IncidentsApi(Controller):
    """Reading needs a key with the scope ``read``, acting one with ``operate``."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @get("/", summary="The newest incidents first")
    async def index(self, request: Incoming, running: Running) -> IncidentsOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            found = await incidents.recent(tx, MOST)
            means = running.response.means
            return IncidentsOut([shown(await queries.of(tx, means, one)) for one in found])

    @get("/{incident:str}", summary="One incident")
    async def show(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            return shown(await queries.case(tx, running.response.means, incident))

    @post("/{incident:str}/actions/{name:str}", status_code=200, summary="Preview, apply, undo")
    async def act(
        self, request: Incoming, running: Running, incident: str, name: str
    ) -> Response[ActionOut]:
        """409 with the warnings, where an action needs a person who has seen them: they are kept
        as its preview then, and applying it again does it. 202 where a second person must approve
        it: nothing was done, and ``waits`` names the request."""
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
            case = await queries.case(tx, running.response.means, incident)
            written = report.written(case, await mail.key_names(tx), tx.now)
        return IncidentReportOut(report.markdown(written))

    @post("/{incident:str}/take", status_code=200, summary="See to an incident")
    async def take(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """Nobody else is woken for it from now on."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id

        async def work(tx: Tx) -> IncidentOut:
            await running.incidents.take(tx, incident, by=by)
            return shown(await queries.case(tx, running.response.means, incident))

        return await running.database.retrying(work)

    @post("/{incident:str}/merge", status_code=200, summary="Make it a part of another")
    async def merge(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        """What people do of the whole, they do once; its parts keep their evidence and actions."""
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), MergeIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id

        async def work(tx: Tx) -> IncidentOut:
            await running.incidents.merge(tx, incident, wanted.into, by=by)
            return shown(await queries.case(tx, running.response.means, incident))

        return await running.database.retrying(work)

    @post("/{incident:str}/split", status_code=200, summary="Make a part stand by itself again")
    async def split(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await admit(request, running, Permission.INCIDENTS_WORK)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id

        async def work(tx: Tx) -> IncidentOut:
            await running.incidents.split(tx, incident, by=by)
            return shown(await queries.case(tx, running.response.means, incident))

        return await running.database.retrying(work)

    @post("/{incident:str}/close", status_code=200, summary="Close an incident")
    async def close(self, request: Incoming, running: Running, incident: str) -> IncidentOut:
        await admit(request, running, Permission.INCIDENTS_WORK)
        wanted = strict_json.decode(await strict_json.body(request), NoteIn)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id

        async def end(tx: Tx) -> IncidentOut:
            await running.incidents.close(tx, incident, wanted.text, by=by)
            return shown(await queries.case(tx, running.response.means, incident))

        return await running.database.retrying(end)


def shown(case: CaseView) -> IncidentOut:
    """An incident as the API and the command line write it."""
    one = case.incident
    return IncidentOut(
        one.id,
        IncidentSubjectOut(one.subject.kind, one.subject.id),
        one.state.value,
        headline(one),
        iso(one.opened_at),
        iso(one.since),
        when(one.contained_at),
        when(one.restored_at),
        when(one.closed_at),
        when(one.taken_at),
        one.taken_by,
        one.part_of,
        [part.id for part in case.parts],
        _severity(case.severity),
        [
            PageOut(page.pager, page.round, page.why, page.state, iso(page.at), page.tries)
            for page in case.pages
        ],
        case.suspects,
        [_opinion(view) for view in one.opinions],
        _blast(case.blast),
        [action(done) for done in case.actions],
        [_entry(entry) for entry in case.timeline],
        {
            name: [CheckOut(item.text, item.done, item.detail) for item in track]
            for name, track in (("mail", case.mail), ("security", case.security))
        },
        None
        if case.deadline is None
        else RegulatorOut(
            iso(case.deadline.due_at),
            [CheckOut(one.text, one.done, one.detail) for one in case.deadline.items],
        ),
    )


def _severity(one: Severity | None) -> SeverityOut | None:
    return None if one is None else SeverityOut(one.level.value, one.reasons)


def _opinion(view: View) -> OpinionOut:
    reasons = [
        ReasonOut(one.detector, one.nats, one.text, one.note, one.events) for one in view.reasons
    ]
    return OpinionOut(
        view.hypothesis.value, view.prior, view.log_odds, view.open, view.alone, reasons
    )


def _blast(blast: BlastRadius) -> BlastOut:
    counts = msgspec.structs.asdict(blast)
    return BlastOut(**{**counts, "since": iso(blast.since), "until": iso(blast.until)})


def acted(one: ActionView, step: str) -> Response[ActionOut]:
    """What became of a step: done, or asked for."""
    waits = one.waits is not None and one.waits.step == step
    return Response(action(one), status_code=202 if waits else 200)


def action(one: ActionView) -> ActionOut:
    told = one.preview
    preview = PreviewOut(told.summary, told.count, told.warnings, told.needs_person, told.by_hand)
    waits = None if one.waits is None else approval(one.waits)
    return ActionOut(one.name, one.state.value, one.by, iso(one.at), preview, one.result, waits)


def approval(one: Approval) -> ApprovalOut:
    """A request for a second person."""
    return ApprovalOut(
        *(one.id, one.incident, one.action, one.step.value, one.state.value, one.asked_by),
        *(iso(one.asked_at), iso(one.expires_at), one.decided_by, when(one.decided_at)),
    )


def _entry(one: Entry) -> EntryOut:
    text = f"{one.text}: {one.count}" if one.count else one.text
    return EntryOut(iso(one.at), one.kind, text, one.by, one.events)
