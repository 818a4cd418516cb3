"""Undoes changes of addresses that have settled: what was added is taken off, what was removed
comes back.

An address that was removed is kept apart for as long as recoveries are, where nothing that signs
in, recovers or notifies looks.

Attacks met here: a thief changes the addresses and waits out the hold, so that notices and every
later recovery are theirs; or removes the owner's and adds it again, so that it counts as theirs.
The other way round, whoever reads a mailbox that the owner gave up wants it back: so no claim
brings an address back, and no incident about an account, in which two mailboxes contradict each
other. Only two operators do, of what was done by whoever recovered the account with a proof that a
suspect provider carried. An address that another account has by now stays there.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, tables
from .events import AddressesGivenBack, AddressesTakenBack
from .types import ChangeKind, ChangeState

_f, _h, _k, _p = (
    tables.former_contact_points,
    tables.changes,
    tables.factors,
    tables.contact_points,
)
_IN_ONE = 500
_ADDRESSES = (ChangeKind.ADDED.value, ChangeKind.REMOVED.value)
#: What a row keeps of the contact point that it was.
_SAME = ("id", "account_id", "address_key", "address", "kind", "application", "created_at")


class Plan(msgspec.Struct, frozen=True):
    """What would be undone of an account.

    Attributes:
        changes: those that were not the owner's.
        off: contact points that are taken off.
        back: those that come back.
        elsewhere: how many do not, since another account has the address.
        bare: no address that counts would be left; then nobody recovers it.
    """

    changes: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    elsewhere: int = 0
    bare: bool = False


async def keep(tx: Tx, point: str, change: str | None, cause: str = "") -> None:
    """Take a contact point away, and keep it apart.

    Args:
        change: that removed it.
        cause: what it was taken off for, an id; only that gives it back.
    """
    row = await tx.one(select(_p).where(_p.c.id == point))
    if row is None:
        return
    values = {name: row[name] for name in (*_SAME, "confirmed_at")}
    apart = {"change_id": change, "cause": cause, "removed_at": tx.now}
    await tx.run(insert(_f).values(**values, **apart))
    await tx.run(delete(_p).where(_p.c.id == point))


async def changed(tx: Tx, accounts: Sequence[str], since: Instant) -> list[str]:
    """Those of some accounts whose addresses were changed since an instant, and that has
    settled."""
    found: set[str] = set()
    for start in range(0, len(accounts), _IN_ONE):
        of = (_h.c.account_id.in_(accounts[start : start + _IN_ONE]), *_settled(since))
        found.update(row["account_id"] for row in await tx.all(select(_h.c.account_id).where(*of)))
    return sorted(found)


async def plan(tx: Tx, account: str, since: Instant, until: Instant) -> Plan:
    """What is to be undone of what was begun between two instants and has settled. What a second
    factor from before attests stands."""
    rows = await _doubted(tx, account, since, until)
    ids = {row["id"] for row in rows}
    added = {row["contact_point_id"] for row in rows if row["what"] == ChangeKind.ADDED}
    there = await queries.contact_points(tx, account)
    off = [one.id for one in there if one.id in added]
    back: dict[str, str] = {}
    elsewhere = 0
    former = select(_f).where(_f.c.account_id == account, _f.c.change_id.in_(sorted(ids)))
    for row in await tx.all(former.order_by(_f.c.id)):
        if row["id"] in added:
            continue
        owner = await queries.by_address(tx, row["address_key"], row["application"])
        if owner is None:
            back.setdefault(row["address_key"], row["id"])
        elif owner.account != account:
            elsewhere += 1
        elif owner.id in off:
            # Removed, and added again: it is there as before.
            off.remove(owner.id)
    stay = [one for one in there if one.counts and one.id not in off]
    bare = bool(off) and not stay and not back
    return Plan(tuple(sorted(ids)), tuple(off), tuple(back.values()), elsewhere, bare)


async def strange(tx: Tx, account: str, since: Instant, until: Instant) -> frozenset[str]:
    """The addresses (pseudonyms) that ``plan`` takes off, and those that were taken off before, or
    that whoever added them removed again: a recovery at one of them is not its owner's."""
    rows = await _doubted(tx, account, since, until)
    ids = {row["id"] for row in rows}
    added = {row["contact_point_id"] for row in rows if row["what"] == ChangeKind.ADDED}
    found, before = set(), set()
    for row in await tx.all(select(_p.c.id, _p.c.address_key).where(_p.c.account_id == account)):
        if row["id"] in added:
            found.add(row["address_key"])
    for row in await tx.all(select(_f).where(_f.c.account_id == account)):
        if row["id"] in added or row["cause"]:
            found.add(row["address_key"])
        elif row["change_id"] in ids:
            before.add(row["address_key"])
    return frozenset(found - before)


