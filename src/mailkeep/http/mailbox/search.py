"""The development mailbox's search syntax (pure): every word must match; a prefix names a field.

``to:``, ``from:``, ``subject:``, ``by:`` (the provider), ``stream:``, ``is:secret``, ``is:unknown``
(Mailkeep knows no such message), ``has:attachment``; ``"in quotes"`` is one word, ``-`` before a
word means without it.
"""

import re

import msgspec

from .letter import Brief

MAX_QUERY = 200
#: Names of fields; any other word with a colon, a web address for one, is only a word.
FIELDS = frozenset({"to", "from", "subject", "by", "stream", "is", "has"})
_WORD = re.compile(r'(-?)(?:([a-zA-Z]+):)?(?:"([^"]*)"?|([^\s"]+))')


class Term(msgspec.Struct, frozen=True):
    """One word of a search; ``field`` "": anywhere."""

    field: str
    text: str
    without: bool


class Known(msgspec.Struct, frozen=True):
    """What Mailkeep knows of the message that a mail says to be."""

    provider: str
    stream: str
    secret: bool


def terms(query: str) -> tuple[Term, ...]:
    """A search, word by word."""
    found = []
    for minus, name, quoted, plain in _WORD.findall(query[:MAX_QUERY]):
        field, text = name.lower(), quoted or plain
        if name and field not in FIELDS:
            field, text = "", f"{name}:{text}"
        if text and not (text.endswith(":") and text[:-1].lower() in FIELDS):  # still being typed
            found.append(Term(field, text.casefold(), bool(minus)))
    return tuple(found)


def fits(mail: Brief, known: Known | None, wanted: tuple[Term, ...]) -> bool:
    """Whether a mail has all that is wanted and nothing that is not."""
    return all(_has(mail, known, one) != one.without for one in wanted)


def _has(mail: Brief, known: Known | None, term: Term) -> bool:
    match term.field:
        case "to":
            return term.text in mail.recipient.casefold()
        case "from":
            return term.text in mail.sender.casefold()
        case "subject":
            return term.text in mail.subject.casefold()
        case "by":
            return term.text in (mail.carrier if known is None else known.provider).casefold()
        case "stream":
            return known is not None and term.text == known.stream.casefold()
        case "is":
            secret = known is not None and known.secret
            return secret if term.text == "secret" else term.text == "unknown" and known is None
        case "has":
            return mail.files > 0
    places = (mail.recipient, mail.sender, mail.subject)
    return term.text in mail.sought or any(term.text in place.casefold() for place in places)
