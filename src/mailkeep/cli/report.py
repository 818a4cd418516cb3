"""Formats an incident for a terminal, in the same words as the console (pure).

Security: prints what people and providers wrote, without terminal control characters.
"""

from collections.abc import Iterable

from mailkeep.base.wording import counted
from mailkeep.incidents.content import ASSUMED
from mailkeep.incidents.regulator import answered
from mailkeep.incidents.services import SYSTEM
from mailkeep.incidents.tracks import Item
from mailkeep.incidents.types import Entry, Incident
from mailkeep.incidents.words import (
    SPENT,
    TITLES,
    TOUCHED,
    began,
    clock,
    course,
    figure,
    headline,
    obeyed,
    standing,
    told,
)
from mailkeep.response import todo
from mailkeep.response.types import ActionState, CaseView


def line(one: Incident, deciding: int) -> str:
    """One incident of the list. ``deciding``: actions that wait for a person."""
    ever = [course(one), todo.say(deciding) if deciding else ""]
    more = "; ".join(filter(None, ever))
    more = f" ({more})" if more else ""
    return _plain(f"{one.id}  {clock(one.opened_at)}  [{one.state.value}]  {headline(one)}{more}")


def full(case: CaseView) -> str:
    """Everything that is known."""
    one = case.incident
    start = began(one)
    start = f"{start[0].lower()}{start[1:]} {clock(one.since)}"
    lines = [headline(one), f"  {one.id}, {one.state.value}; {start}"]
    left = counted(len(todo.still_to_do(case)), "item is", "items are")
    lines.append(f"  {todo.say(len(todo.to_decide(one, case.actions)))}; {left} still to do")
    if one.word is not None:
        lines.append(f"  {told(one)} ({one.word.by})")
    if case.severity is not None:
        lines.append(f"  severity {case.severity.level.value}:")
        lines += [f"    {reason}" for reason in case.severity.reasons]
    if one.part_of is not None:
        lines.append(f"  part of {one.part_of}")
    lines += [f"  has as a part {part.id}: {headline(part)}" for part in case.parts]
    for view in one.opinions:
        word = "held" if view.open else "not held"
        lines += ["", f"{TITLES[view.hypothesis]}: {standing(view, one.state)}; {word}"]
        if view.spent:
            lines.append(f"  {SPENT}")
        lines.append(f"  {view.prior:+6.1f}  before any evidence")
        for reason in view.reasons:
            note = f" ({reason.note})" if reason.note else ""
            lines.append(f"  {reason.nats:+6.1f}  {reason.detector}: {reason.text}{note}")
    lines += ["", f"Who is affected ({clock(case.blast.since)} to {clock(case.blast.until)})"]
    lines += [f"  {figure(getattr(case.blast, field)):>6}  {label}" for label, field in TOUCHED]
    lines += _read(case)
    lines += ["", "Mail goes out", *_track(case.mail), "", "Nobody is harmed"]
    lines += _track(case.security)
    if case.deadline is not None:
        lines += ["", "For the regulator", f"  {answered(case.deadline)}"]
        lines += _track(case.deadline.items)
    lines += ["", "Actions"]
    for book in case.books:
        lines.append(f"  playbook for {TITLES[book.hypothesis].lower()}: {book.words}")
    for action in case.actions:
        lines.append(f"  [{action.state.value}] {action.name}: {action.preview.summary}")
        lines += [f"      ! {warning}" for warning in action.preview.warnings]
        lines += [f"      by hand: {one}" for one in action.preview.by_hand]
        if action.result and action.state is not ActionState.PROPOSED:
            came = [f"{n.replace('_', ' ')} {v}" for n, v in action.result.items() if _plainly(v)]
            lines.append(f"      came of it: {', '.join(came)}")
        if action.held is not None:
            lines.append(f"      left to people: {action.held}")
        if action.waits is not None:
            lines.append(f"      a second person must approve: {action.waits.id}")
    lines += ["", "Timeline", *_lines(one.id, case.timeline, case.earlier)]
    return "\n".join(map(_plain, lines))


def timeline(incident: str, found: Iterable[Entry], earlier: int) -> str:
    """Lines of a timeline."""
    return "\n".join(map(_plain, _lines(incident, found, earlier))) or "No lines before that one."


def _lines(incident: str, found: Iterable[Entry], earlier: int) -> list[str]:
    lines = []
    if earlier:
        more = f"mailkeep incidents timeline {incident} --before {earlier + 1}"
        lines.append(f"  {counted(earlier, 'earlier line')}: {more}")
    for entry in found:
        count = f": {entry.count}" if entry.count else ""
        # Before what they wrote, which could end in somebody else's name.
        who = "" if entry.by == SYSTEM else f"({entry.by}) "
        lines.append(f"  {clock(entry.at)}  {who}{entry.kind}: {entry.text}{count}")
    return lines


def _plainly(value: object) -> bool:
    """A number or a word of a result, and no list."""
    return isinstance(value, int | str) and value != ""


def _read(case: CaseView) -> list[str]:
    """What the suspects could read, and, apart, what they are known to have taken."""
    if not case.suspects:
        return []
    lines = []
    content = case.blast.content
    if content is not None:
        day = clock(content.since)[:10]
        lines += ["", f"Mail that could be read, from {day} (addresses, mails, stream)"]
        lines += [f"  {content.addresses:6}          in all"]
        lines += [f"  {one.addresses:6}  {one.mails:6}  {one.stream}" for one in content.streams]
        if content.assumed:
            names = ", ".join(content.assumed)
            lines.append(f"  nobody says for how long {names} keeps mail: {ASSUMED} days counted")
    taken = [f"  {one.what}: {one.text} ({one.detector})" for one in case.taken]
    none = ["  nothing; who only reads leaves no trace here"]
    return [*lines, "", "Known to have been taken", *(taken or none)]


def _plain(text: str) -> str:
    """What of a line may be shown. Its own line breaks are set in: no part of a note looks like a
    line of the report."""
    text = text.replace("\t", " ").replace("\n", f"\n{' ' * 8}")
    return "".join(one for one in text if one == "\n" or not obeyed(one))


def _track(items: Iterable[Item]) -> list[str]:
    marks = {True: "x", False: " ", None: "-"}
    return [
        f"  [{marks[one.done]}] {one.text}" + (f" ({one.detail})" if one.detail else "")
        for one in items
    ]
