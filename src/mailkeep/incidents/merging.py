"""Merges incidents that are one matter: one leads, the others are its parts, and can be split off
again.

Each part keeps its own evidence, state and actions, since those are about its own subject; what
people do, they do once: whoever takes the lead incident takes its parts, and a part pages nobody by
itself, except for something graver. So a wrong merge loses nothing.
"""

from sqlalchemy import select, update

from mailkeep.base.errors import Conflict
from mailkeep.store.database import Tx

from . import queries
from .tables import incidents
from .types import Incident, State

_i = incidents


async def join(tx: Tx, part: str, into: str) -> tuple[Incident, Incident]:
    """Make an incident, with its own parts, parts of another. The caller writes it down.

    Raises:
        NotFound: there is no such incident.
        Conflict: one is closed, or it would be a part of itself, or of a part.
    """
    if part == into:
        raise Conflict("an incident cannot be merged into itself")
    # Always locked in the same order, so that two merges cannot deadlock.
    locked = {one: await queries.one(tx, one, lock=True) for one in sorted((part, into))}
    found, head = locked[part], locked[into]
    if State.CLOSED in {found.state, head.state}:
        raise Conflict("one of the two incidents is closed")
    if head.part_of is not None:
        raise Conflict(f"{into} is itself part of {head.part_of}: merge into that one")
    taken = {"taken_at": head.taken_at, "taken_by": head.taken_by} if head.taken_at else {}
    await tx.run(
        update(_i).where((_i.c.id == part) | (_i.c.part_of == part)).values(part_of=into, **taken)
    )
    return found, head


async def leave(tx: Tx, part: str) -> str:
    """Split a part off; returns what it was a part of. Raises ``NotFound``; ``Conflict`` when it is
    none."""
    found = await queries.one(tx, part, lock=True)
    if found.part_of is None:
        raise Conflict("this incident is not part of another")
    await tx.run(update(_i).where(_i.c.id == part).values(part_of=None))
    return found.part_of


async def let_go(tx: Tx, head: str) -> None:
    """A lead incident has ended: its parts stand by themselves again."""
    await tx.run(update(_i).where(_i.c.part_of == head).values(part_of=None))


async def parts(tx: Tx, head: str) -> list[str]:
    """The ids of the parts that are not closed."""
    of = (_i.c.part_of == head, _i.c.state != State.CLOSED.value)
    return [row["id"] for row in await tx.all(select(_i.c.id).where(*of).order_by(_i.c.id))]
