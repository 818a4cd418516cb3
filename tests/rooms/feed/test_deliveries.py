"""Delivery events told to an application: at least once, in order, whatever it does, or a kill."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import supervised
from aiohttp import web
from sqlalchemy import delete, insert, update
from supervised import NAME, keeper

from mailkeep.app.loops import Pulse
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import NotFound
from mailkeep.base.secret import Secret
from mailkeep.events import tables as events
from mailkeep.events.log import Relay, record
from mailkeep.events.queries import entries
from mailkeep.events.types import Fact
from mailkeep.feed import delivery, happened, outlets, placing, queries, services
from mailkeep.feed.services import REFUSED_TRIES, Feeds
from mailkeep.feed.types import EventKind, EventWebhookSettings, FeedState
from mailkeep.mail import tables as mail
from mailkeep.mail.events import (
    AttemptFinished,
    CopySplit,
    DeliveryReported,
    MessageAccepted,
    MessageGivenUp,
    MessageRequeued,
)
from mailkeep.mail.services import cut_off
from mailkeep.mail.types import Status
from mailkeep.store.database import Database

NEW, OLD = (Secret("whsec_" + base64.b64encode(one * 24).decode()) for one in (b"n", b"o"))
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "receive-delivery-events.md"
VALID = jsonschema_rs.validator_for(delivery.schema())


def page() -> dict[str, Any]:
    """What the page has its readers write."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    return names


@dataclass
class Shop:
    """An application's endpoint, which checks requests as the page says."""

    clock: ManualClock
    secret: Secret = NEW
    url: str = ""
    names: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    status: Callable[[list[dict[str, Any]]], int] = lambda _: 204
    retry_after: str = ""
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        code = page()
        code["time"] = type("time", (), {"time": lambda: self.clock.now() / SECOND})
        found = code["events"](self.secret.reveal(), dict(request.headers), body)
        assert VALID.is_valid(json.loads(body))
        self.names.append(request.headers["webhook-id"])
        self.requests.append(json.loads(body))
        if self.gate is not None:
            await self.gate.wait()
        status = self.status(found)
        if status < 300:
            self.taken += found
        more = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.Response(status=status, headers={"Location": "/elsewhere"} | more)


