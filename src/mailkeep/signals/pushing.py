"""Delivery by push (RFC 8935): one event after the other, repeated until acknowledged.

The attempt is written down before it is sent, and the answer after: a kill in between repeats it,
under the same ``jti``. Streams are independent: one that hangs holds back no other. Only a 202
acknowledges; a page that greets everybody with 200 has understood nothing.
"""

import asyncio
import json
import secrets
from functools import partial

import structlog
from sqlalchemy import exists, select, update

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.base.errors import Invalid, Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.store.database import Database, Tx

from . import queries, reachable, receivers, sets, tables
from .queue import LONGEST_ERROR, TOPIC, Queue, carried
from .reachable import Answer, Outbound
from .types import PUSH, Kind, SignalSettings, State, Status, Stream, Waiting

log = structlog.get_logger(__name__)

FIRST, LONGEST = 5 * SECOND, 15 * MINUTE  #: between two tries of a stream that fails
REFUSED_TRIES = 3  #: how often one event is told to a receiver that refuses it
PAUSE_AFTER = 10  #: events refused in a row after which the stream is paused
SPARE = 20 * SECOND  #: a lease outlives the longest push by so much
PURPOSE = "receiver authorization "

_s, _e, _r = tables.streams, tables.sets, tables.receivers
_draw = secrets.SystemRandom().random


