"""Group commit: many callers' small writes in one transaction, urgent ones first.

A commit costs a sync of the disk, and each statement a round trip to the database. Callers that
wait together share the commit, and those that want the same done share the statement.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from .database import Database, Tx
from .errors import Away

PATIENCE_SECONDS = 0.01

T = TypeVar("T")
A = TypeVar("A")

Job = Callable[[Tx], Awaitable[T]]
#: Does the same for many items at once; the results in their order. An exception as a result is one
#: caller's alone, and undoes nothing.
Many = Callable[[Tx, Sequence[A]], Awaitable[Sequence[T | Exception]]]


class _Waiting(Generic[T]):
    """What one caller wants written."""

    __slots__ = ("future", "item", "many", "order", "weight")

    def __init__(self, lane: int, number: int, weight: int, many: Many[Any, T], item: Any) -> None:
        self.order = (lane, number)
        self.weight = weight
        self.many = many
        self.item = item
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def __lt__(self, other: "_Waiting[Any]") -> bool:
        return self.order < other.order

    def answer(self, result: T | Exception) -> None:
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class SharedCommit:
    """Group commit for callers that wait together.

    Lower ``lane`` numbers go first; what arrives during a commit goes into the next one.

    Args:
        database: where to write.
        batch: the most weight in one commit.
    """

    def __init__(self, database: Database, batch: int = 400) -> None:
        self._database = database
        self._batch = batch
        self._waiting: asyncio.PriorityQueue[_Waiting[Any]] = asyncio.PriorityQueue()
        self._number = 0
        self._hurry = asyncio.Event()
        #: Called with how many callers a commit had, and how many seconds it took.
        self.on_commit: Callable[[int, float], None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self, job: Job[T], lane: int = 1, weight: int = 1) -> T:
        """Run ``job`` in the next shared commit; returns once it is durable.

        Args:
            lane: lower ones go first.
            weight: how many ordinary jobs it is worth; a commit takes ``batch`` of them.

        A job that raises spoils nobody else's: the batch is run again, each job by itself. Where
        the database was lost none is run again, since the commit may have happened.
        """
        return await self.each(_run, job, lane, weight)

    async def each(
        self,
        many: Many[A, T],
        item: A,
        lane: int = 1,
        weight: int = 1,
        *,
        patient: bool = False,
    ) -> T:
        """Have ``many`` done for ``item`` in the next shared commit, together with the items of all
        other callers of the same function; returns once it is durable.

        Args:
            patient: nobody waits for the result, so the commit may be delayed a moment for more to
                share it.

        Raises:
            Exception: what ``many`` returned for this item, or raised for it alone.
        """
        self._number += 1
        waiting: _Waiting[T] = _Waiting(lane, self._number, weight, many, item)
        self._waiting.put_nowait(waiting)
        if not patient or self._waiting.qsize() >= self._batch:
            self._hurry.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await waiting.future

    async def _drain(self) -> None:
        while not self._waiting.empty():
            if not self._hurry.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._hurry.wait()
            self._hurry.clear()
            taken: list[_Waiting[Any]] = []
            room = self._batch
            while room > 0 and not self._waiting.empty():
                one = self._waiting.get_nowait()
                if not one.future.done():
                    taken.append(one)
                    room -= one.weight
            if not self._waiting.empty():
                self._hurry.set()  # they have waited already
            await self._commit(taken)

    async def _commit(self, taken: list[_Waiting[Any]]) -> None:
        groups: dict[Many[Any, Any], list[_Waiting[Any]]] = {}
        for one in taken:
            groups.setdefault(one.many, []).append(one)

        async def work(tx: Tx) -> list[Sequence[Any]]:
            return [await many(tx, [one.item for one in ones]) for many, ones in groups.items()]

        started = time.perf_counter()
        try:
            results = await self._database.retrying(work)
        except Away as error:
            # The database is away for each of them; and what may have been stored must not be
            # stored again.
            for one in taken:
                one.answer(error)
            return
        except Exception as error:
            if len(taken) > 1:
                for one in taken:
                    await self._commit([one])
            else:
                taken[0].answer(error)
            return
        if self.on_commit is not None:
            self.on_commit(len(taken), time.perf_counter() - started)
        for ones, answers in zip(groups.values(), results, strict=True):
            for one, answer in zip(ones, answers, strict=True):
                one.answer(answer)


async def _run(tx: Tx, jobs: Sequence[Job[Any]]) -> list[Any]:
    return [await job(tx) for job in jobs]
