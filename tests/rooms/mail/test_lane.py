"""The dispatcher's lanes against a transport that answers, hangs or is cut off."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from mailkeep.base.clock import SECOND, SystemClock
from mailkeep.base.errors import Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.events import tables as event_tables
from mailkeep.events.types import decode
from mailkeep.mail import dispatch, health, lane, outbox, outcomes, services, tables
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.events import BreakerClosed, BreakerOpened, FailedOver
from mailkeep.mail.leases import LeaseLost, Leases
from mailkeep.mail.types import NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import (
    HttpReply,
    HttpRequest,
    Outcome,
    OutcomeKind,
    Reply,
    Request,
    TransportFailure,
)
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from .conftest import new, provider

Accept = Callable[[NewMessage], Awaitable[str]]

_REFUSED = b'{"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}'
_TAKEN = b'[{"email": "a@example.net", "status": "sent", "_id": "0123456789abcdef"}]'


class Wire:
    """Carries requests to providers that are told apart by their ports."""

    def __init__(self) -> None:
        self.hang: set[str] = set()
        self.refuse: set[str] = set()
        self.carried: list[tuple[float, str]] = []
        self.waiting = 0
        self.over = asyncio.Event()

    async def carry(self, request: Request, may: Callable[[], bool]) -> Reply:
        assert isinstance(request, HttpRequest)
        if not may():
            raise LeaseLost
        name = {":1/": "one", ":2/": "two"}[request.url[len("http://127.0.0.1") :][:3]]
        self.carried.append((time.monotonic(), name))
        if name in self.hang:
            self.waiting += 1
            await self.over.wait()
        if name in self.refuse:
            return HttpReply(500, {}, _REFUSED)
        return HttpReply(200, {}, _TAKEN)

    def close(self) -> None: ...


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


async def _until(done: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
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


async def test_a_database_that_was_away_before_a_secret_left_leaves_it_to_nobody(
    database: Database,
    keys: KeyRing,
    wire: Wire,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It left nobody's hands, so it is bound to nobody either, and another one may have it."""
    await accept(new("recovery"))
    streams = {"recovery": _stream("recovery", "one", "two", priority=0)}
    async with _running(database, keys, wire, streams, "one", "two") as dispatcher:
        ask, away = dispatcher.standing.cut, [Unavailable("the database is away")]

        async def cut() -> Any:
            if away:
                raise away.pop()
            return await ask()

        monkeypatch.setattr(dispatcher.standing, "cut", cut)
        await _until(_having(database, "accepted", 1))
    async with database.read() as tx:
        rows = await tx.all(select(tables.attempts.c.outcome).order_by(tables.attempts.c.id))
    assert [row["outcome"] for row in rows] == ["withheld", "accepted"]
    assert len(wire.carried) == 1


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


