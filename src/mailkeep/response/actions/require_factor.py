"""Action: make owners whose reset went through the suspects enrol a second factor at their next
sign-in.

That stops whoever reads their mail. It leaves out accounts whose password was replaced in that
time: whoever has it would enrol a factor of their own. Those are for ``secure_accounts``, which
makes them recover anew.
"""

from mailkeep.response.types import Preview

from .notify_owners import touched, worst_first
from .port import Action, At, Progress


async def preview(at: At) -> Preview:
    found, replaced = await _accounts(at)
    bare = await at.means.accounts.demands.without_factor(at.tx, found)
    warnings: tuple[str, ...] = ()
    if bare:
        warnings = ("their next sign-in leads to binding a factor before anything else",)
    if replaced:
        warnings += (
            f"left out, since their password was replaced: {replaced}; freeze those instead",
        )
    return Preview(
        f"Accounts of ours with a reset that was touched: {len(found)}. Without a second factor, "
        f"and so asked to bind one at the next sign-in: {bare}.",
        bare,
        warnings,
        idle=not bare,
    )


async def step(at: At) -> Progress:
    found, _ = await _accounts(at)
    part = at.part(found, await worst_first(at))
    before = at.before.result.get("asked") if at.before.cursor else 0
    incident, asked = at.case.incident.id, 0
    if part.accounts:
        asked = await at.means.accounts.demands.order(at.tx, list(part.accounts), incident)
    asked += before if isinstance(before, int) else 0
    return part.done({"asked": asked})


async def undo(at: At) -> str:
    ended = await at.means.accounts.demands.end_order(at.tx, at.case.incident.id)
    return f"accounts that are not asked any more: {ended}"


async def _accounts(at: At) -> tuple[list[str], int]:
    """Those that are asked, and how many are left out."""
    everybody = await touched(at, "requested")
    replaced = set(await touched(at, "completed"))
    return [one for one in everybody if one not in replaced], len(replaced)


ACTION = Action(
    "require_factor",
    "Ask for a second factor",
    preview,
    step,
    about=("provider", "campaign", "account"),
    undo=undo,
    says="Owners of accounts that were touched add a second factor at their next sign-in.",
    by_window=True,
    by_account=True,
)
