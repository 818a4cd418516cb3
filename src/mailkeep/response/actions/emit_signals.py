"""Action: signal to other services that passwords set through the suspects may be somebody else's.

A thief who replaced a password here may have gone on to services that this account opens, and
nothing that we end here ends those sessions. Only where a receiver acknowledged does the account
count as secured there. It breaks nothing here: at worst an owner is asked elsewhere to sign in
again.
"""

from collections.abc import Sequence

from mailkeep.base.clock import when
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview
from mailkeep.signals import queries as signals

from .port import Action, At, Means, Progress

WHY = "a password was replaced with the help of mail that somebody else may have read"


def able(means: Means) -> bool:
    """Whether there is anybody to tell at all."""
    return means.signals is not None


async def preview(at: At) -> Preview:
    found = await _accounts(at)
    streams = await signals.streams(at.tx) if at.means.signals is not None else []
    names = ", ".join(one.receiver.name for one in streams)
    if not names:
        return Preview("No other service has a stream; nobody is told.", 0, idle=True)
    return Preview(
        f"{names}: told that the password may be somebody else's, for the accounts that were "
        f"recovered with a proof through the suspect: {len(found)}. Their owners may have to sign "
        "in there again.",
        len(found),
    )


async def step(at: At) -> Progress:
    room = at.means.signals
    if room is None:
        return Progress(True, {"accounts": 0})
    part = at.part(await _accounts(at))
    for account in part.accounts:
        await room.compromised(at.tx, account, WHY, cause=at.case.incident.id)
    before = at.before.result.get("accounts") if at.before.cursor else 0
    accounts = (before if isinstance(before, int) else 0) + len(part.accounts)
    return part.done({"accounts": accounts})


async def look(at: At) -> dict[str, object]:
    """Who has acknowledged by now."""
    accounts = await signals.told_in(at.tx, at.case.incident.id)
    return {**at.before.result, "receivers": await receivers(at, accounts)}


async def receivers(at: At, accounts: Sequence[str]) -> dict[str, object]:
    """For each receiver, how many of the accounts count as secured there: those of which it has
    acknowledged every event since the incident opened."""
    found = await signals.secured(at.tx, accounts, at.case.incident.opened_at)
    return {
        name: {
            "accounts": one.told,
            "secured": one.secured,
            "refused": one.refused,
            "last_acknowledged_at": when(one.last_at),
        }
        for name, one in found.items()
    }


async def _accounts(at: At) -> list[str]:
    case = at.case
    return await recovery.accounts(at.tx, case.suspects, case.since, case.until, "completed")


ACTION = Action(
    "emit_signals",
    "Tell other services",
    preview,
    step,
    look=look,
    able=able,
    says="Services that these accounts open are told that the password may be somebody else's.",
    by_window=True,
    by_account=True,
)
