"""One stream's lane of the dispatcher: what it has in flight, and when it claims more."""

import asyncio
import contextlib
import secrets
import time
from typing import Protocol

import structlog

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Unavailable
from mailkeep.base.traces import frames
from mailkeep.providers.types import Outcome, OutcomeKind

from .health import Breaker, Turns
from .routing import Busy, Trickle
from .types import Job, StreamSettings

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.5  #: how long a lane that nobody woke waits before it looks for itself
STUCK_SECONDS = 3.0  #: a provider is left where another stands, when a send has no answer so long
MOST_AT_ONCE = 200  #: messages in one claim
MOST_BYTES = 64 * 1024 * 1024  #: octets of bodies that a lane has claimed, or one larger one


class Sender(Protocol):
    """What a lane asks of the dispatcher."""

    def now(self) -> Instant: ...

    async def due(self, stream: str) -> bool: ...

    async def claim(self, lane: "Lane", limit: int) -> list[Job]: ...

    async def send(self, job: Job, stream: StreamSettings) -> tuple[Outcome, float] | None: ...

    async def finish(self, lane: "Lane", job: Job, sent: tuple[Outcome, float] | None) -> None: ...

    def let_go(self, job: Job) -> None: ...


class Lane:
    """The workers of one stream.

    Each of its providers has as many sends under way as the stream's ``concurrency``, so that one
    that hangs does not hold back the others. Twice as many are claimed ahead, so that no place is
    empty during a commit, and one commit serves many messages. Secrets are not claimed ahead: after
    a kill, a claimed secret must be assumed to have been read by its provider.
    """

    def __init__(self, sender: Sender, stream: StreamSettings) -> None:
        self.stream = stream
        self.breakers: dict[str, Breaker] = {}
        self.turns = Turns()
        self.trickle = Trickle(secrets.SystemRandom().random())
        self.awake = asyncio.Event()
        self._sender = sender
        self._providers = [route.provider for route in stream.routes]
        self._places = {one: asyncio.Semaphore(stream.concurrency) for one in self._providers}
        self._under_way: dict[str, dict[str, float]] = {one: {} for one in self._providers}
        self._answered = dict.fromkeys(self._providers, 0.0)
        self._claimed = dict.fromkeys(self._providers, 0)
        self._bytes = 0
        self._most = stream.concurrency * (1 if stream.secret else 3)
        self._tasks: set[asyncio.Task[None]] = set()
        self._more = False
        # A claim for every single answer would cost a commit each; recovery does not wait.
        half, whole = max(1, stream.concurrency // 2), stream.concurrency
        self._worth = 1 if stream.priority == 0 else half if stream.secret else whole

    async def run(self) -> None:
        """Claim and send until cancelled; what is under way is then awaited for a while."""
        try:
            while True:
                if not await self._step():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(IDLE_SECONDS):
                            await self.awake.wait()
                self.awake.clear()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=30)

    def busy(self) -> Busy:
        """What each provider can take now."""
        late = time.monotonic() - STUCK_SECONDS
        free = {one: self._most - count for one, count in self._claimed.items()}
        stuck = {one for one in self._providers if self._is_stuck(one, late)}
        idle = not any(self._claimed.values())
        return Busy(free, frozenset(stuck), MOST_BYTES - self._bytes, idle=idle)

    def _is_stuck(self, provider: str, late: float) -> bool:
        """Whether a send has had no answer since before ``late``, and either no place is left or no
        other send that began later was answered: at a few mails a second it would take long until
        all places hang."""
        oldest = min(self._under_way[provider].values(), default=late)
        silent = self._answered[provider] < oldest
        return oldest < late and (silent or self._places[provider].locked())

    def _room(self) -> int:
        """How many messages to claim now; 0 when it is better to wait."""
        now = self._sender.now()
        free = 0
        for provider, count in self._claimed.items():
            breaker = self.breakers.get(provider, Breaker())
            if breaker.closed():
                free += self._most - count
            elif breaker.may_probe(now):
                free += 1
        return min(free, MOST_AT_ONCE) if free >= self._worth or not self._tasks else 0

    async def _step(self) -> bool:
        """Start what may start; False when there is nothing to do until something happens."""
        try:
            room = self._room()
            if room <= 0:
                return False
            # If the last claim got all that it asked for, there is most likely more.
            if not self._more and not await self._sender.due(self.stream.name):
                return False
            jobs = await self._sender.claim(self, room)
        except Unavailable as error:
            log.warning("outbox.unavailable", stream=self.stream.name, error=str(error))
            return False
        except Exception as error:
            # If one lane ended it would end them all, recovery's too, until somebody notices.
            log.exception("outbox.failed", stream=self.stream.name, error=type(error).__name__)
            return False
        self._more = len(jobs) == room
        for job in jobs:
            self._claimed[job.provider] += 1
            self._bytes += job.size
            task = asyncio.create_task(self._work(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(jobs)

    async def _work(self, job: Job) -> None:
        try:
            try:
                sent = await self._send(job)
            finally:
                # The place is free once the provider has answered; recording the result takes its
                # own time.
                self._claimed[job.provider] -= 1
                self._bytes -= job.size
                self.awake.set()
            await self._sender.finish(self, job, sent)
        except Exception as error:
            # The lease brings the message back; an error in a worker must not end the lane.
            name = type(error).__name__
            log.error("attempt.failed", attempt=job.attempt, error=name, exception=frames(error))
        finally:
            self._sender.let_go(job)

    async def _send(self, job: Job) -> tuple[Outcome, float] | None:
        """Send when there is a place; None when it is held back: no place for long, or the provider
        was left meanwhile."""
        place = self._places[job.provider]
        ahead = place.locked()
        if not ahead:
            await place.acquire()
        else:
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await place.acquire()
            except TimeoutError:
                return None
        try:
            if ahead and not self.breakers.get(job.provider, Breaker()).closed():
                return None
            self._under_way[job.provider][job.attempt] = time.monotonic()
            sent = await self._sender.send(job, self.stream)
            if sent is not None and sent[0].kind is not OutcomeKind.AMBIGUOUS:
                self._answered[job.provider] = time.monotonic()
            return sent
        finally:
            self._under_way[job.provider].pop(job.attempt, None)
            place.release()
