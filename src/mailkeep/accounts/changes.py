"""Holds changes of contact addresses and second factors for a time, so that the owner can stop
them.

A change of address is held: until it settles, recovery still uses the addresses that were there
before it, and each of these can stop the change. A thief with a stolen session and the password
cannot swap the address unseen.

A new second factor is held too (see ``factors.held``).

Attacks met here: an address that the owner is removing stops the removal again and again (each
address has a limited number of stops, and only one where a bound factor was shown for the change);
the new address speaks for itself (it is told, and can only take itself off); a thief who was
stopped tries again (the password that allowed the change no longer works); a thief who is signed in
changes things without end, which buries the owner in notices and voids every reset by one more
password (changes in a day are limited).

A denial only ever takes power away. It needs a change to stop, and no outsider can begin one.
"""

from typing import Any

from sqlalchemy import distinct, func, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import tokens
from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant
from mailkeep.base.errors import TooMany
from mailkeep.base.ids import earliest, new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, tables, throttle, undoing
from .classes import Classes
from .events import ChangeDenied, ChangeHeld, ChangeSettled, ChangesStopped
from .factors import held as held_factors
from .passwords import Passwords
from .sessions import Sessions
from .types import AccountView, Change, ChangeKind, ChangeState

_h, _d, _p = tables.changes, tables.change_denials, tables.contact_points

LANE = "changes"  #: in which they are counted
#: Changes of what opens or recovers an account in a day, each of which is told to every address
#: over two routes; who gets it back by a recovery has them anew.
IN_A_DAY = 30
#: In ``SAY`` one address stops changes from notices no more often than ``DENIALS``, or once where a
#: bound factor was shown for the change.
SAY, DENIALS = 30 * DAY, 3
LATE = 10 * MINUTE  #: notices that leave later than this have the hold begin anew
OWNER = "owner"  #: of ``stopped_by``: somebody who was signed in and showed everything again
RECOVERY = "recovery"  #: the same: who has recovered the account
_LAST = "last"  #: of ``stopped_by``: no other address would have been left
#: What is not taken back by whom: of a password there is nothing to go back to, and they choose
#: another one.
_KEPT = {OWNER: (ChangeKind.PASSWORD, ChangeKind.FACTOR), RECOVERY: (ChangeKind.PASSWORD,)}
#: Of ``stopped_by``: whoever was signed in took it back.
_BY_HAND = frozenset({OWNER, "replaced", "lost", "with_last"})


