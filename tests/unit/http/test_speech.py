"""What pages say: HTML that no translation writes to, and of refusals what the rooms meant."""

from typing import Any

import msgspec
import pytest
from litestar import Request
from markupsafe import Markup

from mailkeep.accounts.language import shipped
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.http import speech
from mailkeep.http.speech import Speech

GERMAN = shipped().of("de")


def _saying(text: str, said: str, direction: str = "ltr") -> Speech:
    texts = {**GERMAN.texts, text: (said,)}
    return Speech(msgspec.structs.replace(GERMAN, texts=texts, direction=direction))


def test_a_translation_writes_no_markup() -> None:
    hostile = '<script src="//evil.example"></script><a href="x" onclick="y">{change}</a>'
    change = Markup('<a href="#password">{}</a>').format("Passwort ändern & mehr")
    said = _saying("on_account.erased_stop", hostile).say("on_account.erased_stop", change=change)
    assert said == (
        "&lt;script src=&#34;//evil.example&#34;&gt;&lt;/script&gt;"
        "&lt;a href=&#34;x&#34; onclick=&#34;y&#34;&gt;"
        '<a href="#password">Passwort ändern &amp; mehr</a>&lt;/a&gt;'
    )


def test_what_is_filled_in_writes_no_markup_and_is_not_filled_in_again() -> None:
    said = Speech(GERMAN).say("on_sign_in.then", application="<b>{0}{application}")
    assert said == "Danach geht es weiter zu &lt;b&gt;{0}{application}."


def test_what_is_filled_in_does_not_turn_a_line_that_runs_from_right_to_left() -> None:
    text = "on_confirm.sent"
    said = _saying(text, "نشانی {address} است", "rtl").say(text, address="ada@example.net")
    assert said == "نشانی \u2068ada@example.net\u2069 است"
    assert "\u2068" not in Speech(GERMAN).say(text, address="ada@example.net")


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        ("the current password is wrong", "Das aktuelle Passwort ist falsch."),
        (
            "a password has at least 15 characters here",
            "Ein Passwort hat hier mindestens 15 Zeichen.",
        ),
        (
            "begin at <i>Shop</i> in this browser, and come back",
            "Beginnen Sie in diesem Browser bei &lt;i&gt;Shop&lt;/i&gt;, und kommen Sie zurück.",
        ),
        ("nobody has translated <this>", "Nobody has translated &lt;this&gt;."),
    ],
)
def test_what_is_refused_is_said_in_the_language_of_the_page(said: str, reads: str) -> None:
    assert Speech(GERMAN).refused(Conflict(said)) == reads


def test_a_refusal_that_a_language_lacks_is_english() -> None:
    error = Invalid("a password has at least 15 characters here", field="password")
    english = shipped().of("en")
    bare = msgspec.structs.replace(GERMAN, texts=english.texts, missing=tuple(english.texts))
    assert Speech(bare).refused(error) == "A password has at least 15 characters here."
    turned = msgspec.structs.replace(bare, direction="rtl")
    assert Speech(turned).refused(error) == (
        "\u2066A password has at least \u206815\u2069 characters here.\u2069"
    )


def test_a_time_says_when_to_people_and_to_programs() -> None:
    at = 1_793_000_000 * 1_000_000
    assert Speech(GERMAN).time(at) == (
        '<time datetime="2026-10-26T07:33:20.000Z">26.10.2026, 07:33 Uhr (UTC)</time>'
    )


def _request(accepted: str, chosen: str) -> Any:
    headers = [(b"accept-language", one.encode()) for one in accepted.split("|")]
    cookie = (b"cookie", f"{speech.COOKIE}={chosen}".encode())
    scope: Any = {"type": "http", "headers": [*headers, cookie]}
    return Request(scope)


@pytest.mark.parametrize(
    ("accepted", "chosen", "wanted"),
    [
        ("de-CH,fr;q=0.5", "", "de"),
        ("de-CH,fr;q=0.5", "fr", "fr"),
        ("fr;q=0.5", "../../etc/passwd", "fr"),
        ("tlh|es;q=0.2", "", "es"),
        ("tlh", "", ""),
        ("*", "", ""),
    ],
)
def test_what_was_chosen_goes_before_what_the_browser_asks_for(
    accepted: str, chosen: str, wanted: str
) -> None:
    assert speech.wanted(_request(accepted, chosen), shipped()) == wanted


def test_the_words_of_a_refusal_are_the_shipped_ones_whatever_a_house_says() -> None:
    """Else a house that words its English otherwise would have its refusals known no more."""
    english = shipped().of("en")
    texts = {**english.texts, "refused.current": ("Wrong one",)}
    own = msgspec.structs.replace(english, texts=texts)
    assert Speech(own).refused(Conflict("the current password is wrong")) == "Wrong one."
