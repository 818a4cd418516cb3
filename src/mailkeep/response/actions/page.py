"""Action: page everybody: a person asks for help.

Over the pagers that no suspect carries, as when the incident opened. Each time it is applied it
pages once more.
"""

from mailkeep.response.paging.types import Why
from mailkeep.response.paging.whom import whom
from mailkeep.response.types import Preview
from mailkeep.watch.types import Hypothesis

from .port import Action, At, Progress


async def preview(at: At) -> Preview:
    desk = at.means.desk
    pagers = () if desk is None else desk.pagers
    chosen = whom(pagers, at.case.suspects, at.means.house)
    if not chosen.names:
        return Preview("There is no pager; nobody is woken.", 0, idle=True)
    warnings: tuple[str, ...] = ()
    if not chosen.apart:
        warnings = ("no pager is independent of the suspect: they may read that they are seen",)
    return Preview(f"Rings {', '.join(chosen.names)}.", len(chosen.names), warnings)


async def step(at: At) -> Progress:
    desk = at.means.desk
    rung = () if desk is None else await desk.call(at.tx, at.case.incident, Why.CALLED)
    return Progress(True, {"pagers": len(rung)})


ACTION = Action(
    "page",
    "Wake everybody",
    preview,
    step,
    about=("provider", "campaign", "account", "domain", "mailbox", "house"),
    alone_for=frozenset(Hypothesis),
    says="Rings every pager that the suspect does not carry.",
)
