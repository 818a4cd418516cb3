"""A fast parser for ordinary messages (pure): the same result as ``parse``, or none.

The standard library's parser takes most of the time of an accepted message, and most of that for
fields that are discarded. Whatever is not plainly regular is declined here, and takes the slow
path.

Security: a difference between the two parsers would be a hole. This one knows no field that it has
not matched whole, and a property test compares it with the other.
"""

import binascii
import quopri
import re
from base64 import b64decode
from email.headerregistry import AddressHeader, HeaderRegistry

from mailkeep.mail.types import Content
from mailkeep.providers.message import Address, Shown

from .headers import POLICY
from .parsing import LEFT_BEHIND, STREAM_HEADER

#: What is read here is read in the loop, where nobody else is served meanwhile. Octets of a header;
#: of what the library reads of it: an address, and all fields with encoded words.
LARGEST_HEADER = 16 * 1024
LONGEST_ADDRESS = 300
MOST_WORDS = 2_000

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*([!-~][ \t!-~]*)?")
_ODD_FOLD = re.compile(rb"\r\n[ \t]+\r\n")  #: around nothing
_TYPE = re.compile(
    r'text/(plain|html)(?:; charset=("?)(utf-8|us-ascii|iso-8859-1)\2)?(?:; format=flowed)?', re.I
)
_ALTERNATIVE = re.compile(
    r"multipart/alternative;[ \t]+boundary=(\"?)([A-Za-z0-9_=.-]{1,70})\1", re.IGNORECASE
)
_CONTENT = frozenset({"content-type", "content-transfer-encoding"})
_OF_A_PART = _CONTENT | {"mime-version"}
_ENDS = frozenset({b"--", b"--\r\n"})
_ADDRESS = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_WORDS = r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*"
_ONE = re.compile(rf"(?:({_ADDRESS})|(?:({_WORDS}) )?<({_ADDRESS})>)")
_PERSON = rf"(?:{_ADDRESS}|(?:(?:{_WORDS}|\"{_WORDS}\") )?<{_ADDRESS}>)"
_EACH = re.compile(rf"(?:({_ADDRESS})|(?:({_WORDS}|\"{_WORDS}\") )?<({_ADDRESS})>)")
_PEOPLE = re.compile(rf"{_PERSON}(?:, {_PERSON}){{0,100}}")
_DATE = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} (?:19|20)\d\d \d\d:\d\d:\d\d [+-]\d{4}"
)
#: Fields that are left behind, by what must be in them for the long way to have no trouble either.
_TAME = {
    **dict.fromkeys(("to", "cc", "bcc", "sender"), _PEOPLE),
    "date": _DATE,
    "message-id": re.compile(rf"<{_ADDRESS}>"),
    "mime-version": re.compile(r"1\.0"),
    **dict.fromkeys(("received", "return-path", "x-mailer", "user-agent"), re.compile(r"[ -~]*")),
}
_REGISTERED = frozenset(HeaderRegistry().registry)


def plain(raw: bytes) -> tuple[Content, str | None] | None:
    """What ``parse(raw)`` returns, or None when only it can tell."""
    read = _fields(raw)
    if read is None:
        return None
    fields, body = read
    if sum(len(value) for _, value in fields if "=?" in value) > MOST_WORDS:
        return None
    known: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    for name, value in fields:
        lower = name.lower()
        if lower in known and lower != "received":
            return None
        known[lower] = value
        if lower in LEFT_BEHIND or lower.startswith(("content-", "x-mailkeep-")):
            if lower in _TAME and not _TAME[lower].fullmatch(value):
                return None
        elif lower in _REGISTERED:
            return None
        else:
            headers.append((name, _unstructured(name, value)))
    sender, reply_to = _address(known, "from"), _address(known, "reply-to")
    bodies = _bodies(known, body)
    if sender is None or bodies is None or (reply_to is None and "reply-to" in known):
        return None
    stream = known.get(STREAM_HEADER.lower())
    content = Content(
        sender=sender[1],
        sender_name=sender[0],
        to="",
        subject=_unstructured("Subject", known["subject"]) if "subject" in known else "",
        text=bodies.get("plain"),
        html=bodies.get("html"),
        reply_to=None if reply_to is None else reply_to[1],
        headers=tuple(headers),
        reply_to_name="" if reply_to is None else reply_to[0],
        shown=Shown(_people(known.get("to")), _people(known.get("cc"))),
    )
    return content, None if stream is None else _unstructured(STREAM_HEADER, stream)


