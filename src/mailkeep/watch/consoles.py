"""Ingests third parties' audit logs: who signed in to our accounts there, and what they changed.

A log entry is the word of that third party, brought by whoever holds the key for it: authenticated,
fresh, each entry once, and limited each day for each kind of act and, within it, for each actor, so
that noise of one hides no other. It can open an incident, and never cuts anybody off. Who acted and
from where is sealed; events carry pseudonyms.

Security: reads hostile input, one text at a time in a thread, bounded in octets and lines, packed
or not. Entries about parties that the settings do not name are skipped, not stored.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec
import structlog
from sqlalchemy import func, select

from mailkeep.base.clock import DAY, HOUR
from mailkeep.base.errors import Invalid, NotFound, TooMany
from mailkeep.base.keys import KeyRing, digest
from mailkeep.base.wording import counted
from mailkeep.events.log import record
from mailkeep.providers.posture.types import Kind
from mailkeep.store.database import Database, Tx

from . import dmarc, packed
from .audit_logs import registry
from .console_lines import PURPOSE, Who
from .console_types import Act, ConsoleLog, Read, Told
from .events import ConsoleUsed
from .report_types import Unreadable
from .tables import console_acts, posture_expected

logger = structlog.get_logger(__name__)

STALE = 30 * DAY  #: an old line says nothing of now
AHEAD = HOUR  #: that the clock of a log's house may be ahead of ours
LATE = HOUR  #: an announcement is still good for what was done in it and told so much later
CHUNK = 100  #: lines in one transaction
ACTOR = 4  #: one actor has one part in so many of what is kept of an act in a day

_t, _e = console_acts, posture_expected

#: Announcements that are of an act; any of a party is of a sign-in there.
_KINDS: Mapping[Act, frozenset[Kind]] = {
    Act.SIGN_IN: frozenset(Kind),
    Act.KEY: frozenset({Kind.KEY}),
    Act.USER: frozenset({Kind.USER, Kind.ACCOUNT}),
    Act.CHANGE: frozenset(Kind) - {Kind.KEY, Kind.USER, Kind.ACCOUNT},
    Act.DNS: frozenset({Kind.DOMAIN}),
}


class Log(msgspec.Struct, frozen=True):
    """A log as it is taken in.

    Attributes:
        parties: by what the log calls it in lower case, which party it is.
        networks: from which our own people come; empty: that is learned.
    """

    settings: ConsoleLog
    parties: Mapping[str, str]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()


class Taken(msgspec.Struct, frozen=True):
    """The result of reading a text.

    Attributes:
        new, known: lines of concern that were not there before, and that were.
        passed: lines about something else: another party, what failed, what nobody need know.
        stale: lines that are too old, or from a time to come.
        broken: lines that are not as the log's house documents them.
    """

    new: int = 0
    known: int = 0
    passed: int = 0
    stale: int = 0
    broken: int = 0


OVER = "over"  #: what became of a line that was too many of its sort for the day
RESULTS = (*Taken.__struct_fields__, OVER)


class Consoles:
    """The entry point for audit logs.

    Args:
        logs: by name.
        providers: names of our providers.
        domains: that we send as.

    Attributes:
        lines: how many came since the start, by log and what became of them.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        logs: Mapping[str, Log],
        *,
        providers: frozenset[str],
        domains: frozenset[str],
    ) -> None:
        self._database = database
        self._keys = keys
        self._logs = logs
        self._providers = providers
        self._domains = domains
        self._one = asyncio.Lock()
        self.lines: Counter[tuple[str, str]] = Counter()

    async def take(self, name: str, raw: bytes) -> Taken:
        """Take a text of a log in.

        Raises:
            NotFound: no log of that name is brought in.
            Invalid: it cannot be read at all; nothing was kept.
            TooMany: of an act, or of an actor, today. All the rest of it is kept, and known when it
                is brought again.
        """
        log = self.require(name)
        async with self._one:
            read = await asyncio.to_thread(_read, log.settings.kind, raw)
            now = self._database.clock.now()
            of_concern = [(one, party) for one in read.told if (party := _party(log, one))]
            fresh = [one for one in of_concern if now - STALE <= one[0].at <= now + AHEAD]
            new, over = 0, 0
            for start in range(0, len(fresh), CHUNK):
                keep = partial(self._keep, log=log, lines=fresh[start : start + CHUNK])
                kept, left_out = await self._database.retrying(keep)
                new, over = new + kept, over + left_out
        taken = Taken(
            new,
            len(fresh) - new - over,
            read.passed + len(read.told) - len(of_concern),
            len(of_concern) - len(fresh),
            read.broken,
        )
        self._count(name, taken, over)
        if over:
            logger.warning("console_log.over", log=name, lines=over)
            raise TooMany(
                counted(over, "line is", "lines are") + " too many of their sort for a day",
                retry_after=3600.0,
            )
        return taken

    def _count(self, log: str, taken: Taken, over: int) -> None:
        for result in RESULTS:
            self.lines[log, result] += over if result == OVER else getattr(taken, result)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all logs that are brought in."""
        return tuple(self._logs)

    def require(self, name: str) -> Log:
        """The log of that name. Raises ``NotFound``: none is brought in."""
        if name not in self._logs:
            raise NotFound("no audit log of that name is brought in ([[console_log]])", field="log")
        return self._logs[name]

    def tells_of(self, *names: str) -> bool:
        """Whether a log tells of one of these providers or parties."""
        return any(set(names) & set(one.parties.values()) for one in self._logs.values())

    async def _keep(self, tx: Tx, log: Log, lines: Sequence[tuple[Told, str]]) -> tuple[int, int]:
        """Store what the limits allow; returns how many were new, and how many were too many."""
        name, per_day = log.settings.name, log.settings.per_day
        ids = [_id(name, told) for told, _ in lines]
        known = {row[0] for row in await tx.tuples(select(_t.c.id).where(_t.c.id.in_(ids)))}
        acts, actors = await _counted(tx, name)
        new = over = 0
        for told, party in lines:
            if _id(name, told) in known:
                continue
            fact = await self._fact(tx, log, told, party)
            by = (fact.act, fact.actor)
            if acts[fact.act] >= per_day or actors[by] >= of_one(per_day):
                over += 1
                continue
            who = Who(told.name or told.actor, told.address, told.what, told.id)
            row = tx.upsert(_t).values(
                id=fact.told,
                log=name,
                party=party,
                act=told.act.value,
                actor=fact.actor,
                network=fact.network,
                sealed=self._keys.seal(PURPOSE, msgspec.json.encode(who)),
                at=min(told.at, tx.now),
                received_at=tx.now,
                expected=fact.expected,
            )
            if not await tx.run(row.on_conflict_do_nothing()):
                continue
            new += 1
            acts[fact.act] += 1
            actors[by] += 1
            await record(self._database, tx, fact)
        return new, over

    async def _fact(self, tx: Tx, log: Log, told: Told, party: str) -> ConsoleUsed:
        name = log.settings.name
        network = ""
        inside: bool | None = None
        with suppress(ValueError):
            network = self._keys.pseudonym("network", dmarc.network(told.address))
            address = ipaddress.ip_address(told.address)
            if log.networks:
                inside = any(address in one for one in log.networks)
        return ConsoleUsed(
            told=_id(name, told),
            log=name,
            party=party,
            provider=party in self._providers,
            act=told.act.value,
            actor=self._keys.pseudonym("staff", f"{name}\0{told.actor}"),
            network=network,
            inside=inside,
            factor=told.factor,
            root=told.root,
            domain=_ours(told.zones, self._domains) if told.act is Act.DNS else "",
            expected=await _announced(tx, party, told),
        )


def of_one(per_day: int) -> int:
    """How many lines of one act are kept of one actor in a day (pure)."""
    return max(1, per_day // ACTOR)


async def full(tx: Tx, logs: Collection[ConsoleLog]) -> dict[str, str]:
    """By log of which no more is kept today of some act, or of an actor in it: of which acts."""
    out: dict[str, str] = {}
    for one in logs:
        acts, actors = await _counted(tx, one.name)
        over = {act for act, count in acts.items() if count >= one.per_day}
        over |= {act for (act, _), count in actors.items() if count >= of_one(one.per_day)}
        if over:
            out[one.name] = ", ".join(sorted(over))
    return out


async def _counted(tx: Tx, log: str) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """What was kept of a log today: by act, and by act and actor."""
    rows = await tx.tuples(
        select(_t.c.act, _t.c.actor, func.count())
        .where(_t.c.log == log, _t.c.received_at >= tx.now // DAY * DAY)
        .group_by(_t.c.act, _t.c.actor)
    )
    acts: Counter[str] = Counter()
    actors: Counter[tuple[str, str]] = Counter()
    for act, actor, count in rows:
        acts[act] += int(count)
        actors[act, actor] = int(count)
    return acts, actors


def _id(log: str, told: Told) -> str:
    return digest(f"{log}\0{told.id}".encode())


def _read(kind: str, raw: bytes) -> Read:
    try:
        text = packed.unpack(raw)
    except Unreadable as error:
        raise Invalid(str(error).replace("report", "log"), field="log") from error
    return registry.get(kind)(text)


def _party(log: Log, told: Told) -> str:
    """Which party of ours a line is about; "": none that the settings name."""
    names = (one.lower() for one in told.about)
    return next((log.parties[name] for name in names if name in log.parties), "")


def _ours(zones: tuple[str, ...], domains: frozenset[str]) -> str:
    """The domain of ours of which a name is, or above which it is."""
    for zone in zones:
        for domain in sorted(domains):
            if dmarc.below(zone, domain) or dmarc.below(domain, zone):
                return domain
    return ""


async def _announced(tx: Tx, party: str, told: Told) -> bool:
    """Whether somebody had announced such a change. The announcement is not used up here, but when
    the change itself shows in the account."""
    kinds = [one.value for one in _KINDS[told.act]]
    at = min(told.at, tx.now)
    return bool(
        await tx.value(
            select(_e.c.id)
            .where(
                _e.c.account == party,
                _e.c.kind.in_(kinds),
                _e.c.at <= at,
                _e.c.until >= at,
                _e.c.until >= tx.now - LATE,
            )
            .limit(1)
        )
    )
