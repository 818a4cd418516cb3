"""Traffic shifting: weights that move from one provider to another, and how that mail fares.

``cutover`` decides how far, ``routing.shifted`` (pure) applies it. Weights move only between routes
that the settings give a stream: no new one can be let in here.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import (
    ColumnElement,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import earliest
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated

from . import tables
from .bodies import believed
from .events import RoutesShifted
from .families import OTHER
from .routing import shifted
from .types import TOLD, RouteSettings, Shift, Status, StreamSettings

STANDING = "standing"  #: told when a provider was cut off, rests, is back, or weights moved
MOST_BOUNCES = 2000  #: of one stream, that are told apart by whose mailbox it was
MOST_LOOKED = 50_000  #: attempts that are looked at, the newest
#: For so long after the settings say the same as a move, what bounced at who was left still counts.
FORMER = 90 * DAY

#: What a provider says when our account there is closed to us: about no message, and by itself.
CLOSED = (OutcomeKind.SUSPENDED.value, OutcomeKind.UNAUTHORISED.value)

_s, _m, _a, _c = tables.shifts, tables.messages, tables.attempts, tables.claims

#: We made the attempt ourselves: what the journal tells of shows no provider's answer.
_MADE = _a.c.detail.is_distinct_from(TOLD)

#: The shifts of a stream, those begun first before the others; one that is over has a share of 0.
SHIFTS = Repeated(
    lambda _insert: (
        select(_s.c.source, _s.c.target, _s.c.share)
        .where(_s.c.stream == bindparam("stream"))
        .order_by(_s.c.since, _s.c.source)
    )
)


class Former(msgspec.Struct, frozen=True):
    """A move of a stream that is over: the settings say the same by now. ``until``: so long bulk is
    kept from who bounced, or complained, at ``source``."""

    stream: str
    source: str
    until: Instant


class Fared(msgspec.Struct, frozen=True):
    """How the mail of a stream that one provider took fared.

    Attributes:
        taken: messages that it took.
        good: of those, reported as delivered; ``bad``: as bounced, by who keeps the mailbox: a
            family, or the name under which everything is of one house.
    """

    taken: int = 0
    good: int = 0
    bad: Mapping[str, int] = {}


async def shift(
    database: Database,
    tx: Tx,
    stream: StreamSettings,
    source: str,
    target: str,
    share: float,
    *,
    by: str,
    reason: str,
) -> int:
    """Have ``target`` carry a share of what ``source`` carries of a stream; 0 ends the shift.

    At a share of 1 what waits to be tried again after ``source`` refused it is tried at once; what
    ``source`` may have (an answer that was lost) waits as before, else it would come twice.

    Args:
        by: who did it, a pseudonymous id.

    Returns how many retries were moved.

    Raises:
        Invalid: the settings do not give the stream both routes, and something is to move; or it is
            no share.
    """
    names = {route.provider for route in stream.routes}
    for name in (source, target):
        if share and name not in names:  # what was shifted ends whatever the settings say by now
            raise Invalid(f"{name} is no route of {stream.name}", field="provider")
    if source == target or not 0 <= share <= 1:
        raise Invalid("a share goes from one provider to another, and is 0 to 1", field="share")
    hurried = 0
    if share == 0:
        await tx.run(delete(_s).where(_s.c.stream == stream.name, _s.c.source == source))
    else:
        # The newest comes last: whoever moves mail to a provider that was left before means it to
        # stay.
        values = {"target": target, "share": share, "since": tx.now}
        await tx.run(
            tx.upsert(_s)
            .values(stream=stream.name, source=source, **values)
            .on_conflict_do_update(index_elements=["stream", "source"], set_=values)
        )
    if share == 1:
        hurried = await _hurry(tx, stream.name, source)
    said = {"stream": stream.name, "from": source, "to": target, "share": share, "reason": reason}
    await audit.write(tx, by, "shift_routes", said)
    await record(
        database,
        tx,
        RoutesShifted(
            stream=stream.name, source=source, target=target, share=share, by=by, reason=reason
        ),
    )
    database.tell(tx, STANDING)
    return hurried


async def _hurry(tx: Tx, stream: str, source: str) -> int:
    sure = exists().where(
        _a.c.id == _m.c.attempt_id,
        _a.c.outcome.is_not(None),
        _a.c.outcome != OutcomeKind.AMBIGUOUS.value,
    )
    waits = (
        (_m.c.stream == stream)
        & (_m.c.status == Status.QUEUED.value)
        & (_m.c.provider == source)
        & (_m.c.next_at > tx.now)
    )
    return await tx.run(update(_m).where(waits, sure).values(next_at=tx.now))


async def forget(tx: Tx, stream: str, source: str) -> None:
    """Drop a shift that the settings have made idle."""
    await tx.run(delete(_s).where(_s.c.stream == stream, _s.c.source == source))


async def conclude(tx: Tx, stream: str, source: str) -> None:
    """End a shift that the settings say by now: it gives no weight any more, and keeps bulk from
    who bounced at the source for some time yet. The target's own list is empty still."""
    which = (_s.c.stream == stream, _s.c.source == source)
    await tx.run(update(_s).where(*which).values(share=0, since=tx.now))


async def former(tx: Tx) -> list[Former]:
    """The shifts that were concluded, those that end first before the others."""
    order = (_s.c.since, _s.c.stream, _s.c.source)
    rows = await tx.all(select(_s).where(_s.c.share == 0).order_by(*order))
    return [Former(row["stream"], row["source"], row["since"] + FORMER) for row in rows]


