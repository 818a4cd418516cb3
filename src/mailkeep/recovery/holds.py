"""Runs holds: judged when both proofs are back, announced at once, over after their time.

The clock of a hold starts when its notices have left over two routes that no party can read both
of: otherwise whoever holds mail back, or has a provider suspend the account, could let it run out
in silence.

Attacks met here: a thief who holds both proofs (their owner reads of it on every route and says
no), also behind an owner who already waits for the same recovery (each hold is announced), and a
framed route or history (a hold has an end, and a second factor avoids it).
"""

from itertools import permutations

from sqlalchemy import and_, delete, func, insert, select, update

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.types import Origin, SignIn
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.log import record
from mailkeep.mail import queries as mail_queries
from mailkeep.mail.types import Content
from mailkeep.store.database import Tx

from . import holding, mails, orders, risk, tables
from .context import Context, Row
from .events import HoldBegun, HoldLengthened, RecoveryHeld
from .holding import Hold, Reason
from .notices import Notices
from .types import HoldView, State

REMEMBERED = 7 * DAY  #: for so long a denial speaks against the recoveries that follow
TOLD = 3  #: browsers that wait for one recovery whose holds are each told of
BATCH = 100  #: waiting holds that one sweep looks at

_r, _h, _n, _s = tables.recoveries, tables.holds, tables.hold_notices, tables.suspicions


