"""Reasons why an account gets no recovery mail although somebody asked: its class, or a rate
limit."""

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.base.clock import DAY, SECOND
from mailkeep.store.database import Tx

from .context import Context


async def refusal(context: Context, tx: Tx, account: str, *, lane: str, usable: int) -> str | None:
    """Why nothing is mailed, or None when it may be; takes a try.

    Args:
        lane: what is counted apart from what: what was rehearsed takes no try from its owner.
        usable: recoveries of which the owner has mails that still do. While there are none, no
            limit may keep the next ones back.
    """
    settings = context.settings
    view = await accounts.account(tx, account)
    if not context.accounts.classes.holding(view).recovers_by_mail:
        return "class"  # who runs this house never does
    within = [
        await throttle.take(tx, account, name, limit=limit, window=window)
        for name, limit, window in (
            (lane, settings.burst, round(settings.window * SECOND)),
            (f"{lane} daily", settings.daily, DAY),
        )
    ]
    within.append(usable < settings.live)
    return "limit" if usable and not all(within) else None
