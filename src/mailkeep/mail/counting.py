"""Aggregates the exposure ledger in the background, a batch at a time.

A claim writes its row of the ledger and nothing else; new rows are counted here, into
``exposed_firsts`` and ``exposed_counts``, by one process at a time. A query adds what is counted
and what is not yet in one statement, so the answer is exact however far behind this is.

Security: an erased address stays in the counts under a number that says nothing: nobody can make an
incident smaller by asking to be erased.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy import literal as said

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.store import locks
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated

from . import ledger
from .tables import exposed_counts, exposed_firsts, exposures

BATCH = 500  #: rows of the ledger in one transaction: a few milliseconds of the one who writes
MOST_BITS = 60  #: providers that one number of the database can tell apart
GONE = "gone"  #: begins the number that stands for an address that was forgotten


_x, _f, _c = exposures, exposed_firsts, exposed_counts
_ROW = ("address_id", "provider", "stream", "day")


async def step(database: Database) -> bool:
    """Count a batch; whether there may be more."""
    async with database.read() as tx:
        if not await tx.fetch(_ANY):
            return False
    return await database.retrying(lambda tx: count(tx, BATCH)) == BATCH


async def count(tx: Tx, limit: int) -> int:
    """Count some of what was not counted, the oldest first; returns how many rows."""
    await _turn(tx)
    rows = await tx.fetch(_WAITING, most=limit)
    await _count(tx, rows)
    return len(rows)


async def forget(tx: Tx, addresses: Collection[str], before: Instant) -> None:
    """Forget what some addresses (pseudonyms) were exposed to, as far as it was over at an instant.
    They stay in the counts."""
    await _turn(tx)
    names = sorted(addresses)
    await _count(tx, await tx.fetch(_WAITING_OF, names=names))
    over = (_x.c.address_id.in_(names), _x.c.last_at <= before)
    found = await tx.tuples(select(_x.c.address_id).where(*over).distinct())
    gone = [row[0] for row in found]
    await tx.run(delete(_x).where(*over))
    for name in gone:
        number = f"{GONE}_{secrets.token_hex(12)}"
        await tx.run(update(_f).where(_f.c.address_id == name).values(address_id=number))
    # An address that came back after an erasure is given anew, and counted anew.
    await tx.run(update(_x).where(_x.c.address_id.in_(gone)).values(counted=None))


async def exposed(tx: Tx, providers: Set[str], until: Instant) -> int:
    """How many addresses any of some providers had been given by ``until``.

    A sum of what was counted before that minute, a look at the minute itself, and at what waits to
    be counted: one statement, so that nothing moves from one to the other meanwhile.
    """
    if not providers:
        return 0
    rows = await tx.tuples(_question(sorted(providers), until))
    return ledger.total(((row[0], row[1], int(row[2])) for row in rows), providers)


async def exposed_to_each(tx: Tx) -> dict[str, int]:
    """How many addresses each provider was ever given."""
    c = select(_c.c.provider, func.sum(_c.c.count).label("n")).where(_c.c.span == ledger.DAY)
    late = select(_x.c.provider, func.count(_x.c.address_id.distinct()).label("n")).where(
        _x.c.counted.is_(None), ~_known((_f.c.provider == _x.c.provider,))
    )
    rows = await tx.tuples(c.group_by(_c.c.provider).union_all(late.group_by(_x.c.provider)))
    found: Counter[str] = Counter()
    for provider, n in rows:
        found[provider] += int(n)
    return dict(found)


async def given(tx: Tx) -> list[tuple[str, str, int]]:
    """(provider, who had them before, how many) of everything so far: ``ledger.total`` says of it
    how many addresses any set of providers was given, each counted once.

    What waits to be counted is added by who waits for an address and who has it: few sorts, however
    many addresses wait.
    """
    rows = await tx.tuples(
        select(_c.c.provider, _c.c.before, func.sum(_c.c.count))
        .where(_c.c.span == ledger.DAY)
        .group_by(_c.c.provider, _c.c.before)
    )
    found = Counter({(row[0], row[1]): int(row[2]) for row in rows})
    late = await tx.tuples(select(_x.c.provider).where(_x.c.counted.is_(None)).distinct())
    names = sorted({*(row[0] for row in late), *(provider for provider, _ in found)})
    if late and len(names) <= MOST_BITS:
        for row in await tx.tuples(_sorts(names)):
            waits, has, count = map(int, row)
            had = [name for bit, name in enumerate(names) if has >> bit & 1]
            for bit, name in enumerate(names):
                if waits >> bit & 1:
                    found[name, ",".join(sorted(had))] += count
                    had.append(name)
    elif late:  # nobody has so many providers; of what waits, each one's is counted by itself
        for name, count in (await exposed_to_each(tx)).items():
            known = sum(n for (provider, _), n in found.items() if provider == name)
            found[name, ""] += count - known
    return sorted((*step, count) for step, count in found.items() if count)


def _sorts(names: list[str]) -> Any:
    """(who waits, who has it, how many) of addresses that wait to be counted; each provider is a
    bit of the sums."""
    new = (
        select(_x.c.address_id, _bit(_x.c.provider, names).label("bit"))
        .where(_x.c.counted.is_(None), ~_known((_f.c.provider == _x.c.provider,)))
        .distinct()
        .subquery()
    )
    waits = (
        select(new.c.address_id, func.sum(new.c.bit).label("waits"))
        .group_by(new.c.address_id)
        .subquery()
    )
    has = (
        select(func.coalesce(func.sum(_bit(_f.c.provider, names)), 0))
        .where(_f.c.address_id == waits.c.address_id)
        .scalar_subquery()
    )
    each = select(waits.c.waits.label("waits"), has.label("has")).subquery()
    return select(each.c.waits, each.c.has, func.count()).group_by(each.c.waits, each.c.has)


def _bit(provider: ColumnElement[str], names: list[str]) -> ColumnElement[int]:
    bits = [(provider == name, said(1 << bit, BigInteger)) for bit, name in enumerate(names)]
    return case(*bits, else_=said(0, BigInteger))


async def is_behind(tx: Tx, until: Instant) -> bool:
    """Whether something that was given by ``until`` is not counted yet."""
    return bool(await tx.fetch(_BEHIND, until=until))


async def _turn(tx: Tx) -> None:
    """Nobody else counts from here to the end of the transaction: two that met one address at once
    would both find that nobody had it before."""
    await locks.alone(tx, locks.COUNTS)


async def _count(tx: Tx, rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    names = sorted({row[0] for row in rows})
    before: dict[str, dict[str, Instant]] = {name: {} for name in names}
    for name, provider, at in await tx.fetch(_FIRSTS_OF, names=names):
        before[name][provider] = at
    after = {name: dict(given) for name, given in before.items()}
    for name, provider, _stream, _day, at in rows:
        given = after[name]
        given[provider] = min(at, given.get(provider, at))
    changed: Counter[ledger.Key] = Counter()
    firsts: list[dict[str, Any]] = []
    for name in names:
        if before[name] == after[name]:
            continue
        changed.update(ledger.changes(before[name], after[name]))
        firsts += _news(name, before[name], after[name])
    tx.many(_KEEP, firsts)
    tx.many(_ADD, [key._asdict() | {"count": n} for key, n in sorted(changed.items()) if n])
    # In the same order as the claims, which write the same rows.
    marks = sorted(tuple(row[:4]) for row in rows)
    tx.many(_COUNTED, [dict(zip(_MARKS, row, strict=True)) for row in marks])


def _news(name: str, before: ledger.Given, after: ledger.Given) -> Iterable[dict[str, Any]]:
    for provider, at in after.items():
        if before.get(provider) != at:
            yield {"address_id": name, "provider": provider, "first_at": at}


def _waiting() -> Select[Any]:
    return select(*(_x.c[name] for name in _ROW), _x.c.first_at).where(_x.c.counted.is_(None))


def _known(where: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether a row of the ledger is of an address that is counted already, for those ``where``."""
    return select(_f.c.address_id).where(_f.c.address_id == _x.c.address_id, *where).exists()


