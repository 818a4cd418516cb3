"""Accounts whose password was replaced with the help of a proof through the suspects rest.

Whoever replaced it may not have been the owner. Sessions end, and nobody signs in until the freeze
is over; it ends by itself, so that a wrong suspicion locks nobody out for good.
"""

from mailkeep.base.clock import SECOND, iso
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview
from mailkeep.store.database import Tx

from .port import Base, Case, Means, Progress


class SecureAccounts(Base):
    """End the sessions and freeze."""

    name = "secure_accounts"
    title = "Freeze the accounts that were recovered through it"
    dangerous = True

    async def preview(self, tx: Tx, means: Means, case: Case) -> Preview:
        found = await _accounts(tx, case)
        until = iso(tx.now + round(means.settings.freeze * SECOND))
        warnings = ()
        if found:
            warnings = (
                f"owners who recovered these accounts themselves cannot sign in until {until}",
            )
        return Preview(
            f"{len(found)} accounts were recovered with a proof through the suspect: their "
            f"sessions end and nobody signs in until {until}.",
            len(found),
            warnings,
        )

    async def step(self, tx: Tx, means: Means, case: Case, by: str, before: Progress) -> Progress:
        waiting = [one for one in await _accounts(tx, case) if one > before.cursor]
        batch = waiting[: means.settings.batch]
        until = tx.now + round(means.settings.freeze * SECOND)
        for account in batch:
            await means.accounts.freeze(tx, account, until, "incident")
        done = before.result.get("frozen", 0)
        total = (done if isinstance(done, int) else 0) + len(batch)
        result: dict[str, object] = {"frozen": total, "until": iso(until)}
        return Progress(
            len(batch) == len(waiting), result, batch[-1] if batch else before.cursor
        )


async def _accounts(tx: Tx, case: Case) -> list[str]:
    return await recovery.accounts(tx, case.suspects, case.since, case.until, "completed")
