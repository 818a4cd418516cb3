"""Has a regulator's clock run again, when more is known than when somebody said that no regulator
need be told.

That word rests on one person. So what was known by then is kept with it (the answer about the blast
radius that they saw), and it holds for no more than that: another breach that is held, another
incident that is merged into it, an account that is lost, or more than twice as many people, and
the clock runs as if nobody had said it. Whoever still holds that none need be told says so again,
with a reason that knows of it.

Attack met here: the thief of one responder's key says early of a real breach that nobody need be
told, or merges it into an incident of which that was said.
"""

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import queries, regulator
from .tables import incidents
from .types import Duty, Incident, State
from .words import TITLES, clock

if TYPE_CHECKING:
    from .services import Incidents

_i = incidents


async def when_held(tx: Tx, room: "Incidents", before: Incident) -> None:
    """What is held of an incident has changed, by signs or by a person's word."""
    if not before.waived:
        return
    after = await queries.one(tx, before.id)
    # Signs of what a person said before are more than that person's word.
    new = ((after.by_signs - before.by_signs) | (after.held - before.held)) & regulator.BREACHES
    if new:
        titles = " and ".join(sorted(TITLES[one].lower() for one in new))
        await reopen(tx, room, after, f"held since: {titles}")


async def when_merged(tx: Tx, room: "Incidents", head: Incident, part: Incident) -> None:
    """An incident became a part of another."""
    if head.waived and part.notified is None and regulator.due(part, room.settings) is not None:
        await reopen(tx, room, head, f"{part.id} is a part of it since")


async def when_counted(tx: Tx, room: "Incidents") -> None:
    """The blast radius of incidents was counted anew."""
    waived = (_i.c.notified == Duty.NOT_NEEDED.value, _i.c.state != State.CLOSED.value)
    for row in await tx.all(select(_i.c.id).where(*waived).order_by(_i.c.id)):
        found = await queries.one(tx, row["id"], lock=True)
        last = await queries.last_answer(tx, found.id)
        if not found.waived or found.notified is None or last is None:
            continue
        then = await queries.answer_by(tx, found.id, found.notified.at)
        why = regulator.outgrown(None if then is None else then.blast, last.blast)
        if why:
            await reopen(tx, room, found, why)


async def reopen(tx: Tx, room: "Incidents", incident: Incident, why: str) -> None:
    """The clock runs again, from when the breach was known."""
    told = incident.notified
    if told is None:
        return
    gone = dict.fromkeys(("notified", "notified_at", "notified_by", "notified_as"))
    await tx.run(update(_i).where(_i.c.id == incident.id).values(**gone))
    words = f"the regulator's clock runs again; that none need be told was said {clock(told.at)}"
    await room.enter(tx, incident.id, "regulator", f"{words}, and more is known since: {why}")
    said = {"incident": incident.id, "what": Duty.RUNS.value, "why": why}
    await audit.write(tx, "mailkeep", "reopen_regulator", {**said, "said_by": told.by})