class Holds:
    """Judges, begins and ends holds.

    Args:
        context: the services of the room.
        notices: tell owners.
    """

    def __init__(self, context: Context, notices: Notices) -> None:
        self._context = context
        self._notices = notices

    async def judge(
        self,
        tx: Tx,
        row: Row,
        given: list[Row],
        origin: Origin,
        *,
        factor: bool,
        lost: bool = False,
    ) -> tuple[Hold, risk.Risk]:
        """Whether a recovery must wait, and how badly it fits the account's history.

        Args:
            row: the recovery.
            given: its two proofs.
            origin: of whoever showed them.
            factor: a bound factor is proved.
            lost: one is said to be lost.
        """
        routes = {name for one in given for name in await self._context.attempted(tx, one)}
        return await self.weigh(
            *(tx, str(row["account_id"]), routes, origin),
            degraded=bool(row["degraded"]),
            factor=factor,
            lost=lost,
        )

    async def weigh(
        self,
        tx: Tx,
        account: str,
        routes: set[str],
        origin: Origin,
        *,
        degraded: bool,
        factor: bool,
        lost: bool = False,
    ) -> tuple[Hold, risk.Risk]:
        """The same of an account whose two proofs go, or would have gone, through ``routes``. It
        reads, and changes nothing.

        Args:
            degraded: both went over one route.
        """
        context = self._context
        settings = context.settings
        history = await accounts.sign_ins(tx, account, tx.now - risk.MEMORY)
        visit = SignIn(tx.now, origin.browser, origin.network, origin.agent, origin.place)
        found = risk.judge(history, visit)
        view = await accounts.account(tx, account)
        denied = await tx.value(
            select(_r.c.id)
            .where(_r.c.account_id == account, _r.c.denied_at > tx.now - REMEMBERED)
            .limit(1)
        )
        case = holding.Case(
            class_hold=context.accounts.classes.holding(view).recovery_hold,
            factor=factor,
            known_device=await accounts.knows_browser(tx, account, origin.browser),
            # An application's user signs in there: what little we have seen of them is no history.
            raised=found.raised and not view.application,
            hypotheses=await held_against(tx, routes),
            denied=denied is not None,
            degraded=degraded,
            lost=lost,
            new_factor=await accounts.has_factor(tx, account)
            and not await accounts.has_factor(tx, account, settled=True),
            ordered=await orders.ordered(tx, routes, account),
        )
        return holding.decide(case, settings), found

    async def begin(
        self, tx: Tx, row: Row, origin: Origin, hold: Hold, found: risk.Risk, *, factor: bool
    ) -> None:
        """Hold a recovery for one browser, and tell its owner. The caller holds its row."""
        context, recovery, account = self._context, row["id"], row["account_id"]
        await tx.run(
            tx.upsert(_h)
            .values(
                recovery_id=recovery,
                browser=origin.browser,
                length=hold.length,
                reasons=",".join(hold.reasons),
                factor=factor,
                lost=Reason.LOST in hold.reasons,
                held_at=tx.now,
            )
            .on_conflict_do_nothing()
        )
        most = tx.now + round(context.settings.hold_most * SECOND)
        await tx.run(
            update(_r)
            .where(_r.c.id == recovery)
            .values(state=State.HELD.value, expires_at=max(most, row["expires_at"]))
        )
        fact = RecoveryHeld(
            recovery=recovery,
            account=account,
            browser=origin.browser,
            seconds=hold.length / SECOND,
            reasons=tuple(one.value for one in hold.reasons),
            risk=round(found.score, 2),
        )
        await record(context.database, tx, fact)
        holds = await tx.value(select(func.count()).where(_h.c.recovery_id == recovery)) or 0
        if 1 < holds <= TOLD:
            # An owner who waits takes the first notice for their own: this one is told of anew, and
            # its clock starts with the new notices.
            await tx.run(delete(_n).where(_n.c.recovery_id == recovery))
        await self._tell(tx, recovery, account)

    async def view(self, tx: Tx, recovery: str, browser: str) -> HoldView | None:
        """The hold of one browser."""
        row = await tx.one(
            select(_h, _r.c.expires_at)
            .join(_r, _r.c.id == _h.c.recovery_id)
            .where(_h.c.recovery_id == recovery, _h.c.browser == browser)
        )
        if row is None:
            return None
        until = row["until"]
        return HoldView(
            tuple(row["reasons"].split(",")),
            row["length"],
            until,
            row["expires_at"],
            until is not None and tx.now >= until,
            row["factor"],
            row["lost"],
        )

    async def on_accepted(self, tx: Tx, message: str) -> None:
        """A provider took a mail: where it was the notice that was missing, a clock starts."""
        recovery = await tx.value(select(_n.c.recovery_id).where(_n.c.message_id == message))
        if recovery is not None:
            await self._start(tx, recovery)

    async def lengthen(self, tx: Tx, recovery: str) -> None:
        """Make a hold as long as a long one, once; the caller holds the recovery."""
        context = self._context
        length = round(context.settings.hold_long * SECOND)
        longer = and_(_h.c.recovery_id == recovery, _h.c.length < length)
        changed = await tx.run(
            update(_h).where(longer).values(length=length, until=_h.c.clock_at + length)
        )
        if changed:
            await self._extend(tx, recovery)
            account = await tx.value(select(_r.c.account_id).where(_r.c.id == recovery))
            fact = HoldLengthened(recovery=recovery, account=account, seconds=length / SECOND)
            await record(context.database, tx, fact)

    async def sweep(self, tx: Tx) -> None:
        """Look again at holds whose notices have not left: over another route, where one stands."""
        rows = await tx.all(
            select(_r.c.id, _r.c.account_id)
            .join(_h, _h.c.recovery_id == _r.c.id)
            .where(_h.c.clock_at.is_(None), _r.c.state == State.HELD.value)
            .group_by(_r.c.id, _r.c.account_id)
            .order_by(func.min(_h.c.held_at))
            .limit(BATCH)
        )
        for row in rows:
            if not await self._start(tx, row["id"]):
                await self._tell(tx, row["id"], row["account_id"])

    async def unproven(self, tx: Tx, recovery: str) -> bool:
        """Whether it is held, and no clock of it ever started."""
        of = select(func.count().label("n"), func.count(_h.c.clock_at).label("begun"))
        row = await tx.one(of.where(_h.c.recovery_id == recovery))
        return row is not None and row["n"] > 0 and row["begun"] == 0

    async def _tell(self, tx: Tx, recovery: str, account: str) -> None:
        """Write notices over every way that none has gone yet: once for each."""
        newest = select(_h).where(_h.c.recovery_id == recovery).order_by(_h.c.held_at.desc())
        hold = await tx.one(newest.limit(1))
        if hold is None:
            return
        told = await tx.all(select(_n.c.provider).where(_n.c.recovery_id == recovery))
        before = {row["provider"] for row in told}

        def write(house: mails.MailComposer, to: str, denial: str) -> Content:
            return mails.held(house, to, denial, hold["length"], lost=hold["lost"])

        for message, provider in await self._notices.tell(
            tx, account, recovery, write, without=before
        ):
            await tx.run(
                insert(_n).values(message_id=message, recovery_id=recovery, provider=provider)
            )

    async def _start(self, tx: Tx, recovery: str) -> bool:
        """Start the clocks of a recovery's holds, when its notices have left; whether they run."""
        context = self._context
        row = await tx.one(select(_r).where(_r.c.id == recovery).with_for_update())
        if row is None or row["state"] != State.HELD:
            return True
        notices = await tx.all(select(_n.c.message_id).where(_n.c.recovery_id == recovery))
        took = await mail_queries.took(tx, [one["message_id"] for one in notices])
        two = any(context.independent({one}, {other}) for one, other in permutations(took, 2))
        if not two and not (row["degraded"] and took):
            return False
        changed = await tx.run(
            update(_h)
            .where(_h.c.recovery_id == recovery, _h.c.clock_at.is_(None))
            .values(clock_at=tx.now, until=tx.now + _h.c.length)
        )
        if changed:
            until = await self._extend(tx, recovery)
            await record(
                context.database,
                tx,
                HoldBegun(recovery=recovery, account=row["account_id"], until=until),
            )
        return True

    async def _extend(self, tx: Tx, recovery: str) -> Instant:
        """Have the recovery last for as long as its last hold can be finished; returns when that
        hold is over."""
        until = await tx.value(select(func.max(_h.c.until)).where(_h.c.recovery_id == recovery))
        if until is not None:
            expires = until + round(self._context.settings.hold_open * SECOND)
            await tx.run(
                update(_r)
                .where(_r.c.id == recovery, _r.c.expires_at < expires)
                .values(expires_at=expires)
            )
        return int(until or 0)


async def held_against(tx: Tx, providers: set[str]) -> list[str]:
    """The hypotheses that are open about any of these routes."""
    rows = await tx.all(
        select(_s.c.hypothesis)
        .where(_s.c.provider.in_(sorted(providers)))
        .distinct()
        .order_by(_s.c.hypothesis)
    )
    return [row["hypothesis"] for row in rows]
