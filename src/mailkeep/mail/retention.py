"""Retention: deletes old rows of the mail room, a bounded batch at a time.

Rows are deleted, events and the exposure ledger stay: they hold pseudonyms only.
"""

from sqlalchemy import delete, exists, select, tuple_

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import recipients, tables
from .rounds import Round
from .types import Status


async def forget_messages(tx: Tx, before: Instant, limit: int, *, turn: Round | None = None) -> int:
    """Forget messages that were taken in before an instant and are done with, their attempts, and
    the addresses that no other message goes to; returns how many messages.

    With a message goes its idempotency key: it counts for as long as messages are kept.

    Args:
        turn: of who does it again and again; without one it begins with the oldest.
    """
    turn, end = turn or Round(), earliest("msg", before)
    m, a, known = tables.messages, tables.attempts, tables.addresses
    body, copies = tables.message_bodies, tables.message_copies
    after, upto = await turn.until(tx, m.c.id, end, limit)
    old = await tx.all(
        select(m.c.id, m.c.address_id, m.c.copies)
        .where(
            m.c.id > after,
            m.c.id <= upto,
            m.c.id < end,
            m.c.status.not_in([Status.QUEUED.value, Status.SENDING.value]),
            ~exists().where(body.c.message_id == m.c.id),  # may yet be sent again
        )
        .order_by(m.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    turn.done(upto, end, old[-1]["id"] if old else "", full=len(old) == limit)
    if not old:
        return 0
    ids = [row["id"] for row in old]
    await tx.run(delete(a).where(a.c.message_id.in_(ids)))
    await tx.run(delete(copies).where(copies.c.message_id.in_(ids)))
    await tx.run(delete(m).where(m.c.id.in_(ids)))
    needed = exists().where(m.c.address_id == known.c.id)
    shown = exists().where(copies.c.address_id == known.c.id)
    addresses = sorted(
        {one for row in old for one in recipients.exposed(row["address_id"], row["copies"])}
    )
    await tx.run(delete(known).where(known.c.id.in_(addresses), ~needed, ~shown))
    return len(old)


async def forget_claims(tx: Tx, before: Instant, limit: int) -> int:
    """Forget which claims of providers were received before an instant; returns how many.

    One that comes again after that counts as new: keep them longer than messages, so that it is
    about no message of ours any more.
    """
    c = tables.claims
    key = (c.c.provider, c.c.claim_id)
    old = select(*key).where(c.c.received_at < before).order_by(c.c.received_at).limit(limit)
    return await tx.run(delete(c).where(tuple_(*key).in_(old)))
