"""The loop that feeds the log to the detectors and records their signals; a thin shell."""

import asyncio

import structlog
from sqlalchemy import bindparam, select

from mailkeep.base.clock import Instant
from mailkeep.events.log import after, placed_through, record
from mailkeep.events.subscribe import save_place, take_place
from mailkeep.events.tables import checkpoints
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Repeated

from .engine import Engine
from .events import SignalRaised
from .types import WatchSettings

log = structlog.get_logger(__name__)

AT_ONCE = 50  #: facts that are weighed before others may do something


class Watch:
    """Runs every detector over the log.

    Signals, the detectors' state and the place in the log are written in one transaction: whatever
    is killed when, a fact is weighed once. Any number may run; they take turns on the checkpoint.

    Args:
        database: the log's.
        settings: today's.
        name: under which place and state are kept.
    """

    def __init__(
        self, database: Database, settings: WatchSettings | None = None, name: str = "watch"
    ) -> None:
        self._database = database
        self._settings = settings or WatchSettings()
        self._name = name
        self._kept: tuple[str | None, Engine | None] = (None, None)

    async def step(self, limit: int = 500) -> int:
        """Take the next facts, at most ``limit``, and let time pass; returns how many there were.

        Time passes to where the relay says that everything is placed, and only once the log has
        been read to its end. Facts are weighed outside of any transaction, a few at a time: a
        reset must not wait for them.
        """
        async with self._database.read() as tx:
            position, saved = await self._read(tx)
            # Read before the facts are: whatever has a position by then is among them.
            through: Instant = await placed_through(tx)
            batch = await after(tx, position, limit)
        engine = self._engine_at(saved)
        before = engine.clock
        signals = []
        for number, (_, recorded) in enumerate(batch, start=1):
            if recorded is not None:
                signals += engine.step(recorded)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if len(batch) < limit:
            signals += engine.pass_time(through)
        for (detector, error), count in engine.failed.items():
            log.error("detector.failed", detector=detector, error=error, count=count)
        engine.failed.clear()
        if batch or engine.clock != before:
            reached = batch[-1][0] if batch else position
            after_all = engine.save().decode()
            async with self._database.write() as tx:
                await take_place(tx, self._name)
                if await self._read(tx) != (position, saved):
                    return 0  # another runner has weighed them
                await record(self._database, tx, *(SignalRaised(signal=one) for one in signals))
                await save_place(tx, self._name, reached, after_all)
            saved = after_all
        self._kept = saved, engine
        return len(batch)

    def _engine_at(self, saved: str | None) -> Engine:
        """The engine in a given state; the existing one, if it is in that state."""
        (known, engine), self._kept = self._kept, (None, None)
        if engine is None or known is None or known != saved:
            return Engine(self._settings, None if saved is None else saved.encode())
        return engine

    async def _read(self, tx: Tx) -> tuple[int, str | None]:
        """The place in the log, and the state there."""
        found = await tx.fetch(_PLACE, name=self._name)
        return (found[0][0], found[0][1]) if found else (0, None)


_PLACE = Repeated(
    lambda _insert: select(checkpoints.c.position, checkpoints.c.state).where(
        checkpoints.c.subscriber == bindparam("name")
    )
)
