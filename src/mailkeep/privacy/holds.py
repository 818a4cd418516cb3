"""Legal holds: while one lasts, nothing of a person is erased.

Placed with a key, ended at the command line only: a thief of a key must not be able to end what a
court asked for. Retention goes on: what must outlast it needs an export.
"""

from sqlalchemy import insert, select, update

from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import rows
from .tables import legal_holds
from .types import LegalHold, Person

_h = legal_holds
MOST = 1000  #: that last at once


async def place(tx: Tx, person: Person, reason: str, *, by: str) -> LegalHold:
    """Place a hold; placing the same one twice makes one.

    Args:
        reason: a reference, as a case's number; it stays here and in no audit entry.

    Raises:
        Invalid: the reason is empty, longer than 200 characters, or no plain line.
        Conflict: a thousand last already.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 200 or not reason.isprintable():
        raise Invalid("say why, in a line of 1 to 200 characters", field="reason")
    live = await lasting(tx)
    for one in live:
        if one.person == person and one.reason == reason:
            return one
    if len(live) >= MOST:
        raise Conflict("a thousand holds last already; end some")
    hold = new_id("hld", tx.now)
    await tx.run(
        insert(_h).values(
            id=hold,
            **rows.names(person),
            reason=reason,
            by=by,
            at=tx.now,
        )
    )
    entry = {"hold": hold, "accounts": list(person.accounts)}
    await audit.write(tx, by, "privacy.hold", entry)
    return LegalHold(hold, person, reason, by, tx.now, None, None)


async def end(tx: Tx, hold: str, *, by: str) -> LegalHold:
    """End a hold. Raises ``NotFound``."""
    ended = {"ended_at": tx.now, "ended_by": by}
    lasts = (_h.c.id == hold, _h.c.ended_at.is_(None))
    if await tx.run(update(_h).where(*lasts).values(**ended)):
        await audit.write(tx, by, "privacy.end_hold", {"hold": hold})
    row = await tx.one(select(_h).where(_h.c.id == hold))
    if row is None:
        raise NotFound("no such hold")
    return rows.hold(row)


async def lasting(tx: Tx) -> list[LegalHold]:
    """The holds that last, the oldest first."""
    found = await tx.all(select(_h).where(_h.c.ended_at.is_(None)).order_by(_h.c.id))
    return [rows.hold(row) for row in found]


async def on(tx: Tx, person: Person) -> bool:
    """Whether one is on any of a person's names."""
    names = set(person.names)
    return any(names.intersection(one.person.names) for one in await lasting(tx))
