"""A message's life as the eye gets it."""

from mailkeep.cli.messages import lines
from mailkeep.mail.lives import AttemptView, EventView, Life
from mailkeep.mail.told import life

SECOND = 1_000_000


def _life(status: str, next_at: int = 0) -> Life:
    return Life("msg_1", "alert", status, "address_1", 0, 60 * SECOND, next_at, 2, "b", (), ())


def test_attempts_and_reports_stand_together_in_order() -> None:
    attempts = [
        AttemptView("att_1", "a", SECOND, "suspended", "code 99"),
        AttemptView("att_2", "b", 2 * SECOND, "accepted", ""),
        AttemptView("att_3", "b", 9 * SECOND, None, None),
    ]
    events = [EventView("b", "deferred", 5 * SECOND, 4 * SECOND)]
    assert lines(life(_life("sending"), attempts, events, None)) == [
        "msg_1: sending",
        "  stream alert, to address_1",
        "  taken in 1970-01-01 00:00:00 UTC, expires 1970-01-01 00:01:00 UTC",
        "",
        "  1970-01-01 00:00:01 UTC  1. attempt, a: suspended: code 99",
        "  1970-01-01 00:00:02 UTC  2. attempt, b: accepted",
        "  1970-01-01 00:00:05 UTC  b says: deferred (by its clock 1970-01-01 00:00:04 UTC)",
        "  1970-01-01 00:00:09 UTC  3. attempt, b: under way, or cut short",
    ]


def test_why_it_waits_is_said() -> None:
    said = lines(life(_life("queued", 7 * SECOND), [], [], "retry"))
    assert said[3] == "  waits: retry; looked at again 1970-01-01 00:00:07 UTC"
    assert said[-1] == "  nobody has tried yet"
