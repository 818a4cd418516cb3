"""Intake: validates a message, stores it durably, and only then acknowledges it."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import select

from mailkeep.base import addresses as address_rules
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Conflict, Invalid, NotAllowed
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing, digest
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.providers import outgoing
from mailkeep.providers.errors import UnbuildableMessage
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.providers.types import ProviderConfig
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated

from . import families, fitting, genuine, lives, recipients, tables
from .events import MessageAccepted, MessageGivenUp
from .outbox import due
from .tracing import untraced
from .types import Content, GiveUpReason, NewMessage, Status, StreamSettings, Taken

MOST_AHEAD = 3_660 * DAY  #: ten years: further off is a mistyped year
REUSED = "this idempotency key was used for another message"


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
        date=max(date, content.date or 0),
        more_to=content.more_to,
        cc=content.cc,
        bcc=content.bcc,
        attachments=content.attachments,
        shown=content.shown,
    )


class Intake:
    """Accepts messages.

    Args:
        database: where they are stored.
        keys: for pseudonyms of addresses, and to seal secret bodies.
        streams: by name.
        honey: the one provider that may ever be given an address, by the address's canonical form.
            Whoever else uses such an address has it from that provider.
        providers: by name, whose limits a message must keep to; without it none are known.
        public_url: where people ask about mail of ours.
        closed: nothing is accepted: the installation only observes.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        streams: dict[str, StreamSettings],
        honey: Mapping[str, str] | None = None,
        providers: Mapping[str, ProviderConfig] | None = None,
        public_url: str = "",
        *,
        closed: bool = False,
    ) -> None:
        self._database = database
        self._keys = keys
        self._streams = streams
        self._honey = honey or {}
        self._providers = providers or {}
        self._public_url = public_url
        self._closed = closed

    def check(self, new: NewMessage, *, field: str = "") -> NewMessage:
        """Refuse now what no provider could carry later.

        Raises:
            NotAllowed: this house only observes.
            Invalid: naming the field; nothing was stored.
        """
        self._open()
        stream = self._streams.get(new.stream)
        if stream is None:
            known = ", ".join(sorted(self._streams))
            raise Invalid(f"no such stream; there are {known}", field=f"{field}stream")
        self._check_times(new, stream, field)
        content = new.content
        alone = "to" if not content.more_to else "to[0]"
        clean = msgspec.structs.replace(
            content,
            date=new.send_at,
            sender=address_rules.parse(content.sender, field=f"{field}from"),
            to=address_rules.parse(content.to, field=f"{field}{alone}"),
            reply_to=None
            if content.reply_to is None
            else address_rules.parse(content.reply_to, field=f"{field}reply_to"),
        )
        ordinary = fitting.plain(clean)
        if not ordinary:
            clean = recipients.clean(clean, field)
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
        body = msgspec.json.encode(clean)
        if stream.genuine:
            fitting.Request().take(len(body), len(clean.bcc), field)
        return msgspec.structs.replace(
            new, content=clean, avoid=self._too_small(new, stream, message, field), body=body
        )

    def _open(self) -> None:
        """Raises ``NotAllowed`` where nothing may be sent."""
        if self._closed:
            raise NotAllowed('this house only observes (level = "observe"): it sends nothing')

    def _check_times(self, new: NewMessage, stream: StreamSettings, field: str) -> None:
        """Refuse a message that would be over before it may be sent."""
        if new.send_at is None:
            return
        ahead = round(stream.expires * SECOND) if stream.secret else MOST_AHEAD
        if new.send_at >= self._database.clock.now() + ahead:
            raise Invalid("that is too far ahead", field=f"{field}send_at")
        if new.expires_at is not None and new.send_at >= new.expires_at:
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

    def named(self, new: NewMessage) -> NewMessage:
        """Give the message its id now, for callers that must be able to ask for it even when nobody
        can tell whether it was stored. A caller with an idempotency key can simply send it
        again."""
        if new.idempotency is not None:
            return new
        return msgspec.structs.replace(new, id=new_id("msg", self._database.clock.now()))

    async def accept(self, tx: Tx, new: NewMessage, *, field: str = "") -> str:
        """Store a checked message in the caller's transaction; returns its id.

        Raises:
            Conflict, Invalid: see ``accept_many``; ``field`` stands before the field's name.
        """
        (taken,) = await self.accept_many(tx, [new])
        if isinstance(taken, Invalid):
            raise Invalid(str(taken), field=f"{field}{taken.field or ''}")
        if isinstance(taken, Exception):
            raise taken
        return taken.id

    async def accept_many(
        self, tx: Tx, many: Sequence[NewMessage]
    ) -> list[Taken | Conflict | Invalid]:
        """Store checked messages in the caller's transaction, a few statements for all of them.

        Mail to a honey address goes through its own provider only; if that is not among the routes
        that the message may take, it is given up at once and silently: a refusal would tell the
        sender that this address is bait.

        Returns for each its result; one of these exceptions means that nothing was stored of it:
        Conflict, the idempotency key was used for other content; Invalid, it has expired already.
        The latter only for a new message, so that a late repetition still gets the id of the first
        one.
        """
        self._open()
        rows = _Rows()
        known = await self._known(tx, many)
        out: list[Taken | Conflict | Invalid] = []
        for new in many:
            content = msgspec.json.encode(new.content) if new.body is None else new.body
            once = None if new.idempotency is None else keyed(self._keys, new.idempotency)
            compared = None if once is None else _compared(new, content)
            content_hash = None if compared is None else self._keys.lookup_hash("content", compared)
            before = None if once is None else known.get(once)
            if before is not None:
                same = before[1] == content_hash
                out.append(Taken(before[0], repeated=True) if same else Conflict(REUSED))
            elif new.expires_at is not None and new.expires_at <= tx.now:
                out.append(Invalid("this time is past: nothing would be sent", field="expires_at"))
            else:
                message = self._take(rows, tx.now, new, content, once, content_hash)
                if once is not None:
                    known[once] = (message, content_hash)
                out.append(Taken(message))
        await self._write(tx, rows)
        return out

    async def _known(self, tx: Tx, many: Sequence[NewMessage]) -> dict[str, tuple[str, str | None]]:
        """The messages that were taken in under these idempotency keys, and their content."""
        ours = self._keys
        wanted = sorted({keyed(ours, one.idempotency) for one in many if one.idempotency})
        if not wanted:
            return {}
        found = await tx.fetch(_KNOWN, keys=wanted)
        return {once: (message, content_hash) for once, message, content_hash in found}

    def _take(
        self,
        rows: "_Rows",
        now: Instant,
        new: NewMessage,
        content: bytes,
        once: str | None,
        content_hash: str | None,
    ) -> str:
        """Add a new message to what is to be written; returns its id. Where its mail carries a
        code, blind copies are messages of their own, with theirs: with one code for all, whoever
        got the mail openly could ask whether somebody else did (``genuine``)."""
        if not new.content.bcc or not self._streams[new.stream].genuine:
            return self._add(rows, now, new, content, once, content_hash)
        rest, blind = recipients.apart(new.content)
        encode, replace = msgspec.json.encode, msgspec.structs.replace
        first = replace(new, content=rest)
        message = self._add(rows, now, first, encode(rest), once, content_hash)
        for one in blind:
            copy = replace(new, content=one, id=None)
            self._add(rows, now, copy, encode(one), None, None, of=message)
        return message

    def _add(
        self,
        rows: "_Rows",
        now: Instant,
        new: NewMessage,
        content: bytes,
        once: str | None,
        content_hash: str | None,
        *,
        of: str | None = None,
    ) -> str:
        """Add a message to what is to be written; returns its id. ``of``: whose copy it is."""
        stream = self._streams[new.stream]
        others = recipients.copies(new.content)
        bait = recipients.bait(
            (new.content.to, *others),
            self._honey,
            (route.provider for route in stream.routes),
            new.only,
            new.avoid,
        )
        message = new.id or new_id("msg", now)
        address = self._named(rows, new.content.to)
        copies = [self._named(rows, one) for one in others]
        # A time in the past becomes now: otherwise naming one would jump the queue.
        next_at = max(now, new.send_at or now)
        longest = next_at + round(stream.expires * SECOND)
        expires_at = longest if new.expires_at is None else min(new.expires_at, longest)
        rows.copies.extend({"address_id": one, "message_id": message} for one in copies)
        rows.messages.append(
            {
                "id": message,
                "stream": stream.name,
                "priority": stream.priority,
                "address_id": address,
                "status": (Status.GIVEN_UP if bait.leaks else Status.QUEUED).value,
                "secret": stream.secret,
                "only": ",".join(bait.only),
                "avoid": ",".join(new.avoid),
                "created_at": now,
                "expires_at": expires_at,
                "next_at": next_at,
                "tries": 0,
                "idempotency": once,
                "content_hash": content_hash,
                "ours": new.ours,
                "copies": recipients.joined(copies),
                "family": families.of(new.content.to),
                "tags": lives.to_tags(new.content.tags),
                "copy_of": of,
            }
        )
        rows.facts.append(MessageAccepted(message=message, stream=stream.name, address=address))
        if bait.leaks:
            why = GiveUpReason.HONEY
            rows.facts.append(
                MessageGivenUp(message=message, stream=stream.name, address=address, why=why)
            )
            return message
        if stream.genuine:
            code = genuine.code_of(self._keys, message)
            rows.genuine.append(genuine.row(self._keys, message, code, new.content.subject))
            content = msgspec.json.encode(genuine.marked(new.content, code, self._public_url))
        hour, data = None, content
        if stream.secret or new.sealed:
            hour, data = self._keys.seal_until(expires_at, f"body {message}", content)
        rows.bodies.append({"message_id": message, "hour": hour, "data": data})
        return message

    def _named(self, rows: "_Rows", address: str) -> str:
        """The pseudonym of an address, which is to be written too."""
        name = self._keys.pseudonym("address", address_rules.key(address))
        rows.addresses.setdefault(name, {"id": name, "address": address})
        return name

    async def _write(self, tx: Tx, rows: "_Rows") -> None:
        if not rows.messages:
            return
        # Always in the same order: two writers of the same addresses never deadlock.
        tx.many(_ADDRESSES, [rows.addresses[one] for one in sorted(rows.addresses)])
        tx.many(_MESSAGES, rows.messages)
        tx.many(_COPIES, rows.copies)
        tx.many(_BODIES, rows.bodies)
        tx.many(_GENUINE, rows.genuine)
        await record(self._database, tx, *rows.facts)
        for stream in {str(row["stream"]) for row in rows.messages}:
            self._database.tell(tx, due(stream))


