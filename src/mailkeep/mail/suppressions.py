"""Our own list of addresses that some mail is held back from.

Only a stream that names reasons (``suppress``) minds it, never a secret one nor one that carries
what owners must hear: nobody is locked out of an account by a list. Entries come from people, from
applications and from files that were exported elsewhere; no word of a provider adds one, since a
provider in an attacker's hands would say it of every customer.

Security: an address stands here in clear, so that the list can be taken along; an erasure leaves
its pseudonym, so that who asked for no more mail gets none.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, tuple_

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated
from mailkeep.store.schema import Micros

from . import tables
from .events import SuppressionChanged
from .shifting import unwanted
from .types import Shift, StreamSettings, SuppressionReason

BLOCKED_FOR = 30 * DAY  #: how long an entry lasts that says "for now"
EVERYWHERE = ""  #: the stream of an entry that holds in every one

_s = tables.suppressions


class Entry(msgspec.Struct, frozen=True):
    """An address to put on the list.

    Attributes:
        stream: in which it holds; "": in every one that minds the list.
        provider: whose list it comes from; "": nobody's.
        since: when it came on that list.
        expires_at: when it ends by itself.
    """

    address: str
    reason: SuppressionReason
    stream: str = EVERYWHERE
    provider: str = ""
    since: Instant | None = None
    expires_at: Instant | None = None

    def ends(self, now: Instant) -> Instant | None:
        """When it ends: a block does of itself."""
        if self.expires_at is not None or self.reason is not SuppressionReason.BLOCKED:
            return self.expires_at
        return (now if self.since is None else self.since) + BLOCKED_FOR


class Listed(msgspec.Struct, frozen=True):
    """An entry of the list. ``address``: "" for somebody who was erased; ``by``: who listed it."""

    address: str
    address_id: str
    reason: SuppressionReason
    stream: str
    provider: str
    by: str
    added_at: Instant
    since: Instant | None
    expires_at: Instant | None


class Put(msgspec.Struct, frozen=True):
    """What became of entries. ``over``: they had ended before they came."""

    new: int = 0
    known: int = 0
    over: int = 0

    def __add__(self, other: "Put") -> "Put":
        return Put(self.new + other.new, self.known + other.known, self.over + other.over)


async def put(tx: Tx, keys: KeyRing, entries: Sequence[Entry], *, by: str) -> Put:
    """Put addresses on the list; one that is there for that reason is said anew.

    Args:
        entries: whose addresses ``base.addresses.parse`` has returned.
        by: who lists them.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    over = 0
    for one in entries:
        ends = one.ends(tx.now)
        if ends is not None and ends <= tx.now:
            over += 1
            continue
        name = pseudonym(keys, one.address)
        rows[name, one.stream, one.reason.value] = {
            "address_id": name,
            "stream": one.stream,
            "reason": one.reason.value,
            "address": one.address,
            "provider": one.provider,
            "listed_by": by,
            "added_at": tx.now,
            "since_at": one.since,
            "expires_at": ends,
        }
    if not rows:
        return Put(over=over)
    key = tuple_(_s.c.address_id, _s.c.stream, _s.c.reason)
    known = await tx.value(select(func.count()).select_from(_s).where(key.in_(sorted(rows))))
    tx.many(_PUT, [rows[one] for one in sorted(rows)])
    return Put(len(rows) - known, known, over)


def _put(insert: Callable[..., Any]) -> Any:
    first = insert(_s)
    anew = ("address", "provider", "listed_by", "added_at", "since_at", "expires_at")
    return first.on_conflict_do_update(
        index_elements=["address_id", "stream", "reason"],
        set_={name: first.excluded[name] for name in anew},
    )


_PUT = Repeated(_put, tuple(column.name for column in _s.columns))


async def add(database: Database, tx: Tx, keys: KeyRing, entry: Entry, *, by: str) -> Put:
    """Put one address on the list by hand; audited, and a fact names it by its pseudonym."""
    done = await put(tx, keys, [entry], by=by)
    reason, stream = entry.reason.value, entry.stream
    await audit.write(tx, by, "suppress", {"reason": reason, "stream": stream})
    name = pseudonym(keys, entry.address)
    await record(
        database,
        tx,
        SuppressionChanged(address=name, listed=True, reason=reason, stream=stream, by=by),
    )
    return done


