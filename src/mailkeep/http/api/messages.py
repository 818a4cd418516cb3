"""``/v1/messages``: take mail in, tell what became of it."""

import asyncio

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso
from mailkeep.base.errors import Invalid
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import queries, tracing
from mailkeep.mail.fitting import SMALL
from mailkeep.mail.types import NewMessage
from mailkeep.store.database import Tx

from .message_in import decode, to_new


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
        body = await request.body()
        large = len(body) > SMALL
        single, messages = await asyncio.to_thread(decode, body) if large else decode(body)
        # Asked again: a body may take its time, and a key that is revoked sends nothing more.
        streams = frozenset(one.stream for one in messages)
        key_id = await authorise(request, running, "send", streams)
        header = request.headers.get("Idempotency-Key")
        if header is not None and not single:
            raise Invalid("give each message of a batch its own key", field="Idempotency-Key")
        fields = [""] if single else [f"messages[{index}]." for index in range(len(messages))]
        with tracing.accept_span(request.headers.get(tracing.HEADER), len(messages)) as trace:

            def check() -> list[NewMessage]:
                return [
                    running.intake.check(
                        tracing.traced(to_new(one, key_id, header, field), trace), field=field
                    )
                    for field, one in zip(fields, messages, strict=True)
                ]

            checked = await asyncio.to_thread(check) if large else check()

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