_m = tables.messages.c
_KNOWN = Repeated(
    lambda _insert: select(_m.idempotency, _m.id, _m.content_hash).where(
        Among(_m.idempotency, "keys")
    )
)
_ADDRESSES = Repeated(
    lambda insert: insert(tables.addresses).on_conflict_do_nothing(), ("id", "address")
)
_MESSAGES = Repeated(
    lambda insert: insert(tables.messages),
    (
        *("id", "stream", "priority", "address_id", "status", "secret", "only", "avoid"),
        *("created_at", "expires_at", "next_at", "tries", "idempotency", "content_hash"),
        *("ours", "copies", "family", "tags", "copy_of"),
    ),
)
_COPIES = Repeated(lambda insert: insert(tables.message_copies), ("address_id", "message_id"))
_BODIES = Repeated(lambda insert: insert(tables.message_bodies), ("message_id", "hour", "data"))


_GENUINE = Repeated(lambda insert: insert(tables.genuine_mails), ("code", "message_id", "sealed"))


class _Rows:
    """What a call of ``accept_many`` adds, table by table."""

    def __init__(self) -> None:
        self.addresses: dict[str, dict[str, object]] = {}
        self.messages: list[dict[str, object]] = []
        self.copies: list[dict[str, object]] = []
        self.bodies: list[dict[str, object]] = []
        self.genuine: list[dict[str, object]] = []
        self.facts: list[Fact] = []


def keyed(keys: KeyRing, idempotency: tuple[str, str]) -> str:
    """The key under which a message is found by its caller and idempotency key. The latter may be
    guessable: over SMTP it includes the recipient."""
    return keys.lookup_hash("idempotency", msgspec.json.encode(idempotency).decode())


def _compared(new: NewMessage, content: bytes) -> str:
    """A digest by which a repeated message is recognised under the same idempotency key. It is
    keyed: the bare digest of a mail that is known but for a six-digit code tells the code to
    whoever tries a million."""
    if new.content.trace is not None:
        content = msgspec.json.encode(untraced(new.content))
    return digest(content + new.stream.encode())
