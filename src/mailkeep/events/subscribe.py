"""Subscribers: each reads the log at its own pace and stores its place with its effect.

Because the place is written in the transaction of the effect, a fact has its effect exactly once,
whatever is killed when.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy import select

from mailkeep.store.database import Database, Tx

from .log import after
from .tables import checkpoints
from .types import Fact, Recorded

Handler = Callable[[Tx, Recorded], Awaitable[None]]


class Subscriber:
    """One named reader of the log.

    Args:
        name: under which its place is kept; renaming it reads the log from the beginning.
        handlers: what to call for each kind of fact.
    """

    def __init__(self, name: str, handlers: Mapping[type[Fact], Sequence[Handler]]) -> None:
        self.name = name
        self._handlers = {fact: tuple(calls) for fact, calls in handlers.items()}

    async def step(self, database: Database, limit: int = 200) -> int:
        """Handle the next facts in one transaction; returns how many the log had for us."""
        async with database.write() as tx:
            place = await tx.value(
                select(checkpoints.c.position).where(checkpoints.c.subscriber == self.name)
            )
            batch = await after(tx, place or 0, limit)
            if not batch:
                return 0
            for _, recorded in batch:
                if recorded is not None:
                    for handler in self._handlers.get(type(recorded.fact), ()):
                        await handler(tx, recorded)
            await save_place(tx, self.name, batch[-1][0])
            return len(batch)


async def save_place(tx: Tx, subscriber: str, position: int, state: str | None = None) -> None:
    """Keep a subscriber's place, and with it the state that it has reached."""
    values = {"position": position, "state": state}
    await tx.run(
        tx.upsert(checkpoints)
        .values(subscriber=subscriber, **values)
        .on_conflict_do_update(index_elements=["subscriber"], set_=values)
    )
