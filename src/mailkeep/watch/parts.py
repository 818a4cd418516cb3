"""A strict MIME parser for received mail (pure): what mail programs could read in two ways is
named.

We know what we sent: a plain part and one of HTML, in ASCII, each with one clear type and encoding.
A program may be more lenient than this one, or lenient in another way, so what is unclear is not
guessed at but called unreadable: otherwise the reader would see a link that we do not.

Security: reads hostile input. Bytes, nesting, parts and fields are bounded before anything is
looked at; nothing here raises.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.message import Message

import msgspec

from mailkeep.base import raw_mail

MAX_RAW = 128 * 1024
MAX_NESTED = 10  #: multiparts, one in another or side by side: each makes reading dearer
MAX_PARTS = 32
MAX_FIELDS = 256
MAX_FIELD = 20_000
MAX_TYPE = 1000
MAX_TEXT = 64 * 1024

TOO_LARGE = "too-large.invalid"  #: there was more of it than is looked at
ATTACHED = "attachment.invalid"  #: a part that is no text, or one that we did not send
UNREADABLE = "unreadable.invalid"  #: a host name that cannot be one, or a part that is not clear

_IDENTITY = frozenset({"7bit", "8bit", "binary"})
_ENCODINGS = _IDENTITY | {"quoted-printable", "base64"}
#: In all of these an ASCII text is itself.
_CHARSETS = frozenset({"us-ascii", "ascii", "utf-8", "utf8", "iso-8859-1", "windows-1252"})
# RFC 2045 section 5.1, without its comments, the escapes in its strings and RFC 2231.
_PARAMETER = r"\s*;\s*([a-z][a-z0-9-]*)\s*=\s*(\"[^\"\\]*\"|[^\s;\"()\\<>@,]+)"
_TYPE = re.compile(rf"\s*([a-z]+/[a-z0-9][a-z0-9.+_-]*)((?:{_PARAMETER})*)\s*;?\s*", re.IGNORECASE)
_PARAMETERS = re.compile(_PARAMETER, re.IGNORECASE)
_FIELD_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")
_NESTS = re.compile(rb"boundary", re.IGNORECASE)
_BARE = re.compile(rb"\r(?!\n)|\0")
_NOT_QUOTED = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\Z)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


class Text(msgspec.Struct, frozen=True):
    """A part that people read."""

    html: bool
    text: str


class Parts(msgspec.Struct, frozen=True):
    """``fields``: names in lower case and values, those of the parts as well. ``aside``: text that
    stands between parts. ``odd``: what could not be looked at."""

    fields: tuple[tuple[str, str], ...] = ()
    texts: tuple[Text, ...] = ()
    aside: tuple[str, ...] = ()
    odd: frozenset[str] = frozenset()


class _Unclear(Exception):
    """Two programs could take it for two things."""


def take_apart(raw: bytes) -> Parts:
    """Take a received mail apart. Never raises, whatever it holds."""
    odd = {TOO_LARGE} if len(raw) > MAX_RAW else set()
    raw = raw[:MAX_RAW]
    if _BARE.search(raw):
        odd.add(UNREADABLE)
    if len(_NESTS.findall(raw)) > MAX_NESTED:
        return _unparsed(raw, odd)
    fields: list[tuple[str, str]] = []
    texts: list[Text] = []
    aside: list[str] = []
    try:
        message = raw_mail.read(raw)
        for number, part in enumerate(message.walk()):
            if number >= MAX_PARTS or len(fields) + len(part.items()) > MAX_FIELDS:
                odd.add(TOO_LARGE)
                break
            fields += ((name.lower(), str(value)) for name, value in part.items())
            aside += (str(one)[:MAX_TEXT] for one in (part.preamble, part.epilogue) if one)
            if part.defects or not all(_FIELD_NAME.fullmatch(name) for name in part):
                odd.add(UNREADABLE)
            texts += _part(part, odd)
        if any(len(value) > MAX_FIELD for _, value in fields):
            odd.add(TOO_LARGE)
        if len({one.html for one in texts}) < len(texts):
            odd.add(ATTACHED)  # we send one of each at most
    except raw_mail.TooDear:
        return _unparsed(raw, odd)
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        # The standard library's parser raises all of these on malformed mails.
        odd.add(UNREADABLE)
    return Parts(tuple(fields), tuple(texts), tuple(aside), frozenset(odd))


def _unparsed(raw: bytes, odd: set[str]) -> Parts:
    """What a mail holds as it stands, where it is not taken apart: that is still looked at."""
    text = raw.decode("ascii", "replace")[:MAX_TEXT]
    return Parts(aside=(text,), odd=frozenset({*odd, TOO_LARGE}))


def _part(part: "Message[str, str]", odd: set[str]) -> Iterator[Text]:
    try:
        kind, parameters = _kind(part)
        encoding = _encoding(part)
    except _Unclear:
        odd.add(UNREADABLE)
        # It is ambiguous what is meant: the nearest is looked at all the same.
        kind, parameters, encoding = part.get_content_type(), {}, "7bit"
    if part.is_multipart():
        if kind.startswith("message/"):
            odd.add(ATTACHED)
        if encoding not in _IDENTITY:
            odd.add(UNREADABLE)
        return
    if kind not in {"text/plain", "text/html"}:
        odd.add(ATTACHED)
        return
    try:
        text = _text(part, encoding, parameters.get("charset", "us-ascii"))
    except _Unclear:
        odd.add(UNREADABLE)
        text = _bytes(part).decode("ascii", "replace")
    if parameters.get("delsp") or _CONTROL.search(text):
        odd.add(UNREADABLE)
    if len(text) > MAX_TEXT:
        odd.add(TOO_LARGE)
    yield Text(kind == "text/html", text[:MAX_TEXT])


def _kind(part: "Message[str, str]") -> tuple[str, dict[str, str]]:
    """The media type and its parameters, all in lower case."""
    values = part.get_all("content-type", [])
    if not values:
        return "text/plain", {}
    value = str(values[0]).replace("\r", "").replace("\n", "")
    match = _TYPE.fullmatch(value) if len(value) <= MAX_TYPE else None
    if len(values) > 1 or match is None:
        raise _Unclear
    found = [(one[1].lower(), one[2].strip('"').lower()) for one in _PARAMETERS.finditer(match[2])]
    if len(dict(found)) < len(found):
        raise _Unclear
    return match[1].lower(), dict(found)


def _encoding(part: "Message[str, str]") -> str:
    values = [str(one).strip().lower() for one in part.get_all("content-transfer-encoding", [])]
    if not values:
        return "7bit"
    if len(values) > 1 or values[0] not in _ENCODINGS:
        raise _Unclear
    return values[0]


def _text(part: "Message[str, str]", encoding: str, charset: str) -> str:
    raw = _bytes(part)
    if encoding == "base64":
        tight = b"".join(raw.split())
        try:
            raw = base64.b64decode(tight, validate=True)
        except binascii.Error as error:
            raise _Unclear from error
        if base64.b64encode(raw) != tight:
            raise _Unclear
    elif encoding == "quoted-printable":
        if _NOT_QUOTED.search(raw):
            raise _Unclear
        raw = quopri.decodestring(raw)
    # A byte order mark outweighs the label.
    if charset not in _CHARSETS or raw.startswith((b"\xff\xfe", b"\xfe\xff", b"+/v")):
        raise _Unclear
    try:
        return raw.decode(charset)
    except ValueError as error:
        raise _Unclear from error


def _bytes(part: "Message[str, str]") -> bytes:
    """The part's octets as they came."""
    del part["Content-Transfer-Encoding"]
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
