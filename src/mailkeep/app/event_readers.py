"""Takes facts from the log to those who hear them: places them in order, wakes their readers."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from mailkeep.base.ids import new_id
from mailkeep.base.loops import Loop
from mailkeep.events.log import FACTS, PLACED, Relay
from mailkeep.events.subscribe import Audience, Subscriber
from mailkeep.store.database import Database
from mailkeep.watch.runner import Watch

from .loops import Keep

PLACE_SECONDS = 0.5
GATHER_SECONDS = 0.1  #: under load there are hundreds of commits a second; nobody needs each
WATCH_SECONDS = 0.5  #: detectors think in whole seconds; half of one is the most we add to that
WATCH_BATCH = 500
HEAR_SECONDS = 1.0  #: how often a subscriber that nobody woke looks for itself
HEAR_BATCH = 200
WATCH = "watch"  #: the name of the one that reads every fact


class EventReaders:
    """The readers of the log in one process.

    Args:
        watch: reads every fact.
        subscribers: read those of some kinds.
    """

    def __init__(self, database: Database, watch: Watch, subscribers: Sequence[Subscriber]) -> None:
        self._database = database
        self._watch = watch
        self._subscribers = subscribers
        self._recorded, self._placed = asyncio.Event(), asyncio.Event()
        self._relay = Relay(database, new_id("proc", database.clock.now()) + str(os.getpid()))

    @property
    def readers(self) -> frozenset[str]:
        """By name; what one of them has not read is not deleted."""
        return frozenset({WATCH, *(one.name for one in self._subscribers)})

    def passed(self) -> Mapping[str, Callable[[], int]]:
        """By reader, how to ask how many facts it has passed over beyond its checkpoint."""
        asked: dict[str, Callable[[], int]] = {WATCH: lambda: 0}
        for one in self._subscribers:
            asked[one.name] = partial(getattr, one, "passed")
        return asked

    def told(self, topic: str) -> None:
        """Called when this process or another has written something: see ``Database.hear``."""
        if topic in {"", FACTS}:
            self._recorded.set()
        if topic in {"", PLACED}:
            self._placed.set()

    def loops(self, keep: Keep) -> dict[str, Loop]:
        """The background loops, by name; each subscriber has its own, since one that fails holds
        back nobody else's facts."""
        look = partial(Audience(self._subscribers).look, self._database)
        gather = GATHER_SECONDS / 2
        loops = {
            "relay": keep("relay", self._place, PLACE_SECONDS, self._recorded, gather=gather),
            "watch": keep("watch", self._step, WATCH_SECONDS),
            "hear": keep("hear", look, PLACE_SECONDS, self._placed, gather=GATHER_SECONDS),
        }
        for one in self._subscribers:
            name = f"hear {one.name}"
            loops[name] = keep(name, partial(self._hear, one), HEAR_SECONDS, one.awake)
        return loops

    async def _place(self) -> int:
        placed = await self._relay.place()
        if placed:
            self._placed.set()
        return placed

    async def _hear(self, subscriber: Subscriber) -> bool:
        return await subscriber.step(self._database, HEAR_BATCH) == HEAR_BATCH

    async def _step(self) -> bool:
        return await self._watch.step(WATCH_BATCH) == WATCH_BATCH
