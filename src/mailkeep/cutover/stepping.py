"""The loop that advances the current move by itself.

Each pass reads anew what mail keeps of every message, so there is nothing to count, to lose or to
count twice; a decision is carried out in one transaction with the weights that it changes.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import update

from mailkeep.base.clock import MINUTE, SECOND
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting
from mailkeep.mail.types import Shift
from mailkeep.store.database import Tx
from mailkeep.watch import queries as watch

from . import decide, queries, tables
from .decide import Back, Done, Evidence, Hurry, Pause, Step, Wait
from .keeping import BY, LONGEST, Keeper, held_against, of
from .sequential import Seen
from .types import State, View

REFUSING = 5 * MINUTE  #: in which a provider's refusals are looked for
FAMILIES = frozenset({"gmail", "outlook", "yahoo", "icloud"})  #: of ``mail.families``

_c, _s = tables.cutovers, tables.cutover_streams


class Stepping:
    """Advances the current move."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def step(self) -> bool:
        """Examine the current move, and do what comes next; returns whether it did anything."""
        async with self._keeper.database.read() as tx:
            view = await queries.live(tx)
            if view is None:
                idle = self._idle(await shifting.shifts(tx))
            else:
                move = (
                    decide.decide(view, await self._evidence(tx, view), tx.now)
                    if view.state is State.MOVING
                    else None
                )
        if view is None:
            return bool(idle) and await self._tidy(idle)
        if move is None or (isinstance(move, Wait) and move.why == view.why):
            return False
        before = view
        return await self._keeper.database.retrying(lambda tx: self._do(tx, before, move))

    async def _do(self, tx: Tx, view: View, move: decide.Move) -> bool:
        """Carry out the decision, unless somebody changed the move since it was examined."""
        fresh = await queries.one(tx, view.id, lock=True)
        if fresh.state is not State.MOVING or fresh.streams != view.streams:
            return False
        if isinstance(move, Wait):
            await tx.run(update(_c).where(_c.c.id == view.id).values(why=move.why[:LONGEST]))
            return False
        if isinstance(move, Step):
            await self._keeper.go(tx, view, move.stream, move.step)
        elif isinstance(move, Back):
            found = next(one for one in view.streams if one.stream == move.stream)
            await self._keeper.go(tx, view, move.stream, -1, because=move.why)
            values = {
                "backs": found.backs + 1,
                "held_until": tx.now + round(view.pace.rest * SECOND),
                "why": move.why[:LONGEST],
            }
            await tx.run(update(_s).where(of(view, move.stream)).values(**values))
        elif isinstance(move, Pause):
            await self._keeper.set(tx, view, State.PAUSED, by=BY, why=move.why)
        else:
            why = ""
            if isinstance(move, Hurry):
                why, last = move.why, len(view.pace.shares) - 1
                for one in reversed(view.streams):  # recovery first
                    if one.step < last:
                        await self._keeper.go(tx, view, one.stream, last, because=why)
            await self._keeper.set(tx, view, State.MOVED, by=BY, why=why)
        return not isinstance(move, Pause | Done)

    async def _evidence(self, tx: Tx, view: View) -> Evidence:
        stream = decide.current(view)
        pair = (view.source, view.target)
        fared: Mapping[str, shifting.Fared] = {}
        if stream is not None and stream.step >= 0:
            fared = await shifting.fared(tx, stream.stream, pair, stream.since)
        closed = await shifting.closed_to_us(tx, pair, tx.now - REFUSING)
        return Evidence(
            target=_seen(fared, view.target),
            source=_seen(fared, view.source),
            held_against=await held_against(tx, view.target),
            target_closed=view.target in closed,
            source_gone=view.source in closed or view.source in await mail.cut(tx),
            canaried=view.target in self._keeper.house.canaried,
            arrived=await watch.newest_arrival(tx, view.target),
            families=FAMILIES,
        )

    def _idle(self, shifts: Mapping[str, Sequence[Shift]]) -> list[tuple[str, str]]:
        """Shifts that the settings have caught up with are dropped: if somebody gives that provider
        weight again later, they mean it."""
        out = []
        for name, some in shifts.items():
            known = self._keeper.house.streams.get(name)
            weights = {r.provider: r.weight for r in known.routes} if known is not None else {}
            given = {one.target for one in some}
            out += [
                (name, one.source)
                for one in some
                if not weights.get(one.source) and one.source not in given
            ]
        return out

    async def _tidy(self, idle: Sequence[tuple[str, str]]) -> bool:
        async with self._keeper.database.write() as tx:
            for stream, source in idle:
                await shifting.forget(tx, stream, source)
        return False


def _seen(fared: Mapping[str, shifting.Fared], name: str) -> Seen:
    found = fared.get(name)
    return Seen() if found is None else Seen(found.good, found.bad)
