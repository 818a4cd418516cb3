"""Parses a received mail for display (pure).

``watch.parts`` reads our own mail and is strict; this reads anybody's, and shows what it can.

Security: reads hostile input. Nesting, parts, fields and texts are bounded; nothing here raises.
"""

import re
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from itertools import islice

import msgspec

from mailkeep.base import raw_mail
from mailkeep.base.clock import Instant
from mailkeep.providers.types import ID_HEADER

from . import markup

MAX_NESTED = 100  #: multiparts that are looked at: the parser's work grows with each
MAX_PARTS = 200
MAX_FIELDS = 300
MAX_FIELD = 4000
MAX_TEXT = 2 * 1024 * 1024
MAX_SOUGHT = 32 * 1024  #: characters of a mail that the search looks at
MAX_NAME = 100
SNIPPET = 140

_NESTS = re.compile(rb"boundary\s*=", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
#: What is left of a file's name: no path, no control or invisible character, no shell's meaning.
_UNSAFE = re.compile(r"[^\w.()+@ -]|(?<=\.)\.+", re.ASCII)
_ID = re.compile(r"[0-9a-z_]{1,40}")
_KIND = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
#: Codecs of Python that no mail means: slow on purpose, or no character sets at all.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})


class File(msgspec.Struct, frozen=True):
    """A part that is no body. ``content_id`` is what ``cid:`` names; "" when it has none."""

    name: str
    kind: str
    content_id: str
    body: bytes


class Letter(msgspec.Struct, frozen=True):
    """A mail that is open. ``broken``: it could not be taken apart, and only its source is true."""

    fields: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    html: str | None = None
    files: tuple[File, ...] = ()
    broken: bool = False

    def field(self, name: str) -> str:
        """The first value of a header field, or nothing."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def images(self) -> dict[str, File]:
        """The files that ``cid:`` may name."""
        return {one.content_id: one for one in self.files if one.content_id}


class Brief(msgspec.Struct, frozen=True):
    """What the list shows of a mail, and what the search looks at (``sought``, folded).

    ``message`` is our id of it, as the mail says; it is looked up and shown, no more. ``carrier``:
    who says to have carried it, if anybody does.
    """

    id: str
    at: Instant
    recipient: str
    sender: str
    subject: str
    snippet: str
    message: str
    carrier: str
    files: int
    sought: str


def take_apart(raw: bytes) -> Letter:
    """The mail, as far as it can be read. Never raises, whatever it holds."""
    if len(_NESTS.findall(raw)) > MAX_NESTED:
        return Letter(_fields(_headers_only(raw)), broken=True)
    try:
        return _letter(raw_mail.read(raw))
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, AssertionError):
        # The standard library's parser raises all of these on malformed mails.
        return Letter(_fields(_headers_only(raw)), broken=True)


def brief(mail: str, at: Instant, recipient: str, raw: bytes) -> Brief:
    """What the list shows of a mail."""
    found = take_apart(raw)
    words = found.text
    if words is None and found.html is not None:
        words = markup.look(found.html[:MAX_SOUGHT]).text
    words = (words or "")[:MAX_SOUGHT]
    sender, subject = found.field("From"), found.field("Subject") or "(no subject)"
    return Brief(
        mail,
        at,
        recipient,
        sender,
        subject,
        _SPACE.sub(" ", words[: SNIPPET * 4]).strip()[:SNIPPET],
        _named(found.field(ID_HEADER)),
        _carrier(found.field("Received")),
        len(found.files),
        words.casefold(),
    )


def _named(value: str) -> str:
    """Our id of a message, if it could be one."""
    value = value.strip()
    return value if _ID.fullmatch(value) else ""


def safe_name(name: str, kind: str = "", number: int = 1) -> str:
    """A name under which a file may be saved: what the mail says, without what could do harm."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = _UNSAFE.sub("_", name).strip(" ._")[-MAX_NAME:].strip(" .")
    if name:
        return name
    ending = {"text/plain": ".txt", "message/rfc822": ".eml", "image/png": ".png"}.get(kind, ".bin")
    return f"part-{number}{ending}"


def _letter(message: "Message[str, str]") -> Letter:
    text: str | None = None
    html: str | None = None
    files: list[File] = []
    for part in _leaves(message):
        kind = _kind(part)
        attached = _value(part, "content-disposition").lower().startswith("attachment")
        if kind == "text/plain" and text is None and not attached:
            text = _text(part)
        elif kind == "text/html" and html is None and not attached:
            html = _text(part)
        else:
            files.append(_file(part, kind, len(files) + 1))
    return Letter(_fields(message), text, html, tuple(files))


def _leaves(message: "Message[str, str]") -> "list[Message[str, str]]":
    """The parts that hold something, in order; a mail within the mail is one of them."""
    found: list[Message[str, str]] = []
    left = [message]
    seen = 0
    while left and seen < MAX_PARTS:
        part = left.pop()
        seen += 1
        payload = part.get_payload()
        if isinstance(payload, list) and not _kind(part).startswith("message/"):
            left += [one for one in reversed(payload) if isinstance(one, Message)]
        else:
            found.append(part)
    return found


def _file(part: "Message[str, str]", kind: str, number: int) -> File:
    payload = part.get_payload()
    if isinstance(payload, list):
        body = b"".join(one.as_bytes() for one in payload[:1] if isinstance(one, Message))
    else:
        body = _bytes(part)
    try:
        said = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        said = ""
    content_id = _value(part, "content-id").strip().strip("<>")[:200]
    return File(safe_name(_header(str(said)), kind, number), kind, content_id, body)


def _kind(part: "Message[str, str]") -> str:
    kind = part.get_content_type().lower()
    return kind if _KIND.fullmatch(kind) else "application/octet-stream"


def _bytes(part: "Message[str, str]") -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: "Message[str, str]") -> str:
    """A part's text; a charset that lies shows as replacement characters, not as an error."""
    try:
        charset = part.get_content_charset() or "utf-8"
    except (ValueError, LookupError, TypeError, AttributeError):
        charset = "utf-8"
    return _decoded(_bytes(part)[: 4 * MAX_TEXT], charset)[:MAX_TEXT]


