"""Read-only queries of the feed room."""

from sqlalchemy import select

from mailkeep.events.log import head
from mailkeep.store.database import Tx

from . import tables
from .types import FeedState

_f = tables.feeds


async def states(tx: Tx) -> dict[str, FeedState]:
    """How each feed fares that ever ran, by name."""
    last = await head(tx)
    return {
        row["name"]: FeedState(
            row["name"],
            max(0, last - row["position"]),
            row["told"],
            row["refused"],
            row["told_at"],
            row["failing_since"],
            row["error"],
            row["waiting_since"],
            row["missed_since"],
        )
        for row in await tx.all(select(_f).order_by(_f.c.name))
    }
