"""The engine and its transactions.

SQLite: WAL with full sync; one connection writes, so writers queue here and not in ``SQLITE_BUSY``.
PostgreSQL: a pool; each transaction runs at READ COMMITTED, and what must be decided once locks its
rows or uses a conditional UPDATE, which is right on both engines.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, event, make_url
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.schema import Table

from mailkeep.base.clock import Clock, Instant
from mailkeep.base.errors import Unavailable
from mailkeep.base.ids import Order

from .errors import is_outage, lost, without_values

T = TypeVar("T")

RETRIES = 2  #: how often a transaction that lost to another one is run again
RETRY_SECONDS = 0.02  #: how long it waits before that, up to twice as long

_draw = secrets.SystemRandom().random


class Tx:
    """One transaction: statements in, rows out, and what to do once it is durable.

    Attributes:
        now: the instant at which the transaction began; all its writes share it.
        order: keeps what the transaction records in its order.
    """

    def __init__(self, connection: AsyncConnection, now: Instant) -> None:
        self._connection = connection
        self.now = now
        self.order = Order(now)
        self.after_commit: list[Callable[[], None]] = []

    @property
    def is_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    async def run(self, statement: Executable, rows: list[dict[str, Any]] | None = None) -> int:
        """Execute; returns the number of rows touched."""
        result: CursorResult[Any] = await self._connection.execute(statement, rows)
        return result.rowcount

    async def all(self, statement: Executable) -> list[RowMapping]:
        return list((await self._connection.execute(statement)).mappings())

    async def one(self, statement: Executable) -> RowMapping | None:
        return (await self._connection.execute(statement)).mappings().first()

    async def value(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self._connection.execute(statement)).scalar()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        before = len(self.after_commit)
        try:
            async with self._connection.begin_nested():
                yield
        except BaseException:
            del self.after_commit[before:]
            raise

    async def on_connection(self, work: Callable[[Connection], None]) -> None:
        """Run synchronous work, such as a migration, on this transaction's connection."""
        await self._connection.run_sync(work)

    def upsert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT, in this engine's dialect."""
        return pg_insert(table) if self.is_postgresql else sqlite_insert(table)


class Database:
    """Opens transactions.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``; the async driver is chosen here.
        clock: gives each transaction its ``now``.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        parsed = make_url(url)
        self.clock = clock
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            Path(parsed.database or "").touch(mode=0o600, exist_ok=True)
            parsed = parsed.set(drivername="sqlite+aiosqlite")
            self._engine = create_async_engine(
                parsed, pool_size=4, max_overflow=0, hide_parameters=True
            )
            event.listen(self._engine.sync_engine, "connect", _sqlite_connect)
        else:
            parsed = parsed.set(drivername="postgresql+asyncpg")
            self._engine = create_async_engine(
                parsed, pool_size=10, pool_pre_ping=True, hide_parameters=True
            )
        event.listen(self._engine.sync_engine, "handle_error", without_values)
        self._writer = asyncio.Lock()
        self.committed = asyncio.Event()  #: set after each commit that recorded events
        #: Called with the facts of a commit and the instant of its transaction; must not raise.
        self.on_facts: Callable[[Sequence[object], Instant], None] | None = None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that writes. Commits on leaving, rolls back on any error.

        Raises:
            Unavailable: the disk is full or the database away; nothing was stored.
        """
        if not self.is_sqlite:
            async with self._transaction("BEGIN") as tx:
                yield tx
            return
        async with self._writer, self._transaction("BEGIN IMMEDIATE") as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that only reads, on a snapshot where the engine has one."""
        async with self._transaction("BEGIN") as tx:
            yield tx

    async def retrying(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``work`` in a writing transaction, and again when PostgreSQL undid it because of
        another one (deadlock, serialization failure): whoever asked cannot help it.

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
            # Else it takes the lock back before the winner is awake, and both meet again.
            await asyncio.sleep(RETRY_SECONDS * (1 + _draw()))
        async with self.write() as tx:
            return await work(tx)

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[Tx]:
        try:
            async with self._engine.connect() as connection:
                if self.is_sqlite:
                    await connection.exec_driver_sql(begin)
                tx = Tx(connection, self.clock.now())
                try:
                    yield tx
                except BaseException:
                    await connection.rollback()
                    raise
                await connection.commit()
        except DBAPIError as error:
            if is_outage(error):
                raise Unavailable("the database cannot take this now") from error
            raise
        for call in tx.after_commit:
            call()

    async def close(self) -> None:
        await self._engine.dispose()


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # durable before acknowledged
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class SharedCommit:
    """Many callers' small writes in one commit, the urgent ones first.

    A commit costs a sync of the disk; requests that wait for it together share one. Lower ``lane``
    numbers go first, and a lane above 0 never fills a batch so far that lane 0 waits for it.

    Args:
        database: where to write.
        batch: the most jobs in one commit.
    """

    def __init__(self, database: Database, batch: int = 200) -> None:
        self._database = database
        self._batch = batch
        self._waiting: asyncio.PriorityQueue[
            tuple[int, int, int, Callable[[Tx], Awaitable[Any]], asyncio.Future[Any]]
        ] = asyncio.PriorityQueue()
        self._sequence = 0
        #: Called with how many jobs a commit had, and how many seconds it took.
        self.on_commit: Callable[[int, float], None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self, job: Callable[[Tx], Awaitable[T]], lane: int = 1, weight: int = 1) -> T:
        """Run ``job`` in the next shared commit; returns once it is durable.

        Args:
            lane: lower ones go first.
            weight: how many ordinary jobs it is worth; a commit takes ``batch`` of them.

        A job that raises spoils nobody else's: the batch is run again, each job for itself.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._sequence += 1
        self._waiting.put_nowait((lane, self._sequence, weight, job, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while not self._waiting.empty():
            jobs: list[tuple[Callable[[Tx], Awaitable[Any]], asyncio.Future[Any]]] = []
            room = self._batch
            while room > 0 and not self._waiting.empty():
                _, _, weight, job, future = self._waiting.get_nowait()
                if not future.done():
                    jobs.append((job, future))
                    room -= weight
            await self._commit(jobs)

    async def _commit(self, jobs: list[tuple[Callable[[Tx], Awaitable[Any]], Any]]) -> None:
        async def work(tx: Tx) -> list[Any]:
            return [await job(tx) for job, _ in jobs]

        started = time.perf_counter()
        try:
            results = await self._database.retrying(work)
        except Exception as error:
            if len(jobs) > 1:
                for one in jobs:
                    await self._commit([one])
            elif not jobs[0][1].done():
                jobs[0][1].set_exception(error)
            return
        if self.on_commit is not None:
            self.on_commit(len(jobs), time.perf_counter() - started)
        for (_, future), result in zip(jobs, results, strict=True):
            if not future.done():
                future.set_result(result)
