"""Feeds over a real log: at least once, in order, whatever the other side or a kill does."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.secret import Secret
from mailkeep.events.log import Relay, record
from mailkeep.feed import outlets, queries, services
from mailkeep.feed.services import REFUSED_TRIES, Feeds
from mailkeep.feed.types import FeedSettings, FeedState, What
from mailkeep.incidents.events import IncidentOpened, IncidentTaken
from mailkeep.incidents.tables import incidents
from mailkeep.store.database import Database
from mailkeep.watch.events import CanarySent, SignalRaised
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, provider_subject

KEY = b"0123456789abcdef01234567"
SECRET = Secret("whsec_" + base64.b64encode(KEY).decode())


@dataclass
class Inbox:
    """A webhook's endpoint, which checks signatures with code of its own."""

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    status: int = 204
    refuses: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        name, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        mac = hmac.new(KEY, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        assert request.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        said = json.loads(body)
        assert said["id"] == name
        self.ids.append(name)
        if self.refuses and self.refuses in body.decode():
            return web.Response(status=400)
        if self.status < 300:
            self.taken.append(said)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    made = Inbox()
    app = web.Application()
    app.router.add_post("/in", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    yield made
    await runner.cleanup()


class House:
    """Feeds of one process over a database."""

    def __init__(self, database: Database, clock: ManualClock, one: FeedSettings) -> None:
        self.database = database
        self.clock = clock
        self.settings = one
        self.feeds = self.start()

    def start(self) -> Feeds:
        """Another process."""
        outlet = outlets.outlet(self.settings, SECRET, self.clock)
        made = Feeds(self.database, (self.settings,), {self.settings.name: outlet}, alone=True)
        self.feeds = made
        return made

    async def happens(self, *reasons: str) -> None:
        """Signals are raised, among what is not told."""
        async with self.database.write() as tx:
            for reason in reasons:
                await record(
                    self.database,
                    tx,
                    CanarySent(provider="a", message="msg_1"),
                    raised(reason, tx.now),
                )
        await Relay(self.database, "relay").place()

    async def tell(self) -> None:
        """Until there is nothing to tell."""
        while await self.feeds.step(self.settings):
            pass

    async def state(self) -> FeedState:
        async with self.database.read() as tx:
            return (await queries.states(tx))[self.settings.name]


def raised(reason: str, at: int) -> SignalRaised:
    return SignalRaised(
        signal=Signal(
            "canary_missing",
            Family.FLOW,
            provider_subject("a"),
            {Hypothesis.PROVIDER_SILENT: 4.5},
            at,
            reason,
            ("evt_1",),
            True,
            Forger.NOBODY,
            600.0,
            at + SECOND,
        )
    )


def hook(inbox: Inbox) -> FeedSettings:
    return FeedSettings("siem", inbox.url, "env:S", networks=("127.0.0.0/8",))


@pytest.fixture
async def house(database: Database, clock: ManualClock, inbox: Inbox) -> AsyncIterator[House]:
    made = House(database, clock, hook(inbox))
    await made.happens("before there was a feed")
    await made.tell()
    yield made
    await made.feeds.close()


def reasons(said: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["reason"] for one in said]


async def test_what_happens_is_told_in_order_and_once(house: House, inbox: Inbox) -> None:
    await house.happens("one", "two", "three")
    await house.tell()
    await house.tell()
    assert reasons(inbox.taken) == ["one", "two", "three"]
    state = await house.state()
    assert (state.behind, state.told, state.failing_since) == (0, 3, None)


async def test_a_restart_goes_on_where_it_was(house: House, inbox: Inbox) -> None:
    await house.happens("one")
    await house.tell()
    await house.feeds.close()
    await house.happens("two")
    house.start()
    await house.tell()
    assert reasons(inbox.taken) == ["one", "two"]


class Killed(BaseException):
    """The process is gone."""


async def test_a_kill_between_telling_and_writing_down_has_it_told_again_under_its_id(
    house: House, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object, **__: object) -> bool:
        raise Killed

    await house.happens("one")
    with monkeypatch.context() as during:
        during.setattr(house.feeds, "_finish", killed)
        with pytest.raises(Killed):
            await house.feeds.step(house.settings)
    await house.feeds.close()
    house.start()
    await house.tell()
    assert reasons(inbox.taken) == ["one"]  # its lease holds still
    await house.feeds.release()
    await house.tell()
    assert reasons(inbox.taken) == ["one", "one"]
    assert len(set(inbox.ids)) == 1


async def test_two_processes_tell_each_line_once(house: House, inbox: Inbox) -> None:
    await house.happens(*map(str, range(10)))
    one, other = house.feeds, house.start()

    async def tell(feeds: Feeds) -> None:
        while (await house.state()).behind:
            await feeds.step(house.settings)

    await asyncio.gather(tell(one), tell(other))
    await one.close()
    assert sorted(reasons(inbox.taken)) == sorted(map(str, range(10)))


@pytest.mark.parametrize("status", [500, 302, 401, 410])
async def test_whoever_fails_gets_everything_later(house: House, inbox: Inbox, status: int) -> None:
    inbox.status = status
    await house.happens("one", "two")
    for _ in range(REFUSED_TRIES + 2):
        await house.tell()
        house.clock.advance(3600)
    tried = len(inbox.ids)
    assert tried == REFUSED_TRIES + 2
    state = await house.state()
    assert str(status) in str(state.error)
    assert state.failing_since is not None
    inbox.status = 200
    await house.tell()
    assert reasons(inbox.taken) == ["one", "two"]
    assert (await house.state()).error is None


async def test_a_line_that_is_refused_is_not_the_last(house: House, inbox: Inbox) -> None:
    inbox.refuses = "poison"
    await house.happens("one", "poison", "two")
    for _ in range(REFUSED_TRIES):
        await house.tell()
        house.clock.advance(3600)
    await house.tell()
    assert reasons(inbox.taken) == ["one", "two"]
    assert len(inbox.ids) == REFUSED_TRIES + 2
    assert (await house.state()).refused == 1


async def test_it_waits_between_two_tries(house: House, inbox: Inbox) -> None:
    inbox.status = 500
    await house.happens("one")
    await house.tell()
    await house.tell()
    assert len(inbox.ids) == 1
    house.clock.advance(7)
    await house.tell()
    assert len(inbox.ids) == 2


async def test_a_name_that_leads_to_a_private_address_leads_nowhere(
    house: House, inbox: Inbox
) -> None:
    port = inbox.url.rpartition(":")[2]
    house.settings = FeedSettings("siem", f"https://localhost:{port}", "env:S")
    await house.feeds.close()
    house.start()
    await house.happens("one")
    await house.tell()
    assert inbox.ids == []
    assert "not public" in str((await house.state()).error)


async def test_an_incident_is_told_as_it_stands(house: House, inbox: Inbox) -> None:
    async with house.database.write() as tx:
        row = {"id": "inc_1", "subject_kind": "provider", "subject_id": "a", "state": "open"}
        times = dict.fromkeys(("opened_at", "since"), tx.now)
        await tx.run(incidents.insert().values(**row, **times, opinions="[]"))
        await record(
            house.database,
            tx,
            IncidentOpened(
                incident="inc_1", subject_kind="provider", subject_id="a", hypotheses=()
            ),
            IncidentTaken(incident="inc_1", by="acc_1"),
            IncidentTaken(incident="inc_gone", by="acc_1"),
        )
    await Relay(house.database, "relay").place()
    await house.tell()
    assert [(one["data"]["change"], one["data"]["id"]) for one in inbox.taken] == [
        ("opened", "inc_1"),
        ("taken", "inc_1"),
    ]
    assert (await house.state()).behind == 0


async def test_a_feed_tells_only_what_it_is_to_tell(house: House, inbox: Inbox) -> None:
    house.settings = msgspec.structs.replace(house.settings, what=(What.INCIDENT,))
    await house.happens("one")
    await house.tell()
    assert inbox.taken == []


async def test_a_place_is_written_down_though_nothing_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.settings = msgspec.structs.replace(house.settings, what=(What.INCIDENT,))
    monkeypatch.setattr(services, "STRIDE", 3)
    await house.happens("one")
    await house.tell()
    assert (await house.state()).behind == 2
    await house.happens("two")
    await house.tell()
    assert (await house.state()).behind == 0


async def test_a_file_has_whole_lines_whatever_a_kill_left(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "feed.jsonl"
    house = House(database, clock, FeedSettings("file", f"file:{path}"))
    await house.tell()
    await house.happens("one")
    await house.tell()
    path.write_bytes(path.read_bytes() + b'{"torn')
    await house.happens("two", "three")
    await house.tell()
    said = [json.loads(one) for one in path.read_text().splitlines()]
    assert reasons(said) == ["one", "two", "three"]
    assert path.stat().st_mode & 0o777 == 0o600
    path.rename(tmp_path / "feed.jsonl.1")  # turned over
    await house.happens("four")
    await house.tell()
    assert reasons([json.loads(path.read_text())]) == ["four"]


async def test_a_file_that_cannot_be_written_is_tried_again(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "later" / "feed.jsonl"
    house = House(database, clock, FeedSettings("file", f"file:{path}"))
    await house.tell()
    await house.happens("one")
    await house.tell()
    assert "No such file" in str((await house.state()).error)
    path.parent.mkdir()
    clock.advance(60)
    await house.tell()
    assert reasons([json.loads(path.read_text())]) == ["one"]


async def test_standard_output_gets_lines_and_nothing_else(
    database: Database, clock: ManualClock, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    house = House(database, clock, FeedSettings("out", "stdout"))
    await house.tell()
    await house.happens("one", "two")
    await house.tell()
    said = [json.loads(one) for one in capfdbinary.readouterr().out.splitlines()]
    assert reasons(said) == ["one", "two"]
