"""The language of mail: what a browser says of it is anybody's word, and bounded."""

import pytest

from mailkeep.accounts.language import WRITTEN, of, preferred


@pytest.mark.parametrize(
    ("accepted", "found"),
    [
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("ja,fr-CA;q=0.7,en;q=0.9", "en"),
        ("tlh, *;q=0.5", ""),
        ("DE", "de"),
        ("es;q=0, fr;q=0.1", "fr"),
        ("fr;q=inf,de;q=nan,es;q=1e9,en;q=0.2", "en"),
        ("en;level=1,de;q=0.9", "en"),
        ("", ""),
        (";;;,,,=q", ""),
        ("x," * 500 + "de", ""),
    ],
)
def test_the_best_that_is_written_here(accepted: str, found: str) -> None:
    assert preferred(accepted) == found


@pytest.mark.parametrize(
    ("locale", "found"), [("de_AT", "de"), ("FR-ca", "fr"), ("", "en"), ("tlh", "en")]
)
def test_who_has_none_that_is_written_here_reads_english(locale: str, found: str) -> None:
    assert of(locale) == found
    assert found in WRITTEN
