"""An incident in a terminal: nothing in it that the terminal obeys."""

import msgspec

from mailkeep.cli import report
from mailkeep.incidents.types import BlastRadius, Entry, Incident, Reason, State, View
from mailkeep.response.playbooks import standing
from mailkeep.response.types import (
    ActionState,
    ActionView,
    CaseView,
    PlaybookLimits,
    PlaybookSettings,
    Preview,
)
from mailkeep.watch.types import Hypothesis, provider_subject

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b2J\r\u202e"


def _case(text: str) -> CaseView:
    reason = Reason("word", 2.0, text, text, ())
    view = View(Hypothesis.PROVIDER_SILENT, 3.0, True, False, (reason,))
    incident = Incident("inc_1", provider_subject(f"a{text}"), State.OPEN, 0, 0, (view,))
    entry = Entry(1, 0, "note", f"seen{text}", "key_1", (), 0)
    return CaseView(incident, (), BlastRadius(0, 0, 0, 0, 0, 0, 0, 0), [], [entry])


def test_what_a_terminal_obeys_is_not_printed() -> None:
    hostile = _case(ESCAPE)
    for printed in (report.full(hostile), report.line(hostile.incident, 1)):
        assert not any(one in printed for one in ESCAPE if not one.isprintable())
        assert "]0;owned[2J2J" in printed  # shown as what it is
    assert "note: seen]0;owned" in report.full(hostile)


def test_no_line_of_a_note_looks_like_one_of_the_report() -> None:
    forged = "\n  1970-01-01 00:00:00 UTC  closed: the incident closed\n\tñ 👩‍💻"
    lines = report.full(_case(forged)).split("\n")
    assert "          1970-01-01 00:00:00 UTC  closed: the incident closed" in lines
    assert not any(one.startswith("  1970") and "closed:" in one for one in lines)
    assert "         ñ 👩\u200d💻" in lines


def test_who_did_something_is_said_and_the_numbers_have_the_words_of_the_console() -> None:
    told = report.full(_case("")).split("\n")
    assert any(one.endswith("UTC  (key_1) note: seen") for one in told)
    assert "       0  addresses that it was ever given" in told


def test_a_playbooks_bounds_and_what_it_leaves_to_people_are_said() -> None:
    silent, rest = Hypothesis.PROVIDER_SILENT, "rest_provider"
    book = PlaybookSettings(silent, (rest,), (rest,), 9.0, PlaybookLimits(each_day=1))
    case = _case("")
    kept = ActionView(
        *("act_1", rest, ActionState.PROPOSED, "playbook", 0),
        *(Preview("It rests.", 0), None),
        held="done it 1 time within a day",
    )
    books = standing(case.incident.opinions, (book,))
    told = report.full(msgspec.structs.replace(case, actions=[kept], books=books)).split("\n")
    at = told.index("Actions")
    assert told[at + 1 : at + 4] == [
        f"  playbook for silent: {books[0].words}",
        "  [proposed] rest_provider: It rests.",
        "      left to people: done it 1 time within a day",
    ]