async def shifts(tx: Tx) -> dict[str, list[Shift]]:
    """Every shift that gives weight, by stream."""
    out: dict[str, list[Shift]] = {}
    rows = await tx.all(select(_s).where(_s.c.share > 0).order_by(_s.c.since, _s.c.source))
    for row in rows:
        found = Shift(row["source"], row["target"], row["share"])
        out.setdefault(row["stream"], []).append(found)
    return out


async def routes(tx: Tx, stream: StreamSettings) -> tuple[RouteSettings, ...]:
    """The routes of a stream with their weights as they are now."""
    found = [Shift(*row) for row in await tx.fetch(SHIFTS, stream=stream.name)]
    return shifted(stream.routes, found) if found else stream.routes


async def unwanted(
    tx: Tx, stream: StreamSettings, moving: Sequence[Shift], people: Sequence[str]
) -> frozenset[str]:
    """Whom of ``people`` (pseudonyms) a stream's mail had better not go to while it moves, and for
    some time after: the provider that is left said that it bounces there, or that they complained.

    That provider's own list held such mail back; the new one has none, and a first day of bounces
    ruins its name. For bulk alone, which believes its provider (``keep = 0``): a word of a provider
    never keeps other mail from anybody. Of one that fell only what it said well before counts
    (``bodies.believed``): what a thief says there first is that everybody complained.
    """
    if stream.keeps or stream.secret or not moving:
        return frozenset()
    sources = sorted({one.source for one in moving})
    rows = await tx.fetch(_UNWANTED, ids=sorted(set(people)), sources=sources)
    return frozenset(row[0] for row in rows)


#: The words stand in the statement itself: else no engine sees that the index answers it.
_WORDS: list[ColumnElement[str]] = [
    literal_column(f"'{one}'") for one in ("bounced", "complained", "suppressed")
]
_AGAINST = _c.c.event.in_(_WORDS)
_UNWANTED = Repeated(
    lambda _insert: (
        select(_c.c.address_id)
        .where(Among(_c.c.address_id, "ids"), Among(_c.c.provider, "sources"))
        .where(_AGAINST, believed())
        .distinct()
    )
)


async def carried_over(tx: Tx, source: str) -> int:
    """How many addresses bulk mail is kept from while it moves away from ``source``, and after."""
    counted = select(func.count(_c.c.address_id.distinct()))
    found = await tx.value(counted.where(_c.c.provider == source, _AGAINST, believed()))
    return int(found or 0)


async def fared(
    tx: Tx, stream: str, providers: Collection[str], since: Instant
) -> dict[str, Fared]:
    """How the mail of a stream fared that some providers took since an instant; what goes to
    mailboxes of our own is left out, and what others sent by themselves. Reads every attempt since
    then, up to ``MOST_LOOKED``."""
    newest = (
        select(_a.c.id)
        .where(_a.c.id >= earliest("att", since), _a.c.provider.in_(sorted(providers)))
        .order_by(_a.c.id.desc())
        .limit(MOST_LOOKED)
    )
    window = (
        _a.c.id.in_(newest),
        _a.c.outcome == OutcomeKind.ACCEPTED.value,
        _MADE,
        _m.c.stream == stream,
        _m.c.provider == _a.c.provider,
        ~_m.c.ours,
    )
    joined = select(_a.c.provider, _m.c.status, func.count()).join(_m, _m.c.id == _a.c.message_id)
    counts: dict[str, dict[str, int]] = {one: {} for one in providers}
    for name, status, count in await tx.tuples(
        joined.where(*window).group_by(_a.c.provider, _m.c.status)
    ):
        counts[name][status] = int(count)
    who = tables.addresses
    rows = await tx.tuples(
        select(_a.c.provider, _m.c.family, who.c.address)
        .join(_m, _m.c.id == _a.c.message_id)
        .join(who, who.c.id == _m.c.address_id)
        .where(*window, _m.c.status == Status.BOUNCED.value)
        .limit(MOST_BOUNCES)
    )
    bad: dict[str, dict[str, int]] = {one: {} for one in providers}
    for name, family, address in rows:
        own = addresses.organisation(addresses.domain(address))
        keeper = family if family and family != OTHER else own
        bad[name][keeper] = bad[name].get(keeper, 0) + 1
    return {
        one: Fared(sum(found.values()), found.get(Status.DELIVERED.value, 0), bad[one])
        for one, found in counts.items()
    }


async def closed_to_us(tx: Tx, providers: Collection[str], since: Instant) -> frozenset[str]:
    """Those of ``providers`` that have refused our account since an instant, and have taken
    nothing of us after that: what an application says that they took takes nothing back."""
    said = (*CLOSED, OutcomeKind.ACCEPTED.value)
    rows = await tx.tuples(
        select(_a.c.provider, _a.c.outcome, func.max(_a.c.started_at))
        .where(
            _a.c.id >= earliest("att", since),
            _a.c.provider.in_(sorted(providers)),
            _a.c.outcome.in_(said),
            _MADE,
        )
        .group_by(_a.c.provider, _a.c.outcome)
    )
    refused: dict[str, Instant] = {}
    took: dict[str, Instant] = {}
    for name, outcome, at in rows:
        into = took if outcome == OutcomeKind.ACCEPTED.value else refused
        into[name] = max(at, into.get(name, at))
    return frozenset(name for name, at in refused.items() if at > took.get(name, -1))
