"""The database engine and its transactions.

SQLite: WAL with full sync; one connection writes, so writers queue here and not in ``SQLITE_BUSY``.
PostgreSQL: a pool; each transaction runs at READ COMMITTED, and what must be decided once locks its
rows or uses a conditional UPDATE, which is right on both engines.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, event, make_url, text
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoPlace
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import Table

from mailkeep.base.clock import Clock, Instant
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import Order

from . import listening, postgresql, sqlite
from .errors import Away, Unsettled, is_away, is_outage, lost, without_values
from .repeated import Repeated, insert_of
from .sqlite import RawConnection, raw
from .ways import Lost, Pooled, Rows, Straight, Way

T = TypeVar("T")
Ear = Callable[[str], None]
Flush = Callable[["Tx", list[Any]], Awaitable[None]]

RETRIES = 2  #: how often a transaction that lost to another one is run again
RETRY_SECONDS = 0.02  #: how long it waits before that, up to twice as long

PATIENCE = 5.0  #: seconds in which a server has to answer
ASK_SECONDS = 0.1  #: after which one that is away is asked again what it did

_draw = secrets.SystemRandom().random


class Tx:
    """One transaction: statements in, rows out, and callbacks once it is durable.

    Attributes:
        now: the instant at which the transaction began; all its writes share it.
        trace: how to find out afterwards whether it committed: a row that it inserts, and an INSERT
            of the same row that does nothing if it exists, and returns what it inserted.
    """

    def __init__(self, way: Way, now: Instant) -> None:
        self._way = way
        self.now = now
        self.after_commit: list[Callable[[], None]] = []
        self._deferred: dict[Flush, list[Any]] = {}
        self._begun: set[str] = set()
        self.trace: tuple[Repeated, dict[str, Any]] | None = None

    @cached_property
    def order(self) -> Order:
        """Keeps what the transaction records in its order."""
        return Order(self.now)

    @property
    def is_postgresql(self) -> bool:
        return self._way.dialect.name == "postgresql"

    async def run(self, statement: Executable, rows: list[dict[str, Any]] | None = None) -> int:
        """Execute; returns the number of rows touched."""
        return (await self._execute(statement, rows)).rowcount

    async def _execute(
        self, statement: Executable, rows: list[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return await (await self._way.library()).execute(statement, rows)

    def many(self, statement: Repeated, rows: Sequence[dict[str, Any]]) -> None:
        """Execute for each of many rows, before the next statement; nothing for none.

        A faulty row raises an error at the next statement, or at the commit.
        """
        if rows:
            self._way.add(statement.on(self._way.dialect).many(rows))

    async def fetch(self, statement: Repeated, **values: Any) -> Rows:
        """The rows of a repeated statement, as the driver gives them."""
        (found,) = await self._way.fetch([statement.on(self._way.dialect).one(values)])
        return found

    async def fetch_each(self, *asked: tuple[Repeated, dict[str, Any]]) -> list[Rows]:
        """The rows of each of several statements, in one round trip."""
        dialect = self._way.dialect
        return await self._way.fetch([one.on(dialect).one(values) for one, values in asked])

    async def all(self, statement: Executable) -> list[RowMapping]:
        return list((await self._execute(statement)).mappings())

    async def tuples(
        self, statement: Executable, rows: list[dict[str, Any]] | None = None
    ) -> Sequence[Sequence[Any]]:
        """The rows as tuples, for reading many of them."""
        return (await self._execute(statement, rows)).fetchall()

    async def one(self, statement: Executable) -> RowMapping | None:
        return (await self._execute(statement)).mappings().first()

    async def value(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self._execute(statement)).scalar()

    def defer(self, flush: Flush, items: Iterable[Any]) -> None:
        """Have ``flush(tx, all the items)`` called once, at the end of the transaction, so that
        what many parts of it add becomes one statement."""
        self._deferred.setdefault(flush, []).extend(items)

    async def settle(self) -> None:
        """Call what was deferred. The database does so before it commits."""
        while self._deferred:
            flush = next(iter(self._deferred))
            items = self._deferred.pop(flush)
            if items:
                await flush(self, items)

    def first(self, what: str) -> bool:
        """Whether something begins for the first time in the transaction. What a savepoint undid
        has not begun."""
        if what in self._begun:
            return False
        self._begun.add(what)
        return True

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        before, begun = len(self.after_commit), set(self._begun)
        deferred = {flush: len(items) for flush, items in self._deferred.items()}
        connection = await self._way.library()
        try:
            async with connection.begin_nested():
                yield
                await self._way.library()  # what was added is part of it
        except BaseException:
            self._way.drop()
            del self.after_commit[before:]
            self._begun = begun
            for flush, items in self._deferred.items():
                del items[deferred.get(flush, 0) :]
            raise

    async def on_connection(self, work: Callable[[Connection], None]) -> None:
        """Run synchronous work, such as a migration, on this transaction's connection."""
        await (await self._way.library()).run_sync(work)

    def upsert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT, in this engine's dialect."""
        return insert_of(self._way.dialect.name)(table)


