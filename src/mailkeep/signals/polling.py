"""Delivery by poll (RFC 8936): receivers fetch events, which are repeated until acknowledged."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mailkeep.base.errors import NotFound, TooMany
from mailkeep.base.signing import SigningKeys
from mailkeep.store.database import Database, Tx

from . import queries, sets
from .queue import TOPIC, Queue
from .types import POLL, Receiver, SignalSettings, Stream, Waiting

MOST = 100  #: events in one answer
AT_ONCE = 4  #: polls of one receiver that wait


class Polled(msgspec.Struct, frozen=True):
    """The answer to a poll: tokens by their jti, and whether there are more."""

    sets: dict[str, str]
    more: bool


class Polling:
    """Serves polls.

    Args:
        database: where the queue is.
        signing: signs.
        issuer: who we are.
        settings: for how long a poll waits.
    """

    def __init__(
        self,
        database: Database,
        signing: SigningKeys,
        queue: Queue,
        issuer: str,
        settings: SignalSettings,
    ) -> None:
        self._database = database
        self._signing = signing
        self._queue = queue
        self._issuer = issuer
        self._wait = settings.poll_wait
        self._news = asyncio.Event()
        self._waiting: Counter[str] = Counter()

    def told(self, topic: str) -> None:
        """Called when something was written: see ``Database.hear``."""
        if topic in {"", TOPIC}:
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def poll(
        self,
        receiver: Receiver,
        stream: str,
        *,
        acks: Sequence[str],
        errors: Mapping[str, str],
        most: int,
        wait: bool,
    ) -> Polled:
        """Record the receiver's acknowledgements and refusals, and return the next events.

        Args:
            most: events in the answer; 0 only acknowledges.
            wait: until there is one, or for ``poll_wait`` seconds.

        Raises:
            NotFound: the receiver has no such stream, or it is pushed to.
            TooMany: too many of its polls wait already.
        """

        async def work(tx: Tx) -> tuple[Stream, list[Waiting], bool]:
            found = await queries.stream_of(tx, receiver, stream)
            if found is None or found.method != POLL:
                raise NotFound("no such stream")
            if acks:
                await self._queue.acknowledge(tx, receiver.id, acks)
            if errors:
                words = {jti: sets.error(said) for jti, said in errors.items()}
                await self._queue.refuse(tx, receiver.id, words)
            return found, *await self._queue.next(tx, found, min(most, MOST))

        news = self._news
        found, events, more = await self._database.retrying(work)
        if not events and wait and most:
            await self._for_news(receiver, news)
            acks, errors = (), {}
            found, events, more = await self._database.retrying(work)
        now = self._database.clock.now()
        claims = {one.jti: sets.claims(self._issuer, found, one) for one in events}
        signed = await asyncio.to_thread(self._signed, claims, now)
        return Polled(signed, more)

    def _signed(self, claims: Mapping[str, dict[str, Any]], now: int) -> dict[str, str]:
        sign = self._signing.sign
        return {jti: sign(one, kind=sets.TYPE, now=now) for jti, one in claims.items()}

    async def _for_news(self, receiver: Receiver, news: asyncio.Event) -> None:
        if self._waiting[receiver.id] >= AT_ONCE:
            raise TooMany("too many polls of this receiver wait", retry_after=self._wait)
        self._waiting[receiver.id] += 1
        try:
            async with asyncio.timeout(self._wait):
                await news.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting[receiver.id] -= 1
