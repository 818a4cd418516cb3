"""The composition root: builds the rooms of one process, runs their background loops, starts and
stops them."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from mailkeep.accounts import language
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.ranges import breached
from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.base.loops import Loop
from mailkeep.base.signing import SigningKeys
from mailkeep.events import turns
from mailkeep.http.port import StandInView
from mailkeep.mail import leases, services
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.claims import Claims
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.intake import Intake
from mailkeep.mail.returns import Returns
from mailkeep.mail.splitting import Splitting
from mailkeep.mail.taking import Taking
from mailkeep.posture.ready import Ready
from mailkeep.recovery.context import Context
from mailkeep.recovery.services import Recovery
from mailkeep.smtp import door, receiving, submission
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.schema import metadata
from mailkeep.store.shared import SharedCommit
from mailkeep.watch.levels import Level
from mailkeep.watch.runner import Watch

from . import (
    canary_signatures,
    canary_ties,
    housekeeping,
    settings_copies,
    startup_warnings,
    wiring_background,
    wiring_feeds,
    wiring_observation,
    wiring_operators,
    wiring_pagers,
    wiring_posture,
    wiring_reports,
    wiring_response,
    wiring_trust,
    wiring_watch,
)
from .event_readers import EventReaders
from .loops import PAUSE_SECONDS, Keep, begin
from .loops import keep as loop
from .process_lock import ProcessLock
from .provider_doubts import ProviderDoubts
from .settings import Settings, heartbeat_url, provider_configs
from .subscriptions import subscribers
from .telemetry import settings as telemetry_settings
from .telemetry.service import Telemetry

log = structlog.get_logger(__name__)


ACT_SECONDS = 0.5
PAGE_SECONDS = 5.0
PLAN_SECONDS = 0.5
PUSH_SECONDS = 1.0
STOCK_SECONDS = 15.0  #: how often the readiness checks look at the schema


class Application:
    """One process of Mailkeep with everything in it, as an async context manager.

    Args:
        settings: checked settings.
        home: directory of the database and the keys; created if it is missing.
        dev: development mode: the mailbox in the browser exists.
        environ: where ``env:NAME`` secrets are looked up.
        standins: development's stand-in providers, for the page that switches their faults.
    """

    def __init__(
        self,
        settings: Settings,
        home: Path,
        *,
        dev: bool = False,
        environ: Mapping[str, str] = os.environ,
        standins: tuple[StandInView, ...] = (),
    ) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings = settings
        self.dev = dev
        self.standins = standins
        self.public_url = settings.public_url
        self.trusted_proxies = settings.proxies()
        self.country_header = settings.country_header
        self.clock = SystemClock()
        self.keys = KeyRing(home)
        self.signing = SigningKeys(home)
        self.database = Database(settings.database_url(home), self.clock)
        self.database.patience = settings.database_patience
        self.shared = SharedCommit(self.database)
        self.grants = Grants(self.database, self.keys)
        self.streams = settings.streams()
        self.providers = provider_configs(settings, environ)
        self.graph = wiring_trust.graph(settings, self.clock)
        self.chain = wiring_trust.house(settings)
        self.trust = Ready(self.database, self.chain)
        # In the order of the rooms: each is given what stands below it.
        self._carry()
        self._guard()
        self._notice(environ)
        self._respond(environ)
        self.listeners: list[door.Listener] = []
        self.submission: submission.Submission | None = None
        self._process_lock = ProcessLock(home)
        self._open = contextlib.AsyncExitStack()
        self._hear(home, environ)

    def _carry(self) -> None:
        """Mail: in, out, and what providers tell of it."""
        settings = self.settings
        self.intake = Intake(
            self.database,
            self.keys,
            self.streams,
            honey=wiring_watch.reserved(settings),
            providers=self.providers,
            public_url=settings.public_url,
            closed=self.observes,
        )
        self.taking = Taking(self.intake, self.shared)
        self.journal, self.consoles = wiring_observation.doors(
            settings, self.database, self.keys, self.streams, wiring_reports.sending(settings)
        )
        self.claims = Claims(
            self.database,
            self.shared,
            self.providers,
            [name for name, one in self.streams.items() if one.keeps],
            Splitting(self.database, self.keys, self.intake, self.streams),
            self.journal,
        )
        self.returns = Returns(self.database, self.keys, self.claims, self.providers)
        self.dispatcher = Dispatcher(
            self.database, self.shared, self.keys, self.clock, self.streams, self.providers
        )

    def _guard(self) -> None:
        """Accounts, and how their owners get them back."""
        self._slow = SlowHash(self.keys, breached=breached(self.settings.accounts))
        self.accounts = Accounts(
            self.database,
            self.keys,
            self._slow,
            classes=Classes(self.settings.accounts.classes),
            public_url=self.settings.public_url,
            languages=language.load(self.settings.languages),
        )
        self.recovery = self._recovery(self._slow)

    def _notice(self, environ: Mapping[str, str]) -> None:
        """What betrays a fallen provider."""
        settings = self.settings
        self.watch = Watch(self.database, canary_ties.detectors(settings, self.keys))
        signed = None
        if not self.dev:  # in development no key lies in DNS
            ask = partial(wiring_reports.txt, None)
            signed = canary_signatures.signatures(settings, self.providers, ask)
        self.canaries = wiring_watch.canaries(self, signed)
        self.honey = wiring_watch.honey_mail(self)
        self.accounts_read = wiring_posture.accounts(settings, environ)
        self.posture = wiring_posture.collector(
            settings, self.database, self.keys, self.clock, self.accounts_read
        )
        self._report_intake = wiring_reports.ReportIntake(
            settings,
            self.database,
            mailboxes=wiring_watch.mailboxes(self, self.canaries, environ),
            copies=wiring_reports.copies(settings, self.database, self.keys, self.shared),
            keys=self.keys,
        )
        self.reports = self._report_intake.reports
        self.abuse = self._report_intake.abuse

    def _respond(self, environ: Mapping[str, str]) -> None:
        """Incidents, what is done about them, and who is told."""
        settings = self.settings
        self.incidents = wiring_response.incidents(settings, self.database)
        self.doubts = ProviderDoubts(self.incidents.house)
        self.anchors = wiring_background.anchors(self, environ)
        self.cutover = wiring_background.cutover(self)
        self.leaving = wiring_background.leaving(self)
        self.ticking = wiring_background.ticking(self, environ)
        self.signals = wiring_feeds.signals(self)
        self.privacy = wiring_background.privacy(self)
        self.feeds = wiring_feeds.feeds(settings, self.database, environ)
        self.pagers = wiring_pagers.pagers(settings.pager, environ)
        self.openid = wiring_operators.provider(settings, environ, self.database.clock)
        self.response = wiring_response.response(self)

    def _hear(self, home: Path, environ: Mapping[str, str]) -> None:
        """Who hears which facts, and what is measured of all this."""
        heard = subscribers(
            self.recovery,
            self.canaries,
            self.incidents,
            self.response,
            self.doubts,
            self.signals,
            self.anchors,
            self.privacy,
        )
        self.event_readers = EventReaders(self.database, self.watch, heard)
        self.telemetry = Telemetry(
            self,
            home,
            subscribers=self.event_readers.passed(),
            canaries=wiring_watch.carriers(self.settings),
            feeds=wiring_feeds.feed_names(self.settings),
            networks=telemetry_settings.networks(self.settings.telemetry),
            url=heartbeat_url(self.settings, environ),
        )
        self.database.hear(self.event_readers.told)
        self.database.hear(self.dispatcher.told)
        if self.signals is not None:
            self.database.hear(self.signals.told)

    @property
    def observes(self) -> bool:
        """Whether this installation only observes: nothing is sent or acted on."""
        return wiring_observation.level(self.settings) is Level.OBSERVE

    def _recovery(self, slow: SlowHash) -> Recovery | None:
        settings = self.settings.recovery
        if settings is None:
            return None
        return Recovery(
            Context(
                self.database,
                self.keys,
                self.accounts,
                slow,
                self.intake,
                self.streams,
                {one.name: one.party for one in self.providers.values()},
                self.graph,
                self.settings.public_url,
                settings,
                lambda: self.dispatcher.ailing(settings.stream),
                wiring_observation.reach(self.settings),
            )
        )

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._closes(stack)
            await self._start()
            self._open = stack.pop_all()
        return self

    async def _start(self) -> None:
        if self.database.is_sqlite:
            self._process_lock.take()
        await upgrade(self.database, metadata)
        await self.sign_on()
        if self.database.is_sqlite:
            async with self.database.write() as tx:
                await leases.release(tx)
                await turns.release(tx)
                if self.signals is not None:
                    await self.signals.pushing.release(tx)
        await self._listen()
        startup_warnings.warn(self, listening=bool(self.listeners))
        async with self.database.read() as tx:
            await self.accounts.passwords.look_for_imported(tx)
        self.telemetry.loops = begin(self._loops(partial(loop, pulse=self.telemetry.pulse)))

    def _closes(self, stack: contextlib.AsyncExitStack) -> None:
        """Have everything closed at the end, the last one named first, as far as it was opened: a
        start that fails leaves nothing behind that a second one would meet."""
        stack.callback(self._process_lock.leave)
        stack.push_async_callback(self.database.close)
        stack.push_async_callback(self._note)
        stack.callback(self._slow.close)
        if self.openid is not None:
            stack.push_async_callback(self.openid.close)
        stack.push_async_callback(self.telemetry.close)
        if self.signals is not None:
            stack.push_async_callback(self.signals.pushing.close)
        stack.push_async_callback(self._end_loops)
        stack.push_async_callback(self._leave_doors)

    def _loops(self, keep: Keep) -> dict[str, Loop]:
        """Everything that runs in the background, by name."""
        desk = self.response.desk
        loops = {
            "dispatch": wiring_observation.rest() if self.observes else self.dispatcher.run(),
            "response": keep("response", self.response.work, ACT_SECONDS, self.response.awake),
            "paging": keep("paging", desk.step, PAGE_SECONDS, desk.awake),
            "stock": keep("stock", self.telemetry.look, STOCK_SECONDS),
            **self.event_readers.loops(keep),
            **housekeeping.loops(self, keep),
        }
        if not self.database.is_sqlite:
            loops["listen"] = self.database.listen()
        if self.telemetry.heartbeat is not None:
            seconds = self.settings.telemetry.heartbeat_seconds
            loops["heartbeat"] = keep("heartbeat", self.telemetry.heartbeat.beat, seconds)
        if self.recovery is not None:
            recovery = self.recovery
            loops["recovery"] = keep("recovery", recovery.step, PLAN_SECONDS, recovery.awake)
        if self.signals is not None:
            pushing = self.signals.pushing
            loops["push"] = keep("push", pushing.step, PUSH_SECONDS, pushing.awake)
        counted = wiring_observation.counted(self.settings, self.providers, self.accounts_read)
        tables = self.settings.provider
        loops |= wiring_watch.beside(keep, self.database, self.providers, tables, counted)
        for name, one in (
            ("canaries", self.canaries),
            ("feeds", self.feeds),
            ("posture", self.posture),
        ):
            if one is not None:
                loops[name] = keep(name, partial(one.run, partial(keep, name)), PAUSE_SECONDS)
        loops.update(self._report_intake.loops(keep))
        loops.update(wiring_background.loops(self, keep))
        return loops

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _leave_doors(self) -> None:
        self.telemetry.stopping = True
        if self.submission is not None:
            await self.submission.stop()
        for listener in self.listeners:
            listener.close()

    async def _end_loops(self) -> None:
        tasks = self.telemetry.loops.values()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _note(self) -> None:
        with contextlib.suppress(Unavailable):
            await self.grants.note()

    @property
    def looking(self) -> bool:
        """Whether names like ours are looked up."""
        return self._report_intake.lookalikes is not None

    async def sign_on(self) -> None:
        """See that the next signing key is published in time; the first is made when somebody first
        needs it."""
        if not self.signing.any():
            return
        if await asyncio.to_thread(self.signing.keep, self.clock.now()):
            log.info("signing.keys", keys=len(self.signing.states(self.clock.now())))

    async def receive(self, recipients: list[str], raw: bytes) -> None:
        """Hand a received mail to whom each recipient belongs; in development, the rest goes to a
        mailbox."""
        canaries = self.canaries
        others = [one for one in recipients if canaries is None or not canaries.ours(one)]
        if canaries is not None and len(others) < len(recipients):
            await canaries.receive(recipients, raw)
        others = await self._report_intake.sift(others, raw)
        returned = [one for one in others if self.returns.ours(one)]
        if returned:
            await self.returns.receive(returned, raw)
            others = [one for one in others if one not in returned]
        await self.honey.receive(others, raw)
        if self.dev and others:
            async with self.database.write() as tx:
                for recipient in others:
                    await services.catch(tx, recipient, raw)

    async def _listen(self) -> None:
        """Open the SMTP listeners: submission, and canaries and bounces where no other server
        receives them."""
        if self.settings.submission is not None:
            self.submission = await submission.start(self, self.settings.submission)
        how = settings_copies.listening(self.settings.journal, self._report_intake.copies)
        for host, port in self.settings.listens():
            self.listeners.append(await receiving.listen(host, port, self.receive, **how))
