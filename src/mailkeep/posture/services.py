"""Stores the threat model when it changed: looked at when a process starts, and once a day; writes
into the audit chain that the register of parties is another one."""

import asyncio
import datetime
import hashlib

import msgspec
from sqlalchemy import delete, desc, func, insert, select, update

from mailkeep.base.clock import DAY, SECOND, Instant, iso
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.events import audit
from mailkeep.store.database import Database, Tx

from . import counts, queries, scene, tables
from .model import ThreatModel, digest_of, written
from .types import TrustConfiguration
from .whatif import Model

_m = tables.trust_models
CHANGED = "change_register"  #: the act in the audit chain
NOW = "now"  #: the word for the model as it stands


class Kept(msgspec.Struct, frozen=True):
    """A model that was kept: from when to when it was found to be so."""

    at: Instant
    seen_at: Instant
    seen_share: int


class Models:
    """Keeps the models that were true, one for each time that they became another one.

    Args:
        database: where they are kept.
        house: what the settings say; they are read when the process starts.
    """

    def __init__(self, database: Database, house: TrustConfiguration) -> None:
        self._database, self._house = database, house
        self._looked = False

    async def step(self) -> None:
        """Look at once when the process has begun, as the settings may be others; then daily."""
        if self._looked:
            await look(self._database, self._house)
            return
        async with self._database.read() as tx:
            counted = await counts.newest(tx, self._house)
        if counted is not None:  # they are being counted, and not twice at once
            await self._database.retrying(lambda tx: note_register(tx, self._house))
            await look(self._database, self._house, at_once=True)
            self._looked = True


async def note_register(tx: Tx, house: TrustConfiguration) -> bool:
    """Say in the audit chain that the register of parties is another one than it last said; whether
    it is. What changed, the models tell: the chain names nobody."""
    digest = hashlib.sha256(msgspec.json.encode(house.parties, order="sorted")).hexdigest()
    last = await audit.last(tx, CHANGED)
    if last is not None and last.get("digest") == digest:
        return False
    data = {"digest": digest, "parties": len(house.parties)}
    await audit.write(tx, "mailkeep", CHANGED, data)
    return True


async def _keep(tx: Tx, house: TrustConfiguration, made: ThreatModel, *, at_once: bool) -> bool:
    """Write a model down if it is another one than the newest kept; whether it was."""
    newest = await tx.one(select(_m).order_by(desc(_m.c.at)).limit(1))
    if newest is not None and tx.now - newest["seen_at"] < DAY and not at_once:
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


async def look(database: Database, house: TrustConfiguration, *, at_once: bool = False) -> None:
    """Store the model when a day has passed, or at once. Counting and computing happen before the
    database's writer is taken."""
    async with database.read() as tx:
        newest = await tx.value(select(_m.c.seen_at).order_by(desc(_m.c.at)).limit(1))
        if newest is not None and tx.now - newest < DAY and not at_once:
            return
        counted = await counts.newest(tx, house)
    counted = counted or await counts.take(database, house)
    async with database.read() as tx:
        found = await queries.live(tx, house, counted)
    model = Model(house, found, scene.world(house, found))
    made = await asyncio.to_thread(written, model)
    await database.retrying(lambda tx: _keep(tx, house, made, at_once=at_once))


async def kept(tx: Tx) -> list[Kept]:
    """Those that were kept, the newest first."""
    rows = await tx.all(select(_m.c.at, _m.c.seen_at, _m.c.seen_share).order_by(desc(_m.c.at)))
    return [Kept(row["at"], row["seen_at"], row["seen_share"]) for row in rows]


async def as_of(tx: Tx, at: Instant) -> ThreatModel:
    """The model that held at an instant. Raises ``NotFound``."""
    row = await tx.one(select(_m).where(_m.c.at <= at).order_by(desc(_m.c.at)).limit(1))
    if row is None:
        first = await tx.value(select(func.min(_m.c.at)))
        since = "" if first is None else f"; the first is of {iso(first)[:10]}"
        raise NotFound(f"no threat model was kept before that day{since}")
    return msgspec.json.decode(row["document"], type=ThreatModel)


def end_of(day: str) -> Instant:
    """The last instant of a day. Raises ``Invalid``."""
    try:
        days = (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days
    except ValueError:
        raise Invalid(f"say a day such as 2026-11-28, not {day[:40]!r}", field="day") from None
    return round((days + 1) * DAY - SECOND)
