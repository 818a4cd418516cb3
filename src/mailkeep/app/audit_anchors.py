"""Publishes the signed head of the audit chain to places outside, on a schedule and when an
incident is closed.

Security: an anchor holds a number, a hash and a signature, and nothing about anybody. A webhook's
URL is a secret: it appears in no log, and places are named by the setting that holds them. The
process remembers what it sent: if the chain no longer contains it, the chain was rewritten while it
ran.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
from sqlalchemy import select, update

from mailkeep.base.clock import SECOND, iso
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.networks import LOOPBACK
from mailkeep.base.secret import Secret
from mailkeep.events import anchors, audit
from mailkeep.events.events import AuditContradicted
from mailkeep.events.log import record
from mailkeep.events.tables import audit as chain
from mailkeep.events.tables import audit_anchors
from mailkeep.events.types import Recorded
from mailkeep.store.database import Database, Tx

from . import environment

log = structlog.get_logger(__name__)

PATIENCE = 10.0  #: seconds for one place
AGAIN = 60 * SECOND  #: after a place did not take it
_a = audit_anchors

Send = Callable[[str], Awaitable[None]]


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[audit]``.

    Attributes:
        anchors: where heads are taken: ``file:/PATH`` (a line is appended), ``syslog:/dev/log``,
            ``syslog:HOST:PORT`` (TCP, RFC 6587), ``webhook:env:NAME``, ``webhook:file:/PATH``.
        every: seconds between two heads; at each close of an incident there is one besides.
    """

    anchors: tuple[str, ...] = ()
    every: float = 3600.0


def check(settings: AuditSettings) -> None:
    """Raises ``BadSettings``."""
    if not 60 <= settings.every <= 7 * 86_400:
        raise BadSettings("audit: every must be 60 seconds to 7 days")
    for place in settings.anchors:
        kind, _, where = place.partition(":")
        fine = {
            "file": where.startswith("/"),
            "syslog": where.startswith("/") or _host_port(where) is not None,
            "webhook": where.startswith(("env:", "file:")),
        }
        if not fine.get(kind) or len(place) > 255:
            raise BadSettings(
                f"audit: anchors: {place!r}: say file:/PATH, syslog:/dev/log, syslog:HOST:PORT,"
                " webhook:env:NAME or webhook:file:/PATH, in 255 characters"
            )
    if len(set(settings.anchors)) < len(settings.anchors):
        raise BadSettings("audit: anchors: one is given twice")


def files(settings: AuditSettings) -> list[Path]:
    """The anchors that are files here."""
    return [Path(one.removeprefix("file:")) for one in settings.anchors if one.startswith("file:")]


def places(settings: AuditSettings, environ: Mapping[str, str] = os.environ) -> dict[str, Send]:
    """A sender for each place. Raises ``BadSettings`` for a webhook whose URL cannot be read."""
    out: dict[str, Send] = {}
    for place in settings.anchors:
        kind, _, where = place.partition(":")
        if kind == "file":
            out[place] = _File(Path(where))
        elif kind == "syslog":
            out[place] = _Syslog(where)
        else:
            url = environment.reveal(where, "audit: anchors", environ)
            if url:  # who only looks in has no secrets
                out[place] = _Webhook(Secret(url))
    return out


