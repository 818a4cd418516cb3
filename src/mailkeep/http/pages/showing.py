"""Re-authentication page, shown before a change of what opens or recovers the account.

ASVS 7.5.1, 7.5.3: a stolen session must not become a stolen account, nor may a stolen session and
the password where a second factor is bound.
"""

from mailkeep.accounts import queries, throttle
from mailkeep.accounts.factors.types import Lane, Way
from mailkeep.accounts.types import SessionView
from mailkeep.base.errors import NotAllowed, NotSignedIn, TooMany

from .visit import PageServices, Visit


async def show_again(visit: Visit, house: PageServices, session: SessionView) -> bool:
    """Look at the fields ``current`` and ``factor``; returns whether a bound factor was shown. A
    form without them will do for who has shown everything in this session a short while ago; what
    is typed all the same is looked at.

    Raises:
        NotSignedIn: one of them is wrong, and names itself.
        TooMany: too many wrong ones.
    """
    if "current" not in visit.form and is_fresh(house, session):
        return await _has_factor(house, session)
    current = visit.form.get("current", "")
    await house.accounts.passwords.prove(session.account, current, visit.network)
    return await _prove(visit, house, session)


async def show_factor(visit: Visit, house: PageServices, session: SessionView) -> bool:
    """The same for the second factor alone; False where none is bound."""
    if "factor" not in visit.form and is_fresh(house, session):
        return await _has_factor(house, session)
    return await _prove(visit, house, session)


def is_fresh(house: PageServices, session: SessionView) -> bool:
    """Whether everything was shown for this session a short while ago, on the page of the factors:
    a passkey can be shown there only."""
    try:
        house.accounts.entering.require_fresh(house.database.clock.now(), session)
    except NotAllowed:
        return False
    return True


async def _has_factor(house: PageServices, session: SessionView) -> bool:
    async with house.database.read() as tx:
        return await queries.has_factor(tx, session.account, settled=True)


async def _prove(visit: Visit, house: PageServices, session: SessionView) -> bool:
    factors, account = house.accounts.factors, session.account
    lane = Lane(Way.ACCOUNT, session.browser)
    weighed = await factors.weigh(account, visit.typed("factor"), lane)
    async with house.database.write() as tx:
        await queries.account(tx, account, lock=True)
        if not await queries.has_factor(tx, account):
            return False
        settled = await queries.has_factor(tx, account, settled=True)
        proof = await factors.prove(tx, account, weighed, lane, settled=settled)
    if not proof.heard:
        raise TooMany("too many wrong codes", retry_after=throttle.WAIT)
    if not proof.proved:
        raise NotSignedIn(
            "the code of your second factor is missing, wrong or used", field="factor"
        )
    return proof.settled
