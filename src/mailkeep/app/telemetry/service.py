"""Telemetry of a running process: collects the numbers for ``/metrics`` and the readiness check."""

import asyncio
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from mailkeep.app.loops import Pulse
from mailkeep.base.clock import SECOND
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.cutover.types import LIVE
from mailkeep.http.client import Network
from mailkeep.incidents.services import Incidents
from mailkeep.mail.claims import Claims
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.types import StreamSettings
from mailkeep.providers.types import ProviderConfig
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit
from mailkeep.watch.consoles import Consoles
from mailkeep.watch.detectors.catalogue import DETECTORS

from .beginnings import series
from .facts import SUBJECTS, FactCounter
from .heartbeat import Heartbeat
from .metrics import Metrics
from .readiness import Seen, checks
from .stock import Readers, Stock, Storekeeper

WRITERS = ("relay", "watch")  #: loops whose every step is a transaction that writes
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Rooms(Protocol):
    """What is measured, as the application has it."""

    incidents: Incidents
    database: Database
    shared: SharedCommit
    keys: KeyRing
    streams: dict[str, StreamSettings]
    providers: dict[str, ProviderConfig]
    claims: Claims
    consoles: Consoles
    dispatcher: Dispatcher


class Telemetry:
    """Measures one process.

    Args:
        rooms: what is measured.
        home: on whose disk the database and the keys are.
        subscribers: who reads the log, and up to where, as far as this process knows.
        canaries: providers through which canaries go.
        feeds: those of the settings: what a feed did that stands there no more is not told.
        networks: from where the metrics may be read without a key.
        url: of the heartbeat, if there is one.

    Attributes:
        pulse: how the loops fare; whoever starts them hands it to them.
        loops: the tasks of the loops by name, once they run.
        stopping: set when the process is asked to end.
    """

    def __init__(
        self,
        rooms: Rooms,
        home: Path,
        *,
        subscribers: Readers,
        canaries: Collection[str],
        feeds: Collection[str],
        networks: tuple[Network, ...],
        url: Secret | None,
    ) -> None:
        self.networks = networks
        self.metrics = Metrics()
        self.pulse = Pulse()
        self.loops: Mapping[str, asyncio.Task[None]] = {}
        self.stopping = False
        self._rooms = rooms
        self._home = home
        self._feeds = tuple(feeds)
        self._routes = {
            (stream.name, route.provider)
            for stream in rooms.streams.values()
            for route in stream.routes
        }
        self._told: dict[tuple[str, ...], int] = {}
        self._stock = Storekeeper(
            rooms.database, rooms.streams, subscribers, rooms.incidents.settings
        )
        self.heartbeat = (
            None if url is None else Heartbeat(url, self.metrics, self.ready, time.time)
        )
        rooms.database.on_facts = FactCounter(
            self.metrics,
            streams=rooms.streams,
            providers=rooms.providers,
            subscribers=subscribers,
            actions=ACTIONS,
            detectors=[one.name for one in DETECTORS],
        )
        rooms.shared.on_commit = self._commit
        for name, *labels in series(
            *(rooms.streams.values(), rooms.providers, canaries, subscribers, feeds),
            rooms.consoles.names,
        ):
            self.metrics.count(name, *labels, by=0)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text, and its media type."""
        await self.look()
        stock = self._stock.stock
        if stock is not None:
            self._tell_stock(stock)
            self.metrics.set("mailkeep_snapshot_age_seconds", self._stock.age())
        self._tell_process()
        return self.metrics.exposition(accept)

    async def look(self) -> None:
        """Read what the gauges and the checks need of the database, when it is old."""
        await self._stock.look()

    def checks(self) -> dict[str, bool]:
        """What /readyz asks, from memory alone."""
        dispatch = self.loops.get("dispatch")
        stock = self._stock.stock
        return checks(
            Seen(
                wrote=min(self.pulse.silent_for(one) for one in WRITERS),
                placed=self.pulse.silent_for("relay"),
                dispatching=dispatch is not None and not dispatch.done(),
                # The schema was migrated at the start; check what has become of it since.
                schema=stock is None or stock.schema,
                stopping=self.stopping,
            )
        )

    def ready(self) -> bool:
        return all(self.checks().values())

    def request(self, route: str, method: str, status: int) -> None:
        """A request was answered. ``route``: as the code has it, never as it was asked for."""
        known = method if method in _METHODS else "other"
        self.metrics.count("mailkeep_http_requests_total", route, known, str(status))

    async def close(self) -> None:
        await self._stock.close()

    def _commit(self, jobs: int, seconds: float) -> None:
        self.metrics.observe("mailkeep_commit_jobs", jobs)
        self.metrics.observe("mailkeep_commit_seconds", seconds)

    def _rise(self, name: str, whole: int, *labels: str) -> None:
        """Raise a counter to what something else has counted."""
        before = self._told.get((name, *labels), 0)
        self.metrics.count(name, *labels, by=max(0, whole - before))
        self._told[(name, *labels)] = max(whole, before)

    def _tell_stock(self, stock: Stock) -> None:
        put = self.metrics.set
        for stream, depth in stock.depths.items():
            put("mailkeep_queue_depth", depth.due, stream, "due")
            put("mailkeep_queue_depth", depth.later, stream, "later")
            oldest = 0.0 if depth.oldest is None else (stock.now - depth.oldest) / SECOND
            put("mailkeep_queue_oldest_seconds", max(0.0, oldest), stream)
        for provider in self._rooms.providers:
            put("mailkeep_provider_cut", provider in stock.cut, provider)
            put("mailkeep_provider_resting", provider in stock.resting, provider)
        for subscriber, behind in stock.lag.items():
            put("mailkeep_event_log_lag", behind, subscriber)
        put("mailkeep_events_unplaced", stock.unplaced)
        for feed in self._feeds:
            fares = stock.feeds.get(feed)
            put("mailkeep_feed_lag", 0 if fares is None else fares.behind, feed)
            failing = None if fares is None else fares.failing_since
            since = 0.0 if failing is None else (stock.now - failing) / SECOND
            put("mailkeep_feed_failing_seconds", max(0.0, since), feed)
            waits = None if fares is None else fares.waiting_since
            since = 0.0 if waits is None else (stock.now - waits) / SECOND
            put("mailkeep_feed_waiting_seconds", max(0.0, since), feed)
            if fares is not None:
                self._rise("mailkeep_feed_lines_total", fares.told, feed, "told")
                self._rise("mailkeep_feed_lines_total", fares.refused, feed, "refused")
        for step in LIVE:
            put("mailkeep_cutover", step.value == stock.cutover, step.value)
        self.metrics.forget("mailkeep_incidents_open")
        for kind in SUBJECTS:
            put("mailkeep_incidents_open", stock.incidents.get((kind, "open"), 0), kind, "open")
        for state in ("running", "near", "over"):
            put("mailkeep_regulator_clocks", stock.clocks.get(state, 0), state)
        for (kind, state), number in stock.incidents.items():
            put("mailkeep_incidents_open", number, kind, state)

    def _tell_process(self) -> None:
        put = self.metrics.set
        breakers = self._rooms.dispatcher.breakers()
        for stream, provider in self._routes:
            breaker = breakers.get((stream, provider))
            put(
                "mailkeep_breaker_open",
                breaker is not None and not breaker.closed(),
                stream,
                provider,
            )
        for name, task in self.loops.items():
            put("mailkeep_loop_running", not task.done(), name)
            for why in ("unavailable", "outside", "fault"):
                failed = self.pulse.failures[name, why]
                self._rise("mailkeep_loop_failures_total", failed, name, why)
        for name, (_, at) in self.pulse.well.items():
            put("mailkeep_loop_last_success_timestamp_seconds", at, name)
        for provider, number in self._rooms.claims.duplicates.items():
            self._rise("mailkeep_claims_duplicate_total", number, provider)
        for (provider, why), number in self._rooms.claims.refused.items():
            self._rise("mailkeep_claims_refused_total", number, provider, why)
        for (log, result), number in self._rooms.consoles.lines.items():
            self._rise("mailkeep_console_lines_total", number, log, result)
        self._rise("mailkeep_snapshot_failures_total", self._stock.failures)
        passed = self.checks()
        for check, good in passed.items():
            put("mailkeep_ready_check", good, check)
        put("mailkeep_ready", all(passed.values()))
        put("mailkeep_hourly_keys", self._rooms.keys.hourly_count())
        disk = shutil.disk_usage(self._home)
        put("mailkeep_disk_free_bytes", disk.free)
        put("mailkeep_disk_size_bytes", disk.total)
