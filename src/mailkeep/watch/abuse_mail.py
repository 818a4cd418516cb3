"""Reads what a mail to the abuse mailbox reports (pure): the mail that is attached to it.

A report is a mail with one attached: as a machine writes it (ARF, RFC 5965: the fields of
``message/feedback-report`` beside the mail, or its header), or as people forward a mail as an
attachment. What only quotes one in its own text is not read: most of what comes to such an address
is advertising, and a text that names our domain says nothing.

Security: reads hostile input. Parts and lines are bounded before anything is looked at; of what is
attached only the domain of its From and its octets, for the signature, are handed on.
"""

import re
from email.errors import MessageError
from email.message import Message

import msgspec

from mailkeep.base import raw_mail

from . import dkim
from .report_mail import MAX_ENDS, MAX_PARTS
from .report_types import Unreadable

MAX_HEAD = 128 * 1024  #: octets of the mail's own header
MAX_PART_HEAD = 8 * 1024
MAX_BOUNDARY = 70  #: RFC 2046 section 5.1.1
#: RFC 5965 section 7.3, and what was registered since; any other word is ``other``.
TYPES = frozenset({"abuse", "fraud", "virus", "other", "not-spam", "auth-failure"})

_HEAD = re.compile(rb"\r?\n\r?\n")
_MAILS = frozenset({"message/rfc822", "message/global", "text/rfc822-headers"})


class Complaint(msgspec.Struct, frozen=True):
    """What is reported.

    Attributes:
        kind: a word of ``TYPES``, as a machine says it; "": a person forwarded it.
        mail: the mail that is meant, as far as its signatures go.
        raw: its octets.
    """

    kind: str
    mail: dkim.Mail
    raw: bytes


def read(raw: bytes) -> Complaint:
    """The report in a mail.

    Raises:
        Unreadable: it is none, or cannot be taken apart.
    """
    if raw.count(b"\n") + raw.count(b"\r") > MAX_ENDS:
        raise Unreadable("no-mail", "the mail has too many lines")
    head, body = _split(raw, MAX_HEAD)
    fields = _fields(head)
    boundary = fields.get_boundary("") if fields.get_content_maintype() == "multipart" else ""
    if not boundary or len(boundary) > MAX_BOUNDARY or not boundary.isascii():
        raise Unreadable("nothing-attached", "no mail is attached")
    kind, found = "", b""
    for number, part in enumerate(_parts(body, boundary.encode())):
        if number >= MAX_PARTS:
            raise Unreadable("no-mail", "the mail has too many parts")
        part_head, content = _split(part, MAX_PART_HEAD)
        what = _fields(part_head).get_content_type() if part_head else "text/plain"
        if what == "message/feedback-report" and not kind:
            said = _fields(_split(content, MAX_PART_HEAD)[0]).get("Feedback-Type", "")
            word = str(said).strip().lower()
            kind = word if word in TYPES else "other"
        elif what in _MAILS and not found:
            found = content
    mail = dkim.take_apart(found)
    if not mail.sender:
        raise Unreadable("nothing-attached", "no mail is attached that says whom it is from")
    return Complaint(kind, mail, found)


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the boundaries of a multipart body, octet by octet."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(line.finditer(body))
    out = []
    for at, mark in enumerate(marks):
        if mark[1]:
            break
        end = marks[at + 1].start() if at + 1 < len(marks) else len(body)
        out.append(re.sub(rb"\A\r?\n", b"", body[mark.end() : end]))
    return out


def _split(raw: bytes, most: int) -> tuple[bytes, bytes]:
    """A header and what comes after it. A part may begin with the empty line: then it has none."""
    if raw[:1] == b"\n" or raw[:2] == b"\r\n":
        return b"", raw.lstrip(b"\r")[1:]
    match = _HEAD.search(raw, 0, most)
    if match is None:
        return raw[:most], b""
    return raw[: match.start()], raw[match.end() :]


def _fields(head: bytes) -> "Message[str, str]":
    try:
        return raw_mail.read(head + b"\r\n\r\n")
    # The standard library's parser raises all of these on malformed mails.
    except (MessageError, LookupError, AttributeError, TypeError, ValueError) as error:
        raise Unreadable("no-mail", "the mail cannot be taken apart") from error
