"""The thin shell: reads the log, lets time pass, records what the detectors raise."""

from sqlalchemy import select

from mailkeep.base.clock import Instant
from mailkeep.events.log import after, placed_through, record
from mailkeep.events.subscribe import save_place
from mailkeep.events.tables import checkpoints
from mailkeep.store.database import Database, Tx

from .engine import Engine
from .events import SignalRaised
from .types import WatchSettings


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

    async def step(self, limit: int = 500) -> int:
        """Take the next facts, at most ``limit``, and let time pass; returns how many there were.

        Time passes to where the relay says that everything is placed, and only once the log has
        been read to its end.
        """
        async with self._database.write() as tx:
            position, saved = await self._place(tx)
            # Asked before the facts are read: what is placed by then is among them.
            through: Instant = await placed_through(tx)
            batch = await after(tx, position, limit)
            engine = Engine(self._settings, None if saved is None else saved.encode())
            before = engine.clock
            signals = []
            for _, recorded in batch:
                if recorded is not None:
                    signals += engine.step(recorded)
            if len(batch) < limit:
                signals += engine.pass_time(through)
            if batch or engine.clock != before:
                await record(self._database, tx, *(SignalRaised(one) for one in signals))
                reached = batch[-1][0] if batch else position
                await save_place(tx, self._name, reached, engine.save().decode())
            return len(batch)

    async def _place(self, tx: Tx) -> tuple[int, str | None]:
        first = (
            tx.upsert(checkpoints)
            .values(subscriber=self._name, position=0, state=None)
            .on_conflict_do_nothing()
        )
        await tx.run(first)
        row = await tx.one(
            select(checkpoints.c.position, checkpoints.c.state)
            .where(checkpoints.c.subscriber == self._name)
            .with_for_update()
        )
        return (0, None) if row is None else (row["position"], row["state"])
