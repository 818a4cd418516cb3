"""Stores the threat model whenever it changed."""

import asyncio
import hashlib

import msgspec
from sqlalchemy import delete, desc, insert, select, update

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import NotFound
from mailkeep.store.database import Database, Tx

from . import counts, queries, scene, tables
from .model import ThreatModel, digest_of, written
from .types import House
from .whatif import Model

_m = tables.trust_models


class Kept(msgspec.Struct, frozen=True):
    """A model that was kept: from when to when it was found to be so."""

    at: Instant
    seen_at: Instant
    seen_share: int


async def _keep(tx: Tx, house: House, made: ThreatModel) -> bool:
    """Write a model down if it is another one than the newest kept; whether it was."""
    newest = await tx.one(select(_m).order_by(desc(_m.c.at)).limit(1))
    if newest is not None and tx.now - newest["seen_at"] < DAY:
        return False
    digest = hashlib.sha256(digest_of(made)).hexdigest()
    await tx.run(delete(_m).where(_m.c.seen_at < tx.now - round(house.settings.keep * DAY)))
    if newest is not None and newest["digest"] == digest:
        await tx.run(update(_m).where(_m.c.at == newest["at"]).values(seen_at=tx.now))
        return False
    await tx.run(
        insert(_m).values(
            at=tx.now,
            seen_at=tx.now,
            digest=digest,
            seen_share=made.seen_share,
            document=msgspec.json.encode(made).decode(),
        )
    )
    return True


async def look(database: Database, house: House) -> None:
    """Store the model when a day has passed. Counting and computing happen before the database's
    writer is taken."""
    async with database.read() as tx:
        newest = await tx.value(select(_m.c.seen_at).order_by(desc(_m.c.at)).limit(1))
        if newest is not None and tx.now - newest < DAY:
            return
        counted = await counts.newest(tx, house)
    counted = counted or await counts.take(database, house)
    async with database.read() as tx:
        found = await queries.live(tx, house, counted)
    model = Model(house, found, scene.world(house, found))
    made = await asyncio.to_thread(written, model)
    await database.retrying(lambda tx: _keep(tx, house, made))


async def kept(tx: Tx) -> list[Kept]:
    """Those that were kept, the newest first."""
    rows = await tx.all(select(_m.c.at, _m.c.seen_at, _m.c.seen_share).order_by(desc(_m.c.at)))
    return [Kept(row["at"], row["seen_at"], row["seen_share"]) for row in rows]


async def as_of(tx: Tx, at: Instant) -> ThreatModel:
    """The model that held at an instant. Raises ``NotFound``."""
    row = await tx.one(select(_m).where(_m.c.at <= at).order_by(desc(_m.c.at)).limit(1))
    if row is None:
        raise NotFound("no threat model was kept before that day")
    return msgspec.json.decode(row["document"], type=ThreatModel)