class Pushing:
    """Pushes events to receivers.

    Args:
        database: where the queue is.
        keys: open what a receiver wants sent along.
        signing: signs.
        issuer: who we are.
        outbound: makes the connections.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        signing: SigningKeys,
        queue: Queue,
        outbound: Outbound,
        issuer: str,
        settings: SignalSettings,
        *,
        loopback: bool,
    ) -> None:
        self._database = database
        self._keys = keys
        self._signing = signing
        self._queue = queue
        self._outbound = outbound
        self._issuer = issuer
        self._lease = round(settings.timeout * SECOND) + SPARE
        self._loopback = loopback
        self._running: dict[str, asyncio.Task[None]] = {}
        self.awake = asyncio.Event()  #: set when there may be something to push

    def told(self, topic: str) -> None:
        """Called when something was written: see ``Database.hear``."""
        if topic in {"", TOPIC}:
            self.awake.set()

    async def step(self) -> bool:
        """Start a push for every stream that has something to push and is not being pushed."""
        async with self._database.read() as tx:
            due = [one for one in await self._due(tx) if one not in self._running]
        for stream in due:
            task = asyncio.create_task(self._run(stream), name=f"push {stream}")
            self._running[stream] = task
            task.add_done_callback(partial(self._ended, stream))
        return False

    def _ended(self, stream: str, _: asyncio.Task[None]) -> None:
        self._running.pop(stream, None)

    async def drain(self) -> None:
        """Wait until every push that was begun has ended."""
        while self._running:
            await asyncio.gather(*self._running.values())

    async def close(self) -> None:
        """Cancel the pushes under way; their events are sent again."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._outbound.close()

    async def release(self, tx: Tx) -> None:
        """Take back the leases of a process that is gone, where no other one can be running."""
        await tx.run(update(_s).values(leased_until=0))

    async def _run(self, stream: str) -> None:
        try:
            while await self._one(stream):
                pass
        except Unavailable as error:
            log.warning("push.unavailable", stream=stream, error=str(error))
        except Exception as error:
            log.exception("push.failed", stream=stream, error=type(error).__name__)

    async def _one(self, name: str) -> bool:
        """Push one event of a stream; whether to go on with the next."""
        claimed = await self._database.retrying(lambda tx: self._claim(tx, name))
        if claimed is None:
            return False
        stream, event, authorization = claimed
        answer = await self._send(stream, event, authorization)
        return await self._database.retrying(lambda tx: self._finish(tx, stream, event, answer))

    async def _due(self, tx: Tx) -> list[str]:
        rows = await tx.all(
            select(_s.c.id, _s.c.receiver_id).where(
                _s.c.method == PUSH,
                _s.c.next_at <= tx.now,
                _s.c.leased_until <= tx.now,
                exists().where(
                    _e.c.receiver_id == _s.c.receiver_id,
                    _e.c.state == State.WAITING.value,
                    _e.c.due_at <= tx.now,
                    (_s.c.status == Status.ENABLED.value)
                    | (_e.c.kind == Kind.STREAM_UPDATED.value),
                ),
            )
        )
        return [row["id"] for row in rows]

    async def _claim(self, tx: Tx, name: str) -> tuple[Stream, Waiting, str | None] | None:
        ours = await tx.run(
            update(_s)
            .where(_s.c.id == name, _s.c.next_at <= tx.now, _s.c.leased_until <= tx.now)
            .values(leased_until=tx.now + self._lease)
        )
        row = await tx.one(select(_s).where(_s.c.id == name)) if ours else None
        if row is None or row["method"] != PUSH:
            return None
        receiver = await receivers.named(tx, row["receiver_id"])
        stream = queries.stream_view(row, receiver)
        events, _ = await self._queue.next(tx, stream, 1)
        if not events:
            await tx.run(update(_s).where(_s.c.id == name).values(leased_until=0))
            return None
        sealed = row["authorization"]
        given = None if sealed is None else self._keys.unseal(PURPOSE + name, sealed).decode()
        return stream, events[0], given

    async def _send(self, stream: Stream, event: Waiting, authorization: str | None) -> Answer:
        try:  # an origin may have been taken back since
            url = reachable.endpoint(
                stream.endpoint, stream.receiver.origins, loopback=self._loopback
            )
        except Invalid as error:
            return Answer(failure=str(error))
        claims = sets.claims(self._issuer, stream, event)
        now = self._database.clock.now()
        token = await asyncio.to_thread(self._signing.sign, claims, kind=sets.TYPE, now=now)
        headers = {
            "Content-Type": sets.MEDIA_TYPE,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "Mailkeep",
        }
        if authorization is not None:
            headers["Authorization"] = authorization
        return await self._outbound.post(url, token.encode(), headers)

    async def _finish(self, tx: Tx, stream: Stream, event: Waiting, answer: Answer) -> bool:
        row = await tx.one(select(_s).where(_s.c.id == stream.id).with_for_update())
        if row is None:
            return False
        values: dict[str, object] = {"leased_until": 0}
        receiver, refused = stream.receiver.id, None
        if answer.status == 202:
            await self._queue.acknowledge(tx, receiver, [event.jti])
            values |= {"failures": 0, "failing_since": None, "error": None, "refusals": 0}
        else:
            why = failure(answer)
            times = row["failures"] + 1
            values |= {"failures": times, "error": why, "next_at": tx.now + backoff(times)}
            values["failing_since"] = row["failing_since"] or tx.now
            await tx.run(update(_e).where(_e.c.id == event.jti).values(tries=event.tries + 1))
            if answer.status == 400 and event.tries + 1 >= REFUSED_TRIES:
                refused = word(answer.body)
                await self._queue.refuse(tx, receiver, {event.jti: refused})
                values |= {"refusals": row["refusals"] + 1, "next_at": 0, "failures": 0}
        await tx.run(update(_s).where(_s.c.id == stream.id).values(**values))
        if refused is not None and row["refusals"] + 1 >= PAUSE_AFTER:
            why = f"the receiver refuses what it is sent: {refused}"[:LONGEST_ERROR]
            if row["status"] == Status.ENABLED.value:
                await self._queue.disable(tx, stream, why, Status.PAUSED)
            return False
        current = queries.stream_view(row, stream.receiver)
        more = exists().where(*carried(current, tx.now))
        waits = values.get("next_at", 0)
        return waits == 0 and bool(await tx.value(select(more)))


def failure(answer: Answer) -> str:
    """Why an event was not acknowledged, in words for an operator (pure)."""
    if answer.failure:
        return answer.failure
    if answer.status == 400:
        return f"refused: {word(answer.body)}"
    if 300 <= answer.status < 400:
        return f"status {answer.status}: it points elsewhere, where nothing goes"
    return f"status {answer.status}, not 202"


def word(body: bytes) -> str:
    """The receiver's error code (RFC 8935 section 2.4), when it is one word (pure)."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return sets.error(None)
    return sets.error(found.get("err") if isinstance(found, dict) else None)


def backoff(failures: int) -> Instant:
    """How long a stream waits after so many failures in a row, spread by a half."""
    longest = min(FIRST << min(failures - 1, 20), LONGEST)
    return round(longest * (0.75 + 0.5 * _draw()))
