"""The dispatcher: sends what is due, with one lane and its own workers for each stream.

Hanging connections of one lane hold back no other: recovery mail has its own slots, its own claim
and its own place in the shared commit.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from mailkeep.base.clock import Clock, Instant, SystemClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.events.types import Fact
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider, UnbuildableMessage
from mailkeep.providers.types import Outcome, OutcomeKind, ProviderConfig
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from . import building, outbox, outcomes, shifting
from .events import BreakerClosed, BreakerOpened
from .health import Breaker, after
from .intake import Intake
from .lane import Lane
from .leases import LeaseLost, Leases, theirs
from .splitting import Splitting
from .standing import Standing
from .tracing import attempt_span
from .transport import Transport
from .types import Job, StreamSettings

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0  #: between two tries to write down an outcome


class Dispatcher:
    """Sends what is due.

    Args:
        database, shared: where the outbox is; outcomes share commits.
        keys: open sealed bodies.
        clock: the process's; with the system's own, leases go by the database's clock instead.
        streams, providers: by name.
    """

    def __init__(
        self,
        database: Database,
        shared: SharedCommit,
        keys: KeyRing,
        clock: Clock,
        streams: dict[str, StreamSettings],
        providers: dict[str, ProviderConfig],
    ) -> None:
        self._database = database
        self._shared = shared
        self._keys = keys
        self._clock = clock
        self._providers = providers
        intake = Intake(database, keys, streams, providers=providers)
        self._splitting = Splitting(database, keys, intake, streams)
        self.standing = Standing(database)
        self.leases = Leases(database, asks=theirs if isinstance(clock, SystemClock) else None)
        self._lanes = [Lane(self, stream) for stream in streams.values()]
        self._transport: Transport | None = None
        self._askable = frozenset(
            name
            for name, one in providers.items()
            if registry.get(one.kind).capabilities.search_by_our_id
        )

    async def run(self) -> None:
        """Run every lane until cancelled; sends under way are then awaited."""
        self._transport = Transport()
        renewing = asyncio.create_task(self.leases.run())
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes:
                    group.create_task(lane.run())
        finally:
            # Up to here: work still under way at the end must not be taken for a dead process's.
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            self._transport.close()

    def now(self) -> Instant:
        return self._clock.now()

    def told(self, topic: str) -> None:
        """Called when this process or another has written something: see ``Database.hear``."""
        changed = topic in {"", shifting.STANDING}
        if changed:
            self.standing.forget()
        for lane in self._lanes:
            if changed or topic == outbox.due(lane.stream.name):
                lane.awake.set()

    def breakers(self) -> dict[tuple[str, str], Breaker]:
        """The breakers as they stand, by (stream, provider)."""
        return {
            (lane.stream.name, provider): breaker
            for lane in self._lanes
            for provider, breaker in lane.breakers.items()
        }

    def ailing(self, stream: str) -> frozenset[str]:
        """Providers that a stream's breakers keep out just now: open, and not due for a probe."""
        now = self._clock.now()
        return frozenset(
            provider
            for (name, provider), breaker in self.breakers().items()
            if name == stream and not breaker.closed() and not breaker.may_probe(now)
        )

    async def send(self, job: Job, stream: StreamSettings) -> tuple[Outcome, float] | None:
        """Check the cut-offs and the lease once more, then send; None when nothing left: the
        provider was cut off meanwhile, the message may be another worker's, or the database is
        away, and nobody can know."""
        try:
            if job.provider in await self.standing.cut():
                return None
            if job.size > len(job.body):
                async with self._database.read() as tx:
                    body = await outbox.body(tx, job.message)
                if body is None:
                    return None  # the lease ran out, and another one was quicker
                job = msgspec.structs.replace(job, body=body)
        except Unavailable:
            return None  # without a word it would count as sent, perhaps
        started = time.perf_counter()
        try:
            outcome = await self._attempt(job, stream)
        except LeaseLost:
            log.warning("attempt.lease_lost", attempt=job.attempt, provider=job.provider)
            return None
        return outcome, time.perf_counter() - started

    async def _attempt(self, job: Job, stream: StreamSettings) -> Outcome:
        config = self._providers[job.provider]
        module = registry.get(config.kind)
        if self._transport is None:
            raise RuntimeError("the dispatcher is not running")
        try:
            if job.ask and (question := module.ask(config, job.message)) is not None:
                answer = module.answered(await self._transport.carry(question))
                if answer is None:
                    return Outcome(OutcomeKind.UNAVAILABLE, "it may have this, and does not tell")
                if answer:
                    return Outcome(OutcomeKind.ACCEPTED, "it had this already")
            request, named, trace = await building.request(self._keys, module, config, job, stream)
        except (Unsealable, UnbuildableMessage) as error:
            return Outcome(OutcomeKind.REJECTED, type(error).__name__)
        except MisconfiguredProvider as error:
            return Outcome(OutcomeKind.UNAUTHORISED, str(error)[:200])
        with attempt_span(trace, job) as span:
            may = partial(self.leases.hold, job)
            outcome = module.read(await self._transport.carry(request, may), named)
            span.set_attribute("mailkeep.outcome", outcome.kind.value)
        return outcome

    async def due(self, stream: str) -> bool:
        """Whether there is anything to claim."""
        with self._seeing():
            async with self._database.glance() as tx:
                return await outbox.is_due(tx, stream, self.leases)

    @contextmanager
    def _seeing(self) -> Iterator[None]:
        try:
            yield
        except Unavailable:
            self.leases.blind()
            raise

    async def claim(self, lane: Lane, limit: int) -> list[Job]:
        async def job(tx: Tx) -> list[Job]:
            return await outbox.claim(
                self._database,
                tx,
                lane.stream,
                lane.breakers,
                limit,
                busy=lane.busy(),
                askable=self._askable,
                trickle=lane.trickle,
                leases=self.leases,
            )

        since = self.leases.ticks()
        with self._seeing():
            jobs = await self._shared.run(job, lane=lane.stream.priority, weight=limit)
        self.leases.take(jobs, since)
        return jobs

    def let_go(self, job: Job) -> None:
        self.leases.drop(job)

    async def finish(self, lane: Lane, job: Job, sent: tuple[Outcome, float] | None) -> None:
        """Record the result of an attempt.

        When the database is away, or keeps undoing the transaction, this is retried: a lost result
        is a mail that is sent twice.
        """
        kind = self._providers[job.provider].kind
        reports = registry.get(kind).capabilities.reports_deliveries
        outcome, seconds = sent or (None, 0.0)
        turned: tuple[Fact, ...] = ()
        if outcome is not None:
            breaker = lane.breakers.get(job.provider, Breaker())
            lane.breakers[job.provider] = after(
                breaker, outcome.kind, self._clock.now(), outcome.retry_after, job.started_at
            )
            if outcome.kind is OutcomeKind.ACCEPTED:
                self._is_back(job)
            turned = self._turned(job.provider, outcome)
        finished = outcomes.Finished(job, outcome, seconds, reports, lane.stream.keeps, turned)
        while True:
            try:
                priority = lane.stream.priority
                await self._shared.each(self._write, finished, lane=priority, patient=priority > 0)
                return
            except (Unavailable, DBAPIError):
                if not self.leases.works_on(job):
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    def _is_back(self, job: Job) -> None:
        """One stream's mail went through: the others need not try, and recovery mail does not."""
        now = self._clock.now()
        for lane in self._lanes:
            breaker = lane.breakers.get(job.provider)
            if (
                breaker is not None
                and breaker.may_probe(now)
                and job.started_at > breaker.opened_at
            ):
                lane.breakers[job.provider] = Breaker()

    def _turned(self, provider: str, outcome: Outcome) -> tuple[Fact, ...]:
        """What an answer has opened or closed, in any lane."""
        now, facts = self._clock.now(), list[Fact]()
        for lane in self._lanes:
            breaker, stream = lane.breakers.get(provider), lane.stream.name
            if breaker is None or not lane.turns.seen(provider, breaker, now):
                continue
            if breaker.closed():
                facts.append(BreakerClosed(provider=provider, stream=stream))
            else:
                facts.append(
                    BreakerOpened(provider=provider, stream=stream, because=outcome.kind.value)
                )
        return tuple(facts)

    async def _write(self, tx: Tx, finished: Sequence[outcomes.Finished]) -> list[None]:
        return await outcomes.finish(self._database, tx, finished, self._splitting)