class Anchors:
    """Publishes heads of the audit chain to the places of the settings.

    Args:
        database: where the chain is.
        keys: sign its head.
        places: by name.
        every: seconds between two heads of one place.

    Attributes:
        every: in microseconds.
    """

    def __init__(
        self, database: Database, keys: KeyRing, places: Mapping[str, Send], every: float
    ) -> None:
        self._database = database
        self._keys = keys
        self._places = places
        self.every = round(every * SECOND)
        self._sent: dict[int, str] = {}
        self._told = 0
        self._at_once: set[str] = set()
        self.awake = asyncio.Event()

    @property
    def named(self) -> tuple[str, ...]:
        """The places, as the settings have them."""
        return tuple(self._places)

    async def kept(self) -> list[anchors.Anchor] | None:
        """The anchored heads that can be read back here; None: there is no such place, or nothing
        yet."""
        paths = [Path(one.removeprefix("file:")) for one in self.named if one.startswith("file:")]
        return await asyncio.to_thread(_read_back, paths)

    async def on_incident(self, tx: Tx, recorded: Recorded) -> None:
        """An incident was closed: what was done in it is anchored now."""
        del recorded
        tx.after_commit.append(self.hurry)

    def hurry(self) -> None:
        """Anchor at once, everywhere."""
        self._at_once.update(self._places)
        self.awake.set()

    async def step(self) -> None:
        """Send the head to each place that is due."""
        await self._look()
        for place, send in self._places.items():
            take = partial(self._take, place=place, at_once=place in self._at_once)
            if await self._database.retrying(take):
                await self._anchor(place, send)

    async def _anchor(self, place: str, send: Send) -> None:
        import aiohttp

        async with self._database.read() as tx:
            head = await audit.head(tx, self._keys)
            at = tx.now
        error = None
        try:
            async with asyncio.timeout(PATIENCE):
                await send(anchors.line(head, self._keys.public_key(), iso(at)))
        except (OSError, TimeoutError, aiohttp.ClientError) as failure:
            error = type(failure).__name__
            log.warning("audit.not_anchored", place=place, error=error)
        else:
            self._at_once.discard(place)
            self._sent[head.number] = head.hash
            for old in sorted(self._sent)[:-100]:
                del self._sent[old]

        async def note(tx: Tx) -> None:
            values: dict[str, object] = {"error": error}
            if error is None:
                values |= {"number": head.number, "hash": head.hash, "at": at}
            await tx.run(update(_a).where(_a.c.place == place).values(values))

        await self._database.retrying(note)

    async def _take(self, tx: Tx, place: str, *, at_once: bool) -> bool:
        """Whether it is due, and this process's turn."""
        first = tx.upsert(_a).values(place=place, number=0, hash="", at=0, tried_at=0)
        await tx.run(first.on_conflict_do_nothing())
        due = _a.c.at <= tx.now - self.every
        pause = _a.c.error.is_(None) | (_a.c.tried_at <= tx.now - AGAIN)
        free = _a.c.tried_at <= tx.now - round(PATIENCE * SECOND)
        ready = pause if at_once else due & pause & free
        taken = update(_a).where(_a.c.place == place, ready).values(tried_at=tx.now)
        return await tx.run(taken) == 1

    async def _look(self) -> None:
        """Check that the chain still has what this process anchored."""
        if not self._sent:
            return
        async with self._database.read() as tx:
            rows = await tx.all(
                select(chain.c.number, chain.c.hash).where(chain.c.number.in_(sorted(self._sent)))
            )
        now = {row["number"]: row["hash"] for row in rows}
        broken = min((n for n, one in self._sent.items() if n and now.get(n) != one), default=0)
        if not broken or broken == self._told:
            return
        self._told = broken
        log.error("audit.contradicted", entry=broken, meaning="the chain was cut or written anew")

        async def tell(tx: Tx) -> None:
            await record(self._database, tx, AuditContradicted(entry=broken))

        await self._database.retrying(tell)


def _read_back(paths: Sequence[Path]) -> list[anchors.Anchor] | None:
    there = [one for one in paths if one.exists()]
    if not there:
        return None
    return [head for one in there for head in anchors.read(one.read_text(errors="replace"))]


class _File:
    """Appends a line, durable on return."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, line: str) -> None:
        await asyncio.to_thread(self._append, line)

    def _append(self, line: str) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(handle, f"{line}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)


class _Syslog:
    """Sends a message of RFC 5424, facility 13 (log audit), severity 5 (notice)."""

    def __init__(self, where: str) -> None:
        self._where = where

    async def __call__(self, line: str) -> None:
        message = f"<{13 * 8 + 5}>1 - {socket.gethostname()} mailkeep - audit - {line}".encode()
        found = _host_port(self._where)
        if found is None:
            await asyncio.to_thread(self._datagram, message)
            return
        _, writer = await asyncio.open_connection(*found)
        try:
            # RFC 6587 section 3.4.1: octet counting.
            writer.write(f"{len(message)} ".encode() + message)
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    def _datagram(self, message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as handle:
            handle.settimeout(PATIENCE)
            handle.connect(self._where)
            handle.send(message)


class _Webhook:
    """Posts the line as JSON; any 2xx is success, a redirect is not."""

    def __init__(self, url: Secret) -> None:
        parts = urlsplit(url.reveal())
        loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
        if (parts.scheme != "https" and not loopback) or not parts.hostname:
            raise BadSettings("audit: anchors: a webhook is an https URL")
        self._url = url

    async def __call__(self, line: str) -> None:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=PATIENCE)
        async with (
            aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.post(
                self._url.reveal(),
                data=line,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as reply,
        ):
            if not 200 <= reply.status < 300:
                raise OSError(f"status {reply.status}")


def _host_port(where: str) -> tuple[str, int] | None:
    host, colon, port = where.rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65_536):
        return None
    return host.strip("[]"), int(port)
