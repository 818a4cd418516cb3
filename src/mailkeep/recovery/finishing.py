"""Finishes a recovery once both proofs are back: judge them, ask for the factor, hold it if need
be, and write the password, or have a verdict made for the application that keeps the account.

Attacks met here: a reader of one provider (two proofs over parties that the trust graph shows to be
independent, judged again when they are used), a reader of the owner's mailbox (the second factor
comes before the password is written; without one, time to say no), and a thief with a session
(every session ends).
"""

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.accounts.changes import RECOVERY
from mailkeep.accounts.factors.types import Lane, Source, Typed, Way, Weighed
from mailkeep.accounts.types import ENDED_BY_PROOFS, Origin
from mailkeep.base.errors import Conflict, MailkeepError, NotSignedIn, TooMany
from mailkeep.events.log import record
from mailkeep.mail.types import GiveUpReason
from mailkeep.store.database import Tx

from . import mails, tables
from .completing import Completing
from .context import Context
from .denying import FREEZE
from .ending import TOLD_AT, Ending
from .events import RecoveryCompleted, StoppedByFactor
from .holds import Holds, held_against
from .notices import Notices
from .proving import Proving
from .types import LIVE, Handed, Progress, State

_LANE = Lane(Way.RECOVERY)
_r = tables.recoveries

_HELD = "this waits until its time is over; what to do is said below"
_GONE = "the proofs no longer count; ask again"
_PASSKEYS = (
    "this account has no password: only its passkeys open it, and a reset gives it none. Sign in "
    "with a passkey, or ask support"
)


