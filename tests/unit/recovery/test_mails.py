"""What owners read, in every language: whole, in that language, and with what stops a thief."""

import re

import msgspec
import pytest

from mailkeep.accounts.events import (
    FactorBlocked,
    FactorBound,
    FactorLeaving,
    FactorReminderDue,
    FactorRevoked,
    LanguageChosen,
    SavedCodeUsed,
    SubjectChangeHeld,
)
from mailkeep.accounts.factors.types import Kind
from mailkeep.accounts.language import shipped
from mailkeep.accounts.types import ChangeKind
from mailkeep.accounts.wording import Words
from mailkeep.base.clock import DAY, HOUR
from mailkeep.mail.types import Content
from mailkeep.recovery import change_mails, factor_words, mails, sign_in_notices, subject_mails
from mailkeep.recovery.change_mails import Told
from mailkeep.recovery.mails import MailComposer
from mailkeep.recovery.types import ProofKind, RecoverySettings

URL = "https://mail.example.com"
TO, SECRET = "ada@example.net", "A" * 26
every = pytest.mark.parametrize("words", shipped().all, ids=lambda one: one.tag)


def _ours(house: MailComposer) -> list[Content]:
    """Every mail to an owner of an account of ours."""
    word = factor_words.what
    bound = FactorBound(account="a", factor="f", factor_kind=Kind.PASSKEY, browser="b", network="n")
    gone = FactorRevoked(account="a", factor="f", factor_kind=Kind.TOTP, why="owner")
    facts = [
        *(bound, gone, FactorLeaving(account="a", factor="f", factor_kind=Kind.TOTP, until=DAY)),
        *(
            FactorBlocked(account="a", factor="f", factor_kind=Kind.SAVED_CODES, way="stranger"),
            LanguageChosen(account="a", before="x", chosen="Deutsch"),
        ),
        *(SavedCodeUsed(account="a", factor="f", left=left) for left in (0, 1, 2, 7)),
    ]
    changes = [
        Told(kind, about, 2 * DAY, recovers)
        for kind, about in (
            (ChangeKind.ADDED, "new@example.net"),
            (ChangeKind.ADDED, TO),
            (ChangeKind.REMOVED, "old@example.net"),
            (ChangeKind.PASSWORD, ""),
            (ChangeKind.FACTOR, factor_words.named(house.words, Kind.PASSKEY)),
        )
        for recovers in (True, False)
    ]
    return [
        *(mails.proof(house, TO, kind, SECRET, "D" * 26) for kind in ProofKind),
        mails.completed(house, TO, SECRET),
        *(mails.held(house, TO, SECRET, 2 * HOUR, lost=lost) for lost in (True, False)),
        mails.stopped(house, TO, SECRET),
        mails.stopped_for_good(house, TO, SECRET),
        mails.opened(house, TO),
        *(mails.changed(house, TO, str(word(house.words, one))) for one in facts),
        mails.changed(house, TO, factor_words.removed(house.words, (gone, gone)), denied=True),
        *(mails.class_changed(house, TO, until) for until in (None, DAY)),
        mails.erasure_asked(house, TO, DAY),
        *(mails.confirmation(house, TO, code) for code in (None, SECRET)),
        *(
            change_mails.held(house, TO, one, denial)
            for one in changes
            for denial in (None, SECRET)
        ),
        *(change_mails.stopped(house, TO, went) for went in ("", "x")),
        *(change_mails.confirm(house, TO, code, "AA-BB") for code in (None, SECRET)),
        *(
            factor_words.reminder(house, TO, FactorReminderDue(account="a", standing="d", until=at))
            for at in (None, DAY)
        ),
        *(sign_in_notices.told(house, TO, DAY, known=known) for known in (True, False)),
    ]


def _theirs(house: MailComposer) -> list[Content]:
    """Every mail to a user of an application."""
    what = "the mail addresses and the second factor and the class of the account"
    told = Told(ChangeKind.FACTOR, "x", DAY, True)
    return [
        *(mails.proof(house, TO, kind, SECRET, "D" * 26) for kind in ProofKind),
        mails.handed_over(house, TO, SECRET),
        *(mails.held(house, TO, SECRET, HOUR, lost=lost) for lost in (True, False)),
        mails.stopped_for_good(house, TO, SECRET),
        *(change_mails.held(house, TO, told, denial) for denial in (None, SECRET)),
        change_mails.stopped(house, TO),
        *(
            subject_mails.held(house, TO, _changes(change, words, agreed), SECRET)
            for change, words in (("replace", what), ("erase", "to be forgotten here"))
            for agreed in ("", "owner", "application")
        ),
        subject_mails.reworded(house, TO, "Nederlands"),
    ]


def _changes(change: str, what: str, agreed: str) -> SubjectChangeHeld:
    return SubjectChangeHeld(
        account="a", application="p", change=change, what=what, key="key", due=DAY, agreed=agreed
    )


def _house(words: Words, application: str = "") -> MailComposer:
    return MailComposer(RecoverySettings(), f"{URL}/", words, application, genuine=True)


