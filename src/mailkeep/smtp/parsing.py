"""A submitted message as the content that the outbox keeps (pure).

What the sender's software wrote around the message (trace fields, its own Message-ID and Date) is
left behind; what it says to people goes on.
"""

from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import AddressHeader
from email.message import EmailMessage, MIMEPart

from mailkeep.base.errors import Invalid
from mailkeep.mail.types import Content

from .headers import POLICY

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
    try:
        message = message_from_bytes(raw, policy=POLICY)
        if not isinstance(message, EmailMessage):
            raise Invalid("not a message")
        return _content(message), _one(message, STREAM_HEADER)
    except (MessageError, ValueError, LookupError, IndexError, AttributeError) as error:
        # The standard library's parser raises all of these on headers that are not as they should.
        raise Invalid("the message cannot be read") from error


def _content(message: EmailMessage) -> Content:
    sender = _address(message, "From")
    if sender is None:
        raise Invalid("the message has no From address", field="From")
    reply_to = _address(message, "Reply-To")
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    shown = {id(part) for part in (text, html) if part is not None}
    for part in message.walk():
        if not part.is_multipart() and id(part) not in shown:
            raise Invalid("attachments are not carried yet", field=part.get_content_type())
    if not shown:
        raise Invalid("the message has no text")
    headers = {
        name: str(value)
        for name, value in message.items()
        if name.lower() not in LEFT_BEHIND
        and not name.lower().startswith(("content-", "x-mailkeep-"))
    }
    return Content(
        sender=sender[1],
        sender_name=sender[0],
        to="",
        subject=_one(message, "Subject") or "",
        text=None if text is None else _text(text),
        html=None if html is None else _text(html),
        reply_to=None if reply_to is None else reply_to[1],
        headers=tuple(headers.items()),
    )


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
        raise Invalid(f"{name} stands there twice", field=name)
    return str(fields[0]) if fields else None


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise Invalid("a part of the message cannot be read")
    try:
        text = payload.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError) as error:
        raise Invalid("a part is not in the character set that it names") from error
    return text.replace("\r\n", "\n")
