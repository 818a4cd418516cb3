"""Read-only queries of the signals room."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import receivers, tables
from .types import Heard, Receiver, ReceiverView, Secured, State, Status, Stream, Waiting

_r, _s, _e = tables.receivers, tables.streams, tables.sets
_AT_ONCE = 500  #: accounts in one statement


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


async def secured(tx: Tx, accounts: Sequence[str], since: Instant) -> dict[str, Secured]:
    """By receiver: of how many accounts it was to be told something since then, and of how many of
    them it has acknowledged all of it."""
    told: dict[str, dict[str, list[State]]] = {}
    last: dict[str, Instant] = {}
    for start in range(0, len(accounts), _AT_ONCE):
        some = accounts[start : start + _AT_ONCE]
        rows = await tx.tuples(
            select(_r.c.name, _e.c.account_id, _e.c.state, _e.c.ended_at)
            .join(_r, _r.c.id == _e.c.receiver_id)
            .where(_e.c.account_id.in_(some), _e.c.made_at >= since, _e.c.due_at <= tx.now)
        )
        for name, account, state, ended in rows:
            told.setdefault(name, {}).setdefault(account, []).append(State(state))
            if state == State.ACKNOWLEDGED.value:
                last[name] = max(last.get(name, 0), ended)
    return {
        name: Secured(
            len(each),
            sum(set(states) == {State.ACKNOWLEDGED} for states in each.values()),
            sum(State.REFUSED in states for states in each.values()),
            last.get(name),
        )
        for name, each in sorted(told.items())
    }


async def unheard(tx: Tx, accounts: Sequence[str], since: Instant) -> int:
    """Of how many accounts not all that was to be told since then is acknowledged, or nobody was
    told anything."""
    heard: dict[str, bool] = {}
    for start in range(0, len(accounts), _AT_ONCE):
        some = accounts[start : start + _AT_ONCE]
        rows = await tx.tuples(
            select(_e.c.account_id, _e.c.state)
            .where(_e.c.account_id.in_(some), _e.c.made_at >= since, _e.c.due_at <= tx.now)
            .distinct()
        )
        for account, state in rows:
            heard[account] = heard.get(account, True) and state == State.ACKNOWLEDGED.value
    return len(accounts) - sum(heard.values())


async def told_in(tx: Tx, cause: str) -> list[str]:
    """The accounts about which something was told by hand in an incident, sorted."""
    rows = await tx.all(select(_e.c.account_id).where(_e.c.cause == cause).distinct())
    return sorted(row["account_id"] for row in rows)


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
