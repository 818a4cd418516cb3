"""What people say of a regulator's clock: that it was told, or need not be, and since when the
breach was known. Each with a reference or a reason, in the timeline, and audited without it.

That it need not be told holds for what was known by then (``reconsidering``): that is kept."""

from sqlalchemy import update

from mailkeep.base.clock import Instant, when
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import answers, queries
from .by_hand import check
from .services import Incidents
from .tables import incidents
from .types import Duty, State
from .words import clock, prose

_i = incidents


async def say(
    tx: Tx,
    room: Incidents,
    incident: str,
    duty: Duty,
    at: Instant | None,
    reference: str,
    *,
    by: str,
) -> None:
    """Say it of an incident, closed or not: regulators are told after the end as well.

    Args:
        at: when it was told, or the breach became known; None: now.
        reference: the regulator's, or why.

    Raises:
        NotFound: no such incident.
        Invalid: no reference, or a time that cannot be.
        Conflict: the settings have no clock.
    """
    found = await queries.one(tx, incident, lock=True)
    if room.settings.tell_within <= 0:
        raise Conflict("the settings have no clock: tell_within of [incidents]")
    reference = prose(reference, "reference")
    if duty is Duty.AWARE and at is None:
        raise Invalid("say when it became known", field="at")
    if duty in {Duty.NOT_NEEDED, Duty.RUNS} and at is not None:
        raise Invalid("it is so from now on: say no time", field="at")
    check(tx.now, at, None, fields=("at", ""))
    moment = tx.now if at is None else at
    said: dict[str, object] = {"incident": incident, "what": duty.value, "at": when(at)}
    values: dict[str, object]
    if duty is Duty.AWARE:
        values = {"aware_at": moment}
        words = f"the breach became known {clock(moment)}"
    elif duty is Duty.RUNS:
        if found.notified is None:
            raise Conflict("its clock runs already")
        values = dict.fromkeys(("notified", "notified_at", "notified_by", "notified_as"))
        words = "the regulator's clock runs again"
    else:
        if duty is Duty.NOT_NEEDED and found.state is not State.CLOSED:
            known = await queries.blast_radius(tx, room.house, found, room.settings)
            await answers.keep(tx, found, known)
            counts = ("exposed", "requested", "completed", "lost")
            said["known"] = {name: getattr(known, name) for name in counts}
        values = {"notified": duty.value, "notified_at": moment}
        values |= {"notified_by": by, "notified_as": reference}
        told = f"the regulator was told {clock(moment)}"
        words = told if duty is Duty.TOLD else "no regulator need be told"
    await tx.run(update(_i).where(_i.c.id == incident).values(**values))
    await room.enter(tx, incident, "regulator", f"{words}: {reference}", by=by)
    await audit.write(tx, by, "answer_regulator", said)
