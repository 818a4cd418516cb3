"""Adds, confirms and removes an account's contact points (e-mail addresses).

Every confirmed address counts the same for recovery; there is no primary one that a thief could
choose or an owner would have to remember. Changes are held (see ``changes``), so that a stolen
session cannot swap the address unseen.

Callers have asked for full re-authentication (ASVS 7.5.1, 7.5.3) before ``add`` and ``remove``;
whatever must be mailed is returned to them.
"""

from collections.abc import Callable

from sqlalchemy import insert, select, update

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import Conflict, Invalid, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import language, queries, tables, throttle
from .changes import OWNER, Changes
from .confirming import Confirming, Share, Use
from .events import ChangesStopped
from .types import MOST_ADDRESSES, ChangeKind, ChangeState, ContactKind, ContactPoint, SignUp

_p, _h = tables.contact_points, tables.changes

ADDITIONS = 10  #: addresses that one account asks to add in a day: each sends a mail


class Contacts:
    """The contact points of all accounts.

    Args:
        database: where they are kept.
        confirming: mints and checks codes.
        changes: hold what was changed.
        address_key: the pseudonym of a checked address.
    """

    def __init__(
        self,
        database: Database,
        confirming: Confirming,
        changes: Changes,
        address_key: Callable[[str], str],
    ) -> None:
        self._database = database
        self._confirming = confirming
        self._changes = changes
        self._key = address_key

    async def add(
        self,
        account: str,
        address: str,
        network: str,
        *,
        factor: bool,
        kind: ContactKind = ContactKind.MAIL,
    ) -> SignUp:
        """Begin to add a contact point: nothing comes of it before ``confirm``.

        The answer is the same whether or not another account has the address.

        Args:
            network: pseudonym of where it is asked from.
            factor: a bound second factor was shown for it.

        Raises:
            Invalid: not a mail address; or a phone, which nothing here can confirm.
            Conflict: this account has it already, or as many as it may have.
            TooMany: this account asked for too many today.
        """
        if kind is not ContactKind.MAIL:
            raise Invalid("there is no route for SMS: no phone can be confirmed", field="kind")
        address = addresses.parse(address)
        key = self._key(address)
        minted = await self._confirming.mint(key, network, Use.ADD)
        async with self._database.write() as tx:
            view = await queries.account(tx, account, lock=True)
            allowed = await throttle.take(tx, account, "add address", limit=ADDITIONS, window=DAY)
            if allowed:
                owner = await queries.by_address(tx, key)
                reads = await language.locale(tx, account if owner is None else owner.account)
                await self._check_room(tx, account, owner)
                share = await self._confirming.share(tx, minted, key, network, Use.ADD)
                point = None
                if owner is None:
                    change = await self._changes.wait(tx, view, factor=factor)
                    point = await self._write(tx, account, address, key, change)
                await self._confirming.open(tx, minted, point, share)
        if not allowed:
            raise TooMany("too many addresses were added today", retry_after=DAY / SECOND)
        mail = share is Share.MAIL
        mailed = Secret(minted.code) if owner is None and mail else None
        return SignUp(minted.handle, address, mailed, owner is not None, mail, reads)

    async def confirm(self, account: str, confirmation: str, code: str, network: str) -> str:
        """The code came, in the browser that asked: the address belongs to the account, and counts
        for recovery once the change is settled. Returns the change.

        Args:
            network: pseudonym of where the code is typed.

        Raises:
            Conflict: wrong, used, expired, tries used up, or taken meanwhile: the same words.
        """
        found = await self._confirming.check(confirmation, code, network)
        change = None
        if found is not None:
            async with self._database.write() as tx:
                change = await self._confirmed(tx, account, *found)
        if change is None:
            raise Conflict(
                "this code is wrong, used or expired; add the address again", field="code"
            )
        return change

    async def remove(self, account: str, point: str, *, factor: bool) -> None:
        """Remove a contact point. Recovery goes by it until the change is settled; one whose own
        addition is held has never counted, and is gone at once.

        Args:
            factor: a bound second factor was shown for it.

        Raises:
            NotFound: the account has no such contact point.
            Conflict: it is being removed already, or no other one would be left.
        """
        async with self._database.write() as tx:
            view = await queries.account(tx, account, lock=True)
            there = await queries.contact_points(tx, account)
            found = next((one for one in there if one.id == point), None)
            if found is None:
                raise NotFound("no such address")
            if found.removed_by is not None:
                raise Conflict("this address is being removed already")
            if not any(one.removed_by is None for one in there if one.id != point):
                raise Conflict("this is the only address: add another one first")
            if found.added_by is not None:
                await self._take_back(tx, found)
                return
            change = await self._changes.hold(
                tx,
                view,
                ChangeKind.REMOVED,
                factor=factor,
                point=point,
                address_key=self._key(found.address),
            )
            await tx.run(update(_p).where(_p.c.id == point).values(removed_by=change))

    async def _check_room(self, tx: Tx, account: str, owner: ContactPoint | None) -> None:
        if owner is not None and owner.account == account:
            raise Conflict("this address is there already", field="address")
        if len(await queries.contact_points(tx, account)) >= MOST_ADDRESSES:
            raise Conflict(f"an account has at most {MOST_ADDRESSES} addresses", field="address")

    async def _write(self, tx: Tx, account: str, address: str, key: str, change: str) -> str:
        point = new_id("cpt", tx.now)
        # Who asks anew means the newest.
        waiting = (_p.c.account_id == account, _p.c.confirmed_at.is_(None))
        await tx.run(_p.delete().where(*waiting, _p.c.added_by.is_not(None)))
        values = {"account_id": account, "address_key": key, "address": address}
        await tx.run(insert(_p).values(id=point, created_at=tx.now, added_by=change, **values))
        return point

    async def _confirmed(self, tx: Tx, account: str, confirmation: str, point: str) -> str | None:
        view = await queries.account(tx, account, lock=True)
        row = await tx.one(select(_p).where(_p.c.id == point, _p.c.account_id == account))
        if row is None or row["added_by"] is None or row["confirmed_at"] is not None:
            return None
        if len(await queries.contact_points(tx, account)) >= MOST_ADDRESSES:
            return None
        confirmed = await self._confirming.settle(tx, confirmation, point)
        if confirmed is None:
            return None
        return await self._changes.hold(
            tx,
            view,
            ChangeKind.ADDED,
            factor=False,
            point=confirmed,
            address_key=row["address_key"],
            waiting=row["added_by"],
        )

    async def _take_back(self, tx: Tx, point: ContactPoint) -> None:
        await tx.run(_p.delete().where(_p.c.id == point.id))
        await tx.run(
            update(_h)
            .where(_h.c.id == point.added_by)
            .values(state=ChangeState.STOPPED.value, ended_at=tx.now, stopped_by=OWNER)
        )
        stopped = ChangesStopped(account=point.account, changes=(str(point.added_by),), by=OWNER)
        await record(self._database, tx, stopped)
