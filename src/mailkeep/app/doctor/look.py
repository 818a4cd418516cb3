"""Gathers the data that doctor checks look at: files, the database, the providers' clocks."""

import asyncio
import datetime as dt
import email.utils
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import dns.asyncresolver
import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from mailkeep.accounts import administration, applications, second_step
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.hashing import measure
from mailkeep.accounts.language import LanguageSettings, load
from mailkeep.accounts.ranges import breached
from mailkeep.app.provider_limits import Limit, limits, recovery_peak
from mailkeep.app.settings import ProviderSettings, Settings, provider_configs
from mailkeep.base.clock import DAY, MINUTE, SECOND, SystemClock, iso
from mailkeep.base.errors import BadSettings, Unavailable
from mailkeep.base.ids import earliest
from mailkeep.cutover import offboarding
from mailkeep.events import anchors
from mailkeep.events.anchors import Place
from mailkeep.events.log import placed_through
from mailkeep.feed import queries as feeds
from mailkeep.mail import api_keys, copies, queries, tables
from mailkeep.mail.types import Status
from mailkeep.providers import registry
from mailkeep.recovery import rehearsed
from mailkeep.store import migrate
from mailkeep.store.database import Database, Tx
from mailkeep.watch import console_lines, consoles, mailboxes, posture
from mailkeep.watch import queries as watching

from . import (
    accounts_read,
    adoption,
    domains,
    guarding,
    house,
    named,
    seen,
    waking,
    ways,
    withdrawn,
)
from .catalogue import run
from .ready import unready
from .resolver import fill
from .types import DatabaseFacts, Finding, KeyFact, LeavingRecord, Scene

HEAD_SECONDS = 5.0

#: The modules with checks, in the order of the report.
MODULES = (house, ways, accounts_read, adoption, guarding, waking, domains, withdrawn, seen)


async def examine(
    home: Path,
    settings: Settings | None,
    *,
    error: str = "",
    environ: Mapping[str, str] = os.environ,
    resolver: dns.asyncresolver.Resolver | None = None,
    offline: str = "",
    senders: tuple[str, ...] = (),
    development: bool = False,
) -> list[Finding]:
    """Gather everything, and run every check.

    Args:
        error: why there are no settings.
        resolver: who is asked about DNS; without one, and with ``offline``, nobody is.
        senders: domains to send as that the settings do not name.
        development: the settings are those of a development mode.
    """
    offline = offline or ("" if resolver is not None else "there is no resolver")
    database = await _database(home, settings, environ)
    scene = Scene(
        home,
        settings,
        error,
        modes=_modes(home),
        free=_free(home),
        database=database,
        schemas=migrate.versions(),
        skews={} if offline or settings is None else await _skews(settings),
        limits={} if offline or settings is None else await _limits(settings, environ, database),
        secrets=() if settings is None else named.wrong(settings, environ),
        unready={} if settings is None else unready(settings, environ),
        domains=senders,
        hash_seconds=await _hash_seconds(settings),
        breached=_breached(settings),
        untranslated=_untranslated(settings),
        development=development,
        offline=offline,
        today=iso(SystemClock().now())[:10],
    )
    if resolver is not None and not offline:
        await fill(scene.records, lambda: run(scene, MODULES), resolver)
    return run(scene, MODULES)


async def _hash_seconds(settings: Settings | None) -> float | None:
    """The better of two runs: the first one finds cold memory."""
    if settings is None or settings.recovery is None:
        return None
    return min([await asyncio.to_thread(measure) for _ in range(2)])


def _breached(settings: Settings | None) -> str:
    try:
        if settings is not None:
            breached(settings.accounts)
    except BadSettings as error:
        return str(error)
    return ""


def _untranslated(settings: Settings | None) -> dict[str, int]:
    """What the settings refuse is said by them; here: what English stands in for."""
    languages = load(LanguageSettings() if settings is None else settings.languages)
    return {one.tag: len(one.missing) for one in languages.all if one.missing}


def _modes(home: Path) -> dict[str, int]:
    """Permissions of the home and of what must be its owner's alone."""
    if not home.exists():
        return {}
    inside = ["keys", "keys/hourly", "keys/*.key", "keys/hourly/*.key", "mailkeep.db*"]
    paths = [home, *(path for one in inside for path in sorted(home.glob(one)))]
    out = {}
    for path in paths:
        try:
            out[str(path)] = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:  # an hour's key that was destroyed meanwhile
            continue
    return out


def _free(home: Path) -> int:
    return shutil.disk_usage(home).free if home.exists() else 0


async def _database(
    home: Path, settings: Settings | None, environ: Mapping[str, str]
) -> DatabaseFacts:
    if settings is None:
        return DatabaseFacts(missing=True)
    try:
        url = settings.database_url(home, environ)
    except BadSettings as error:
        return DatabaseFacts(error=str(error))
    if _absent(url):
        return DatabaseFacts(missing=True)
    database = Database(url, SystemClock())
    try:
        async with database.read() as tx:
            return await _ask(tx, settings)
    except (SQLAlchemyError, OSError, Unavailable) as error:
        # The text of the driver may quote the URL, and with it the password.
        return DatabaseFacts(error=type(error).__name__)
    finally:
        await database.close()


def _absent(url: str) -> bool:
    """Whether it is a file that is not there; asking would make it."""
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()


async def _limits(
    settings: Settings, environ: Mapping[str, str], database: DatabaseFacts
) -> Mapping[str, Limit]:
    try:
        return await limits(provider_configs(settings, environ), database.peak, database.cut)
    except BadSettings:
        return {}  # a secret is missing, which another check says


