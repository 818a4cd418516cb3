"""Finds what one denial took away: an owner is told of it once, and not of each part."""

from typing import NamedTuple

from sqlalchemy import select

from mailkeep.accounts.events import ChangesStopped, FactorRevoked
from mailkeep.base.clock import SECOND
from mailkeep.base.ids import earliest
from mailkeep.events.tables import events
from mailkeep.events.types import Recorded, decode
from mailkeep.store.database import Tx

DENIED = "denied"  #: of ``FactorRevoked.why``


class Together(NamedTuple):
    """Facts of one transaction about one account.

    Attributes:
        factors: those that were denied, in order.
        first: id of the fact of the first of them; "": there is none.
        stopped: changes were stopped with them, which is told as well.
    """

    factors: list[FactorRevoked]
    first: str
    stopped: bool


async def denied_with(tx: Tx, recorded: Recorded, account: str) -> Together:
    """What was denied of an account in the transaction that recorded a fact."""
    e, at = events, recorded.at
    rows = await tx.all(
        select(e.c.id, e.c.kind, e.c.data)
        .where(
            *(e.c.id >= earliest("evt", at), e.c.id < earliest("evt", at + SECOND), e.c.at == at),
            e.c.kind.in_([FactorRevoked.kind, ChangesStopped.kind]),
        )
        .order_by(e.c.id)
    )
    found, first, stopped = list[FactorRevoked](), "", False
    for row in rows:
        fact = decode(row["kind"], row["data"])
        if isinstance(fact, FactorRevoked) and (fact.account, fact.why) == (account, DENIED):
            found.append(fact)
            first = first or str(row["id"])
        stopped |= isinstance(fact, ChangesStopped) and fact.account == account
    return Together(found, first, stopped)
