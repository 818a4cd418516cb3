"""Action: void the proofs of open recoveries that went through the suspects; owners get new ones.

Without this a proof that was read before the cut would still be good after it. About an account no
route is suspected, so new proofs would go to the same readers: its recoveries under way end, and
its owner asks anew. Of a campaign it does nothing: to end everybody's resets is what an attacker
might want.
"""

from mailkeep.mail import queries as mail
from mailkeep.mail.types import GiveUpReason
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview

from .port import Action, At, Progress

_WHY = GiveUpReason.SECURED


async def preview(at: At) -> Preview:
    suspects, account = at.case.suspects, at.case.incident.account
    if account is not None:
        count = await recovery.open_of(at.tx, account)
        return Preview(
            f"Recoveries of this account under way: {count}. They end.",
            count,
            ("if its owner is at it just now, they must ask for a reset anew",) if count else (),
            idle=not count,
        )
    count = await recovery.open_through(at.tx, suspects)
    warnings: tuple[str, ...] = ()
    if not suspects & (await mail.cut(at.tx)).keys():
        warnings = (f"{at.case.provider} is not cut off: new proofs may go through it again",)
    return Preview(
        f"Open recoveries with a proof through {', '.join(sorted(suspects))}: {count}. Those "
        "proofs are void, and new ones go over what stands.",
        count,
        warnings,
    )


async def step(at: At) -> Progress:
    recovery_room, account = at.means.recovery, at.case.incident.account
    if recovery_room is None:
        return Progress(True, {"voided": 0})
    if account is not None:
        return Progress(True, {"voided": await recovery_room.end_of(at.tx, account, _WHY)})
    voided = await recovery_room.void_through(at.tx, at.case.suspects, GiveUpReason.PROVIDER_CUT)
    return Progress(True, {"voided": voided})


ACTION = Action(
    "revoke_recoveries",
    "Void the proofs that may have been read",
    preview,
    step,
    about=("provider", "account"),
    says="Proofs that somebody else may have count no more; owners get new ones, or ask anew.",
)
