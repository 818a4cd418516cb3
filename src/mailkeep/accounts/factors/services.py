"""The service of second factors: verify an answer, bind, rename and revoke factors.

Attacks met here: guessing (tries are counted before an answer is looked at, both in a time window
and in a row), using up the owner's tries (each way in has its own), using a code twice, and a
copied passkey. Callers have asked for full re-authentication before they bind or revoke.
"""

import msgspec

from mailkeep.accounts import queries, throttle
from mailkeep.accounts.changes import Changes
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.events import (
    FactorBlocked,
    FactorBound,
    FactorLeaving,
    FactorStays,
    PasskeyCopied,
    SavedCodeUsed,
)
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.sessions import require_going_on, unconfirm
from mailkeep.accounts.types import ChangeKind
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events.log import record as record_fact
from mailkeep.events.types import Fact
from mailkeep.store.database import Database, Tx

from . import held, passkeys, record, saved_codes, totp
from .types import (
    LASTING,
    SHARES,
    FactorView,
    Kind,
    Lane,
    Proof,
    Site,
    Source,
    Typed,
    Verdict,
    Weighed,
    check_name,
)

TRIES = 5  #: wrong answers in a window; only who holds the password can use them up
CODE_SETS = 5  #: sets of saved codes that an account makes in a window


