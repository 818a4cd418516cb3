"""Ask, prove, finish, deny: how an owner takes an account back.

Attacks met here: a reader of one provider (two proofs over parties that the trust graph shows to be
independent, judged again when they are used), a reader of the owner's mailbox (the second factor
comes before the password is written; without one, time to say no), and a thief with a session
(every session ends).
"""

import asyncio
from collections.abc import Set

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle, totp
from mailkeep.accounts.types import Origin
from mailkeep.base import addresses
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict, MailkeepError, NotSignedIn, TooMany
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.types import Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail.events import AttemptFinished, ProviderRested
from mailkeep.store.database import Tx

from . import mails, policy, tables
from .context import REFUSED, Context
from .denying import FREEZE, Denying
from .ending import TOLD_AT, Ending
from .events import ProofVoided, RecoveryCompleted, StoppedByFactor
from .holds import Holds, held_against
from .notices import Notices
from .planning import Planner
from .proving import Proving
from .types import LIVE, UNDER_WAY, Progress, State

_r, _p = tables.recoveries, tables.proofs

SWEEP = 200  #: expired recoveries that one sweep ends
_HELD = "this waits until its time is over; what to do is said below"
_GONE = "the proofs no longer count; ask again"


class Recovery:
    """What may be done with recoveries.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = context.settings
        self.awake = asyncio.Event()  #: set when the planner has something to look at
        self.planner = Planner(context)
        self.notices = Notices(context)
        self.ending = Ending(context, self.notices)
        self.holds = Holds(context, self.notices)
        self.proving = Proving(context, self.holds)
        self._denying = Denying(context, self.ending, self.holds)

    def possible(self) -> bool:
        """Whether the settings have two independent routes at all, be they standing or not."""
        context = self._context
        names = [route.provider for route in context.routes]
        return policy.plan(context.routes, names, context.independent, 0.0) is not None

    async def ask(self, address: str, *, browser: str, network: str) -> None:
        """Somebody asks for a reset. The work and the reply are the same for every address.

        Raises:
            Invalid: it is no address; that tells nothing about accounts.
        """
        key = self._context.accounts.address_key(addresses.parse(address))
        async with self._context.database.write() as tx:
            await self._ask(tx, key, browser, network)
        self.awake.set()

    async def start_for(self, address: str, *, by: str) -> str:
        """Staff start a recovery for an owner; returns its id, whoever has that address. They see
        and choose nothing of it: the mails go to the owner (ASVS 6.4.6).

        Args:
            by: the id of their key; what one key starts is limited like what one network asks for.

        Raises:
            Invalid: it is no address.
        """
        context = self._context
        key = context.accounts.address_key(addresses.parse(address, field="address"))
        async with context.database.write() as tx:
            browser = context.keys.pseudonym("browser", f"key {by}")
            recovery = await self._ask(tx, key, browser, context.keys.pseudonym("network", by))
            await audit.write(tx, by, "start_recovery", {"recovery": recovery, "address": key})
        self.awake.set()
        return recovery

    async def _ask(self, tx: Tx, key: str, browser: str, network: str) -> str:
        settings = self.settings
        window = round(settings.window * SECOND)
        # Over the limit the reply is the same, and the row is not looked at.
        heard = await throttle.take(tx, network, "recover", limit=settings.asks, window=window)
        recovery = new_id("rec", tx.now)
        await tx.run(
            insert(_r).values(
                id=recovery,
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
            )
        )
        return recovery

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
            if not progress.factor or progress.hold is not None:
                return progress
            row = await tx.one(select(_r).where(_r.c.id == progress.recovery))
            if row is None:
                return progress
            hold, _ = await self.holds.judge(tx, row, [*given], origin, factor=True)
            return msgspec.structs.replace(progress, ahead=bool(hold))

    async def finish(self, password: str, factor: str | None, *, origin: Origin) -> None:
        """Write a new password for the recovery of which this browser gave both proofs.

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
        kept = None
        if not progress.ahead:
            async with context.database.read() as tx:
                _, given = await self.proving.state(tx, origin.browser)
                about = [
                    point.address
                    for row in given[:1]
                    for point in await accounts.contact_points(tx, row["account_id"])
                ]
            kept = await context.accounts.passwords.make(
                password, has_factor=progress.bound, about=about
            )
        error = await context.database.retrying(
            lambda tx: self._judged(tx, origin, factor, kept=kept)
        )
        if error is None and kept is None:
            error = Conflict("nothing needs to be waited for any more; go on once again")
        if error is not None:
            raise error

    async def _judged(
        self, tx: Tx, origin: Origin, factor: str | None, *, kept: str | None = None
    ) -> MailkeepError | None:
        """One act: judge the proofs, prove the factor, hold or write. Returns what went wrong, so
        that what was recorded about it is committed.

        Args:
            kept: the hash of the new password; without it nothing is written.
        """
        browser = origin.browser
        progress, given = await self.proving.state(tx, browser)
        if not progress.both or progress.recovery is None:
            return Conflict(_GONE)
        recovery, account = progress.recovery, str(given[0]["account_id"])
        # Held to the end, in the order account, recovery, proofs, sessions that everything here
        # keeps: a cut or a denial that comes at this moment waits, or is seen by the second look.
        await accounts.account(tx, account, lock=True)
        row = await tx.one(select(_r).where(_r.c.id == recovery).with_for_update())
        progress, given = await self.proving.state(tx, browser)
        if row is None or not progress.both or progress.recovery != recovery:
            return Conflict(_GONE)
        if await accounts.password_set_at(tx, account) > row["asked_at"]:
            await self.ending.end(tx, recovery, "password_changed")
            return Conflict("the password was changed since this was asked for; ask again")
        refusal = await self._sound(tx, row, given)
        if refusal is not None:
            return refusal
        if progress.word == "held":
            return Conflict(_HELD)
        if progress.factor:
            wrong = await self._factor(tx, row, account, factor)
            if wrong is not None:
                return wrong
        hold, found = await self.holds.judge(tx, row, [*given], origin, factor=progress.bound)
        if hold and progress.hold is None:
            await self.holds.begin(tx, row, origin, hold, found, factor=progress.bound)
            return Conflict(_HELD)
        if kept is not None:
            await self._write(tx, row, progress, origin, kept, found.score)
        return None

    async def _write(
        self, tx: Tx, row: RowMapping, progress: Progress, origin: Origin, kept: str, risk: float
    ) -> None:
        context, recovery, account = self._context, str(row["id"]), str(row["account_id"])
        denied = await tx.value(
            select(func.max(_r.c.denied_at)).where(_r.c.account_id == account, _r.c.why == FREEZE)
        )
        await context.accounts.passwords.write(tx, account, kept, by="recovery")
        await context.accounts.sessions.end_all(tx, account, "recovery")
        if denied is not None and row["asked_at"] > denied:
            # Two fresh proofs: what a thief had when it was denied does not count among them.
            await context.accounts.thaw(tx, account, FREEZE)
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
            await context.void(tx, other["id"], "completed_another")
        fact = RecoveryCompleted(
            *(recovery, account, progress.bound, origin.browser),
            risk=round(risk, 2),
            held=progress.hold is not None,
            degraded=bool(row["degraded"]),
        )
        await record(context.database, tx, fact)
        await self.notices.tell(tx, account, recovery, mails.completed)

    async def _sound(self, tx: Tx, row: RowMapping, given: list[RowMapping]) -> Conflict | None:
        """Whether no party can read both proofs, over every provider that either was attempted
        through; where both went over one route by permission, whether nothing speaks against it."""
        one, other = [await self._context.attempted(tx, proof) for proof in given]
        if self._context.independent(one, other):
            return None
        if not row["degraded"]:
            await self.ending.end(tx, row["id"], "dependent_proofs")
            return Conflict("the two mails went through hands that are not independent; ask again")
        if await held_against(tx, {*one, *other, ""}):
            await self.ending.end(tx, row["id"], "suspect_route")
            return Conflict("the route of the two mails is in doubt; ask again later")
        return None

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
            await self.ending.end(tx, row["id"], "tries_used_up")
        elif tries == TOLD_AT:
            await self.notices.tell(tx, account, row["id"], mails.stopped)
        return NotSignedIn("the code of your second factor is missing, wrong or used")

    async def deny(self, secret: str, browser: str = "") -> None:
        """See ``Denying.deny``."""
        await self._denying.deny(secret, browser)

    async def suspect(self, tx: Tx, held: Set[tuple[str, str]]) -> None:
        """Take down what is held against which routes; what is no longer among it is held no more.

        Args:
            held: (provider, hypothesis); the provider "" for a campaign, which is about no route.
        """
        s = tables.suspicions
        kept = await tx.all(select(s.c.provider, s.c.hypothesis))
        before = {(row["provider"], row["hypothesis"]) for row in kept}
        for provider, hypothesis in sorted(before - held):
            await tx.run(delete(s).where(s.c.provider == provider, s.c.hypothesis == hypothesis))
        for provider, hypothesis in sorted(held - before):
            await tx.run(
                tx.upsert(s)
                .values(provider=provider, hypothesis=hypothesis, since=tx.now)
                .on_conflict_do_nothing()
            )

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
            .where(_r.c.id.in_(of), _r.c.state.in_(LIVE))
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
        """A route refused a proof: have it minted anew over another one. A route took a notice:
        the clock of its hold may start."""
        fact = recorded.fact
        if not isinstance(fact, AttemptFinished):
            return
        if fact.stream == self.settings.notices and fact.outcome == "accepted":
            await self.holds.on_accepted(tx, fact.message)
        if fact.stream != self.settings.stream:
            return
        if fact.outcome not in REFUSED:
            return
        of = select(_p.c.recovery_id).where(
            _p.c.message_id == fact.message, _p.c.voided_at.is_(None)
        )
        await tx.run(update(_r).where(_r.c.id.in_(of), _r.c.state.in_(LIVE)).values(due_at=tx.now))
        tx.after_commit.append(self.awake.set)

    async def sweep(self, tx: Tx) -> int:
        """End recoveries whose time is over; returns how many."""
        rows = await tx.all(
            select(_r.c.id).where(_r.c.state.in_(UNDER_WAY), _r.c.expires_at <= tx.now).limit(SWEEP)
        )
        for row in rows:
            unproven = await self.holds.unproven(tx, row["id"])
            await self.ending.end(tx, row["id"], "notices_unproven" if unproven else "expired")
        await self.holds.sweep(tx)
        return len(rows)
