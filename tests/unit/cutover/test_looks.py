"""The note of an item of a leave: what was seen and what was said, both of them."""

import pytest

from mailkeep.base.errors import Invalid
from mailkeep.cutover.looks import LONGEST, MOST_SEEN, Seen, noted


def test_what_was_seen_leaves_room_for_a_word() -> None:
    """A name in DNS may have 253 characters: what is left out of it shows."""
    note = noted(Seen(f"{'x' * 253} still stands in DNS"), "Carla")
    assert len(note) <= LONGEST
    assert note.startswith("against what was seen: xxx")
    assert note.endswith("x…; Carla")
    with pytest.raises(Invalid):
        noted(Seen("x" * MOST_SEEN), "y" * (LONGEST - MOST_SEEN))
