"""Incidents in the JSON form that the API and the command line give them (pure)."""

from typing import Any

import msgspec
from litestar import Response

from mailkeep.base.clock import iso, when
from mailkeep.incidents.severity import Severity
from mailkeep.incidents.types import BlastRadius, Content, Entry, Incident, View
from mailkeep.incidents.words import headline
from mailkeep.response.types import ActionView, Approval, BriefView, CaseView


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
    """An opinion. ``open``: it is held. ``automatic``: an action may rest on it without a person.
    ``spent``: nothing supports it any more, and the reasons are those of when something did.
    ``highest``: the most that it stood at while it was held, and since when; null: it never was."""

    hypothesis: str
    prior: float
    log_odds: float
    open: bool
    automatic: bool
    spent: bool
    highest: float | None
    highest_at: str | None
    reasons: list[ReasonOut]


class StreamContentOut(msgspec.Struct):
    """Addresses that were written to over a stream, and mails to them."""

    stream: str
    addresses: int
    mails: int


class ContentOut(msgspec.Struct):
    """Whose mail the suspects could read, contents and all, by whole days. ``assumed``: providers
    of which nobody said how long they keep mail; thirty days are assumed."""

    as_of: str
    since: str
    until: str
    addresses: int
    streams: list[StreamContentOut]
    assumed: tuple[str, ...]


class TakenOut(msgspec.Struct):
    """Something that the suspects are known to have taken."""

    detector: str
    what: str
    text: str
    events: tuple[str, ...]


class BlastOut(msgspec.Struct):
    """Addresses that the suspect was given, and accounts by what happened to them. ``as_of``: when
    this was so; null: now. ``content`` null: not counted yet, or the incident is about no
    provider. ``lost``: of those that were completed, denied by their owner or from a browser that
    the account did not know; null: not counted yet, or too many."""

    since: str
    until: str
    exposed: int
    requested: int
    half_proven: int
    stopped_by_factor: int
    completed: int
    denied: int
    as_of: str | None
    content: ContentOut | None
    lost: int | None


class PreviewOut(msgspec.Struct):
    summary: str
    count: int
    warnings: tuple[str, ...]
    needs_person: bool
    by_hand: tuple[str, ...]


class ApprovalOut(msgspec.Struct):
    """A request that a second person must approve, and when it expires."""

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
    """An action. ``waits``: a second person must approve it first; ``unchanged``: it was applied
    once more, and there was nothing to do."""

    name: str
    state: str
    by: str
    at: str
    preview: PreviewOut
    result: dict[str, Any] | None
    waits: ApprovalOut | None
    unchanged: bool


class EntryOut(msgspec.Struct):
    at: str
    kind: str
    text: str
    by: str
    events: tuple[str, ...]


class CheckOut(msgspec.Struct):
    """A checklist item. ``done`` null: nothing is to be done."""

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


class IncidentHeadOut(msgspec.Struct):
    """The fields that every form of an incident begins with."""

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


class IncidentOut(IncidentHeadOut):
    """An incident with everything that is known of it."""

    parts: list[str]
    severity: SeverityOut | None
    pages: list[PageOut]
    suspects: tuple[str, ...]
    opinions: list[OpinionOut]
    blast_radius: BlastOut
    taken: list[TakenOut]
    actions: list[ActionOut]
    timeline: list[EntryOut]
    tracks: dict[str, list[CheckOut]]
    regulator: RegulatorOut | None


class IncidentReportOut(msgspec.Struct):
    """The report as it stands now. It names no customer."""

    markdown: str


class IncidentBriefOut(IncidentHeadOut):
    """An incident as a list shows it, from stored values only. ``blast_radius`` null: it opened a
    moment ago."""

    suspects: tuple[str, ...]
    opinions: list[OpinionOut]
    blast_radius: BlastOut | None
    actions: list[ActionOut]


#: The fields of an ``IncidentHeadOut``, in their order.
_Head = tuple[
    str,
    IncidentSubjectOut,
    str,
    str,
    str,
    str,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
]


class IncidentsOut(msgspec.Struct):
    incidents: list[IncidentBriefOut]


def _head(one: Incident) -> _Head:
    return (
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
    )


def shown(case: CaseView) -> IncidentOut:
    """An incident as the API and the command line write it."""
    one = case.incident
    return IncidentOut(
        *_head(one),
        [part.id for part in case.parts],
        _severity(case.severity),
        [
            PageOut(page.pager, page.round, page.why, page.state, iso(page.at), page.tries)
            for page in case.pages
        ],
        case.suspects,
        [_opinion(view) for view in one.opinions],
        blast(case.blast),
        [TakenOut(*msgspec.structs.astuple(one)) for one in case.taken],
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


def brief(case: BriefView) -> IncidentBriefOut:
    one = case.incident
    return IncidentBriefOut(
        *_head(one),
        case.suspects,
        [_opinion(view) for view in one.opinions],
        None if case.blast is None else blast(case.blast),
        [action(done) for done in case.actions],
    )


def _severity(one: Severity | None) -> SeverityOut | None:
    return None if one is None else SeverityOut(one.level.value, one.reasons)


def _opinion(view: View) -> OpinionOut:
    reasons = [
        ReasonOut(one.detector, one.nats, one.text, one.note, one.events) for one in view.reasons
    ]
    return OpinionOut(
        *(view.hypothesis.value, view.prior, view.log_odds, view.open, view.alone),
        *(view.spent, view.highest, when(view.highest_at)),
        reasons,
    )


def blast(found: BlastRadius) -> BlastOut:
    """A blast radius."""
    told = {"since": iso(found.since), "until": iso(found.until), "as_of": when(found.as_of)}
    content = None if found.content is None else _content(found.content)
    return BlastOut(**{**msgspec.structs.asdict(found), **told, "content": content})


def _content(found: Content) -> ContentOut:
    return ContentOut(
        *(iso(found.as_of), iso(found.since), iso(found.until), found.addresses),
        [StreamContentOut(one.stream, one.addresses, one.mails) for one in found.streams],
        found.assumed,
    )


def acted(one: ActionView, step: str) -> Response[ActionOut]:
    """The result of a step: done, or requested."""
    waits = one.waits is not None and one.waits.step == step
    return Response(action(one), status_code=202 if waits else 200)


def action(one: ActionView) -> ActionOut:
    told = one.preview
    preview = PreviewOut(told.summary, told.count, told.warnings, told.needs_person, told.by_hand)
    waits = None if one.waits is None else approval(one.waits)
    return ActionOut(
        *(one.name, one.state.value, one.by, iso(one.at), preview, one.result, waits),
        one.unchanged,
    )


def approval(one: Approval) -> ApprovalOut:
    """A request for a second person."""
    return ApprovalOut(
        *(one.id, one.incident, one.action, one.step.value, one.state.value, one.asked_by),
        *(iso(one.asked_at), iso(one.expires_at), one.decided_by, when(one.decided_at)),
    )


def _entry(one: Entry) -> EntryOut:
    text = f"{one.text}: {one.count}" if one.count else one.text
    return EntryOut(iso(one.at), one.kind, text, one.by, one.events)
