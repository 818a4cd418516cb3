"""Every open recovery with a proof through the suspects is void; its owner gets new proofs.

Without this a proof that was read before the cut would still be good after it.
"""

from mailkeep.mail import queries as mail
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview
from mailkeep.store.database import Tx

from .port import Base, Case, Means, Progress


class RevokeRecoveries(Base):
    """Void what was issued through the suspects."""

    name = "revoke_recoveries"
    title = "Void the recoveries that went through it"

    async def preview(self, tx: Tx, means: Means, case: Case) -> Preview:
        count = await recovery.open_through(tx, case.suspects)
        warnings = ()
        if count and not case.suspects & (await mail.cut(tx)).keys():
            warnings = (
                f"{case.provider} is not cut off yet: new proofs may go through it again",
            )
        return Preview(
            f"{count} open recoveries with a proof through {', '.join(sorted(case.suspects))} "
            "can no longer be completed; their owners are sent new proofs over what stands.",
            count,
            warnings,
        )

    async def step(self, tx: Tx, means: Means, case: Case, by: str, before: Progress) -> Progress:
        voided = await means.recovery.void_through(tx, case.suspects, why="provider_cut")
        return Progress(True, {"voided": voided})
