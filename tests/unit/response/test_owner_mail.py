"""What an owner reads: their language, what is true of their account, and no link but ours."""

import msgspec
import pytest

from mailkeep.accounts.language import shipped
from mailkeep.mail import fitting
from mailkeep.response.owner_mail import (
    OUTCOMES,
    WORST,
    Guarded,
    Happened,
    Owner,
    Sender,
    Why,
    write,
)

SENDER = Sender("us@example.com", "Us", "https://us.example/")
LANGUAGES = shipped().names
LINKS = {"https://us.example/recover", "https://us.example/sign-in"}


def _owner(locale: str, guarded: Guarded, application: str = "", home: str = "") -> Owner:
    return Owner(shipped().of(locale), guarded, application, home)


def _text(owner: Owner, what: str = WORST, why: Why = Why.SUSPECT) -> str:
    content = write(SENDER, "ada@example.net", owner, Happened(what, why, 0, 60_000_000))
    fitting.check(content, secret=False)
    assert content.headers == (("Content-Language", owner.words.tag),)
    assert content.text is not None
    return f"{content.subject}\n{content.text}"


def _links(text: str) -> set[str]:
    return {word.strip(".,()") for word in text.split() if "://" in word}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", OUTCOMES)
@pytest.mark.parametrize("why", Why)
@pytest.mark.parametrize("guarded", Guarded)
@pytest.mark.parametrize("application", ["", "Shop {at} %s"])
def test_it_holds_together(
    language: str, what: str, why: Why, guarded: Guarded, application: str
) -> None:
    text = _text(_owner(f"{language}-XX", guarded, application), what, why)
    words = shipped().of(language)
    assert words.say("notice.hello") in text
    assert words.time(0) in text
    assert _links(text) <= (set() if application else LINKS)
    if application:
        assert application in text, "as it is called, whatever that is"
        text = text.replace(application, "")
    assert not set("{}") & set(text)


def test_who_reads_another_language_reads_english() -> None:
    assert shipped().of("en").say("notice.hello") in _text(_owner("tlh", Guarded.NONE))
    assert shipped().of("de").say("notice.hello") in _text(_owner("de_CH", Guarded.NONE))


def test_a_user_of_an_application_is_sent_nowhere_where_they_have_no_password() -> None:
    shop = _owner("en", Guarded.UNSAID, "Shop", "https://shop.example/forgot")
    text = _text(shop)
    assert _links(text) == {"https://shop.example/forgot"}
    assert "let set a new password at Shop" in text
    assert "tell Shop" in text
    for untrue in ("closed", "second factor", "sign in at", "us.example"):
        assert untrue not in text
    assert "reset the password at Shop, and tell Shop" in _text(
        msgspec.structs.replace(shop, home="")
    )


def test_a_second_factor_is_spoken_of_only_where_it_is_known() -> None:
    def lines(guarded: Guarded, application: str = "") -> list[str]:
        text = _text(_owner("en", guarded, application), "requested")
        return [one for one in text.splitlines() if "second factor" in one]

    assert "Shop has a second factor" in lines(Guarded.THERE, "Shop")[0]
    assert "We keep a second factor" in lines(Guarded.BOUND, "Shop")[0]
    assert lines(Guarded.NONE, "Shop") == lines(Guarded.UNSAID, "Shop") == []
    assert "If you did not add it, tell us" in lines(Guarded.BOUND)[0]
    assert "add one" in lines(Guarded.NONE)[0]
