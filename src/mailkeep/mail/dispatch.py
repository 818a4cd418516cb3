"""The dispatcher: one lane for each stream, each with its own workers.

A lane's hanging connections hold back nobody else's: recovery mail has its own slots, its own claim
and its own place in the shared commit.
"""

import asyncio
import contextlib
import time

import structlog

from mailkeep.base.clock import Clock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider, UnbuildableMessage
from mailkeep.providers.types import Outcome, OutcomeKind, ProviderConfig
from mailkeep.store.database import Database, SharedCommit, Tx

from . import building, outbox
from .health import Breaker, after
from .transport import Transport
from .types import Job, StreamSettings

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.5  #: how long a lane that nobody woke waits before it looks for itself


class Dispatcher:
    """Sends what is due.

    Args:
        database, shared: where the outbox is; outcomes share commits.
        keys: open sealed bodies.
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
        self._lanes = [_Lane(self, stream) for stream in streams.values()]
        self._transport: Transport | None = None

    async def run(self) -> None:
        """Run every lane until cancelled; sends under way are then awaited."""
        self._transport = Transport()
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes:
                    group.create_task(lane.run())
        finally:
            await self._transport.close()

    def wake(self, stream: str) -> None:
        """Something may be due in ``stream``: look now."""
        for lane in self._lanes:
            if lane.stream.name == stream:
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
        """Look at the cut-offs once more, then send; None when the provider was cut meanwhile."""
        async with self._database.read() as tx:
            if job.provider in await outbox.cut_providers(tx):
                return None
        started = time.perf_counter()
        outcome = await self._attempt(job, stream)
        return outcome, time.perf_counter() - started

    async def _attempt(self, job: Job, stream: StreamSettings) -> Outcome:
        config = self._providers[job.provider]
        module = registry.get(config.kind)
        try:
            request, named = await building.request(self._keys, module, config, job, stream)
        except (Unsealable, UnbuildableMessage) as error:
            return Outcome(OutcomeKind.REJECTED, type(error).__name__)
        except MisconfiguredProvider as error:
            return Outcome(OutcomeKind.UNAUTHORISED, str(error)[:200])
        if self._transport is None:
            raise RuntimeError("the dispatcher is not running")
        return module.read(await self._transport.carry(request), named)

    async def claim(self, lane: "_Lane", limit: int) -> list[Job]:
        async def job(tx: Tx) -> list[Job]:
            return await outbox.claim(self._database, tx, lane.stream, lane.breakers, limit)

        return await self._shared.run(job, lane=lane.stream.priority)

    async def finish(self, lane: "_Lane", job: Job, sent: tuple[Outcome, float] | None) -> None:
        async def write(tx: Tx) -> None:
            if sent is None:
                await outbox.withhold(tx, job)
                return
            kind = self._providers[job.provider].kind
            reports = registry.get(kind).capabilities.reports_deliveries
            await outbox.finish(self._database, tx, job, *sent, reports=reports)

        if sent is not None:
            outcome = sent[0]
            breaker = lane.breakers.get(job.provider, Breaker())
            lane.breakers[job.provider] = after(
                breaker, outcome.kind, self._clock.now(), outcome.retry_after
            )
        await self._shared.run(write, lane=lane.stream.priority)


class _Lane:
    """The workers of one stream."""

    def __init__(self, dispatcher: Dispatcher, stream: StreamSettings) -> None:
        self.stream = stream
        self.breakers: dict[str, Breaker] = {}
        self.awake = asyncio.Event()
        self._dispatcher = dispatcher
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while True:
                if not await self._step():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.awake.wait(), IDLE_SECONDS)
                self.awake.clear()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=30)

    async def _step(self) -> bool:
        """Start what may start; False when there is nothing to do until something happens."""
        free = self.stream.concurrency - len(self._running)
        if free <= 0:
            return False
        try:
            jobs = await self._dispatcher.claim(self, free)
        except Unavailable as error:
            log.warning("outbox.unavailable", stream=self.stream.name, error=str(error))
            return False
        for job in jobs:
            task = asyncio.create_task(self._work(job))
            self._running.add(task)
            task.add_done_callback(self._done)
        return bool(jobs)

    async def _work(self, job: Job) -> None:
        try:
            sent = await self._dispatcher.send(job, self.stream)
            await self._dispatcher.finish(self, job, sent)
        except Exception as error:
            # The lease brings the message back; a worker's fault must not end the lane.
            log.error("attempt.failed", attempt=job.attempt, error=type(error).__name__)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.awake.set()
