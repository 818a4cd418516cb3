"""Everything is shown once more before what opens or recovers the account is changed.

ASVS 7.5.1, 7.5.3: a stolen session must not become a stolen account, nor may a stolen session and
the password where a second factor is bound.
"""

from mailkeep.accounts import queries, totp
from mailkeep.accounts.types import SessionView
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import NotSignedIn, TooMany

from .visit import House, Visit

LANE = "totp change"  #: tries of its own: who has only mails, or only the password, uses none up


async def show_again(visit: Visit, house: House, session: SessionView) -> bool:
    """Look at the fields ``current`` and ``factor``; returns whether a bound factor was shown.

    Raises:
        NotSignedIn: one of them is wrong, and names itself.
        TooMany: too many wrong ones.
    """
    await house.accounts.passwords.prove(session.account, visit.form.get("current", ""))
    return await show_factor(visit, house, session)


async def show_factor(visit: Visit, house: House, session: SessionView) -> bool:
    """The same for the second factor alone; False where none is bound."""
    settings = house.accounts.settings
    async with house.database.write() as tx:
        await queries.account(tx, session.account, lock=True)
        if not await queries.has_factor(tx, session.account):
            return False
        code = visit.form.get("factor", "")
        proved = await totp.prove(tx, house.keys, session.account, code, settings, lane=LANE)
    if proved is None:
        raise TooMany("too many wrong codes", retry_after=settings.window / SECOND)
    if not proved:
        raise NotSignedIn(
            "the code of your second factor is missing, wrong or used", field="factor"
        )
    return True
