"""The shipped texts: every language says all of it, and what is said is what the code and the
templates ask for."""

import ast
import re
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from mailkeep.accounts.language import shipped
from mailkeep.accounts.wording import LINKS, Words, fields

SOURCE = Path(__file__).parents[3] / "src" / "mailkeep"
ENGLISH = shipped().of("en")
LANGUAGES = shipped().all
every = pytest.mark.parametrize("words", LANGUAGES, ids=lambda one: one.tag)

#: The words that guard, by text: what must be said in each language, whatever else is.
GUARDS = {
    "proof.never": {
        "en": "we never ask for them",
        "de": "Wir fragen nie danach",
        "fr": "nous ne les demandons jamais",
        "es": "nunca los pedimos",
    },
    "reminder.never": {
        "en": "no code and no password by mail",
        "de": "nie nach einem Code oder einem Passwort",
        "fr": "jamais de code ni de mot de passe",
        "es": "Nunca pedimos un código ni una contraseña",
    },
    "notice.never": {
        "en": "We never ask for your password or for a code",
        "de": "nie nach Ihrem Passwort oder nach einem Code",
        "fr": "ne demandons jamais votre mot de passe ni un code",
        "es": "Nunca pedimos su contraseña ni un código",
    },
    "advisory.text": {
        "en": "we never ask for them",
        "de": "wir fragen nie danach",
        "fr": "nous ne les demandons jamais",
        "es": "nosotros nunca los pedimos",
    },
    "subject.tell": {
        "en": "This was not you? Tell {application} at once",
        "de": "Das waren Sie nicht? Sagen Sie es {application} sofort",
        "fr": "Ce n'était pas vous ? Dites-le tout de suite à {application}",
        "es": "¿No fue usted? Dígaselo enseguida a {application}",
    },
    "proof.link": {
        "en": "You need both",
        "de": "Sie brauchen beide",
        "fr": "Il vous faut les deux",
        "es": "Necesita los dos",
    },
    "pages.both_mails": {
        "en": "You need both",
        "de": "Sie brauchen beide",
        "fr": "Il vous faut les deux",
        "es": "Necesita los dos",
    },
    "on_genuine.unknown_what": {
        "en": "press no link in it",
        "de": "Öffnen Sie keinen Link darin",
        "fr": "n'y ouvrez aucun lien",
        "es": "no abra ningún enlace",
    },
    "on_account.with_one": {
        "en": "still cannot take your account",
        "de": "kann Ihr Konto auch niemand übernehmen",
        "fr": "ne peut pas prendre votre compte",
        "es": "podrá quedarse con su cuenta",
    },
    "proof.code": {
        "en": "You need both",
        "de": "Sie brauchen beide",
        "fr": "Il vous faut les deux",
        "es": "Necesita los dos",
    },
}
#: How each language asks whether it was its reader: in front of every link that stops a thief.
NOT_YOU = {
    "en": r"This was not you\?|If not, |You know of no such account\?",
    "de": r"Das waren Sie nicht\?|Wenn nicht, |Sie kennen kein solches Konto\?",
    "fr": r"Ce n'était pas vous \?|Sinon, |Vous ne connaissez pas ce compte \?",
    "es": r"¿No fue usted\?|Si no, |¿No conoce esa cuenta\?",
}


@every
def test_a_language_says_all_of_it(words: Words) -> None:
    """Placeholders, forms and links are checked when it is read (``test_language``)."""
    assert words.missing == ()
    assert set(words.texts) == set(ENGLISH.texts)


@every
@pytest.mark.parametrize("text", GUARDS)
def test_the_words_that_guard_are_there(words: Words, text: str) -> None:
    assert GUARDS[text][words.tag] in words.texts[text][0]


@every
def test_every_link_that_stops_a_thief_asks_whether_it_was_its_reader(words: Words) -> None:
    stops = [
        key
        for key in ENGLISH.texts
        if re.search(r"\.(deny|deny_until)$", key) and LINKS & fields(ENGLISH.texts[key][0], key)
    ]
    assert len(stops) > 10
    for key in (*stops, "subject.stop"):
        before, _, _ = re.split(r"(\{url\}|\{page\})", words.texts[key][0], maxsplit=1)
        assert re.search(NOT_YOU[words.tag], before), key


@every
def test_texts_fit_a_telephone(words: Words) -> None:
    """No more than English says, give or take; subjects are seen whole in a list of mails."""
    for key, forms in words.texts.items():
        for form, english in zip(forms, ENGLISH.texts[key], strict=False):
            assert len(form) <= 1.5 * len(english) + 25, key
            assert form == form.strip() or key == "mail.at", key
            assert "  " not in form.replace("\n  ", ""), key
        if key.endswith("subject") and "{" not in forms[0]:
            assert len(forms[0]) <= 60, key


@every
def test_times_are_written_as_people_there_write_them(words: Words) -> None:
    at = 1_793_000_000 * 1_000_000
    said = {
        "en": ("2026-10-26", "2026-10-26 07:33 UTC"),
        "de": ("26.10.2026", "26.10.2026, 07:33 Uhr (UTC)"),
        "fr": ("26/10/2026", "26/10/2026 à 07:33 UTC"),
        "es": ("26/10/2026", "26/10/2026, 07:33 UTC"),
    }
    assert (words.date(at), words.time(at)) == said[words.tag]


