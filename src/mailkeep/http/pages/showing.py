"""Everything is shown once more before what opens or recovers the account is changed.

ASVS 7.5.1, 7.5.3: a stolen session must not become a stolen account, nor may a stolen session and
the password where a second factor is bound.
"""

from mailkeep.accounts import queries
from mailkeep.accounts.types import SessionView
from mailkeep.base.errors import NotAllowed

from .visit import SESSION, House, Visit


async def show_again(visit: Visit, house: House, session: SessionView) -> bool:
    """Look at the fields ``current`` and ``factor``, unless all was shown a short while ago in this
    session; returns whether a bound factor was shown.

    Raises:
        NotSignedIn: one of them is wrong, and names itself.
        TooMany: too many wrong ones.
    """
    if not is_fresh(house, session):
        made = await house.accounts.entering.confirm(
            session, visit.form.get("current", ""), visit.typed("factor")
        )
        visit.keep(SESSION, made.secret.reveal())
    async with house.database.read() as tx:
        return await queries.has_factor(tx, session.account)


def is_fresh(house: House, session: SessionView) -> bool:
    """Whether everything was shown a short while ago."""
    try:
        house.accounts.entering.require_fresh(house.database.clock.now(), session)
    except NotAllowed:
        return False
    return True