async def remove(
    database: Database,
    tx: Tx,
    keys: KeyRing,
    address: str,
    *,
    reason: SuppressionReason | None = None,
    streams: Collection[str] | None = None,
    by: str,
) -> int:
    """Take an address off the list; returns how many entries that were. Audited, as ``add``.

    Args:
        reason: for this one only.
        streams: only those that hold in these.
    """
    name = pseudonym(keys, address)
    which = [_s.c.address_id == name]
    if reason is not None:
        which.append(_s.c.reason == reason.value)
    if streams is not None:
        which.append(_s.c.stream.in_(sorted(streams)))
    gone = await tx.run(delete(_s).where(*which))
    if gone:
        await audit.write(tx, by, "unsuppress", {"reason": reason, "entries": gone})
        whole = None if reason is None else reason.value
        await record(
            database,
            tx,
            SuppressionChanged(address=name, listed=False, reason=whole, stream="", by=by),
        )
    return gone


async def of(tx: Tx, keys: KeyRing, address: str) -> list[Listed]:
    """The entries of an address that hold."""
    mine = _s.c.address_id == pseudonym(keys, address)
    holds = _holds(tx.now)
    rows = await tx.all(select(_s).where(mine, holds).order_by(_s.c.stream, _s.c.reason))
    return [_listed(row) for row in rows]


async def page(
    tx: Tx,
    after: tuple[str, str, str] | None,
    limit: int,
    *,
    reason: SuppressionReason | None = None,
) -> list[Listed]:
    """The entries that hold, in the order of their keys, ``after`` one: (pseudonym, stream,
    reason)."""
    query = select(_s).where(_holds(tx.now))
    if after is not None:
        name, stream, why = after
        behind = or_(
            _s.c.address_id > name,
            and_(_s.c.address_id == name, _s.c.stream > stream),
            and_(_s.c.address_id == name, _s.c.stream == stream, _s.c.reason > why),
        )
        query = query.where(behind)
    if reason is not None:
        query = query.where(_s.c.reason == reason.value)
    order = (_s.c.address_id, _s.c.stream, _s.c.reason)
    return [_listed(row) for row in await tx.all(query.order_by(*order).limit(limit))]


async def counts(tx: Tx) -> Counter[str]:
    """How many entries hold, by reason."""
    asked = select(_s.c.reason, func.count()).where(_holds(tx.now))
    rows = await tx.tuples(asked.group_by(_s.c.reason))
    return Counter({row[0]: int(row[1]) for row in rows})


async def unwelcome_to(
    tx: Tx, stream: StreamSettings, moving: Sequence[Shift], people: Sequence[str]
) -> frozenset[str]:
    """Whom of ``people`` (pseudonyms) a stream's mail is not given to now: by our list, or while
    it moves by what the provider said that is left (``shifting.unwanted``)."""
    found = await unwanted(tx, stream, moving, people)
    if stream.secret or not stream.suppress:
        return found
    rows = await tx.fetch(
        _ON_IT,
        ids=sorted(set(people)),
        reasons=sorted(one.value for one in stream.suppress),
        streams=[EVERYWHERE, stream.name],
        now=tx.now,
    )
    return found | {row[0] for row in rows}


async def forget_suppressions(tx: Tx, before: Instant, limit: int) -> int:
    """Forget entries that ended before an instant; returns how many."""
    key = (_s.c.address_id, _s.c.stream, _s.c.reason)
    ended = _s.c.expires_at < before
    rows = await tx.tuples(select(*key).where(ended).order_by(_s.c.expires_at).limit(limit))
    if rows:
        await tx.run(delete(_s).where(tuple_(*key).in_([tuple(row) for row in rows])))
    return len(rows)


def pseudonym(keys: KeyRing, address: str) -> str:
    """What an address is called in every other table."""
    return keys.pseudonym("address", addresses.key(address))


def _holds(now: Any) -> ColumnElement[bool]:
    return or_(_s.c.expires_at.is_(None), _s.c.expires_at > now)


_ON_IT = Repeated(
    lambda _insert: (
        select(_s.c.address_id)
        .where(
            Among(_s.c.address_id, "ids"),
            Among(_s.c.reason, "reasons"),
            Among(_s.c.stream, "streams"),
            _holds(bindparam("now", type_=Micros)),
        )
        .distinct()
    )
)


def _listed(row: Any) -> Listed:
    return Listed(
        row["address"],
        row["address_id"],
        SuppressionReason(row["reason"]),
        row["stream"],
        row["provider"],
        row["listed_by"],
        row["added_at"],
        row["since_at"],
        row["expires_at"],
    )
