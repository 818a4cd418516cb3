"""The short way for plain messages of one part (pure): what ``parse`` would give, or nothing.

The standard library's parser takes most of the time of an accepted message, and most of that for
fields that are left behind. Here whatever is not plainly in order is declined, and goes the long
way.

Security: a difference between the two readings would be a hole. This one knows no field that it
has not matched whole, and a property test holds it to the other.
"""

import binascii
import quopri
import re
from base64 import b64decode
from email.headerregistry import AddressHeader, HeaderRegistry

from mailkeep.mail.types import Content

from .headers import POLICY
from .parsing import LEFT_BEHIND, STREAM_HEADER

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*([!-~][ \t!-~]*)?")
_ODD_FOLD = re.compile(rb"\r\n[ \t]+\r\n")  #: around nothing
_TYPE = re.compile(
    r'text/(plain|html)(?:; charset=("?)(utf-8|us-ascii|iso-8859-1)\2)?(?:; format=flowed)?', re.I
)
_ADDRESS = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_WORDS = r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*"
_ONE = re.compile(rf"(?:({_ADDRESS})|(?:({_WORDS}) )?<({_ADDRESS})>)")
_PERSON = rf"(?:{_ADDRESS}|(?:(?:{_WORDS}|\"{_WORDS}\") )?<{_ADDRESS}>)"
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
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end or not head.isascii() or _ODD_FOLD.search(head):
        return None
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").decode("ascii")
    known: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    for line in unfolded.split("\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1], field[2] or ""
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
    return _content(known, tuple(headers), body)


def _content(
    known: dict[str, str], headers: tuple[tuple[str, str], ...], body: bytes
) -> tuple[Content, str | None] | None:
    kind = _TYPE.fullmatch(known.get("content-type", "text/plain"))
    sender, reply_to = _address(known, "from"), _address(known, "reply-to")
    if kind is None or sender is None or (reply_to is None and "reply-to" in known):
        return None
    if any(name.startswith("content-") and name not in _CONTENT for name in known):
        return None
    text = _text(body, known.get("content-transfer-encoding", "7bit").lower(), kind[3])
    if text is None:
        return None
    html = kind[1].lower() == "html"
    stream = known.get(STREAM_HEADER.lower())
    content = Content(
        sender=sender[1],
        sender_name=sender[0],
        to="",
        subject=_unstructured("Subject", known["subject"]) if "subject" in known else "",
        text=None if html else text,
        html=text if html else None,
        reply_to=None if reply_to is None else reply_to[1],
        headers=headers,
    )
    return content, None if stream is None else _unstructured(STREAM_HEADER, stream)


_CONTENT = frozenset({"content-type", "content-transfer-encoding"})


def _address(known: dict[str, str], name: str) -> tuple[str, str] | None:
    """(display name, address) of a field with one; None when it is absent or not plainly that."""
    value = known.get(name)
    if value is None:
        return None
    match = _ONE.fullmatch(value)
    if match is not None:
        return match[2] or "", match[1] or match[3]
    try:
        field = POLICY.header_factory(name, value)
    except (ValueError, LookupError, AttributeError):  # as the long way may
        return None
    if not isinstance(field, AddressHeader) or len(field.addresses) != 1:
        return None
    return field.addresses[0].display_name, field.addresses[0].addr_spec


def _unstructured(name: str, value: str) -> str:
    return str(POLICY.header_factory(name, value)) if "=?" in value else value


def _text(body: bytes, encoding: str, charset: str | None) -> str | None:
    try:
        if encoding == "quoted-printable":
            body = quopri.decodestring(body)
        elif encoding == "base64":
            body = b64decode(body.replace(b"\r\n", b""), validate=True)
        elif encoding not in {"7bit", "8bit"}:
            return None
        return body.decode(charset or "utf-8").replace("\r\n", "\n")
    except (binascii.Error, UnicodeDecodeError):
        return None
