"""Gradual roll-out: which users of an application are recovered here while it hands over a share.

A user's place is fixed by a keyed hash of the oldest address registered for them, and they are
recovered here when the share is above it. So nobody can ask again until they are sent the weaker
way, raising the share moves nobody back, and an address has the same place the moment before
somebody signs up with it and the moment after: an application's reset page, which shows where a
reset goes on, does not tell who is a customer.

Attack met here: a second address of the same user, or a name that the application does not know,
gives no second draw where the application says whom it means.
"""

from mailkeep.accounts import applications
from mailkeep.accounts import queries as accounts
from mailkeep.accounts.applications import ApplicationView
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Tx

from .context import Context
from .types import Reach, Way

_PURPOSE = "share"
_STEPS = 16**13  # as many bits of a hash as a float holds


def place(keys: KeyRing, application: str, name: str) -> float:
    """Where in an application's users somebody stands, 0 to 100.

    Args:
        name: the pseudonym of the user's oldest address; of what was typed where nobody has it.
    """
    drawn = keys.lookup_hash(_PURPOSE, f"{application}\0{name}")
    return int(drawn[:13], 16) / _STEPS * 100


def way(reach: Reach, share: int, at: float) -> Way:
    """Where a reset goes on.

    Args:
        share: of the application, percent.
        at: the user's place.
    """
    match reach:
        case Reach.NOBODY:
            return Way.THERE
        case Reach.EVERYBODY:
            return Way.HERE
        case _:
            return Way.HERE if at < share else Way.THERE


def way_of(keys: KeyRing, reach: Reach, application: ApplicationView, name: str) -> Way:
    """The same for one of an application's users; see ``place``."""
    return way(reach, application.share, place(keys, application.id, name))


async def takes(context: Context, tx: Tx, application: str, account: str) -> bool:
    """Whether one of an application's users is recovered here just now."""
    if context.reach is not Reach.SHARE:
        return context.reach is Reach.EVERYBODY
    view = await applications.get(tx, application)
    found = await accounts.known(tx, application, account=account)
    if found is None:
        return False
    return way_of(context.keys, context.reach, view, found.first) is Way.HERE
