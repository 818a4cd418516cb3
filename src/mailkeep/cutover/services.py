"""The service of moves between two providers: plan, start, pause, step back, finish; and emergency.

The decision (``decide``) and its effects are written in one transaction, the weights that mail
routes by included: a kill at any instant leaves a move as it was, or one step further.

Security: a move can only take mail to a provider that the settings give the stream already. It is
planned at the server's own shell, where DNS was checked; a failed check prevents the start.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import insert, update

from mailkeep.base import reasons
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.ids import new_id
from mailkeep.base.wording import listed
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.mail import queries as mail
from mailkeep.mail import services as mail_services
from mailkeep.mail.types import StreamSettings
from mailkeep.store.database import Database, Tx

from . import decide, queries, tables
from .events import CutoverStarted
from .gates import OURS, CutoverConfiguration, check, gates
from .keeping import Keeper, held_against, without_proofs
from .stepping import Stepping
from .types import LIVE, Gate, Pace, State, View

FRESH = DAY  #: for so long a plan may be started: DNS and providers change

_c, _s = tables.cutovers, tables.cutover_streams


class Moved(msgspec.Struct, frozen=True):
    """What an emergency did.

    Attributes:
        streams: that the new provider carries now; ``left_out``: those of which it is no route.
        retries: mails that waited to be tried again and are tried at once.
        again: mails that the old one took and nobody saw arrive, that are sent again.
        warnings: what holds no more.
    """

    id: str
    streams: tuple[str, ...]
    left_out: tuple[str, ...]
    retries: int
    again: int
    warnings: tuple[str, ...]


class Cutover:
    """The moves of a house."""

    def __init__(self, database: Database, house: CutoverConfiguration) -> None:
        self.house = house
        self._database = database
        self._keeper = Keeper(database, house)
        self.step = Stepping(self._keeper).step

    async def plan(
        self,
        tx: Tx,
        source: str,
        target: str,
        looked: Sequence[Gate],
        pace: Pace,
        *,
        by: str,
    ) -> View:
        """Write a plan down; nothing moves.

        Args:
            looked: what was looked at, outside of this house as well.

        Raises:
            Invalid: no such provider, nothing to move, or a pace that leads nowhere.
        """
        self._known(source, target)
        check(pace)
        streams, order = await self._order(tx, source)
        without = decide.missing(streams.values(), order, target)
        names = [one for one in order if one not in without]
        down = await without_proofs(tx)
        found = [*looked, *gates(self.house, streams, names, without, source, target, down)]
        cutover = new_id("cut", tx.now)
        await tx.run(
            insert(_c).values(
                id=cutover,
                source=source,
                target=target,
                state=State.PLANNED.value,
                at_once=False,
                by=by,
                created_at=tx.now,
                why="",
                pace=msgspec.json.encode(pace).decode(),
                gates=msgspec.json.encode(found).decode(),
            )
        )
        await self._write_streams(tx, cutover, names)
        said = {"cutover": cutover, "from": source, "to": target}
        await audit.write(tx, by, "plan_cutover", said)
        return await queries.one(tx, cutover)

    async def start(self, tx: Tx, cutover: str, *, by: str, anyway: bool = False) -> View:
        """Begin a move that was planned.

        Args:
            anyway: though a check failed; for the shell of the house only.

        Raises:
            Conflict: it began already, its plan is old, a check failed, another move is under way,
                or something is held against the target.
        """
        view = await queries.one(tx, cutover, lock=True)
        if view.state is not State.PLANNED:
            raise Conflict(f"this move is {view.state.value}: plan another one")
        if tx.now - view.created_at > FRESH:
            raise Conflict("the plan is older than a day: make it anew")
        failed = await self._failed(tx, view)
        if failed and not anyway:
            raise Conflict(
                f"{' '.join(one.meaning for one in failed)} Set that right and plan anew, or"
                " begin all the same with `mailkeep cutover start --anyway`"
            )
        if not view.streams:
            raise Conflict(f"{view.target} is no route of any stream of {view.source}")
        other = await queries.live(tx, lock=True)
        if other is not None:
            raise Conflict(
                f"a move from {other.source} to {other.target} is under way: it is finished or"
                " taken back first"
            )
        self._known(view.source, view.target)
        against = await held_against(tx, view.target)
        if against:
            raise Conflict(against)
        await self._keeper.set(tx, view, State.MOVING, by=by, live=True, started_at=tx.now)
        started = CutoverStarted(
            cutover=view.id, source=view.source, target=view.target, at_once=False, by=by
        )
        await record(self._database, tx, started)
        return await queries.one(tx, cutover)

    async def now(
        self, tx: Tx, source: str, target: str, *, by: str, reason: str, since: Instant
    ) -> Moved:
        """Move everything at once; the old provider rests, whether or not it is cut off.

        A move that is under way ends. What ``source`` took since an instant and nobody saw arrive
        is sent again; so a little may come twice, under the same ``Message-ID``.

        Raises:
            Conflict: the target is cut off or rests.
            Invalid: no such provider, no reason, or nothing that the target may carry.
        """
        self._known(source, target)
        reason = reasons.given(reason)
        other = await queries.live(tx, lock=True)
        states, down = await mail.states(tx), await without_proofs(tx)
        state, left = states.get(target), states.get(source)
        if state is not None and (state.cut_at is not None or state.rested_at is not None):
            how, verb = ("rests", "unrest") if state.cut_at is None else ("is cut off", "restore")
            raise Conflict(
                f"{target} {how}, and would carry nothing: `mailkeep providers {verb} {target}"
                " --reason …` ends that"
            )
        streams, order = await self._order(tx, source)
        without = decide.missing(streams.values(), order, target)
        names = [one for one in reversed(order) if one not in without]  # recovery first
        if not names:
            raise Invalid(f"{target} is no route of any stream of {source}", field="to")
        if other is not None:
            await self._keeper.set(tx, other, State.FINISHED, by=by, why="an emergency overtook it")
        cutover = new_id("cut", tx.now)
        await tx.run(
            insert(_c).values(
                id=cutover,
                source=source,
                target=target,
                state=State.MOVED.value,
                at_once=True,
                by=by,
                created_at=tx.now,
                started_at=tx.now,
                why=reason,
                pace=msgspec.json.encode(Pace()).decode(),
                gates="[]",
                live=True,
            )
        )
        await self._write_streams(tx, cutover, names, step=len(Pace().shares) - 1)
        await record(
            self._database,
            tx,
            CutoverStarted(cutover=cutover, source=source, target=target, at_once=True, by=by),
        )
        retries = 0
        for name in names:
            retries += await self._keeper.shift(tx, cutover, name, source, target, 1.0, by, reason)
        again = 0
        if left is None or (left.cut_at is None and left.rested_at is None):
            again = await mail_services.rest_provider(
                self._database,
                tx,
                source,
                by=by,
                reason=f"cutover {cutover}",
                since=since,
                within=cutover,
            )
        elif other is not None and await mail.rests_in(tx, source) == other.id:
            await mail_services.rest_for(tx, source, cutover)  # it ends with this one now
        await audit.write(tx, by, "cutover_now", {"cutover": cutover, "reason": reason})
        found = gates(self.house, streams, names, without, source, target, down)
        warnings = [one.meaning for one in found if one.state != "ok"]
        if against := await held_against(tx, target):
            warnings.append(f"{against}.")
        return Moved(cutover, tuple(names), tuple(without), retries, again, tuple(warnings))

    async def pause(self, tx: Tx, cutover: str, *, by: str, why: str = "") -> View:
        """Leave a move as it is, up to ``resume``. Raises ``Conflict`` when it does not move."""
        view = await self._locked(tx, cutover, {State.MOVING})
        await self._keeper.set(tx, view, State.PAUSED, by=by, why=why or "a person holds it up")
        return await queries.one(tx, cutover)

    async def resume(self, tx: Tx, cutover: str, *, by: str) -> View:
        """Continue. Earlier observations no longer count: the current step begins anew.

        Raises:
            Conflict: it is not paused, or something is held against the target.
        """
        view = await self._locked(tx, cutover, {State.PAUSED})
        against = await held_against(tx, view.target)
        if against:
            raise Conflict(against)
        await tx.run(
            update(_s)
            .where(_s.c.cutover_id == view.id)
            .values(since=tx.now, held_until=0, backs=0, why="")
        )
        await self._keeper.set(tx, view, State.MOVING, by=by, started_at=tx.now)
        return await queries.one(tx, cutover)

    async def back(self, tx: Tx, cutover: str, *, by: str, reason: str) -> View:
        """Take a move back: the old provider carries what the settings say, at once.

        Raises:
            Conflict: it is over, or the old provider is cut off.
            Invalid: no reason, or one that is too long.
        """
        reason = reasons.given(reason)
        view = await self._locked(tx, cutover, LIVE)
        if view.source in await mail.cut(tx):
            raise Conflict(f"{view.source} is cut off: nothing can go back to it")
        for one in reversed(view.streams):
            if one.step >= 0:
                await self._keeper.shift(
                    tx, view.id, one.stream, view.source, view.target, 0.0, by, reason
                )
        if await mail.rests_in(tx, view.source) == view.id:
            await mail_services.unrest_provider(
                self._database, tx, view.source, by=by, reason=reason
            )
        await tx.run(update(_s).where(_s.c.cutover_id == view.id).values(step=-1))
        await self._keeper.set(tx, view, State.RETURNED, by=by, why=reason)
        return await queries.one(tx, cutover)

    async def finish(self, tx: Tx, cutover: str, *, by: str) -> View:
        """Say that it is well. The weights stay moved until the settings say the same.

        Raises:
            Conflict: not everything has moved.
        """
        view = await self._locked(tx, cutover, {State.MOVED})
        await self._keeper.set(tx, view, State.FINISHED, by=by, why="")
        return await queries.one(tx, cutover)

    async def _failed(self, tx: Tx, view: View) -> list[Gate]:
        """What stops the start of a plan: of DNS and of the target what was found then, of this
        house what is so by now. A day is long enough for a third route to be cut off."""
        streams, order = await self._keeper.order(tx, view.source)
        without = decide.missing(streams.values(), order, view.target)
        names = [one.stream for one in view.streams if one.stream in order]
        new = [one for one in order if one not in without and one not in names]
        now = gates(
            *(self.house, streams, names, without, view.source, view.target),
            await without_proofs(tx),
        )
        now += [
            Gate("cutover.plan", "failed", f"{one} is carried by {view.source} since the plan.")
            for one in new
        ]
        then = [one for one in view.gates if one.id not in OURS]
        return [one for one in (*then, *now) if one.state == "failed"]

    async def _order(self, tx: Tx, source: str) -> tuple[Mapping[str, StreamSettings], list[str]]:
        """The streams as mail goes now, and those to move. Raises ``Invalid`` for none."""
        streams, order = await self._keeper.order(tx, source)
        if not order:
            raise Invalid(f"{source} carries nothing: there is nothing to move", field="from")
        return streams, order

    def _known(self, source: str, target: str) -> None:
        for name, field in ((source, "from"), (target, "to")):
            if name not in self.house.providers:
                raise Invalid(f"no provider {name!r}", field=field)
        if source == target:
            raise Invalid("from and to are the same provider", field="to")

    async def _locked(self, tx: Tx, cutover: str, states: Collection[State]) -> View:
        view = await queries.one(tx, cutover, lock=True)
        if view.state not in states:
            wanted = listed([one.value for one in State if one in states], "or")
            stands = "has not begun" if view.state is State.PLANNED else f"is {view.state.value}"
            raise Conflict(f"this move {stands}: that is for one that is {wanted}")
        return view

    async def _write_streams(
        self, tx: Tx, cutover: str, names: Sequence[str], step: int = -1
    ) -> None:
        for place, name in enumerate(names):
            await tx.run(
                insert(_s).values(
                    cutover_id=cutover,
                    stream=name,
                    place=place,
                    step=step,
                    since=tx.now,
                    backs=0,
                    held_until=0,
                    why="",
                )
            )
