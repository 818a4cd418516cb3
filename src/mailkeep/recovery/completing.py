"""Completes a recovery: writes the password, or makes a verdict for the application that keeps the
account."""

from sqlalchemy.engine import RowMapping

from mailkeep.store.database import Tx

from . import mails
from .context import Context
from .notices import Notices
from .types import Handed
from .verdicts import Verdicts


class Completing:
    """Completes recoveries whose proofs and factor were judged in the same transaction.

    Args:
        context: the services of the room.
        notices: tell owners.
        verdicts: for applications.
    """

    def __init__(self, context: Context, notices: Notices, verdicts: Verdicts) -> None:
        self._context = context
        self._notices = notices
        self._verdicts = verdicts

    async def complete(
        self,
        tx: Tx,
        row: RowMapping,
        given: list[RowMapping],
        kept: str,
        *,
        browser: str,
        factor: bool,
    ) -> Handed | None:
        """Write the password, or make the verdict and return what takes the browser back.

        Args:
            row: the recovery.
            given: both proofs.
            kept: hash of the new password; of no use to an application.
            factor: the second factor that we keep was proved.

        Raises:
            Conflict: no verdict can be made for this browser.
        """
        recovery, account = str(row["id"]), str(row["account_id"])
        if row["application"]:
            return await self._verdicts.make(
                tx, recovery, account, given, browser=browser, factor=factor
            )
        await self._context.accounts.passwords.write(tx, account, kept, by="recovery")
        return None

    async def tell(self, tx: Tx, row: RowMapping) -> None:
        """Tell the owner at every address that it came to an end."""
        write = mails.handed_over if row["application"] else mails.completed
        await self._notices.tell(tx, str(row["account_id"]), str(row["id"]), write)