def _links(content: Content) -> tuple[list[str], list[str]]:
    text = re.findall(r"https://\S+", content.text or "")
    return text, re.findall(r'href="(https://[^"]+)"', content.html or "")


@every
@pytest.mark.parametrize("application", ["", "Shop {at} %s <b>"])
def test_a_mail_is_whole(words: Words, application: str) -> None:
    house = _house(words, application)
    for content in [house.twice(one) for one in (_theirs if application else _ours)(house)]:
        assert content.headers == (("Content-Language", words.tag),)
        assert content.html is not None
        assert content.html.startswith(f'<!doctype html><html lang="{words.tag}"><body><p>')
        plain = f"{content.subject} {content.text}".replace("{{genuine_link}}", "")
        assert not set("{}") & set(plain.replace(application, "")), content.subject
        assert application in plain
        assert "<b>" not in content.html
        text, html = _links(content)
        assert text == html, "each address in the text can be pressed in the other form"
        assert all(re.fullmatch(rf"{URL}/[a-z/-]+(#[A-Z]+)?", one) for one in text), text
        assert words.say("mail.twice") in (content.text or "")
        assert words.say("mail.genuine") in (content.text or "")


@every
def test_what_stops_a_thief_is_a_link_and_nothing_of_another_language(words: Words) -> None:
    """The number of secrets that a mail carries is the same in every language."""
    english = _ours(_house(shipped().of("en"))), _theirs(_house(shipped().of("en"), "Shop"))
    here = _ours(_house(words)), _theirs(_house(words, "Shop"))
    for one, other in zip((*english[0], *english[1]), (*here[0], *here[1]), strict=True):
        assert _links(one) == _links(other)
        assert len(one.text.split("\n\n")) == len(other.text.split("\n\n"))
        if words.tag != "en":
            assert one.subject != other.subject
            same = set(one.text.split("\n\n")) & set(other.text.split("\n\n"))
            assert not same, "a paragraph is left in English"


@every
def test_both_proofs_say_that_we_never_ask_for_them(words: Words) -> None:
    for kind in ProofKind:
        content = mails.proof(_house(words), TO, kind, SECRET, "D" * 26)
        assert words.say("proof.never") in (content.text or "")
        assert f"{URL}/deny#{'D' * 26}" in (content.text or "")


#: What the two links of a reset mail say of themselves: going on, and stopping.
SAYS = {
    "en": ("Go on with the reset:", "Stop the reset, and tell us:"),
    "de": (
        "Weiter mit dem Zurücksetzen:",
        "Brechen Sie das Zurücksetzen ab, und sagen Sie es uns:",
    ),
    "fr": ("Continuez la réinitialisation :", "Arrêtez la réinitialisation, et dites-le-nous :"),
    "es": ("Continúe con el restablecimiento:", "Detenga el restablecimiento y avísenos:"),
}


@every
def test_nobody_takes_the_link_that_stops_a_reset_for_the_one_that_goes_on(words: Words) -> None:
    """Not in the text either, nor where a screen reader reads nothing but the links."""
    go, stop = SAYS[words.tag]
    content = mails.proof(_house(words), TO, ProofKind.LINK, SECRET, "D" * 26)
    html = dict(re.findall(r'<a href="([^"]+)">([^<]+)</a>', content.html or ""))
    on, off = f"{URL}/recover/proof", f"{URL}/deny"
    assert html[f"{on}#{SECRET}"] == f"{go} {on}"
    assert html[f"{off}#{'D' * 26}"] == f"{stop} {off}"
    assert f" {go} {on}#{SECRET}\n" in (content.text or "")
    assert f" {stop} {off}#{'D' * 26}\n" in (content.text or "")
    assert words.say("mail.genuine") in html["{{genuine_link}}"]


def test_only_the_sentence_that_says_what_a_link_does_is_pressed() -> None:
    house = _house(shipped().of("en"))
    line = f"Not <you>? Go to {URL}/a and type. Stop it before 10:30: {URL}/b#s {URL}/c"
    html = house.write(TO, "x", [line]).html or ""
    assert (
        f'<p>Not &lt;you&gt;? Go to <a href="{URL}/a">{URL}/a</a> and type. '
        f'<a href="{URL}/b#s">Stop it before 10:30: {URL}/b</a> <a href="{URL}/c">{URL}/c</a></p>'
    ) in html


def test_a_language_from_right_to_left_says_so() -> None:

    arabic = msgspec.structs.replace(shipped().of("en"), tag="ar", direction="rtl")
    content = mails.opened(_house(arabic), TO)
    assert '<html lang="ar" dir="rtl">' in (content.html or "")


def test_a_change_that_is_not_known_here_is_told_as_it_is() -> None:
    change = SubjectChangeHeld(
        account="a",
        application="p",
        change="replace",
        what="the mail addresses and the shoes",
        key="k",
        due=DAY,
    )
    content = subject_mails.held(_house(shipped().of("de"), "Shop"), TO, change, SECRET)
    assert "die Mailadressen und the shoes" in (content.text or "")
