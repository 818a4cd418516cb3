"""What the exposed are told: in their language, with nothing to follow and nothing to give away."""

import pytest

from mailkeep.accounts.language import OTHERWISE
from mailkeep.mail import fitting
from mailkeep.response.advisory import TEXTS, write


@pytest.mark.parametrize("language", TEXTS)
def test_it_asks_for_nothing_and_names_nobody(language: str) -> None:
    content = write("us@example.com", "Us", "ada@example.net", f"{language}-XX")
    fitting.check(content, secret=False)
    assert content.subject == TEXTS[language][0]
    assert content.text is not None
    for word in ("://", "www.", "@", "{", "mandrill", "postmark"):
        assert word not in content.text.lower()
    assert max(map(len, content.text.splitlines())) <= 100


@pytest.mark.parametrize("locale", ["", "tlh", "zz-ZZ", "x"])
def test_who_has_no_language_that_is_written_here_reads_english(locale: str) -> None:
    content = write("us@example.com", "Us", "ada@example.net", locale)
    assert content.subject == TEXTS[OTHERWISE][0]


def test_a_language_is_read_however_it_is_spelt() -> None:
    for locale in ("de", "DE", "de-CH", "de_AT"):
        assert write("us@example.com", "Us", "a@example.net", locale).subject == TEXTS["de"][0]
