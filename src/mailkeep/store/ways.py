"""The path of a transaction to its engine: repeated statements go straight to the driver, all
others through the library, and both belong to the one transaction.

Repeated writes wait in it until something is read, or until it commits, and then go together: on
SQLite each switch to its thread and back costs more than most statements.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .errors import is_away
from .repeated import Call
from .sqlite import RawConnection, raw

Rows = Sequence[Sequence[Any]]


class Lost(Exception):
    """The connection went while the server was committing: it may have, or not."""


class Way(ABC):
    """The path of one transaction to the database.

    Args:
        engine: the library's.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._added: list[Call] = []

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    def add(self, call: Call) -> None:
        """Buffer it, to be done before anything that comes later."""
        self._added.append(call)

    def drop(self) -> None:
        """Discard what was buffered and is not done yet."""
        self._added = []

    @abstractmethod
    async def begin(self) -> None: ...

    @abstractmethod
    async def fetch(self, calls: Sequence[Call]) -> list[Rows]:
        """The rows of each of them."""

    @abstractmethod
    async def library(self) -> AsyncConnection:
        """The library's connection, in this transaction; all that was added is done."""

    @abstractmethod
    async def commit(self) -> None:
        """Raises ``Lost`` where nobody can know whether it was done."""

    @abstractmethod
    async def rollback(self) -> None: ...

    async def close(self) -> None:
        """Release the resources, whatever became of the transaction."""
        if self._connection is not None:
            await self._connection.close()


class Pooled(Way):
    """PostgreSQL, over a connection of the library's pool."""

    async def begin(self) -> None:
        self._connection = await self._engine.connect()

    async def fetch(self, calls: Sequence[Call]) -> list[Rows]:
        connection = await self.library()
        return [(await connection.exec_driver_sql(*call)).fetchall() for call in calls]

    async def library(self) -> AsyncConnection:
        if self._connection is None:
            raise RuntimeError("the transaction has not begun")
        added, self._added = self._added, []
        for call in added:
            await self._connection.exec_driver_sql(*call)
        return self._connection

    async def commit(self) -> None:
        connection = await self.library()
        try:
            await connection.commit()
        except DBAPIError as error:
            if is_away(error):
                raise Lost from error
            raise
        except OSError as error:  # the driver passes on what the system said
            raise Lost from error

    async def rollback(self) -> None:
        self.drop()
        if self._connection is not None and not self._connection.invalidated:
            with contextlib.suppress(OSError):
                await self._connection.rollback()


class Straight(Way):
    """SQLite; the library takes part only where it is asked for.

    Args:
        engine: the library's.
        opened: gives the connection that it goes over; None: any of the engine's.
        begin: the statement that begins a transaction; "": each statement is one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        opened: Callable[[], Awaitable[RawConnection]] | None,
        begin: str,
    ) -> None:
        super().__init__(engine)
        self._opened = opened
        self._own: RawConnection | None = None
        self._begin = begin

    async def begin(self) -> None:
        if self._opened is not None:
            self._own = await self._opened()
        else:
            self._connection = await self._engine.connect()
            self._own = await raw(self._connection)
        if self._begin:
            self.add(Call(self._begin, ()))

    async def fetch(self, calls: Sequence[Call]) -> list[Rows]:
        return await self._carry_out(calls)

    async def _carry_out(self, calls: Sequence[Call] = (), *, commit: bool = False) -> list[Rows]:
        if self._own is None:
            raise RuntimeError("the transaction has not begun")
        added, self._added = self._added, []
        if not (added or calls or commit):
            return []
        return await self._own.carry_out(added, calls, commit)

    async def library(self) -> AsyncConnection:
        await self._carry_out()
        if self._connection is None:
            self._connection = await self._engine.connect()
        return self._connection

    async def commit(self) -> None:
        library = self._taking_part()
        await self._carry_out(commit=library is None and bool(self._begin))
        if library is not None and self._begin:
            await library.commit()

    async def rollback(self) -> None:
        self.drop()
        library = self._taking_part()
        if library is not None:
            await library.rollback()
        elif self._own is not None and self._own.alive:
            await self._own.rollback()

    def _taking_part(self) -> AsyncConnection | None:
        """The library's connection, where it knows of the transaction."""
        library = self._connection
        return library if library is not None and library.in_transaction() else None
