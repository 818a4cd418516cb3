"""The dispatcher's lanes against a transport that answers, hangs or is cut off."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select

from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import dispatch, lane, services, tables
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.types import NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import HttpReply, HttpRequest, Reply, Request
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit

from .conftest import new, provider

Accept = Callable[[NewMessage], Awaitable[str]]

_TAKEN = b'[{"email": "a@example.net", "status": "sent", "_id": "0123456789abcdef"}]'


class Wire:
    """Carries requests to providers that are told apart by their ports."""

    def __init__(self) -> None:
        self.hang: set[str] = set()
        self.carried: list[tuple[float, str]] = []
        self.waiting = 0
        self.over = asyncio.Event()

    async def carry(self, request: Request) -> Reply:
        assert isinstance(request, HttpRequest)
        name = {":1/": "one", ":2/": "two"}[request.url[len("http://127.0.0.1") :][:3]]
        self.carried.append((time.monotonic(), name))
        if name in self.hang:
            self.waiting += 1
            await self.over.wait()
        return HttpReply(200, {}, _TAKEN)

    async def close(self) -> None: ...


@asynccontextmanager
async def _running(
    database: Database, keys: KeyRing, wire: Wire, streams: dict[str, StreamSettings], *names: str
) -> AsyncIterator[Dispatcher]:
    providers = {name: provider(name, {"one": 1, "two": 2}[name]) for name in names}
    made = Dispatcher(database, SharedCommit(database), keys, SystemClock(), streams, providers)
    database.hear(made.told)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        wire.over.set()
        await asyncio.gather(task, return_exceptions=True)


async def _until(done: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _having(database: Database, status: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        m = tables.messages.c
        async with database.read() as tx:
            found = await tx.value(select(func.count()).where(m.status == status))
            return bool(found == count)

    return look


@pytest.fixture
def clock() -> SystemClock:
    """Lanes wait, so time must pass."""
    return SystemClock()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(dispatch, "Transport", lambda: made)
    return made


def _stream(name: str, *providers: str, priority: int = 9, concurrency: int = 3) -> StreamSettings:
    routes = tuple(RouteSettings(one) for one in providers)
    secret = priority == 0
    return StreamSettings(name, priority, routes, secret=secret, concurrency=concurrency)


async def test_everything_is_sent_once(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    for number in range(40):
        await accept(new(to=f"user{number}@example.net"))
    streams = {"bulk": _stream("bulk", "one", "two")}
    async with _running(database, keys, wire, streams, "one", "two"):
        await _until(_having(database, "accepted", 40))
    assert len(wire.carried) == 40


async def test_a_provider_that_hangs_holds_back_neither_the_other_nor_recovery(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    for number in range(30):
        await accept(new(to=f"user{number}@example.net"))
    wire.hang.add("one")
    streams = {
        "bulk": _stream("bulk", "one", "two"),
        "recovery": _stream("recovery", "two", priority=0),
    }
    async with _running(database, keys, wire, streams, "one", "two"):
        await _until(_having(database, "accepted", 27))
        assert wire.waiting == 3  # its own places are taken, and no others
        await accept(new("recovery", to="ada@example.net"))
        await _until(_having(database, "accepted", 28))


async def test_one_that_is_stuck_is_left_even_by_those_who_prefer_it(
    database: Database,
    keys: KeyRing,
    wire: Wire,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A standby is not for when the others are busy; it is for when they do not answer."""
    monkeypatch.setattr(lane, "STUCK_SECONDS", 0.5)
    routes = (RouteSettings("one"), RouteSettings("two", weight=0))
    streams = {"bulk": StreamSettings("bulk", 9, routes, concurrency=2)}
    wire.hang.add("one")
    for number in range(6):
        await accept(new(to=f"user{number}@example.net"))
    started = time.monotonic()
    async with _running(database, keys, wire, streams, "one", "two"):
        await _until(_having(database, "accepted", 4))
    first = min(at for at, name in wire.carried if name == "two")
    assert first - started >= 0.5
    assert sum(name == "one" for _, name in wire.carried) == 2


async def test_no_request_starts_a_second_after_a_cut(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    streams = {"bulk": _stream("bulk", "one", concurrency=1)}
    async with _running(database, keys, wire, streams, "one"):
        for number in range(50):
            await accept(new(to=f"user{number}@example.net"))
        async with database.write() as tx:
            await services.cut_off(database, tx, "one", by="op", reason="test", since=2**62)
        cut = time.monotonic()
        await asyncio.sleep(2)
        late = [at - cut for at, _ in wire.carried if at > cut + 1]
        assert late == []


async def test_two_dispatchers_share_the_work_and_send_nothing_twice(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    streams = {"bulk": _stream("bulk", "one", concurrency=3)}
    async with (
        _running(database, keys, wire, streams, "one"),
        _running(database, keys, wire, streams, "one"),
    ):
        for number in range(60):
            await accept(new(to=f"user{number}@example.net"))
        await _until(_having(database, "accepted", 60))
    assert len(wire.carried) == 60