async def test_what_ordinary_mail_shows_lets_recovery_come_back(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    streams = {
        "bulk": StreamSettings("bulk", 9, (RouteSettings("one"), RouteSettings("two", weight=0))),
        "recovery": _stream("recovery", "one", "two", priority=0),
    }
    async with _running(database, keys, wire, streams, "one", "two") as dispatcher:
        now = dispatcher.now()
        over, lasts = now - SECOND, now + 60 * SECOND
        bulk, recovery = (one.breakers for one in dispatcher._lanes)
        bulk["one"] = health.Breaker(3, 1, over, over)
        recovery["one"] = health.Breaker(3, 1, over, over)
        recovery["two"] = health.Breaker(3, 1, lasts, over)
        await accept(new())
        await _until(_having(database, "accepted", 1))
        assert [name for _, name in wire.carried] == ["one"]
        assert recovery["one"].closed()
        assert not recovery["two"].closed()


async def test_a_stream_that_leaves_a_provider_says_so_though_nothing_failed_over(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept
) -> None:
    """The canary met the refusal; the mails after it go elsewhere at once."""
    wire.refuse.add("one")
    async with _running(
        database, keys, wire, {"bulk": _stream("bulk", "one", "two")}, "one", "two"
    ):
        await accept(new(to="canary@example.org", only=("one",), ours=True))
        await _until(_told_of(database, BreakerOpened))
        for number in range(5):
            await accept(new(to=f"user{number}@example.net"))
        await _until(_having(database, "accepted", 5))
        facts = await _facts(database)
        assert [one for one in facts if isinstance(one, BreakerOpened)] == [
            BreakerOpened(provider="one", stream="bulk", because="unauthorised")
        ]
        assert not any(isinstance(one, FailedOver) for one in facts)
        wire.refuse.clear()
        await _until(_told_of(database, BreakerClosed))
        assert [one for one in await _facts(database) if isinstance(one, BreakerClosed)] == [
            BreakerClosed(provider="one", stream="bulk")
        ]


async def _facts(database: Database) -> list[object]:
    async with database.read() as tx:
        rows = await tx.all(select(event_tables.events).order_by(event_tables.events.c.id))
    return [decode(row["kind"], row["data"]) for row in rows]


def _told_of(database: Database, kind: type[object]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return any(isinstance(one, kind) for one in await _facts(database))

    return look


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


async def test_one_that_hangs_is_left_though_it_has_places(
    database: Database,
    keys: KeyRing,
    wire: Wire,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty places take seven seconds to hang, where three resets a second go: nobody waits for
    that."""
    monkeypatch.setattr(lane, "STUCK_SECONDS", 0.5)
    routes = (RouteSettings("one"), RouteSettings("two", weight=0))
    streams = {"recovery": StreamSettings("recovery", 0, routes, secret=True, concurrency=20)}
    wire.hang.add("one")
    async with _running(database, keys, wire, streams, "one", "two"):
        await accept(new("recovery", to="ada@example.net"))
        await _until(_having(database, "sending", 1))
        await asyncio.sleep(0.6)
        for number in range(3):
            await accept(new("recovery", to=f"user{number}@example.net"))
        await _until(_having(database, "accepted", 3))
        assert [name for _, name in wire.carried] == ["one", "two", "two", "two"]


async def test_one_send_that_hangs_while_others_are_answered_is_its_own_affair() -> None:
    routes = (RouteSettings("one"), RouteSettings("two", weight=0))
    made = lane.Lane(cast(Dispatcher, None), StreamSettings("bulk", 9, routes, concurrency=1))
    assert not made._is_stuck("one", 1e12)  # nothing is under way
    made._under_way["one"]["att_1"] = 100.0
    assert not made._is_stuck("one", 99.0)
    assert made._is_stuck("one", 101.0)
    made._answered["one"] = 100.5
    assert not made._is_stuck("one", 101.0)
    await made._places["one"].acquire()  # no place is left all the same
    assert made._is_stuck("one", 101.0)


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


class Postmark:
    """Loses its first answer; knows afterwards whether it has the mail."""

    def __init__(self, has_it: bool | None) -> None:
        self.has_it = has_it
        self.sent = self.asked = 0

    async def carry(self, request: Request, _may: Callable[[], bool] | None = None) -> Reply:
        assert isinstance(request, HttpRequest)
        if request.method == "GET":
            self.asked += 1
            if self.has_it is None:
                return TransportFailure("connect")
            count = int(self.has_it)
            return HttpReply(200, {}, b'{"TotalCount": %d, "Messages": []}' % count)
        self.sent += 1
        if self.sent == 1:
            return TransportFailure("timeout_after_send")
        taken = b'{"ErrorCode": 0, "Message": "OK", "MessageID": "0123456789abcdef"}'
        return HttpReply(200, {}, taken)

    def close(self) -> None: ...


@pytest.mark.parametrize(("has_it", "sent"), [(True, 1), (False, 2), (None, 2)])
async def test_whoever_may_have_a_mail_is_asked_before_it_is_sent_twice(
    database: Database,
    keys: KeyRing,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
    has_it: bool | None,
    sent: int,
) -> None:
    monkeypatch.setattr(outcomes, "TELL", 0)
    monkeypatch.setattr(health, "FIRST_REST", 0)
    wire = Postmark(has_it)
    monkeypatch.setattr(dispatch, "Transport", lambda: wire)
    streams = {"bulk": _stream("bulk", "one")}
    providers = {"one": provider("one", 1, kind="postmark")}
    made = Dispatcher(database, SharedCommit(database), keys, SystemClock(), streams, providers)
    await accept(new())
    task = asyncio.create_task(made.run())
    await _until(_having(database, "accepted", 1))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (wire.sent, wire.asked) == (sent, 1)


async def test_a_secret_is_never_asked_for_but_minted_anew(
    database: Database, accept: Accept
) -> None:
    """To ask would tell the provider nothing; to wait would cost the person who waits."""
    await accept(new("recovery"))
    for _ in range(2):
        async with database.write() as tx:
            jobs = await outbox.claim(
                database, tx, _stream("recovery", "one", priority=0), {}, 1, askable={"one"}
            )
            assert [job.ask for job in jobs] == [False]
            lost = Outcome(OutcomeKind.AMBIGUOUS, "")
            await outcomes.finish(database, tx, [outcomes.Finished(jobs[0], lost, 1.0, True)])


async def test_a_database_that_went_away_ends_no_lane(
    database: Database,
    keys: KeyRing,
    wire: Wire,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever its driver calls that: nothing would be sent any more until somebody notices."""
    streams = {"bulk": _stream("bulk", "one")}
    away, met = True, asyncio.Event()
    due = outbox.is_due

    async def broken(tx: Tx, stream: str, leases: Leases) -> bool:
        if away:
            met.set()
            raise ConnectionRefusedError
        return await due(tx, stream, leases)

    monkeypatch.setattr(outbox, "is_due", broken)
    async with _running(database, keys, wire, streams, "one"):
        await accept(new())
        await asyncio.wait_for(met.wait(), 60)
        away = False
        await _until(_having(database, "accepted", 1))


async def test_an_outcome_is_written_down_however_often_that_fails(
    database: Database,
    keys: KeyRing,
    wire: Wire,
    accept: Accept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An outcome that is forgotten is a mail that is sent twice."""
    monkeypatch.setattr(dispatch, "AGAIN_SECONDS", 0.01)
    streams = {"bulk": _stream("bulk", "one")}
    failed = 0
    finish = outcomes.finish

    async def broken(*arguments: Any) -> list[None]:
        nonlocal failed
        failed += 1
        if failed <= 3:
            raise DBAPIError("", None, RuntimeError("deadlock detected"))
        return await finish(*arguments)

    monkeypatch.setattr(outcomes, "finish", broken)
    async with _running(database, keys, wire, streams, "one"):
        await accept(new())
        await _until(_having(database, "accepted", 1))
    assert len(wire.carried) == 1


async def test_a_worker_that_fails_is_logged_with_where_and_without_what_it_read(
    database: Database, keys: KeyRing, wire: Wire, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = "481516 to ada@example.net"

    async def carry(_request: Request, _may: Callable[[], bool]) -> Reply:
        raise ValueError(read)

    monkeypatch.setattr(wire, "carry", carry)
    await accept(new())

    async def failed() -> bool:
        return any(one["event"] == "attempt.failed" for one in said)

    with capture_logs() as said:
        async with _running(database, keys, wire, {"bulk": _stream("bulk", "one")}, "one"):
            await _until(failed)
    line = next(one for one in said if one["event"] == "attempt.failed")
    assert line["error"] == "ValueError"
    assert "in carry" in line["exception"]
    assert "481516" not in line["exception"]