@pytest.mark.parametrize(
    ("seconds", "spans"),
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
def test_a_time_in_words_is_never_shorter_than_the_time(seconds: float, spans: str) -> None:
    assert ENGLISH.span(seconds) == spans


def test_one_is_not_said_as_many() -> None:
    spans = {one.tag: (one.span(86_400), one.span(2 * 86_400)) for one in LANGUAGES}
    assert spans == {
        "en": ("a day", "2 days"),
        "de": ("einen Tag", "2 Tage"),
        "fr": ("un jour", "2 jours"),
        "es": ("un día", "2 días"),
    }


def _templates() -> list[tuple[str, int, str, set[str]]]:
    """The same in the templates of pages."""
    found = []
    environment = jinja2.Environment(autoescape=True)
    for path in (SOURCE / "http" / "templates").rglob("*.html"):
        for node in environment.parse(path.read_text()).find_all(nodes.Call):
            name = node.node.name if isinstance(node.node, nodes.Name) else ""
            first = node.args[0] if node.args else None
            if name in {"say", "count"} and isinstance(first, nodes.Const):
                given = {one.key for one in node.kwargs} | ({"count"} if name == "count" else set())
                found.append((path.name, node.lineno, str(first.value), given))
    return found


def _calls() -> list[tuple[str, int, str, set[str]]]:
    """Where a text is asked for by its name: file, line, text, the words that it is given."""
    found = []
    for path in SOURCE.rglob("*.py"):
        source = path.read_text()
        if "say(" not in source and ".count(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            first = node.args[0]
            if name in {"say", "count"} and isinstance(first, ast.Constant):
                given = {str(one.arg) for one in node.keywords}
                given |= {"count"} if name == "count" else set()
                found.append((path.name, node.lineno, str(first.value), given))
    return [one for one in found if re.fullmatch(r"\w+\.\w+", one[2])]


def test_the_code_gives_every_text_the_words_that_it_has_and_no_others() -> None:
    calls = _calls() + _templates()
    assert len(calls) > 400
    for file, line, text, given in calls:
        assert text in ENGLISH.texts, f"{file}:{line}: no text {text}"
        wanted = set().union(*(fields(form, text) for form in ENGLISH.texts[text]))
        assert given == wanted, f"{file}:{line}: {text}"


def test_every_text_is_used() -> None:
    named = set()
    for path in SOURCE.rglob("*.py"):
        named |= set(re.findall(r'"(\w+\.\w+)"', path.read_text()))
        named |= set(re.findall(r"say\('(\w+\.\w+)'", path.read_text()))
    for path in SOURCE.rglob("*.html"):
        named |= set(re.findall(r"[\"'](\w+\.\w+)[\"']", path.read_text()))
    looked_up = {key for key in ENGLISH.texts if key.startswith("refused.")}
    assert set(ENGLISH.texts) - named - looked_up == set()


#: Where what is refused may stand on a page of theirs.
REFUSING = (
    *("accounts/changes", "accounts/contacts", "accounts/devices", "accounts/entering"),
    *("accounts/hashing", "accounts/keeping", "accounts/language", "accounts/passwords"),
    *("accounts/places", "accounts/policy", "accounts/services", "accounts/factors/passkeys"),
    *("accounts/factors/services", "accounts/factors/totp", "accounts/factors/types"),
    *("base/addresses",),
    *("http/oauth/asking", "http/oauth/authorize", "http/oauth/sign_in", "http/origin"),
    *("http/pages/genuine", "http/pages/language", "http/pages/recover", "http/pages/showing"),
    *("privacy/erasing", "recovery/finishing", "recovery/proving", "recovery/verdicts"),
)
_ERRORS = {"Conflict", "Invalid", "NotAllowed", "NotFound", "NotSignedIn", "TooMany", "Unavailable"}
#: What is refused there to applications and operators, and on no page.
_ELSEWHERE = {
    "there is no route for SMS: no phone can be confirmed",
    "no such subject",
    "register this subject with kept_here first, and have it agreed to",
    "too many tickets for this subject today",
    "nothing is kept about them",
    "no such erasure",
    "no such verdict",
    "this code is wrong, used or expired",
    "this token is wrong, of another verdict, or expired",
    "this verdict was taken back, or acted on before: act on it no more",
    "{} is given twice",
    "{} is too long",
}


def _refused(path: Path) -> set[str]:
    """What a module refuses in words, with ``{}`` for what it fills in."""
    tree = ast.parse(path.read_text())
    named = {
        one.targets[0].id: one.value
        for one in ast.walk(tree)
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _ERRORS and node.args:
            said = node.args[0]
            said = named.get(said.id, said) if isinstance(said, ast.Name) else said
            if isinstance(said, ast.JoinedStr):
                parts = [
                    one.value if isinstance(one, ast.Constant) else "{}" for one in said.values
                ]
                found.add("".join(map(str, parts)))
            elif isinstance(said, ast.Constant):
                found.add(str(said.value))
    return found


def test_what_is_refused_on_a_page_has_a_text_that_says_the_same_in_english() -> None:
    """A page knows it again by its words, so whoever changes them changes both."""
    said = set().union(*(_refused(SOURCE / f"{one}.py") for one in REFUSING)) - _ELSEWHERE
    texts = {
        re.sub(r"\{\w+\}", "{}", forms[0])
        for key, forms in ENGLISH.texts.items()
        if key.startswith("refused.")
    }
    assert said - texts == set(), "a page would say this in English"
    assert texts - said == set(), "nobody refuses this any more"
