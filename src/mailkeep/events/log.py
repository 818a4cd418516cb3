"""Append facts in the transaction of their effect, and give them places after the commit.

A sequence number taken inside a transaction can become visible before a smaller one that commits
later, so a reader that remembers "up to 17" would skip 16 for ever (PostgreSQL). Positions are
therefore given after the commit, by one relay that holds a lease.
"""

from functools import partial

import msgspec
import structlog
from sqlalchemy import bindparam, insert, select, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.ids import new_id
from mailkeep.store.database import Database, Tx

from .tables import events, relay
from .types import Fact, Recorded, decode, encode

log = structlog.get_logger(__name__)

LEASE = 10 * SECOND


async def record(database: Database, tx: Tx, *facts: Fact) -> None:
    """Append facts, in their order; they become part of the log if and when ``tx`` commits."""
    if not facts:
        return
    # The relay places facts by their ids, so these rise within the transaction.
    rows = [
        {
            "id": new_id("evt", tx.now, tx.order.next()),
            "kind": fact.kind,
            "at": tx.now,
            "data": encode(fact),
        }
        for fact in facts
    ]
    await tx.run(insert(events), rows)
    tx.after_commit.append(database.committed.set)
    if database.on_facts is not None:
        tx.after_commit.append(partial(database.on_facts, facts, tx.now))


class Relay:
    """Gives places to committed facts. Any number may run; the one that holds the lease works.

    Args:
        database: the log's database.
        holder: this process's name in the lease.
    """

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder

    async def place(self, limit: int = 1000) -> int:
        """Place up to ``limit`` waiting facts; returns how many. 0 too when another leads."""
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
            return len(waiting)

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


async def after(tx: Tx, position: int, limit: int = 500) -> list[tuple[int, Recorded | None]]:
    """Placed facts after ``position`` in order; None stands for one that this version does not
    know, or cannot read: it must not stop every reader for ever."""
    rows = await tx.all(
        select(events).where(events.c.position > position).order_by(events.c.position).limit(limit)
    )
    out: list[tuple[int, Recorded | None]] = []
    for row in rows:
        fact = None
        try:
            fact = decode(row["kind"], row["data"])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("fact.unreadable", fact=row["id"], kind=row["kind"], error=str(error))
        out.append(
            (
                row["position"],
                None
                if fact is None
                else Recorded(row["position"], row["placed_at"], row["at"], row["id"], fact),
            )
        )
    return out


async def placed_through(tx: Tx) -> Instant:
    """No fact will ever be placed before this instant that is not placed yet."""
    return await tx.value(select(relay.c.placed_through)) or 0
