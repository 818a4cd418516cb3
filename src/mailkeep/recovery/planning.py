"""The planner: looks up who asked, draws two routes, mints the proofs and mails them.

It works after the reply has gone out, so that the reply takes the same time whether there is an
account or not. It also mints a proof anew when its route refused it or was cut off.

Attacks met here: flooding an owner with mail (counted for each account, strangers apart from
browsers that the account knows), having us look at strangers until an owner gives up (``turns``:
each network gets as many looks as any other), and steering both proofs to one reader (every route
is checked against the trust graph, also the one that replaces another).
"""

import secrets

import msgspec
import structlog
from sqlalchemy import func, insert, select, update

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.types import ContactPoint
from mailkeep.base import tokens
from mailkeep.base.clock import MINUTE, SECOND
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import new_id
from mailkeep.events.log import record
from mailkeep.mail import queries as mail_queries
from mailkeep.mail import services as mail_services
from mailkeep.mail.types import GiveUpReason, NewMessage
from mailkeep.store.database import Tx

from . import limiting, mails, policy, sharing, tables
from .context import Context, Row
from .events import ProofSent, ProofVoided, RecoveryDegraded, RecoveryRequested
from .turns import Turns, away
from .types import LIVE, ProofKind, State, Turn, WhenAlone

log = structlog.get_logger(__name__)

BATCH = 20
LAPSED = 100  #: that are left out at a time, since a mail would come too late
WAIT = 2 * SECOND  #: before who asked is looked at again, when two routes stand no more
AFTER_ERROR = 30 * SECOND
ENOUGH = 2 * MINUTE  #: an owner needs so long to use a pair of mails
KINDS = (ProofKind.LINK, ProofKind.CODE)

_r, _p = tables.recoveries, tables.proofs
#: Not guessable: which of two routes a secret takes must not be foreseen by either.
_draw = secrets.SystemRandom().random


class Minted(msgspec.Struct, frozen=True):
    """Secrets for one proof, made before the transaction: a slow hash must not hold up writers."""

    secret: str
    slow: str | None

    def __repr__(self) -> str:
        return "Minted(…)"


