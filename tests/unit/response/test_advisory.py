"""What the exposed are told: in their language, with nothing to follow and nothing to give away."""

import pytest

from mailkeep.accounts.language import shipped
from mailkeep.mail import fitting
from mailkeep.response.advisory import write


@pytest.mark.parametrize("language", shipped().names)
def test_it_asks_for_nothing_and_names_nobody(language: str) -> None:
    words = shipped().of(f"{language}-XX")
    content = write("us@example.com", "Us", "ada@example.net", words)
    fitting.check(content, secret=False)
    assert content.subject == words.say("advisory.subject")
    assert content.headers == (("Content-Language", language),)
    assert content.text is not None
    for word in ("://", "www.", "@", "{", "mandrill", "postmark"):
        assert word not in content.text.lower()
    assert max(map(len, content.text.splitlines())) <= 100