def _fields(raw: bytes) -> tuple[list[tuple[str, str]], bytes] | None:
    """The fields of a header and what comes after it."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end or len(head) > LARGEST_HEADER or not head.isascii() or _ODD_FOLD.search(head):
        return None
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").decode("ascii")
    fields = []
    for line in unfolded.split("\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        fields.append((field[1], field[2] or ""))
    return fields, body


def _bodies(known: dict[str, str], body: bytes) -> dict[str, str] | None:
    """The text by its subtype: of the message itself, or of its alternatives."""
    if any(name.startswith("content-") and name not in _CONTENT for name in known):
        return None
    kind = known.get("content-type", "text/plain")
    many = _ALTERNATIVE.fullmatch(kind)
    if many is None:
        return _text(body, known)
    mark = many[2].encode()
    if known.get("content-transfer-encoding", "7bit").lower() not in {"7bit", "8bit"}:
        return None
    parts = (b"\r\n" + body).split(b"\r\n--" + mark)
    # Nothing before the first, two parts, and nothing after the end.
    if len(parts) != 4 or parts[0] or parts[3] not in _ENDS or body.count(mark) != 3:
        return None
    found: dict[str, str] = {}
    for part in parts[1:3]:
        read = _fields(part[2:]) if part.startswith(b"\r\n") else None
        if read is None:
            return None
        of = {name.lower(): value for name, value in read[0]}
        text = _text(read[1], of) if set(of) <= _OF_A_PART and len(of) == len(read[0]) else None
        if text is None or set(text) & set(found):
            return None
        found |= text
    return found


def _text(body: bytes, known: dict[str, str]) -> dict[str, str] | None:
    """The text of one part, by its subtype."""
    kind = _TYPE.fullmatch(known.get("content-type", "text/plain"))
    encoding = known.get("content-transfer-encoding", "7bit").lower()
    if kind is None:
        return None
    try:
        if encoding == "quoted-printable":
            body = quopri.decodestring(body)
        elif encoding == "base64":
            body = b64decode(body.replace(b"\r\n", b""), validate=True)
        elif encoding not in {"7bit", "8bit"}:
            return None
        text = body.decode(kind[3] or "utf-8").replace("\r\n", "\n")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return {kind[1].lower(): text}


def _address(known: dict[str, str], name: str) -> tuple[str, str] | None:
    """(display name, address) of a field with one; None when it is absent or not plainly that."""
    value = known.get(name)
    if value is None:
        return None
    match = _ONE.fullmatch(value)
    if match is not None:
        return match[2] or "", match[1] or match[3]
    if len(value) > LONGEST_ADDRESS:
        return None
    try:
        field = POLICY.header_factory(name, value)
    except (ValueError, LookupError, AttributeError, RecursionError):  # as the long way may
        return None
    if not isinstance(field, AddressHeader) or len(field.addresses) != 1:
        return None
    return field.addresses[0].display_name, field.addresses[0].addr_spec


def _people(value: str | None) -> tuple[Address, ...]:
    """All addresses of a well-formed field."""
    if value is None:
        return ()
    found = (_EACH.fullmatch(one) for one in value.split(", "))
    return tuple(Address(one[1] or one[3], (one[2] or "").strip('"')) for one in found if one)


def _unstructured(name: str, value: str) -> str:
    return str(POLICY.header_factory(name, value)) if "=?" in value else value
