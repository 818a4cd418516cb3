"""Persists a move: its rows, the weights it gives, its entries in audit and event log."""

import msgspec
from sqlalchemy import ColumnElement, update

from mailkeep.base.errors import Conflict
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting
from mailkeep.mail.types import StreamSettings
from mailkeep.store.database import Database, Tx

from . import decide, tables
from .events import CutoverChanged, CutoverStepped
from .gates import CutoverConfiguration
from .types import LIVE, State, View

BY = "cutover"  #: who acts where no person does
LONGEST = 200  #: characters of a reason

_c, _s = tables.cutovers, tables.cutover_streams


class Keeper:
    """The rows of moves. Callers have locked a row before they write it."""

    def __init__(self, database: Database, house: CutoverConfiguration) -> None:
        self.database = database
        self.house = house

    async def go(self, tx: Tx, view: View, stream: str, step: int, because: str = "") -> None:
        """Move a stream to a step, without a person; below 0: back to where it was before."""
        share = 0.0 if step < 0 else view.pace.shares[step]
        words = because or f"cutover {view.id}"
        await self.shift(tx, view.id, stream, view.source, view.target, share, BY, words)
        await tx.run(update(_s).where(of(view, stream)).values(step=step, since=tx.now))
        await tx.run(update(_c).where(_c.c.id == view.id).values(why=""))

    async def shift(
        self,
        tx: Tx,
        cutover: str,
        stream: str,
        source: str,
        target: str,
        share: float,
        by: str,
        because: str,
    ) -> int:
        """Give the target its share of a stream; returns how many retries were moved. Raises
        ``Conflict`` when the settings no longer have the stream, and it is to have any."""
        known = self.house.streams.get(stream)
        if known is None and share:
            raise Conflict(f"the settings have no stream {stream} any more")
        known = known or StreamSettings(stream, 0, ())
        retries = await shifting.shift(
            self.database, tx, known, source, target, share, by=by, reason=because
        )
        stepped = CutoverStepped(cutover=cutover, stream=stream, share=share, because=because)
        await record(self.database, tx, stepped)
        return retries

    async def set(
        self, tx: Tx, view: View, state: State, *, by: str, why: str = "", **values: object
    ) -> None:
        """Bring a move into another state, and say so."""
        over = state not in LIVE
        if over:
            values |= {"live": None, "ended_at": tx.now}
        why = why[:LONGEST]
        await tx.run(
            update(_c).where(_c.c.id == view.id).values(state=state.value, why=why, **values)
        )
        said = {"cutover": view.id, "state": state.value, "why": why}
        await audit.write(tx, by, "cutover", said)
        await record(
            self.database, tx, CutoverChanged(cutover=view.id, state=state.value, why=why, by=by)
        )

    def leads_on(self, view: View, stream: str) -> bool | None:
        """Whether a stream can still move as the settings are now; None: nothing of it is left to
        move, since the settings have not the stream any more, or not the source among its
        routes."""
        known = self.house.streams.get(stream)
        routes = {route.provider for route in known.routes} if known is not None else set()
        return view.target in routes if view.source in routes else None

    async def order(self, tx: Tx, source: str) -> tuple[dict[str, StreamSettings], list[str]]:
        """The streams with their weights as they are now, and those to move, in turn."""
        streams = {
            name: msgspec.structs.replace(one, routes=await shifting.routes(tx, one))
            for name, one in self.house.streams.items()
        }
        return streams, decide.order(streams.values(), source)


async def without_proofs(tx: Tx) -> list[str]:
    """Providers to which no proof goes now: they are cut off, or rest."""
    return [
        name
        for name, one in (await mail.states(tx)).items()
        if one.cut_at is not None or one.rested_at is not None
    ]


async def held_against(tx: Tx, target: str) -> str:
    """The reason why no more mail may go to a provider; "" when it may."""
    state = (await mail.states(tx)).get(target)
    if state is None:
        return ""
    for at, words in (
        (state.cut_at, "is cut off"),
        (state.distrusted_at, "is believed no word"),
        (state.rested_at, "rests"),
        (state.doubted_at, "is under suspicion"),
    ):
        if at is not None:
            return f"{target} {words}"
    return ""


def of(view: View, stream: str) -> ColumnElement[bool]:
    """The row of one stream of a move."""
    return (_s.c.cutover_id == view.id) & (_s.c.stream == stream)
