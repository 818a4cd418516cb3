"""The note of an item of a leave: what was seen and what was said, both of them."""

import pytest

from mailkeep.base.errors import Invalid
from mailkeep.cutover.looks import LONGEST, MOST_SEEN, WORD, Seen, noted


def test_what_was_seen_leaves_room_for_a_word() -> None:
    """A name in DNS may have 253 characters: what is left out of it shows."""
    note = noted(Seen(f"{'x' * 253} still stands in DNS"), "Carla")
    assert len(note) <= LONGEST
    assert note.startswith("against what was seen: xxx")
    assert note.endswith("x…; Carla")
    with pytest.raises(Invalid):
        noted(Seen("x" * MOST_SEEN), "y" * (LONGEST - MOST_SEEN))


def test_where_nothing_was_seen_that_says_it_a_word_is_needed() -> None:
    for seen in (Seen(), Seen(note=f"{WORD}nobody is asked"), Seen("it still stands")):
        with pytest.raises(Invalid):
            noted(seen, " ")
        assert noted(seen, "Carla").endswith("Carla")
    assert noted(Seen(note="none seen"), "") == "none seen"
