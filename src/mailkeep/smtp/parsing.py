"""Parses a submitted message into the content that the outbox stores (pure).

What the sender's software wrote around the message (trace fields, its own Message-ID and Date) is
dropped; what is addressed to people is kept.
"""

from email.errors import MessageError
from email.headerregistry import AddressHeader
from email.message import EmailMessage

import msgspec

from mailkeep.base import addresses
from mailkeep.base.errors import Invalid
from mailkeep.base.raw_mail import TooDear
from mailkeep.mail.types import Content
from mailkeep.providers.message import Address, Shown

from . import parts

STREAM_HEADER = "X-Mailkeep-Stream"

#: Written anew for each provider, or by relays only.
LEFT_BEHIND = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id"),
        *("return-path", "received", "mime-version", "dkim-signature", "errors-to"),
        *("authentication-results", "x-mailer", "user-agent"),
    }
)


def parse(raw: bytes) -> tuple[Content, str | None]:
    """(the content with an empty recipient, the stream that it asks for or None).

    Raises:
        Invalid: it is no message that we can carry whole; nothing is left out in silence.
    """
    if b"\r\n" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    try:
        message = parts.parse(raw)
        return _content(message), _one(message, STREAM_HEADER)
    except TooDear as error:
        raise Invalid(str(error)) from error
    except (MessageError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # The standard library's parser raises all of these on malformed headers.
        raise Invalid("the message cannot be read") from error


def _content(message: EmailMessage) -> Content:
    sender = _address(message, "From")
    if sender is None:
        raise Invalid("the message has no From address", field="From")
    reply_to = _address(message, "Reply-To")
    found = parts.read(message)
    parsed = message.policy.header_fetch_parse
    headers = [
        (name, str(parsed(name, value)))
        for name, value in message.raw_items()  # what is left behind is not even parsed
        if name.lower() not in LEFT_BEHIND
        and not name.lower().startswith(("content-", "x-mailkeep-"))
    ]
    return Content(
        sender=sender[1],
        sender_name=sender[0],
        to="",
        subject=_one(message, "Subject") or "",
        text=found.text,
        html=found.html,
        reply_to=None if reply_to is None else reply_to[1],
        reply_to_name="" if reply_to is None else reply_to[0],
        headers=tuple(headers),
        attachments=tuple(found.files),
        shown=Shown(_people(message, "To"), _people(message, "Cc")),
    )


def to_one(content: Content, recipient: str) -> Content:
    """What goes to one recipient of the envelope, with the header that everybody is shown.

    The usual mail shows who gets it and nobody else; it then needs no header of its own.
    """
    shown = content.shown or Shown()
    mine = [
        one
        for one in (*shown.to, *shown.cc)
        if addresses.key(one.email) == addresses.key(recipient)
    ]
    alone = mine == [*shown.to] and not shown.cc
    return msgspec.structs.replace(
        content,
        to=recipient,
        to_name=mine[0].name if mine else "",
        shown=None if alone else shown,
    )


def _people(message: EmailMessage, name: str) -> tuple[Address, ...]:
    """Everybody in a field; a group's name is left behind, its members are not."""
    fields = message.get_all(name, [])
    if not fields:
        return ()
    if len(fields) > 1 or not isinstance(fields[0], AddressHeader):
        raise Invalid(f"{name} is given twice, or cannot be read", field=name)
    return tuple(Address(one.addr_spec, one.display_name) for one in fields[0].addresses)


def _address(message: EmailMessage, name: str) -> tuple[str, str] | None:
    """(display name, address) of a field with exactly one address; None when it is absent."""
    fields = message.get_all(name, [])
    if not fields:
        return None
    field = fields[0]
    if len(fields) > 1 or not isinstance(field, AddressHeader) or len(field.addresses) != 1:
        raise Invalid(f"{name} must hold one address", field=name)
    address = field.addresses[0]
    return address.display_name, address.addr_spec


def _one(message: EmailMessage, name: str) -> str | None:
    fields = message.get_all(name, [])
    if len(fields) > 1:
        raise Invalid(f"{name} is given twice", field=name)
    return str(fields[0]) if fields else None
