"""One running Mailkeep: its rooms, the loops that keep them going, start and stop."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import Relay
from mailkeep.events.subscribe import Subscriber
from mailkeep.mail import outbox, services
from mailkeep.mail.claims import Claims
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.events import AttemptFinished
from mailkeep.mail.intake import Intake
from mailkeep.smtp import receiving
from mailkeep.store.database import Database, SharedCommit
from mailkeep.store.migrate import upgrade
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.runner import Watch

from . import watching
from .settings import Settings, provider_configs

log = structlog.get_logger(__name__)

RELAY_SECONDS = 0.5
SWEEP_SECONDS = 60.0
WATCH_SECONDS = 0.5  #: detectors think in whole seconds; half of one is the most we add to that
CANARY_SECONDS = 0.25
WATCH_BATCH = 500


class Application:
    """Everything of one process, as an async context manager.

    Args:
        settings: checked settings.
        home: directory of the database and the keys; created if it is missing.
        dev: development mode: the mailbox in the browser exists.
        environ: where ``env:NAME`` secrets are looked up.
    """

    def __init__(
        self,
        settings: Settings,
        home: Path,
        *,
        dev: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings = settings
        self.dev = dev
        self.clock = SystemClock()
        self.keys = KeyRing(home)
        self.database = Database(settings.database_url(home), self.clock)
        self.shared = SharedCommit(self.database)
        self.streams = settings.streams()
        self.providers = provider_configs(settings, environ)
        self.intake = Intake(
            self.database, self.keys, self.streams, honey=watching.reserved(settings)
        )
        self.claims = Claims(self.database, self.providers)
        self.dispatcher = Dispatcher(
            self.database, self.shared, self.keys, self.clock, self.streams, self.providers
        )
        self.watch = Watch(self.database, watching.detectors(settings, self.keys))
        self.canaries = self._canaries()
        self._listener: asyncio.Server | None = None
        self._relay = Relay(self.database, new_id("proc", self.clock.now()) + str(os.getpid()))
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await upgrade(self.database)
        self._tasks = [
            asyncio.create_task(self.dispatcher.run(), name="dispatch"),
            asyncio.create_task(self._relay_loop(), name="relay"),
            asyncio.create_task(self._sweep_loop(), name="sweep"),
            asyncio.create_task(self._watch_loop(), name="watch"),
        ]
        canary = self.settings.canary
        if self.canaries is not None and canary is not None:
            if canary.listen:
                host, port = watching.address(canary.listen)
                self._listener = await receiving.listen(host, port, self.receive)
            self._tasks += [
                asyncio.create_task(self.canaries.run(), name="canaries"),
                asyncio.create_task(self._taken_loop(self.canaries), name="canaries taken"),
            ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.database.close()

    async def receive(self, recipients: list[str], raw: bytes) -> None:
        """Take a received mail in: canaries to the canaries; in development, all other mail to the
        mailbox."""
        canaries = self.canaries
        others = [one for one in recipients if canaries is None or not canaries.ours(one)]
        if canaries is not None and len(others) < len(recipients):
            await canaries.receive(recipients, raw)
        if self.dev and others:
            async with self.database.write() as tx:
                for recipient in others:
                    await services.catch(tx, recipient, raw)

    def _canaries(self) -> Canaries | None:
        settings = self.settings
        if settings.canary is None:
            return None
        carriers = watching.carriers(settings)
        return Canaries(
            self.database,
            self.keys,
            self.intake,
            settings.canary,
            honey=settings.honey,
            public_url=settings.public_url,
            providers={name: one for name, one in self.providers.items() if name in carriers},
            sent=self.dispatcher.wake,
        )

    async def _taken_loop(self, canaries: Canaries) -> None:
        """Note which canaries the providers took."""
        reader = Subscriber("canaries", {AttemptFinished: [canaries.on_attempt]})
        while True:
            try:
                busy = await reader.step(self.database)
            except Unavailable as error:
                log.warning("canaries.unavailable", error=str(error))
                busy = 0
            if not busy:
                await asyncio.sleep(CANARY_SECONDS)

    async def _relay_loop(self) -> None:
        while True:
            self.database.committed.clear()
            try:
                placed = await self._relay.place()
            except Unavailable as error:
                log.warning("relay.unavailable", error=str(error))
                placed = 0
            if not placed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.database.committed.wait(), RELAY_SECONDS)

    async def _watch_loop(self) -> None:
        while True:
            try:
                taken = await self.watch.step(WATCH_BATCH)
            except Unavailable as error:
                log.warning("watch.unavailable", error=str(error))
                taken = 0
            if taken < WATCH_BATCH:
                await asyncio.sleep(WATCH_SECONDS)

    async def _sweep_loop(self) -> None:
        while True:
            try:
                async with self.database.write() as tx:
                    dropped = await outbox.sweep(tx, self.settings.keep_unconfirmed)
                destroyed = self.keys.destroy_expired(self.clock.now())
                if dropped or destroyed:
                    log.info("swept", bodies=dropped, hourly_keys=len(destroyed))
            except Unavailable as error:
                log.warning("sweep.unavailable", error=str(error))
            await asyncio.sleep(SWEEP_SECONDS)
