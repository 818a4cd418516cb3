"""Action: void the proofs of open recoveries that went through the suspects; owners get new ones.

Without this a proof that was read before the cut would still be good after it.
"""

from mailkeep.mail import queries as mail
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview

from .port import Action, At, Progress


async def preview(at: At) -> Preview:
    suspects = at.case.suspects
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
    recovery_room = at.means.recovery
    if recovery_room is None:
        return Progress(True, {"voided": 0})
    voided = await recovery_room.void_through(at.tx, at.case.suspects, "provider_cut")
    return Progress(True, {"voided": voided})


ACTION = Action(
    "revoke_recoveries",
    "Void the proofs that went through it",
    preview,
    step,
    says="Proofs that it could have read count no more; owners get new ones over what stands.",
)
