"""Places in a list of messages, and why one waits."""

import pytest

from mailkeep.base.clock import HOUR
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import new_id
from mailkeep.mail.lives import Life, of_cursor, to_cursor, waits_for

NOW = 1_700_000_000_000_000


def test_a_cursor_is_taken_back_and_nothing_else_is() -> None:
    message = new_id("msg", NOW)
    cursor = to_cursor(message)
    assert of_cursor(cursor) == message
    for wrong in (cursor + "=", cursor[:-1], cursor + "A", message, "", " " + cursor, "ü", "\0"):
        with pytest.raises(Invalid) as caught:
            of_cursor(wrong)
        assert caught.value.field == "cursor"
    with pytest.raises(Invalid):
        of_cursor(to_cursor(new_id("key", NOW)))


@pytest.mark.parametrize(
    ("status", "due_in", "tries", "routes", "why"),
    [
        ("queued", 0, 0, {"one"}, "due"),
        ("queued", -1, 3, {"one"}, "due"),
        ("queued", 1, 3, {"one"}, "retry"),
        ("queued", 1, 0, {"one"}, "scheduled"),
        ("queued", 0, 0, set(), "no_route"),
        ("queued", 0, 0, {"two"}, "no_route"),  # that it must not have
        ("queued", 0, 0, {"three"}, "no_route"),  # that is not among those it may have
        ("queued", 1 + HOUR, 0, set(), "scheduled"),
        ("sending", 0, 0, {"one"}, None),
        ("delivered", 0, 1, set(), None),
    ],
)
def test_why_a_message_waits(
    status: str, due_in: int, tries: int, routes: set[str], why: str | None
) -> None:
    life = Life(
        "msg_1", "alert", status, "address_1", NOW, NOW, NOW + due_in, tries, None, ("one", "two"),
        ("two",),
    )  # fmt: skip
    assert waits_for(life, routes, NOW) == why
