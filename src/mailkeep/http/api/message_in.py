"""Parses a message as an application sends it into the mail room's own type (pure)."""

import datetime as dt
from typing import Annotated

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid
from mailkeep.mail.types import Content, NewMessage
from mailkeep.providers.message import Address, Attachment

MOST = 1000  #: messages in one request


class Person(msgspec.Struct, forbid_unknown_fields=True):
    """An address with a display name."""

    email: str
    name: str = ""


People = str | Person | list[str | Person]


class AttachmentIn(msgspec.Struct, forbid_unknown_fields=True):
    """A file, in base64. With a ``content_id`` the HTML shows it, as ``cid:…``."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""


class MessageIn(msgspec.Struct, forbid_unknown_fields=True):
    """A message to send: to one recipient, whose fate is its status, with copies to others."""

    to: People
    sender: str | Person = msgspec.field(name="from")
    subject: str
    stream: str
    text: str | None = None
    html: str | None = None
    cc: People = []
    bcc: People = []
    reply_to: str | Person | None = None
    attachments: Annotated[list[AttachmentIn], msgspec.Meta(max_length=100)] = []
    headers: dict[str, str] = {}
    tags: Annotated[list[str], msgspec.Meta(max_length=20)] = []
    metadata: dict[str, str] = {}
    send_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    """Several messages. Valid ones are accepted even beside invalid ones, unless
    ``all_or_none``."""

    messages: Annotated[list[MessageIn], msgspec.Meta(min_length=1, max_length=MOST)]
    all_or_none: bool = False


def to_new(one: MessageIn, caller: str, header: str | None, field: str) -> NewMessage:
    """The message as the mail room takes it. Raises ``Invalid`` naming the field."""
    sender = _person(one.sender, f"{field}from")
    recipients = _people(one.to, f"{field}to")
    if not recipients:
        raise Invalid("the message has no recipient", field=f"{field}to")
    to, *more_to = recipients
    reply_to = None if one.reply_to is None else _person(one.reply_to, f"{field}reply_to")
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
            reply_to=None if reply_to is None else reply_to.email,
            reply_to_name="" if reply_to is None else reply_to.name,
            headers=tuple(one.headers.items()),
            tags=tuple(one.tags),
            metadata=one.metadata,
            more_to=tuple(more_to),
            cc=tuple(_people(one.cc, f"{field}cc")),
            bcc=tuple(_people(one.bcc, f"{field}bcc")),
            attachments=tuple(
                Attachment(file.filename, file.content, file.content_type, file.content_id)
                for file in one.attachments
            ),
        ),
        send_at=instant(one.send_at, f"{field}send_at"),
        expires_at=instant(one.expires_at, f"{field}expires_at"),
        idempotency=None if idempotency is None else (caller, idempotency),
    )


def _person(one: str | Person, field: str) -> Address:
    if isinstance(one, Person):
        return Address(one.email, one.name)
    # What other services take in one text is nothing that two readers understand alike.
    if "<" in one:
        raise Invalid('say it as {"email": "ada@example.net", "name": "Ada"}', field=field)
    if one.count("@") > 1 and ("," in one or ";" in one):
        raise Invalid('say several as ["ada@example.net", "bob@example.net"]', field=field)
    return Address(one)


def _people(some: People, field: str) -> list[Address]:
    if not isinstance(some, list):
        return [_person(some, field)]
    return [_person(one, f"{field}[{at}]") for at, one in enumerate(some)]


def instant(when: dt.datetime | None, field: str) -> Instant | None:
    """Parse an instant. Raises ``Invalid`` if it has no offset from UTC."""
    if when is None:
        return None
    if when.tzinfo is None:
        raise Invalid("say the offset from UTC, as in 2030-01-31T12:00:00Z", field=field)
    return round(when.timestamp() * SECOND)
