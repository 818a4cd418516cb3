"""Action: distrust a provider's reports: no delivery, bounce or complaint of it is believed any
more.

They are still recorded, for the detectors and for evidence. A thief at the provider would have mail
that nobody got count as delivered, and addresses that work count as dead.
"""

from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response.types import Preview

from .port import Action, At, Progress


async def preview(at: At) -> Preview:
    name = at.case.provider
    if await holds(at):
        return Preview(f"No word of {name} is believed already; nothing changes.", 0, idle=True)
    told = await mail.told_by(at.tx, name, at.case.since)
    warnings: tuple[str, ...] = ()
    if name not in await mail.cut(at.tx):
        warnings = (
            f"{name} is not cut off: nobody can tell what becomes of the mail that goes to it",
        )
    return Preview(
        f"What {name} says of our mail is taken down and moves no message. By its word alone "
        f"{told} messages since the first sign stand as delivered or bounced; they stay so.",
        told,
        warnings,
    )


async def step(at: At) -> Progress:
    reason = f"incident {at.case.incident.id}"
    await services.distrust(at.means.database, at.tx, at.case.provider, by=at.by, reason=reason)
    return Progress(True, {})


async def holds(at: At) -> bool:
    return at.case.provider in await mail.distrusted(at.tx)


async def undo(at: At) -> str:
    name, reason = at.case.provider, f"incident {at.case.incident.id}"
    if not await services.trust(at.means.database, at.tx, name, by=at.by, reason=reason):
        raise Conflict(f"{name} is not distrusted")
    return f"what {name} says from now on counts again"


ACTION = Action(
    "distrust_events",
    "Believe no word of the provider",
    preview,
    step,
    holds=holds,
    undo=undo,
    says="What it reports of our mail is kept on record and moves no message.",
)
