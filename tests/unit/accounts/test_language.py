"""The language of mail: what a browser says of it is anybody's word, and bounded; a house's own
languages are held to the English one."""

from pathlib import Path

import pytest

from mailkeep.accounts.language import SHIPPED, LanguageSettings, load, shipped
from mailkeep.base.errors import BadSettings

PAGES = SHIPPED / "pages"
ITALIAN = """
[language]
name = "Italiano"
plural = "n != 1"
date = "{day}/{month}/{year}"
time = "{day}/{month}/{year}, {hour}:{minute} UTC"

[proof]
deny = "Non è stato Lei? Lo fermi qui: {url}"

[span]
days = ["un giorno", "{count} giorni"]
"""
POLISH = (
    "n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2",
    '["dzień", "{count} dni", "{count} dni!"]',
)


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
    assert shipped().preferred(accepted) == found


@pytest.mark.parametrize(
    ("locale", "found"), [("de_AT", "de"), ("FR-ca", "fr"), ("", "en"), ("tlh", "en"), ("-", "en")]
)
def test_who_has_none_that_is_written_here_reads_english(locale: str, found: str) -> None:
    assert shipped().of(locale).tag == found


def _house(there: Path, text: str, name: str = "it.toml", otherwise: str = "en"):
    (there / name).write_text(text, encoding="utf-8")
    return load(LanguageSettings(otherwise, str(there)))


def test_a_language_of_ones_own_is_a_file(tmp_path: Path) -> None:
    languages = _house(tmp_path, ITALIAN, otherwise="it")
    italian = languages.of("it-CH")
    assert (italian.tag, italian.span(2 * 86_400)) == ("it", "2 giorni")
    assert languages.names["it"] == "Italiano"
    assert languages.of("") is italian, "the house's language is for whoever's own is not known"
    assert languages.preferred("it,en;q=0.5") == "it"
    assert "fermi" in italian.say("proof.deny", url="https://a.example")
    # What it has not is English, and it says so.
    assert italian.say("proof.link_subject") == shipped().of("en").say("proof.link_subject")
    assert "proof.link_subject" in italian.missing
    assert italian.span(60.0) == "a minute"
    assert italian.span(7200.0) == "2 hours"
    assert shipped().of("en").missing == ()


def test_a_regional_language_goes_before_the_plain_one(tmp_path: Path) -> None:
    languages = _house(tmp_path, ITALIAN.replace("Italiano", "Svizzero"), "de-CH.toml")
    assert languages.of("de_ch-1996").name == "Svizzero"
    assert languages.of("de-AT").name == "Deutsch"
    assert languages.of("de-CH").tag == "de-CH"


def test_a_text_of_a_shipped_language_is_said_otherwise(tmp_path: Path) -> None:
    languages = _house(tmp_path, '[mail]\nmine = "Alles gut."\n', "de.toml")
    german = languages.of("de")
    assert german.say("mail.mine") == "Alles gut."
    assert german.say("proof.open", url="x") == shipped().of("de").say("proof.open", url="x")
    assert german.missing == ()


def test_a_language_may_have_more_forms_than_two(tmp_path: Path) -> None:
    plural, days = POLISH
    text = ITALIAN.replace("n != 1", plural)
    text = text.replace('["un giorno", "{count} giorni"]', days)
    polish = _house(tmp_path, text, "pl.toml").of("pl")
    spans = [polish.span(one * 86_400) for one in (1, 2, 5, 22)]
    assert spans == ["dzień", "2 dni", "5 dni!", "22 dni"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{url}", "", "proof.deny: say it with {url}"),
        ("{url}", "{url} {code}", "proof.deny: say it with {url}"),
        ("{url}", "{link}", "proof.deny: say it with {url}"),
        ("{url}", "{url.__class__}", "no plain name"),
        ("{url}", "{url!r}", "no plain name"),
        ("{url}", "{url:>99999999}", "no plain name"),
        ("{url}", "{url}.", "stands alone"),
        ("Lo fermi qui", "Vada a https://evil.example. Altrimenti", "'https://evil.example.'"),
        ("Lo fermi qui", "Scriva a help@evil.example. Altrimenti", "'help@evil.example.'"),
        (": {url}", ":{url}", "stands alone"),
        ("{url}", "{url", "a brace is written twice"),
        ("deny =", "denial =", "did you mean proof.deny?"),
        ('deny = "Non è stato Lei? Lo fermi qui: {url}"', "deny = 7", "say it in words"),
        ('"un giorno", ', "", "1 forms, not 2"),
        ("{count} giorni", "giorni", "say it with {count}"),
        ("n != 1", "n / 0", "as gettext does"),
        ("n != 1", "__import__('os')", "as gettext does"),
        ("n != 1", "2", "numbered from 0"),
        ("/{year}, {hour}", ", {hour}", "language: time"),
        ('name = "Italiano"', "", "how whoever speaks it"),
        ('name = "Italiano"', 'nam = "Italiano"', "did you mean name?"),
        ('name = "Italiano"', 'name = "I"\ndirection = "up"', "ltr or rtl"),
        ("[language]", "[lingua]", "[language] is missing"),
        ("[proof]", "[proof", "it.toml"),
    ],
)
def test_what_is_not_as_in_english_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    """A translation from outside must not leave the link out that stops a thief."""
    assert old in ITALIAN
    with pytest.raises(BadSettings) as refused:
        _house(tmp_path, ITALIAN.replace(old, new))
    assert why in str(refused.value)
    assert "it.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (LanguageSettings("tlh"), "nothing is written in 'tlh'"),
        (LanguageSettings(files="/no/such/place"), "no directory"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(settings: LanguageSettings, why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        load(settings)


def test_a_file_is_called_by_its_tag(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="call it by its tag"):
        _house(tmp_path, ITALIAN, "italian language.toml")


def test_one_file_of_ones_own_says_the_mails_and_the_pages(tmp_path: Path) -> None:
    """As the how-to has it: both files one after the other. What is left out is English."""
    whole = "".join(path.read_text("utf-8") for path in (SHIPPED / "en.toml", PAGES / "en.toml"))
    mine = whole.replace('"English"', '"Italiano"').replace(
        'forgotten = "Forgotten the password?"', 'forgotten = "Password dimenticata?"'
    )
    found = _house(tmp_path, mine.replace('skip = "Skip to content"', "")).of("it")
    assert found.say("on_sign_in.forgotten") == "Password dimenticata?"
    assert found.missing == ("pages.skip",)
    assert found.say("pages.skip") == "Skip to content"


@pytest.mark.parametrize("said", ["Dimenticata? https://evil.example", "Dimenticata? {url}"])
def test_a_page_of_ones_own_leads_nowhere_else(tmp_path: Path, said: str) -> None:
    text = ITALIAN + f'[on_sign_in]\nforgotten = "{said}"\n'
    with pytest.raises(BadSettings, match=r"on_sign_in\.forgotten"):
        _house(tmp_path, text)
