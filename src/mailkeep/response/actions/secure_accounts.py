"""Action: freeze accounts whose password was replaced with the help of a proof through the
suspects.

Whoever replaced it may not have been the owner. Sessions end, the password that was written stops
working, and so do factors that were bound since from a browser that the account did not know: a
thief's would keep the owner out. Nobody signs in until the freeze is over. It ends by itself, and
the owner gets back in by a recovery over routes that stand: a wrong suspicion locks nobody out for
good. Who is back by one is not locked out again when this is applied once more, or late.
"""

from sqlalchemy import select

from mailkeep.base.clock import SECOND, iso
from mailkeep.incidents import blast
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.words import span
from mailkeep.recovery import queries as recovery
from mailkeep.response import tables
from mailkeep.response.types import ActionState, Preview

from . import emit_signals
from .port import Action, At, Progress

_WHY = "incident"
_STANDS = (ActionState.RUNNING, ActionState.STOPPED, ActionState.APPLIED)

_a = tables.actions


async def preview(at: At) -> Preview:
    found = await _accounts(at)
    until = span(0, round(at.means.settings.freeze * SECOND))
    warnings: tuple[str, ...] = ()
    if found:
        warnings = (
            (
                f"owners who recovered these accounts themselves cannot sign in for {until}, and "
                "must recover again; a factor that they added since on a new device is gone"
            ),
        )
    return Preview(
        f"Accounts recovered with a proof through the suspect: {len(found)}. Their sessions "
        f"end, the new password is void, and nobody signs in to them for {until}.",
        len(found),
        warnings,
    )


async def step(at: At) -> Progress:
    case = at.case
    waiting = [one for one in await _accounts(at) if one > at.before.cursor]
    batch = waiting[: at.means.settings.batch]
    until = at.tx.now + round(at.means.settings.freeze * SECOND)
    before = at.before.result.get("frozen") if at.before.cursor else 0
    frozen = before if isinstance(before, int) else 0
    for account in batch:
        back = await recovery.regained(at.tx, account, case.suspects, case.since, case.until)
        if back is None:
            await at.means.accounts.freeze(at.tx, account, until, _WHY)
            frozen += 1
        ends = at.tx.now if back is None else back - 1
        await at.means.accounts.take_back(at.tx, account, case.since, ends)
    done = len(batch) == len(waiting)
    cursor = batch[-1] if batch else at.before.cursor
    return Progress(done, {"frozen": frozen, "until": iso(until)}, cursor)


async def undo(at: At) -> str:
    """End the freeze at once, but of accounts that another incident has frozen as well. The
    passwords stay void: nobody can tell whose they were."""
    thawed, others = 0, await _frozen_elsewhere(at)
    for account in await _accounts(at):
        if account not in others:
            thawed += await at.means.accounts.thaw(at.tx, account, _WHY)
    return f"accounts that can be signed in to again, once they are recovered: {thawed}"


async def look(at: At) -> dict[str, object]:
    """At how many of the accounts which other services have acknowledged; see ``emit_signals``."""
    accounts = await _accounts(at)
    return {**at.before.result, "elsewhere": await emit_signals.receivers(at, accounts)}


async def _frozen_elsewhere(at: At) -> set[str]:
    """The accounts that other incidents froze, and did not take back: who agreed to take it back
    for this one has judged nothing of those."""
    began = at.tx.now - round(at.means.settings.freeze * SECOND)
    rows = await at.tx.all(
        select(_a.c.incident_id).where(
            _a.c.name == ACTION.name,
            _a.c.incident_id != at.case.incident.id,
            _a.c.state.in_([one.value for one in _STANDS]),
            _a.c.at > began,
        )
    )
    found: set[str] = set()
    for row in rows:
        other = await incidents.one(at.tx, row["incident_id"])
        suspects = at.means.house.suspects(other.subject)
        since, until = blast.window(other, at.tx.now, at.means.incidents.settings)
        found.update(await recovery.accounts(at.tx, suspects, since, until, "completed"))
    return found


async def _accounts(at: At) -> list[str]:
    case = at.case
    return await recovery.accounts(at.tx, case.suspects, case.since, case.until, "completed")


ACTION = Action(
    "secure_accounts",
    "Freeze the accounts that were recovered through it",
    preview,
    step,
    dangerous=True,
    undo=undo,
    look=look,
    says="Accounts that were recovered through it are signed out, and nobody signs in for a while.",
)
