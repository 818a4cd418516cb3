"""Action: hold recoveries before a password is chosen, and tell their owners how to stop them.

About a provider, those with a proof through a suspect; about an account, its own; about a campaign,
all. Whoever shows a second factor does not wait. The order ends by itself: nobody is locked out.
"""

from mailkeep.base.clock import SECOND, iso
from mailkeep.base.errors import Conflict
from mailkeep.incidents.words import span
from mailkeep.recovery import orders
from mailkeep.response.types import Preview

from .port import Action, At, Progress


async def preview(at: At) -> Preview:
    account = at.case.incident.account or ""
    found = await orders.under_way(at.tx, at.case.suspects, account)
    if at.case.suspects:
        whose = f"with a proof through {', '.join(sorted(at.case.suspects))}"
    else:
        whose = "of this account" if account else "of everybody"
    warnings = ("owners without a second factor wait longer for a reset",)
    length = span(0, round(at.means.settings.hold * SECOND))
    return Preview(
        f"For {length} every recovery {whose} waits before a password is chosen, and its owner is "
        f"told how to stop it. Under way now: {found}.",
        found,
        warnings,
    )


async def step(at: At) -> Progress:
    case = at.case
    until = at.tx.now + round(at.means.settings.hold * SECOND)
    account = case.incident.account or ""
    await orders.order(at.tx, case.incident.id, case.suspects, account, until)
    return Progress(True, {"until": iso(until)})


async def holds(at: At) -> bool:
    return await orders.until(at.tx, at.case.incident.id) is not None


async def undo(at: At) -> str:
    if not await orders.end(at.tx, at.case.incident.id):
        raise Conflict("no recovery is held for this incident any more")
    return "recoveries that begin now do not wait for it; what waits goes on to its own end"


ACTION = Action(
    "hold_recoveries",
    "Hold recoveries",
    preview,
    step,
    about=("provider", "campaign", "account"),
    holds=holds,
    undo=undo,
    says="Resets wait before a password is chosen, and their owners can stop them meanwhile.",
)
