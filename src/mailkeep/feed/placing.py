"""An operator has a webhook of delivery events begin elsewhere in the log."""

from sqlalchemy import select, update

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import NotFound
from mailkeep.events import audit
from mailkeep.events.log import head
from mailkeep.store.database import Tx
from mailkeep.watch.queries import place_at

from . import tables

#: Facts are found by the time at which they were made, and on PostgreSQL one that was committed
#: late stands behind later ones: nobody commits for so long.
MARGIN = MINUTE

_f = tables.feeds
_ANEW = {
    "failures": 0,
    "next_at": 0,
    "failing_since": None,
    "error": None,
    "waiting_since": None,
    "missed_since": None,
}


async def behind(tx: Tx, since: Instant) -> int:
    """A place of the log behind which is all that happened at ``since`` or later, as far as it is
    kept; a little of what happened before as well."""
    return await place_at(tx, since - MARGIN)


async def replay(tx: Tx, name: str, since: Instant, *, by: str) -> int:
    """Have everything told again that happened at ``since`` or later, in its order; returns over
    how many places of the log. What is told next is never put off by it.

    Raises:
        NotFound: no webhook of that name has begun.
    """
    place = await _place(tx, name)
    start = min(place, await behind(tx, since))
    await _begin(tx, name, start)
    await audit.write(tx, by, "replay_events", {"webhook": name, "since": since, "from": start})
    return await head(tx) - start


async def skip(tx: Tx, name: str, *, by: str) -> int:
    """Have nothing told that has happened so far; returns how many places of the log that is.

    Raises:
        NotFound: no webhook of that name has begun.
    """
    place, last = await _place(tx, name), await head(tx)
    await _begin(tx, name, last)
    await audit.write(tx, by, "skip_events", {"webhook": name, "from": place, "to": last})
    return last - place


async def _place(tx: Tx, name: str) -> int:
    row = await tx.one(select(_f.c.position).where(_f.c.name == name).with_for_update())
    if row is None:
        raise NotFound(f"no event webhook {name!r} has begun")
    return int(row["position"])


async def _begin(tx: Tx, name: str, place: int) -> None:
    await tx.run(update(_f).where(_f.c.name == name).values(position=place, **_ANEW))