class Factors:
    """The second factors of all accounts.

    Args:
        database: where they are kept.
        keys: seal the apps' secrets.
        slow: hashes saved codes.
        site: for whom passkeys are made.
        classes: for how long the last factor is still asked, and a new one can be denied.
        changes: hold new factors.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        slow: SlowHash,
        site: Site,
        classes: Classes,
        changes: Changes,
    ) -> None:
        self._database = database
        self._keys = keys
        self._slow = slow
        self.site = site
        self._classes = classes
        self._changes = changes

    async def bound(self, tx: Tx, account: str) -> list[FactorView]:
        """The authenticators that are bound, oldest first; saved codes among them."""
        return await record.bound(tx, account)

    async def ask(
        self, account: str, source: Source, *, verified: bool = False, settled: bool = False
    ) -> str:
        """What a page asks an account's passkeys, as JSON; see ``passkeys.ask``. Counted by
        network: who knows the password must not use up the questions of the owner.

        Raises:
            TooMany: too many were asked for from there of late.
        """
        async with self._database.write() as tx:
            lane = f"passkey questions {source.network}"
            await self._spend(tx, account, lane, passkeys.NETWORK_ASKS)
            return await passkeys.ask(
                tx, self.site, account, source.browser, verified=verified, settled=settled
            )

    async def ask_to_bind(self, account: str, browser: str, *, name: str, issuer: str) -> str:
        """What a page asks for a new passkey, as JSON; see ``passkeys.ask_to_bind``. Raises
        ``TooMany`` as ``ask`` does."""
        async with self._database.write() as tx:
            await self._spend(tx, account, "new passkeys", passkeys.NETWORK_ASKS)
            return await passkeys.ask_to_bind(
                tx, self._keys, self.site, account, browser, name=name, issuer=issuer
            )

    async def weigh(self, account: str, typed: Typed, lane: Lane | None = None) -> Weighed:
        """The slow part of an answer, to be called outside of a transaction; counts nothing, uses
        nothing up, and must tell nobody anything: ``prove`` does.

        Args:
            lane: on which it will be proved; where its tries are used up, nothing slow is done.

        Raises:
            Unavailable: too many wait for a hash.
        """
        if typed.assertion:
            async with self._database.read() as tx:
                weighed, _ = await passkeys.weigh(
                    tx, self.site, self._keys, account, typed.browser, typed.assertion
                )
            return weighed
        if saved_codes.looks_like(typed.code):
            async with self._database.read() as tx:
                weighed, kept = await saved_codes.weigh(tx, account, typed.code)
                if lane is not None and await throttle.spent(
                    tx, account, lane.word, limit=TRIES, window=throttle.WINDOW
                ):
                    return weighed
            right = await saved_codes.right(self._slow, typed, kept)
            return msgspec.structs.replace(weighed, right=right)
        digits = "".join(c for c in typed.code[:32] if c.isdigit() and c.isascii())
        if len(digits) == totp.DIGITS:
            return Weighed(Kind.TOTP, True, digits)
        return Weighed()

    async def prove(
        self, tx: Tx, account: str, weighed: Weighed, lane: Lane, *, settled: bool = False
    ) -> Proof:
        """Count a try, decide, and use the answer up, in one act.

        The caller has locked the account, has seen the step before (the password, both mailed
        proofs), and commits whatever comes back: a wrong answer is counted by it.

        Args:
            settled: only a factor that nobody can deny any more will do.
        """
        # A right signature is no guess: who guesses at codes must not keep a passkey out.
        signed = weighed.kind is Kind.PASSKEY and weighed.right
        if not signed and not await throttle.take(
            tx, account, lane.word, limit=TRIES, window=throttle.WINDOW
        ):
            return Proof(Verdict.THROTTLED, weighed.kind)
        candidates = [
            one
            for one in await record.bound(tx, account)
            if one.kind is weighed.kind
            and weighed.factor in {None, one.id}
            and not (settled and one.held_by is not None)
        ]
        if not candidates:
            return Proof(Verdict.WRONG, weighed.kind)
        # Two apps at most: the one that takes the other's place when it is settled.
        share, looked_at = SHARES[lane.way], []
        for one in candidates:
            counted = one.kind is not Kind.PASSKEY
            if not counted or await record.failures(tx, one.id, lane.way) < share:
                looked_at.append(one)
        if not looked_at:
            return Proof(Verdict.BLOCKED, candidates[0].kind, candidates[0].id)
        for factor in looked_at:
            if weighed.right and await self._use(tx, factor, weighed):
                break
        else:
            for one in looked_at:
                await self._failed(tx, one, lane)
            return Proof(Verdict.WRONG, looked_at[0].kind, looked_at[0].id)
        await record.used(tx, factor.id)
        await throttle.clear(tx, account, lane.word)
        left = None
        if factor.kind is Kind.SAVED_CODES:
            left = await saved_codes.left(tx, factor.id)
            await self._tell(tx, SavedCodeUsed(account=account, factor=factor.id, left=left))
        settled = factor.held_by is None
        return Proof(
            Verdict.PROVED, factor.kind, factor.id, left, weighed.verified, settled=settled
        )

    async def bind_totp(
        self, tx: Tx, account: str, factor: str, code: str, source: Source, name: str = ""
    ) -> None:
        """Bind an app of which a code was shown; it takes the place of the one before, when it is
        settled.

        Raises:
            NotFound: no such enrolment.
            Invalid: the code is wrong, or the name cannot be used.
        """
        await queries.account(tx, account, lock=True)
        if not await totp.waits(tx, account, factor):
            raise NotFound("no such enrolment")
        await totp.confirm(tx, self._keys, account, factor, code)
        there = await record.bound(tx, account)
        held_by = await self._bind(
            tx, factor, account, Kind.TOTP, name or "Authenticator app", source
        )
        for one in there:
            if one.kind is Kind.TOTP and (held_by is None or one.held_by is not None):
                await held.revoke(self._database, tx, one, "replaced")

    async def bind_passkey(
        self, tx: Tx, account: str, answer: str, source: Source, name: str = ""
    ) -> str:
        """Bind a passkey; returns the factor.

        Args:
            answer: what the browser made of ``ask_to_bind``, as JSON.

        Raises:
            Invalid: it answers no challenge of ours that waits, or the name cannot be used.
            Conflict: it is bound already. TooMany: as ``revoke``; also of what else is bound.
        """
        await queries.account(tx, account, lock=True)
        made = await passkeys.verify_new(tx, self.site, account, source.browser, answer)
        factor = new_id("fac", tx.now)
        await self._bind(tx, factor, account, Kind.PASSKEY, name or "Passkey", source)
        await passkeys.write(tx, factor, account, made)
        return factor

    async def new_codes(self, account: str, source: Source) -> list[Secret]:
        """Ten new saved codes, to be shown once; they take the place of the ones before.

        Raises:
            Conflict: no other factor is bound: codes run out, and then nothing would be left.
            TooMany: too many were made of late: each set is ten slow hashes.
            Unavailable: too many wait for a hash.
            NotSignedIn, NotAllowed: see ``sessions.require_going_on``.
        """
        async with self._database.write() as tx:
            await self._spend(tx, account, "new codes", CODE_SETS)
        codes = saved_codes.make()
        kept = await saved_codes.hashes(self._slow, codes, source.network)
        async with self._database.write() as tx:
            await queries.account(tx, account, lock=True)
            there = await record.bound(tx, account)
            if not any(one.kind in LASTING for one in there):
                raise Conflict("add a passkey or an authenticator app first")
            for one in there:
                if one.kind is Kind.SAVED_CODES:
                    await held.revoke(self._database, tx, one, "replaced")
            factor = new_id("fac", tx.now)
            await self._bind(tx, factor, account, Kind.SAVED_CODES, "Saved codes", source)
            await saved_codes.write(tx, factor, kept)
        return list(codes.values())

    async def rename(self, tx: Tx, account: str, factor: str, name: str) -> None:
        """Give a factor another name.

        Raises:
            Invalid: the name cannot be used.
            NotFound: no such factor.
        """
        if not await record.rename(tx, account, factor, check_name(name)):
            raise NotFound("no such factor")

    async def revoke(self, tx: Tx, account: str, factor: str, why: str) -> Instant | None:
        """Take a factor away: it proves nothing from now on, and stays on record. The last one goes
        only when the hold of its class is over, and is asked until then: who has got hold of a
        session and everything else once must not be rid of it for good before its owner can object.
        Saved codes go with it, since they cannot stand alone. Returns when it goes; None: at once.

        Args:
            why: ``owner``, or ``lost`` where somebody else may have it; see ``FactorRevoked``.

        Raises:
            NotFound: no such factor.
            TooMany: too much was changed today.
            Conflict: it is the last way into an account without a password; or the last factor,
                and lost: another one must take its place, and then it goes at once, or with a hold
                while that one is not settled.
        """
        view = await queries.account(tx, account, lock=True)
        there = await record.bound(tx, account)
        found = next((one for one in there if one.id == factor), None)
        if found is None:
            raise NotFound("no such factor")
        others = [one for one in there if one.id != factor]
        alone = not view.application and not await queries.has_password(tx, account)
        if alone and not any(one.kind is Kind.PASSKEY for one in others):
            raise Conflict("this account has no password: its last passkey cannot be removed")
        lasting = [one for one in others if one.kind in LASTING and one.leaves_at is None]
        # What its owner can still deny takes no settled one's place.
        enough = [one for one in lasting if one.held_by is None or found.held_by is not None]
        last = found.kind in LASTING and not enough
        hold = self._classes.holding(view).factor_hold
        if last and why == "lost" and not lasting:
            raise Conflict("add another factor first: then this one goes at once")
        if last and hold:
            if found.leaves_at is not None:
                return found.leaves_at
            await self._changes.count(tx, account)
            until = tx.now + hold
            await record.leave(tx, factor, until)
            kind = found.kind.value
            leaving = FactorLeaving(account=account, factor=factor, factor_kind=kind, until=until)
            await self._tell(tx, leaving)
            return until
        await held.take(self._database, tx, found, others, why)
        return None

    async def keep(self, tx: Tx, account: str, factor: str) -> bool:
        """Keep a factor that was being removed; False when it was not."""
        await queries.account(tx, account, lock=True)
        theirs = any(one.id == factor for one in await record.bound(tx, account))
        if not theirs or not await record.leave(tx, factor, None):
            return False
        await self._tell(tx, FactorStays(account=account, factor=factor))
        return True

    async def settle(self, tx: Tx, limit: int = 100) -> int:
        """Take away what was being removed and whose hold is over; returns how many."""
        due = await record.leaving(tx, limit)
        for account in sorted({account for account, _ in due}):
            await queries.account(tx, account, lock=True)
        for account, factor in due:
            there = await record.bound(tx, account)
            found = next((one for one in there if one.id == factor), None)
            if found is not None and found.leaves_at is not None and found.leaves_at <= tx.now:
                others = [one for one in there if one.id != factor]
                await held.take(self._database, tx, found, others, "owner")
        return len(due)

    async def revoke_all(self, tx: Tx, account: str, why: str) -> int:
        """Take every factor away, such as after a recovery from their loss; returns how many."""
        there = await record.bound(tx, account)
        for one in there:
            await held.revoke(self._database, tx, one, why)
        return len(there)

    async def disown(self, tx: Tx, account: str, since: Instant, until: Instant) -> None:
        """See ``held.disown``; what somebody was removing stays."""
        await held.disown(self._database, tx, account, since, until)
        await held.stay(self._database, tx, account)

    async def _spend(self, tx: Tx, account: str, lane: str, limit: int) -> None:
        if not await throttle.take(tx, account, lane, limit=limit, window=throttle.WINDOW):
            raise TooMany("too often; wait a while", retry_after=throttle.WAIT)

    async def _use(self, tx: Tx, factor: FactorView, weighed: Weighed) -> bool:
        if factor.kind is Kind.TOTP:
            return await totp.use(tx, self._keys, factor.id, weighed.mark)
        if factor.kind is Kind.SAVED_CODES:
            return await saved_codes.use(tx, weighed)
        used = await passkeys.use(tx, weighed)
        if used is None:
            await self._tell(tx, PasskeyCopied(account=factor.account, factor=factor.id))
        return bool(used)

    async def _failed(self, tx: Tx, factor: FactorView, lane: Lane) -> None:
        if factor.kind is Kind.PASSKEY:
            return
        if await record.failed(tx, factor.id, lane.way) == SHARES[lane.way]:
            kind, way = factor.kind.value, lane.way.value
            of = {"account": factor.account, "factor": factor.id}
            await self._tell(tx, FactorBlocked(**of, factor_kind=kind, way=way))

    async def _bind(
        self, tx: Tx, factor: str, account: str, kind: Kind, name: str, source: Source
    ) -> str | None:
        """Put it on record, as a change that is held; returns the change, None where the class
        holds none. A session that was ended since, while slow work was done, binds nothing."""
        name = check_name(name)
        if source.session:
            await require_going_on(tx, source.session)
        view = await queries.account(tx, account)
        policy, change = self._classes.holding(view), None
        known = await queries.knew_browser(tx, account, source.browser, tx.now - policy.bind_hold)
        length = policy.bind_hold_known if known else policy.bind_hold
        shown = await queries.has_factor(tx, account, settled=True)
        if length:
            what = ChangeKind.FACTOR
            change = await self._changes.hold(tx, view, what, factor=shown, length=length)
        await record.add(tx, factor, account, kind, name, source, change, attested=shown)
        await unconfirm(tx, account, but=source.session)
        bound = FactorBound(
            account=account,
            factor=factor,
            factor_kind=kind.value,
            browser=source.browser,
            network=source.network,
            held=change is not None,
        )
        await self._tell(tx, bound)
        return change

    async def _tell(self, tx: Tx, fact: Fact) -> None:
        await record_fact(self._database, tx, fact)
