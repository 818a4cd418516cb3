"""Delivers to each feed what was recorded since its checkpoint, and advances the checkpoint.

At least once: the checkpoint is written after the delivery. A feed that fails is retried with
growing delays, holds back no other, and loses nothing that the log still has. A line that the
receiver refuses for its content (`outlets.REFUSALS`) is skipped after some tries, since it would
block the feed for ever.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec
import structlog
from sqlalchemy import update
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.loops import Keeper
from mailkeep.events.log import after, head, is_there
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

from . import happened, lines, tables
from .outlets import Line, Outlet, Put
from .types import EventWebhookSettings, FeedSettings, What

log = structlog.get_logger(__name__)

REFUSED_TRIES = 5  #: how often a line is told that is refused
LEASE = 90 * SECOND  #: outlives what one turn may take
NOWHERE = -1  #: the place of what has not begun
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

Settings = FeedSettings | EventWebhookSettings

_f = tables.feeds


class Turn(msgspec.Struct, frozen=True):
    """What a feed has to deliver in one pass.

    Attributes:
        start: the place behind which it was read.
        told: (place, line); a line is None where there is nothing to say any more.
        through: the place up to which nothing else is to be told.
        more: there is more to tell at once.
        ahead: when the next one happened, which has the place behind ``through``; None: not known.
        missed: from when on the log had forgotten what was to be told.
    """

    start: int
    told: tuple[tuple[int, Line | None], ...]
    through: int
    more: bool = False
    ahead: Instant | None = None
    missed: Instant | None = None


class Feeds:
    """All feeds of a process, and the webhooks of delivery events.

    Args:
        outlets: where each goes, by its name.
        alone: no other process can be telling: what a lease says is of one that is gone.
    """

    def __init__(
        self,
        database: Database,
        settings: Iterable[Settings],
        outlets: Mapping[str, Outlet],
        *,
        alone: bool,
    ) -> None:
        self._database = database
        self._settings = tuple(settings)
        self._outlets = outlets
        self._alone = alone
        # Up to where nothing was to be told, behind which place that is written down.
        self._passed: dict[str, tuple[int, int]] = {}

    async def run(self, keep: Keeper) -> None:
        """Deliver for ever, each feed at its own pace."""
        try:
            if self._alone:
                await self.release()
            async with asyncio.TaskGroup() as group:
                for one in self._settings:
                    group.create_task(keep(partial(self.step, one), SECONDS, of=one.name))
        finally:
            await self.close()

    async def close(self) -> None:
        for one in self._outlets.values():
            await one.close()

    async def step(self, settings: Settings) -> bool:
        """One turn of a feed; whether there is more to tell at once.

        Raises:
            Unavailable: the database is away.
        """
        async with self._database.read() as tx:  # nothing is written, or held, for nothing
            turn = await self._due(tx, settings)
        if turn is None:
            return False
        if not await self._database.retrying(partial(self._claim, settings=settings, turn=turn)):
            return turn.start != NOWHERE  # somebody moved it: look again
        given = [line for _, line in turn.told if line is not None]
        outlet = self._outlets[settings.name]
        put = await outlet.put(given, turn.missed) if given else Put(0)
        if put.failure:
            log.warning("feed.failed", feed=settings.name, error=put.failure)
        return await self._database.retrying(
            partial(self._finish, settings=settings, turn=turn, put=put)
        )

    async def release(self) -> None:
        """Take back the leases of a process that is gone."""
        async with self._database.write() as tx:
            await tx.run(update(_f).values(leased_until=0))

    async def _due(self, tx: Tx, settings: Settings) -> Turn | None:
        """What there is to do for a feed now; None when there is nothing."""
        row = await _row(tx, settings)
        if row is None:
            return Turn(NOWHERE, (), NOWHERE)
        if row["next_at"] > tx.now or row["leased_until"] > tx.now:
            return None
        if await head(tx) <= self._from(settings, row):
            return None
        turn = await self._turn(tx, settings, row)
        if turn.told or turn.more or turn.through >= turn.start + STRIDE:
            return turn
        self._passed[settings.name] = turn.start, turn.through
        return None

    async def _claim(self, tx: Tx, settings: Settings, turn: Turn) -> bool:
        """Take a feed's lease; False where another process was quicker, or it just began."""
        row = await _row(tx, settings, lock=True)
        if row is None:  # it begins with what happens from now on
            first = {"name": settings.name, "position": await head(tx)}
            counts = dict.fromkeys(("leased_until", "next_at", "failures", "told", "refused"), 0)
            await tx.run(tx.upsert(_f).values(**first, **counts).on_conflict_do_nothing())
            return False
        taken = row["next_at"] > tx.now or row["leased_until"] > tx.now
        if taken or row["position"] != turn.start:
            return False
        await _set(tx, settings, {"leased_until": tx.now + LEASE})
        return True

    def _from(self, settings: Settings, row: RowMapping) -> int:
        """Behind which place to read: what this process passed over is not read again."""
        position, through = self._passed.get(settings.name, (0, 0))
        return through if position == row["position"] else int(row["position"])

    async def _turn(self, tx: Tx, settings: Settings, row: RowMapping) -> Turn:
        """What there is to tell."""
        batch = self._outlets[settings.name].batch
        place = self._from(settings, row)
        if isinstance(settings, EventWebhookSettings):
            read = await happened.read(tx, place, wanted(settings), batch)
            return await _events(tx, row, read)
        # Asked before the facts are read: what is placed by then is among them.
        through = max(place, await head(tx))
        kinds = frozenset().union(*(FACTS[what] for what in settings.what))
        found = await after(tx, place, batch, kinds)
        if len(found) == batch:
            through = found[-1][0]
        elif found:
            through = max(through, found[-1][0])
        told = tuple([(place, await said(tx, one)) for place, one in found])
        return Turn(row["position"], told, through, more=bool(told))

    async def _finish(self, tx: Tx, settings: Settings, turn: Turn, put: Put) -> bool:
        row = await _row(tx, settings, lock=True)
        if row is None:
            return False
        values: dict[str, object] = {"leased_until": 0}
        given = [(place, line) for place, line in turn.told if line is not None]
        rest = given[put.taken :]
        if put.taken:
            values |= {"told": row["told"] + put.taken, "told_at": tx.now}
        if row["position"] != turn.start:  # it was told to begin elsewhere meanwhile
            await _set(tx, settings, values)
            return True
        values["missed_since"] = None if put.taken else turn.missed
        if not rest:
            values |= {"position": turn.through, "failures": 0, "failing_since": None}
            values |= {"error": None, "next_at": 0, "waiting_since": turn.ahead}
            await _set(tx, settings, values)
            return turn.more
        values |= {"position": rest[0][0] - 1, "waiting_since": rest[0][1].at}
        if not put.failure:  # the turn was over
            values |= {"failures": 0, "failing_since": None, "error": None, "next_at": 0}
            await _set(tx, settings, values)
            return True
        # Where a line was taken the tries of the one that failed begin anew.
        failures = 1 if put.taken else row["failures"] + 1
        values |= {"failures": failures, "error": put.failure[:200]}
        values["failing_since"] = row["failing_since"] or tx.now
        values["next_at"] = tx.now + max(backoff(failures), put.wait * SECOND)
        alone = put.alone or isinstance(settings, FeedSettings)
        if put.refused and alone and failures >= REFUSED_TRIES:
            log.error("feed.refused", feed=settings.name, place=rest[0][0], error=put.failure)
            values |= {"position": rest[0][0], "refused": row["refused"] + 1}
            values |= {"failures": 0, "next_at": 0, "waiting_since": None}
        await _set(tx, settings, values)
        return False


