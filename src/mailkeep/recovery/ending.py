"""Ends recoveries: void, with a notice to the owner where somebody came far."""

from sqlalchemy import select

from mailkeep.mail.types import GiveUpReason
from mailkeep.store.database import Tx

from . import mails, tables
from .context import Context
from .notices import Notices

TOLD_AT = 3  #: wrong second factors after which the owner is told; one or two are mistyped

_r = tables.recoveries


class Ending:
    """Ends recoveries.

    Args:
        context: the services of the room.
        notices: tell owners.
    """

    def __init__(self, context: Context, notices: Notices) -> None:
        self._context = context
        self._notices = notices

    async def end(self, tx: Tx, recovery: str, why: GiveUpReason) -> None:
        """Void a recovery. Where a second factor stopped it and its owner was not told yet, they
        are now: whoever came so far had both mails."""
        if not await self._context.void(tx, recovery, why):
            return
        row = await tx.one(select(_r).where(_r.c.id == recovery))
        if row is None or row["stopped_at"] is None:
            return
        # The try that ends it was counted, and not told of.
        told = row["factor_tries"] - (why is GiveUpReason.TRIES_USED_UP) >= TOLD_AT
        if not told:
            await self._notices.tell(tx, row["account_id"], recovery, mails.stopped_for_good)
