"""Multi-factor sign-in: the second step, passkey-only sign-in, and re-authentication (step-up).

Attacks met here: a stolen session must not become a stolen account (what opens the account can only
be changed shortly after full re-authentication, ASVS 7.5.1, which also issues a new session, so
that a copy of the old one gains nothing, ASVS 7.2.4), and a stolen password alone must open
nothing.
"""

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import MailkeepError, NotAllowed, NotSignedIn, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, throttle
from .events import SignInFailed
from .factors import passkeys
from .factors.demands import Demands
from .factors.policy import Standing
from .factors.services import Factors
from .factors.types import Kind, Lane, Proof, Source, Typed, Verdict, Way, Weighed
from .passwords import Passwords
from .sessions import Sessions, require_going_on
from .types import Origin, SessionView, SignedIn, SignInFailure, Stage

_WRONG = "that was wrong or used already, or you waited too long"
_PASSKEY = "this passkey opens no account here, or it took too long"
#: For how long who has shown everything again may change what opens the account.
FRESH = 10 * MINUTE


class Entering:
    """How a browser comes in, beside its password.

    Args:
        database: where accounts are kept.
        keys: name accounts to their passkeys.
        sessions, passwords, factors, demands: of all accounts.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        sessions: Sessions,
        passwords: Passwords,
        factors: Factors,
        demands: Demands,
    ) -> None:
        self._database = database
        self._keys = keys
        self._sessions = sessions
        self._passwords = passwords
        self._factors = factors
        self._demands = demands

    async def second_step(self, pending: str, typed: Typed) -> SignedIn:
        """Turn a session that waits for its factor into a full one, under a new secret; where its
        class asks for another kind of factor by now, into one that may only bind it.

        Raises:
            NotSignedIn: the answer is wrong or used, or the password was too long ago.
            TooMany: too many wrong answers.
        """
        waiting = await self._waiting(pending)
        async with self._database.read() as tx:
            lane = await self._lane(tx, waiting.account, waiting.browser)
        weighed = await self._factors.weigh(waiting.account, typed, lane)

        async def work(tx: Tx) -> SignedIn | MailkeepError:
            # First the account, as everywhere; a recovery meanwhile has ended this session.
            account = waiting.account
            await queries.account(tx, account, lock=True)
            if await self._sessions.find(tx, pending, Stage.FACTOR) is None:
                return NotSignedIn(_WRONG)
            proof = await self._factors.prove(tx, account, weighed, lane)
            if proof.proved and await self._sessions.finish(tx, waiting.id):
                if await self._demands.on_sign_in(tx, account):  # one of another kind is asked
                    return await self._sessions.create(tx, account, waiting.origin, Stage.ENROL)
                return await self._sessions.enter(tx, account, waiting.origin, factor=True)
            why = SignInFailure.FACTOR if proof.heard else SignInFailure.FACTOR_THROTTLED
            await record(
                self._database,
                tx,
                SignInFailed(account=account, address=None, network=waiting.network, why=why),
            )
            return self._refused(proof)

        return _given(await self._database.retrying(work))

    async def choices(self, pending: str) -> set[str]:
        """The kinds of factors that the account of a waiting session may show; none when it waits
        no more."""
        async with self._database.read() as tx:
            found = await self._sessions.find(tx, pending, Stage.FACTOR)
            bound = [] if found is None else await self._factors.bound(tx, found.account)
        return {one.kind.value for one in bound}

    async def ask(self, pending: str, source: Source) -> str:
        """What the page of the second step asks the passkeys of the account, as JSON.

        Raises:
            NotSignedIn: the password was too long ago.
            TooMany: too many were asked for from there.
        """
        waiting = await self._waiting(pending)
        return await self._factors.ask(waiting.account, source)

    async def ask_anyone(self, browser: str, network: str) -> str:
        """What the page asks for a passkey of whoever comes, as JSON.

        Raises:
            TooMany: too many were asked for from there.
        """
        async with self._database.write() as tx:
            allowed = await self._may_ask(tx, network)
            if allowed:
                return await passkeys.ask(tx, self._factors.site, None, browser)
        raise TooMany("too many tries; wait a while", retry_after=throttle.WAIT)

    async def by_passkey(
        self, answer: str, *, browser: str, network: str, agent: str = "", place: str | None = None
    ) -> SignedIn:
        """Sign in with a passkey and no password: it has verified its user, and so is two factors.

        Each try takes a challenge, of which a network has so many and no more.

        Raises:
            NotSignedIn: it is unknown or frozen, or was not asked for here: the same words.
        """
        async with self._database.read() as tx:
            weighed, account = await passkeys.weigh(
                tx, self._factors.site, self._keys, None, browser, answer
            )
        if account is None or not weighed.right or not weighed.verified:
            raise NotSignedIn(_PASSKEY, field="passkey")

        async def work(tx: Tx) -> SignedIn | None:
            view = await queries.account(tx, account, lock=True)
            # What an application's user has bound here proves something in a recovery only.
            proved = False
            why = SignInFailure.APPLICATION if view.application else SignInFailure.FROZEN
            if not view.frozen(tx.now) and not view.application:
                lane = await self._lane(tx, account, browser)
                proof = await self._factors.prove(tx, account, weighed, lane)
                proved, why = proof.proved, SignInFailure.PASSKEY
            if proved:
                origin = Origin(browser, network, agent, place)
                return await self._sessions.enter(tx, account, origin, factor=True)
            await record(
                self._database,
                tx,
                SignInFailed(account=account, address=None, network=network, why=why),
            )
            return None

        made = await self._database.retrying(work)
        if made is None:
            raise NotSignedIn(_PASSKEY, field="passkey")
        return made

    async def confirm(self, session: SessionView, password: str, typed: Typed) -> SignedIn:
        """Who is signed in shows everything again: the password, and a factor where one is bound;
        without a password, a passkey that verifies its user. Their session goes on under a new
        secret, and may change what opens the account for a while.

        Raises:
            NotSignedIn: something is missing or wrong; the field is ``current`` or ``factor``.
            TooMany: too many wrong answers.
        """
        account = session.account
        async with self._database.read() as tx:
            has_password = await queries.has_password(tx, account)
        kept = None
        if has_password:
            kept = await self._passwords.prove(account, password, typed.network)
        lane = Lane(Way.ACCOUNT, session.browser)
        weighed = await self._factors.weigh(account, typed, lane)

        async def work(tx: Tx) -> SignedIn | MailkeepError:
            await queries.account(tx, account, lock=True)
            if await queries.password_hash(tx, account) != kept:
                return NotSignedIn("the current password is wrong", field="current")
            refusal = await self._show_factor(tx, account, weighed, lane, alone=kept is None)
            if refusal is not None:
                return refusal
            if not await self._sessions.finish(tx, session.id):
                return NotSignedIn("sign in first")
            return await self._sessions.create(tx, account, session.origin, confirmed=True)

        return _given(await self._database.retrying(work))

    def require_fresh(self, now: Instant, session: SessionView) -> None:
        """Raises ``NotAllowed`` unless everything was shown a short while ago, for this session. At
        stage ``enrol`` it was: there is nothing but the password, and it is as old as the session.
        """
        at = session.created_at if session.stage is Stage.ENROL else session.confirmed_at
        if at is None or now - at > FRESH:
            raise NotAllowed("show first that it is you", field="fresh")

    async def going_on(self, tx: Tx, session: SessionView) -> None:
        """Lock the account of a session that is about to change it, and look whether it still may;
        see ``sessions.require_going_on``."""
        await queries.account(tx, session.account, lock=True)
        await require_going_on(tx, session.id)

    async def changing(self, secret: str, pending: str) -> SessionView:
        """Who may come to the page of the factors: signed in, or held up on the way in because a
        factor must be bound first.

        Raises:
            NotSignedIn: neither.
        """
        try:
            return await self._sessions.lookup(secret)
        except NotSignedIn:
            return await self._sessions.lookup(pending, Stage.ENROL)

    async def enrolled(self, tx: Tx, session: SessionView) -> SignedIn:
        """Let in who was held up to bind a factor, and has done so.

        Raises:
            NotSignedIn: they have not, or were let in already.
        """
        judged = await self._demands.judged(tx, session.account)
        if judged.standing is Standing.OVERDUE or not await self._sessions.finish(tx, session.id):
            raise NotSignedIn("sign in first")
        return await self._sessions.enter(tx, session.account, session.origin, factor=True)

    async def remove_password(self, tx: Tx, session: SessionView) -> None:
        """From now on only passkeys open the account.

        Raises:
            NotAllowed: everything was not shown again of late.
            Conflict: there is no second way in.
            NotSignedIn: the session has ended meanwhile.
        """
        self.require_fresh(tx.now, session)
        await self.going_on(tx, session)
        await self._passwords.remove(tx, session.account)

    async def _show_factor(
        self, tx: Tx, account: str, weighed: Weighed, lane: Lane, *, alone: bool
    ) -> MailkeepError | None:
        if not alone and not await queries.has_factor(tx, account):
            return None
        if alone and (weighed.kind is not Kind.PASSKEY or (weighed.right and not weighed.verified)):
            return NotSignedIn("use a passkey that asks for your PIN or finger", field="factor")
        settled = await queries.has_factor(tx, account, settled=True)
        proof = await self._factors.prove(tx, account, weighed, lane, settled=settled)
        return None if proof.proved else self._refused(proof, field="factor")

    async def _may_ask(self, tx: Tx, network: str) -> bool:
        limit = passkeys.NETWORK_ASKS
        return await throttle.take(tx, network, "passkey", limit=limit, window=throttle.WINDOW)

    async def _waiting(self, pending: str) -> SessionView:
        async with self._database.read() as tx:
            found = await self._sessions.find(tx, pending, Stage.FACTOR)
        if found is None:
            raise NotSignedIn(_WRONG)
        return found

    async def _lane(self, tx: Tx, account: str, browser: str) -> Lane:
        """Who has stolen the password must not use up the tries of the owner's browser."""
        known = await queries.knows_browser(tx, account, browser)
        return Lane(Way.KNOWN, browser) if known else Lane(Way.STRANGER)

    def _refused(self, proof: Proof, field: str | None = None) -> MailkeepError:
        if proof.verdict is Verdict.THROTTLED:
            return TooMany("too many wrong codes; wait a while", retry_after=throttle.WAIT)
        if proof.verdict is Verdict.BLOCKED:
            words = "this factor was answered wrongly too often; use another one"
            return TooMany(words, retry_after=throttle.WAIT)
        return NotSignedIn(_WRONG, field=field)


def _given(made: SignedIn | MailkeepError) -> SignedIn:
    if isinstance(made, MailkeepError):
        raise made
    return made
