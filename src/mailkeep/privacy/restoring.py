"""Carries erasures and legal holds over a restore from an older backup."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import holds, rows
from .tables import erasures, legal_holds
from .types import Erasure, LegalHold, State

_e, _h = erasures, legal_holds


class Kept(msgspec.Struct, frozen=True):
    """What is carried over. Pseudonyms and ids only, and the reasons of holds: it may be kept in a
    file."""

    erasures: tuple[Erasure, ...] = ()
    holds: tuple[LegalHold, ...] = ()


async def kept(tx: Tx) -> Kept:
    """Read what is carried over from this database: every erasure that was requested, not stopped,
    and whose names are still known, and the holds that last."""
    found = await tx.all(
        select(_e)
        .where(_e.c.state != State.STOPPED.value, (_e.c.accounts != "") | (_e.c.addresses != ""))
        .order_by(_e.c.id)
    )
    return Kept(tuple(map(rows.erasure, found)), tuple(await holds.lasting(tx)))


async def keep(tx: Tx, found: Kept, *, by: str) -> int:
    """Write it into a database that was restored from an older copy; returns how many erasures will
    be repeated. Those that were due do not wait again."""
    for hold in found.holds:
        values = {
            **rows.names(hold.person),
            "reason": hold.reason,
            "by": hold.by,
            "at": hold.at,
            "ended_at": None,
            "ended_by": None,
        }
        put = tx.upsert(_h).values(id=hold.id, **values)
        await tx.run(put.on_conflict_do_nothing())
    # What is already done here, by an erasure or because the copy is that old, is skipped.
    done = await tx.all(
        select(_e.c.id).where(_e.c.state.in_([State.DONE.value, State.RUNNING.value]))
    )
    again = [one for one in found.erasures if one.id not in {row["id"] for row in done}]
    for erasure in again:
        values = {
            "state": State.WAITING.value,
            **rows.names(erasure.person),
            "by": erasure.by,
            "at": erasure.at,
            "due_at": erasure.due_at,
            "counts": "{}",
            "ended_at": None,
            "ended_by": None,
        }
        put = tx.upsert(_e).values(id=erasure.id, **values)
        await tx.run(put.on_conflict_do_update(index_elements=["id"], set_=values))
    if again or found.holds:
        entry = {"erasures": _ids(again), "holds": _ids(found.holds)}
        await audit.write(tx, by, "privacy.repeat", entry)
    return len(again)


def _ids(found: Sequence[Erasure | LegalHold]) -> list[str]:
    return [one.id for one in found]
