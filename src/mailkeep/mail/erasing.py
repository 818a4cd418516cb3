"""Erases a person from mail: identifying data goes, delivery history stays under a pseudonym.

Counts of incidents, and the proof that an owner was told, are read from messages and attempts, so
these rows stay for as long as every other one.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Select, delete, exists, or_, select, update

from mailkeep.base.clock import Instant
from mailkeep.store.database import Database, Tx

from . import tables
from .personal import PERSONAL
from .services import cancel
from .types import GiveUpReason, Status

_m, _b = tables.messages, tables.message_bodies
_k, _c, _g = tables.addresses, tables.message_copies, tables.genuine_mails
_OPEN = (Status.QUEUED.value, Status.SENDING.value)


class Erased(msgspec.Struct, frozen=True):
    """A batch. ``left``: there is more, or mail to others too that is still on its way."""

    messages: int
    bodies: int
    addresses: int
    left: bool
    stuck: bool


async def erase(
    database: Database, tx: Tx, names: Sequence[str], before: Instant, limit: int
) -> Erased:
    """Erase a batch of the mail to some addresses that was taken in before an instant.

    Mail to them alone that waits is given up; mail to others too, and what a provider is being
    given just now, is left until it is done with.

    Args:
        names: pseudonyms.
    """
    rows = await tx.all(_work(names, before).order_by(_m.c.id).limit(limit))
    ids = [row["id"] for row in rows]
    for row in rows:
        if row["status"] == Status.QUEUED.value:
            await cancel(database, tx, row["id"], GiveUpReason.ERASED)
    bodies = await tx.run(delete(_b).where(_b.c.message_id.in_(ids)))
    await tx.run(delete(_g).where(_g.c.message_id.in_(ids)))
    await tx.run(update(_m).where(_m.c.id.in_(ids)).values(dict(PERSONAL["messages"].blank)))
    if len(rows) == limit:
        return Erased(len(rows), bodies, 0, left=True, stuck=False)
    stuck = await tx.value(
        select(_m.c.id).where(_to(names), _m.c.created_at < before, _kept()).limit(1)
    )
    gone = 0
    if stuck is None:
        wanted = exists().where(_m.c.address_id == _k.c.id, _kept())
        shown = exists().where(_c.c.address_id == _k.c.id, _c.c.message_id == _m.c.id, _kept())
        gone = await tx.run(delete(_k).where(_k.c.id.in_(names), ~wanted, ~shown))
    return Erased(len(rows), bodies, gone, left=False, stuck=stuck is not None)


def _to(names: Sequence[str]) -> ColumnElement[bool]:
    copies = select(_c.c.message_id).where(_c.c.address_id.in_(names))
    return or_(_m.c.address_id.in_(names), _m.c.id.in_(copies))


def _kept() -> ColumnElement[bool]:
    """Whether a message still needs the addresses that it goes to."""
    return or_(_m.c.status.in_(_OPEN), exists().where(_b.c.message_id == _m.c.id))


def _work(names: Sequence[str], before: Instant) -> Select[tuple[str, str]]:
    """Messages that can be erased and are not yet."""
    alone = (_m.c.copies == "") & (_m.c.status != Status.SENDING.value)
    dead = _m.c.status == Status.GIVEN_UP.value
    return select(_m.c.id, _m.c.status).where(
        _to(names),
        _m.c.created_at < before,
        or_(
            or_(alone, dead) & _kept(),
            ~_kept()
            & or_(
                _m.c.idempotency.is_not(None),
                _m.c.content_hash.is_not(None),
                _m.c.tags != "",
                exists().where(_g.c.message_id == _m.c.id),
            ),
        ),
    )
