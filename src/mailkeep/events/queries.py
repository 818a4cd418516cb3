"""Reads of the log by kind, for people who look: the newest facts, placed or not.

A subscriber reads ``log.after``. What stands here misses nothing that was committed, and promises
no order beyond that of the ids.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from .tables import events
from .types import Fact, decode


class Seen(msgspec.Struct, frozen=True):
    """A fact and when it happened."""

    id: str
    at: Instant
    fact: Fact


async def recent(
    tx: Tx, kinds: Iterable[type[Fact]], since: Instant, limit: int, about: str = ""
) -> list[Seen]:
    """The newest facts of some kinds, newest first.

    Args:
        about: an id that the fact must name, of letters, digits and ``_`` alone.
    """
    query = (
        select(events)
        .where(events.c.id >= earliest("evt", since))
        .where(events.c.kind.in_([one.kind for one in kinds]))
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    if about:
        query = query.where(events.c.data.contains(f'"{about}"', autoescape=True))
    out = []
    for row in await tx.all(query):
        try:
            fact = decode(row["kind"], row["data"])
        except msgspec.DecodeError:
            continue
        if fact is not None:
            out.append(Seen(row["id"], row["at"], fact))
    return out
