"""How long a body is kept after a provider accepted it, and which mail can then be sent again.

A provider's report on a mail, accepted, delivered or bounced, is only its word: one that takes mail
and drops it will say whatever makes us delete our copy. So in a stream that keeps its bodies no
report deletes one. A body is deleted after a time in which no monitor (canaries among them) showed
a sign against whoever had the mail; while there is a sign, up to a bound, no copy is deleted at
all.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.ids import earliest
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Tx
from mailkeep.store.repeated import Repeated
from mailkeep.store.ways import Rows

from . import believing, tables
from .believing import Word
from .rounds import Round
from .types import Keeping, Status

FORGED = 7 * DAY  #: before a provider was found out, in which a thief may have spoken for it

_m, _b, _s = tables.messages, tables.message_bodies, tables.provider_states
_a = tables.attempts

_TAKEN = (Status.ACCEPTED.value, Status.DELIVERED.value, Status.BOUNCED.value)
_REPORTED = (Status.DELIVERED.value, Status.BOUNCED.value)


def lost(
    provider: str, since: Instant, now: Instant, *, distrust: bool, once: bool = False
) -> ColumnElement[bool]:
    """Which messages go out again when a provider is left.

    Args:
        since: when it took them, at the earliest.
        distrust: its word that they arrived, or bounced, or can be sent by nobody, counts for
            nothing; those whose time is over by then stay as they are.
        once: none that a cut by hand has sent again before: who cuts off and restores in turn would
            send customers the same mail each time.
    """
    have = select(_b.c.message_id)
    taken: ColumnElement[bool] = _m.c.status == Status.ACCEPTED.value
    if distrust:
        taken = or_(taken, and_(_m.c.status.in_(_REPORTED), _m.c.expires_at > now))
    gone = and_(taken, _m.c.accepted_at >= since)
    if distrust:
        # A mail that the provider refused for good was given up on its word alone.
        refused = exists().where(
            _a.c.id == _m.c.attempt_id,
            _a.c.outcome == OutcomeKind.REJECTED.value,
            _a.c.started_at >= since,
        )
        given_up = and_(_m.c.status == Status.GIVEN_UP.value, _m.c.expires_at > now)
        gone = or_(gone, and_(given_up, refused))
    return and_(
        _m.c.provider == provider,
        gone,
        _m.c.only != provider,
        _m.c.id.in_(have.where(_b.c.again_by.is_(None)) if once else have),
    )


async def requeue_unconfirmed(
    tx: Tx, provider: str, since: Instant, *, distrust: bool = False, once: str = ""
) -> int:
    """Send again, elsewhere, what ``provider`` took since an instant and nobody saw arrive.

    Only messages whose body we still have; secret ones are minted anew by those who sent them.
    What only this provider may carry (a canary, mail to a honey address) has no elsewhere.

    Args:
        distrust: see ``lost``.
        once: the id of a cut by hand; what another one has sent again stays as it is.

    Returns how many.
    """
    ours = lost(provider, since, tx.now, distrust=distrust, once=bool(once))
    if tx.is_postgresql:
        # An UPDATE locks in the order of its plan; locking by id here avoids a deadlock with it.
        await tx.run(select(_m.c.id).where(ours).order_by(_m.c.id).with_for_update())
    if once:
        these = _b.c.message_id.in_(select(_m.c.id).where(ours))
        await tx.run(update(_b).where(these).values(again_by=once))
        mine = _m.c.id.in_(select(_b.c.message_id).where(_b.c.again_by == once))
        ours = and_(lost(provider, since, tx.now, distrust=distrust), mine)
    return await tx.run(update(_m).where(ours).values(status=Status.QUEUED.value, next_at=tx.now))


async def doubt(tx: Tx, providers: Collection[str]) -> None:
    """Say which providers something speaks against; of all others nothing does any more."""
    c = _s.c
    known = {row["provider"]: row["doubted_at"] for row in await tx.all(select(_s))}
    for name in sorted(providers):
        if known.get(name) is None:
            await tx.run(
                tx.upsert(_s)
                .values(provider=name, reason="", doubted_at=tx.now)
                .on_conflict_do_update(index_elements=["provider"], set_={"doubted_at": tx.now})
            )
    over = sorted({one for one, at in known.items() if at is not None} - set(providers))
    if over:
        await tx.run(update(_s).where(c.provider.in_(over)).values(doubted_at=None))


def in_doubt() -> ColumnElement[bool]:
    """Of which rows of ``provider_states`` no word destroys a body."""
    c = _s.c
    return c.doubted_at.is_not(None) | c.cut_at.is_not(None) | c.rested_at.is_not(None)


def believed() -> ColumnElement[bool]:
    """Which rows of ``claims`` may keep bulk mail from somebody: of a provider that was cut off, is
    distrusted or under suspicion, those from before the days in which it fell."""
    c = tables.claims.c
    fell = (_s.c.cut_at, _s.c.distrusted_at, _s.c.doubted_at)
    late = or_(*(at <= c.received_at + FORGED for at in fell))
    return ~exists().where(_s.c.provider == c.provider, late)


async def words(tx: Tx) -> dict[str, Word]:
    """What the word of each provider may do that something speaks against; of all others it is
    ``believing.FULL``."""
    return words_of(await tx.fetch(STATES))


def words_of(states: Rows) -> dict[str, Word]:
    """The same, of what ``STATES`` found."""
    return {
        name: believing.word(
            cut=cut is not None,
            distrusted=distrusted is not None,
            suspected=doubted is not None,
            rests=rested is not None,
        )
        for name, cut, rested, distrusted, doubted in states
    }


#: Providers that something speaks against: since when they were cut off, rest, are distrusted, are
#: under suspicion.
STATES = Repeated(
    lambda _insert: select(
        _s.c.provider, _s.c.cut_at, _s.c.rested_at, _s.c.distrusted_at, _s.c.doubted_at
    ).where(in_doubt() | _s.c.distrusted_at.is_not(None))
)


async def sweep(tx: Tx, keep: Keeping, limit: int, *, turn: Round | None = None) -> int:
    """Drop up to ``limit`` bodies that nobody needs any more; returns how many.

    Args:
        turn: of who does it again and again; without one it begins with the oldest.
    """
    turn = turn or Round()
    shortest = min(
        (one for one in (keep.unconfirmed, keep.given_up, *keep.streams.values()) if one > 0),
        default=0.0,
    )
    by_stream = [
        and_(_m.c.stream == name, _over(tx.now, seconds, max(seconds, keep.unconfirmed)))
        for name, seconds in sorted(keep.streams.items())
    ]
    others = _m.c.stream.not_in(sorted(keep.streams))
    by_stream.append(and_(others, _over(tx.now, keep.unconfirmed, keep.unconfirmed)))
    sure = _m.c.provider.not_in(select(_s.c.provider).where(in_doubt()))
    long_ago = _m.c.accepted_at < tx.now - round(keep.doubted * SECOND)
    taken = and_(_m.c.status.in_(_TAKEN), or_(*by_stream), or_(sure, long_ago))
    dead = (_m.c.status == Status.GIVEN_UP.value) & (
        _m.c.expires_at < tx.now - round(keep.given_up * SECOND)
    )
    # Start from the bodies, which are few: most messages have none any more. A body accepted so
    # long ago belongs to a message at least as old, so younger messages are not even read.
    end = earliest("msg", tx.now - round(shortest * SECOND))
    after, upto = await turn.until(tx, _b.c.message_id, end, limit)
    old = await tx.tuples(
        select(_b.c.message_id)
        .join(_m, _m.c.id == _b.c.message_id)
        .where(_b.c.message_id > after, _b.c.message_id <= upto, _b.c.message_id < end)
        .where(or_(taken, dead))
        .order_by(_b.c.message_id)
        .limit(limit)
    )
    ids = [row[0] for row in old]
    turn.done(upto, end, ids[-1] if ids else "", full=len(ids) == limit)
    return await tx.run(delete(_b).where(_b.c.message_id.in_(ids))) if ids else 0


def _over(now: Instant, reported: float, taken: float) -> ColumnElement[bool]:
    """Whether a body has been kept for its seconds: of a mail that was reported, and of one that
    was only taken."""
    at = _m.c.accepted_at
    return or_(
        and_(_m.c.status.in_(_REPORTED), at < now - round(reported * SECOND)),
        at < now - round(taken * SECOND),
    )