async def _ask(tx: Tx, settings: Settings) -> DatabaseFacts:
    facts = DatabaseFacts(sqlite=not tx.is_postgresql, schema=await migrate.version(tx))
    if not tx.is_postgresql:
        facts = msgspec.structs.replace(
            facts,
            sqlite_version=sqlite3.sqlite_version_info,
            journal=str(await tx.value(text("PRAGMA journal_mode"))),
            synchronous=int(await tx.value(text("PRAGMA synchronous")) or 0),
        )
    if facts.schema != migrate.versions()[0]:
        return facts  # its tables are not those that we would ask
    m = tables.messages
    given_up = await tx.value(
        select(func.count()).where(
            m.c.status == Status.GIVEN_UP.value, m.c.id >= earliest("msg", tx.now - DAY), ~m.c.ours
        )
    )
    running = await administration.operators(tx)
    inside = [one for one in await applications.listing(tx) if one.revoked_at is None]
    return msgspec.structs.replace(
        facts,
        keys=tuple(
            _key(one)
            for one in await api_keys.listing(tx)
            if one.state(tx.now) in {"good", "replaced"}
        ),
        overdue=await queries.overdue(tx, tx.now - 2 * MINUTE),
        peak=await recovery_peak(tx, settings.streams()),
        carried=await _carried(tx, settings),
        cut=frozenset(await queries.cut(tx)),
        given_up=int(given_up or 0),
        operators=len(running),
        console_passkey=await second_step.is_wanted(tx),
        bare_operators=sum(not one.factor for one in running),
        classes=await administration.classes(tx),
        reading_keys=await posture.reading_keys(tx),
        anchors=await _anchors(tx, settings),
        feeds=await feeds.states(tx),
        mailboxes=await mailboxes.states(tx),
        logs=await console_lines.quiet(tx),
        full=await consoles.full(tx, settings.console_log),
        shares={one.name: one.share for one in inside},
        resets=await rehearsed.summary(tx, tx.now - 7 * DAY),
        resets_full=await _full(tx, inside, settings),
        copies={name: (tx.now - at) / DAY for name, at in (await copies.heard(tx)).items()},
        copies_refused=await copies.refused(tx),
        reports=await watching.last_brought(tx),
        leaving=await _leaving(tx, settings),
        ahead=max(0, await placed_through(tx) - tx.now) / SECOND,
    )


async def _carried(tx: Tx, settings: Settings) -> dict[str, int]:
    """Mails of the canaries' stream in a day by provider, without canaries."""
    if settings.canary is None:
        return {}
    m = tables.messages.c
    rows = await tx.all(
        select(m.provider, func.count().label("count"))
        .where(m.id >= earliest("msg", tx.now - DAY), m.stream == settings.canary.stream, ~m.ours)
        .group_by(m.provider)
    )
    return {row["provider"]: int(row["count"]) for row in rows if row["provider"]}


async def _full(tx: Tx, inside: Sequence[ApplicationView], settings: Settings) -> tuple[str, ...]:
    """Applications that told of as many resets today as are kept."""
    if settings.recovery is None:
        return ()
    most = settings.recovery.rehearsals
    return tuple([one.name for one in inside if await rehearsed.full(tx, one.id, most)])


async def _leaving(tx: Tx, settings: Settings) -> tuple[LeavingRecord, ...]:
    """Records of lists that are open, and of those that are done where nobody came back."""
    here = settings.provider_names()
    return tuple(
        LeavingRecord(
            one.provider,
            item.name,
            item.text,
            one.hostile,
            item.due_at <= tx.now,
            item.done_at is not None,
        )
        for one in await offboarding.listing(tx)
        if one.done_at is None or one.provider not in here
        for item in one.items
        if item.name.startswith("dns.")
    )


async def _anchors(tx: Tx, settings: Settings) -> tuple[tuple[Place, bool], ...]:
    places = await anchors.places(tx, settings.audit.anchors)
    every = round(settings.audit.every * SECOND)
    return tuple((one, one.is_fresh(tx.now, every)) for one in places)


def _key(one: api_keys.KeyView) -> KeyFact:
    bindings = (("stream", one.streams), ("domain", one.domains), ("network", one.networks))
    return KeyFact(one.name, one.scopes, tuple(what for what, bound in bindings if not bound))


async def _skews(settings: Settings) -> dict[str, float | str]:
    """How far each provider's clock is ahead of ours: a HEAD, without any key."""
    wanted = {one.name: url for one in settings.provider if (url := _origin(one))}
    limit = aiohttp.ClientTimeout(total=HEAD_SECONDS)
    async with aiohttp.ClientSession(timeout=limit) as session:
        found = await asyncio.gather(*(_skew(session, url) for url in wanted.values()))
    return dict(zip(wanted, found, strict=True))


async def _skew(session: aiohttp.ClientSession, url: str) -> float | str:
    clock = SystemClock()
    try:
        before = clock.now()
        async with session.head(url, allow_redirects=False) as reply:
            between = (before + clock.now()) / 2e6
            date = email.utils.parsedate_to_datetime(reply.headers.get("Date", ""))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return "it did not answer"
    except (TypeError, ValueError):
        return "it says no date"
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return date.timestamp() + 0.5 - between  # the header leaves the fraction out


def _origin(one: ProviderSettings) -> str:
    module = sys.modules[type(registry.get(one.kind)).__module__]
    url = urlsplit(one.base_url or getattr(module, "DEFAULT_BASE_URL", ""))
    return f"{url.scheme}://{url.netloc}/" if url.scheme in {"http", "https"} else ""
