"""API keys: created, shown once, restricted, rotated, revoked; and verified when presented.

Security: stored as keyed hashes. A presented key may be accepted by a look-up that is a second old,
so that a body can be read; whether anything of it is stored is decided by ``still_valid`` in the
transaction that stores it, so after a revocation has committed a key stores nothing.
"""

import asyncio
import secrets
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.store import locks
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated
from mailkeep.store.schema import Micros

from . import grants, tables
from .grants import Grant
from .types import split

LONGEST = 200  #: characters of what is presented that are looked at
KEPT = SECOND  #: for how long a key that was found is taken as good, to read a body
MOST = 10_000  #: keys that are remembered


_k = tables.api_keys
_BINDINGS = ("scopes", "streams", "domains", "networks", "application", "owner")


class KeyView(msgspec.Struct, frozen=True):
    """A key without the key.

    Attributes:
        replaced_by: the id of its successor.
        owner: the person whose it is; "": a program's.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    streams: tuple[str, ...]
    domains: tuple[str, ...]
    networks: tuple[str, ...]
    application: str
    created_at: Instant
    last_used_at: Instant | None
    expires_at: Instant | None
    revoked_at: Instant | None
    replaced_by: str | None
    owner: str = ""

    def state(self, now: Instant) -> str:
        """``good``, ``replaced`` (good until it ends), ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "good" if self.replaced_by is None else "replaced"


async def create(
    tx: Tx,
    keys: KeyRing,
    name: str,
    scopes: Iterable[str],
    *,
    streams: Iterable[str] = (),
    domains: Iterable[str] = (),
    networks: Iterable[str] = (),
    application: str = "",
    owner: str = "",
    expires_at: Instant | None = None,
    by: str,
) -> str:
    """A new API key, returned once and kept as a keyed hash; a binding left out binds nothing.

    Args:
        application: the id of the one whose users it registers.
        owner: the person who acts with it, as all their keys name them; where people come by an
            OpenID provider, the operator's id.

    Raises:
        Invalid: a domain or a network is none; a scope is not for keys of applications.
    """
    wanted = sorted(grants.Scope(one).value for one in scopes)
    foreign = [one for one in wanted if application and one not in grants.OF_APPLICATIONS]
    if foreign:
        raise Invalid(f"an application's key may not {foreign[0]}", field="scope")
    bound = {
        "scopes": ",".join(wanted),
        "streams": ",".join(streams),
        "domains": ",".join(grants.domain(one) for one in domains),
        "networks": ",".join(str(grants.network(one)) for one in networks),
        "application": application,
        "owner": owner,
    }
    key_id, key = await _insert(tx, keys, name, bound, expires_at)
    await audit.write(tx, by, "create_key", {"key": key_id, "until": expires_at, **bound})
    return key


async def rotate(tx: Tx, keys: KeyRing, name: str, overlap: Instant, *, by: str) -> str:
    """A successor of a key with its name and bindings, returned once; the old one ends after
    ``overlap``, or when it would have anyway. Where it was made for some days, so is its successor.

    Raises:
        NotFound: no key of that name is in use.
        Conflict: several are; say which by its id.
    """
    await _alone(tx)
    old = await _only(tx, name)
    bound = {one: old[one] for one in _BINDINGS}
    until, end = old["expires_at"], tx.now + overlap
    expires_at = None if until is None else tx.now + (until - old["created_at"])
    bound["line"] = old["line"] or old["id"]
    key_id, key = await _insert(tx, keys, old["name"], bound, expires_at)
    end = end if until is None else min(end, until)
    await tx.run(update(_k).where(_k.c.id == old["id"]).values(expires_at=end, replaced_by=key_id))
    entry = {"key": old["id"], "ends": end, "successor": key_id, "until": expires_at}
    await audit.write(tx, by, "rotate_key", entry)
    return key


async def revoke(tx: Tx, name: str, *, by: str) -> int:
    """Revoke every key of that name or id, at once and for good; returns how many."""
    await _alone(tx)
    of = (or_(_k.c.name == name, _k.c.id == name), _k.c.revoked_at.is_(None))
    ids = [row["id"] for row in await tx.all(select(_k.c.id).where(*of).order_by(_k.c.id))]
    if ids:
        await tx.run(update(_k).where(*of).values(revoked_at=tx.now))
        await audit.write(tx, by, "revoke_keys", {"keys": ids})
    return len(ids)


