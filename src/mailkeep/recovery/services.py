"""Ask, prove, finish, deny: how an owner takes an account back.

Attacks met here: a reader of one provider (two proofs over parties that the trust graph shows to be
independent, judged again when they are used), a reader of the owner's mailbox (the second factor
comes before the password is written), a thief with a session (every session ends), and whoever
would turn denials on an owner (each takes power away once, for a bounded time).
"""

import asyncio
from collections.abc import Set

from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle, totp
from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Conflict, MailkeepError, NotSignedIn, TooMany
from mailkeep.base.ids import new_id
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail.events import AttemptFinished, ProviderRested
from mailkeep.store.database import Tx

from . import mails, policy, tables
from .change_notices import ChangeNotices
from .completing import Completing
from .context import REFUSED, Context
from .events import ProofVoided, RecoveryCompleted, RecoveryDenied, StoppedByFactor
from .notices import Notices
from .planning import Planner
from .proving import Proving
from .types import Handed, State
from .verdicts import Verdicts

_r, _p, _d = tables.recoveries, tables.proofs, tables.denials

DENIAL_LIFE = 7 * DAY  #: after which a notice stops nothing any more
SWEEP = 200  #: expired recoveries that one sweep ends
TOLD_AT = 3  #: wrong second factors after which the owner is told; one or two are mistyped