class Planner:
    """Takes up what is due.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = Turns(context.database, context.settings)
        # Of a house whose links are good for a minute, half of that.
        self._late = min(ENOUGH, round(context.settings.link_life * SECOND) // 2)

    async def step(self) -> int:
        """Look at the recoveries that are due, in fair turns; returns how many were settled.

        While no two independent routes stand, those who asked wait: a mail over one route alone
        would let its reader take the account. For whom it becomes too late meanwhile is left out
        all the same, and the log tells of them. One that fails is put back and holds up no other.
        """
        context, settled = self._context, 0
        async with context.database.read() as tx:
            possible = await self.pair(tx, None) is not None
        for _ in range(BATCH):
            new = await self._turns.sort()
            async with context.database.read() as tx:
                late = tx.now + self._late
                row = await self._turns.next(tx, until=None if possible else late)
            if row is None:
                if new:
                    continue
                break
            try:
                if row["state"] == State.ASKED and row["expires_at"] <= late:
                    settled += await self._lapse(row)
                    continue
                # Minted for everybody: the work must not tell whether there is an account.
                minted = {kind: await self._mint(kind) for kind in KINDS}
                settled += await self._settle(row["id"], minted)
            except Unavailable:
                raise
            except Exception as error:
                log.exception("recovery.failed", recovery=row["id"], error=type(error).__name__)
                await self._put_back(row["id"], AFTER_ERROR)
        return settled

    async def _lapse(self, late: Row) -> int:
        """Leave out those of a region for whom a mail would come too late to be used; returns how
        many. Nothing is minted for any of them."""
        context = self._context
        async with context.database.write() as tx:
            rows = await tx.all(
                select(_r)
                .where(
                    _r.c.turn == late["turn"],
                    _r.c.region == late["region"],
                    _r.c.due_at <= tx.now,
                    _r.c.state == State.ASKED.value,
                    _r.c.expires_at <= tx.now + self._late,
                )
                .limit(LAPSED)
                .with_for_update(skip_locked=True)
            )
            for row in rows:
                point = await accounts.for_recovery(tx, row["address_key"], row["application"])
                await self._requested(tx, row, None if point is None else point.account)
            ids = [row["id"] for row in rows]
            await tx.run(update(_r).where(_r.c.id.in_(ids)).values(away(tx, "expired")))
            return len(rows)

    async def _requested(self, tx: Tx, row: Row, account: str | None) -> None:
        fact = RecoveryRequested(
            recovery=row["id"],
            account=account,
            address=row["address_key"],
            network=row["network"],
            browser=row["asked_by"],
        )
        await record(self._context.database, tx, fact)

    async def _put_back(self, recovery: str, wait: int) -> None:
        async with self._context.database.write() as tx:
            await tx.run(
                update(_r)
                .where(_r.c.id == recovery, _r.c.due_at.is_not(None))
                .values(due_at=tx.now + wait)
            )

    async def _mint(self, kind: ProofKind) -> Minted:
        if kind is ProofKind.LINK:
            return Minted(tokens.link_secret(), None)
        code = tokens.code()
        kept = await self._context.slow.make("recovery code", code, of="", urgent=True)
        return Minted(code, kept)

    async def _settle(self, recovery: str, minted: dict[ProofKind, Minted]) -> bool:
        context = self._context
        async with context.database.write() as tx:
            row = await tx.one(
                select(_r).where(_r.c.id == recovery, _r.c.due_at <= tx.now).with_for_update()
            )
            if row is None:
                return False
            await tx.run(update(_r).where(_r.c.id == recovery).values(due_at=None, host=""))
            if row["state"] in LIVE:
                await self._replace(tx, row, minted)
            elif row["state"] == State.ASKED:
                await self._open(tx, row, minted)
            return True

    async def _open(self, tx: Tx, row: Row, minted: dict[ProofKind, Minted]) -> None:
        """Settle a fresh request: proofs on their way, or nothing."""
        context, recovery = self._context, row["id"]
        point = await accounts.for_recovery(tx, row["address_key"], row["application"])
        account = None if point is None else point.account
        pair = await self.pair(tx, account)
        if pair is None and row["expires_at"] > tx.now:
            # What stood a moment ago has gone: as if it had been looked at then.
            later = {"due_at": tx.now + WAIT, "host": row["host"]}
            await tx.run(update(_r).where(_r.c.id == recovery).values(later))
            return
        await self._requested(tx, row, account)
        known = account is not None and await accounts.knows_browser(tx, account, row["asked_by"])
        why = await self._refusal(tx, account, row, known=known)
        degraded = pair is not None and pair.link == pair.code
        state = State.NOTHING if why is not None else State.OPEN
        await tx.run(
            update(_r)
            .where(_r.c.id == recovery)
            .values(
                state=state.value,
                why=why,
                account_id=account,
                known_browser=known,
                degraded=degraded,
                turn=Turn.AGAIN.value,
                ended_at=None if why is None else tx.now,
            )
        )
        if why is not None or point is None or pair is None:
            return
        await self._void_same_browser(tx, recovery, point.account, row["asked_by"])
        if degraded:
            fact_of = RecoveryDegraded(recovery=recovery, account=point.account, provider=pair.link)
            await record(context.database, tx, fact_of)
        for kind, provider in ((ProofKind.LINK, pair.link), (ProofKind.CODE, pair.code)):
            await self._send(tx, recovery, point, kind, provider, minted[kind])

    async def pair(self, tx: Tx, account: str | None) -> policy.Pair | None:
        """The routes of the two proofs. Both over one only where the house wants it, nothing is
        held against that route, no campaign is on, and the account's class asks for no more; and
        never because one person cut a provider off: a thief of their session would get both."""
        context = self._context
        standing = await context.standing(tx)
        routes = await context.routes_now(tx, context.settings.stream)
        pair = policy.plan(routes, standing, context.independent, _draw())
        if pair is not None or context.settings.when_alone is not WhenAlone.DEGRADE:
            return pair
        one_persons = await mail_queries.unsure(tx)
        if policy.plan(routes, standing | one_persons, context.independent, 0.0) is not None:
            return None
        if account is not None:
            view = await accounts.account(tx, account)
            if context.accounts.classes.holding(view).recovery_hold:
                return None
        s = tables.suspicions
        doubted = {row["provider"] for row in await tx.all(select(s.c.provider).distinct())}
        return None if "" in doubted else policy.alone(routes, standing, doubted)

    async def _refusal(self, tx: Tx, account: str | None, row: Row, *, known: bool) -> str | None:
        """Why nothing is mailed, or None when it may be."""
        context = self._context
        if row["expires_at"] <= tx.now:
            return "expired"
        if account is None:
            return "no_account"
        if row["application"] and not await sharing.takes(context, tx, row["application"], account):
            return "share"  # nobody outside widens a share by coming here uninvited
        lane = "recover known" if known else "recover stranger"
        usable = await self._usable(tx, account)
        return await limiting.refusal(context, tx, account, lane=lane, usable=usable)

    async def _usable(self, tx: Tx, account: str) -> int:
        """How many recoveries the owner has mails of that still do: both proofs live, with time to
        use them. While there are none, no limit may keep the next ones back."""
        live = (
            select(_p.c.recovery_id)
            .join(_r, _r.c.id == _p.c.recovery_id)
            .where(
                _r.c.account_id == account,
                _r.c.state.in_(LIVE),
                _p.c.voided_at.is_(None),
                _p.c.expires_at > tx.now + ENOUGH,
            )
            .group_by(_p.c.recovery_id)
            .having(func.count(_p.c.kind.distinct()) == len(KINDS))
        )
        return len(await tx.all(live))

    async def _void_same_browser(self, tx: Tx, recovery: str, account: str, browser: str) -> None:
        """Who asks again in one browser means the newest; others' recoveries are left alone."""
        rows = await tx.all(
            select(_r.c.id).where(
                _r.c.account_id == account,
                _r.c.asked_by == browser,
                _r.c.state.in_(LIVE),
                _r.c.id != recovery,
                _r.c.id.not_in(
                    select(_p.c.recovery_id).join(
                        tables.redemptions, tables.redemptions.c.proof_id == _p.c.id
                    )
                ),
            )
        )
        for row in rows:
            await self._context.void(tx, row["id"], GiveUpReason.SUPERSEDED)

    async def _replace(self, tx: Tx, of: Row, minted: dict[ProofKind, Minted]) -> None:
        """Mint anew what a route refused, or what was voided with a provider that was cut."""
        context, recovery = self._context, of["id"]
        point = await accounts.for_recovery(tx, of["address_key"], of["application"])
        if point is None or point.account != of["account_id"]:
            return
        rows = await tx.all(select(_p).where(_p.c.recovery_id == recovery).order_by(_p.c.id))
        live: dict[str, Row] = {row["kind"]: row for row in rows if row["voided_at"] is None}
        refused = {row["provider"] for row in rows if row["voided_at"] is not None}
        standing = await context.standing(tx)
        routes = await context.routes_now(tx, context.settings.stream)
        for kind in KINDS:
            row = live.get(kind.value)
            if row is not None and (
                not await context.refused(tx, row["message_id"]) or await _shown(tx, row["id"])
            ):
                continue
            partner = live.get((ProofKind.CODE if kind is ProofKind.LINK else ProofKind.LINK).value)
            other = set() if partner is None else await context.attempted(tx, partner)
            avoid = refused | ({row["provider"]} if row is not None else set())
            if not other:
                # Both are gone: one of a fresh pair, the other of which comes in the next round.
                pair = policy.plan(routes, standing - avoid, context.independent, _draw())
                provider = None if pair is None else pair.link
            else:
                provider = policy.replacement(
                    routes, standing, context.independent, other=other, avoid=avoid
                )
            if provider is None:
                continue  # it stays with the outbox, which tries the old route until it expires
            if row is not None:
                await self._void(tx, recovery, point.account, row["id"], kind, row["provider"])
                why = GiveUpReason.REROUTED
                await mail_services.cancel(context.database, tx, row["message_id"], why)
            proof = await self._send(tx, recovery, point, kind, provider, minted[kind])
            live[kind.value] = proof

    async def _void(
        self, tx: Tx, recovery: str, account: str, proof: str, kind: ProofKind, provider: str
    ) -> None:
        await tx.run(update(_p).where(_p.c.id == proof).values(voided_at=tx.now))
        fact = ProofVoided(
            recovery=recovery,
            account=account,
            proof=kind.value,
            provider=provider,
            why=GiveUpReason.REROUTED,
        )
        await record(self._context.database, tx, fact)

    async def _send(
        self,
        tx: Tx,
        recovery: str,
        point: ContactPoint,
        kind: ProofKind,
        provider: str,
        minted: Minted,
    ) -> Row:
        context, settings = self._context, self._context.settings
        life = settings.link_life if kind is ProofKind.LINK else settings.code_life
        expires_at = tx.now + round(life * SECOND)
        denial = await context.denial(tx, recovery, provider)
        house = await context.house_of(tx, point.account)
        content = mails.proof(house, point.address, kind, minted.secret, denial)
        message = await context.intake.accept(
            tx,
            context.intake.check(
                NewMessage(settings.stream, content, only=(provider,), expires_at=expires_at)
            ),
        )
        row = {
            "id": new_id("prf", tx.now),
            "recovery_id": recovery,
            "kind": kind.value,
            "lookup": context.link_hash(minted.secret) if kind is ProofKind.LINK else None,
            "slow": minted.slow,
            "message_id": message,
            "provider": provider,
            "minted_at": tx.now,
            "expires_at": expires_at,
        }
        await tx.run(insert(_p).values(**row))
        fact = ProofSent(
            recovery=recovery,
            account=point.account,
            proof=kind.value,
            message=message,
            provider=provider,
        )
        await record(context.database, tx, fact)
        return row


async def _shown(tx: Tx, proof: str) -> bool:
    """Whether some browser has shown a proof: whatever its provider says, it arrived."""
    x = tables.redemptions
    return await tx.value(select(x.c.at).where(x.c.proof_id == proof).limit(1)) is not None