async def carry_out(database: Database, tx: Tx, account: str, found: Plan, cause: str) -> None:
    """Do it. The caller holds the account's lock."""
    if not found.off and not found.back:
        return
    for point in found.back:
        await _bring_back(tx, point)
    for point in found.off:
        await keep(tx, point, None, cause)
    stopped = {"state": ChangeState.STOPPED.value, "stopped_by": cause[:40]}
    await tx.run(update(_h).where(_h.c.id.in_(found.changes)).values(**stopped))
    await record(
        database,
        tx,
        AddressesTakenBack(account=account, off=found.off, back=found.back, cause=cause),
    )


async def give_back(database: Database, tx: Tx, account: str, cause: str) -> int:
    """Put the addresses there again that were taken off for a cause, as far as no other account has
    them by now; returns how many. What came back stays: its owner can remove it."""
    await queries.account(tx, account, lock=True)
    ours = (_f.c.account_id == account, _f.c.cause == cause)
    back = []
    for row in await tx.all(select(_f).where(*ours).order_by(_f.c.id)):
        if await queries.by_address(tx, row["address_key"], row["application"]) is None:
            await _bring_back(tx, row["id"])
            back.append(row["id"])
    if back:
        # Else what is applied once more after that would find nothing to undo.
        stopped = (_h.c.account_id == account, _h.c.stopped_by == cause[:40])
        added = (_h.c.what == ChangeKind.ADDED.value, _h.c.contact_point_id.in_(back))
        done = {"state": ChangeState.DONE.value, "stopped_by": None}
        await tx.run(update(_h).where(*stopped, *added).values(**done))
        await record(
            database, tx, AddressesGivenBack(account=account, points=tuple(back), cause=cause)
        )
    return len(back)


async def forget(tx: Tx, before: Instant, limit: int) -> int:
    """Forget addresses that were removed before an instant; returns how many."""
    old = select(_f.c.id).where(_f.c.removed_at < before).order_by(_f.c.removed_at).limit(limit)
    return await tx.run(delete(_f).where(_f.c.id.in_(old)))


async def _doubted(tx: Tx, account: str, since: Instant, until: Instant) -> list[RowMapping]:
    """The settled changes of addresses that were begun between two instants, but for those that a
    second factor from before attests."""
    of = (_h.c.account_id == account, *_settled(since), _h.c.at <= until)
    rows = await tx.all(select(_h).where(*of))
    return [row for row in rows if not await _attested(tx, row, since)]


def _settled(since: Instant) -> tuple[ColumnElement[bool], ...]:
    done = _h.c.state == ChangeState.DONE.value
    return (_h.c.what.in_(_ADDRESSES), done, _h.c.at >= since)


async def _attested(tx: Tx, change: RowMapping, since: Instant) -> bool:
    """Whether a factor was shown for it that was there before: there was one, and none was bound
    meanwhile that could have been shown in its place."""
    if not change["factor"]:
        return False
    of = _k.c.account_id == change["account_id"]
    before = (
        of,
        _k.c.bound_at < since,
        _k.c.revoked_at.is_(None) | (_k.c.revoked_at > change["at"]),
    )
    new = (of, _k.c.bound_at >= since, _k.c.bound_at <= change["at"])
    if await tx.value(select(_k.c.id).where(*new).limit(1)) is not None:
        return False
    return await tx.value(select(_k.c.id).where(*before).limit(1)) is not None


async def _bring_back(tx: Tx, point: str) -> None:
    row = await tx.one(select(_f).where(_f.c.id == point))
    if row is None:
        return
    values = {name: row[name] for name in (*_SAME, "confirmed_at")}
    await tx.run(insert(_p).values(**values))
    await tx.run(delete(_f).where(_f.c.id == point))
