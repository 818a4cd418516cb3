"""Break-glass access for operators to one account or recovery, or to the mail that tells whether an
address has an account: only with a reason, and always audited.

Security: what was opened, by whom and why is in the audit chain before anything is shown, and the
entry is what grants access, to that operator and for a while. How many records one operator opens
in an hour is bounded: copying the customer base one by one is stopped, and stands out.
"""

import msgspec

from mailkeep.base import reasons
from mailkeep.base.clock import HOUR, MINUTE, SECOND
from mailkeep.base.errors import NotAllowed, TooMany
from mailkeep.events import audit
from mailkeep.store.database import Tx

ACCOUNT, RECOVERY, MAIL = "account.open", "recovery.open", "mail.open"
LASTS = 15 * MINUTE  #: for which what was opened stays open
MOST = 60  #: that one operator opens in an hour


class _Opened(msgspec.Struct, frozen=True):
    """What an entry says."""

    id: str = ""


async def open_(tx: Tx, what: str, of: str, *, by: str, reason: str) -> None:
    """Write down that an operator opens something.

    Args:
        what: ``ACCOUNT``, ``RECOVERY`` or ``MAIL``.
        of: its id, for ``MAIL`` that of the account that has the address; "": what was looked for
            is not there, which counts all the same.

    Raises:
        Invalid: no reason, or one that is too long.
        TooMany: more than ``MOST`` in an hour.
    """
    reason = reasons.given(reason, "say why you open it")
    # Written first: it locks the chain, so that of many at once each counts the others.
    await audit.write(tx, by, what, {"id": of, "reason": reason})
    if len(await _since(tx, (ACCOUNT, RECOVERY, MAIL), by, tx.now - HOUR)) > MOST:
        raise TooMany(f"you have opened {MOST} in this hour", retry_after=HOUR / SECOND)


async def require(tx: Tx, what: str, of: str, *, by: str) -> None:
    """Raises ``NotAllowed`` where an operator has not opened it a short while ago."""
    if of not in await _since(tx, (what,), by, tx.now - LASTS):
        raise NotAllowed("say first why you open it")


async def _since(tx: Tx, acts: tuple[str, ...], by: str, since: int) -> list[str]:
    rows = await audit.acts(tx, acts, since, actor=by)
    return [msgspec.json.decode(row["data"], type=_Opened).id for row in rows]