class Finishing:
    """Finishes recoveries.

    Args:
        context: the services of the room.
        proving, holds, ending, notices, completing: its parts.
    """

    def __init__(
        self,
        context: Context,
        proving: Proving,
        holds: Holds,
        ending: Ending,
        notices: Notices,
        completing: Completing,
    ) -> None:
        self._context = context
        self.proving = proving
        self.holds = holds
        self.ending = ending
        self.notices = notices
        self.completing = completing

    async def advance(self, origin: Origin) -> None:
        """Both proofs may be in this browser: where a recovery must wait, and no factor is asked
        first, its hold begins now. Whoever waits chooses the password at the end of it."""
        context = self._context
        async with context.database.read() as tx:
            progress, _ = await self.proving.state(tx, origin.browser)
        if progress.word == "both" and progress.hold is None and not progress.factor:
            await context.database.retrying(lambda tx: self._judged(tx, origin, None))

    async def progress(self, origin: Origin) -> Progress:
        """How far this browser has come, and what lies ahead of it."""
        async with self._context.database.read() as tx:
            progress, given = await self.proving.state(tx, origin.browser)
            if not given:
                ended = await self.proving.ended(tx, origin.browser)
                return msgspec.structs.replace(progress, ended=ended)
            if progress.word != "both":
                return progress
            ours = not progress.application
            if ours and not await accounts.has_password(tx, str(progress.account)):
                return msgspec.structs.replace(progress, passkeys_only=True)
            row = await tx.one(select(_r).where(_r.c.id == progress.recovery))
            if row is None or not progress.factor or progress.hold is not None:
                return progress
            hold, _ = await self.holds.judge(tx, row, [*given], origin, factor=True)
            bound = await self._context.accounts.factors.bound(tx, str(progress.account))
            return msgspec.structs.replace(
                progress,
                ahead=bool(hold),
                kinds=tuple(sorted({one.kind.value for one in bound if one.held_by is None})),
                may_lose=self._context.settings.contact_points_alone,
            )

    async def ask(self, origin: Origin) -> str:
        """What the page asks the passkeys of an account of which both proofs were given, as JSON.

        Raises:
            Conflict: they were not, or no factor is asked for.
        """
        progress = await self.progress(origin)
        if progress.word != "both" or not progress.factor:
            raise Conflict(_GONE)
        factors = self._context.accounts.factors
        source = Source(origin.browser, origin.network)
        return await factors.ask(str(progress.account), source, settled=True)

    async def lose(self, origin: Origin) -> None:
        """Whoever gave both proofs says that the second factor is lost. Where the house allows it,
        a long hold takes its place: below what SP 800-63B-4 section 4.2.2.2 and ASVS 6.4.4 ask for,
        and the owner is told so, since whoever reads the mailbox can say the same.

        Raises:
            Conflict: the house does not allow it, or there is nothing to lose; else the hold began.
        """
        progress = await self.progress(origin)
        if not progress.may_lose:
            raise Conflict("this is not possible here; use a saved code, or ask support")
        error = await self._context.database.retrying(
            lambda tx: self._judged(tx, origin, None, lost=True)
        )
        if isinstance(error, MailkeepError):
            raise error

    async def finish(self, password: str, typed: Typed | None, origin: Origin) -> Handed | None:
        """Write a new password for the recovery of which this browser gave both proofs; where an
        application keeps the account, return what takes the browser back to it.

        Args:
            typed: the answer to the question for a second factor, where it is asked.

        Raises:
            Conflict: not both proofs, or they no longer count, or it is held.
            NotSignedIn: the second factor is missing, wrong or used.
            TooMany: too many wrong second factors of late.
            Invalid: the password cannot be used.
        """
        context = self._context
        progress = await self.progress(origin)
        if progress.word == "held":
            raise Conflict(_HELD)
        if progress.word != "both":
            raise Conflict("give the link and the code of the two mails first")
        account = str(progress.account)
        kept = "" if progress.application and not progress.ahead else None
        if not progress.ahead and not progress.application:
            async with context.database.read() as tx:
                points = await accounts.contact_points(tx, account)
            kept = await context.accounts.passwords.make(
                password,
                has_factor=progress.bound,
                about=[one.address for one in points],
                of=origin.network,
                proved=True,
            )
        weighed = None
        if typed is not None and progress.factor:
            weighed = await context.accounts.factors.weigh(account, typed, _LANE)
        done = await context.database.retrying(
            lambda tx: self._judged(tx, origin, weighed, kept=kept)
        )
        if done is None and kept is None:
            done = Conflict("nothing needs to be waited for any more; go on once again")
        if isinstance(done, MailkeepError):
            raise done
        return done

    async def _judged(
        self,
        tx: Tx,
        origin: Origin,
        weighed: Weighed | None,
        *,
        kept: str | None = None,
        lost: bool = False,
    ) -> MailkeepError | Handed | None:
        """One act: judge the proofs, prove the factor, hold or write. Returns what went wrong, so
        that what was recorded about it is committed; or what takes the browser back.

        Args:
            kept: the hash of the new password, "" for an application's user; without it nothing is
                written.
            lost: the factor is said to be lost: a hold takes its place, or nothing does.
        """
        browser = origin.browser
        progress, given = await self.proving.state(tx, browser)
        if not progress.both or progress.recovery is None:
            return Conflict(_GONE)
        recovery, account = progress.recovery, str(given[0]["account_id"])
        # Held to the end, in the order account, recovery, proofs, sessions that everything here
        # keeps: a cut or a denial that comes at this moment waits, or is seen by the second look.
        view = await accounts.account(tx, account, lock=True)
        row = await tx.one(select(_r).where(_r.c.id == recovery).with_for_update())
        progress, given = await self.proving.state(tx, browser)
        if row is None or not progress.both or progress.recovery != recovery:
            return Conflict(_GONE)
        if not self._context.accounts.classes.holding(view).recovers_by_mail:
            # It was given that class since this was asked for, as who is made an operator.
            await self.ending.end(tx, recovery, GiveUpReason.CLASS)
            return Conflict(_GONE)
        if await accounts.password_set_at(tx, account) > row["asked_at"]:
            await self.ending.end(tx, recovery, GiveUpReason.PASSWORD_CHANGED)
            return Conflict("the password was changed since this was asked for; ask again")
        point = await accounts.for_recovery(tx, row["address_key"], row["application"])
        if point is None or point.account != account:
            await self.ending.end(tx, recovery, GiveUpReason.ADDRESS_CHANGED)
            return Conflict("the address was changed since this was asked for; ask again")
        refusal = await self._sound(tx, row, given)
        if refusal is not None:
            return refusal
        if progress.word == "held":
            return Conflict(_HELD)
        if not row["application"] and not await accounts.has_password(tx, account):
            return Conflict(_PASSKEYS)
        if progress.factor and not lost:
            wrong = await self._factor(tx, row, account, weighed)
            if wrong is not None:
                return wrong
        proved = progress.bound and not lost
        hold, found = await self.holds.judge(
            tx, row, [*given], origin, factor=proved, lost=lost and progress.factor
        )
        if hold and progress.hold is None:
            await self.holds.begin(tx, row, origin, hold, found, factor=proved)
            return Conflict(_HELD)
        if kept is not None:
            return await self._write(tx, row, given, progress, origin, kept, found.score)
        return None

    async def _write(
        self,
        tx: Tx,
        row: RowMapping,
        given: list[RowMapping],
        progress: Progress,
        origin: Origin,
        kept: str,
        risk: float,
    ) -> Handed | None:
        context, recovery, account = self._context, str(row["id"]), str(row["account_id"])
        denied = await tx.value(
            select(func.max(_r.c.denied_at)).where(_r.c.account_id == account, _r.c.why == FREEZE)
        )
        if denied is None or row["asked_at"] > denied:
            # Two fresh proofs: what a thief had when it was denied does not count among them. What
            # was under way when the account was secured has ended.
            for why in sorted(ENDED_BY_PROOFS):
                await context.accounts.thaw(tx, account, why)
        handed = await self.completing.complete(
            tx, row, given, kept, browser=origin.browser, factor=progress.bound
        )
        await context.accounts.sessions.end_all(tx, account, accounts.RECOVERED)
        # A thief of a session began them, or the owner can again; unseen they would settle.
        await context.accounts.changes.stop(tx, account, RECOVERY)
        if progress.hold is not None and progress.hold.lost:
            await context.accounts.factors.revoke_all(tx, account, "lost")
        # Who has shown all this is known from now on, and is not kept out by others' guesses.
        await context.accounts.welcome(tx, account, origin)
        await tx.run(
            update(_r)
            .where(_r.c.id == recovery)
            .values(state=State.COMPLETED.value, ended_at=tx.now, due_at=None)
        )
        others = await tx.all(
            select(_r.c.id).where(_r.c.account_id == account, _r.c.state.in_(LIVE))
        )
        for other in others:
            await context.void(tx, other["id"], GiveUpReason.COMPLETED_ANOTHER)
        fact = RecoveryCompleted(
            recovery=recovery,
            account=account,
            factor=progress.bound,
            browser=origin.browser,
            risk=round(risk, 2),
            held=progress.hold is not None,
            degraded=bool(row["degraded"]),
        )
        await record(context.database, tx, fact)
        await self.completing.tell(tx, row)
        return handed

    async def _sound(self, tx: Tx, row: RowMapping, given: list[RowMapping]) -> Conflict | None:
        """Whether no party can read both proofs, over every provider that either was attempted
        through; where both went over one route by permission, whether nothing speaks against it."""
        one, other = [await self._context.attempted(tx, proof) for proof in given]
        if self._context.independent(one, other):
            return None
        if not row["degraded"]:
            await self.ending.end(tx, row["id"], GiveUpReason.DEPENDENT_PROOFS)
            return Conflict("the two mails went through hands that are not independent; ask again")
        if await held_against(tx, {*one, *other, ""}):
            await self.ending.end(tx, row["id"], GiveUpReason.SUSPECT_ROUTE)
            return Conflict("the route of the two mails is in doubt; ask again later")
        return None

    async def _factor(
        self, tx: Tx, row: RowMapping, account: str, weighed: Weighed | None
    ) -> NotSignedIn | TooMany | None:
        context = self._context
        if weighed is not None:
            proof = await context.accounts.factors.prove(tx, account, weighed, _LANE, settled=True)
            if proof.proved:
                return None
            if not proof.heard:  # nothing was looked at, so nothing counts as wrong
                return TooMany("too many wrong codes; wait a while", retry_after=throttle.WAIT)
        tries = row["factor_tries"] + 1
        await tx.run(
            update(_r)
            .where(_r.c.id == row["id"])
            .values(factor_tries=tries, stopped_at=row["stopped_at"] or tx.now)
        )
        if row["stopped_at"] is None:
            await record(context.database, tx, StoppedByFactor(recovery=row["id"], account=account))
        if tries >= self._context.settings.factor_tries:
            await self.ending.end(tx, row["id"], GiveUpReason.TRIES_USED_UP)
        elif tries == TOLD_AT:
            await self.notices.tell(tx, account, row["id"], mails.stopped)
        return NotSignedIn("the code of your second factor is missing, wrong or used")
