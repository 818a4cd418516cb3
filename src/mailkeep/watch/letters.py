"""Writes the content of a canary (pure but for the randomness that is passed in).

Whoever can tell a canary from our other mail spares it. What is built in here anybody can read, and
tell: five subjects, each with a reference. So a house writes its own (``[[canary.letter]]``), as
what it sends anyway; the secret by which we recognise one stands in the link or the reference of
each. The recipient has a name as people have, at a domain that a reader learns all the same: it
receives nothing else.
"""

import re
from collections.abc import Sequence
from random import Random

from mailkeep.base.tokens import grouped
from mailkeep.base.wording import nearest
from mailkeep.mail.types import Content

from . import reading
from .types import CanaryLetter

MOST_SUBJECT = 200
MOST_TEXT = 32 * 1024
LINK, REFERENCE = "{link}", "{reference}"
PLACES = ("{name}", LINK, REFERENCE)
_PAGES = "pages.invalid"
_PLACE = re.compile(r"\{\w*\}")

_FIRST = (
    *("ada", "ben", "carla", "daniel", "elena", "felix", "grace", "hannah", "ivan", "julia"),
    *("karim", "laura", "marco", "nina", "oscar", "paula", "quentin", "rosa", "samuel", "tara"),
    *("umut", "vera", "walter", "yara", "zoe", "anna", "bruno", "clara", "david", "emma"),
)
_LAST = (
    *("adler", "baker", "costa", "dietrich", "evans", "fischer", "garcia", "hansen", "ito"),
    *("jansen", "keller", "lopez", "moreau", "novak", "okafor", "peters", "quinn", "rossi"),
    *("schmidt", "tanaka", "usman", "varga", "weber", "young", "zimmer", "becker", "chen"),
)
_SEE = "See it on your account page"
#: What is sent where the settings have no letter of their own.
BUILT_IN = tuple(
    CanaryLetter(
        subject,
        f"Hello {{name}},\n\n{told}\n\n{_SEE}:\n{LINK}\n\nReference: {REFERENCE}\n",
        f'<p>Hello {{name}},</p><p>{told}</p><p><a href="{LINK}">{_SEE}</a></p>'
        f"<p>Reference: {REFERENCE}</p>",
    )
    for subject, told in (
        ("New sign-in to your account", "Your account was signed in to from a new device."),
        ("Your settings were changed", "The settings of your account were changed."),
        ("A new device was added", "A new device was added to your account."),
        ("Your export is ready", "The export that you asked for is ready on your account page."),
        ("Your summary of this week", "The summary of your account for this week is ready."),
    )
)


def local_part(chance: Random) -> str:
    """A local part as people choose theirs."""
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    number = chance.randrange(10, 1000)
    return chance.choice(
        (
            f"{first}.{last}{number}",
            f"{first}{last}{number}",
            f"{first[0]}.{last}{number}",
            f"{last}.{first}{number}",
        )
    )


def compose(
    sender: str,
    to: str,
    url: str,
    secret: str,
    chance: Random,
    letters: Sequence[CanaryLetter] = (),
) -> Content:
    """A mail as the house sends them.

    Args:
        url: our own pages.
        secret: goes into the link's fragment, and into the reference for providers that rewrite
            links.
        letters: of the settings; none: those that are built in.
    """
    one = chance.choice(letters or BUILT_IN)
    name = to.partition("@")[0].partition(".")[0].rstrip("0123456789").capitalize()
    known = {"{name}": name, LINK: f"{url}/account#{secret}", REFERENCE: grouped(secret)}

    def written(text: str) -> str:
        return _PLACE.sub(lambda match: known.get(match[0], match[0]), text)

    html = written(one.html) if one.html else None
    subject = written(one.subject)
    return Content(sender=sender, to=to, subject=subject, text=written(one.text), html=html)


def wrong(letter: CanaryLetter, allowed: frozenset[str]) -> str:
    """What keeps a letter from being a canary, in words; "": nothing.

    Args:
        allowed: hosts that may stand in our mail: another one would count as a stranger's in each
            canary that comes back.
    """
    texts = {"subject": letter.subject, "text": letter.text, "html": letter.html}
    for field, text in texts.items():
        for place in _PLACE.findall(text):
            if place not in PLACES:
                return f"{field}: there is no {place}{nearest(place, PLACES)}"
        if field != "subject" and text and LINK not in text and REFERENCE not in text:
            return f"{field}: {LINK} or {REFERENCE} must stand in it, or none is known again"
        if len(text) > (MOST_SUBJECT if field == "subject" else MOST_TEXT):
            return f"{field} is too long"
    if not letter.subject.strip() or not letter.subject.isprintable():
        return "subject: one line of printable characters"
    if LINK in letter.subject or REFERENCE in letter.subject:
        return "subject: the secret has no place in it"
    if not letter.text.strip():
        return "text is missing"
    strange = reading.strangers(_hosts(letter), {*allowed, _PAGES})
    return f"it names {', '.join(strange)}: say so in allow of [canary]" if strange else ""


def _hosts(letter: CanaryLetter) -> set[str]:
    """The hosts that are read in it when it comes back, its own link's as ``_PAGES``."""
    out: set[str] = set()
    for kind, text in (("plain", letter.text), ("html", letter.html)):
        body = _PLACE.sub("x", text.replace(LINK, f"https://{_PAGES}/account"))
        head = f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n"
        out.update(reading.read((head + body).encode()).hosts)
    return out
