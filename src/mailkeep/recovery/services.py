"""The service of recovery: ask, and commands for the rooms above. What was asked for is shown to
``proving``, completed by ``finishing`` and stopped by ``denying``.

Attacks met here: account enumeration (the same row and reply for every address), and a provider
that fell (its proofs are void, whoever showed them).
"""

import asyncio
from collections.abc import Set

from sqlalchemy import delete, insert, select, update

from mailkeep.accounts import queries as accounts
from mailkeep.base import addresses
from mailkeep.base.clock import SECOND
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail.events import AttemptFinished, ProviderRested
from mailkeep.mail.types import Content, GiveUpReason
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Tx

from . import decoys, limiting, policy, tables
from .change_notices import ChangeNotices
from .completing import Completing
from .context import REFUSED, Context
from .denying import Denying
from .ending import Ending
from .events import ProofVoided
from .finishing import Finishing
from .holds import Holds
from .notices import Notices
from .planning import Planner
from .proving import Proving
from .rehearsing import Rehearsing, Told
from .sign_in_notices import SignInNotices
from .turns import LIMITED
from .types import LIVE, UNDER_WAY, Nets, Reach, State, Turn, Way
from .verdicts import Verdicts

_r, _p = tables.recoveries, tables.proofs

SWEEP = 200  #: expired recoveries that one sweep ends