class Database:
    """Opens transactions.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``; the async driver is chosen here.
        clock: gives each transaction its ``now``.

    Attributes:
        patience: seconds that a PostgreSQL server has to give a connection and, after a lost
            connection, to answer what became of a commit.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        parsed = make_url(url)
        self.clock = clock
        self.patience = PATIENCE
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._opened = sqlite.Opened()
        if self.is_sqlite:
            Path(parsed.database or "").touch(mode=0o600, exist_ok=True)
            parsed = parsed.set(drivername="sqlite+aiosqlite")
            engine = partial(sqlite.engine, parsed, opened=self._opened)
            self._engine = engine(sqlite.READERS, cache=sqlite.READER_CACHE)
            self._writing = engine(1, cache=sqlite.WRITER_CACHE)
            self._glancing = engine(1, cache=sqlite.GLANCE_CACHE)
        else:
            parsed = parsed.set(drivername="postgresql+asyncpg")
            self._engine = postgresql.engine(parsed, lambda: self.patience)
            self._writing = self._glancing = self._engine
        self._open_ones: dict[AsyncEngine, RawConnection] = {}
        for one in {self._engine, self._writing, self._glancing}:
            event.listen(one.sync_engine, "handle_error", without_values)
        self._writer = asyncio.Lock()
        #: Called with the facts of a commit and the instant of its transaction; must not raise.
        self.on_facts: Callable[[Sequence[object], Instant], None] | None = None
        self._ears: list[Ear] = []
        self._dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)

    def hear(self, ear: Ear) -> None:
        """Register ``ear``, to be called with each topic that this process has written, or another
        one that told of it through PostgreSQL; "" stands for any of them."""
        self._ears.append(ear)

    def tell(self, tx: Tx, topic: str) -> None:
        """Announce ``topic`` to listeners once ``tx`` has committed."""
        if self.is_sqlite:
            tx.defer(self._tell_here, [topic])
        else:
            tx.defer(_notify, [topic])

    async def listen(self) -> None:
        """Hear what is told, until cancelled. With SQLite there is nobody else to hear."""
        if not self.is_sqlite:
            await listening.listen(self._dsn, self._told)

    async def _tell_here(self, tx: Tx, topics: list[str]) -> None:
        tx.after_commit += [partial(self._told, topic) for topic in dict.fromkeys(topics)]

    def _told(self, topic: str) -> None:
        for ear in self._ears:
            ear(topic)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that writes. Commits on leaving, rolls back on any error.

        Raises:
            Unavailable: the disk is full or the database away; nothing was stored.
            Unsettled: the database went while it committed: it may have been stored.
        """
        if not self.is_sqlite:
            async with self._transaction(Pooled(self._engine), writes=True) as tx:
                yield tx
            return
        async with self._writer:
            own = partial(self._open, self._writing)
            way = Straight(self._writing, own, "BEGIN IMMEDIATE")
            async with self._transaction(way, writes=True) as tx:
                yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that only reads, on a snapshot where the engine has one."""
        straight = Straight(self._engine, None, "BEGIN") if self.is_sqlite else None
        async with self._transaction(straight or Pooled(self._engine)) as tx:
            yield tx

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Tx]:
        """Read, each statement for itself: on SQLite without a transaction around them, and on
        PostgreSQL in one whose statements need not agree (READ COMMITTED)."""
        way: Way = Pooled(self._engine)
        if self.is_sqlite:
            way = Straight(self._engine, partial(self._open, self._glancing), "")
        async with self._transaction(way) as tx:
            yield tx

    async def retrying(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``work`` in a writing transaction, and again when PostgreSQL undid it because of
        another one (deadlock, serialization failure, a unique row that the other wrote first).

        Args:
            work: may be called several times; only what it does in its transaction is undone.

        Raises:
            Unavailable: see ``write``.
        """
        for _ in range(RETRIES):
            try:
                async with self.write() as tx:
                    return await work(tx)
            except DBAPIError as error:
                if not lost(error):
                    raise
            # Otherwise it takes the lock back before the winner is awake, and both collide again.
            await asyncio.sleep(RETRY_SECONDS * (1 + _draw()))
        async with self.write() as tx:
            return await work(tx)

    @asynccontextmanager
    async def _transaction(self, way: Way, *, writes: bool = False) -> AsyncIterator[Tx]:
        try:
            try:
                await _begin(way)
                tx = Tx(way, self.clock.now())
                yield tx
                await tx.settle()
                try:
                    await way.commit()
                except Lost:
                    if writes:
                        await self._ask(tx)
            except BaseException:
                await way.rollback()
                raise
            finally:
                await way.close()
        except DBAPIError as error:
            if not self.is_sqlite and is_away(error):
                raise Away("the database went away; nothing was stored") from error
            if is_outage(error):
                raise Unavailable("the database cannot take this now") from error
            raise
        for call in tx.after_commit:
            call()

    async def _ask(self, tx: Tx) -> None:
        """Ask a server that was lost while it committed whether it did.

        Whoever inserts the same row again waits for a commit that is still under way, finds the row
        where it is over, and inserts it where it was undone; even on another server that has taken
        over, where a transaction's number would mean another one.

        Raises:
            Away: it did not.
            Unsettled: it cannot be told.
        """
        landed = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while landed is None and tx.trace is not None:
                    landed = await self._landed(*tx.trace)
        if landed is None:
            raise Unsettled("the database went away: this may have been stored, or not")
        if not landed:
            raise Away("the database went away; nothing was stored")

    async def _landed(self, statement: Repeated, row: dict[str, Any]) -> bool | None:
        """Whether the row is there; None: no answer."""
        way = Pooled(self._engine)
        try:
            await way.begin()
            (inserted,) = await way.fetch([statement.on(way.dialect).one(row)])
            return not inserted
        except (OSError, NoPlace, DBAPIError):
            await asyncio.sleep(ASK_SECONDS)
            return None
        finally:
            with contextlib.suppress(DBAPIError):
                await way.rollback()
                await way.close()

    async def _open(self, engine: AsyncEngine) -> RawConnection:
        """The one connection of an engine that has one."""
        found = self._open_ones.get(engine)
        if found is None or not found.alive:
            async with engine.connect() as connection:
                found = self._open_ones[engine] = await raw(connection)
        return found

    async def close(self) -> None:
        for engine in (self._writing, self._glancing, self._engine):
            await engine.dispose()
        await self._opened.close()


async def _begin(way: Way) -> None:
    """A server that is down, or that restarts, refuses before there is a connection that an error
    could be about."""
    try:
        await way.begin()
    except (OSError, NoPlace) as error:
        raise Away("the database cannot be reached now") from error


async def _notify(tx: Tx, topics: list[str]) -> None:
    """PostgreSQL hands it to whoever listens, when the transaction commits."""
    called = text("SELECT pg_notify(:channel, topic) FROM unnest(CAST(:topics AS text[])) AS topic")
    topics = sorted(set(topics))
    await tx.run(called.bindparams(channel=listening.CHANNEL, topics=topics))
