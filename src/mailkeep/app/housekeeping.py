"""Housekeeping once a minute: what each process tidies for itself, and what one of them does for
all."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from mailkeep.base import memory
from mailkeep.base.loops import Loop
from mailkeep.events import turns

from . import retention
from .loops import Keep

if TYPE_CHECKING:
    from .application import Application

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0
TICK_SECONDS = 20.0  #: how often incidents are looked at when nothing new is said
WITHIN = 5.0  #: seconds for which a sweep goes on forgetting
MEMORY_SECONDS = 5.0  #: between two looks for memory that can go back
SETTLE = 100  #: changes of accounts that one sweep lets count: each holds its account


def loops(app: "Application", keep: Keep) -> dict[str, Loop]:
    """The loops, by name."""
    sweeper = retention.Sweeper(
        app.database,
        app.settings.retention,
        app.event_readers.readers,
        app.settings.keeping(),
        app.settings.incidents.lead,
    )
    sweep = turns.in_turn(app.database, "sweep", SWEEP_SECONDS, partial(_rows, app, sweeper))
    tick = turns.in_turn(app.database, "incidents", TICK_SECONDS, app.incidents.tick)
    return {
        "incidents": keep("incidents", tick, TICK_SECONDS),
        "sweep": keep("sweep", sweep, SWEEP_SECONDS),
        "tidy": keep("tidy", partial(_own, app), SWEEP_SECONDS),
        "memory": keep("memory", _memory, MEMORY_SECONDS),
    }


async def _own(app: "Application") -> None:
    """Housekeeping of what a process keeps for itself."""
    if app.recovery is not None:
        async with app.database.read() as tx:
            await app.accounts.passwords.look_for_imported(tx)
    await app.grants.note()
    if (ahead := app.clock.ahead()) > 1:
        log.warning("clock.ahead", seconds=round(ahead))  # the machine's was set back
    await app.sign_on()
    destroyed = await asyncio.to_thread(app.keys.destroy_expired, app.clock.now())  # it syncs
    if destroyed:
        log.info("swept.keys", hourly_keys=len(destroyed))


async def _memory() -> None:
    await asyncio.to_thread(memory.give_back)


async def _rows(app: "Application", sweeper: retention.Sweeper) -> bool:
    """Housekeeping of the database; returns whether there is more to do at once."""
    async with app.database.write() as tx:
        await app.doubts.look(tx)
        if app.recovery is not None:
            await app.recovery.sweep(tx)
    if app.recovery is not None:
        await app.recovery.subjects.apply_due()
        await app.accounts.factors_due()
        await app.database.retrying(partial(app.accounts.changes.settle, limit=SETTLE))
    if app.signals is not None:
        await app.signals.sweep()
    forgotten = await sweeper.step(retention.BATCH, WITHIN)
    if forgotten:
        log.info("forgotten", **forgotten)
    return max(forgotten.values(), default=0) >= retention.BATCH
