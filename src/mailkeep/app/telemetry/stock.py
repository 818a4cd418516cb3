"""Reads the gauges from the database: seldom, together, at a bounded cost."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import msgspec
import structlog
from sqlalchemy import func, select

from mailkeep.cutover import queries as cutovers
from mailkeep.events import tables as events
from mailkeep.feed import queries as feeds
from mailkeep.feed.types import FeedState
from mailkeep.incidents import tables as incidents
from mailkeep.incidents.queries import clocks
from mailkeep.incidents.regulator import stands
from mailkeep.incidents.types import IncidentSettings
from mailkeep.mail import depth, queries
from mailkeep.store import migrate
from mailkeep.store.database import Database, Tx

log = structlog.get_logger(__name__)

FRESH_SECONDS = 5.0  #: what was read so long ago is still told
SHARE = 0.02  #: of the time, at most, goes into reading: what takes long is read more seldom
PATIENCE_SECONDS = 3.0  #: how long a reader of the metrics waits for the database
MOST_UNPLACED = 10_000

Readers = Mapping[str, Callable[[], int]]


class Stock(msgspec.Struct, frozen=True):
    """What the database held.

    Attributes:
        lag: facts placed and not read yet, by subscriber.
        incidents: those that are not closed, by kind of subject and state.
        clocks: regulators' clocks that nobody answered, by how they stand.
        feeds: how each fares that ever ran, by name.
        cutover: the state of the move between providers that is under way; "": there is none.
        schema: it is the one that this version was made for.
    """

    depths: dict[str, depth.Depth]
    cut: frozenset[str]
    resting: frozenset[str]
    lag: dict[str, int]
    unplaced: int
    incidents: dict[tuple[str, str], int]
    clocks: dict[str, int]
    feeds: dict[str, FeedState]
    cutover: str
    schema: bool
    now: int


class Storekeeper:
    """Reads the stock and remembers it.

    Args:
        streams: those that are told of.
        subscribers: who reads the log, and up to where this process has read it for each: what is
            not for a reader it passes over without writing its place down.
        telling: when regulators must be told.
    """

    def __init__(
        self,
        database: Database,
        streams: Collection[str],
        subscribers: Readers,
        telling: IncidentSettings | None = None,
    ) -> None:
        self._database = database
        self._telling = telling
        self._streams = tuple(streams)
        self._subscribers = dict(subscribers)
        self._reading: asyncio.Task[None] | None = None
        self._read_at = 0.0
        self._cost = 0.0
        self.failures = 0
        self.stock: Stock | None = None

    def age(self) -> float:
        """Seconds since the stock was read."""
        return time.monotonic() - self._read_at

    async def look(self) -> Stock | None:
        """The gauges' values, read anew when they are old. If the database does not answer in time,
        the last known ones; None when there are none."""
        if self.stock is None or self.age() >= max(FRESH_SECONDS, self._cost / SHARE):
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            # One caller may go away; the others still wait for the same reading.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await asyncio.shield(self._reading)
        return self.stock

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        started = time.monotonic()
        try:
            async with self._database.read() as tx:
                self.stock = await take(tx, self._streams, self._subscribers, self._telling)
        except Exception as error:
            # Numbers that need no database are reported all the same; the age shows how old the
            # rest is.
            self.failures += 1
            log.warning("telemetry.stock_not_read", error=type(error).__name__)
            return
        self._read_at = time.monotonic()
        self._cost = self._read_at - started


async def take(
    tx: Tx,
    streams: Collection[str],
    subscribers: Readers,
    telling: IncidentSettings | None = None,
) -> Stock:
    """Read the stock at ``tx.now``."""
    telling = telling or IncidentSettings()
    e, c, i = events.events, events.checkpoints, incidents.incidents
    placed = await tx.value(select(events.relay.c.position)) or 0
    read = {row["subscriber"]: row["position"] for row in await tx.all(select(c))}
    some = select(e.c.id).where(e.c.position.is_(None)).limit(MOST_UNPLACED).subquery()
    live = await tx.all(
        select(i.c.subject_kind, i.c.state, func.count().label("n"))
        .where(i.c.state != "closed")
        .group_by(i.c.subject_kind, i.c.state)
    )
    move = await cutovers.live(tx)
    return Stock(
        depths=await depth.depths(tx, streams),
        cut=frozenset(await queries.cut(tx)),
        resting=frozenset(await queries.resting(tx)),
        lag={
            one: max(0, placed - max(read.get(one, 0), passed()))
            for one, passed in subscribers.items()
        },
        unplaced=int(await tx.value(select(func.count()).select_from(some)) or 0),
        clocks=Counter(stands(at, tx.now) for at, _ in await clocks(tx, telling)),
        incidents={(row["subject_kind"], row["state"]): row["n"] for row in live},
        feeds=await feeds.states(tx),
        cutover="" if move is None else move.state.value,
        schema=await migrate.is_current(tx),
        now=tx.now,
    )
