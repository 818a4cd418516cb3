"""The incident report (pure): one text, as Markdown and as a self-contained page.

The page has its own inline style and no script; it names no customer.
"""

import html as escape
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.incidents.content import ASSUMED
from mailkeep.incidents.regulator import answered
from mailkeep.incidents.tracks import Item
from mailkeep.incidents.types import State, View
from mailkeep.incidents.words import (
    SPENT,
    TITLES,
    TOUCHED,
    began,
    clock,
    figure,
    headline,
    obeyed,
    span,
    standing,
    told,
)

from .drawing import Mark, timeline
from .types import ActionView, CaseView

Names = Mapping[str, str]


class Table(msgspec.Struct, frozen=True):
    """Rows under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(msgspec.Struct, frozen=True):
    """A heading with what stands under it; ``picture``: an SVG that the table beside it tells."""

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    picture: str = ""


class Written(msgspec.Struct, frozen=True):
    """A report: what it is about, then its sections."""

    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]


def written(case: CaseView, names: Names, now: Instant) -> Written:
    """The report as it stands at ``now``.

    Args:
        names: of the API keys that people acted by.
    """
    one = case.incident
    return Written(
        headline(one),
        (
            f"Incident {one.id}, {one.state.value}. Written {clock(now)} by Mailkeep.",
            f"{began(one)} {clock(one.since)}; opened {span(one.since, one.opened_at)} later"
            + (f"; cut off {clock(one.contained_at)}" if one.contained_at else "")
            + (f"; closed {clock(one.closed_at)}" if one.closed_at else "")
            + ".",
        ),
        (
            _who(case),
            *_read(case),
            *_why(case),
            _done(case, names),
            *_owners(case),
            _checks("Mail goes out", case.mail),
            _checks("Nobody is harmed", case.security),
            *_regulator(case, names),
            _told(case),
            _line(case, names, now),
        ),
    )


def markdown(report: Written) -> str:
    """As Markdown."""
    out = [f"# {_md(report.title)}", "", *map(_md, report.lines)]
    for one in report.sections:
        out += ["", f"## {_md(one.title)}"]
        out += ["", *map(_md, one.lines)] if one.lines else []
        if one.picture:
            out += ["![Timeline](timeline.svg)", ""]
        if one.table is not None:
            out += ["", _row(one.table.head), _row("---" for _ in one.table.head)]
            out += [_row(map(_md, row)) for row in one.table.rows]
    return "\n".join(out) + "\n"


def html(report: Written) -> str:
    """As one page."""
    out = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_html(report.title)}</title>",
        '<link rel="icon" href="/static/mark.svg" type="image/svg+xml">',
        '<link rel="stylesheet" href="/static/report.css"></head><body><main>',
        f"<h1>{_html(report.title)}</h1>",
        *(f"<p>{_html(line)}</p>" for line in report.lines),
    ]
    for one in report.sections:
        out.append(f"<section><h2>{_html(one.title)}</h2>")
        out += [f"<p>{_html(line)}</p>" for line in one.lines]
        if one.picture:
            label = _html(one.title)
            out.append(f'<figure tabindex="0" aria-label="{label}">{one.picture}</figure>')
        if one.table is not None and one.table.rows:
            out.append(_html_table(one.table))
        out.append("</section>")
    return "\n".join([*out, "</main></body></html>"])


def marks(case: CaseView) -> list[Mark]:
    """What the picture shows: each line of the timeline in the lane of its kind."""
    lanes = {"note": "people", "taken": "people"}
    lanes |= dict.fromkeys(("action", "waits", "rest"), "actions")
    return [Mark(entry.at, lanes.get(entry.kind, "state"), entry.kind) for entry in case.timeline]


def _who(case: CaseView) -> Section:
    blast = case.blast
    return Section(
        "Who is affected",
        (
            f"From {clock(blast.since)} to {clock(blast.until)}. "
            + (f"Suspect: {', '.join(case.suspects)}." if case.suspects else ""),
        ),
        Table(
            ("what", "how many"),
            tuple((label, figure(getattr(blast, field))) for label, field in TOUCHED),
        ),
    )


def _read(case: CaseView) -> list[Section]:
    """What the suspects could read, and, apart, what they are known to have taken."""
    if not case.suspects:
        return []
    content = case.blast.content
    taken = tuple(f"{one.what}: {one.text} ({one.detector})" for one in case.taken)
    none = ("Nothing. Who only reads leaves no trace here.",)
    known = Section("Known to have been taken", taken or none)
    if content is None:
        return [known]
    assumed = ""
    if content.assumed:
        names = ", ".join(content.assumed)
        assumed = f" For how long {names} keeps mail is not said; {ASSUMED} days are counted."
    addresses = counted(content.addresses, "address", "addresses")
    since, then = clock(content.since)[:10], f"as counted {clock(content.as_of)}"
    could = Section(
        "Mail that could be read",
        (f"From {since}, contents and all: to {addresses}, {then}.{assumed}",),
        Table(
            ("stream", "addresses", "mails"),
            tuple((one.stream, str(one.addresses), str(one.mails)) for one in content.streams),
        ),
    )
    return [could, known]


def _why(case: CaseView) -> list[Section]:
    said = told(case.incident)
    return [
        *([Section("Why: somebody says so", (f"{said[0].upper()}{said[1:]}.",))] if said else []),
        *(_opinion(view, case.incident.state) for view in case.incident.opinions),
    ]


def _opinion(view: View, state: State) -> Section:
    return Section(
        f"Why: {TITLES[view.hypothesis]}, {standing(view, state)}",
        ("Held." if view.open else "Not held.", *((SPENT,) if view.spent else ())),
        Table(
            ("nats", "detector", "what it saw"),
            (
                (f"{view.prior:+.1f}", "", "before any evidence"),
                *(
                    (
                        f"{reason.nats:+.1f}",
                        reason.detector,
                        reason.text + (f" ({reason.note})" if reason.note else ""),
                    )
                    for reason in view.reasons
                ),
            ),
        ),
    )


def _done(case: CaseView, names: Names) -> Section:
    rows = tuple(
        (
            clock(one.at),
            one.name.replace("_", " "),
            one.state.value,
            names.get(one.by, one.by),
            one.preview.summary + _came_of(one) + _left(one),
        )
        for one in case.actions
    )
    head = ("when", "action", "state", "by", "as it was shown before, and what came of it")
    return Section("What was done", () if rows else ("Nothing yet.",), Table(head, rows))


def _owners(case: CaseView) -> list[Section]:
    """Who was told what happened to their account; by number, as all of this report."""
    for one in case.actions:
        result = one.result or {}
        if one.name == "notify_owners" and "told" in result:
            numbers = (
                f"{one.state.value.capitalize()}. Owners: {result['owners']}; told, as a mail to "
                f"them was delivered: {result['told']}; not told, or not yet: {result['not_told']}."
            )
            each = (
                "Each of them, by the account's id, with the mails: notices.jsonl of the evidence, "
                f"mailkeep incidents notices {case.incident.id}."
            )
            return [Section("Owners told", (numbers, each))]
    return []


def _came_of(one: ActionView) -> str:
    figures = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in (one.result or {}).items()
        if isinstance(value, int | str) and value != ""
    )
    return f" Came of it: {figures}." if figures else ""


def _left(one: ActionView) -> str:
    return f" Left to people: {one.held}." if one.held else ""


def _checks(title: str, items: Sequence[Item]) -> Section:
    words = {True: "done", False: "still to do", None: "nothing to do"}
    rows = tuple((words[one.done], one.text, one.detail) for one in items)
    return Section(title, (), Table(("state", "what", "detail"), rows))


def _regulator(case: CaseView, names: Names) -> list[Section]:
    if case.deadline is None:
        return []
    checks = _checks("For the regulator", case.deadline.items)
    return [msgspec.structs.replace(checks, lines=(answered(case.deadline, names),))]


def _told(case: CaseView) -> Section:
    rows = tuple(
        (clock(one.at), one.pager, one.why.value, one.state.value, str(one.tries))
        for one in reversed(case.pages)
    )
    lines = () if rows else ("Nobody was paged.",)
    return Section("Who was woken", lines, Table(("when", "pager", "why", "state", "tries"), rows))


def _line(case: CaseView, names: Names, now: Instant) -> Section:
    rows = tuple(
        (
            clock(entry.at),
            entry.kind,
            entry.text + (f": {entry.count}" if entry.count else ""),
            "" if entry.by == "mailkeep" else names.get(entry.by, entry.by),
        )
        for entry in case.timeline
    )
    picture = timeline(marks(case), case.incident.since, case.incident.closed_at or now)
    return Section("Timeline", (), Table(("when", "kind", "what", "by"), rows), picture)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    """A text that people wrote, escaped so that it is no markup, no link, breaks no table row, and
    holds nothing that a terminal obeys."""
    for one in "\\`*_{}[]<>#|!&~@":
        text = text.replace(one, f"\\{one}")
    # Else renderers make a link of it (GitHub Flavored Markdown, section 6.9).
    text = text.replace("://", ":\\//").replace("www.", "www\\.")
    return _plain(text)


def _plain(text: str) -> str:
    """A text on one line, read as it is written."""
    line = text.replace("\n", " ").replace("\t", " ")
    return "".join(one for one in line if not obeyed(one))


def _html(text: str) -> str:
    return escape.escape(_plain(text))


def _html_table(table: Table) -> str:
    names = [_html(one) for one in table.head]
    head = "".join(f'<th scope="col">{one}</th>' for one in names)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-head="{name}">{_html(cell)}</td>'  # what a narrow screen shows
            for name, cell in zip(names, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
