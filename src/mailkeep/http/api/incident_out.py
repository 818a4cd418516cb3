"""Incidents in the JSON form that the API and the command line give them (pure)."""

from typing import Any

import msgspec
from litestar import Response

from mailkeep.base.clock import iso, when
from mailkeep.incidents.severity import Severity
from mailkeep.incidents.types import (
    BlastRadius,
    Content,
    Entry,
    Incident,
    View,
    Word,
)
from mailkeep.incidents.words import headline
from mailkeep.response import todo
from mailkeep.response.types import ActionView, BriefView, CaseView

from .approval_out import ApprovalOut, approval
from .playbook_out import PlaybookOut, playbook
from .regulator_out import CheckOut, RegulatorOut, check, regulator


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


class ActionOut(msgspec.Struct):
    """An action. ``waits``: a second person must approve it first; ``unchanged``: it was applied
    once more, and there was nothing to do; ``held``: why its playbook leaves it, or the rest of it,
    to people."""

    name: str
    state: str
    by: str
    at: str
    preview: PreviewOut
    result: dict[str, Any] | None
    waits: ApprovalOut | None
    unchanged: bool
    held: str | None


class EntryOut(msgspec.Struct):
    line: int
    at: str
    kind: str
    text: str
    by: str
    events: tuple[str, ...]


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


class WordOut(msgspec.Struct):
    """What a person says of it: what is going on (null: they speak of the window alone), from when
    to when (null: they do not say)."""

    hypothesis: str | None
    by: str
    at: str
    since: str | None
    until: str | None


class IncidentHeadOut(msgspec.Struct):
    """The fields that every form of an incident begins with. ``to_decide``: actions that wait for a
    person: asked for by another one, or proposed with something to do."""

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
    said: WordOut | None
    to_decide: int


class IncidentOut(IncidentHeadOut):
    """An incident with everything that is known of it. ``earlier``: lines of the timeline before
    those that are in it. ``still_to_do``: items of the tracks and for the regulator that are not
    done."""

    parts: list[str]
    severity: SeverityOut | None
    pages: list[PageOut]
    suspects: tuple[str, ...]
    opinions: list[OpinionOut]
    blast_radius: BlastOut
    taken: list[TakenOut]
    actions: list[ActionOut]
    playbooks: list[PlaybookOut]
    timeline: list[EntryOut]
    earlier: int
    tracks: dict[str, list[CheckOut]]
    regulator: RegulatorOut | None
    still_to_do: int


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


class IncidentsOut(msgspec.Struct):
    """A page of them. ``after``: the ``before`` of the next page; null: there is none."""

    incidents: list[IncidentBriefOut]
    after: str | None


class TimelineOut(msgspec.Struct):
    """Lines in order. ``earlier``: how many there are before them."""

    timeline: list[EntryOut]
    earlier: int


def _word(one: Word | None) -> WordOut | None:
    if one is None:
        return None
    said = None if one.hypothesis is None else one.hypothesis.value
    return WordOut(said, one.by, iso(one.at), when(one.since), when(one.until))


def _head(one: Incident, actions: list[ActionView]) -> IncidentHeadOut:
    return IncidentHeadOut(
        id=one.id,
        subject=IncidentSubjectOut(one.subject.kind, one.subject.id),
        state=one.state.value,
        headline=headline(one),
        opened_at=iso(one.opened_at),
        since=iso(one.since),
        contained_at=when(one.contained_at),
        restored_at=when(one.restored_at),
        closed_at=when(one.closed_at),
        taken_at=when(one.taken_at),
        taken_by=one.taken_by,
        part_of=one.part_of,
        said=_word(one.word),
        to_decide=len(todo.to_decide(one, actions)),
    )


def shown(case: CaseView) -> IncidentOut:
    """An incident as the API and the command line write it."""
    one = case.incident
    return IncidentOut(
        **msgspec.structs.asdict(_head(one, case.actions)),
        parts=[part.id for part in case.parts],
        severity=_severity(case.severity),
        pages=[
            PageOut(page.pager, page.round, page.why, page.state, iso(page.at), page.tries)
            for page in case.pages
        ],
        suspects=case.suspects,
        opinions=[_opinion(view) for view in one.opinions],
        blast_radius=blast(case.blast),
        taken=[
            TakenOut(found.detector, found.what, found.text, found.events) for found in case.taken
        ],
        actions=[action(done) for done in case.actions],
        playbooks=[playbook(book) for book in case.books],
        timeline=[entry(line) for line in case.timeline],
        earlier=case.earlier,
        tracks={
            name: [check(item) for item in track]
            for name, track in (("mail", case.mail), ("security", case.security))
        },
        regulator=regulator(case.deadline),
        still_to_do=len(todo.still_to_do(case)),
    )


def brief(case: BriefView) -> IncidentBriefOut:
    one = case.incident
    return IncidentBriefOut(
        **msgspec.structs.asdict(_head(one, case.actions)),
        suspects=case.suspects,
        opinions=[_opinion(view) for view in one.opinions],
        blast_radius=None if case.blast is None else blast(case.blast),
        actions=[action(done) for done in case.actions],
    )


def _severity(one: Severity | None) -> SeverityOut | None:
    return None if one is None else SeverityOut(one.level.value, one.reasons)


def _opinion(view: View) -> OpinionOut:
    reasons = [
        ReasonOut(one.detector, one.nats, one.text, one.note, one.events) for one in view.reasons
    ]
    return OpinionOut(
        hypothesis=view.hypothesis.value,
        prior=view.prior,
        log_odds=view.log_odds,
        open=view.open,
        automatic=view.alone,
        spent=view.spent,
        highest=view.highest,
        highest_at=when(view.highest_at),
        reasons=reasons,
    )


def blast(found: BlastRadius) -> BlastOut:
    """A blast radius."""
    return BlastOut(
        since=iso(found.since),
        until=iso(found.until),
        exposed=found.exposed,
        requested=found.requested,
        half_proven=found.half_proven,
        stopped_by_factor=found.stopped_by_factor,
        completed=found.completed,
        denied=found.denied,
        as_of=when(found.as_of),
        content=None if found.content is None else _content(found.content),
        lost=found.lost,
    )


def _content(found: Content) -> ContentOut:
    return ContentOut(
        as_of=iso(found.as_of),
        since=iso(found.since),
        until=iso(found.until),
        addresses=found.addresses,
        streams=[StreamContentOut(one.stream, one.addresses, one.mails) for one in found.streams],
        assumed=found.assumed,
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
        name=one.name,
        state=one.state.value,
        by=one.by,
        at=iso(one.at),
        preview=preview,
        result=one.result,
        waits=waits,
        unchanged=one.unchanged,
        held=one.held,
    )


def entry(one: Entry) -> EntryOut:
    text = f"{one.text}: {one.count}" if one.count else one.text
    return EntryOut(one.line, iso(one.at), one.kind, text, one.by, one.events)
