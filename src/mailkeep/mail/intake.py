"""Intake: check a message, store it durably, then acknowledge it."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import insert, select

from mailkeep.base import addresses as address_rules
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing, digest
from mailkeep.events.log import record
from mailkeep.providers import outgoing
from mailkeep.providers.errors import UnbuildableMessage
from mailkeep.providers.types import Address, OutgoingMessage
from mailkeep.store.database import Database, Tx

from . import tables
from .events import MessageAccepted, MessageGivenUp
from .types import Content, NewMessage, Repeated, Status, StreamSettings


def to_outgoing(
    content: Content, message: str, attempt: str, stream: StreamSettings, date: Instant
) -> OutgoingMessage:
    """The message as the provider modules take it."""
    return OutgoingMessage(
        id=message,
        attempt=attempt,
        stream=stream.name,
        sender=Address(content.sender, content.sender_name),
        to=Address(content.to, content.to_name),
        reply_to=None if content.reply_to is None else Address(content.reply_to),
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers=content.headers,
        secret=stream.secret,
        tags=content.tags,
        metadata=content.metadata,
        date=date,
    )


class Intake:
    """Takes messages in.

    Args:
        database: where they are stored.
        keys: name addresses, seal secret bodies.
        streams: by name.
        honey: the one provider that may ever be given an address, by the address's canonical
            form. Whoever else uses such an address has it from that provider.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        streams: dict[str, StreamSettings],
        honey: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._streams = streams
        self._honey = honey or {}

    def check(self, new: NewMessage, *, field: str = "") -> NewMessage:
        """Refuse now what no provider could carry later.

        Raises:
            Invalid: naming the field; nothing was stored.
        """
        stream = self._streams.get(new.stream)
        if stream is None:
            known = ", ".join(sorted(self._streams))
            raise Invalid(f"no such stream; there are {known}", field=f"{field}stream")
        content = new.content
        clean = msgspec.structs.replace(
            content,
            sender=address_rules.parse(content.sender, field=f"{field}from"),
            to=address_rules.parse(content.to, field=f"{field}to"),
            reply_to=None
            if content.reply_to is None
            else address_rules.parse(content.reply_to, field=f"{field}reply_to"),
        )
        try:
            outgoing.check(to_outgoing(clean, "msg_0", "att_0", stream, 0))
        except UnbuildableMessage as error:
            name = {"sender": "from"}.get(error.field or "", error.field or "")
            raise Invalid(str(error), field=f"{field}{name}") from error
        return msgspec.structs.replace(new, content=clean)

    async def accept(self, tx: Tx, new: NewMessage, *, field: str = "") -> str:
        """Store a checked message in the caller's transaction; returns its id, as a ``Repeated``
        when it had been stored before.

        Mail to a honey address goes through its own provider only; where that is not among the
        routes that the message may take, it is given up at once and in silence: a refusal would
        tell whoever asked for it that this address is bait.

        Raises:
            Conflict: the idempotency key was used for other content.
            Invalid: its time is over already. Only said of a message that is new, so that a late
                repetition still hears the id of the first one.
        """
        stream = self._streams[new.stream]
        content = msgspec.json.encode(new.content)
        idempotency = content_hash = None
        if new.idempotency is not None:
            idempotency = digest(msgspec.json.encode(new.idempotency))
            content_hash = digest(content + new.stream.encode())
            before = await tx.one(
                select(tables.messages.c.id, tables.messages.c.content_hash).where(
                    tables.messages.c.idempotency == idempotency
                )
            )
            if before is not None:
                if before["content_hash"] != content_hash:
                    raise Conflict("this idempotency key was used for another message")
                return Repeated(before["id"])
        if new.expires_at is not None and new.expires_at <= tx.now:
            raise Invalid("this time is past: nothing would be sent", field=f"{field}expires_at")
        bait = self._honey.get(address_rules.key(new.content.to))
        leaks = bait is not None and not _may_carry(new, stream, bait)
        message = new_id("msg", tx.now)
        address = self._keys.pseudonym("address", address_rules.key(new.content.to))
        longest = tx.now + round(stream.expires * SECOND)
        expires_at = longest if new.expires_at is None else min(new.expires_at, longest)
        await tx.run(
            tx.upsert(tables.addresses)
            .values(id=address, address=new.content.to)
            .on_conflict_do_nothing()
        )
        await tx.run(
            insert(tables.messages).values(
                id=message,
                stream=stream.name,
                priority=stream.priority,
                address_id=address,
                status=(Status.GIVEN_UP if leaks else Status.QUEUED).value,
                secret=stream.secret,
                only=",".join(new.only if bait is None else (bait,)),
                avoid=",".join(new.avoid),
                created_at=tx.now,
                expires_at=expires_at,
                next_at=new.send_at or tx.now,
                tries=0,
                idempotency=idempotency,
                content_hash=content_hash,
                ours=new.ours,
            )
        )
        await record(self._database, tx, MessageAccepted(message, stream.name, address))
        if leaks:
            await record(self._database, tx, MessageGivenUp(message, stream.name, address, "honey"))
            return message
        hour, data = None, content
        if stream.secret:
            hour, data = self._keys.seal_until(expires_at, f"body {message}", content)
        await tx.run(insert(tables.message_bodies).values(message_id=message, hour=hour, data=data))
        return message


def _may_carry(new: NewMessage, stream: StreamSettings, provider: str) -> bool:
    return (
        provider in {route.provider for route in stream.routes}
        and provider not in new.avoid
        and (not new.only or provider in new.only)
    )
