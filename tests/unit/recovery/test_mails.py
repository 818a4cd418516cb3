"""What owners read about times."""

import pytest

from mailkeep.recovery.mails import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "a second"),
        (4.0, "4 seconds"),
        (60.0, "a minute"),
        (90.0, "90 seconds"),
        (900.0, "15 minutes"),
        (3600.0, "an hour"),
        (5400.0, "90 minutes"),
        (86_400.0, "a day"),
        (90_000.0, "25 hours"),
        (3 * 86_400.0, "3 days"),
        (3 * 86_400.0 + 1, "4 days"),
    ],
)
def test_a_time_in_words_is_never_shorter_than_the_time(seconds: float, words: str) -> None:
    assert span(seconds) == words