@pytest.fixture
async def shop(clock: ManualClock) -> AsyncIterator[Shop]:
    made = Shop(clock)
    app = web.Application()
    app.router.add_post("/in", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    yield made
    if made.gate is not None:
        made.gate.set()
    await runner.cleanup()


def hook(shop: Shop, **more: Any) -> EventWebhookSettings:
    given = {"name": "shop", "to": shop.url, "secret": "env:S", "streams": ("alert",)}
    return EventWebhookSettings(**(given | {"networks": ("127.0.0.0/8",)} | more))


class House:
    """Webhooks of one process over a database."""

    def __init__(self, database: Database, clock: ManualClock, one: EventWebhookSettings) -> None:
        self.database = database
        self.clock = clock
        self.settings = one
        self.started: list[Feeds] = []
        self.feeds = self.start()

    def start(self, *secrets: Secret) -> Feeds:
        """Another process."""
        outlet = outlets.event_webhook(self.settings, secrets or (NEW,), self.clock)
        made = Feeds(self.database, (self.settings,), {self.settings.name: outlet}, alone=True)
        self.feeds = made
        self.started.append(made)
        return made

    async def close(self) -> None:
        for one in self.started:
            await one.close()

    async def message(self, name: str, **more: Any) -> None:
        row = {
            "id": name,
            "stream": "alert",
            "priority": 5,
            "address_id": f"address_{name}",
            "status": Status.ACCEPTED.value,
            "secret": False,
            "only": "",
            "avoid": "",
            "created_at": self.clock.now(),
            "expires_at": self.clock.now() + DAY,
            "next_at": 0,
            "tries": 1,
            "provider": "a",
            "tags": "\norder\n",
        } | more
        async with self.database.write() as tx:
            await tx.run(insert(mail.messages).values(**row))
            who = {"id": row["address_id"], "address": f"{name}@example.net"}
            await tx.run(tx.upsert(mail.addresses).values(**who).on_conflict_do_nothing())

    async def happens(self, *facts: Fact) -> None:
        async with self.database.write() as tx:
            await record(self.database, tx, *facts)
        await Relay(self.database, "relay").place()

    async def delivered(self, *names: str, stream: str = "alert") -> None:
        """Messages that are accepted and delivered."""
        for name in names:
            await self.message(name, stream=stream)
        for name in names:
            await self.happens(told(name, "delivered", stream=stream))

    async def tell(self) -> None:
        """Until there is nothing to tell."""
        while await self.feeds.step(self.settings):
            pass

    async def state(self) -> FeedState:
        async with self.database.read() as tx:
            return (await queries.states(tx))[self.settings.name]


def told(message: str, event: str, provider: str = "a", **more: Any) -> DeliveryReported:
    given = {
        "provider": provider,
        "claim": f"{message} {event}",
        "event": event,
        "message": message,
        "stream": "alert",
        "address": f"address_{message}",
        "at_provider": None,
    } | more
    return DeliveryReported(**given)


def tried(message: str, outcome: str, **more: Any) -> AttemptFinished:
    given = {
        "message": message,
        "attempt": "att_1",
        "provider": "a",
        "stream": "alert",
        "address": f"address_{message}",
        "outcome": outcome,
        "detail": "250 ok",
        "seconds": 0.1,
    } | more
    return AttemptFinished(**given)


@pytest.fixture
async def house(database: Database, clock: ManualClock, shop: Shop) -> AsyncIterator[House]:
    made = House(database, clock, hook(shop))
    await made.delivered("before")
    await made.tell()
    yield made
    await made.close()


def of(found: list[dict[str, Any]]) -> list[str]:
    return [one["message"] for one in found]


async def test_what_becomes_of_messages_is_told_in_order_and_once(house: House, shop: Shop) -> None:
    await house.message("m1", status=Status.BOUNCED.value)
    await house.happens(
        MessageAccepted(message="m1", stream="alert", address="address_m1"),
        tried("m1", "unavailable", provider="b"),
        tried("m1", "ambiguous", provider="b"),
        tried("m1", "deferred"),
        tried("m1", "accepted"),
        told("m1", "bounced", late=3.0, weight=0.5),
        told("m1", "opened"),
        told("m1", "sent"),
        CopySplit(
            message="m1",
            copy="m2",
            stream="alert",
            address="address_c",
            left="a",
            because="suppressed_there",
        ),
        MessageGivenUp(message="m1", stream="alert", address="address_m1", why="expired"),
        MessageRequeued(message="m1", stream="alert", address="address_m1", by="uid:0"),
    )
    await house.tell()
    await house.tell()
    said = [(one["type"], one["provider"], one["reason"]) for one in shop.taken]
    assert said == [
        ("message.refused", "b", "unavailable"),
        ("message.uncertain", "b", "ambiguous"),
        ("message.deferred", "a", "deferred"),
        ("message.accepted", "a", None),
        ("message.bounced", "a", None),
        ("message.split", "a", "suppressed_there"),
        ("message.given_up", None, "expired"),
        ("message.requeued", None, None),
    ]
    assert len(shop.requests) == 1
    bounced, split = shop.taken[4], shop.taken[5]
    assert (bounced["said_by"], bounced["believed"]) == ("provider", True)
    assert (bounced["late"], bounced["weight"], bounced["tags"]) == (3.0, 0.5, ["order"])
    assert (bounced["status"], bounced["recipient"]) == ("bounced", "address_m1")
    assert (split["split_as"], split["copy"], split["recipient"]) == ("m2", True, "address_c")
    state = await house.state()
    assert (state.behind, state.told, state.waiting_since) == (0, 8, None)


async def test_other_streams_and_our_own_mailboxes_are_not_told_of(
    house: House, shop: Shop
) -> None:
    await house.delivered("bulk", stream="bulk")
    await house.message("canary", ours=True)
    await house.happens(told("canary", "delivered"), told("gone", "delivered"), told("m", "sent"))
    await house.happens(msgspec.structs.replace(told("x", "bounced"), message=None, stream=None))
    await house.delivered("m1")
    await house.tell()
    assert of(shop.taken) == ["m1"]


async def test_an_address_is_told_only_where_it_is_asked_for(house: House, shop: Shop) -> None:
    await house.delivered("m1")
    await house.tell()
    assert "address" not in shop.taken[0]
    assert "@" not in json.dumps(shop.requests)
    house.settings = msgspec.structs.replace(house.settings, addresses=True)
    await house.delivered("m2", "m3")
    async with house.database.write() as tx:  # whoever is erased is named no more
        await tx.run(delete(mail.addresses).where(mail.addresses.c.id == "address_m3"))
    await house.tell()
    assert [one["address"] for one in shop.taken[1:]] == ["m2@example.net", None]


async def test_a_word_that_does_not_count_is_told_as_such(house: House, shop: Shop) -> None:
    await house.message("m1", provider="b")
    await house.message("m2")
    await house.happens(told("m1", "bounced"), told("m2", "bounced"))
    await house.tell()
    assert [one["believed"] for one in shop.taken] == [False, True]
    async with house.database.write() as tx:
        await cut_off(house.database, tx, "a", by="x", reason="y", since=tx.now)
    await house.happens(told("m2", "complained"), tried("m2", "accepted"))
    await house.tell()
    assert [one["believed"] for one in shop.taken[2:]] == [False, True]


async def test_many_go_in_one_request(house: House, shop: Shop) -> None:
    house.settings = msgspec.structs.replace(house.settings, batch=10)
    house.start()
    names = [f"m{number:02}" for number in range(45)]
    await house.delivered(*names)
    await house.tell()
    assert of(shop.taken) == names
    assert [len(one["data"]) for one in shop.requests] == [10, 10, 10, 10, 5]
    assert len(set(shop.names)) == 5
    assert all("." not in one for one in shop.names)


@pytest.mark.parametrize("status", [500, 302, 401, 410, 400, 422])
async def test_whoever_takes_nothing_loses_nothing(house: House, shop: Shop, status: int) -> None:
    shop.status = lambda _: status
    await house.delivered("m1", "m2", "m3")
    since = house.clock.now()
    for _ in range(3 * REFUSED_TRIES):
        await house.tell()
        house.clock.advance(3600)
    state = await house.state()
    assert str(status) in str(state.error)
    assert (state.refused, state.told, state.waiting_since) == (0, 0, since)
    shop.status = lambda _: 200
    await house.tell()
    assert of(shop.taken) == ["m1", "m2", "m3"]
    state = await house.state()
    assert (state.error, state.waiting_since, state.failing_since) == (None, None, None)


async def test_an_event_that_is_not_taken_stops_no_other(house: House, shop: Shop) -> None:
    shop.status = lambda found: 422 if "m3" in of(found) else 204
    names = [f"m{number}" for number in range(7)]
    await house.delivered(*names)
    for _ in range(REFUSED_TRIES):
        assert (await house.state()).refused == 0
        await house.tell()
        house.clock.advance(3600)
    await house.tell()
    assert (await house.state()).refused == 1
    assert sorted(set(of(shop.taken))) == sorted(set(names) - {"m3"})
    shop.status = lambda _: 204
    async with house.database.write() as tx:
        await placing.replay(tx, "shop", tx.now - DAY, by="me")
    await house.tell()
    assert "m3" in of(shop.taken)


async def test_the_last_event_waits_for_another_before_it_is_left_out(
    house: House, shop: Shop
) -> None:
    shop.status = lambda found: 422 if "m1" in of(found) else 204
    await house.delivered("m1")
    for _ in range(2 * REFUSED_TRIES):
        await house.tell()
        house.clock.advance(3600)
    assert (await house.state()).refused == 0
    await house.delivered("m2")
    await house.tell()
    assert (await house.state()).refused == 1


class Killed(BaseException):
    """The process is gone."""


async def test_a_kill_between_telling_and_writing_down_has_it_told_again(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object, **__: object) -> bool:
        raise Killed

    await house.delivered("m1", "m2")
    with monkeypatch.context() as during:
        during.setattr(house.feeds, "_finish", killed)
        with pytest.raises(Killed):
            await house.feeds.step(house.settings)
    await house.feeds.close()
    house.start()
    await house.tell()
    assert len(shop.requests) == 1  # its lease holds still
    await house.feeds.release()
    await house.tell()
    assert [of(one["data"]) for one in shop.requests] == [["m1", "m2"]] * 2
    assert len(set(shop.names)) == 1
    assert shop.requests[0] == shop.requests[1]


async def test_two_processes_tell_each_event_once(house: House, shop: Shop) -> None:
    house.settings = msgspec.structs.replace(house.settings, batch=1)
    one, other = house.start(), house.start()
    names = [f"m{number:02}" for number in range(50)]
    await house.delivered(*names)

    async def tell(feeds: Feeds) -> None:
        while (await house.state()).behind:
            await feeds.step(house.settings)

    await asyncio.gather(tell(one), tell(other))
    assert of(shop.taken) == names


async def test_both_secrets_sign_while_one_is_replaced(house: House, shop: Shop) -> None:
    house.start(NEW, OLD)
    for secret in (OLD, NEW):
        shop.secret = secret
        await house.delivered(f"m {secret.reveal()[-4:]}")
        await house.tell()
    assert len(shop.taken) == 2
    house.start(NEW)
    shop.secret = OLD
    await house.delivered("m3")
    await house.tell()
    assert len(shop.taken) == 2  # the page's code has raised: 500
    assert "500" in str((await house.state()).error)


async def test_retry_after_is_minded_up_to_a_bound(house: House, shop: Shop) -> None:
    shop.status, shop.retry_after = lambda _: 503, "600"
    await house.delivered("m1")
    await house.tell()
    house.clock.advance(500)
    await house.tell()
    assert len(shop.requests) == 1
    house.clock.advance(101)
    shop.retry_after = "99999999"
    await house.tell()
    assert len(shop.requests) == 2
    house.clock.advance(901)
    await house.tell()
    assert len(shop.requests) == 3


async def test_one_that_hangs_holds_up_no_other(
    database: Database, clock: ManualClock, shop: Shop
) -> None:
    slow = web.Application()
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    slow.router.add_post("/in", hang)
    runner = web.AppRunner(slow, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    both = (hook(shop, name="hangs", to=url), hook(shop))
    made = {one.name: outlets.event_webhook(one, (NEW,), clock) for one in both}
    feeds = Feeds(database, both, made, alone=True)
    house = House(database, clock, both[1])
    task = asyncio.create_task(feeds.run(keeper()))
    async with asyncio.timeout(20):
        while True:
            async with database.read() as tx:
                if len(await queries.states(tx)) == 2:
                    break
            await asyncio.sleep(0.05)
        for name in ("m1", "m2"):
            await house.delivered(name)
            await until(lambda name=name: name in of(shop.taken))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    never.set()
    await runner.cleanup()
    await house.close()


async def test_a_feed_that_fails_is_counted_and_ends_no_other(
    database: Database, clock: ManualClock, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (hook(shop, name="broken"), hook(shop))
    made = {one.name: outlets.event_webhook(one, (NEW,), clock) for one in both}
    feeds, pulse = Feeds(database, both, made, alone=True), Pulse()
    step = feeds.step

    async def stumble(one: services.Settings) -> bool:
        if one.name == "broken":
            raise KeyError
        return await step(one)

    monkeypatch.setattr(feeds, "step", stumble)
    seen = [feeds.run(keeper(pulse))]
    await supervised.until(seen, lambda: bool(pulse.failures) and bool(pulse.well))
    assert (set(pulse.failures), pulse.well.keys()) == ({(NAME, "fault")}, {NAME})


async def until(so: Callable[[], bool]) -> None:
    while True:
        if so():
            return
        await asyncio.sleep(0.02)


async def test_what_happened_since_an_instant_is_told_again(house: House, shop: Shop) -> None:
    await house.delivered("m1")
    house.clock.advance(7200)
    await house.delivered("m2", "m3")
    await house.tell()
    async with house.database.write() as tx:
        await placing.replay(tx, "shop", tx.now - 3600 * SECOND, by="me")
    await house.tell()
    assert of(shop.taken) == ["m1", "m2", "m3", "m2", "m3"]
    assert shop.taken[1]["id"] == shop.taken[3]["id"]
    async with house.database.read() as tx:
        assert [one.act for one in await entries(tx)] == ["replay_events"]


async def test_what_waits_is_passed_over_when_somebody_says_so(house: House, shop: Shop) -> None:
    shop.status = lambda _: 500
    await house.delivered("m1")
    await house.tell()
    async with house.database.write() as tx:
        await placing.skip(tx, "shop", by="me")
        with pytest.raises(NotFound):
            await placing.skip(tx, "nobody", by="me")
    shop.status = lambda _: 200
    await house.delivered("m2")
    await house.tell()
    assert of(shop.taken) == ["m2"]


async def test_a_replay_never_skips_what_waits(house: House, shop: Shop) -> None:
    shop.status = lambda _: 500
    await house.delivered("m1")
    await house.tell()
    house.clock.advance(DAY / SECOND)
    async with house.database.write() as tx:
        await placing.replay(tx, "shop", tx.now, by="me")
    shop.status = lambda _: 200
    await house.tell()
    assert of(shop.taken) == ["m1"]


async def test_a_replay_asked_for_in_the_middle_of_a_turn_counts(house: House, shop: Shop) -> None:
    await house.delivered("m1")
    await house.tell()
    shop.gate = asyncio.Event()
    await house.delivered("m2")
    turn = asyncio.create_task(house.feeds.step(house.settings))
    async with asyncio.timeout(20):
        await until(lambda: len(shop.requests) == 2)
    async with house.database.write() as tx:
        await placing.replay(tx, "shop", tx.now - 3600 * SECOND, by="me")
    shop.gate.set()
    await turn
    await house.tell()
    assert of(shop.taken) == ["m1", "m2", "before", "m1", "m2"]


async def test_what_the_log_forgot_is_told_as_missed_once(house: House, shop: Shop) -> None:
    shop.status = lambda _: 500
    await house.delivered("m1")
    since = house.clock.now()
    await house.tell()
    house.clock.advance(40 * DAY / SECOND)
    await _forget(house.database)
    await house.tell()
    assert (await house.state()).missed_since is None  # nothing to tell it with
    await house.delivered("m2")
    await house.tell()
    state = await house.state()
    assert (state.missed_since, state.told) == (since, 0)
    shop.status = lambda _: 200
    house.clock.advance(3600)
    await house.delivered("m3")
    await house.tell()
    first = shop.requests[-1]
    assert first["missed"] == {
        "since": "2023-11-14T22:13:20.000Z",
        "until": "2023-12-24T22:13:20.000Z",
    }
    assert of(first["data"]) == ["m2", "m3"]
    await house.delivered("m4")
    await house.tell()
    assert shop.requests[-1]["missed"] is None
    assert (await house.state()).missed_since is None


async def _forget(database: Database) -> None:
    async with database.write() as tx:
        await tx.run(delete(events.events))


async def test_what_is_not_for_it_is_passed_over_once(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(happened, "SPAN", 5)
    monkeypatch.setattr(happened, "SPANS", 2)
    monkeypatch.setattr(services, "STRIDE", 500)
    await house.message("b", stream="bulk")
    await house.happens(*(told("b", "delivered", stream="bulk") for _ in range(200)))
    await house.delivered("m1")
    await house.tell()
    assert of(shop.taken) == ["m1"]
    await house.happens(*(told("b", "delivered", stream="bulk") for _ in range(20)))
    read: list[int] = []
    after = happened.after

    async def counted(tx: Any, place: int, *more: Any) -> Any:
        read.append(place)
        return await after(tx, place, *more)

    monkeypatch.setattr(happened, "after", counted)
    for _ in range(3):
        await house.tell()
    assert len(read) == 1  # one look, and its place is remembered in this process
    assert (await house.state()).behind == 20  # and not written down for nothing


async def test_a_private_address_is_not_reached_unless_it_is_named(
    house: House, shop: Shop
) -> None:
    port = shop.url.rpartition(":")[2]
    house.settings = hook(shop, to=f"https://localhost:{port}", networks=())
    house.start()
    await house.delivered("m1")
    await house.tell()
    assert shop.requests == []
    assert "not public" in str((await house.state()).error)


async def test_the_way_is_tried_without_events(house: House, shop: Shop) -> None:
    outlet = outlets.event_webhook(house.settings, (NEW,), house.clock)
    assert await outlet.try_it() == ""
    assert (shop.requests[0]["type"], shop.requests[0]["data"]) == ("test", [])
    shop.status = lambda _: 302
    assert "points elsewhere" in await outlet.try_it()
    await outlet.close()


async def test_a_turn_ends_after_a_while_and_the_next_goes_on(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlets, "ENOUGH_SECONDS", 0.0)
    house.settings = msgspec.structs.replace(house.settings, batch=1)
    house.start()
    await house.delivered("m1", "m2", "m3")
    assert await house.feeds.step(house.settings)
    state = await house.state()
    assert (of(shop.taken), state.told, state.error) == (["m1"], 1, None)
    assert state.waiting_since is not None
    await house.tell()
    assert of(shop.taken) == ["m1", "m2", "m3"]


async def test_a_status_is_that_of_now(house: House, shop: Shop) -> None:
    await house.message("m1")
    await house.happens(told("m1", "deferred"))
    async with house.database.write() as tx:
        await tx.run(update(mail.messages).values(status=Status.DELIVERED.value))
    await house.tell()
    assert shop.taken[0]["status"] == "delivered"
    assert shop.taken[0]["type"] == f"message.{EventKind.DEFERRED}"
