"""Parses bounces: delivery status notifications (RFC 3464) for a message of ours (pure).

Each recipient has a group of fields, in a part ``message/delivery-status`` of the report. Where a
server writes none, Exim's ``X-Failed-Recipients`` names them. Prose is not interpreted: an
automatic reply to a return path is no bounce.

Security: reads hostile input, bounded before it is looked at. Parts of a mail that the report
quotes are ignored: its author writes what they like.
"""

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.message import Message

import msgspec

from mailkeep.base import addresses, raw_mail
from mailkeep.base.errors import Invalid
from mailkeep.providers.types import ClaimKind

MAX_RAW = 128 * 1024  #: the report stands before the mail that it quotes
MAX_NESTED = 12  #: multiparts: each makes reading dearer
MAX_GROUPS = 100  #: recipients of one message, at most
_DEEPEST = 3

_NESTS = re.compile(rb"boundary", re.IGNORECASE)
# RFC 3463 section 2; some servers append a comment, or the reply itself.
_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_QUOTED_REPLY = re.compile(
    r"(?<![\d.])([45])\d\d[ -](?:#?([45])\.(\d{1,3})\.(\d{1,3})(?!\d))?(?=[^\d]|$)"
)
#: Refused for good, and the address may be good all the same: full; too long on the way; too large.
_PASSES = frozenset({(2, 2), (2, 3), (3, 4), (4, 7)})
_READABLE = 8000


class Returned(msgspec.Struct, frozen=True):
    """What a report says of one recipient.

    Attributes:
        kind: ``bounced``, ``soft_bounced``, or ``deferred`` while it is still tried.
        recipient: the address, where it can be read.
        status: RFC 3463's code, or "".
    """

    kind: ClaimKind
    recipient: str | None
    status: str


def read(raw: bytes) -> tuple[Returned, ...]:
    """What a mail says came back; empty for one that is no bounce. Never raises."""
    raw = raw[:MAX_RAW]
    if len(_NESTS.findall(raw)) > MAX_NESTED:
        return ()
    try:
        mail = raw_mail.read(raw)
        groups = [group for part in _reports(mail, 0) for group in _groups(part)]
        found = [one for group in groups[:MAX_GROUPS] if (one := _of_group(group)) is not None]
        return tuple(found or (() if groups else _of_exim(mail)))
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return ()  # the library's parser is no stranger to them


def _reports(part: Message, depth: int) -> Iterator[Message]:
    """The parts that are reports, beside each other or in multiparts, in no quoted mail."""
    kind = part.get_content_type()
    if kind in {"message/delivery-status", "message/global-delivery-status"}:  # RFC 6533
        yield part
    elif kind.startswith("multipart/") and depth < _DEEPEST:
        children = part.get_payload()
        for child in children if isinstance(children, list) else ():
            if isinstance(child, Message):
                yield from _reports(child, depth + 1)


def _groups(report: Message) -> Iterator[Message]:
    """The groups of fields about recipients; the first, about the message, has no ``Action``."""
    inside = report.get_payload()
    for group in inside if isinstance(inside, list) else ():
        if isinstance(group, Message) and ("action" in group or "status" in group):
            yield group


def _of_group(group: Message) -> Returned | None:
    action = _field(group, "action").split(";")[0].split("(")[0].strip().lower()
    status = _STATUS.match(_field(group, "status"))
    found = (int(status[1]), int(status[2]), int(status[3])) if status else None
    if action in {"delayed", "delay"}:
        kind = ClaimKind.DEFERRED
    elif action in {"failed", "failure", "fail", "error", "expired"} or (not action and found):
        if found is not None and found[0] == 2:
            return None
        kind = _kind(found)
    else:
        return None  # delivered, relayed, expanded: nothing came back
    recipient = _address(_field(group, "original-recipient")) or _address(
        _field(group, "final-recipient")
    )
    return Returned(kind, recipient, ".".join(map(str, found)) if found else "")


def _of_exim(mail: Message) -> list[Returned]:
    failed = [one for one in _field(mail, "x-failed-recipients").split(",") if one.strip()]
    said = _QUOTED_REPLY.search(_words(mail)) if failed else None
    status = None
    if said is not None:
        status = (int(said[2] or said[1]), int(said[3] or 0), int(said[4] or 0))
    kind = _kind(status)
    words = "" if status is None or said is None or not said[2] else ".".join(map(str, status))
    return [Returned(kind, _address(one), words) for one in failed[:MAX_GROUPS]]


def _kind(status: tuple[int, int, int] | None) -> ClaimKind:
    """Without a code that says that it is for good, the address may be."""
    if status is None or status[0] != 5 or status[1:] in _PASSES:
        return ClaimKind.SOFT_BOUNCED
    return ClaimKind.BOUNCED


def _words(mail: Message) -> str:
    """The first words of a report for people, before what it quotes."""
    part = mail
    for _ in range(_DEEPEST):
        inside = part.get_payload()
        if not isinstance(inside, list) or not inside or not isinstance(inside[0], Message):
            break
        part = inside[0]
    if part.get_content_maintype() != "text":
        return ""
    body = part.get_payload(decode=True)
    text = body.decode("latin-1") if isinstance(body, bytes) else ""
    return re.split(r"(?m)^-{3,}.{0,60}(?:copy|headers)", text[:_READABLE])[0]


def _field(message: Message, name: str) -> str:
    return str(message.get(name, ""))[:1000]


def _address(text: str) -> str | None:
    """The address in a field as ``rfc822; <ada@example.net>``, or alone."""
    try:
        return addresses.parse(text.rpartition(";")[2].strip().strip("<>"), field="recipient")
    except Invalid:
        return None
