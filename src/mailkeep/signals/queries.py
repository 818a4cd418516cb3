"""Reads of the signals room."""

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import receivers, tables
from .types import Heard, Receiver, ReceiverView, State, Status, Stream, Waiting

_r, _s, _e = tables.receivers, tables.streams, tables.sets


async def acknowledged(tx: Tx, account: str, since: Instant) -> list[Heard]:
    """What every receiver was to be told of an account since then, the oldest first.

    An account counts as secured at a receiver only where that says ``acknowledged``: what was sent
    and not acknowledged may have reached nobody.
    """
    rows = await tx.all(
        select(_e, _r.c.name)
        .join(_r, _r.c.id == _e.c.receiver_id)
        .where(_e.c.account_id == account, _e.c.made_at >= since, _e.c.due_at <= tx.now)
        .order_by(_e.c.made_at, _e.c.id)
    )
    return [heard(row) for row in rows]


async def told_in(tx: Tx, cause: str) -> list[tuple[str, Heard]]:
    """(account, what became of it) of all that was told in one incident by hand."""
    rows = await tx.all(
        select(_e, _r.c.name)
        .join(_r, _r.c.id == _e.c.receiver_id)
        .where(_e.c.cause == cause)
        .order_by(_e.c.made_at, _e.c.id)
    )
    return [(row["account_id"], heard(row)) for row in rows]


async def stream_of(tx: Tx, receiver: Receiver, stream: str | None = None) -> Stream | None:
    """The stream of a receiver; with an id, only when it is that one."""
    row = await tx.one(select(_s).where(_s.c.receiver_id == receiver.id))
    if row is None or (stream is not None and row["id"] != stream):
        return None
    return stream_view(row, receiver)


async def streams(tx: Tx) -> list[Stream]:
    """Every stream, the oldest first."""
    known = {one.id: one for one in await receivers.listing(tx)}
    rows = await tx.all(select(_s).order_by(_s.c.id))
    return [stream_view(row, known[row["receiver_id"]]) for row in rows]


async def overview(tx: Tx) -> list[ReceiverView]:
    """Every receiver with its stream and what became of its events."""
    rows = {row["receiver_id"]: row for row in await tx.all(select(_s))}
    counts = {
        (row["receiver_id"], row["state"]): row["n"]
        for row in await tx.all(
            select(_e.c.receiver_id, _e.c.state, func.count().label("n")).group_by(
                _e.c.receiver_id, _e.c.state
            )
        )
    }
    out = []
    for one in await receivers.listing(tx):
        row = rows.get(one.id)
        waiting, known, refused, dropped = (counts.get((one.id, word.value), 0) for word in State)
        out.append(
            ReceiverView(
                one,
                None if row is None else stream_view(row, one),
                waiting,
                known,
                refused,
                dropped,
                None if row is None else row["failing_since"],
                None if row is None else row["error"],
            )
        )
    return out


async def count_waiting(tx: Tx, receiver: str) -> int:
    """How many events wait for a receiver."""
    of = _e.c.receiver_id == receiver, _e.c.state == State.WAITING.value
    return int(await tx.value(select(func.count()).where(*of)) or 0)


def stream_view(row: RowMapping, receiver: Receiver) -> Stream:
    """A stream out of its row."""
    requested = row["requested"]
    return Stream(
        row["id"],
        receiver,
        row["method"],
        row["endpoint"],
        None if requested is None else tuple(requested.split()),
        row["description"],
        Status(row["status"]),
        row["reason"],
    )


def waiting_view(row: RowMapping) -> Waiting:
    """An event out of its row."""
    return Waiting(
        row["id"],
        row["kind"],
        row["account_id"],
        row["subject"],
        row["body"],
        row["txn"],
        row["at"],
        row["made_at"],
        row["due_at"],
        row["tries"],
    )


def heard(row: RowMapping) -> Heard:
    """What became of an event, out of its row and its receiver's name."""
    return Heard(
        row["name"],
        row["kind"],
        State(row["state"]),
        row["made_at"],
        row["sent_at"],
        row["ended_at"],
        row["error"],
    )