class Changes:
    """The changes of all accounts.

    Args:
        database: where they are kept.
        keys: hash the secrets of denials.
        sessions, passwords: what a denial ends.
        classes: how long a change is held.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        sessions: Sessions,
        passwords: Passwords,
        classes: Classes,
    ) -> None:
        self._database = database
        self._keys = keys
        self._sessions = sessions
        self._passwords = passwords
        self._classes = classes

    async def wait(self, tx: Tx, account: AccountView, *, factor: bool) -> str:
        """Begin to add an address that must be confirmed first; returns the change."""
        return await self._write(tx, account.id, ChangeKind.ADDED, ChangeState.WAITING, 0, factor)

    async def hold(
        self,
        tx: Tx,
        account: AccountView,
        what: ChangeKind,
        *,
        factor: bool,
        point: str | None = None,
        address_key: str | None = None,
        waiting: str | None = None,
        length: Instant | None = None,
    ) -> str:
        """A change was made: hold it, and have the owner told. Returns it.

        The caller holds the account's lock, and has seen full re-authentication.

        Args:
            account: whose; its class says for how long.
            factor: a bound factor was shown for it.
            point: the contact point that it is about, and ``address_key`` its pseudonym.
            waiting: the change that ``wait`` began.
            length: for how long, where it is not ``change_hold``.

        Raises:
            TooMany: too many were made in a day.
        """
        await self.count(tx, account.id)
        if length is None:
            length = self._classes.holding(account).change_hold
        until = tx.now + length
        if waiting is None:
            change = await self._write(tx, account.id, what, ChangeState.HELD, until, factor)
        else:
            change = waiting
            factor = bool(await tx.value(select(_h.c.factor).where(_h.c.id == change)))
        values = {"state": ChangeState.HELD.value, "until": until, "at": tx.now}
        await tx.run(update(_h).where(_h.c.id == change).values(contact_point_id=point, **values))
        fact = ChangeHeld(
            account=account.id,
            change=change,
            what=what.value,
            address=address_key,
            until=until,
            factor=factor,
        )
        await record(self._database, tx, fact)
        return change

    async def count(self, tx: Tx, account: str) -> None:
        """Take one of the changes that an account may have in a day. Raises ``TooMany``."""
        if not await throttle.take(tx, account, LANE, limit=IN_A_DAY, window=DAY):
            words = "too much was changed in a day: reset the password, or try again tomorrow"
            raise TooMany(words, retry_after=DAY / SECOND)

    async def held(self, tx: Tx, account: str) -> list[Change]:
        """The changes of an account that can be stopped, oldest first."""
        rows = await tx.all(
            select(_h)
            .where(_h.c.account_id == account, _h.c.state == ChangeState.HELD.value)
            .order_by(_h.c.id)
        )
        return [_change(row) for row in rows]

    async def stop(self, tx: Tx, account: str, by: str = OWNER) -> int:
        """Take back every held change of addresses; returns how many. The caller holds the
        account's lock. All of them: one alone could leave the account without an address.

        Args:
            by: ``OWNER``; ``RECOVERY``, which takes back factors too; or the contact point whose
                notice said so, which disables held passwords as well.
        """
        kept = _KEPT.get(by, ())
        stopped = [one.id for one in await self.held(tx, account) if one.what not in kept]
        if by != OWNER:
            why = RECOVERY if by == RECOVERY else "denied"
            await held_factors.drop(self._database, tx, account, stopped, why)
        await self._stopped(tx, account, stopped, by)
        return len(stopped)

    async def _stopped(self, tx: Tx, account: str, changes: list[str], by: str) -> None:
        """Some changes are taken back, and that is told."""
        for change in changes:
            await undo(tx, account, change)
        if not changes:
            return
        ended = {"state": ChangeState.STOPPED.value, "ended_at": tx.now, "stopped_by": by}
        await tx.run(update(_h).where(_h.c.id.in_(changes)).values(**ended))
        word = by if by in _KEPT else "notice"
        await record(
            self._database, tx, ChangesStopped(account=account, changes=tuple(changes), by=word)
        )

    async def denial(self, tx: Tx, change: str, point: str, provider: str) -> str:
        """A secret with which whoever holds the notice can say: this was not me.

        Args:
            point: the contact point that the notice goes to; one whose own addition is held gets
                one for that change only, which takes off itself and nothing else.
            provider: the only one that carries that mail; "" when any may.
        """
        secret = tokens.link_secret()
        await tx.run(
            insert(_d).values(
                hash=self._hash(secret), change_id=change, contact_point_id=point, provider=provider
            )
        )
        return secret

    async def one(self, tx: Tx, change: str) -> Change | None:
        """A change that is held."""
        row = await tx.one(
            select(_h).where(_h.c.id == change, _h.c.state == ChangeState.HELD.value)
        )
        return None if row is None else _change(row)

    async def told(self, tx: Tx, change: Change) -> None:
        """Notices of a held change have left; before that it is not settled. Where they were long
        held up, its time begins now: its owner has the whole of it."""
        late = tx.now - change.at > LATE
        until = tx.now + change.until - change.at if late else change.until
        await tx.run(
            update(_h)
            .where(_h.c.id == change.id, _h.c.told_at.is_(None))
            .values(told_at=tx.now, until=until)
        )

    async def deny(self, secret: str) -> None:
        """Whoever holds one of our notices says: this was not me. Every held change is taken back,
        factors that the same session may have bound go, every session ends, and the password from
        before the change opens nothing any more: whoever made it knows it. An unknown secret does
        nothing, and is told the same."""
        hashed = self._hash(secret)
        async with self._database.read() as tx:
            account = await tx.value(
                select(_h.c.account_id)
                .join(_d, _d.c.change_id == _h.c.id)
                .where(_d.c.hash == hashed, _d.c.used_at.is_(None))
            )
        if account is not None:
            await self._database.retrying(lambda tx: self._deny(tx, account, hashed))

    async def settle(self, tx: Tx, limit: int) -> int:
        """Let changes count whose time is over and of which the owner was told; returns how many
        were looked at."""
        due = await tx.all(
            select(_h.c.id, _h.c.account_id)
            .where(
                _h.c.state == ChangeState.HELD.value,
                _h.c.until <= tx.now,
                _h.c.told_at.is_not(None),
            )
            .order_by(_h.c.until, _h.c.id)
            .limit(limit)
        )
        for account in sorted({row["account_id"] for row in due}):
            await queries.account(tx, account, lock=True)
        for row in due:
            again = await tx.one(
                select(_h).where(_h.c.id == row["id"], _h.c.state == ChangeState.HELD.value)
            )
            if again is not None:  # it may have been stopped while we waited for the lock
                await self._settle(tx, _change(again))
        return len(due)

    async def _settle(self, tx: Tx, change: Change) -> None:
        point = change.contact_point
        key = await tx.value(select(_p.c.address_key).where(_p.c.id == point))
        state, by = ChangeState.DONE, None
        if change.what is ChangeKind.FACTOR:
            await held_factors.settle(self._database, tx, change.account, change.id)
        elif change.what is ChangeKind.ADDED:
            await tx.run(update(_p).where(_p.c.id == point).values(added_by=None))
        elif change.what is ChangeKind.REMOVED:
            others = [
                one
                for one in await queries.contact_points(tx, change.account)
                if one.id != point and one.counts
            ]
            if others and point is not None:
                await undoing.keep(tx, point, change.id)
            else:
                await tx.run(update(_p).where(_p.c.id == point).values(removed_by=None))
                state, by = ChangeState.STOPPED, _LAST
        await tx.run(
            update(_h)
            .where(_h.c.id == change.id)
            .values(state=state.value, ended_at=tx.now, stopped_by=by)
        )
        if state is ChangeState.DONE:
            fact = ChangeSettled(
                account=change.account, change=change.id, what=change.what.value, address=key
            )
            await record(self._database, tx, fact)

    async def _deny(self, tx: Tx, account: str, hashed: str) -> None:
        view = await queries.account(tx, account, lock=True)
        denial = _d.c.contact_point_id.label("said_by"), _d.c.provider, _d.c.used_at
        row = await tx.one(
            select(_h, *denial).join(_d, _d.c.change_id == _h.c.id).where(_d.c.hash == hashed)
        )
        if row is None or row["used_at"] is not None:
            return
        await tx.run(update(_d).where(_d.c.hash == hashed).values(used_at=tx.now))
        there = await self.held(tx, account)
        # Who made a change and took it back has not silenced its notice while more is held.
        by_hand = row["stopped_by"] in _BY_HAND and row["until"] > tx.now and bool(there)
        if row["state"] != ChangeState.HELD and not by_hand:
            return  # there is nothing to stop, and a hoard of old mails is no evidence
        said = await tx.one(
            select(_p.c.address_key, _p.c.added_by).where(
                _p.c.id == row["said_by"], _p.c.account_id == account
            )
        )
        if said is not None and said["added_by"] is not None:
            if said["added_by"] == row["id"]:
                await self._stopped(tx, account, [row["id"]], row["said_by"])
            return
        key = None if said is None else said["address_key"]
        # An address that left the account meanwhile has no say in it.
        acted = key is not None and await self._has_say(tx, row)
        await record(
            self._database,
            tx,
            ChangeDenied(
                account=account,
                change=row["id"],
                address=key,
                provider=row["provider"],
                acted=acted,
            ),
        )
        if not acted:
            return
        policy = self._classes.holding(view)
        await throttle.clear(tx, account, LANE)
        # As far back as the session that made the first of them can reach.
        since = min(change.at for change in there) - policy.session_life
        made = max(change.at for change in there)
        await self.stop(tx, account, row["said_by"])
        fresh = tx.now - policy.bind_hold
        await held_factors.disown(self._database, tx, account, since, tx.now, fresh=fresh)
        await self._sessions.disown(tx, account, since, tx.now)
        await self._sessions.end_all(tx, account, "denied")
        if policy.recovers_by_mail:
            await self._passwords.disable(tx, account, 0, made)
            await self._passwords.recoverable(tx, account)

    async def _has_say(self, tx: Tx, row: RowMapping) -> bool:
        said = await tx.value(
            select(func.count(distinct(_h.c.ended_at))).where(
                _h.c.account_id == row["account_id"],
                _h.c.stopped_by == row["said_by"],
                _h.c.ended_at > tx.now - SAY,
            )
        )
        # Who shows the password and a factor once more after a denial means it.
        return int(said) < (1 if row["factor"] else DENIALS)

    async def _write(
        self,
        tx: Tx,
        account: str,
        what: ChangeKind,
        state: ChangeState,
        until: Instant,
        factor: bool,
    ) -> str:
        change = new_id("chg", tx.now)
        values: dict[str, Any] = {"account_id": account, "what": what.value, "state": state.value}
        await tx.run(insert(_h).values(id=change, factor=factor, at=tx.now, until=until, **values))
        return change

    def _hash(self, secret: str) -> str:
        return self._keys.lookup_hash("change denial", tokens.fold(secret))


async def undo(tx: Tx, account: str, change: str) -> None:
    """Take a change of an address back; one of the password leaves nothing to go back to."""
    of = _p.c.account_id == account
    await tx.run(_p.delete().where(of, _p.c.added_by == change))
    await tx.run(update(_p).where(of, _p.c.removed_by == change).values(removed_by=None))


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Forget changes that were made before an instant, but for those that are held; returns how
    many. Their denials go with them."""
    old = (
        select(_h.c.id)
        .where(_h.c.id < earliest("chg", before), _h.c.state != ChangeState.HELD.value)
        .order_by(_h.c.id)
        .limit(limit)
    )
    return await tx.run(_h.delete().where(_h.c.id.in_(old)))


def _change(row: RowMapping) -> Change:
    return Change(
        row["id"],
        row["account_id"],
        ChangeKind(row["what"]),
        ChangeState(row["state"]),
        row["contact_point_id"],
        row["factor"],
        row["at"],
        row["until"],
    )
