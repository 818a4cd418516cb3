"""The service of incidents: open, update, contain, restore, merge, note and close them."""

import msgspec
from sqlalchemy import func, insert, select, update

from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import Conflict
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.events.tables import events
from mailkeep.events.types import Recorded
from mailkeep.mail.events import ProviderCut, ProviderRested, ProviderRestored, ProviderUnrested
from mailkeep.recovery.events import ProofVoided
from mailkeep.store.database import Database, Tx
from mailkeep.watch import queries as watch
from mailkeep.watch.types import Subject, WatchSettings, provider_subject

from . import merging, queries, reconsidering, suspicions
from .answers import Answers
from .by_hand import ByHand
from .decide import Change, Closing, Line, Opening, decide, grew, held_again
from .events import (
    IncidentClosed,
    IncidentContained,
    IncidentMerged,
    IncidentOpened,
    IncidentRestored,
    IncidentTaken,
    IncidentUpdated,
    IncidentWeighed,
)
from .suspects import ProviderParties
from .suspicions import Suspicion
from .tables import incident_entries, incidents
from .types import UNATTENDED, Incident, IncidentSettings, State, View
from .words import prose

SYSTEM = "mailkeep"  #: who wrote a line that no person wrote

_i, _e = incidents, incident_entries


class Incidents:
    """The incidents of one house.

    Args:
        database: where they are kept.
        house: our providers and who stands behind them.
        watch_settings: how opinions are weighed.
        settings: when incidents end.
    """

    def __init__(
        self,
        database: Database,
        house: ProviderParties,
        watch_settings: WatchSettings | None = None,
        settings: IncidentSettings | None = None,
    ) -> None:
        self._database = database
        self.house = house
        self._watch = watch_settings or WatchSettings()
        self.settings = settings or IncidentSettings()
        self._answers = Answers(database, house, self.settings)
        self.by_hand = ByHand(database, self)

    async def on_signal(self, tx: Tx, _recorded: Recorded) -> None:
        """Assess, once in a transaction: what is on the log already is weighed together."""
        if tx.first("incidents assessed"):
            await self.assess(tx)

    async def on_cut(self, tx: Tx, recorded: Recorded) -> None:
        """A provider was cut off, by whatever means: its incident is contained."""
        if isinstance(recorded.fact, ProviderCut):
            fact = recorded.fact
            incident = await self._about(tx, provider_subject(fact.provider))
            if incident is not None:
                await self.contain(tx, incident.id, by=fact.by, events=(recorded.id,))

    async def on_restored(self, tx: Tx, recorded: Recorded) -> None:
        """A provider carries mail again."""
        if isinstance(recorded.fact, ProviderRestored):
            fact = recorded.fact
            incident = await self._about(tx, provider_subject(fact.provider))
            if incident is not None:
                await self.restore(tx, incident.id, by=fact.by, events=(recorded.id,))

    async def on_rested(self, tx: Tx, recorded: Recorded) -> None:
        """A provider was rested, or its rest ended, by hand: a timeline entry, and no other
        state."""
        fact = recorded.fact
        if not isinstance(fact, ProviderRested | ProviderUnrested):
            return
        incident = await self._about(tx, provider_subject(fact.provider))
        if incident is None or fact.reason == f"incident {incident.id}":
            return
        words = "the provider rests" if isinstance(fact, ProviderRested) else "the rest is over"
        await self.enter(tx, incident.id, "rest", words, by=fact.by, events=(recorded.id,))

    async def on_voided(self, tx: Tx, recorded: Recorded) -> None:
        """Proofs that were voided for an incident are a count in its timeline."""
        fact = recorded.fact
        if not isinstance(fact, ProofVoided) or fact.why != "provider_cut":
            return
        for incident in await queries.live(tx):
            if fact.provider in self.house.suspects(incident.subject):
                words = "proofs that went through the suspect are void"
                await self._count(tx, incident.id, "voided", words, recorded.id)
                return

    async def assess(self, tx: Tx) -> None:
        """Weigh the current evidence, and apply what follows to the incidents."""
        opinions = await watch.opinions(tx, self._watch)
        live = await queries.live(tx, lock=True)
        if not opinions and not live:
            return
        steps = decide(
            opinions,
            live,
            await queries.dismissed(tx),
            tx.now,
            self.settings,
            self._watch.correlation,
        )
        for step in steps:
            match step:
                case Opening():
                    await self._open(tx, step)
                case Change():
                    await self._change(tx, step)
                case Closing(incident, None):
                    await self._close(tx, incident, "quiet", "nothing is held any more")
                case Closing(incident, Subject() as subject):
                    await self._close(tx, incident, "joined", f"goes on as part of {subject.id}")

    async def suspicions(self, tx: Tx) -> list[Suspicion]:
        """What may be going on, held or not, as ``assess`` weighs it."""
        return await suspicions.listing(tx, self._watch)

    async def tick(self) -> None:
        """Assess as time passes: suspicions that nothing supports any more are dropped, and their
        incidents close. The blast radius of the others is recomputed and stored."""
        await self._database.retrying(self.assess)
        await self._answers.step()
        await self._database.retrying(lambda tx: reconsidering.when_counted(tx, self))

    async def contain(
        self, tx: Tx, incident: str, *, by: str, events: tuple[str, ...] = ()
    ) -> None:
        """The suspect was cut off. Nothing changes when that is known already."""
        await self._enter_state(
            tx, incident, State.CONTAINED, by, "the suspect was cut off", events
        )

    async def restore(
        self, tx: Tx, incident: str, *, by: str, events: tuple[str, ...] = ()
    ) -> None:
        """The suspect carries mail again."""
        words = "the suspect carries mail again"
        await self._enter_state(tx, incident, State.RESTORED, by, words, events)

    async def enter(
        self,
        tx: Tx,
        incident: str,
        kind: str,
        text: str,
        *,
        by: str = SYSTEM,
        events: tuple[str, ...] = (),
        count: int = 0,
    ) -> None:
        """Add a line to the timeline. Raises ``NotFound``."""
        await queries.one(tx, incident, lock=True)  # lines are numbered one after the other
        last = await tx.value(select(func.max(_e.c.line)).where(_e.c.incident_id == incident))
        await tx.run(
            insert(_e).values(
                incident_id=incident,
                line=(last or 0) + 1,
                at=tx.now,
                kind=kind,
                text=text,
                by=by,
                events=msgspec.json.encode(events).decode(),
                count=count,
            )
        )

    async def note(self, tx: Tx, incident: str, text: str, *, by: str) -> None:
        """What a person has to say. Raises ``Invalid``, ``NotFound``."""
        await self.enter(tx, incident, "note", prose(text, "text"), by=by)
        # The words stay out of the audit chain: it outlives every erasure.
        await audit.write(tx, by, "note_incident", {"incident": incident})

    async def take(self, tx: Tx, incident: str, *, by: str) -> None:
        """A person takes the incident: nobody else is paged for it. Whoever takes it later replaces
        them.

        Raises:
            NotFound: no such incident.
            Conflict: it is closed.
        """
        found = await queries.one(tx, incident, lock=True)
        if found.state is State.CLOSED:
            raise Conflict("this incident is closed already")
        if found.taken_by == by:
            return
        for part in await merging.parts(tx, incident):
            await self.take(tx, part, by=by)
        await tx.run(update(_i).where(_i.c.id == incident).values(taken_at=tx.now, taken_by=by))
        await self.enter(tx, incident, "taken", "somebody sees to it", by=by)
        await audit.write(tx, by, "take_incident", {"incident": incident})
        await record(self._database, tx, IncidentTaken(incident=incident, by=by))

    async def close(self, tx: Tx, incident: str, why: str, *, by: str) -> None:
        """A person ends it, and says why. Raises as ``note`` does; ``Conflict`` when it is closed
        already."""
        found = await queries.one(tx, incident, lock=True)
        if found.state is State.CLOSED:
            raise Conflict("this incident is closed already")
        for part in await merging.parts(tx, incident):
            await self.close(tx, part, why, by=by)
        await self.note(tx, incident, why, by=by)
        await self._close(tx, incident, by, "closed by a person")
        await audit.write(tx, by, "close_incident", {"incident": incident})

    async def merge(self, tx: Tx, incident: str, into: str, *, by: str) -> None:
        """A person says that an incident is part of another: see ``merging``, whose errors it
        raises."""
        part, head = await merging.join(tx, incident, into)
        await reconsidering.when_merged(tx, self, head, part)
        await self.enter(tx, part.id, "merged", f"is part of {head.id}", by=by)
        await self.enter(tx, head.id, "merged", f"has {part.id} as a part", by=by)
        await audit.write(tx, by, "merge_incidents", {"incident": part.id, "into": head.id})
        await record(self._database, tx, IncidentMerged(incident=part.id, into=head.id, by=by))

    async def split(self, tx: Tx, incident: str, *, by: str) -> None:
        """A person says that it is a matter of its own after all. Raises ``NotFound``,
        ``Conflict``."""
        head = await merging.leave(tx, incident)
        await self.enter(tx, incident, "split", f"is no part of {head} any more", by=by)
        await self.enter(tx, head, "split", f"{incident} is no part of it any more", by=by)
        await audit.write(tx, by, "split_incident", {"incident": incident, "from": head})
        await record(self._database, tx, IncidentMerged(incident=incident, into="", by=by))

    async def _about(self, tx: Tx, subject: Subject) -> Incident | None:
        return next((one for one in await queries.live(tx) if one.subject == subject), None)

    async def _open(self, tx: Tx, step: Opening) -> None:
        incident = new_id("inc", tx.now, tx.order.next())
        first = (
            tx.upsert(_i)
            .values(
                id=incident,
                subject_kind=step.subject.kind,
                subject_id=step.subject.id,
                state=State.OPEN.value,
                opened_at=tx.now,
                since=await self._oldest(tx, step.opinions, tx.now),
                opinions=_encode(step.opinions),
            )
            .on_conflict_do_nothing()
        )
        if await tx.run(first) != 1:
            return  # another process opened it in this moment
        await self.enter(tx, incident, "opened", "the incident opened")
        await self._write_lines(tx, incident, step.lines)
        subject = step.subject
        opened = IncidentOpened(
            incident=incident,
            subject_kind=subject.kind,
            subject_id=subject.id,
            hypotheses=_held(step.opinions),
        )
        await record(self._database, tx, opened)

    async def _change(self, tx: Tx, step: Change) -> None:
        before = await queries.one(tx, step.incident)
        # What signs say, apart from what a person does.
        seen = int(await tx.value(select(_i.c.since).where(_i.c.id == step.incident)) or 0)
        await tx.run(
            update(_i)
            .where(_i.c.id == step.incident)
            .values(
                opinions=_encode(step.opinions),
                quiet_since=step.quiet_since,
                since=await self._oldest(tx, step.opinions, seen),
            )
        )
        await self._write_lines(tx, step.incident, step.lines)
        await self._reopen(tx, before, step.opinions)
        await reconsidering.when_held(tx, self, before)
        if step.lines or _alone(before.opinions) != _alone(step.opinions):
            updated = IncidentUpdated(
                incident=step.incident,
                hypotheses=_held(step.opinions),
                again=tuple(one.value for one in held_again(before.opinions, step.opinions)),
            )
            await record(self._database, tx, updated)
        elif grew(before.opinions, step.opinions):
            await record(self._database, tx, IncidentWeighed(incident=step.incident))

    async def _reopen(self, tx: Tx, before: Incident, opinions: tuple[View, ...]) -> None:
        """A restored incident with new signs is as open as it was at first."""
        if before.state is not State.RESTORED or before.restored_at is None:
            return
        held = [one for view in opinions if view.open for one in view.reasons if one.nats]
        ids = {event for one in held for event in one.events}
        newest = await tx.value(select(func.max(events.c.at)).where(events.c.id.in_(ids)))
        if newest is None or int(newest) <= before.restored_at:
            return
        values = {"state": State.OPEN.value, "contained_at": None, "restored_at": None}
        await tx.run(update(_i).where(_i.c.id == before.id).values(values))
        await self.enter(tx, before.id, "reopened", "new signs after it was restored: open again")

    async def _close(self, tx: Tx, incident: str, by: str, words: str) -> None:
        found = await queries.one(tx, incident)
        last = await queries.blast_radius(tx, self.house, found, self.settings)
        await tx.run(
            update(_i)
            .where(_i.c.id == incident)
            .values(
                state=State.CLOSED.value,
                closed_at=tx.now,
                closed_by=by,
                blast=msgspec.json.encode(last).decode(),
            )
        )
        writer = SYSTEM if by in UNATTENDED else by
        if writer == SYSTEM:
            await merging.let_go(tx, incident)
        await self.enter(tx, incident, "closed", words, by=writer)
        await record(self._database, tx, IncidentClosed(incident=incident, by=by))

    async def _enter_state(
        self, tx: Tx, incident: str, state: State, by: str, words: str, events: tuple[str, ...]
    ) -> None:
        found = await queries.one(tx, incident, lock=True)
        leaves = {
            State.CONTAINED: (State.OPEN, State.RESTORED),
            State.RESTORED: (State.CONTAINED,),
        }
        if found.state not in leaves[state]:
            return
        values: dict[str, object] = {"state": state.value}
        if state is State.RESTORED:
            values["restored_at"] = tx.now
        elif found.contained_at is None:
            values["contained_at"] = tx.now
        await tx.run(update(_i).where(_i.c.id == incident).values(values))
        await self.enter(tx, incident, state.value, words, by=by, events=events)
        contained = state is State.CONTAINED
        fact = (
            IncidentContained(incident=incident, by=by)
            if contained
            else IncidentRestored(incident=incident, by=by)
        )
        await record(self._database, tx, fact)

    async def _count(self, tx: Tx, incident: str, kind: str, text: str, event: str) -> None:
        """Add to the entry of this minute, so that a flood of facts is one timeline entry."""
        row = await tx.one(
            select(_e)
            .where(_e.c.incident_id == incident, _e.c.kind == kind, _e.c.at > tx.now - MINUTE)
            .order_by(_e.c.line.desc())
            .limit(1)
        )
        if row is None:
            await self.enter(tx, incident, kind, text, events=(event,), count=1)
            return
        same = (_e.c.incident_id == incident) & (_e.c.line == row["line"])
        await tx.run(update(_e).where(same).values(count=row["count"] + 1))

    async def _write_lines(self, tx: Tx, incident: str, lines: tuple[Line, ...]) -> None:
        for line in lines:
            await self.enter(tx, incident, line.kind, line.text, events=line.events)

    async def _oldest(self, tx: Tx, opinions: tuple[View, ...], default: Instant) -> Instant:
        """The time of the oldest fact that may date the suspicion."""
        reasons = [one for view in opinions if view.open for one in view.reasons if one.dates]
        ids = {event for one in reasons for event in one.events}
        found = await tx.value(select(func.min(events.c.at)).where(events.c.id.in_(ids)))
        return default if found is None else min(default, int(found))


def _encode(opinions: tuple[View, ...]) -> str:
    return msgspec.json.encode(opinions).decode()


def _held(opinions: tuple[View, ...]) -> tuple[str, ...]:
    return tuple(one.hypothesis.value for one in opinions if one.open)


def _alone(opinions: tuple[View, ...]) -> set[str]:
    return {one.hypothesis.value for one in opinions if one.alone}
