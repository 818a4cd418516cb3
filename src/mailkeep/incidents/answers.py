"""Stores successive answers about an incident's blast radius, which is recomputed as time passes.

Pages and lists read the stored answer. One that later evidence corrected stays beside the new one:
somebody, perhaps a regulator, may have been told it. The choice between the two is pure.
"""

import time
from functools import partial

import msgspec
from sqlalchemy import insert, update

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.store.database import Database, Tx

from . import blast, queries, touched
from .content import content
from .suspects import ProviderParties
from .tables import blast_answers
from .types import Answer, BlastRadius, Incident, IncidentSettings, State

KEEPS = 10 * MINUTE  #: an answer that has only grown in addresses is kept at most so often
SHARE = 50  #: working answers out takes no more than one part in so many of the time
FRESH = 20 * SECOND  #: how old an answer is at most where that is enough

_b = blast_answers


def stays(last: Answer | None, found: BlastRadius, now: Instant) -> bool:
    """Whether an answer only continues the last one, which it then replaces (pure).

    What says more of accounts, or begins earlier, stands beside it.
    """
    if last is None:
        return False
    old = last.blast
    same = msgspec.structs.replace(
        found, exposed=old.exposed, until=old.until, as_of=old.as_of, content=old.content
    )
    return same == old and (not _grown(old, found) or now < last.at + KEEPS)


def _grown(old: BlastRadius, found: BlastRadius) -> bool:
    return (found.exposed, _written_to(found)) != (old.exposed, _written_to(old))


def _written_to(found: BlastRadius) -> int:
    return 0 if found.content is None else found.content.addresses


class Answers:
    """Computes and stores answers for incidents that are not closed.

    Args:
        database: where they are kept.
        house: our providers and who stands behind them.
    """

    def __init__(
        self, database: Database, house: ProviderParties, settings: IncidentSettings
    ) -> None:
        self._database = database
        self._house = house
        self._settings = settings
        self._due: Instant = 0

    async def step(self) -> None:
        """Compute every answer that is due, in the background: nobody waits for it, and mail keeps
        nearly all of the machine."""
        now = self._database.clock.now()
        if now < self._due:
            return
        started = time.monotonic()
        async with self._database.read() as tx:
            live = await queries.live(tx)
        for incident in live:
            async with self._database.read() as tx:
                found = await blast.radius(tx, self._house, incident, self._settings)
                written = await content(tx, self._house, incident, self._settings)
                lost = await touched.lost(tx, self._house, incident, self._settings)
            found = msgspec.structs.replace(found, content=written, lost=lost)
            await self._database.retrying(partial(keep, incident=incident, found=found))
        took = round((time.monotonic() - started) * SECOND)
        self._due = now + max(FRESH, SHARE * took)


async def keep(tx: Tx, incident: Incident, found: BlastRadius) -> None:
    """Keep an answer, unless the incident has ended meanwhile."""
    current = await queries.one(tx, incident.id, lock=True)
    if current.state is State.CLOSED or current.since != incident.since:
        return
    last = await queries.last_answer(tx, incident.id)
    found = msgspec.structs.replace(found, as_of=tx.now)
    values = {"blast": msgspec.json.encode(found).decode()}
    # What somebody knew who answered the regulator's clock is not changed after that.
    told = None if current.notified is None else current.notified.at
    frozen = last is not None and told is not None and last.at <= told and _grown(last.blast, found)
    if last is not None and stays(last, found, tx.now) and not frozen:
        same = (_b.c.incident_id == incident.id) & (_b.c.number == last.number)
        await tx.run(update(_b).where(same).values(**values))
        return
    number = 1 if last is None else last.number + 1
    await tx.run(insert(_b).values(incident_id=incident.id, number=number, at=tx.now, **values))
