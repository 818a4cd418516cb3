"""Appends events in the transaction of their effect, and assigns their positions in the log.

A sequence number taken inside a transaction can become visible before a smaller one that commits
later, so a reader that remembers "up to 17" would skip 16 for ever (PostgreSQL). There, positions
are therefore assigned after the commit, by one relay that holds a lease. SQLite has one writer at a
time, so a position taken inside its transaction cannot be overtaken: it is written with the event.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated

from .tables import events, relay
from .types import Fact, Recorded, decode, encode

log = structlog.get_logger(__name__)

LEASE = 10 * SECOND
PASS = SECOND // 4  #: how much of the log's time passes at once, at least, where nothing happens
FACTS = "facts"  #: told when facts were recorded
PLACED = "placed"  #: told when facts were given places, so that they can be read


async def record(database: Database, tx: Tx, *facts: Fact) -> None:
    """Append facts, in their order; they become part of the log if and when ``tx`` commits.

    They are written at the end of the transaction, which therefore does not see them.
    """
    if not facts:
        return
    # The relay places facts by their ids, so these rise within the transaction.
    tx.defer(
        _append,
        [
            {
                "id": new_id("evt", tx.now, tx.order.next()),
                "kind": fact.kind,
                "at": tx.now,
                "data": encode(fact),
            }
            for fact in facts
        ],
    )
    database.tell(tx, FACTS)
    if database.on_facts is not None:
        tx.after_commit.append(partial(database.on_facts, facts, tx.now))


_COLUMNS = ("id", "kind", "at", "data")
_APPEND = Repeated(lambda insert: insert(events), _COLUMNS)
_AGAIN = Repeated(
    lambda insert: insert(events).on_conflict_do_nothing().returning(events.c.id), _COLUMNS
)
_APPEND_PLACED = Repeated(
    lambda insert: insert(events).values(
        position=select(relay.c.position - bindparam("before")).scalar_subquery(),
        placed_at=select(relay.c.placed_through).scalar_subquery(),
    ),
    _COLUMNS,
)


def _take(insert: Callable[..., Any]) -> Any:
    first = insert(relay).values(
        id=1,
        holder="",
        leased_until=0,
        position=bindparam("count"),
        placed_through=bindparam("now"),
    )
    return first.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "position": relay.c.position + first.excluded.position,
            "placed_through": func.max(relay.c.placed_through, first.excluded.placed_through),
        },
    )


_TAKE_PLACES = Repeated(_take)


async def _append(tx: Tx, rows: list[dict[str, Any]]) -> None:
    if tx.is_postgresql:
        tx.many(_APPEND, rows)
        tx.trace = (_AGAIN, rows[0])
        return
    tx.many(_TAKE_PLACES, [{"count": len(rows), "now": tx.now}])
    for before, row in enumerate(reversed(rows)):
        row["before"] = before
    tx.many(_APPEND_PLACED, rows)


class Relay:
    """Assigns positions to committed facts, and lets the log's time pass when nothing happens. Any
    number may run; the one that holds the lease works.

    Args:
        database: the log's database.
        holder: this process's name in the lease.
    """

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._seen = 0
        self._passed: Instant = 0  # when the log's time last passed, as far as this process knows

    async def place(self, limit: int = 1000) -> int:
        """Place up to ``limit`` waiting facts; returns how many have a position that had none when
        it last looked. 0 too when another process holds the lease."""
        if self._database.is_sqlite:
            async with self._database.glance() as tx:
                position = await head(tx)
                now = tx.now
            if position > self._seen:  # they came with their places, and the log's time with them
                new, self._seen, self._passed = position - self._seen, position, now
                return new
            if now < self._passed + PASS:
                return 0
            self._passed = now
        async with self._database.write() as tx:
            row = await self._lease(tx)
            if row is None:
                return 0
            position, through = row
            through = max(through, tx.now)
            waiting = await tx.all(
                select(events.c.id)
                .where(events.c.position.is_(None))
                .order_by(events.c.id)
                .limit(limit)
            )
            if waiting:
                await tx.run(
                    update(events)
                    .where(events.c.id == bindparam("of"))
                    .values(position=bindparam("place"), placed_at=bindparam("when")),
                    [
                        {"of": one["id"], "place": position + offset, "when": through}
                        for offset, one in enumerate(waiting, start=1)
                    ],
                )
            await tx.run(
                update(relay)
                .where(relay.c.id == 1)
                .values(position=position + len(waiting), placed_through=through)
            )
            if waiting:
                self._database.tell(tx, PLACED)
        new, self._seen = position + len(waiting) - self._seen, position + len(waiting)
        return new

    async def _lease(self, tx: Tx) -> tuple[int, Instant] | None:
        """Take or renew the lease; returns (last position, placed through) while we hold it.

        The relay's row stays locked to the end of the transaction, so a holder whose lease ran
        out while it was writing cannot give the same place as its successor.
        """
        first = (
            tx.upsert(relay)
            .values(id=1, holder=self._holder, leased_until=0, position=0, placed_through=0)
            .on_conflict_do_nothing()
        )
        await tx.run(first)
        taken = await tx.run(
            update(relay)
            .where(
                relay.c.id == 1,
                (relay.c.holder == self._holder) | (relay.c.leased_until < tx.now),
            )
            .values(holder=self._holder, leased_until=tx.now + LEASE)
        )
        if taken != 1:
            return None
        row = await tx.one(select(relay.c.position, relay.c.placed_through))
        return None if row is None else (row["position"], row["placed_through"])


async def after(
    tx: Tx, position: int, limit: int = 500, kinds: Collection[str] | None = None
) -> list[tuple[int, Recorded | None]]:
    """Placed facts after ``position`` in order, of the given kinds or of all. One that this version
    cannot decode comes as None, so that it does not stop every reader for ever."""
    values: dict[str, Any] = {"after": position, "most": limit}
    if kinds is None:
        return _read(await tx.fetch(_AFTER, **values))
    return _read(await tx.fetch(_AFTER_OF, kinds=sorted(kinds), **values))


def _facts_after(*which: ColumnElement[bool]) -> Any:
    e = events.c
    query = select(e.position, e.placed_at, e.at, e.id, e.kind, e.data)
    after = e.position > bindparam("after", type_=BigInteger)
    return query.where(after, *which).order_by(e.position).limit(bindparam("most"))


_AFTER = Repeated(lambda _insert: _facts_after())
_AFTER_OF = Repeated(lambda _insert: _facts_after(Among(events.c.kind, "kinds")))


def _read(rows: Iterable[Sequence[Any]]) -> list[tuple[int, Recorded | None]]:
    out: list[tuple[int, Recorded | None]] = []
    for position, placed_at, at, name, kind, data in rows:
        fact = None
        try:
            fact = decode(kind, data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("fact.unreadable", fact=name, kind=kind, error=str(error))
        recorded = None if fact is None else Recorded(position, placed_at, at, name, fact)
        out.append((position, recorded))
    return out


async def head(tx: Tx) -> int:
    """The position of the newest fact that has one; 0 before the first."""
    found = await tx.fetch(HEAD)
    return found[0][0] if found else 0


async def is_there(tx: Tx, position: int) -> bool:
    """Whether the fact of a place that was given is still kept."""
    return await tx.value(select(events.c.id).where(events.c.position == position)) is not None


HEAD = Repeated(lambda _insert: select(relay.c.position))


async def placed_through(tx: Tx) -> Instant:
    """The instant before which every fact has its position."""
    return await tx.value(select(relay.c.placed_through)) or 0
