"""'This was not me', from any of our mails: it only ever takes power away, and for a bounded time.

Attacks met here: a thief whose reset is under way or done (it is void, or undone with everything
that came of it: another password, an address, a factor that would lock the owner out), and whoever
reads at one provider and would deny every recovery of every owner (denials over one provider stop a
limited number a day; what an owner regained by a fresh proof, no older mail takes away).
"""

from sqlalchemy import select, update

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.accounts.types import DENIED
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.log import record
from mailkeep.mail.types import GiveUpReason
from mailkeep.store.database import Tx

from . import tables
from .context import Context
from .ending import Ending
from .events import RecoveryDenied
from .holds import Holds
from .queries import taken_until
from .types import LIVE, State
from .verdicts import Verdicts

LIFE = 7 * DAY  #: after which a notice stops nothing any more
FREEZE = DENIED  #: why an account is frozen then

_r, _d = tables.recoveries, tables.denials


class Denying:
    """Takes denials.

    Args:
        context: the services of the room.
        ending: ends recoveries.
        holds: lengthens what a denial beyond the day's share cannot stop.
        verdicts: taken back with their recoveries.
    """

    def __init__(self, context: Context, ending: Ending, holds: Holds, verdicts: Verdicts) -> None:
        self._context = context
        self._ending = ending
        self._holds = holds
        self._verdicts = verdicts

    async def deny(self, secret: str, browser: str = "") -> None:
        """Whoever holds one of our mails says: this was not me.

        Before completion the recovery is void. After it the password that it wrote opens nothing
        any more, every session ends, and the account rests for ``freeze`` seconds, or until a
        recovery that was asked for since is completed. Over the day's share of one provider only a
        browser that the account knows stops anything; a hold is made longer, once. An unknown
        secret does nothing, and is told the same.
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
            return
        await context.database.retrying(lambda tx: self._deny(tx, account, hashed, browser))

    async def _deny(self, tx: Tx, account: str, hashed: str, browser: str) -> None:
        context = self._context
        await accounts.account(tx, account, lock=True)
        row = await tx.one(
            select(_r, _d.c.provider, _d.c.made_at, _d.c.used_at)
            .join(_d, _d.c.recovery_id == _r.c.id)
            .where(_d.c.hash == hashed)
            .with_for_update()
        )
        if row is None or row["used_at"] is not None:
            return
        await tx.run(update(_d).where(_d.c.hash == hashed).values(used_at=tx.now))
        completed = row["state"] == State.COMPLETED
        if row["why"] == FREEZE or not (completed or row["state"] in LIVE):
            return  # there is nothing to stop, and a hoard of old mails is no evidence
        if tx.now - row["made_at"] > LIFE:
            return
        known = await accounts.knows_browser(tx, account, browser)
        acted = known or await throttle.take(
            tx,
            account,
            f"deny {row['provider']}",
            limit=context.settings.denials,
            window=DAY,
        )
        if not acted and row["denied_at"] is not None:
            return  # that it was denied is known, and this stops it no more than the one before
        await tx.run(update(_r).where(_r.c.id == row["id"]).values(denied_at=tx.now))
        # The denial goes first on the log: who hears of the void must know why.
        fact = RecoveryDenied(
            recovery=row["id"],
            account=account,
            after_completion=completed,
            provider=row["provider"],
            acted=acted,
        )
        await record(context.database, tx, fact)
        if acted and completed:
            await tx.run(update(_r).where(_r.c.id == row["id"]).values(why=FREEZE))
            await self._take_back(tx, account, row["ended_at"])
            await self._verdicts.revoke(tx, row["id"], "denied")
        elif acted:
            await self._ending.end(tx, row["id"], GiveUpReason.DENIED)
        elif row["state"] == State.HELD:
            await self._holds.lengthen(tx, row["id"])

    async def _take_back(self, tx: Tx, account: str, written_at: Instant) -> None:
        """Undo what a denied recovery gave, and what was done with it, up to the next recovery
        that nobody denied: what an owner got back by fresh proofs stands."""
        rooms = self._context.accounts
        await rooms.take_back(tx, account, written_at, await taken_until(tx, account, written_at))
        until = tx.now + round(self._context.settings.freeze * SECOND)
        await rooms.freeze(tx, account, until, FREEZE)
