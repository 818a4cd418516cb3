"""The signals on the log that opinions are formed from: of each sort the newest, found by an index.

Who can raise many signals of one sort, by changing a provider's account each minute or with
accounts of their own, pushes out none of another: each detector is read for itself, each provider
for itself, and what nobody outside could have staged for itself. Of accounts, domains and mailbox
services, of which anybody may make many, the newest signal of each is read before the second of
any.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, Text, bindparam, func, literal_column, select

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.ids import earliest
from mailkeep.events.tables import Pair, Sort, events
from mailkeep.events.types import decode
from mailkeep.store.database import Tx
from mailkeep.store.repeated import Repeated

from .events import SignalRaised
from .hearing import MOST_ALIKE
from .types import Signal

LOOK_BACK = 30 * DAY  #: no signal weighs longer
MOST_SORTS = 4096  #: more than any house has of detectors, times what they speak of, times two
MOST_OF_EACH = 8 * MOST_ALIKE  #: signals of one detector about one subject
MOST_OF_MANY = 256  #: signals of one detector about accounts, domains or mailbox services
MOST_LOOKED = 4096  #: of those so many are looked through, the newest

Row = Sequence[Any]  #: id, position, kind, data

_e = events.c


def _sorts() -> Select[Any]:
    """Each sort that is on the log: a step of the index each, however many signals it has."""
    sort = Sort(_e.data)
    first = select(sort).where(_is_signal(_e)).order_by(sort).limit(1).scalar_subquery()
    found = select(first.label("sort")).cte("sorts", recursive=True)
    other = events.alias("later").c
    later = Sort(other.data)
    following = (
        select(later)
        .where(_is_signal(other), later > found.c.sort)
        .order_by(later)
        .limit(1)
        .scalar_subquery()
    )
    found = found.union_all(select(following).where(found.c.sort.is_not(None)))
    return select(found.c.sort).where(found.c.sort.is_not(None)).limit(MOST_SORTS)


def _newest() -> Select[Any]:
    """Of one sort the newest: at most ``each`` about one subject, without those that a later one
    replaces, and ``most`` in all; the first of each subject before the second of any."""
    pair = Pair(_e.data)
    newest = (
        select(_e.id, _e.position, _e.kind, _e.data, pair.label("pair"))
        .where(_is_signal(_e), Sort(_e.data) == bindparam("sort", type_=Text))
        .order_by(_e.position.desc(), _e.id.desc())
        .limit(bindparam("looked"))
        .subquery()
    ).c
    latest = (newest.position.desc(), newest.id.desc())
    # Inside a text its quotes would be escaped.
    replaces = newest.data.like(literal_column("""'%"restates":true%'"""))
    ranked = select(
        newest.id,
        newest.position,
        newest.kind,
        newest.data,
        func.row_number().over(partition_by=newest.pair, order_by=latest).label("rank"),
        func.count()
        .filter(replaces)
        .over(partition_by=newest.pair, order_by=latest, rows=(None, -1))
        .label("replaced"),
    ).subquery()
    r = ranked.c
    return (
        select(r.id, r.position, r.kind, r.data)
        .where(
            r.replaced == literal_column("0"),
            r.rank <= bindparam("each"),
            r.id >= bindparam("since", type_=Text),
        )
        .order_by(r.rank, r.position.desc(), r.id.desc())
        .limit(bindparam("most"))
    )


def _is_signal(columns: Any) -> Any:
    # Written out, not bound: so both engines see that the index of signals answers it.
    return columns.kind == literal_column(f"'{SignalRaised.kind}'")


SORTS = Repeated(lambda _insert: _sorts())
NEWEST = Repeated(lambda _insert: _newest())


async def rows(tx: Tx) -> list[Row]:
    """The rows of the signals that opinions are formed from, in no order."""
    asked = [(NEWEST, of_sort(sort, tx.now)) for sort in await sorts(tx)]
    return [row for found in await tx.fetch_each(*asked) for row in found] if asked else []


def in_order(rows: Iterable[Row]) -> list[Signal]:
    """The signals of the rows in the order of the log (pure)."""
    out = []
    for _id, _position, kind, data in sorted(rows, key=_place):
        fact = decode(kind, data)
        if isinstance(fact, SignalRaised):
            out.append(fact.signal)
    return out


async def sorts(tx: Tx) -> list[str]:
    """The sorts of signals that are on the log."""
    return [row[0] for row in await tx.fetch(SORTS)]


def of_sort(sort: str, now: Instant) -> dict[str, Any]:
    """What ``NEWEST`` asks of a sort."""
    few = sort.endswith("},")  # ends with the subject's id, not with its kind
    return {
        "sort": sort,
        "looked": MOST_OF_EACH if few else MOST_LOOKED,
        "each": MOST_OF_EACH,
        "most": MOST_OF_EACH if few else MOST_OF_MANY,
        "since": earliest("evt", now - LOOK_BACK),
    }


def _place(row: Row) -> tuple[bool, int, str]:
    """Where a fact stands in the log. Ids follow the clocks of processes, which differ and may be
    put back: what was withdrawn would come back, and what was said since be withdrawn by it."""
    return row[1] is None, row[1] or 0, row[0]