def _question(providers: list[str], until: Instant) -> Any:
    """(provider, who had them before, how many): what ``ledger.total`` adds up. The last two are
    of a set as a whole, and of no provider more than of another: they stand under the first."""
    minute = until // MINUTE
    day = minute // ledger.DAY * ledger.DAY
    columns = (_c.c.provider, _c.c.before, func.sum(_c.c.count))
    of = _c.c.provider.in_(providers)
    days = (_c.c.span == ledger.DAY, of, _c.c.start < day)
    minutes = (_c.c.span == 1, of, _c.c.start >= day, _c.c.start < minute)
    suspect, older = _f.c.provider.in_(providers), exposed_firsts.alias()
    earlier = select(older.c.address_id).where(
        older.c.address_id == _f.c.address_id,
        older.c.provider.in_(providers),
        older.c.first_at < minute * MINUTE,
    )
    one, nobody = said(providers[0]), said("")
    within = select(one, nobody, func.count(_f.c.address_id.distinct())).where(
        suspect, _f.c.first_at >= minute * MINUTE, _f.c.first_at <= until, ~earlier.exists()
    )
    late = select(one, nobody, func.count(_x.c.address_id.distinct())).where(
        _x.c.counted.is_(None),
        _x.c.provider.in_(providers),
        _x.c.first_at <= until,
        ~_known((suspect, _f.c.first_at <= until)),
    )
    grouped = (_c.c.provider, _c.c.before)
    return (
        select(*columns)
        .where(*days)
        .group_by(*grouped)
        .union_all(select(*columns).where(*minutes).group_by(*grouped), within, late)
    )


_ANY = Repeated(lambda _insert: select(_x.c.first_at).where(_x.c.counted.is_(None)).limit(1))
_BEHIND = Repeated(
    lambda _insert: (
        select(_x.c.first_at)
        .where(_x.c.counted.is_(None), _x.c.first_at <= bindparam("until"))
        .limit(1)
    )
)
_WAITING = Repeated(lambda _insert: _waiting().order_by(_x.c.first_at).limit(bindparam("most")))
_WAITING_OF = Repeated(lambda _insert: _waiting().where(Among(_x.c.address_id, "names")))
_FIRSTS_OF = Repeated(
    lambda _insert: select(_f.c.address_id, _f.c.provider, _f.c.first_at).where(
        Among(_f.c.address_id, "names")
    )
)


def _keep(insert: Callable[..., Any]) -> Any:
    first = insert(_f)
    return first.on_conflict_do_update(
        index_elements=["address_id", "provider"], set_={"first_at": first.excluded.first_at}
    )


def _add(insert: Callable[..., Any]) -> Any:
    more = insert(_c)
    return more.on_conflict_do_update(
        index_elements=["span", "provider", "start", "before"],
        set_={"count": _c.c.count + more.excluded.count},
    )


_KEEP = Repeated(_keep, ("address_id", "provider", "first_at"))
_ADD = Repeated(_add, ("span", "provider", "start", "before", "count"))
_MARKS = ("name", "whose", "kind", "on")
_COUNTED = Repeated(
    lambda _insert: (
        update(_x)
        .where(
            _x.c.address_id == bindparam("name"),
            _x.c.provider == bindparam("whose"),
            _x.c.stream == bindparam("kind"),
            _x.c.day == bindparam("on"),
        )
        .values(counted=True)
    )
)
