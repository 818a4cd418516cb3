"""New factors on hold until their owner had time to deny them, and how factors are ended.

Sign-in asks for a new factor at once, since there it only adds protection. Until its hold is over
it is good for nothing else: a recovery neither asks for it nor accepts it, it replaces no other
factor, and it does not count as re-authentication where a settled factor is bound.

Attacks met here: somebody who knows only the password binds the first factor, and so keeps the
owner out of sign-in and of every recovery. Whoever reads the owner's mail presses "this was not me"
in an old notice, to be rid of the factor that stands between them and a reset.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import update

from mailkeep.accounts import queries, tables
from mailkeep.accounts.events import FactorRevoked, FactorStays
from mailkeep.accounts.types import ChangeState
from mailkeep.base.clock import Instant
from mailkeep.events.log import record as record_fact
from mailkeep.store.database import Database, Tx

from . import record
from .types import LASTING, FactorView, Kind

_h, _f = tables.changes, tables.factors


def counted(bound: Collection[FactorView]) -> list[FactorView]:
    """What shows everything again before a change (pure): the settled ones, where a lasting one is
    among them."""
    settled = [one for one in bound if one.held_by is None]
    return settled if any(one.kind in LASTING for one in settled) else list(bound)


async def revoke(database: Database, tx: Tx, factor: FactorView, why: str) -> None:
    """Take one factor away; its change, where that is held, has come to its end."""
    if not await record.revoke(tx, factor.account, factor.id, why):
        return
    if factor.held_by is not None:
        ended = {"state": ChangeState.STOPPED.value, "ended_at": tx.now, "stopped_by": why}
        held = (_h.c.id == factor.held_by, _h.c.state == ChangeState.HELD.value)
        await tx.run(update(_h).where(*held).values(**ended))
    revoked = FactorRevoked(
        account=factor.account, factor=factor.id, factor_kind=factor.kind.value, why=why
    )
    await record_fact(database, tx, revoked)


async def take(
    database: Database, tx: Tx, factor: FactorView, others: list[FactorView], why: str
) -> None:
    """Take one away, and saved codes with the last one that they stood beside."""
    await revoke(database, tx, factor, why)
    await with_last(database, tx, others)


async def with_last(database: Database, tx: Tx, left: list[FactorView]) -> None:
    """Saved codes cannot stand alone."""
    if not any(one.kind in LASTING for one in left):
        for one in left:
            await revoke(database, tx, one, "with_last")


async def drop(
    database: Database, tx: Tx, account: str, changes: Collection[str], why: str
) -> None:
    """Take away what held changes bound, and keep what somebody was removing meanwhile: who bound
    the one may have begun the other."""
    left = []
    for one in await record.bound(tx, account):
        if one.held_by in changes:
            await revoke(database, tx, one, why)
        else:
            left.append(one)
    await with_last(database, tx, left)
    await stay(database, tx, account)


async def stay(database: Database, tx: Tx, account: str) -> None:
    """Keep every factor of an account that is being removed."""
    for one in await record.bound(tx, account):
        if one.leaves_at is not None and await record.leave(tx, one.id, None):
            await record_fact(database, tx, FactorStays(account=account, factor=one.id))


async def settle(database: Database, tx: Tx, account: str, change: str) -> None:
    """Nobody denied it: the factor counts everywhere, and an app takes the other one's place."""
    of = (_f.c.account_id == account, _f.c.held_by == change)
    await tx.run(update(_f).where(*of).values(held_by=None))
    bound = await record.bound(tx, account)
    apps = [one for one in bound if one.kind is Kind.TOTP and one.held_by is None]
    for one in apps[:-1]:  # the oldest first
        await revoke(database, tx, one, "replaced")


async def disown(
    database: Database,
    tx: Tx,
    account: str,
    since: Instant,
    until: Instant,
    *,
    fresh: Instant | None = None,
) -> None:
    """Take away what was bound between two instants from a browser that the account did not know
    before them: its owner says that it was not them.

    An account that had a factor before keeps one: what was bound by showing that one, and has
    settled, stays where nothing else would be left. Nobody binds it by mail alone, and by mail
    alone it is not taken away.

    Args:
        fresh: what was bound after it goes, from whichever browser: who stole a session stole a
            known browser, from which a factor is settled sooner than what else they did. Not the
            last one, where one from before was shown for it and it has settled: whoever presses
            the notice may have the mail and nothing else.
    """
    history = await record.history(tx, account)
    left, doubtful = [], []
    for one in history:
        if one.revoked_at is not None:
            continue
        within = since <= one.bound_at <= until
        new = fresh is not None and one.bound_at > fresh
        if within and (new or not await queries.knew_browser(tx, account, one.browser, since)):
            doubtful.append(one)
        else:
            left.append(one)
    if not any(one.kind in LASTING and one.held_by is None for one in left):
        firm = vouched(history, since)
        left += [one for one in doubtful if one.id in firm and one.held_by is None]
    for one in doubtful:
        if one not in left:
            await revoke(database, tx, one, "denied")
    await with_last(database, tx, left)


def vouched(history: Sequence[FactorView], since: Instant) -> set[str]:
    """Ids of the factors that were bound before an instant, and of those for which one of them was
    shown, or one for which one of them was (pure).

    Args:
        history: every factor that the account ever had, oldest first.
    """
    found: set[str] = set()
    for one in history:
        if one.bound_at < since:
            found.add(one.id)
        elif one.attested:
            # Which one was shown is not on record: every one that was there must do.
            there = {
                other.id
                for other in history
                if other.id != one.id
                and other.bound_at <= one.bound_at
                and (other.revoked_at is None or other.revoked_at >= one.bound_at)
            }
            if there and there <= found:
                found.add(one.id)
    return found
