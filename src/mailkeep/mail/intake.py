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
from mailkeep.providers.types import Address, OutgoingMessage, ProviderConfig, Shown
from mailkeep.store.database import Database, Tx

from . import fitting, recipients, tables
from .events import MessageAccepted, MessageGivenUp
from .types import Content, NewMessage, Status, StreamSettings


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
        reply_to=None
        if content.reply_to is None
        else Address(content.reply_to, content.reply_to_name),
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers=content.headers,
        secret=stream.secret,
        tags=content.tags,
        metadata=content.metadata,
        date=date,
        more_to=content.more_to,
        cc=content.cc,
        bcc=content.bcc,
        attachments=content.attachments,
        shown=content.shown,
    )


class Intake:
    """Takes messages in.

    Args:
        database: where they are stored.
        keys: name addresses, seal secret bodies.
        streams: by name.
        honey: the one provider that may ever be given an address, by the address's canonical
            form. Whoever else uses such an address has it from that provider.
        providers: by name, whose limits a message must keep to; without it none are known.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        streams: dict[str, StreamSettings],
        honey: Mapping[str, str] | None = None,
        providers: Mapping[str, ProviderConfig] | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._streams = streams
        self._honey = honey or {}
        self._providers = providers or {}

    def check(self, new: NewMessage, *, field: str = "") -> NewMessage:
        """Refuse now what no provider could carry later.

        Raises:
            Invalid: naming the field; nothing was stored.
        """
        stream = self._streams.get(new.stream)
        if stream is None:
            known = ", ".join(sorted(self._streams))
            raise Invalid(f"no such stream; there are {known}", field=f"{field}stream")
        self._check_times(new, stream, field)
        content = new.content
        alone = "to" if not content.more_to else "to[0]"
        clean = msgspec.structs.replace(
            content,
            sender=address_rules.parse(content.sender, field=f"{field}from"),
            to=address_rules.parse(content.to, field=f"{field}{alone}"),
            reply_to=None
            if content.reply_to is None
            else address_rules.parse(content.reply_to, field=f"{field}reply_to"),
        )
        ordinary = fitting.plain(clean)
        if not ordinary:
            clean = _clean_people(clean, field)
        message = to_outgoing(clean, "msg_0", "att_0", stream, 0)
        try:
            outgoing.check(message)
            if not ordinary:
                fitting.check(clean, secret=stream.secret)
        except (UnbuildableMessage, Invalid) as error:
            name = {"sender": "from"}.get(error.field or "", error.field or "")
            raise Invalid(str(error), field=f"{field}{name}") from error
        if ordinary:
            return msgspec.structs.replace(new, content=clean)
        return msgspec.structs.replace(
            new,
            content=clean,
            avoid=self._too_small(new, stream, message, field),
            body=msgspec.json.encode(clean),
        )

    def _check_times(self, new: NewMessage, stream: StreamSettings, field: str) -> None:
        """Refuse a message that would be over before it may be sent."""
        if new.send_at is None:
            return
        longest = self._database.clock.now() + round(stream.expires * SECOND)
        if new.send_at >= (longest if new.expires_at is None else min(new.expires_at, longest)):
            raise Invalid("it would have expired by then", field=f"{field}send_at")

    def _too_small(
        self, new: NewMessage, stream: StreamSettings, message: OutgoingMessage, field: str
    ) -> tuple[str, ...]:
        """Providers to avoid: those that the message does, and those that could not carry it.

        Raises:
            Invalid: none remains.
        """
        may = [
            route.provider
            for route in stream.routes
            if route.provider not in new.avoid and (not new.only or route.provider in new.only)
        ]
        unfit = fitting.unfit(message, self._providers, may)
        if may and len(unfit) == len(set(may)):
            where, _ = next(iter(unfit.values()))
            reasons = "; ".join(f"{name} {why}" for name, (_, why) in unfit.items())
            raise Invalid(f"no route can carry it: {reasons}", field=f"{field}{where}")
        return (*new.avoid, *unfit)

    async def accept(self, tx: Tx, new: NewMessage, *, field: str = "") -> str:
        """Store a checked message in the caller's transaction; returns its id.

        Mail to a honey address goes through its own provider only; where that is not among the
        routes that the message may take, it is given up at once and in silence: a refusal would
        tell whoever asked for it that this address is bait.

        Raises:
            Conflict: the idempotency key was used for other content.
            Invalid: its time is over already. Only said of a message that is new, so that a late
                repetition still hears the id of the first one.
        """
        stream = self._streams[new.stream]
        content = msgspec.json.encode(new.content) if new.body is None else new.body
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
                return str(before["id"])
        if new.expires_at is not None and new.expires_at <= tx.now:
            raise Invalid("this time is past: nothing would be sent", field=f"{field}expires_at")
        others = recipients.copies(new.content)
        routes = [route.provider for route in stream.routes]
        people = (new.content.to, *others)
        bait = recipients.bait(people, self._honey, routes, new.only, new.avoid)
        message = new_id("msg", tx.now)
        address = self._keys.pseudonym("address", address_rules.key(new.content.to))
        longest = tx.now + round(stream.expires * SECOND)
        expires_at = longest if new.expires_at is None else min(new.expires_at, longest)
        named = {self._keys.pseudonym("address", address_rules.key(one)): one for one in others}
        # Sorted: two messages to the same people never wait for each other in a ring.
        for name, one in sorted({address: new.content.to, **named}.items()):
            await tx.run(
                tx.upsert(tables.addresses).values(id=name, address=one).on_conflict_do_nothing()
            )
        await tx.run(
            insert(tables.messages).values(
                id=message,
                stream=stream.name,
                priority=stream.priority,
                address_id=address,
                status=(Status.GIVEN_UP if bait.leaks else Status.QUEUED).value,
                secret=stream.secret,
                only=",".join(bait.only),
                avoid=",".join(new.avoid),
                created_at=tx.now,
                expires_at=expires_at,
                next_at=new.send_at or tx.now,
                tries=0,
                idempotency=idempotency,
                content_hash=content_hash,
                ours=new.ours,
                copies=recipients.joined(named),
            )
        )
        for name in named:
            row = {"address_id": name, "message_id": message}
            await tx.run(insert(tables.message_copies).values(row))
        await record(self._database, tx, MessageAccepted(message, stream.name, address))
        if bait.leaks:
            await record(self._database, tx, MessageGivenUp(message, stream.name, address, "honey"))
            return message
        hour, data = None, content
        if stream.secret:
            hour, data = self._keys.seal_until(expires_at, f"body {message}", content)
        await tx.run(insert(tables.message_bodies).values(message_id=message, hour=hour, data=data))
        return message


def _clean_people(content: Content, field: str) -> Content:
    """The content with every further address checked, and each recipient once."""

    def clean(people: tuple[Address, ...], name: str, first: int = 0) -> tuple[Address, ...]:
        return tuple(
            msgspec.structs.replace(
                one, email=address_rules.parse(one.email, field=f"{field}{name}[{at}]")
            )
            for at, one in enumerate(people, first)
        )

    shown = content.shown
    if shown is not None:
        shown = Shown(clean(shown.to, "To"), clean(shown.cc, "Cc"))
    return recipients.once(
        msgspec.structs.replace(
            content,
            more_to=clean(content.more_to, "to", 1),
            cc=clean(content.cc, "cc"),
            bcc=clean(content.bcc, "bcc"),
            shown=shown,
        )
    )