class Recovery:
    """What may be done with recoveries.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.settings = context.settings
        self.subjects = context.subjects
        self.answers = context.answers
        self.awake = asyncio.Event()  #: set when the planner has something to look at
        self.planner = Planner(context)
        self.notices = Notices(context)
        self.ending = Ending(context, self.notices)
        self.holds = Holds(context, self.notices)
        self.rehearsing = Rehearsing(context, self.planner, self.holds)
        self.proving = Proving(context, self.holds)
        self.verdicts = Verdicts(context)
        completing = Completing(context, self.notices, self.verdicts)
        self.finishing = Finishing(
            context=context,
            proving=self.proving,
            holds=self.holds,
            ending=self.ending,
            notices=self.notices,
            completing=completing,
        )
        self.denying = Denying(context, self.ending, self.holds, self.verdicts)
        self.change_notices = ChangeNotices(context, self.notices)
        self.sign_in_notices = SignInNotices(context, self.notices)

    @property
    def carriers(self) -> tuple[str, ...]:
        """Providers whose mail a reader could find proofs in."""
        return tuple(route.provider for route in self._context.routes)

    async def decoy(self, tx: Tx, provider: str, to: str) -> tuple[Content, str]:
        """A link mail of no recovery, that ``provider`` alone is to carry, and its secret."""
        return await decoys.plant(self._context, tx, provider, to)

    def possible(self) -> bool:
        """Whether the settings have two independent routes at all, be they standing or not."""
        context = self._context
        names = [route.provider for route in context.routes]
        return policy.plan(context.routes, names, context.independent, 0.0) is not None

    @property
    def reach(self) -> Reach:
        """Who of the users of applications is recovered here."""
        return self._context.reach

    async def step(self) -> int:
        """Real requests first, then what is rehearsed; returns how many were settled."""
        return await self.planner.step() + await self.rehearsing.step()

    async def whither(self, tx: Tx, application: str, told: Told) -> Way:
        """See ``Rehearsing.ask``."""
        tx.after_commit.append(self.awake.set)
        return await self.rehearsing.ask(tx, application, told)

    async def ask(
        self,
        address: str,
        *,
        browser: str,
        network: str,
        nets: Nets | None = None,
        application: str = "",
    ) -> bool:
        """Somebody asks for a reset. The work and the reply are the same for every address. Returns
        whether so many were asked for from there that a stranger is not looked at: that depends on
        no account, and on no browser.

        Args:
            nets: what ``network`` lies in, where that is known.
            application: whose user is meant; "": the owner of an account of ours.

        Raises:
            Invalid: it is no address; that tells nothing about accounts.
        """
        key = self._context.accounts.address_key(addresses.parse(address))
        around = nets or Nets.of(network)
        async with self._context.database.write() as tx:
            _, heard = await self._ask(tx, key, browser, around, application)
        self.awake.set()
        return heard.crowded

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
            nets = Nets.of(context.keys.pseudonym("network", by))
            recovery, _ = await self._ask(tx, key, browser, nets)
            await audit.write(tx, by, "start_recovery", {"recovery": recovery})
        self.awake.set()
        return recovery

    async def _ask(
        self, tx: Tx, key: str, browser: str, nets: Nets, application: str = ""
    ) -> tuple[str, limiting.Heard]:
        heard = await limiting.heard(tx, self.settings, key, browser, nets)
        recovery = new_id("rec", tx.now)
        # Whose it is is looked up after the reply, and so whether the account knows who asks.
        await tx.run(
            insert(_r).values(
                id=recovery,
                state=(State.ASKED if heard.waits else State.NOTHING).value,
                address_key=key,
                asked_by=browser,
                known_browser=False,
                asked_at=tx.now,
                expires_at=tx.now + round(self.settings.link_life * SECOND),
                due_at=tx.now if heard.waits else None,
                factor_tries=0,
                why=None if heard.waits else LIMITED,
                application=application,
                turn=Turn.FRESH.value,
                crowded=heard.crowded,
                region=nets.region,
                area=nets.area,
                network=nets.network,
                host=nets.host if heard.waits else "",
            )
        )
        return recovery, heard

    async def agree(self, secret: str) -> None:
        """The owner says out of one of two mails that they asked for a change of how an application
        has them recovered; see ``SubjectAnswers.agree``."""
        await self.answers.agree(secret, self._context.independent)

    async def suspect(self, tx: Tx, held: Set[tuple[str, str]]) -> None:
        """Write down which routes are under suspicion now; an earlier suspicion that is not among
        them is over.

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
            why = GiveUpReason.REROUTED
            await self.void_through(tx, {recorded.fact.provider}, why, shown=False)

    async def void_through(
        self, tx: Tx, providers: Set[str], why: GiveUpReason, *, shown: bool = True
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
                recovery=row["recovery_id"],
                account=row["account_id"],
                proof=row["kind"],
                provider=row["provider"],
                why=why,
            )
            await record(context.database, tx, fact)
        await tx.run(
            update(_r).where(_r.c.id.in_(ids), _r.c.expires_at > tx.now).values(due_at=tx.now)
        )
        tx.after_commit.append(self.awake.set)
        return len(ids)

    async def end_of(self, tx: Tx, account: str, why: GiveUpReason) -> int:
        """End the recoveries of an account that are under way, whoever began them: its owner asks
        anew. Returns how many."""
        await accounts.account(tx, account, lock=True)
        mine = (_r.c.account_id == account, _r.c.state.in_(UNDER_WAY))
        rows = await tx.all(select(_r.c.id).where(*mine).order_by(_r.c.id))
        for row in rows:
            await self.ending.end(tx, row["id"], why)
        return len(rows)

    def hears(self, fact: Fact) -> bool:
        """Whether an attempt can be about a proof or a notice: most are other mail's."""
        ours = (self.settings.stream, self.settings.notices)
        return isinstance(fact, AttemptFinished) and not fact.told and fact.stream in ours

    async def on_attempt(self, tx: Tx, recorded: Recorded) -> None:
        """A route refused a proof: have it minted anew over another one. A route took a notice:
        the clock of its hold may start."""
        fact = recorded.fact
        if not isinstance(fact, AttemptFinished):
            return
        if fact.stream == self.settings.notices and fact.outcome == OutcomeKind.ACCEPTED:
            await self.holds.on_accepted(tx, fact.message)
            await self.change_notices.on_accepted(tx, fact.message)
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
            why = GiveUpReason.NOTICES_UNPROVEN if unproven else GiveUpReason.EXPIRED
            await self.ending.end(tx, row["id"], why)
        await self.holds.sweep(tx)
        await self.change_notices.sweep(tx)
        return len(rows)
