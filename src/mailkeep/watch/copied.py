"""Reads a copy (BCC) of a mail that an application sent: whom it was for, and who signed it (pure).

Of the copy nothing else is looked at: no subject, no text, no link. What is read stands among the
signed fields, or is not read; but for the name of the stream, which says no more than whose figures
the mail counts among.

Security: reads hostile input, from whoever learned the address. A copy that no domain of ours
signed is nothing. The signature covers whom it is from and to, so who got a mail can bring it as a
copy, and change neither; and it is known by its signature, so that they bring it once.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from email.errors import MessageError
from email.utils import parsedate_to_datetime

import msgspec

from mailkeep.base import addresses
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import is_id
from mailkeep.base.keys import digest
from mailkeep.mail.recipients import MOST
from mailkeep.providers.types import ID_HEADER

from . import dkim
from .dmarc import below

STREAM_HEADER = "X-Mailkeep-Stream"
SIGNED = ("from", "to")
FOREIGN, UNSIGNED, NOBODY = "foreign", "unsigned", "nobody"
LONGEST_NAME = 40


class Read(msgspec.Struct, frozen=True):
    """What a copy says.

    Attributes:
        signature: a digest of the one that holds.
        to: everybody whom it shows, in canonical form, each once.
        at: when it was signed or sent, as far as that is signed; None: nobody says.
        stream, message: as headers of ours have it; None: none is there.
    """

    signature: str
    to: tuple[str, ...]
    at: Instant | None
    stream: str | None
    message: str | None


def candidates(mail: dkim.Mail, senders: Collection[str]) -> tuple[dkim.Signature, ...]:
    """The signatures that could make a copy ours; none where it is not from a domain of ours."""
    if not any(below(mail.sender, one) for one in senders):
        return ()
    return tuple(one for one in mail.signatures if set(SIGNED) <= set(dkim.signed_fields(one.tags)))


def read(
    mail: dkim.Mail,
    senders: Collection[str],
    keys: Mapping[str, tuple[str, ...]],
    now: Instant,
    is_ours: Callable[[str], bool],
) -> Read | str:
    """What a copy says, or why it is none: ``FOREIGN``, ``UNSIGNED``, ``NOBODY``.

    Args:
        senders: domains of ours.
        keys: TXT records by the names that its signatures ask for.
        is_ours: whether an address is one for copies, and nobody's.
    """
    if not any(below(mail.sender, one) for one in senders):
        return FOREIGN
    for one in candidates(mail, senders):
        alone = msgspec.structs.replace(mail, signatures=(one,))
        if not dkim.signer(alone, keys, now // SECOND, SIGNED):
            continue
        to = shown(mail, one, is_ours)
        if not to:
            return NOBODY
        stream, message = (_header(mail, name) for name in (STREAM_HEADER, ID_HEADER))
        return Read(
            _digest(one),
            to,
            sent_at(mail, one),
            None if stream is None else stream[:LONGEST_NAME],
            message if message is not None and is_id("msg", message) else None,
        )
    return UNSIGNED


def _digest(one: dkim.Signature) -> str:
    """What is the same however a server on the way folded the field."""
    try:
        return digest(base64.b64decode(one.tags["b"], validate=True))
    except binascii.Error:  # one that was verified has none of it
        return digest(one.field)


def shown(mail: dkim.Mail, one: dkim.Signature, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    """Whom the signed fields show. Of a field that stands there twice one is not signed: then
    nobody."""
    found: dict[str, None] = {}
    for name in ("to", "cc"):
        values = _values(mail, name)
        if name not in dkim.signed_fields(one.tags) or len(values) != 1:
            if name == "to":
                return ()
            continue
        for text in dkim.people(values[0])[:MOST]:
            try:
                address = addresses.key(addresses.parse(text))
            except Invalid:
                continue
            if not is_ours(address):
                found.setdefault(address)
    return tuple(found)[:MOST]


def sent_at(mail: dkim.Mail, one: dkim.Signature) -> Instant | None:
    """When it was sent: its signed date, or when it was signed (RFC 6376 section 3.5, ``t``)."""
    dates = _values(mail, "date")
    if "date" in dkim.signed_fields(one.tags) and len(dates) == 1:
        try:
            return round(parsedate_to_datetime(dates[0].strip()).timestamp() * SECOND)
        except (MessageError, ValueError, TypeError, OverflowError, IndexError):
            return None
    signed_at = one.tags.get("t", "")
    return int(signed_at) * SECOND if signed_at.isdigit() and len(signed_at) <= 12 else None


def _header(mail: dkim.Mail, name: str) -> str | None:
    values = _values(mail, name.lower())
    return values[0].strip() if len(values) == 1 else None


def _values(mail: dkim.Mail, name: str) -> list[str]:
    """The values of a field, unfolded."""
    return [
        value.replace(b"\r\n", b"").decode("ascii", "replace")
        for field, value in mail.fields
        if field.strip().lower() == name.encode()
    ]
