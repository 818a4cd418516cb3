"""The outbox: claims due messages under a lease (transactional outbox).

The claim's own transaction writes the attempt as started and the exposure, so that no kill hides
that a provider may have had the message.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from mailkeep.base.clock import SECOND, Instant
from mailkeep.events.log import record
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated
from mailkeep.store.schema import Micros
from mailkeep.store.ways import Rows

from . import tables
from .claimed import Claimed, Due
from .events import FailedOver, MessageGivenUp
from .fitting import SMALL
from .health import Breaker, probing
from .leases import LEASE, Leases
from .routing import BUSY, Busy, Go, Trickle, Wanted, choose, others, shifted
from .shifting import SHIFTS
from .suppressions import unwelcome_to
from .types import (
    LASTING,
    WITHHELD,
    GiveUpReason,
    Job,
    RouteSettings,
    Shift,
    Status,
    StreamSettings,
    split,
)

ASK_FOR = 300 * SECOND  #: for so long a provider that may have a message is waited for, to be asked

#: Not guessable: which of two routes a secret takes must not be foreseen by either.
_draw = secrets.SystemRandom().random

_m = tables.messages
_a = tables.attempts
_b = tables.message_bodies
_s = tables.provider_states

#: Each provider, when it was cut off, and since when it rests.
STATES = Repeated(lambda _insert: select(_s.c.provider, _s.c.cut_at, _s.c.rested_at))

#: Told without reading the body, by both engines; a large one is read by whoever sends it.
_SIZE = func.length(_b.c.data)
_SMALL_DATA = case((_SIZE <= SMALL, _b.c.data))


def due(stream: str) -> str:
    """What is told when something in ``stream`` waits to be sent."""
    return f"due {stream}"


def _is_due() -> ColumnElement[bool]:
    # The words stand in the statement itself: from a bound value no engine can tell that the index
    # over what is due holds all that is asked for, and it would read every message instead.
    queued: ColumnElement[str] = literal_column(f"'{Status.QUEUED.value}'")
    sending: ColumnElement[str] = literal_column(f"'{Status.SENDING.value}'")
    waits = _m.c.status == queued
    now = bindparam("now", type_=Micros)
    lapsed = (_m.c.status == sending) & (_m.c.lease_until < bindparam("lapsed", type_=Micros))
    due_at_all = _m.c.status.in_([queued, sending])
    of = _m.c.stream == bindparam("stream")
    return of & (_m.c.next_at <= now) & due_at_all & or_(waits, lapsed)


async def is_due(tx: Tx, stream: str, leases: Leases | None = None) -> bool:
    """Whether there is anything to claim in a stream; ``leases``: see ``claim``."""
    lapsed = tx.now if leases is None else leases.lapsed(tx.now)
    return bool(await tx.fetch(_ANY_DUE, stream=stream, now=tx.now, lapsed=lapsed))


_ANY_DUE = Repeated(lambda _insert: select(_m.c.id).where(_is_due()).limit(literal_column("1")))


def _due() -> Any:
    m, b = _m.c, _b.c
    wanted = select(m.id, m.address_id, m.copies, m.secret, m.ours, m.only, m.avoid)
    wanted = wanted.add_columns(m.family, m.created_at, m.expires_at, m.tries)
    wanted = wanted.add_columns(b.hour, _SIZE, _SMALL_DATA, m.status)
    return (
        wanted.join_from(_m, _b, b.message_id == m.id, isouter=True)
        .where(_is_due())
        .order_by(m.next_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=_m)
    )


_DUE = Repeated(lambda _insert: _due())


async def claim(
    database: Database,
    tx: Tx,
    stream: StreamSettings,
    breakers: dict[str, Breaker],
    limit: int,
    *,
    busy: Busy | None = None,
    askable: Set[str] = frozenset(),
    trickle: Trickle | None = None,
    leases: Leases | None = None,
) -> list[Job]:
    """Claim up to ``limit`` due messages of a stream and write their attempts as started.

    Args:
        breakers: of this stream, by provider; marked where a probe goes out.
        busy: how many more each provider can take now, and which of them seem to hang.
        askable: providers that tell whether they have a message of ours.
        trickle: what standbys carry all the same.
        leases: what this process has in hand, and is not claimed again.
    """
    due_ones, states, shifts = await _look(tx, stream, limit, leases)
    if not due_ones:
        return []
    unwelcome = await unwelcome_to(tx, stream, shifts, [one.address for one in due_ones])
    ways = _Ways(
        stream=stream,
        routes=shifted(stream.routes, shifts) if shifts else stream.routes,
        breakers=breakers,
        cut=frozenset(name for name, cut_at, _ in states if cut_at is not None),
        resting=frozenset(name for name, _, rested_at in states if rested_at is not None),
        busy=busy or Busy({}),
        askable=askable,
        trickle=trickle,
        now=tx.now,
    )
    tried = await _tried(tx, [one.id for one in due_ones if one.tries > 0])
    claimed = Claimed(stream.name, LEASE + (tx.now if leases is None else leases.shared(tx.now)))
    for one in due_ones:
        hopeless = _hopeless(one, unwelcome, tx.now)
        if hopeless is not None:
            why, keep = hopeless
            claimed.facts.append(
                await give_up(tx, one.id, stream.name, one.address, why, keep=keep)
            )
        elif not ways.busy.fits(one.size or 0):
            _hold_back(claimed, one, ways)
        else:
            _route(claimed, one, tried.get(one.id, []), ways)
    claimed.write(tx)
    await record(database, tx, *claimed.facts)
    return claimed.jobs


class _Try(NamedTuple):
    """An earlier attempt; ``outcome`` None: cut short by a kill."""

    provider: str
    outcome: str | None
    started_at: Instant


class _Ways(NamedTuple):
    """The ways out of a stream as they stand while one claim decides; see ``claim``.

    Attributes:
        routes: with the weights that moves between providers have given them by now.
        cut: providers that are cut off.
        resting: providers that rest.
    """

    stream: StreamSettings
    routes: tuple[RouteSettings, ...]
    breakers: dict[str, Breaker]
    cut: frozenset[str]
    resting: frozenset[str]
    busy: Busy
    askable: Set[str]
    trickle: Trickle | None
    now: Instant


async def _look(
    tx: Tx, stream: StreamSettings, limit: int, leases: Leases | None
) -> tuple[list[Due], Rows, list[Shift]]:
    """What is due and not in hand, how the providers stand, and what moves between them."""
    lapsed = tx.now if leases is None else leases.lapsed(tx.now)
    asked = {"stream": stream.name, "now": tx.now, "lapsed": lapsed, "most": limit}
    rows, states, moved = await tx.fetch_each(
        (_DUE, asked), (STATES, {}), (SHIFTS, {"stream": stream.name})
    )
    in_hand = frozenset() if leases is None else leases.in_hand()
    due_ones = [
        one
        for one in (Due(*row) for row in rows)
        if one.status != Status.SENDING.value or one.id not in in_hand
    ]
    return due_ones, states, [Shift(*row) for row in moved]


def _hopeless(one: Due, unwelcome: Set[str], now: Instant) -> tuple[GiveUpReason, bool] | None:
    """Why a message is given up unsent, and whether its body stays; None: it is to be sent."""
    if one.size is None:
        return GiveUpReason.NO_BODY, not one.secret
    if one.expires_at <= now:
        return GiveUpReason.EXPIRED, not one.secret
    if one.address in unwelcome and not one.copies:  # what goes to others too goes out whole
        return GiveUpReason.SUPPRESSED, True
    return None


def _hold_back(claimed: Claimed, one: Due, ways: _Ways) -> None:
    """Leave a body for which there is no room. The first keeps its place at the head; behind it
    smaller ones may go first."""
    if ways.busy.waits:
        claimed.wait(one, ways.now + BUSY)
    ways.busy.waits = True


def _route(claimed: Claimed, one: Due, before: Sequence[_Try], ways: _Ways) -> None:
    """Start an attempt at the provider that is chosen for a message, or let it wait.

    Args:
        before: its earlier attempts.
    """
    last = before[-1] if before else None
    ask = _asks(one, last, ways)
    wanted = _wanted(one, before, ways.stream)
    asked = wanted
    if ask and last is not None:
        asked = msgspec.structs.replace(wanted, only=(last.provider,))
    choice = choose(
        ways.routes,
        breakers=ways.breakers,
        cut=ways.cut,
        wanted=asked,
        draw=_draw(),
        now=ways.now,
        resting=ways.resting,
        busy=ways.busy,
        trickle=ways.trickle,
        family=one.family,
    )
    if isinstance(choice, Go):
        if choice.probe:
            ways.breakers[choice.provider] = probing(ways.breakers[choice.provider], ways.now)
        ways.busy.take(choice.provider, one.size or 0)
        if last is not None and last.provider != choice.provider:
            because = last.outcome or "cut short"
            claimed.facts.append(
                FailedOver(
                    message=one.id,
                    stream=ways.stream.name,
                    left=last.provider,
                    taken=choice.provider,
                    because=because,
                )
            )
        final = not others(
            ways.routes,
            cut=ways.cut,
            resting=ways.resting,
            wanted=wanted,
            than=choice.provider,
        )
        claimed.start(*(one, choice.provider, ways.now), ask=ask, final=final, refused=wanted.over)
    else:
        claimed.wait(one, min(max(choice.until, ways.now + SECOND // 4), one.expires_at))


def _wanted(one: Due, before: Sequence[_Try], stream: StreamSettings) -> Wanted:
    """What a message asks of its route."""
    return Wanted(
        only=split(one.only),
        avoid=split(one.avoid),
        tried=tuple(attempt.provider for attempt in before),
        refused=_refusers(before),
        over=any(attempt.outcome == OutcomeKind.REJECTED.value for attempt in before),
        insists=bool(one.secret),
        bound=bool(one.secret) and _is_unsure(before[-1] if before else None),
        probes=stream.priority > 0 and not one.secret,
    )


def _asks(one: Due, last: _Try | None, ways: _Ways) -> bool:
    """Whether the provider that may have a message is asked before it is sent twice; only for a
    while, as it must arrive."""
    return (
        last is not None
        and _is_unsure(last)
        and not one.secret
        and last.provider in ways.askable - ways.cut
        and ways.now < last.started_at + ASK_FOR
    )


def _is_unsure(last: _Try | None) -> bool:
    """Whether the provider of the last attempt may have the message all the same."""
    return last is not None and last.outcome in (None, OutcomeKind.AMBIGUOUS.value)


async def give_up(
    tx: Tx, message: str, stream: str, address: str, why: GiveUpReason, *, keep: bool = False
) -> MessageGivenUp:
    """End a message that will not be sent; returns the fact for the caller to record.

    Args:
        keep: its body stays for a while, so that a person can have it sent after all.
    """
    await tx.run(update(_m).where(_m.c.id == message).values(status=Status.GIVEN_UP.value))
    if not keep:
        shred_bodies(tx, [message])
    return MessageGivenUp(message=message, stream=stream, address=address, why=why)


async def body(tx: Tx, message: str) -> bytes | None:
    """The body of a message as it is stored; None: it is gone."""
    found = await tx.value(select(_b.c.data).where(_b.c.message_id == message))
    return None if found is None else bytes(found)


def shred_bodies(tx: Tx, messages: Collection[str]) -> None:
    tx.many(_SHRED, [{"of": message} for message in messages])


_SHRED = Repeated(lambda _insert: delete(_b).where(_b.c.message_id == bindparam("of")))


async def cut_providers(tx: Tx) -> frozenset[str]:
    """Providers to which no request may start."""
    states = tables.provider_states
    rows = await tx.all(select(states.c.provider).where(states.c.cut_at.is_not(None)))
    return frozenset(row["provider"] for row in rows)


def _refusers(before: Sequence[_Try]) -> tuple[str, ...]:
    """Who gave a lasting refusal, as often as they did."""
    return tuple(one.provider for one in before if one.outcome in LASTING)


async def _tried(tx: Tx, ids: list[str]) -> Mapping[str, list[_Try]]:
    """Earlier attempts of each message, in order."""
    out: dict[str, list[_Try]] = {}
    if ids:
        for message, *rest in await tx.fetch(_TRIED, ids=ids):
            if rest[1] != WITHHELD:
                out.setdefault(message, []).append(_Try(*rest))
    return out


_TRIED = Repeated(
    lambda _insert: (
        select(_a.c.message_id, _a.c.provider, _a.c.outcome, _a.c.started_at)
        .where(Among(_a.c.message_id, "ids"))
        .order_by(_a.c.id)
    )
)
