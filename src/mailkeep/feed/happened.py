"""Reads delivery events out of the log, from a place on.

Nothing is written for an event, and no copy of it is kept: it is made of its fact when somebody is
told it. A message that is kept no more, or goes to a mailbox of our own (a canary), is not told of.
"""

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import Instant
from mailkeep.events.log import after, head
from mailkeep.events.types import Recorded
from mailkeep.mail import queries
from mailkeep.mail import tables as mail
from mailkeep.store.database import Tx

from . import delivery
from .delivery import EventOut, Stands
from .types import EventKind

SPAN = 1000  #: facts that are read at a time where few of them are wanted
SPANS = 10  #: how often, at most, before others get a turn


class Wanted(msgspec.Struct, frozen=True):
    """Which events are wanted.

    Attributes:
        streams: whose; None: of all.
        addresses: with the recipient's address.
    """

    streams: frozenset[str] | None
    kinds: frozenset[EventKind]
    addresses: bool = False


class Event(msgspec.Struct, frozen=True):
    """An event in its place in the log."""

    place: int
    at: Instant
    out: EventOut


class Found(msgspec.Struct, frozen=True):
    """What there was.

    Attributes:
        events: in the order of the log.
        through: the place up to which nothing else was wanted.
        ahead: when the next one happened, which has the place behind ``through``; None: not known.
        more: there may be more behind ``through``.
    """

    events: tuple[Event, ...]
    through: int
    ahead: Instant | None
    more: bool


async def read(tx: Tx, place: int, wanted: Wanted, limit: int) -> Found:
    """Up to ``limit`` events behind a place of the log, within ``SPANS`` spans of it."""
    last = await head(tx)  # asked first: what has a place by then is read below
    found: list[Event] = []
    for number in range(SPANS):
        span = SPAN if number else 2 * limit + 2
        facts = await after(tx, place, span, delivery.FACTS)
        found += await _events(tx, _some(facts, wanted), wanted)
        if len(found) > limit:
            ahead = found[limit]
            return Found(tuple(found[:limit]), ahead.place - 1, ahead.at, more=True)
        place = facts[-1][0] if facts else place
        if len(facts) < span:
            return Found(tuple(found), max(place, last), None, more=False)
    return Found(tuple(found), place, None, more=True)


def _some(facts: Collection[tuple[int, Recorded | None]], wanted: Wanted) -> Iterator[Recorded]:
    for _, one in facts:
        if one is None or delivery.kind(one.fact) not in wanted.kinds:
            continue
        if wanted.streams is None or getattr(one.fact, "stream", None) in wanted.streams:
            yield one


async def _events(tx: Tx, facts: Iterator[Recorded], wanted: Wanted) -> list[Event]:
    some = list(facts)
    if not some:
        return []
    stand = await _standing(tx, {delivery.message_of(one.fact) for one in some})
    unheard = await queries.unheard(tx)
    named: dict[str, str] = {}
    if wanted.addresses:
        whom = {getattr(one.fact, "address", None) for one in some} - {None}
        a = mail.addresses.c
        rows = await tx.tuples(select(a.id, a.address).where(a.id.in_(sorted(map(str, whom)))))
        named = {row[0]: row[1] for row in rows}
    out = []
    for one in some:
        stands = stand.get(delivery.message_of(one.fact))
        if stands is None:
            continue
        if wanted.addresses:
            address = named.get(getattr(one.fact, "address", None) or "")
            stands = msgspec.structs.replace(stands, address=address)
        made = delivery.event(one, stands, unheard, addresses=wanted.addresses)
        out.append(Event(one.position, one.at, made))
    return out


async def _standing(tx: Tx, messages: Collection[str]) -> dict[str, Stands]:
    m = mail.messages.c
    columns = (m.id, m.status, m.provider, m.tags, m.copy_of)
    rows = await tx.tuples(select(*columns).where(m.id.in_(sorted(messages)), ~m.ours))
    return {
        row[0]: Stands(row[1], row[2], tuple(one for one in row[3].split("\n") if one), row[4])
        for row in rows
    }
