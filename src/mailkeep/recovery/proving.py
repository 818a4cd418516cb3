"""Proofs come back: each by a POST, each once, both in one browser.

Attacks met here: the browser that asked earns nothing by it, since on 8 August that was the thief;
a code counts only where its recovery is known already, so 40 bits are never searched across
accounts; tries are counted before a code is compared, so that guesses sent at once do not
overrun the limit; a proof that a thief has redeemed is of no use to his other browser.
"""

from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import queries as accounts
from mailkeep.base import tokens
from mailkeep.base.errors import Conflict
from mailkeep.events.log import record
from mailkeep.store.database import Tx

from . import tables
from .context import Context
from .events import ProofFailed, ProofRedeemed
from .types import Progress, ProofKind, State

_r, _p = tables.recoveries, tables.proofs

CANDIDATES = 3  #: recoveries of one browser that a typed code is compared with
_WRONG = "this is wrong, used or expired; ask for a new mail, or try again"


class Proving:
    """Takes proofs and says how far a browser has come.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def link(self, browser: str, network: str, secret: str) -> None:
        """Redeem a link's secret in this browser.

        Raises:
            Conflict: unknown, used in another browser, expired or void: the same words.
        """
        context = self._context
        lookup = context.link_hash(secret)
        async with context.database.write() as tx:
            row = await tx.one(_proof_and_recovery().where(_p.c.lookup == lookup))
            taken = row is not None and await self._redeem(tx, row, browser, network)
            if row is not None and not taken:
                why = "voided" if row["voided_at"] is not None else "used or expired"
                fact = ProofFailed(row["recovery_id"], ProofKind.LINK.value, why)
                await record(context.database, tx, fact)
        if not taken:
            raise Conflict(_WRONG, field="long")

    async def code(self, browser: str, network: str, typed: str) -> None:
        """Redeem a typed code in this browser, which asked for it or has given the link.

        Raises:
            Conflict: no such recovery here, wrong, used, expired, tries used up: the same words.
        """
        context = self._context
        typed = tokens.fold(typed)
        rows = await self._candidates(browser)
        found: RowMapping | None = None
        for row in rows:
            if await context.slow.check("recovery code", typed, row["slow"]) and found is None:
                found = row
        if not rows:
            await context.slow.check("recovery code", typed, None)
        async with context.database.write() as tx:
            taken = False
            if found is not None:
                fresh = await tx.one(_proof_and_recovery().where(_p.c.id == found["id"]))
                taken = fresh is not None and await self._redeem(tx, fresh, browser, network)
            elif rows:
                await record(
                    context.database,
                    tx,
                    ProofFailed(rows[0]["recovery_id"], ProofKind.CODE.value, "wrong"),
                )
        if not taken:
            raise Conflict(_WRONG, field="code")

    async def progress(self, browser: str) -> Progress:
        """How far this browser has come with the recovery it has proved most of."""
        async with self._context.database.read() as tx:
            return (await self.state(tx, browser))[0]

    async def state(self, tx: Tx, browser: str) -> tuple[Progress, list[RowMapping]]:
        """The progress, and the proofs that it rests on."""
        rows = await tx.all(
            _proof_and_recovery()
            .where(
                _p.c.redeemed_by == browser,
                _p.c.voided_at.is_(None),
                _r.c.state == State.OPEN.value,
                _r.c.expires_at > tx.now,
            )
            .order_by(_p.c.redeemed_at.desc())
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
        account = next(iter(kinds.values()))["account_id"]
        factor = both and await accounts.has_factor(tx, account)
        progress = Progress(
            recovery, ProofKind.LINK.value in kinds, ProofKind.CODE.value in kinds, factor
        )
        return progress, list(kinds.values())

    async def _candidates(self, browser: str) -> list[RowMapping]:
        """Codes that this browser may mean, each with one try taken."""
        context = self._context
        linked = select(_p.c.recovery_id).where(
            _p.c.redeemed_by == browser, _p.c.kind == ProofKind.LINK.value
        )
        async with context.database.write() as tx:
            rows = await tx.all(
                _proof_and_recovery()
                .where(
                    _p.c.kind == ProofKind.CODE.value,
                    _p.c.voided_at.is_(None),
                    _p.c.redeemed_at.is_(None),
                    _p.c.expires_at > tx.now,
                    _r.c.state == State.OPEN.value,
                    (_r.c.asked_by == browser) | _r.c.id.in_(linked),
                )
                .order_by(_p.c.id.desc())
                .limit(CANDIDATES)
            )
            return [row for row in rows if await self._take_try(tx, row["id"])]

    async def _take_try(self, tx: Tx, proof: str) -> bool:
        limit = self._context.settings.code_tries
        taken = await tx.run(
            update(_p).where(_p.c.id == proof, _p.c.tries < limit).values(tries=_p.c.tries + 1)
        )
        return taken == 1

    async def _redeem(self, tx: Tx, row: RowMapping, browser: str, network: str) -> bool:
        """Check and consume in one act (ASVS 15.4.2); again in the same browser is no error."""
        context = self._context
        stands = row["state"] == State.OPEN and row["voided_at"] is None
        if stands and row["redeemed_by"] == browser:
            return True
        if not stands or row["account_id"] is None:
            return False
        used = await tx.run(
            update(_p)
            .where(
                _p.c.id == row["id"],
                _p.c.redeemed_at.is_(None),
                _p.c.voided_at.is_(None),
                _p.c.expires_at > tx.now,
            )
            .values(redeemed_at=tx.now, redeemed_by=browser)
        )
        if used != 1:
            return False
        fact = ProofRedeemed(
            row["recovery_id"],
            row["account_id"],
            row["kind"],
            tuple(sorted(await context.attempted(tx, row))),
            browser == row["asked_by"],
            await accounts.knows_browser(tx, row["account_id"], browser),
            network,
        )
        await record(context.database, tx, fact)
        return True


def _proof_and_recovery() -> Select[Any]:
    """Proofs, each with what its recovery says."""
    return select(
        _p, _r.c.state, _r.c.account_id, _r.c.asked_by, _r.c.expires_at.label("recovery_expires")
    ).join(_r, _r.c.id == _p.c.recovery_id)
