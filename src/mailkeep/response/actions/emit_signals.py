"""Other services are told that the passwords set through the suspects may be somebody else's.

A thief who replaced a password here may have gone on to where that account opens doors. What we end
here ends nothing there; a receiver that acknowledges has been told, and only there the account
counts as secured. It breaks nothing here: at worst an owner is asked elsewhere to sign in again.
"""

from mailkeep.base.clock import when
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview
from mailkeep.signals import queries as signals
from mailkeep.signals.types import State

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
        return Progress(True, {"accounts": 0, "events": 0})
    waiting = [one for one in await _accounts(at) if one > at.before.cursor]
    batch = waiting[: at.means.settings.batch]
    told = [
        await room.compromised(at.tx, account, WHY, cause=at.case.incident.id) for account in batch
    ]
    done = len(batch) == len(waiting)
    result: dict[str, object] = {
        "accounts": _before(at, "accounts") + len(batch),
        "events": _before(at, "events") + sum(told),
    }
    return Progress(done, result, batch[-1] if batch else at.before.cursor)


async def look(at: At) -> dict[str, object]:
    """Who has acknowledged by now: an account is secured at a receiver when all of it was."""
    told: dict[str, dict[str, list[State]]] = {}
    last: dict[str, int] = {}
    for account, one in await signals.told_in(at.tx, at.case.incident.id):
        told.setdefault(one.receiver, {}).setdefault(account, []).append(one.state)
        if one.state is State.ACKNOWLEDGED and one.ended_at is not None:
            last[one.receiver] = max(last.get(one.receiver, 0), one.ended_at)
    return {
        "receivers": {
            name: {
                "accounts": len(accounts),
                "secured": sum(set(states) == {State.ACKNOWLEDGED} for states in accounts.values()),
                "refused": sum(State.REFUSED in states for states in accounts.values()),
                "last_acknowledged_at": when(last.get(name)),
            }
            for name, accounts in sorted(told.items())
        }
    }


def _before(at: At, word: str) -> int:
    found = at.before.result.get(word) if at.before.cursor else 0
    return found if isinstance(found, int) else 0


async def _accounts(at: At) -> list[str]:
    case = at.case
    return await recovery.accounts(at.tx, case.suspects, case.since, case.until, "completed")


ACTION = Action("emit_signals", "Tell other services", preview, step, look=look, able=able)
