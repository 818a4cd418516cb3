"""What a page says, in the language of whoever looks at it.

A page is in the language that its visitor chose at its foot, else that of the account which they
are signed in to, else what the browser asks for, else the house's. Mail is not: see
``accounts.language``.

A text is escaped as a whole, so a translation writes no markup; what a template puts into it as
markup (a link, a time) stays. What the rooms refuse they say in English, as the API does; it is
known again here by those words (``refused`` in the files of words).

Attacks met here: a page that speaks the language of the account that somebody names tells who has
one, so none does before its owner is signed in; a translation that brings a script or a link.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from mailkeep.accounts.language import ENGLISH, Languages, shipped
from mailkeep.accounts.wording import Words, fields
from mailkeep.base.clock import Instant, iso
from mailkeep.base.errors import MailkeepError

from .port import Incoming

COOKIE = "__Host-language"  #: what this browser chose at the foot of a page
_ISOLATED = "\u2068{}\u2069"  #: an address among words that run from right to left
_ENGLISH = "\u2066{}\u2069"  #: English that stands in there
_REFUSED = "refused."


class Speech:
    """One language, as templates speak it.

    Args:
        words: of the language.
    """

    def __init__(self, words: Words) -> None:
        self.tag = words.tag
        self.direction = words.direction
        self._words = words

    @property
    def context(self) -> dict[str, Any]:
        """What every template has of it."""
        return {
            "speech": self,
            "say": self.say,
            "count": self.count,
            "date": self.date,
            "time": self.time,
        }

    @property
    def headers(self) -> dict[str, str]:
        """Of a page in it (RFC 9110 sections 8.5 and 12.5.5)."""
        return {"Content-Language": self.tag, "Vary": "Accept-Language, Cookie"}

    def say(self, text: str, **values: object) -> Markup:
        """A text with its words filled in, as HTML."""
        return self._html(text, self._words.texts[text][0], values)

    def count(self, text: str, count: int) -> Markup:
        """The form of a text that fits a number, as HTML."""
        return self._html(text, self._words.count(text, count), {})

    def span(self, seconds: float) -> str:
        """A time in words; it stands as after 'for'."""
        return self._words.span(seconds)

    def date(self, at: Instant) -> Markup:
        """A day in UTC, as HTML."""
        return Markup('<time datetime="{}">{}</time>').format(iso(at), self._words.date(at))

    def minute(self, at: Instant) -> str:
        """The same as plain words."""
        return self._words.time(at)

    def time(self, at: Instant) -> Markup:
        """A minute, which says itself that it is in UTC, as HTML."""
        return Markup('<time datetime="{}">{}</time>').format(iso(at), self._words.time(at))

    def refused(self, error: MailkeepError) -> Markup:
        """What an error says, as a sentence; in English where there is no such text."""
        said = str(error)
        for pattern, text in _refusals():
            if found := pattern.fullmatch(said):
                form = _sentence(self._words.texts[text][0])
                return self._html(text, form, found.groupdict())
        return escape(_sentence(said))

    def _html(self, text: str, form: str, values: Mapping[str, object]) -> Markup:
        if self.direction == "ltr":
            return escape(form).format(**values)
        # UAX 9 section 2.4: else an address takes the words around it along, and English that
        # stands in has its full stop in front.
        whole = _ENGLISH if text in self._words.missing else "{}"
        isolated = {name: escape(_ISOLATED).format(one) for name, one in values.items()}
        return escape(whole.format(form)).format(**isolated)


def wanted(request: Incoming, languages: Languages) -> str:
    """The tag of the language that a visitor chose, or else that their browser asks for; "": of
    none that is written here. Anybody may have written it."""
    return chosen(request, languages) or languages.preferred(
        ",".join(request.headers.getall("accept-language", []))
    )


def chosen(request: Incoming, languages: Languages) -> str:
    """The tag of the language that was chosen in this browser; "": none."""
    said = request.cookies.get(COOKIE, "")
    return said if said in languages.names else ""


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


@cache
def _refusals() -> list[tuple[re.Pattern[str], str]]:
    """What the rooms say, as it is known again, and the name of its text."""
    return [
        (_pattern(forms[0], fields(forms[0], text)), text)
        for text, forms in shipped().of(ENGLISH).texts.items()
        if text.startswith(_REFUSED)
    ]


def _pattern(form: str, words: set[str]) -> re.Pattern[str]:
    known = re.escape(form)
    for word in words:
        known = known.replace(re.escape(f"{{{word}}}"), f"(?P<{word}>.+)")
    return re.compile(known)
