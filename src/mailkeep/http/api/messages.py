"""``/v1/messages``: take mail in, tell what became of it."""

import datetime as dt
import re
from typing import Annotated

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import SECOND, Instant, iso
from mailkeep.base.errors import Invalid
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import queries
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Tx

#: How the decoder names a field that is missing, or one that it does not know.
_FIELD = re.compile(r"Object (?:(missing required)|contains unknown) field `(.*)`", re.DOTALL)
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
    """Several messages; all are accepted, or none."""

    messages: Annotated[list[MessageIn], msgspec.Meta(min_length=1, max_length=MOST)]


class Accepted(msgspec.Struct):
    """The ids of what is now ours to deliver, in the order given."""

    ids: list[str]


class AttemptOut(msgspec.Struct):
    id: str
    provider: str
    started_at: str
    outcome: str | None
    detail: str | None


class MessageOut(msgspec.Struct):
    """A message's life; bodies and addresses are never returned."""

    id: str
    stream: str
    status: str
    recipient: str
    created_at: str
    expires_at: str
    attempts: list[AttemptOut]


class Messages(Controller):
    """Sending and looking up."""

    path = "/v1/messages"
    tags = ("messages",)

    @post("/", status_code=202, summary="Accept one message, or up to 1,000")
    async def accept(self, request: Incoming, running: Running) -> Accepted:
        """Durable before it is acknowledged: after 202 the messages survive a kill."""
        await authorise(request, running, "send")
        single, messages = _decode(await request.body())
        # Asked again: a body may take its time, and a key that is revoked sends nothing more.
        streams = frozenset(one.stream for one in messages)
        key_id = await authorise(request, running, "send", streams)
        header = request.headers.get("Idempotency-Key")
        if header is not None and not single:
            raise Invalid("give each message of a batch its own key", field="Idempotency-Key")
        fields = [""] if single else [f"messages[{index}]." for index in range(len(messages))]
        checked = [
            running.intake.check(_to_new(one, key_id, header, field), field=field)
            for field, one in zip(fields, messages, strict=True)
        ]

        async def store(tx: Tx) -> list[str]:
            return [
                await running.intake.accept(tx, new, field=field)
                for field, new in zip(fields, checked, strict=True)
            ]

        lane = min(running.streams[new.stream].priority for new in checked)
        ids = await running.shared.run(store, lane=lane)
        for stream in {new.stream for new in checked}:
            running.dispatcher.wake(stream)
        return Accepted(ids)

    @get("/{message_id:str}", summary="One message with its attempts")
    async def show(self, request: Incoming, running: Running, message_id: str) -> MessageOut:
        await authorise(request, running, "read")
        async with running.database.read() as tx:
            found = await queries.message(tx, message_id)
        return MessageOut(
            found.id,
            found.stream,
            found.status,
            found.address,
            iso(found.created_at),
            iso(found.expires_at),
            [
                AttemptOut(a.id, a.provider, iso(a.started_at), a.outcome, a.detail)
                for a in found.attempts
            ],
        )


def _decode(body: bytes) -> tuple[bool, list[MessageIn]]:
    """(whether it was a single message, the messages). Raises ``Invalid`` naming the field."""
    try:
        shape = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if "messages" in shape:
            return False, msgspec.json.decode(body, type=BatchIn).messages
        return True, [msgspec.json.decode(body, type=MessageIn)]
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("the body is not JSON in UTF-8") from error


def _refusal(said: str) -> Invalid:
    """What the decoder says, with the field that is missing or that nobody knows (pure)."""
    text, _, place = said.partition(" - at `$")
    field = place.strip(".`")
    found = _FIELD.fullmatch(text)
    if found is None:
        return Invalid(text, field=field or None)
    missing, name = found.groups()
    text = f"`{name}` is missing" if missing else f"there is no field `{name}` here"
    return Invalid(text, field=f"{field}.{name}" if field else name)


def _to_new(one: MessageIn, key_id: str, header: str | None, field: str) -> NewMessage:
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
        send_at=_instant(one.send_at, f"{field}send_at"),
        expires_at=_instant(one.expires_at, f"{field}expires_at"),
        idempotency=None if idempotency is None else (key_id, idempotency),
    )


def _instant(when: dt.datetime | None, field: str) -> Instant | None:
    if when is None:
        return None
    if when.tzinfo is None:
        raise Invalid("say the offset from UTC, as in 2030-01-31T12:00:00Z", field=field)
    return round(when.timestamp() * SECOND)