def _decoded(raw: bytes, charset: str) -> str:
    if charset.lower().replace("-", "_") in _NO_CHARSETS:
        charset = "utf-8"
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def _fields(message: "Message[str, str]") -> tuple[tuple[str, str], ...]:
    return tuple((name[:200], _header(value)) for name, value in _raw(message))


def _header(value: str) -> str:
    """A field as people read it: unfolded, its encoded words (RFC 2047) and raw UTF-8 decoded."""
    value = value[:MAX_FIELD].replace("\r", "").replace("\n", "")
    # The parser keeps raw bytes as surrogates.
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in text:
        return text
    try:
        parts = [
            _decoded(part, charset or "latin-1") if isinstance(part, bytes) else part
            for part, charset in decode_header(text)
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        return text
    return "".join(parts).encode("utf-8", "replace").decode()[:MAX_FIELD]


def _value(part: "Message[str, str]", name: str) -> str:
    """The first value of a field, decoded."""
    return next((_header(value) for key, value in _raw(part) if key.lower() == name), "")


def _raw(part: "Message[str, str]") -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in islice(part.raw_items(), MAX_FIELDS)]


def _headers_only(raw: bytes) -> "Message[str, str]":
    """The header of a mail whose body cannot be parsed."""
    # The parser ends a line at a lone CR too.
    text = raw[: 256 * 1024].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    head = text.partition(b"\n\n")[0]
    fields = [line for line in head.split(b"\n") if not line.lower().startswith(b"content-")]
    return message_from_bytes(b"\n".join(fields) + b"\n\n", policy=policy.compat32)


def _carrier(received: str) -> str:
    """Who says to have carried it: the host that the nearest Received field names."""
    words = received.split()
    return words[words.index("by") + 1][:100] if "by" in words[:-1] else ""
