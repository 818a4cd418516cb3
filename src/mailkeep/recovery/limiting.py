"""Reasons why an account gets no recovery mail although somebody asked: its class, or a rate
limit; and how much is asked for from one network.

Attacks met here: using up what a whole network may ask for (a few requests of each address in it,
and whom the account knows, are looked at all the same).
"""

from typing import NamedTuple

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.base.clock import DAY, SECOND
from mailkeep.store.database import Tx

from .context import Context
from .types import Nets, RecoverySettings

#: Requests of each address in a window that are looked at whatever its neighbours ask for.
ALONE = 3


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


class Heard(NamedTuple):
    """What becomes of a request, whoever has an account.

    Attributes:
        waits: it waits to be looked at; not where one browser asks for one address without end.
        crowded: its network had asked for its share, and its address for more than a few.
    """

    waits: bool
    crowded: bool


async def heard(
    tx: Tx, settings: RecoverySettings, address: str, browser: str, nets: Nets
) -> Heard:
    """Count a request; the same tries are taken for every address."""
    window = round(settings.window * SECOND)
    own, share, alone = [
        await throttle.take(tx, of, lane, limit=limit, window=window)
        for of, lane, limit in (
            (address, f"recover {browser}", settings.asks),
            (nets.network, "recover", settings.asks),
            (nets.host, "recover alone", ALONE),
        )
    ]
    return Heard(own, not (share or alone))