class Recovery:
    """What may be done with recoveries.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = context.settings
        self.subjects = context.subjects
        self.awake = asyncio.Event()  #: set when the planner has something to look at
        self.planner = Planner(context)
        self.proving = Proving(context)
        self.notices = Notices(context)
        self.verdicts = Verdicts(context)
        self.completing = Completing(context, self.notices, self.verdicts)
        self.change_notices = ChangeNotices(context, self.notices)

    def possible(self) -> bool:
        """Whether the settings have two independent routes at all, be they standing or not."""
        context = self._context
        names = [route.provider for route in context.routes]
        return policy.plan(context.routes, names, context.independent, 0.0) is not None

    async def ask(self, address: str, *, browser: str, network: str, application: str = "") -> None:
        """Somebody asks for a reset. The work and the reply are the same for every address.

        Args:
            application: whose user is meant; "": the owner of an account of ours.

        Raises:
            Invalid: it is no address; that tells nothing about accounts.
        """
        context, settings = self._context, self.settings
        key = context.accounts.address_key(addresses.parse(address))
        window = round(settings.window * SECOND)
        async with context.database.write() as tx:
            # Over the limit the reply is the same, and the row is not looked at.
            heard = await throttle.take(tx, network, "recover", limit=settings.asks, window=window)
            await tx.run(
                insert(_r).values(
                    id=new_id("rec", tx.now),
                    state=(State.ASKED if heard else State.NOTHING).value,
                    address_key=key,
                    asked_by=browser,
                    network=network,
                    known_browser=False,
                    asked_at=tx.now,
                    expires_at=tx.now + round(settings.link_life * SECOND),
                    due_at=tx.now if heard else None,
                    factor_tries=0,
                    why=None if heard else "network_limit",
                    application=application,
                )
            )
        self.awake.set()

    async def finish(self, password: str, factor: str | None, *, browser: str) -> Handed | None:
        """Write a new password for the recovery of which this browser gave both proofs; where an
        application keeps the account, return what takes the browser back to it.

        Raises:
            Conflict: not both proofs, or they no longer count.
            NotSignedIn: the second factor is missing, wrong or used.
            TooMany: too many wrong second factors of late.
            Invalid: the password cannot be used.
        """
        context = self._context
        async with context.database.read() as tx:
            progress, given = await self.proving.state(tx, browser)
            about = [
                point.address
                for row in given[:1]
                for point in await accounts.contact_points(tx, row["account_id"])
            ]
        if progress.word != "both":
            raise Conflict("give the link and the code of the two mails first")
        kept = ""
        if not progress.application:
            kept = await context.accounts.passwords.make(
                password, has_factor=progress.factor, about=about
            )
        done = await context.database.retrying(lambda tx: self._finish(tx, browser, kept, factor))
        if isinstance(done, MailkeepError):
            raise done
        return done

    async def _finish(
        self, tx: Tx, browser: str, kept: str, factor: str | None
    ) -> MailkeepError | Handed | None:
        """One act: judge the proofs, prove the factor, then write. Returns what went wrong, so
        that what was recorded about it is committed."""
        context = self._context
        progress, given = await self.proving.state(tx, browser)
        if progress.word != "both" or progress.recovery is None:
            return Conflict("the proofs no longer count; ask again")
        recovery, account = progress.recovery, str(given[0]["account_id"])
        # Held to the end, in the order account, recovery, proofs, sessions that everything here
        # keeps: a cut or a denial that comes at this moment waits, or is seen by the second look.
        await accounts.account(tx, account, lock=True)
        row = await tx.one(select(_r).where(_r.c.id == recovery).with_for_update())
        progress, given = await self.proving.state(tx, browser)
        if row is None or progress.word != "both" or progress.recovery != recovery:
            return Conflict("the proofs no longer count; ask again")
        if await accounts.password_set_at(tx, account) > row["asked_at"]:
            await self._end(tx, recovery, "password_changed")
            return Conflict("the password was changed since this was asked for; ask again")
        point = await accounts.for_recovery(tx, row["address_key"], row["application"])
        if point is None or point.account != account:
            await self._end(tx, recovery, "address_changed")
            return Conflict("the address was changed since this was asked for; ask again")
        if not await self._independent(tx, given):
            await self._end(tx, recovery, "dependent_proofs")
            return Conflict("the two mails went through hands that are not independent; ask again")
        if await accounts.has_factor(tx, account):
            refusal = await self._factor(tx, row, account, factor)
            if refusal is not None:
                return refusal
        handed = await self.completing.complete(
            tx, row, given, kept, browser=browser, factor=progress.factor
        )
        await context.accounts.sessions.end_all(tx, account, "recovery")
        # Who has shown all this is known from now on, and is not kept out by others' guesses.
        await context.accounts.welcome(tx, account, browser, row["network"])
        await tx.run(
            update(_r)
            .where(_r.c.id == recovery)
            .values(state=State.COMPLETED.value, ended_at=tx.now, due_at=None)
        )
        others = await tx.all(
            select(_r.c.id).where(_r.c.account_id == account, _r.c.state == State.OPEN.value)
        )
        for other in others:
            await context.void(tx, other["id"], "completed_another")
        fact = RecoveryCompleted(recovery, account, progress.factor, browser)
        await record(context.database, tx, fact)
        await self.completing.tell(tx, row)
        return handed

    async def _independent(self, tx: Tx, given: list[RowMapping]) -> bool:
        """Whether no party can read both, over every provider that either was attempted through."""
        one, other = [await self._context.attempted(tx, row) for row in given]
        return self._context.independent(one, other)

    async def _factor(
        self, tx: Tx, row: RowMapping, account: str, code: str | None
    ) -> NotSignedIn | TooMany | None:
        context = self._context
        proved: bool | None = False
        if code is not None:
            proved = await totp.prove(
                tx, context.keys, account, code, context.accounts.settings, lane="totp recovery"
            )
        if proved:
            return None
        if proved is None:  # nothing was looked at, so nothing counts as wrong
            wait = context.accounts.settings.window / SECOND
            return TooMany("too many wrong codes; wait a while", retry_after=wait)
        tries = row["factor_tries"] + 1
        await tx.run(
            update(_r)
            .where(_r.c.id == row["id"])
            .values(factor_tries=tries, stopped_at=row["stopped_at"] or tx.now)
        )
        if row["stopped_at"] is None:
            await record(context.database, tx, StoppedByFactor(row["id"], account))
        if tries >= self.settings.factor_tries:
            await self._end(tx, row["id"], "tries_used_up")
        elif tries == TOLD_AT:
            await self.notices.tell(tx, account, row["id"], mails.stopped)
        return NotSignedIn("the code of your second factor is missing, wrong or used")

    async def _end(self, tx: Tx, recovery: str, why: str) -> None:
        """Void a recovery. Where a second factor stopped it and its owner was not told yet, they
        are now: whoever came so far had both mails."""
        if not await self._context.void(tx, recovery, why):
            return
        row = await tx.one(select(_r).where(_r.c.id == recovery))
        if row is None or row["stopped_at"] is None:
            return
        # The try that ends it was counted, and not told of.
        told = row["factor_tries"] - (why == "tries_used_up") >= TOLD_AT
        if not told:
            await self.notices.tell(tx, row["account_id"], recovery, mails.stopped_for_good)

    async def deny(self, secret: str) -> None:
        """Whoever holds one of our mails says: this was not me. It only ever takes power away.

        Before completion the recovery is void. After it the password that it wrote opens nothing
        any more, every session ends, and the account rests for ``freeze`` seconds. Denials over one
        provider stop so much in a day and no more: who reads there could otherwise stop every
        recovery of every owner. An unknown secret does nothing, and is told the same.
        """
        context = self._context
        hashed = context.denial_hash(secret)
        async with context.database.read() as tx:
            account = await tx.value(
                select(_r.c.account_id)
                .join(_d, _d.c.recovery_id == _r.c.id)
                .where(_d.c.hash == hashed, _d.c.used_at.is_(None))
            )
        if account is None:
            await context.subjects.stop(secret)
            return
        await context.database.retrying(lambda tx: self._deny(tx, account, hashed))

    async def _deny(self, tx: Tx, account: str, hashed: str) -> None:
        context = self._context
        await accounts.account(tx, account, lock=True)
        row = await tx.one(
            select(_r, _d.c.provider, _d.c.made_at, _d.c.used_at)
            .join(_d, _d.c.recovery_id == _r.c.id)
            .where(_d.c.hash == hashed)
            .with_for_update()
        )
        if row is None or row["used_at"] is not None or row["denied_at"] is not None:
            return
        await tx.run(update(_d).where(_d.c.hash == hashed).values(used_at=tx.now))
        completed = row["state"] == State.COMPLETED
        if not completed and row["state"] != State.OPEN:
            return  # there is nothing to stop, and a hoard of old mails is no evidence
        if tx.now - row["made_at"] > DENIAL_LIFE:
            return
        acted = await throttle.take(
            tx,
            account,
            f"deny {row['provider']}",
            limit=self.settings.denials,
            window=DAY,
        )
        await tx.run(update(_r).where(_r.c.id == row["id"]).values(denied_at=tx.now))
        # The denial goes first on the log: who hears of the void must know why.
        fact = RecoveryDenied(row["id"], account, completed, row["provider"], acted)
        await record(context.database, tx, fact)
        if acted and completed:
            await self._take_back(tx, account, row["ended_at"])
            await self.verdicts.revoke(tx, row["id"], "denied")
        elif acted:
            await self._end(tx, row["id"], "denied")

    async def _take_back(self, tx: Tx, account: str, written_at: Instant) -> None:
        """Undo what a denied recovery gave: its password, its sessions, its browser's standing."""
        rooms = self._context.accounts
        await rooms.passwords.disable(tx, account, written_at, written_at)
        await rooms.sessions.disown(tx, account, written_at)
        await rooms.sessions.end_all(tx, account, "denied")
        await rooms.freeze(tx, account, tx.now + round(self.settings.freeze * SECOND), "denied")

    async def on_rested(self, tx: Tx, recorded: Recorded) -> None:
        """A provider seems silent: what went through it may never arrive, and is minted anew."""
        if isinstance(recorded.fact, ProviderRested):
            await self.void_through(tx, {recorded.fact.provider}, "rerouted", shown=False)

    async def void_through(
        self, tx: Tx, providers: Set[str], why: str, *, shown: bool = True
    ) -> int:
        """Void every proof that went through ``providers`` of every recovery that is open; each is
        minted anew over a route that stands. Returns how many recoveries.

        Args:
            shown: also those that a browser has shown; without it they stand, since they arrived.
        """
        context = self._context
        of = select(_p.c.recovery_id).where(
            _p.c.provider.in_(sorted(providers)), _p.c.voided_at.is_(None)
        )
        # Recoveries before proofs, in the order that ``finish`` locks them.
        touched = await tx.all(
            select(_r.c.id)
            .where(_r.c.id.in_(of), _r.c.state == State.OPEN.value)
            .order_by(_r.c.id)
            .with_for_update()
        )
        ids = [row["id"] for row in touched]
        rows = await tx.all(
            select(_p, _r.c.account_id)
            .join(_r, _r.c.id == _p.c.recovery_id)
            .where(
                _r.c.id.in_(ids),
                _p.c.provider.in_(sorted(providers)),
                _p.c.voided_at.is_(None),
                *([] if shown else [_p.c.id.not_in(select(tables.redemptions.c.proof_id))]),
            )
            .order_by(_p.c.id)
        )
        for row in rows:
            await tx.run(update(_p).where(_p.c.id == row["id"]).values(voided_at=tx.now))
            await mail_services.cancel(context.database, tx, row["message_id"], why)
            fact = ProofVoided(
                row["recovery_id"], row["account_id"], row["kind"], row["provider"], why
            )
            await record(context.database, tx, fact)
        await tx.run(
            update(_r).where(_r.c.id.in_(ids), _r.c.expires_at > tx.now).values(due_at=tx.now)
        )
        tx.after_commit.append(self.awake.set)
        return len(ids)

    async def on_attempt(self, tx: Tx, recorded: Recorded) -> None:
        """A route refused a proof: have it minted anew over another one."""
        fact = recorded.fact
        if not isinstance(fact, AttemptFinished) or fact.stream != self.settings.stream:
            return
        if fact.outcome not in REFUSED:
            return
        of = select(_p.c.recovery_id).where(
            _p.c.message_id == fact.message, _p.c.voided_at.is_(None)
        )
        await tx.run(
            update(_r).where(_r.c.id.in_(of), _r.c.state == State.OPEN.value).values(due_at=tx.now)
        )
        tx.after_commit.append(self.awake.set)

    async def sweep(self, tx: Tx) -> int:
        """End recoveries whose time is over; returns how many."""
        rows = await tx.all(
            select(_r.c.id)
            .where(_r.c.state.in_([State.ASKED.value, State.OPEN.value]), _r.c.expires_at <= tx.now)
            .limit(SWEEP)
        )
        for row in rows:
            await self._end(tx, row["id"], "expired")
        return len(rows)
