"""The loop that advances the current move by itself.

Each pass reads anew what mail keeps of every message, so there is nothing to count, to lose or to
count twice; a decision is carried out in one transaction with the weights that it changes.
"""

from collections.abc import Mapping, Sequence
from math import isclose

import msgspec
from sqlalchemy import update

from mailkeep.base.clock import MINUTE, SECOND, Instant
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting
from mailkeep.mail.routing import shifted
from mailkeep.mail.types import RouteSettings, Shift
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
                idle += self._over(await shifting.former(tx), tx.now)
            else:
                left = self._left(view)
                move = (
                    decide.decide(left, await self._evidence(tx, left), tx.now)
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
                    if one.step < last and self._keeper.leads_on(view, one.stream):
                        await self._keeper.go(tx, view, one.stream, last, because=why)
            await self._keeper.set(tx, view, State.MOVED, by=BY, why=why)
        return not isinstance(move, Pause | Done)

    def _left(self, view: View) -> View:
        """The move without the streams of which the settings have left nothing to move."""
        streams = [
            one for one in view.streams if self._keeper.leads_on(view, one.stream) is not None
        ]
        return msgspec.structs.replace(view, streams=tuple(streams))

    async def _evidence(self, tx: Tx, view: View) -> Evidence:
        stream = decide.current(view)
        pair = (view.source, view.target)
        fared: Mapping[str, shifting.Fared] = {}
        if stream is not None and stream.step >= 0:
            fared = await shifting.fared(tx, stream.stream, pair, stream.since)
        closed = await shifting.closed_to_us(tx, pair, tx.now - REFUSING)
        cut = view.source in await mail.cut(tx)
        house = self._keeper.house
        return Evidence(
            target=_seen(fared, view.target),
            source=_seen(fared, view.source),
            held_against=await held_against(tx, view.target),
            target_closed=view.target in closed,
            source_gone=view.source in closed or cut,
            canaried=view.target in house.canaried,
            arrived=await watch.newest_arrival(tx, view.target),
            families=FAMILIES,
            tied=cut and not house.independent([view.source], [view.target]),
            no_route=stream is not None and not self._keeper.leads_on(view, stream.stream),
        )

    def _idle(self, shifts: Mapping[str, Sequence[Shift]]) -> list[tuple[str, str]]:
        """Shifts that the settings have caught up with are dropped: if somebody gives that provider
        weight again later, they mean it. So are those that have gone there and back."""
        out = []
        for name, some in shifts.items():
            known = self._keeper.house.streams.get(name)
            if known is None or _is_still(known.routes, shifted(known.routes, some)):
                out += [(name, one.source) for one in some]
                continue
            weights = {r.provider: r.weight for r in known.routes}
            given = {one.target for one in some}
            out += [
                (name, one.source)
                for one in some
                if not weights.get(one.source) and one.source not in given
            ]
        return out

    def _over(self, some: Sequence[shifting.Former], now: Instant) -> list[tuple[str, str]]:
        """Those of which nothing is to be remembered any more."""
        return [
            (one.stream, one.source)
            for one in some
            if one.until <= now or not self._says_so(one.stream, one.source)
        ]

    def _says_so(self, stream: str, source: str) -> bool:
        """Whether the settings have taken bulk of a stream away from a provider: what bounced there
        is then still kept from it, as whoever carries it now has no list yet."""
        known = self._keeper.house.streams.get(stream)
        if known is None or known.keeps or known.secret:
            return False
        return not any(one.weight for one in known.routes if one.provider == source)

    async def _tidy(self, idle: Sequence[tuple[str, str]]) -> bool:
        async with self._keeper.database.write() as tx:
            if await queries.live(tx, lock=True) is not None:
                return False  # somebody began one since: its weights are no idle ones
            before = {(one.stream, one.source) for one in await shifting.former(tx)}
            for one in idle:
                if one not in before and self._says_so(*one):
                    await shifting.conclude(tx, *one)
                else:
                    await shifting.forget(tx, *one)
        return False


def _is_still(before: Sequence[RouteSettings], after: Sequence[RouteSettings]) -> bool:
    """Whether some shifts together leave every weight as it was."""
    return all(
        isclose(one.weight, other.weight, abs_tol=1e-9)
        for one, other in zip(before, after, strict=True)
    )


def _seen(fared: Mapping[str, shifting.Fared], name: str) -> Seen:
    found = fared.get(name)
    return Seen() if found is None else Seen(found.good, found.bad)
