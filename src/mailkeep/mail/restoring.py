"""Carries cut-offs, rests, moves and key revocations over a restore from an older backup."""

import msgspec
from sqlalchemy import func, or_, select, update

from mailkeep.base.clock import HOUR, Instant
from mailkeep.store.database import Tx

from . import tables
from .types import Status

_w = tables.shifts
_s, _k, _m, _b = tables.provider_states, tables.api_keys, tables.messages, tables.message_bodies


class State(msgspec.Struct, frozen=True):
    """What is said of a provider: when it was cut off or rested, and why."""

    provider: str
    cut_at: Instant | None
    reason: str
    rested_at: Instant | None
    rest_reason: str | None
    distrusted_at: Instant | None
    cut_in: str | None = None
    rest_in: str | None = None


class Kept(msgspec.Struct, frozen=True):
    """What of a database outlives its being replaced by an older copy.

    Attributes:
        revoked: ids of API keys and when each was revoked.
        shifts: weights that have moved: stream, source, target, share, since.
    """

    states: tuple[State, ...] = ()
    revoked: tuple[tuple[str, Instant], ...] = ()
    shifts: tuple[tuple[str, str, str, float, Instant], ...] = ()


class Waiting(msgspec.Struct, frozen=True):
    """What of a copy is still to be sent.

    Attributes:
        messages: what waits; it goes out, and what went out since the copy goes twice.
        sealed: secret bodies among them whose hour's key may still be there.
    """

    messages: int
    sealed: int


async def kept(tx: Tx) -> Kept:
    """Of the database that is replaced."""
    down = or_(
        _s.c.cut_at.is_not(None), _s.c.rested_at.is_not(None), _s.c.distrusted_at.is_not(None)
    )
    states = await tx.all(select(_s).where(down).order_by(_s.c.provider))
    keys = await tx.all(select(_k.c.id, _k.c.revoked_at).where(_k.c.revoked_at.is_not(None)))
    return Kept(
        tuple(State(**{name: row[name] for name in State.__struct_fields__}) for row in states),
        tuple((row["id"], row["revoked_at"]) for row in keys),
        tuple(
            (row["stream"], row["source"], row["target"], row["share"], row["since"])
            for row in await tx.all(select(_w).order_by(_w.c.stream, _w.c.source))
        ),
    )


async def keep(tx: Tx, before: Kept) -> None:
    """In the copy: a provider that was cut off on either side stays so, likewise one at rest and
    one that is distrusted, and a key that was revoked is not good again. What only the copy says of
    them stays as well."""
    for one in before.states:
        first = tx.upsert(_s).values(provider=one.provider, reason="").on_conflict_do_nothing()
        await tx.run(first)
        this = update(_s).where(_s.c.provider == one.provider)
        if one.cut_at is not None:
            await tx.run(this.values(cut_at=one.cut_at, reason=one.reason, cut_in=one.cut_in))
        if one.rested_at is not None:
            rest = {"rested_at": one.rested_at, "rest_reason": one.rest_reason}
            await tx.run(this.values(**rest, rest_in=one.rest_in))
        if one.distrusted_at is not None:
            await tx.run(this.values(distrusted_at=one.distrusted_at))
    for stream, source, target, share, since in before.shifts:
        values = {"target": target, "share": share, "since": since}
        await tx.run(
            tx.upsert(_w)
            .values(stream=stream, source=source, **values)
            .on_conflict_do_update(index_elements=["stream", "source"], set_=values)
        )
    for key, at in before.revoked:
        await tx.run(
            update(_k).where(_k.c.id == key, _k.c.revoked_at.is_(None)).values(revoked_at=at)
        )


async def waiting(tx: Tx) -> Waiting:
    """What the copy still has to send."""
    due = _m.c.status.in_([Status.QUEUED.value, Status.SENDING.value])
    messages = await tx.value(select(func.count()).where(due))
    sealed = await tx.value(
        select(func.count())
        .select_from(_b.join(_m, _m.c.id == _b.c.message_id))
        .where(due, _b.c.hour >= tx.now // HOUR)
    )
    return Waiting(int(messages or 0), int(sealed or 0))


async def cut_off(tx: Tx) -> tuple[str, ...]:
    """The providers that no request goes to."""
    rows = await tx.all(select(_s.c.provider).where(_s.c.cut_at.is_not(None)))
    return tuple(sorted(row["provider"] for row in rows))
