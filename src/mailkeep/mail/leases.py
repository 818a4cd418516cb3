"""Leases on messages in flight, renewed while the work lasts, so that another process takes over
soon when one dies.

A lease is short, so that nobody waits long for the mail of a killed process; a send may take
longer, so the lease is renewed. A process that was slow to renew (stopped, starved, cut off from
the database) must assume that its messages belong to another: it looks at its own clock right
before each send, and trusts a lease for less time than the others do.

Where several machines share a database, leases are written and compared by the database's clock
(PostgreSQL), which each process estimates by asking once a minute and a monotonic clock of its own:
a machine whose wall clock jumps neither takes another's messages nor gives its own away.

A process never claims a second time what it has in flight, however its lease stands: it will itself
record the result. And when it was cut off from the database, the others most likely were as well:
it gives them the time of one lease to report what they have.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
from sqlalchemy import bindparam, select, text, update

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Unavailable
from mailkeep.store.database import Database, Tx
from mailkeep.store.repeated import Among, Repeated

from . import tables
from .types import Job, Status

log = structlog.get_logger(__name__)

LEASE = 15 * SECOND  #: for so long a message is its worker's; a lapsed one means that it died
SPARE_SECONDS = 5.0  #: before that a worker leaves it: clocks differ, and a request takes a moment
RENEW_SECONDS = 3.0  #: between two looks at what is in hand; a lease as old as that is renewed
#: In hand for longer than any send and its writing down take, a full disk included: a fault of ours
#: holds it, and its lease may bring it back.
LONGEST_SECONDS = 600.0
ASK_SECONDS = 60.0  #: between two looks at the database's clock
UNSURE_SECONDS = 2.0  #: an answer that took longer tells too little of it

_m = tables.messages

#: Only what is still this worker's, and in no transaction that is just writing of it.
_MINE = Repeated(
    lambda _insert: (
        select(_m.c.id, _m.c.attempt_id)
        .where(Among(_m.c.id, "ids"), _m.c.status == Status.SENDING.value)
        .order_by(_m.c.id)
        .with_for_update(skip_locked=True)
    )
)
_RENEW = Repeated(
    lambda _insert: (
        update(_m)
        .where(_m.c.id == bindparam("of"), _m.c.attempt_id == bindparam("attempt"))
        .values(lease_until=bindparam("until"))
    )
)


_CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


async def theirs(tx: Tx) -> Instant:
    """The time by PostgreSQL's own clock."""
    return int((await tx.tuples(_CLOCK))[0][0])


class LeaseLost(Exception):
    """The message may be another worker's by now: it must not be sent."""


def going_on() -> float:
    """Seconds on a clock that goes on while a process is stopped, and while its machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _Held:
    """One message in hand: since when, and until when this process believes that it is."""

    __slots__ = ("message", "since", "until")

    def __init__(self, message: str, since: float) -> None:
        self.message = message
        self.since = since
        self.until = _believed(since)


def _believed(since: float) -> float:
    return since + LEASE / SECOND - SPARE_SECONDS


class Leases:
    """What the workers of one process have in hand.

    Args:
        ticks: see ``going_on``.
        asks: the clock that all share (PostgreSQL alone has one); None: our own is taken for it.
    """

    def __init__(
        self,
        database: Database,
        ticks: Callable[[], float] = going_on,
        asks: Callable[[Tx], Awaitable[Instant]] | None = None,
    ) -> None:
        self._database = database
        self._ticks = ticks
        self._held: dict[str, _Held] = {}  # by attempt
        self._blind_until = 0.0
        self._asks = None if database.is_sqlite else asks
        self._ahead: Instant | None = None  # of the ticks, the clock that all share
        self._asked = -ASK_SECONDS

    def ticks(self) -> float:
        """Now, on the clock by which leases are believed in."""
        return self._ticks()

    def take(self, jobs: Iterable[Job], since: float) -> None:
        """These were claimed, in a transaction that began at ``since`` or later."""
        for job in jobs:
            self._held[job.attempt] = _Held(job.message, since)

    def drop(self, job: Job) -> None:
        """What came of it is written down, or nobody here works on it any more."""
        self._held.pop(job.attempt, None)

    def hold(self, job: Job) -> bool:
        """Whether a message is surely still this process's, so that it may be sent now."""
        held = self._held.get(job.attempt)
        return held is not None and self._ticks() < held.until

    def in_hand(self) -> frozenset[str]:
        """The messages that this process must not claim: it has them."""
        longest = self._ticks() - LONGEST_SECONDS
        return frozenset(one.message for one in self._held.values() if one.since > longest)

    def works_on(self, job: Job) -> bool:
        """Whether it is worth while to go on trying to write down what came of it."""
        held = self._held.get(job.attempt)
        return held is not None and held.since > self._ticks() - LONGEST_SECONDS

    def lapsed(self, now: Instant) -> Instant:
        """The instant at which a lease must have been over for its message to be claimed here."""
        if self._ticks() < self._blind_until or (self._asks and self._ahead is None):
            return 0
        return self.shared(now)

    def shared(self, now: Instant) -> Instant:
        """Now by the clock that all share, or ``now``, by our own, until that is known."""
        if self._ahead is None:
            return now
        return round(self._ticks() * SECOND) + self._ahead

    async def look(self) -> None:
        """Ask for the clock that all share, where it is time to.

        Raises:
            Unavailable: the database is away.
        """
        if self._asks is None or self._ticks() < self._asked + ASK_SECONDS:
            return
        async with self._database.read() as tx:
            before = self._ticks()
            now = await self._asks(tx)
            after = self._ticks()
        if after - before <= UNSURE_SECONDS:
            self._ahead = now - round((before + after) / 2 * SECOND)
            self._asked = after

    def blind(self) -> None:
        """The database was away: who else lives could not say so either."""
        self._blind_until = self._ticks() + LEASE / SECOND

    async def run(self) -> None:
        """Renew for ever."""
        while True:
            try:
                await self.look()
                await self.renew()
            except Unavailable as error:
                log.warning("leases.unavailable", error=str(error))
                self.blind()
            except Exception as error:
                # Without a renewal nothing is sent twice, only later.
                log.exception("leases.failed", error=type(error).__name__)
            await asyncio.sleep(RENEW_SECONDS)

    async def renew(self) -> int:
        """Say of all that has been in hand for a while that it still is; returns of how many.

        Raises:
            Unavailable: the database is away.
        """
        now = self._ticks()
        young = _believed(now) - RENEW_SECONDS
        old = {
            attempt: one
            for attempt, one in self._held.items()
            if one.until <= young and one.since > now - LONGEST_SECONDS
        }
        if not old:
            return 0
        renewed = await self._database.retrying(
            lambda tx: _renew(tx, old, self.shared(tx.now) + LEASE)
        )
        for attempt in renewed:
            old[attempt].until = _believed(now)
        return len(renewed)


async def _renew(tx: Tx, held: dict[str, _Held], until: Instant) -> list[str]:
    """Renew these, by attempt; returns those that still were this process's."""
    rows = await tx.fetch(_MINE, ids=sorted({one.message for one in held.values()}))
    mine = [(message, attempt) for message, attempt in rows if attempt in held]
    tx.many(_RENEW, [{"of": one, "attempt": by, "until": until} for one, by in mine])
    return [attempt for _, attempt in mine]


async def release(tx: Tx) -> int:
    """Take back what an earlier process had claimed; returns how many messages.

    Only for a process that knows it is alone with its database: the worker that held a lease is
    then dead, and nobody need wait for its clock to run out.
    """
    return await tx.run(update(_m).where(_m.c.status == Status.SENDING.value).values(lease_until=0))
