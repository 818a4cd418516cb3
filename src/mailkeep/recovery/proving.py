"""Verifies proofs as they come back: each by a POST, both in one browser.

Attacks met here: having asked earns the browser nothing, since on 8 August the thief asked; a proof
counts for each browser that shows it, so that a reader at one provider cannot use up every owner's,
and gains nothing, since each browser needs both; a code counts only where its recovery is known
already, so 40 bits are never searched across accounts; tries are counted before a code is compared,
for each browser apart; a wrong code costs the same time and writes the same rows whether there is
an account or not; and what others of a network show wrongly takes neither a right link from its
owner nor, once that is shown, the code: of those it counts wrong links only, and codes of browsers
that have neither asked nor shown one.
"""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.base import tokens
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND
from mailkeep.base.errors import Conflict, TooMany
from mailkeep.events.log import record
from mailkeep.store.database import Tx

from . import decoys, tables
from .context import Context
from .events import Guessing, ProofFailed, ProofRedeemed
from .holds import Holds
from .types import LIVE, Progress, ProofKind, State

_r, _p, _x, _h = tables.recoveries, tables.proofs, tables.redemptions, tables.holds

#: Recoveries of one browser that a typed code is compared with. Always as many comparisons are
#: made: the time must not tell how many there are, and so not whether an account is among them.
CANDIDATES = 2
#: Browsers that may show one proof, besides the one that asked and those that the account knows:
#: who reads at a provider has as many cookies as they like, and must not use a proof up with them.
MOST_BROWSERS = 50
_TOO_MANY = "too many codes from there; use the link of the other mail first, or wait a while"
_WRONG = "this is wrong, void or expired; ask for a new mail, or try again"


