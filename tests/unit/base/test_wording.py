"""Words that messages share."""

import pytest

from mailkeep.base.clock import iso, readable, readable_of
from mailkeep.base.wording import LISTED, counted, nearest


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 checks"), (1, "1 check"), (2, "2 checks"), (12345, "12,345 checks")]
)
def test_one_is_not_said_as_many(count: int, said: str) -> None:
    assert counted(count, "check") == said


def test_what_has_a_plural_of_its_own_is_said_so() -> None:
    words = "address was given away", "addresses were given away"
    assert counted(1, *words) == "1 address was given away"
    assert counted(3, *words) == "3 addresses were given away"


def test_who_errs_is_told_the_nearest_word_or_those_that_there_are() -> None:
    assert nearest("postmrak", ["mandrill", "postmark"]) == "; did you mean postmark?"
    assert nearest("zzz", ["b", "a"]) == "; there are a, b"
    assert nearest("zzz", []) == "; there are none"
    assert nearest("zzz", map(str, range(LISTED + 2))).endswith(" and 2 more")
    assert "split" in nearest("list", ["split", "merge"])
    assert nearest("list", ["split", "merge"], like=0.7) == "; there are merge, split"


def test_an_instant_is_told_to_people_without_its_fractions() -> None:
    at = 1_795_948_696_123_456
    assert readable(at) == "2026-11-29 10:38:16 UTC"
    assert readable_of(iso(at)) == readable(at)