def wanted(settings: EventWebhookSettings) -> happened.Wanted:
    """Which events a webhook is told."""
    return happened.Wanted(
        frozenset(settings.streams), frozenset(settings.what), settings.addresses
    )


async def said(tx: Tx, recorded: Recorded | None) -> Line | None:
    """The line of a fact; None where it says nothing, or its incident is gone."""
    if recorded is None:
        return None
    name, at, fact = recorded.id, recorded.at, recorded.fact
    if isinstance(fact, SignalRaised):
        return Line(name, at, lines.encode(lines.signal(name, at, fact.signal)))
    if not isinstance(fact, lines.IncidentFact):
        return None
    try:
        found = await incidents.one(tx, fact.incident)
    except NotFound:
        return None
    return Line(name, at, lines.encode(lines.incident(name, at, fact, found)))


async def _events(tx: Tx, row: RowMapping, found: happened.Found) -> Turn:
    """The turn of a webhook: what was found, and what the log forgot before it was told."""
    told = tuple(
        (one.place, Line(one.out.id, one.at, msgspec.json.encode(one.out))) for one in found.events
    )
    missed = row["missed_since"]
    # What is known to wait has the place behind the one that is written down.
    if row["waiting_since"] is not None and not await is_there(tx, row["position"] + 1):
        missed = missed or row["waiting_since"]
    return Turn(row["position"], told, found.through, found.more, found.ahead, missed)


async def _row(tx: Tx, settings: Settings, *, lock: bool = False) -> RowMapping | None:
    asked = _f.select().where(_f.c.name == settings.name)
    return await tx.one(asked.with_for_update() if lock else asked)


async def _set(tx: Tx, settings: Settings, values: Mapping[str, object]) -> None:
    await tx.run(update(_f).where(_f.c.name == settings.name).values(**values))