async def listing(tx: Tx) -> list[KeyView]:
    """Every key that was ever made, the oldest first."""
    return [
        KeyView(
            row["id"],
            row["name"],
            split(row["scopes"]),
            split(row["streams"]),
            split(row["domains"]),
            split(row["networks"]),
            row["application"],
            row["created_at"],
            row["last_used_at"],
            row["expires_at"],
            row["revoked_at"],
            row["replaced_by"],
            row["owner"],
        )
        for row in await tx.all(select(_k).order_by(_k.c.id))
    ]


async def authorise(
    tx: Tx,
    keys: KeyRing,
    presented: str,
    scope: str,
    *,
    streams: Iterable[str] = (),
    senders: Iterable[str] = (),
    network: str,
) -> Grant:
    """What the key that was presented may do, when ``scope`` on ``streams``, in the name of
    ``senders`` and from ``network`` (an address) is part of it.

    Raises:
        NotSignedIn: no such key, or it was revoked or has expired.
        NotAllowed: the key is good, and not for this.
    """
    grant = await _find(tx, lookup(keys, presented))
    grant.require(scope, streams=streams, senders=senders, network=network)
    return grant


async def still_valid(tx: Tx, ids: Collection[str]) -> set[str]:
    """Those of a few keys that are good, to the end of this transaction: none of them can be
    revoked before it has ended."""
    good = (_STILL_GOOD, {"ids": sorted(ids), "now": tx.now})
    if tx.is_postgresql:
        # A revocation waits for us, and we for one that has begun. Not a row lock: many that share
        # one could keep a revocation waiting for ever, while here everybody queues.
        _, rows = await tx.fetch_each((_IN_LINE, {}), good)
    else:
        (rows,) = await tx.fetch_each(good)
    return {row[0] for row in rows}


async def still_may(tx: Tx, key_id: str, scope: str, network: str) -> str | None:
    """The name of a key that was presented earlier; None when it is not good any more, or may not
    do ``scope`` from ``network`` (an address)."""
    row = await tx.one(select(_k).where(_k.c.id == key_id, *_good(tx.now)))
    if row is None:
        return None
    try:
        _grant(row).require(scope, network=network)
    except NotAllowed:
        return None
    return str(row["name"])


async def owner_of(tx: Tx, key_id: str) -> str | None:
    """The person whose key it is; "": nobody's. None: it is no key."""
    found: str | None = await tx.value(select(_k.c.owner).where(_k.c.id == key_id))
    return found


class Grants:
    """What presented keys may do, remembered for a second: at thousands of requests a second a key
    is read once.

    Only to let a request in until its body is read. What it asks for is decided anew, by
    ``still_valid`` or ``authorise``, in the transaction that does it.

    Args:
        database: where the keys are.
        keys: know a key by its hash.
    """

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys
        self._known: dict[str, tuple[Instant, Grant]] = {}
        self._asked: dict[str, asyncio.Task[Grant]] = {}
        self._used: dict[str, Instant] = {}

    async def find(self, presented: str, scope: str, network: str) -> Grant:
        """What the key may do, when ``scope`` from ``network`` (an address) is part of it.

        Raises:
            NotSignedIn, NotAllowed: see ``authorise``.
        """
        name = lookup(self._keys, presented)
        now = self._database.clock.now()
        at, grant = self._known.get(name, (0, None))
        if grant is None or not at <= now < at + KEPT or _over(grant.expires_at, now):
            grant = await self._read_once(name)
        grant.require(scope, network=network)
        self.used(grant)
        return grant

    def used(self, grant: Grant) -> None:
        """Remember that a key was used, to be written down by ``note``."""
        self._used[grant.id] = self._database.clock.now()

    async def note(self) -> int:
        """Write down which keys were used, each at most once a minute; returns how many.

        Raises:
            Unavailable: the database is away; they are written down the next time.
        """
        used, self._used = self._used, {}
        if not used:
            return 0
        rows = [{"of": key, "when": at, "due": at - MINUTE} for key, at in sorted(used.items())]

        async def work(tx: Tx) -> None:
            old = or_(_k.c.last_used_at.is_(None), _k.c.last_used_at <= bindparam("due"))
            of = _k.c.id == bindparam("of")
            await tx.run(update(_k).where(of, old).values(last_used_at=bindparam("when")), rows)

        try:
            await self._database.retrying(work)
        except BaseException:
            self._used = used | self._used
            raise
        return len(rows)

    async def _read_once(self, name: str) -> Grant:
        """Read a key; who asks for it meanwhile waits for the same answer."""
        task = self._asked.get(name)
        if task is None:
            task = self._asked[name] = asyncio.create_task(self._read(name))
            task.add_done_callback(lambda done: self._done(name, done))
        return await asyncio.shield(task)  # who hangs up must not spoil it for the others

    def _done(self, name: str, task: asyncio.Task[Grant]) -> None:
        self._asked.pop(name, None)
        if not task.cancelled():
            task.exception()  # heard here too: everyone who asked may have hung up

    async def _read(self, name: str) -> Grant:
        self._known.pop(name, None)
        async with self._database.glance() as tx:
            grant = await _find(tx, name)
            at = tx.now
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[name] = (at, grant)
        return grant


