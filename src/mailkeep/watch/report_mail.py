"""Finds the attached reports in a received mail (pure).

Security: reads hostile input. Parts are bounded before anything is looked at; a part's declared
type is ignored, its first octets decide.
"""

import re
from email.errors import MessageError

from mailkeep.base import raw_mail

from .report_types import Unreadable

MAX_PARTS = 32
MAX_NESTED = 10
MOST = 4  #: reports in one mail
#: Ends of lines, a CR LF for two. The library takes as long for an empty line as for a whole one:
#: ten megabytes of them took seconds each time, in which no other mail was read.
MAX_ENDS = 500_000

_NESTS = re.compile(rb"boundary", re.IGNORECASE)
_PACKED = (b"\x1f\x8b", b"PK\x03\x04")
_TEXTS = (b"<", b"{")
_BOM = b"\xef\xbb\xbf"


def is_report(raw: bytes) -> bool:
    """Whether octets begin as a report, packed or not, rather than as a mail."""
    return raw.startswith(_PACKED) or _bare(raw).startswith(_TEXTS)


def find(raw: bytes) -> list[bytes]:
    """The parts of a mail that could be reports, in their order.

    Raises:
        Unreadable: there is none, there are too many, or it is no mail.
    """
    if len(_NESTS.findall(raw)) > MAX_NESTED:
        raise Unreadable("no-mail", "the mail has too many parts")
    if raw.count(b"\n") + raw.count(b"\r") > MAX_ENDS:
        raise Unreadable("no-mail", "the mail has too many lines")
    found: list[bytes] = []
    try:
        message = raw_mail.read(raw)
        for number, part in enumerate(message.walk()):
            if number >= MAX_PARTS:
                raise Unreadable("no-mail", "the mail has too many parts")
            if part.is_multipart():
                continue
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes) and is_report(payload):
                found.append(payload)
    # The standard library's parser raises all of these on malformed mails.
    except (
        MessageError,
        LookupError,
        AttributeError,
        TypeError,
        RecursionError,
        ValueError,
    ) as error:
        raise Unreadable("no-mail", "the mail cannot be taken apart") from error
    if not found:
        raise Unreadable("no-report", "there is no report in the mail")
    if len(found) > MOST:
        raise Unreadable("too-many", "there are too many reports in one mail")
    return found


def text(raw: bytes) -> bytes:
    """An unpacked report without a byte order mark and white space before it."""
    return _bare(raw)


def _bare(raw: bytes) -> bytes:
    return raw[:4096].removeprefix(_BOM).lstrip(b" \t\r\n") + raw[4096:]