class Proving:
    """Takes proofs and says how far a browser has come.

    Args:
        context: the services of the room.
        holds: what waits.
    """

    def __init__(self, context: Context, holds: Holds) -> None:
        self._context = context
        self._holds = holds

    async def link(self, browser: str, network: str, secret: str) -> None:
        """Redeem a link's secret in this browser.

        Raises:
            Conflict: unknown, expired or void: the same words.
            TooMany: too many wrong ones from this network. A right one is taken all the same:
                nobody guesses 130 bits, and so nobody's guesses may stand in its way.
        """
        context = self._context
        lookup = context.link_hash(secret)
        taken, allowed = False, True
        async with context.database.write() as tx:
            row = await tx.one(_proof_and_recovery().where(_p.c.lookup == lookup))
            if row is None:
                await decoys.shown(context, tx, lookup, browser, network)
            else:
                taken = await self._redeem(tx, row, browser, network)
            if not taken:
                allowed = await self._may_show(tx, network)
            # Once a minute: who posts an old link again and again must not fill the log.
            if (
                row is not None
                and not taken
                and allowed
                and await throttle.take(tx, row["id"], "failed", limit=1, window=MINUTE)
            ):
                why = "voided" if row["voided_at"] is not None else "expired"
                fact = ProofFailed(recovery=row["recovery_id"], proof=ProofKind.LINK.value, why=why)
                await record(context.database, tx, fact)
        if not allowed:
            raise TooMany(_TOO_MANY, retry_after=context.settings.window)
        if not taken:
            raise Conflict(_WRONG, field="long")

    async def code(self, browser: str, network: str, typed: str) -> None:
        """Redeem a typed code in this browser, which asked for it or has given the link.

        Raises:
            Conflict: no such recovery here, wrong, expired, tries used up: the same words.
            TooMany: too many codes, right or wrong, from this browser; or from this network, by
                browsers that have neither shown a link nor asked while it was within its share.
        """
        context = self._context
        typed = tokens.fold(typed)
        rows, of = await self._candidates(browser, network)
        found: RowMapping | None = None
        for place in range(CANDIDATES):
            row = rows[place] if place < len(rows) else None
            kept = None if row is None else row["slow"]
            right = await context.slow.check("recovery code", typed, kept, of=of)
            if right and found is None:
                found = row
        async with context.database.write() as tx:
            taken = False
            if found is not None:
                fresh = await tx.one(_proof_and_recovery().where(_p.c.id == found["id"]))
                taken = fresh is not None and await self._redeem(tx, fresh, browser, network)
            if not taken:
                recovery = rows[0]["recovery_id"] if rows else None
                fact = ProofFailed(recovery=recovery, proof=ProofKind.CODE.value, why="wrong")
                await record(context.database, tx, fact)
                await self._guessed(tx)
        if not taken:
            raise Conflict(_WRONG, field="code")

    async def progress(self, browser: str) -> Progress:
        """How far this browser has come with the recovery it has proved most of."""
        async with self._context.database.read() as tx:
            return (await self.state(tx, browser))[0]

    async def state(self, tx: Tx, browser: str) -> tuple[Progress, list[RowMapping]]:
        """The progress, and the proofs that it rests on."""
        since = tx.now - round(self._context.settings.finish_within * SECOND)
        # What was shown before a hold began counts to the end of it.
        held = select(_h.c.recovery_id).where(_h.c.browser == browser)
        rows = await tx.all(
            _proof_and_recovery()
            .join(_x, (_x.c.proof_id == _p.c.id) & (_x.c.browser == browser))
            .where(
                (_x.c.at > since) | _r.c.id.in_(held),
                _p.c.voided_at.is_(None),
                _r.c.state.in_(LIVE),
                _r.c.expires_at > tx.now,
            )
            .order_by(_x.c.at.desc())
            .limit(20)
        )
        given: dict[str, dict[str, RowMapping]] = {}
        for row in rows:
            given.setdefault(row["recovery_id"], {})[row["kind"]] = row
        if not given:
            return Progress(), []
        recovery = max(given, key=lambda one: len(given[one]))  # the first of equals: the newest
        kinds = given[recovery]
        both = len(kinds) == len(ProofKind)
        one = next(iter(kinds.values()))
        account = one["account_id"]
        hold = await self._holds.view(tx, recovery, browser)
        bound = both and await accounts.has_factor(tx, account, settled=True)
        lost = hold is not None and hold.lost
        bound = bound and not lost
        asked = bound and not (hold is not None and hold.factor)
        link, code = ProofKind.LINK.value in kinds, ProofKind.CODE.value in kinds
        progress = Progress(
            recovery=recovery,
            account=account,
            link=link,
            code=code,
            factor=asked,
            bound=bound,
            hold=hold,
            application=one["application"],
        )
        return progress, list(kinds.values())

    async def ended(self, tx: Tx, browser: str) -> str | None:
        """Why the newest recovery that this browser held is over; None when it holds none."""
        row = await tx.one(
            select(_r.c.state, _r.c.why)
            .join(_h, _h.c.recovery_id == _r.c.id)
            .where(_h.c.browser == browser)
            .order_by(_h.c.held_at.desc())
            .limit(1)
        )
        return None if row is None or row["state"] != State.VOID else str(row["why"])

    async def _candidates(self, browser: str, network: str) -> tuple[list[RowMapping], str]:
        """Codes that this browser may mean, each with one try taken; and for whom they are compared
        (``Threads.run``): who asked, or is known, and has shown the link, for themselves, so that
        a neighbour who has us hash without end takes no place of theirs."""
        context, settings = self._context, self._context.settings
        window = round(settings.window * SECOND)
        linked = (
            select(_p.c.recovery_id)
            .join(_x, _x.c.proof_id == _p.c.id)
            .where(_x.c.browser == browser, _p.c.kind == ProofKind.LINK.value)
        )
        async with context.database.write() as tx:
            shown = {one["recovery_id"] for one in await tx.all(linked)}
            allowed = await self._may_type(tx, browser, network, shown=bool(shown))
            rows = await tx.all(
                _proof_and_recovery()
                .where(
                    _p.c.kind == ProofKind.CODE.value,
                    _p.c.voided_at.is_(None),
                    _p.c.expires_at > tx.now,
                    _r.c.state.in_(LIVE),
                    (_r.c.asked_by == browser) | _r.c.id.in_(linked),
                )
                .order_by(_p.c.id.desc())
                .limit(CANDIDATES)
            )
            kept, whose = [], network
            for place in range(CANDIDATES):
                # Counted for a browser that has none, too: the same rows are written.
                row = rows[place] if place < len(rows) else None
                of = browser if row is None else row["id"]
                own = await throttle.take(
                    tx, of, f"code {browser}", limit=settings.code_tries, window=window
                )
                total = await throttle.take(
                    tx, of, "code", limit=settings.code_tries_in_all, window=window
                )
                account = browser if row is None else str(row["account_id"])
                known = await accounts.knows_browser(tx, account, browser)
                trusted = known or (row is not None and row["recovery_id"] in shown)
                asker = row is not None and row["asked_by"] == browser
                # Who has shown the link, or is known, is not counted with the strangers.
                strange = await throttle.take(
                    *(tx, account, "code known" if trusted else "code strangers"),
                    limit=settings.account_tries,
                    window=DAY,
                )
                # Who reads the link can have as many browsers as they like use up the tries of all:
                # the one that asked, and those that are known, have their own five left.
                if row is not None and own and (total or known or asker) and (strange or trusted):
                    kept.append(row)
                    if row["recovery_id"] in shown and (known or asker):
                        whose = browser
        if not allowed:
            raise TooMany(_TOO_MANY, retry_after=settings.window)
        return kept, whose

    async def _guessed(self, tx: Tx) -> None:
        """Count a wrong code for the whole house: guessing spread over many accounts uses up no
        limit of any. It is told once in an hour, and locks nobody out."""
        limit = self._context.settings.guesses
        if await throttle.take(tx, "recovery", "wrong codes", limit=limit, window=HOUR):
            return
        if await throttle.take(tx, "recovery", "guessing told", limit=1, window=HOUR):
            await record(self._context.database, tx, Guessing(limit=limit, seconds=HOUR / SECOND))

    async def _may_type(self, tx: Tx, browser: str, network: str, *, shown: bool) -> bool:
        """Whether a code from there is looked at at all. Not by whether an account knows the
        browser: the answer would tell whoever has got hold of it."""
        settings = self._context.settings
        since = tx.now - round(settings.link_life * SECOND)
        asked = await tx.value(
            select(_r.c.id)
            .where(_r.c.asked_by == browser, _r.c.asked_at > since, _r.c.crowded.is_(False))
            .limit(1)
        )
        if not shown and asked is None:
            return await self._may_show(tx, network)
        window = round(settings.window * SECOND)
        return await throttle.take(tx, browser, "prove", limit=settings.asks, window=window)

    async def _may_show(self, tx: Tx, network: str) -> bool:
        settings = self._context.settings
        window = round(settings.window * SECOND)
        return await throttle.take(tx, network, "prove", limit=2 * settings.asks, window=window)

    async def _redeem(self, tx: Tx, row: RowMapping, browser: str, network: str) -> bool:
        """Check and note in one act (ASVS 15.4.2); again in the same browser is no error."""
        context = self._context
        if row["account_id"] is None:
            return False
        # Held, so that nothing voids the recovery between the look and the note.
        state = await tx.value(
            select(_r.c.state).where(_r.c.id == row["recovery_id"]).with_for_update()
        )
        live = await tx.value(
            select(_p.c.id).where(
                _p.c.id == row["id"], _p.c.voided_at.is_(None), _p.c.expires_at > tx.now
            )
        )
        if state not in LIVE or live is None:
            return False
        known = await accounts.knows_browser(tx, row["account_id"], browser)
        asker = browser == row["asked_by"]
        shown = select(func.count()).where(_x.c.proof_id == row["id"])
        if not (known or asker) and (await tx.value(shown) or 0) >= MOST_BROWSERS:
            return False
        new = await tx.run(
            tx.upsert(_x)
            .values(proof_id=row["id"], browser=browser, at=tx.now)
            .on_conflict_do_nothing()
        )
        if new:
            fact = ProofRedeemed(
                recovery=row["recovery_id"],
                account=row["account_id"],
                proof=row["kind"],
                providers=tuple(sorted(await context.attempted(tx, row))),
                same_browser=asker,
                known_browser=known,
                network=network,
                browser=browser,
            )
            await record(context.database, tx, fact)
        return True


def _proof_and_recovery() -> Select[Any]:
    """Proofs, each with what its recovery says."""
    return select(
        _p,
        _r.c.state,
        _r.c.account_id,
        _r.c.asked_by,
        _r.c.application,
        _r.c.expires_at.label("recovery_expires"),
    ).join(_r, _r.c.id == _p.c.recovery_id)
