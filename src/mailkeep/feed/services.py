"""Delivers to each feed what was recorded since its checkpoint, and advances the checkpoint.

At least once: the checkpoint is written after the delivery. A feed that fails is retried with
growing delays, holds back no other, and loses nothing that the log still has. A line that the
receiver refuses for its content (`outlets.REFUSALS`) is skipped after some tries, since it would
block the feed for ever.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec
import structlog
from sqlalchemy import update

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import NotFound
from mailkeep.events.log import after, head
from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentRestored,
    IncidentTaken,
    IncidentUpdated,
)
from mailkeep.signals.pushing import backoff
from mailkeep.store.database import Database, Tx
from mailkeep.watch.events import SignalRaised

from . import lines, tables
from .outlets import Outlet, Put
from .types import FeedSettings, What

log = structlog.get_logger(__name__)

REFUSED_TRIES = 5  #: how often a line is told that is refused
LEASE = 90 * SECOND  #: outlives what one turn may take
STRIDE = 10_000  #: facts passed over before a place is written down without a line told
SECONDS = 1.0  #: between two looks

#: The facts that are told, by what they are told as.
FACTS: Mapping[What, frozenset[str]] = {
    What.SIGNAL: frozenset({SignalRaised.kind}),
    What.INCIDENT: frozenset(
        one.kind
        for one in (
            IncidentOpened,
            IncidentUpdated,
            IncidentContained,
            IncidentTaken,
            IncidentRestored,
            IncidentClosed,
        )
    ),
}

_f = tables.feeds


class Turn(msgspec.Struct, frozen=True):
    """What a feed has to deliver in one pass.

    Attributes:
        told: (place, id, line); a line is None where there is nothing to say any more.
        through: the place up to which nothing else is to be told.
    """

    told: tuple[tuple[int, str, bytes | None], ...]
    through: int


class Feeds:
    """All feeds of a process.

    Args:
        outlets: where each goes, by its name.
        alone: no other process can be telling: what a lease says is of one that is gone.
    """

    def __init__(
        self,
        database: Database,
        settings: tuple[FeedSettings, ...],
        outlets: Mapping[str, Outlet],
        *,
        alone: bool,
    ) -> None:
        self._database = database
        self._settings = settings
        self._outlets = outlets
        self._alone = alone

    async def run(self) -> None:
        """Deliver for ever, each feed at its own pace."""
        try:
            if self._alone:
                await self.release()
            async with asyncio.TaskGroup() as group:
                for one in self._settings:
                    group.create_task(self._keep(one))
        finally:
            await self.close()

    async def close(self) -> None:
        for one in self._outlets.values():
            await one.close()

    async def step(self, settings: FeedSettings) -> bool:
        """One pass of a feed; returns whether there is more to deliver at once.

        Raises:
            Unavailable: the database is away.
        """
        async with self._database.read() as tx:  # nothing is written, or held, for nothing
            due = await self._turn(tx, settings)
        if due is None:
            return False
        turn = await self._database.retrying(partial(self._claim, settings=settings))
        if turn is None:
            return False
        outlet = self._outlets[settings.name]
        given = [(name, line) for _, name, line in turn.told if line is not None]
        put = await outlet.put(given) if given else Put(0)
        if put.failure:
            log.warning("feed.failed", feed=settings.name, error=put.failure)
        return await self._database.retrying(
            partial(self._finish, settings=settings, turn=turn, put=put)
        )

    async def release(self) -> None:
        """Take back the leases of a process that is gone."""
        async with self._database.write() as tx:
            await tx.run(update(_f).values(leased_until=0))

    async def _keep(self, settings: FeedSettings) -> None:
        while True:
            try:
                if await self.step(settings):
                    continue
            except Exception as error:
                log.exception("feed.failed", feed=settings.name, error=type(error).__name__)
            await asyncio.sleep(SECONDS)

    async def _claim(self, tx: Tx, settings: FeedSettings) -> Turn | None:
        """What is to be delivered now, under a lease; None when there is nothing."""
        row = await tx.one(_f.select().where(_f.c.name == settings.name).with_for_update())
        if row is None:  # it begins with what happens from now on
            first = {"name": settings.name, "position": await head(tx)}
            counts = dict.fromkeys(("leased_until", "next_at", "failures", "told", "refused"), 0)
            await tx.run(tx.upsert(_f).values(**first, **counts).on_conflict_do_nothing())
            return None
        turn = await self._turn(tx, settings)
        if turn is not None:
            await self._set(tx, settings, {"leased_until": tx.now + LEASE})
        return turn

    async def _turn(self, tx: Tx, settings: FeedSettings) -> Turn | None:
        """What there is to do for a feed now; None when there is nothing."""
        row = await tx.one(_f.select().where(_f.c.name == settings.name))
        if row is None:
            return Turn((), 0)
        if row["next_at"] > tx.now or row["leased_until"] > tx.now:
            return None
        # Read before the facts are: whatever has a position by then is among them.
        through = await head(tx)
        kinds = frozenset().union(*(FACTS[what] for what in settings.what))
        batch = self._outlets[settings.name].batch
        found = await after(tx, row["position"], batch, kinds)
        if not found and through < row["position"] + STRIDE:
            return None
        if len(found) == batch:
            through = found[-1][0]
        elif found:
            through = max(through, found[-1][0])
        told = [(place, *(await said(tx, one) or ("", None))) for place, one in found]
        return Turn(tuple(told), through)

    async def _finish(self, tx: Tx, settings: FeedSettings, turn: Turn, put: Put) -> bool:
        row = await tx.one(_f.select().where(_f.c.name == settings.name).with_for_update())
        if row is None:
            return False
        values: dict[str, object] = {"leased_until": 0}
        rest = [place for place, _, line in turn.told if line is not None][put.taken :]
        if put.taken:
            values |= {"told": row["told"] + put.taken, "told_at": tx.now}
        if not rest:
            values |= {"position": turn.through, "failures": 0, "failing_since": None}
            await self._set(tx, settings, values | {"error": None, "next_at": 0})
            return bool(turn.told)
        # After a line was accepted, the tries of the one that failed are counted anew.
        failures = 1 if put.taken else row["failures"] + 1
        values |= {"position": rest[0] - 1, "failures": failures, "error": put.failure[:200]}
        values["failing_since"] = row["failing_since"] or tx.now
        values["next_at"] = tx.now + backoff(failures)
        if put.refused and failures >= REFUSED_TRIES:
            log.error("feed.refused", feed=settings.name, place=rest[0], error=put.failure)
            values |= {"position": rest[0], "refused": row["refused"] + 1}
            values |= {"failures": 0, "next_at": 0}
        await self._set(tx, settings, values)
        return False

    async def _set(self, tx: Tx, settings: FeedSettings, values: dict[str, object]) -> None:
        await tx.run(update(_f).where(_f.c.name == settings.name).values(**values))


async def said(tx: Tx, recorded: Recorded | None) -> tuple[str, bytes] | None:
    """Id and line of a fact; None where it makes no line, or its incident is gone."""
    if recorded is None:
        return None
    name, at, fact = recorded.id, recorded.at, recorded.fact
    if isinstance(fact, SignalRaised):
        return name, lines.encode(lines.signal(name, at, fact.signal))
    if not isinstance(fact, lines.IncidentFact):
        return None
    try:
        found = await incidents.one(tx, fact.incident)
    except NotFound:
        return None
    return name, lines.encode(lines.incident(name, at, fact, found))
