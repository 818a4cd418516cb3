"""A message as an application writes it, and made the mail room's own (pure)."""

import datetime as dt
from typing import Annotated

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid
from mailkeep.mail.types import Content, NewMessage

MOST = 1000  #: messages in one request


class Person(msgspec.Struct, forbid_unknown_fields=True):
    """An address with a display name."""

    email: str
    name: str = ""


class MessageIn(msgspec.Struct, forbid_unknown_fields=True):
    """A message to send, to one recipient."""

    to: str | Person
    sender: str | Person = msgspec.field(name="from")
    subject: str
    stream: str
    text: str | None = None
    html: str | None = None
    reply_to: str | None = None
    headers: dict[str, str] = {}
    tags: Annotated[list[str], msgspec.Meta(max_length=20)] = []
    metadata: dict[str, str] = {}
    send_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    """Several messages. Those that are in order are accepted, unless ``all_or_none``."""

    messages: Annotated[list[MessageIn], msgspec.Meta(min_length=1, max_length=MOST)]
    all_or_none: bool = False


def to_new(one: MessageIn, caller: str, header: str | None, field: str) -> NewMessage:
    sender = one.sender if isinstance(one.sender, Person) else Person(one.sender)
    to = one.to if isinstance(one.to, Person) else Person(one.to)
    idempotency = one.idempotency_key or header
    return NewMessage(
        stream=one.stream,
        content=Content(
            sender=sender.email,
            sender_name=sender.name,
            to=to.email,
            to_name=to.name,
            subject=one.subject,
            text=one.text,
            html=one.html,
            reply_to=one.reply_to,
            headers=tuple(one.headers.items()),
            tags=tuple(one.tags),
            metadata=one.metadata,
        ),
        send_at=instant(one.send_at, f"{field}send_at"),
        expires_at=instant(one.expires_at, f"{field}expires_at"),
        idempotency=None if idempotency is None else (caller, idempotency),
    )


def instant(when: dt.datetime | None, field: str) -> Instant | None:
    """An instant as it was written. Raises ``Invalid`` where no offset from UTC is said."""
    if when is None:
        return None
    if when.tzinfo is None:
        raise Invalid("say the offset from UTC, as in 2030-01-31T12:00:00Z", field=field)
    return round(when.timestamp() * SECOND)
