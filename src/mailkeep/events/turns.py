"""Leases for work that only one of several processes should do, kept in the shared database.

A turn is a row: who holds it, and until when nobody else gets it. A process that dies keeps it no
longer than that. There are two ways to be sure that two processes never do the same work:

- work that is one transaction takes the turn in it: ``take``, and the effect, commit together;
- longer work (which asks another system and waits for the answer) takes it first, and calls
  ``mine`` in the transaction that writes the result: a process that was slow and was taken for dead
  writes nothing.

``in_turn`` wraps a loop's step that way, for work that may harmlessly be done twice; ``holding``
keeps a turn for as long as the work lasts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select, update

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import new_id
from mailkeep.store.database import Database, Tx

from .tables import turns

log = structlog.get_logger(__name__)

#: Of the time between two of the same: who comes a little early is not sent away for a whole round.
EARLY = 0.75

_t = turns


class Turn(NamedTuple):
    """A lease that was taken; ``by`` identifies this one taking of it."""

    name: str
    by: str


async def take(tx: Tx, name: str, seconds: float) -> Turn | None:
    """Take the turn for so many seconds; None when another process has it, or had it less than that
    ago.

    Until ``tx`` is over nobody else can take it, or write under it.
    """
    turn = Turn(name, new_id("turn", tx.now))
    values = {"holder": turn.by, "until": tx.now + round(seconds * SECOND)}
    first = tx.upsert(_t).values(name=name, **values)
    if await tx.run(first.on_conflict_do_nothing(index_elements=["name"])):
        return turn
    free = update(_t).where(_t.c.name == name, _t.c.until <= tx.now)
    return turn if await tx.run(free.values(**values)) else None


async def ours(tx: Tx, name: str, every: float) -> bool:
    """Whether periodic work of all processes together is this one's to do now, in this transaction;
    always for 0 seconds."""
    return not every or await take(tx, name, every * EARLY) is not None


async def mine(tx: Tx, turn: Turn) -> bool:
    """Whether nobody else has taken the turn since; nobody can until ``tx`` is over."""
    row = await tx.one(select(_t.c.holder).where(_t.c.name == turn.name).with_for_update())
    return row is not None and row["holder"] == turn.by


async def keep(tx: Tx, turn: Turn, seconds: float) -> bool:
    """Extend the turn for so many seconds from now; False: another process took it."""
    own = update(_t).where(_t.c.name == turn.name, _t.c.holder == turn.by)
    return bool(await tx.run(own.values(until=tx.now + round(seconds * SECOND))))


async def leave(tx: Tx, turn: Turn) -> None:
    """Give the turn up: whoever asks next gets it at once."""
    await keep(tx, turn, 0)


async def release(tx: Tx) -> None:
    """Free all turns: for a process that knows it is alone with its database."""
    await tx.run(update(_t).values(until=0))


async def taken(database: Database, name: str, seconds: float) -> Turn | None:
    """As ``take``, in a transaction of its own."""
    return await database.retrying(lambda tx: take(tx, name, seconds))


def in_turn(
    database: Database, name: str, seconds: float, step: Callable[[], Awaitable[object]]
) -> Callable[[], Coroutine[Any, Any, object]]:
    """Wrap a loop's step so that only one process does it, every ``seconds``.

    What says that there is more to do goes on: here, or wherever it is looked for first.
    """

    async def one() -> object:
        turn = await taken(database, name, seconds * EARLY)
        if turn is None:
            return False
        more = await step()
        if more:
            await database.retrying(lambda tx: leave(tx, turn))
        return more

    return one


async def holding(
    database: Database, name: str, seconds: float, work: Callable[[Turn], Awaitable[None]]
) -> bool:
    """Do ``work`` while the turn is ours; returns False at once when another process has it.

    It is kept while the work lasts, and the work is cancelled when it cannot be.

    Args:
        seconds: for which a process that died keeps it.
    """
    turn = await taken(database, name, seconds)
    if turn is None:
        return False
    doing = asyncio.ensure_future(work(turn))
    try:
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while not doing.done():
            await asyncio.wait({doing}, timeout=seconds / 3)
            if doing.done():
                break
            asked = clock()
            with contextlib.suppress(Unavailable):
                if not await database.retrying(lambda tx: keep(tx, turn, seconds)):
                    until = asked
                else:
                    until = asked + seconds
            if clock() >= until:
                log.warning("turn.lost", turn=name)
                return True
        await doing
        return True
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await database.retrying(lambda tx: leave(tx, turn))