def lookup(keys: KeyRing, presented: str) -> str:
    """The hash under which a key is kept."""
    return keys.lookup_hash("api key", presented[:LONGEST])


async def _find(tx: Tx, hashed: str) -> Grant:
    row = await tx.one(select(_k).where(_k.c.hash == hashed))
    if row is None:
        raise NotSignedIn("the API key is not known")
    if row["revoked_at"] is not None:
        raise NotSignedIn("the API key has been revoked")
    if _over(row["expires_at"], tx.now):
        raise NotSignedIn("the API key has expired")
    return _grant(row)


def _grant(row: RowMapping) -> Grant:
    return Grant(
        row["id"],
        row["name"],
        frozenset(split(row["scopes"])),
        frozenset(split(row["streams"])),
        split(row["domains"]),
        tuple(grants.network(one) for one in split(row["networks"])),
        row["expires_at"],
        row["line"] or row["id"],
        row["application"],
    )


async def _insert(
    tx: Tx, keys: KeyRing, name: str, bound: dict[str, str], expires_at: Instant | None
) -> tuple[str, str]:
    """(id, key)"""
    key, key_id = f"mk_{secrets.token_urlsafe(24)}", new_id("key", tx.now)
    await tx.run(
        insert(_k).values(
            id=key_id,
            name=name,
            hash=lookup(keys, key),
            created_at=tx.now,
            expires_at=expires_at,
            **bound,
        )
    )
    return key_id, key


async def _only(tx: Tx, name: str) -> RowMapping:
    """The one key of that name or id that is in use and has no successor."""
    of = or_(_k.c.name == name, _k.c.id == name)
    rows = await tx.all(select(_k).where(of, _k.c.replaced_by.is_(None), *_good(tx.now)))
    if not rows:
        raise NotFound("no key of that name is in use")
    if len(rows) > 1:
        raise Conflict("several keys of that name are in use; say which by its id")
    return rows[0]


async def _alone(tx: Tx) -> None:
    """Wait for whoever relies on a key, and have the next ones wait: see ``still_valid``."""
    await locks.alone(tx, locks.API_KEYS)


def _good(now: Instant | BindParameter[Instant]) -> tuple[Any, Any]:
    return _k.c.revoked_at.is_(None), or_(_k.c.expires_at.is_(None), _k.c.expires_at > now)


_IN_LINE = Repeated(
    lambda _insert: select(func.pg_advisory_xact_lock_shared(literal_column(str(locks.API_KEYS))))
)
_STILL_GOOD = Repeated(
    lambda _insert: select(_k.c.id).where(
        Among(_k.c.id, "ids"), *_good(bindparam("now", type_=Micros))
    )
)


def _over(end: Instant | None, now: Instant) -> bool:
    return end is not None and end <= now
