"""Reads of the watch room."""

from sqlalchemy import select

from mailkeep.base.clock import DAY
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.store.database import Tx

from .correlation import MOST_SIGNALS, Beliefs, Opinion, hear, weigh
from .events import SignalRaised
from .types import WatchSettings

LOOK_BACK = 30 * DAY  #: no signal weighs longer


async def opinions(tx: Tx, settings: WatchSettings) -> list[Opinion]:
    """What the signals on the log make likely at ``tx.now``, the likeliest first.

    Worked out anew from the log at every call, so that the answer is the one a replay gives.
    """
    rows = await tx.all(
        select(events.c.kind, events.c.data)
        .where(events.c.kind == SignalRaised.kind, events.c.at >= tx.now - LOOK_BACK)
        .order_by(events.c.id.desc())
        .limit(MOST_SIGNALS)
    )
    beliefs = Beliefs()
    for row in reversed(rows):
        fact = decode(row["kind"], row["data"])
        if isinstance(fact, SignalRaised):
            beliefs = hear(beliefs, fact.signal)
    return weigh(beliefs, tx.now, settings.correlation)[1]
