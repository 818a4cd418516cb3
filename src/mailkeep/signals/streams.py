"""The stream management API for receivers: stream, status, subjects, verification (SSF 1.0 section
8).

A receiver has one stream, which is found by the receiver's token; to it no other stream exists.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import delete, func, select, update

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict, Invalid, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, reachable, tables
from .events import StreamChanged
from .pushing import PURPOSE
from .queue import Queue
from .types import (
    POLL,
    PUSH,
    SUPPORTED,
    Kind,
    Receiver,
    SignalSettings,
    State,
    Status,
    Stream,
)

_s, _e, _u = tables.streams, tables.sets, tables.unwanted

LONGEST = 200  #: characters of a description, a reason, a state
MOST_REQUESTED = 100  #: event types
MOST_UNWANTED = 100_000  #: subjects that one receiver has removed


class DeliveryIn(msgspec.Struct):
    """The delivery method. For polling, ``endpoint_url`` is set by us."""

    method: str = POLL
    endpoint_url: str = ""
    authorization_header: str | None = None


class StreamIn(msgspec.Struct):
    """What a receiver says of its stream; what it may not change must be as it is."""

    stream_id: str | None = None
    delivery: DeliveryIn | UnsetType = UNSET
    events_requested: list[str] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    iss: Any = UNSET
    aud: Any = UNSET
    events_supported: Any = UNSET
    events_delivered: Any = UNSET
    min_verification_interval: Any = UNSET


class Streams:
    """The streams of all receivers.

    Args:
        database: where they are.
        keys: seal what a receiver wants sent along.
        issuer: who we are.
        loopback: development: events may be pushed to this machine.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        queue: Queue,
        issuer: str,
        settings: SignalSettings,
        *,
        loopback: bool,
    ) -> None:
        self._database = database
        self._keys = keys
        self._queue = queue
        self._issuer = issuer
        self._settings = settings
        self._loopback = loopback

    async def create(self, receiver: Receiver, wanted: StreamIn) -> dict[str, Any]:
        """Make the receiver's stream; returns its configuration.

        Raises:
            Conflict: it has one.
            Invalid: something in it cannot be.
        """

        async def work(tx: Tx) -> dict[str, Any]:
            if await queries.stream_of(tx, receiver) is not None:
                raise Conflict("this receiver has a stream")
            stream = new_id("str", tx.now)
            row = {
                "id": stream,
                "receiver_id": receiver.id,
                "status": Status.ENABLED.value,
                "created_at": tx.now,
                "leased_until": 0,
                "next_at": 0,
                "failures": 0,
                "refusals": 0,
                **self._delivery(receiver, stream, wanted.delivery or DeliveryIn()),
                "requested": _requested(wanted.events_requested),
                "description": _description(wanted.description),
            }
            made = await tx.run(tx.upsert(_s).values(row).on_conflict_do_nothing())
            if not made:
                raise Conflict("this receiver has a stream")
            fact = StreamChanged(
                receiver=receiver.id,
                stream=stream,
                status=Status.ENABLED.value,
                by="receiver",
                why="",
                dropped=0,
            )
            await record(self._database, tx, fact)
            return self.shown(await self._get(tx, receiver, stream))

        return await self._database.retrying(work)

    async def read(self, receiver: Receiver, stream: str | None) -> Any:
        """The configuration of a stream, or without an id, a list of them. Raises ``NotFound``."""
        async with self._database.read() as tx:
            if stream is not None:
                return self.shown(await self._get(tx, receiver, stream))
            found = await queries.stream_of(tx, receiver)
            return [] if found is None else [self.shown(found)]

    async def update(self, receiver: Receiver, wanted: StreamIn, *, whole: bool) -> dict[str, Any]:
        """Change what is given; with ``whole``, what is not given is as at the beginning.

        Raises:
            NotFound: the receiver has no such stream.
            Invalid: something in it cannot be, or is ours to say and is otherwise.
        """

        async def work(tx: Tx) -> dict[str, Any]:
            found = await self._get(tx, receiver, wanted.stream_id)
            self._same(found, wanted)
            values: dict[str, Any] = {}
            if wanted.delivery is not UNSET or whole:
                given = wanted.delivery or DeliveryIn()
                values |= self._delivery(receiver, found.id, given)
                # Whoever corrects an endpoint's address should not have to wait for the next retry.
                values |= {"next_at": 0, "failures": 0}
            if wanted.events_requested is not UNSET or whole:
                values["requested"] = _requested(wanted.events_requested)
            if wanted.description is not UNSET or whole:
                values["description"] = _description(wanted.description)
            if values:
                await tx.run(update(_s).where(_s.c.id == found.id).values(**values))
            return self.shown(await self._get(tx, receiver, found.id))

        return await self._database.retrying(work)

    async def remove(self, receiver: Receiver, stream: str | None) -> None:
        """Remove a stream and what waits in it. Raises ``NotFound``."""

        async def work(tx: Tx) -> None:
            found = await self._get(tx, receiver, stream)
            of = _e.c.receiver_id == receiver.id, _e.c.state == State.WAITING.value
            dropped = await tx.run(
                update(_e).where(*of).values(state=State.DROPPED.value, ended_at=tx.now)
            )
            await tx.run(delete(_s).where(_s.c.id == found.id))
            fact = StreamChanged(
                receiver=receiver.id,
                stream=found.id,
                status="removed",
                by="receiver",
                why="",
                dropped=dropped,
            )
            await record(self._database, tx, fact)

        await self._database.retrying(work)

    async def status(self, receiver: Receiver, stream: str | None) -> dict[str, Any]:
        """Whether a stream carries, and why not. Raises ``NotFound``."""
        async with self._database.read() as tx:
            return _status(await self._get(tx, receiver, stream))

    async def set_status(
        self, receiver: Receiver, stream: str | None, status: Status, reason: str | None
    ) -> dict[str, Any]:
        """The receiver pauses, disables or enables its stream. Raises ``NotFound``."""

        async def work(tx: Tx) -> dict[str, Any]:
            found = await self._get(tx, receiver, stream)
            why = None if reason is None else reason[:LONGEST]
            await self._queue.set_status(tx, found, status, why, by="receiver")
            return _status(await self._get(tx, receiver, found.id))

        return await self._database.retrying(work)

    async def want(self, receiver: Receiver, stream: str | None, subject: Any, *, on: bool) -> None:
        """The receiver adds or removes a subject. Whether there is such an account is neither told
        nor looked up.

        Raises:
            NotFound: it has no such stream.
            Invalid: it is no subject as we name them.
            TooMany: it has removed too many.
        """
        name = self._subject(subject)

        async def work(tx: Tx) -> None:
            found = await self._get(tx, receiver, stream)
            of = _u.c.stream_id == found.id
            if on:
                await tx.run(delete(_u).where(of, _u.c.subject == name))
                return
            count = await tx.value(select(func.count()).select_from(_u).where(of)) or 0
            if count >= MOST_UNWANTED:
                raise TooMany(f"{MOST_UNWANTED} subjects are removed already")
            row = {"stream_id": found.id, "subject": name}
            await tx.run(tx.upsert(_u).values(row).on_conflict_do_nothing())

        await self._database.retrying(work)

    async def verify(self, receiver: Receiver, stream: str | None, state: str | None) -> None:
        """Send a verification event through the stream.

        Raises:
            NotFound: the receiver has no such stream.
            Invalid: the state is too long.
            TooMany: the last one was asked for too recently.
        """
        if state is not None and len(state) > LONGEST:
            raise Invalid(f"a state has {LONGEST} characters at most", field="state")

        async def work(tx: Tx) -> None:
            found = await self._get(tx, receiver, stream)
            every = self._settings.verify_every
            last = _s.c.verified_at.is_(None) | (_s.c.verified_at <= tx.now - every * SECOND)
            mine = update(_s).where(_s.c.id == found.id, last).values(verified_at=tx.now)
            if not await tx.run(mine):
                raise TooMany("a verification was asked for just now", retry_after=every)
            if found.status is not Status.DISABLED:
                body = {} if state is None else {"state": state}
                await self._queue.about_stream(tx, receiver.id, found.id, Kind.VERIFICATION, body)

        await self._database.retrying(work)

    def shown(self, stream: Stream) -> dict[str, Any]:
        """A stream's configuration (SSF 1.0 section 8.1.1), without the authorization header for
        pushes: a thief of a receiver's token must not get the key to its endpoint as well."""
        delivery = {"method": stream.method, "endpoint_url": stream.endpoint}
        if stream.method == POLL:
            delivery["endpoint_url"] = f"{self._issuer}/ssf/poll/{stream.id}"
        out: dict[str, Any] = {
            "stream_id": stream.id,
            "iss": self._issuer,
            "aud": stream.receiver.audience,
            "events_supported": list(SUPPORTED),
            "events_delivered": list(stream.delivered),
            "delivery": delivery,
            "min_verification_interval": self._settings.verify_every,
        }
        if stream.requested is not None:
            out["events_requested"] = list(stream.requested)
        if stream.description is not None:
            out["description"] = stream.description
        return out

    async def _get(self, tx: Tx, receiver: Receiver, stream: str | None) -> Stream:
        if not stream:
            raise Invalid("`stream_id` is missing", field="stream_id")
        found = await queries.stream_of(tx, receiver, stream)
        if found is None:
            raise NotFound("no such stream")
        return found

    def _delivery(self, receiver: Receiver, stream: str, wanted: DeliveryIn) -> dict[str, Any]:
        if wanted.method == POLL:
            return {"method": POLL, "endpoint": "", "authorization": None}
        if wanted.method != PUSH:
            raise Invalid(f"say {PUSH} or {POLL}", field="delivery.method")
        url = reachable.endpoint(wanted.endpoint_url, receiver.origins, loopback=self._loopback)
        given, sealed = wanted.authorization_header, None
        if given is not None:
            if not (0 < len(given) <= 2000 and given.isascii() and given.isprintable()):
                field = "delivery.authorization_header"
                raise Invalid("this is not a valid header value", field=field)
            sealed = self._keys.seal(PURPOSE + stream, given.encode())
        return {"method": PUSH, "endpoint": url, "authorization": sealed}

    def _same(self, stream: Stream, wanted: StreamIn) -> None:
        """Fields that are set by us must be unchanged where they are given. Raises ``Invalid``."""
        shown = self.shown(stream)
        for name in (
            "iss",
            "aud",
            "events_supported",
            "events_delivered",
            "min_verification_interval",
        ):
            given, kept = getattr(wanted, name), shown[name]
            if given is UNSET:
                continue
            if isinstance(kept, list) and isinstance(given, list):
                given, kept = sorted(map(str, given)), sorted(map(str, kept))
            if given not in (kept, [kept]):
                raise Invalid("a receiver cannot change this", field=name)

    def _subject(self, subject: Any) -> str:
        """The name in a subject as we send them. Raises ``Invalid``."""
        given = subject if isinstance(subject, dict) else {}
        name = given.get("sub")
        ours = given.get("format") == "iss_sub" and given.get("iss") == self._issuer
        if not ours or not isinstance(name, str) or not 0 < len(name) <= 255:
            raise Invalid("a subject here is an `iss_sub` with our issuer", field="subject")
        return name


def _requested(wanted: Sequence[str] | UnsetType) -> str | None:
    if isinstance(wanted, UnsetType):
        return None
    kept = [one for one in dict.fromkeys(wanted) if one and not one.isspace() and " " not in one]
    if not wanted or len(wanted) > MOST_REQUESTED or any(len(one) > 500 for one in wanted):
        raise Invalid(f"ask for 1 to {MOST_REQUESTED} events", field="events_requested")
    return "\n".join("".join(one.split()) for one in kept)


def _description(wanted: str | UnsetType | None) -> str | None:
    return wanted[:LONGEST] if isinstance(wanted, str) else None


def _status(stream: Stream) -> dict[str, Any]:
    out = {"stream_id": stream.id, "status": stream.status.value}
    return out if stream.reason is None else out | {"reason": stream.reason}
