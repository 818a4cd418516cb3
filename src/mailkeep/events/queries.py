"""Read-only queries of the log by kind, for people: the newest events, whether or not they have a
position yet.

A subscriber reads ``log.after`` instead. These queries miss nothing that was committed, and promise
no order beyond that of the ids.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import func, or_, select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from .tables import audit, events
from .types import Fact, decode

MOST_LOOKED_AT = 20_000  #: facts; where there are more, something will have changed


class Seen(msgspec.Struct, frozen=True):
    """A fact and when it happened."""

    id: str
    at: Instant
    fact: Fact


class Entry(msgspec.Struct, frozen=True):
    """An entry of the audit chain. ``data``: JSON, of pseudonymous ids."""

    number: int
    at: Instant
    actor: str
    act: str
    data: str
    hash: str


async def entries(
    tx: Tx, *, before: int | None = None, act: str = "", limit: int = 50
) -> list[Entry]:
    """The newest entries of the audit chain, newest first.

    Args:
        before: only those with a lower number.
        act: only those of acts that begin so, among the newest ``MOST_LOOKED_AT``.
    """
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    if act:
        last = select(func.max(audit.c.number)).scalar_subquery()
        query = query.where(
            audit.c.number > func.coalesce(before, last) - MOST_LOOKED_AT,
            audit.c.act.startswith(act, autoescape=True),
        )
    names = Entry.__struct_fields__
    return [Entry(**{name: row[name] for name in names}) for row in await tx.all(query)]


async def recent(
    tx: Tx, kinds: Iterable[type[Fact]], since: Instant, limit: int, about: str = ""
) -> list[Seen]:
    """The newest facts of some kinds, newest first.

    Args:
        about: an id that the fact must name, of letters, digits and ``_`` alone.
    """
    query = (
        select(events)
        .where(events.c.id >= earliest("evt", since))
        .where(events.c.kind.in_([one.kind for one in kinds]))
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    if about:
        query = query.where(events.c.data.contains(f'"{about}"', autoescape=True))
    out = []
    for row in await tx.all(query):
        try:
            fact = decode(row["kind"], row["data"])
        except msgspec.DecodeError:
            continue
        if fact is not None:
            out.append(Seen(row["id"], row["at"], fact))
    return out


async def changed(tx: Tx, after: int, beginnings: Iterable[str]) -> tuple[int, bool]:
    """(the last position of the log, whether there is a fact after ``after`` whose kind begins so).
    Cheap enough to ask each second: it reads only what is new."""
    last = int(await tx.value(select(func.max(events.c.position))) or 0)
    if last <= after:
        return last, False
    if last - after > MOST_LOOKED_AT:
        return last, True
    of = or_(*(events.c.kind.startswith(one, autoescape=True) for one in beginnings))
    new = (events.c.position > after, events.c.position <= last)
    return last, await tx.value(select(events.c.position).where(*new, of).limit(1)) is not None
