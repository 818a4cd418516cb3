"""Second factors that Mailkeep keeps for the users of client applications, and how the owners enrol
them.

These users do not sign in here. The application, where they are signed in, asks with its client
secret for a ticket; the browser that brings the ticket may bind factors for a while, and do nothing
else. A recovery asks for what is bound and settled, and the verdict says that it was proved.

Attacks met here: a thief of the API key binds a factor to keep the owner out (the key gets no
ticket); a thief of the client secret, or of a session at the application, does the same (a new
factor is held, told to every address over two routes, and can be denied as everywhere; where one is
settled already it is shown first); a ticket is intercepted (it is valid once, for ten minutes, and
travels in a URL fragment).
"""

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Conflict, NotAllowed, NotFound, NotSignedIn, TooMany
from mailkeep.base.secret import Secret
from mailkeep.store.database import Database, Tx

from . import applications, queries, subject_views, throttle
from .factors.services import Factors
from .factors.types import Lane, Typed, Way
from .registration import Factor
from .sessions import WAITS, Sessions
from .types import Origin, SessionView, SignedIn, Stage

TICKETS = 20  #: for one user in a day


class Keeping:
    """Has users of applications bind factors here.

    Args:
        database: where sessions are kept.
        sessions: tickets, and the visits that they open, are among them at stages of their own.
        factors: of all accounts.
    """

    def __init__(self, database: Database, sessions: Sessions, factors: Factors) -> None:
        self._database = database
        self._sessions = sessions
        self._factors = factors

    async def ticket(self, tx: Tx, application: str, name: str) -> tuple[Secret, Instant]:
        """What opens the page of a user's factors, once, and until when.

        Args:
            application: has shown its secret.

        Raises:
            NotFound: no such user.
            NotAllowed: the application is revoked.
            Conflict: it does not say that we keep the factor; saying so is a change like any other.
            TooMany: too many of late.
        """
        await applications.alone(tx, application)
        found = (await subject_views.of(tx, application, [name])).get(name)
        if found is None:
            raise NotFound("no such subject")
        if found.stands.factor is not Factor.KEPT_HERE:
            raise Conflict("register this subject with kept_here first, and have it agreed to")
        account = found.account
        if not await throttle.take(tx, account, "factor ticket", limit=TICKETS, window=DAY):
            raise TooMany("too many tickets for this subject today")
        made = await self._sessions.create(tx, account, Origin(""), Stage.TICKET)
        return made.secret, tx.now + WAITS

    async def open(self, secret: str, origin: Origin) -> SignedIn:
        """Exchange a ticket for a visit of this browser. Raises ``NotSignedIn``."""

        async def work(tx: Tx) -> SignedIn | None:
            found = await self._sessions.find(tx, secret, Stage.TICKET)
            if found is None or not await self._sessions.finish(tx, found.id):
                return None
            browser = Origin(origin.browser, origin.network)  # nothing more is kept of it
            return await self._sessions.create(tx, found.account, browser, Stage.KEEP)

        made = await self._database.retrying(work)
        if made is None:
            raise NotSignedIn("this link is used or too old; begin again at your site")
        return made

    async def visit(self, secret: str) -> SessionView:
        """Who may look at their factors. Raises ``NotSignedIn``."""
        return await self._sessions.lookup(secret, Stage.KEEP)

    async def require(self, tx: Tx, session: SessionView) -> None:
        """Raises ``NotAllowed`` where a settled factor must be shown first."""
        settled = await queries.has_factor(tx, session.account, settled=True)
        if settled and session.confirmed_at is None:
            raise NotAllowed("show your second factor first", field="fresh")

    async def show(self, session: SessionView, typed: Typed) -> SignedIn:
        """Show a settled factor; the visit goes on under a new secret.

        Raises:
            NotSignedIn: it is wrong or used.
            TooMany: too many wrong ones.
        """
        account, lane = session.account, Lane(Way.ACCOUNT, session.browser)
        weighed = await self._factors.weigh(account, typed, lane)

        async def work(tx: Tx) -> SignedIn | NotSignedIn | TooMany:
            await queries.account(tx, account, lock=True)
            proof = await self._factors.prove(tx, account, weighed, lane, settled=True)
            if not proof.heard:
                return TooMany("too many wrong codes; wait a while", retry_after=throttle.WAIT)
            if not proof.proved or not await self._sessions.finish(tx, session.id):
                return NotSignedIn("that was wrong or used already", field="factor")
            return await self._sessions.create(
                tx, account, session.origin, Stage.KEEP, confirmed=True
            )

        made = await self._database.retrying(work)
        if not isinstance(made, SignedIn):
            raise made
        return made
