"""The bounded queue of events for each receiver.

Attacks met here: whoever can cause events at will (denials, requests for resets) would flood
receivers. So of one kind about one account only a limited number goes in a time window, and then
the last one when it is over, so that nothing is missed that still counts. Events that need no
action are dropped before a queue is full, so that a stranger cannot have a stream disabled.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.events.types import Fact
from mailkeep.store.database import Database, Tx

from . import queries, receivers, tables
from .events import SetAcknowledged, SetRefused, StreamChanged
from .types import (
    ADVISORY,
    Announcement,
    Kind,
    SignalSettings,
    State,
    Status,
    Stream,
    Waiting,
)

_s, _e, _u = tables.streams, tables.sets, tables.unwanted

TOPIC = "signals"  #: told when there may be something to tell
LONGEST_ERROR = 200
_ADVISORY = sorted(one.value for one in ADVISORY)
FULL = "the queue was full; what was in it is lost"
OVERDUE = "events waited for too long; what was in the queue is lost"
BATCH = 500  #: events that one sweep looks at


class Queue:
    """The queues of all receivers.

    Args:
        database: where they are.
        keys: name accounts to receivers.
        settings: how many, and for how long.
    """

    def __init__(self, database: Database, keys: KeyRing, settings: SignalSettings) -> None:
        self._database = database
        self._keys = keys
        self._settings = settings

    async def tell(self, tx: Tx, told: Sequence[Announcement], *, cause: str | None = None) -> int:
        """Queue announcements for every stream that carries them; returns how many rows.

        Args:
            cause: an incident; of one account and kind it is told once in each.
        """
        count = 0
        for stream in await queries.streams(tx) if told else ():
            if stream.status is Status.DISABLED:
                continue
            wanted = [one for one in told if one.kind in stream.delivered]
            if wanted:
                count += await self._tell(tx, stream, wanted, cause)
        if count:
            self._database.tell(tx, TOPIC)
        return count

    async def _tell(
        self, tx: Tx, stream: Stream, told: Iterable[Announcement], cause: str | None
    ) -> int:
        receiver, settings = stream.receiver, self._settings
        waiting = await queries.count_waiting(tx, receiver.id)
        ready: dict[tuple[str, str], Instant] = {}
        count = 0
        for one in told:
            subject = await receivers.subject(tx, self._keys, receiver, one.account)
            if subject is None or await tx.value(_unwanted(stream.id, subject)) is not None:
                continue
            if cause is not None and await self._was_told(tx, receiver.id, one, cause):
                continue
            key = subject, one.fold
            if key not in ready:
                ready[key] = await self._ready(tx, receiver.id, subject, one.fold)
            if one.kind in ADVISORY and waiting >= settings.queue // 2:
                continue
            if waiting >= settings.queue:
                await self.disable(tx, stream, FULL)
                return count
            await self._insert(
                tx,
                receiver.id,
                one.kind,
                one.body,
                account=one.account,
                subject=subject,
                fold=one.fold,
                cause=cause,
                at=one.at,
                due=max(one.due, ready[key]),
            )
            waiting += 1
            count += 1
        return count

    async def about_stream(
        self, tx: Tx, receiver: str, stream: str, kind: Kind, body: dict[str, Any]
    ) -> None:
        """Put an event about a stream itself in line."""
        await self._insert(
            tx, receiver, kind, body, account=None, subject=None, fold=stream, at=tx.now, due=tx.now
        )
        self._database.tell(tx, TOPIC)

    async def disable(
        self, tx: Tx, stream: Stream, why: str, status: Status = Status.DISABLED
    ) -> None:
        """Disable a stream on our own initiative, and tell the receiver (SSF 1.0 section 8.1.2)."""
        await self.set_status(tx, stream, status, why, by="us")
        body = {"status": status.value, "reason": why}
        await self.about_stream(tx, stream.receiver.id, stream.id, Kind.STREAM_UPDATED, body)

    async def set_status(
        self, tx: Tx, stream: Stream, status: Status, why: str | None, *, by: str
    ) -> None:
        """Change a stream's status; a disabled one keeps nothing."""
        fresh: dict[str, Any] = {}
        if status is Status.ENABLED:
            fresh = {"next_at": 0, "failures": 0, "refusals": 0}
        await tx.run(
            update(_s).where(_s.c.id == stream.id).values(status=status.value, reason=why, **fresh)
        )
        dropped = 0
        if status is Status.DISABLED:
            of = _e.c.receiver_id == stream.receiver.id, _e.c.state == State.WAITING.value
            dropped = await tx.run(
                update(_e).where(*of).values(state=State.DROPPED.value, ended_at=tx.now)
            )
        fact = StreamChanged(
            receiver=stream.receiver.id,
            stream=stream.id,
            status=status.value,
            by=by,
            why=why or "",
            dropped=dropped,
        )
        await record(self._database, tx, fact)
        self._database.tell(tx, TOPIC)

    async def acknowledge(self, tx: Tx, receiver: str, jtis: Iterable[str]) -> int:
        """The receiver acknowledges these; returns how many were waiting. One that it was never
        sent, or that is another receiver's, is ignored."""
        return await self._end(tx, receiver, dict.fromkeys(jtis), State.ACKNOWLEDGED)

    async def refuse(self, tx: Tx, receiver: str, errors: dict[str, str]) -> int:
        """The receiver will not take these; by jti, its word for why."""
        return await self._end(tx, receiver, dict(errors), State.REFUSED)

    async def _end(self, tx: Tx, receiver: str, words: dict[str, str | None], state: State) -> int:
        sent = (
            _e.c.receiver_id == receiver,
            _e.c.state == State.WAITING.value,
            _e.c.sent_at.is_not(None),
            _e.c.id.in_(list(words)),
        )
        rows = await tx.all(select(_e).where(*sent).order_by(_e.c.id).with_for_update())
        for row in rows:
            said = words[row["id"]]
            await tx.run(
                update(_e)
                .where(_e.c.id == row["id"])
                .values(state=state.value, ended_at=tx.now, error=said)
            )
            account, event, jti = row["account_id"], row["kind"], row["id"]
            fact: Fact = (
                SetAcknowledged(receiver=receiver, account=account, event=event, jti=jti)
                if said is None
                else SetRefused(
                    receiver=receiver, account=account, event=event, jti=jti, error=said
                )
            )
            await record(self._database, tx, fact)
        return len(rows)

    async def next(self, tx: Tx, stream: Stream, most: int) -> tuple[list[Waiting], bool]:
        """The next events that may be sent, marked as sent, and whether there are more. If the
        stream does not carry, only those about its status."""
        rows: list[RowMapping] = []
        # Events that strangers can cause in masses must not go before those that a receiver must
        # act on.
        for of in (_e.c.kind.not_in(_ADVISORY), _e.c.kind.in_(_ADVISORY)):
            query = select(_e).where(*carried(stream, tx.now), of).order_by(_e.c.due_at, _e.c.id)
            if len(rows) <= most:
                rows += await tx.all(query.limit(most + 1 - len(rows)))
        first = rows[:most]
        if first:
            of = _e.c.id.in_([row["id"] for row in first])
            await tx.run(update(_e).where(of, _e.c.sent_at.is_(None)).values(sent_at=tx.now))
        return [queries.waiting_view(row) for row in first], len(rows) > most

    async def sweep(self, tx: Tx) -> int:
        """Disable the streams in which something waited for too long; returns how many."""
        before = tx.now - round(self._settings.keep * SECOND)
        late = select(_e.c.receiver_id).where(
            _e.c.state == State.WAITING.value, _e.c.due_at <= before
        )
        rows = await tx.all(late.distinct())
        late_ids = {row["receiver_id"] for row in rows}
        for stream in await queries.streams(tx) if rows else ():
            if stream.receiver.id not in late_ids:
                continue
            if stream.status is Status.DISABLED:
                # Nobody has fetched what we sent about it: that is over as well.
                of = _e.c.receiver_id == stream.receiver.id, _e.c.due_at <= before
                await tx.run(
                    update(_e)
                    .where(*of, _e.c.state == State.WAITING.value)
                    .values(state=State.DROPPED.value, ended_at=tx.now)
                )
                continue
            await self.disable(tx, stream, OVERDUE)
        return len(rows)

    async def _ready(self, tx: Tx, receiver: str, subject: str, fold: str) -> Instant:
        """When the next of one fold may be told. What was held back or is yet to come is taken out
        of line: the one that comes says it all."""
        of = _e.c.receiver_id == receiver, _e.c.subject == subject, _e.c.fold == fold
        held = _e.c.state == State.WAITING.value, _e.c.sent_at.is_(None), _e.c.due_at > tx.now
        await tx.run(delete(_e).where(*of, *held))
        window, burst = round(self._settings.window * SECOND), self._settings.burst
        rows = await tx.all(
            select(_e.c.made_at)
            .where(*of, _e.c.due_at <= tx.now, _e.c.made_at > tx.now - window)
            .order_by(_e.c.made_at.desc())
            .limit(burst)
        )
        return rows[-1]["made_at"] + window if len(rows) == burst else 0

    async def _was_told(self, tx: Tx, receiver: str, one: Announcement, cause: str) -> bool:
        of = _e.c.receiver_id == receiver, _e.c.account_id == one.account
        same = _e.c.kind == one.kind.value, _e.c.cause == cause
        return await tx.value(select(_e.c.id).where(*of, *same).limit(1)) is not None

    async def _insert(
        self,
        tx: Tx,
        receiver: str,
        kind: Kind,
        body: dict[str, Any],
        *,
        account: str | None,
        subject: str | None,
        fold: str,
        at: Instant,
        due: Instant,
        cause: str | None = None,
    ) -> None:
        # What happened to an account in one instant is one transaction (RFC 8417 section 2.2); two
        # receivers must not find out by its name that they hear of the same one.
        happened = f"{receiver}\0{account or fold}\0{tx.now if account is None else at}"
        await tx.run(
            insert(_e).values(
                id=new_id("set", tx.now, tx.order.next()),
                receiver_id=receiver,
                kind=kind.value,
                account_id=account,
                subject=subject,
                fold=fold,
                body=msgspec.json.encode(body).decode(),
                txn=self._keys.pseudonym("txn", happened),
                cause=cause,
                at=at,
                made_at=tx.now,
                due_at=max(due, tx.now),
                state=State.WAITING.value,
                tries=0,
            )
        )


def carried(stream: Stream, now: Instant) -> tuple[ColumnElement[bool], ...]:
    """Which events a stream carries now."""
    of = (
        _e.c.receiver_id == stream.receiver.id,
        _e.c.state == State.WAITING.value,
        _e.c.due_at <= now,
    )
    if stream.status is Status.ENABLED:
        return of
    return (*of, _e.c.kind == Kind.STREAM_UPDATED.value)


def _unwanted(stream: str, subject: str) -> Any:
    return select(_u.c.subject).where(_u.c.stream_id == stream, _u.c.subject == subject)
