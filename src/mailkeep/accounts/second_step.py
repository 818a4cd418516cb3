"""The console's second step: a passkey of an operator's account, asked beside the API key.

It is asked for as soon as one operator has a passkey that can no longer be denied. Who is an
operator, or that nobody is, is decided at the command line only.

Security: from then on a leaked key opens no console. A challenge is made for this step alone, so a
signature that an operator gave to sign in to their own account is worth nothing here, and the other
way round; and the passkey must verify its user.
"""

from sqlalchemy import select

from mailkeep.base.errors import NotFound, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, tables
from .classes import OPERATOR
from .events import SignInFailed
from .factors import passkeys
from .factors.services import Factors
from .factors.types import Lane, Way
from .types import SignInFailure

_REFUSED = "that was not shown with the passkey of an operator"


async def is_wanted(tx: Tx) -> bool:
    """Whether any operator has a passkey that nobody can deny any more."""
    p, f, a = tables.passkeys, tables.factors, tables.accounts
    bound = (
        select(p.c.factor_id)
        .join(f, f.c.id == p.c.factor_id)
        .join(a, a.c.id == p.c.account_id)
        .where(a.c["class"] == OPERATOR, f.c.held_by.is_(None))
        .limit(1)
    )
    return await tx.one(bound) is not None


async def is_operators(tx: Tx, account: str) -> bool:
    """Whether an account is an operator's still, and not frozen."""
    try:
        view = await queries.account(tx, account)
    except NotFound:
        return False
    return view.account_class == OPERATOR and not view.frozen(tx.now)


class SecondStep:
    """Asks for it, and looks at it.

    Args:
        database: where accounts are kept.
        keys: know whose passkey it is.
        factors: of all accounts.
    """

    def __init__(self, database: Database, keys: KeyRing, factors: Factors) -> None:
        self._database = database
        self._keys = keys
        self._factors = factors

    async def ask(self, browser: str) -> str:
        """What the page asks the browser for, as JSON."""
        async with self._database.write() as tx:
            return await passkeys.ask(tx, self._factors.site, None, browser, console=True)

    async def prove(self, answer: str, browser: str, network: str) -> str:
        """The account of the operator whose passkey was shown; it counts once.

        Raises:
            NotSignedIn: it is nobody's, no operator's, held, frozen, or was not asked for here: the
                same words.
        """
        async with self._database.read() as tx:
            weighed, account = await passkeys.weigh(
                tx, self._factors.site, self._keys, None, browser, answer, console=True
            )
        if account is None or not weighed.right or not weighed.verified:
            raise NotSignedIn(_REFUSED, field="passkey")

        async def work(tx: Tx) -> bool:
            view = await queries.account(tx, account, lock=True)
            proved = False
            if view.account_class == OPERATOR and not view.frozen(tx.now):
                lane = Lane(Way.ACCOUNT, browser)
                proof = await self._factors.prove(tx, account, weighed, lane, settled=True)
                proved = proof.proved
            if not proved:
                failed = SignInFailed(
                    account=account, address=None, network=network, why=SignInFailure.CONSOLE
                )
                await record(self._database, tx, failed)
            return proved

        if not await self._database.retrying(work):
            raise NotSignedIn(_REFUSED, field="passkey")
        return account
