"""Webhooks of the stand-ins: queued, batched and retried as the provider does, only faster."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, Protocol

import aiohttp

from .mail import Event

MAX_PENDING = 50_000
"""Events that wait; what comes on top is lost and counted."""

_CONCURRENT = 8
_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
Proof = Literal["real", "wrong", "none"]
"""How a webhook proves itself: as the provider does, with a wrong key, or not at all."""


@dataclass(slots=True)
class HookSettings:
    """Where webhooks go and what they prove themselves with.

    Attributes:
        url: as it was entered at the provider; "" sends none.
        key: Mandrill's signing key.
        auth: ``user:password`` for Postmark; credentials in the URL do the same.
        headers: Postmark's own additional headers.
        events: kinds that are wanted; empty: all.
        interval: seconds that events are collected for, before they are sent.
        hurry: how many times faster than the real provider failed webhooks are tried again.
        enabled: False once the provider has given up on the URL.
    """

    url: str = ""
    key: str = ""
    auth: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    interval: float = 0.1
    hurry: float = 500.0
    enabled: bool = True


class HookRequest(NamedTuple):
    """One POST, complete but for what changes from try to try."""

    url: str
    headers: dict[str, str]
    body: bytes


class HookFormat(Protocol):
    """What a provider's webhooks look like."""

    batch: ClassVar[int]
    """Events in one request, at most."""
    retry_delays: ClassVar[tuple[float, ...]]
    """Seconds between tries at the real provider."""
    gives_up_for_good: ClassVar[bool]
    """Whether the URL is disabled once all tries have failed."""

    def request(self, events: list[Event], settings: HookSettings, proof: Proof) -> HookRequest:
        """Write the events down."""
        ...

    def tells(self, event: Event) -> bool:
        """Whether this provider has a webhook for that at all."""
        ...

    def tries_again(self, status: int) -> bool:
        """Whether this answer makes the provider try again. 0: no answer came."""
        ...

    def retry_headers(self, left: int) -> dict[str, str]:
        """Headers that tell of the tries left."""
        ...


class Pump:
    """Sends webhooks.

    Args:
        hook_format: the provider's.
        settings: read anew for every try, so that they can be changed while it runs.
        count: what happened, for the state: ``webhooks_sent``, and the like.
        spawn: starts a task that ends with the stand-in.
    """

    def __init__(
        self,
        hook_format: HookFormat,
        settings: HookSettings,
        count: Counter[str],
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._format = hook_format
        self.settings = settings
        self._count = count
        self._spawn = spawn
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MAX_PENDING)
        self._places = asyncio.Semaphore(_CONCURRENT)
        self._session: aiohttp.ClientSession | None = None
        self.last_error = ""
        self.last_sent_at: float | None = None

    @property
    def pending(self) -> int:
        """Events not yet sent for the first time."""
        return self._queue.qsize()

    def put(self, event: Event) -> None:
        """Queue an event, where the provider has a webhook for it and the account wants it."""
        settings = self.settings
        if not (settings.url and settings.enabled and self._format.tells(event)):
            return
        if settings.events and event.kind not in settings.events:
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._count["webhooks_lost"] += 1

    async def run(self) -> None:
        """Collect and send, for ever."""
        while True:
            batch = [await self._queue.get()]
            if self._format.batch > 1 and self.settings.interval > 0:
                await asyncio.sleep(self.settings.interval)
            while len(batch) < self._format.batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._places.acquire()
            self._spawn(self._send(batch))

    async def _send(self, batch: list[Event]) -> None:
        delays = self._format.retry_delays
        held = True  # a place is given back while waiting for the next try
        try:
            for attempt in range(len(delays) + 1):
                if not held:
                    await self._places.acquire()
                    held = True
                status = await self.post(batch, "real", left=len(delays) - attempt)
                if 200 <= status < 300 or not self._format.tries_again(status):
                    return
                self._places.release()
                held = False
                if attempt < len(delays):
                    await asyncio.sleep(delays[attempt] / max(self.settings.hurry, 0.001))
                if not (self.settings.url and self.settings.enabled):
                    return
            self._count["webhooks_given_up"] += 1
            if self._format.gives_up_for_good:
                self.settings.enabled = False
        finally:
            if held:
                self._places.release()

    async def post(self, batch: list[Event], proof: Proof, left: int = 0) -> int:
        """POST once and return the status; 0 when no answer came."""
        request = self._format.request(batch, self.settings, proof)
        headers = {**request.headers, **self._format.retry_headers(left)}
        return await self.call("POST", request.url, headers, request.body)

    async def call(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> int:
        """Make one request to the webhook's URL and return the status; 0 without an answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            ) as reply:
                await reply.content.read(4096)
                status = reply.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.last_error = type(error).__name__
            self._count["webhooks_failed"] += 1
            return 0
        if 200 <= status < 300:
            self._count["webhooks_sent"] += 1
            self.last_sent_at = time.time()
        else:
            self.last_error = f"HTTP {status}"
            self._count["webhooks_failed"] += 1
        return status

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
