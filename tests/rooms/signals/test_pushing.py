"""Events pushed to a real receiver: at least once, in order, whatever it does."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from mailkeep.accounts.events import AccountThawed
from mailkeep.base.clock import HOUR, SECOND
from mailkeep.base.errors import Invalid
from mailkeep.signals import queries, tables
from mailkeep.signals.pushing import LONGEST, PAUSE_AFTER, REFUSED_TRIES
from mailkeep.signals.reachable import Outbound
from mailkeep.signals.streams import DeliveryIn, StreamIn
from mailkeep.signals.types import PUSH, Kind, SignalSettings, State, Status

from .conftest import ACCOUNT, ISSUER, OTHER, House, Inbox, changed, ended, frozen

Inboxes = Callable[[], Awaitable[Inbox]]


class Killed(BaseException):
    """The process is gone."""


def answers(status: int, **more: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        if "json" in more:
            return web.json_response(more["json"], status=status)
        return web.Response(status=status, **more)

    return answer


@pytest.mark.check("ASVS 9.2.2", "ASVS 9.2.3")
async def test_a_receiver_can_verify_what_happened_and_acknowledges_it(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox, authorization="Bearer theirs")
    await house.happens(changed(), ended())
    await house.push()
    change, revoked = inbox.claims(house.signing, "https://shop.example")
    (event,) = revoked["events"].items()
    assert event[0] == "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    assert event[1]["initiating_entity"] == "user"
    assert event[1]["reason_admin"]["en"]
    assert event[1]["event_timestamp"] == revoked["toe"] == house.clock.now() // SECOND
    assert revoked["sub_id"]["format"] == "iss_sub"
    assert revoked["sub_id"]["iss"] == ISSUER
    assert ACCOUNT not in str(inbox.claims(house.signing, "https://shop.example"))
    # Both happened in one transaction.
    assert change["txn"] == revoked["txn"]
    assert change["jti"] != revoked["jti"]
    assert inbox.headers[0]["Authorization"] == "Bearer theirs"
    assert inbox.headers[0]["Content-Type"] == "application/secevent+jwt"
    assert [one.state for one in await house.heard()] == [State.ACKNOWLEDGED] * 2


async def test_a_kill_between_sending_and_writing_down_tells_it_again_under_the_same_jti(
    house: House, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.pushed(inbox)
    await house.happens(ended())

    async def killed(*_: object) -> bool:
        raise Killed

    monkeypatch.setattr(house.signals.pushing, "_finish", killed)
    await house.signals.pushing.step()
    with pytest.raises(Killed):
        await house.signals.pushing.drain()
    assert len(inbox.tokens) == 1
    assert [one.state for one in await house.heard()] == [State.WAITING]
    # Another process, after the lease of the dead one.
    house.start()
    await house.push()
    assert len(inbox.tokens) == 1
    house.clock.advance(30)
    await house.push()
    first, second = inbox.claims(house.signing, "https://shop.example")
    assert first == second
    assert [one.state for one in await house.heard()] == [State.ACKNOWLEDGED]


async def test_a_new_process_need_not_wait_for_the_lease_where_it_is_alone(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox)
    await house.happens(ended())
    async with house.database.write() as tx:
        await tx.run(tables.streams.update().values(leased_until=tx.now + HOUR))
    await house.push()
    assert inbox.tokens == []
    async with house.database.write() as tx:
        await house.signals.pushing.release(tx)
    await house.push()
    assert len(inbox.tokens) == 1


async def test_two_processes_push_each_event_once(house: House, inbox: Inbox) -> None:
    await house.pushed(inbox)
    for number in range(10):
        await house.happens(ended(f"acc_{number:026}"))
    one, other = house.signals.pushing, house.start().pushing
    await asyncio.gather(one.step(), other.step())
    await asyncio.gather(one.drain(), other.drain())
    assert len(inbox.tokens) == 10


async def test_a_receiver_that_is_away_gets_everything_in_order_when_it_is_back(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox)
    inbox.answer = answers(503)
    waits = []
    await house.happens(changed(), ended(), frozen(house.clock, hours=100))
    tried = 0
    for _ in range(40):  # ten hours
        await house.push()
        if len(inbox.tokens) > tried:
            waits.append(house.clock.now())
            tried = len(inbox.tokens)
        house.clock.advance(15 * 60)
    assert 20 < len(waits) < 41
    gaps = [after - before for before, after in pairwise(waits)]
    assert max(gaps) <= 2 * LONGEST
    assert {one["jti"] for one in inbox.claims(house.signing, "https://shop.example")} == {
        inbox.claims(house.signing, "https://shop.example")[0]["jti"]
    }
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.failing_since is not None
    assert view.error == "status 503, not 202"
    inbox.answer, inbox.tokens = None, []
    house.clock.advance(20 * 60)
    await house.push()
    kinds = [
        next(iter(one["events"])) for one in inbox.claims(house.signing, "https://shop.example")
    ]
    assert kinds == [Kind.CREDENTIAL_CHANGE, Kind.SESSION_REVOKED, Kind.DISABLED]
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.failing_since is None


async def test_what_waited_for_too_long_disables_the_stream_loudly(
    house: House, inbox: Inbox
) -> None:
    receiver = await house.pushed(inbox)
    inbox.answer = answers(503)
    await house.happens(ended())
    house.clock.advance(8 * 86_400)
    assert await house.signals.sweep() == 1
    status = await house.signals.streams.status(receiver, await the_stream(house))
    assert status["status"] == "disabled"
    assert "too long" in status["reason"]
    assert [one.state for one in await house.heard()] == [State.DROPPED]
    # It is told as soon as it can be, and of nothing else.
    await house.happens(ended(OTHER))
    inbox.answer, inbox.tokens = None, []
    await house.push()
    (told,) = inbox.claims(house.signing, "https://shop.example")
    assert told["events"] == {
        Kind.STREAM_UPDATED: {"status": "disabled", "reason": status["reason"]}
    }
    assert told["sub_id"] == {"format": "opaque", "id": status["stream_id"]}
    # Enabled anew, it hears what happens from then on.
    await house.signals.streams.set_status(receiver, status["stream_id"], Status.ENABLED, None)
    await house.happens(ended())
    await house.push()
    assert len(inbox.tokens) == 2


async def the_stream(house: House) -> str:
    async with house.database.read() as tx:
        return str(await tx.value(select(tables.streams.c.id)))


async def test_a_full_queue_disables_the_stream_and_strangers_cannot_fill_it(
    house: House, inbox: Inbox
) -> None:
    from mailkeep.recovery.events import RecoveryRequested

    house.start(SignalSettings(queue=100))
    await house.pushed(inbox)
    inbox.answer = answers(503)
    asked = [
        RecoveryRequested(
            recovery="rec",
            account=f"acc_{number:026}",
            address="address",
            network="network",
            browser="browser",
        )
        for number in range(60)
    ]
    await house.happens(*asked)
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.waiting == 50
    assert view.stream is not None
    assert view.stream.status is Status.ENABLED
    await house.happens(*(ended(f"acc_{number:026}") for number in range(51)))
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.stream is not None
    assert view.stream.status is Status.DISABLED
    assert view.dropped == 100
    assert view.waiting == 1  # that it was disabled


async def test_an_event_that_is_refused_is_set_aside_and_the_next_one_goes(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox)
    await house.happens(changed(), ended())
    inbox.answer = answers(400, json={"err": "invalid_key", "description": "no such key <script>"})
    for _ in range(REFUSED_TRIES):
        await house.push()
        house.clock.advance(60)
    inbox.answer = None
    await house.push()
    first, second = await house.heard()
    assert (first.state, first.error) == (State.REFUSED, "invalid_key")
    assert second.state is State.ACKNOWLEDGED


async def test_a_receiver_that_refuses_everything_is_paused_and_loses_nothing_more(
    house: House, inbox: Inbox
) -> None:
    receiver = await house.pushed(inbox)
    inbox.answer = answers(400, json={"err": "invalid_audience"})
    for number in range(PAUSE_AFTER + 5):
        await house.happens(ended(f"acc_{number:026}"))
    for _ in range(PAUSE_AFTER * REFUSED_TRIES + 5):
        await house.push()
        house.clock.advance(60)
    status = await house.signals.streams.status(receiver, await the_stream(house))
    assert status["status"] == "paused"
    assert "invalid_audience" in status["reason"]
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.refused - PAUSE_AFTER in {0, 1}  # that it was paused it refuses as well
    assert view.waiting in {5, 6}
    inbox.answer, inbox.tokens = None, []
    await house.signals.streams.set_status(receiver, status["stream_id"], Status.ENABLED, None)
    await house.push()
    assert len(inbox.tokens) >= 5


@pytest.mark.parametrize("status", [200, 201, 204, 301, 401, 403, 404, 500])
async def test_only_202_acknowledges(house: House, inbox: Inbox, status: int) -> None:
    """RFC 8935 section 2.2. A page that greets everybody with 200 has understood nothing."""
    await house.pushed(inbox)
    inbox.answer = answers(status)
    await house.happens(ended())
    await house.push()
    assert [one.state for one in await house.heard()] == [State.WAITING]


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/meta-data", "{here}/elsewhere", "/elsewhere"]
)
async def test_a_redirect_leads_nowhere(house: House, inbox: Inbox, place: str) -> None:
    await house.pushed(inbox)
    inbox.answer = answers(307, headers={"Location": place.format(here=inbox.url)})
    await house.happens(ended())
    await house.push()
    assert inbox.elsewhere == 0
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert view.error == "status 307: it points elsewhere, where nothing goes"


async def test_a_slow_and_a_greedy_receiver_hold_back_no_other(
    house: House, inboxes: Inboxes
) -> None:
    house.start(SignalSettings(timeout=6.0))
    slow, greedy, fine = await inboxes(), await inboxes(), await inboxes()
    for name, one in (("slow", slow), ("greedy", greedy), ("fine", fine)):
        await house.pushed(one, name)

    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response(status=202)

    async def pour(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(status=400)
        await reply.prepare(request)
        for _ in range(1000):
            await reply.write(b"x" * 65_536)
        return reply

    slow.answer, greedy.answer = hang, pour
    await house.happens(ended())
    await house.signals.pushing.step()
    await asyncio.wait_for(fine.arrived.wait(), 5)
    await house.signals.pushing.drain()
    states = {one.receiver: one.state for one in await house.heard()}
    assert states == {"slow": State.WAITING, "greedy": State.WAITING, "fine": State.ACKNOWLEDGED}
    async with house.database.read() as tx:
        errors = {one.receiver.name: one.error for one in await queries.overview(tx)}
    assert errors["slow"] == "no answer in time"
    assert errors["greedy"] == "refused: no reason given"


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/events",
        "https://elsewhere.example/events",
        "https://shop.example:8443/events",
        "https://shop.example@evil.example/events",
        "https://shop.example.evil.example/",
        "https://127.0.0.1/events",
        "https://2130706433/",
        "https://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/latest",
        "https://shop.example\\@evil.example/",
        "https://shop.example/#fragment",
        "file:///etc/passwd",
        "https:///events",
        "https://shop.example/" + "a" * 2000,
        "",
    ],
)
async def test_events_are_pushed_only_where_the_operator_said(house: House, url: str) -> None:
    receiver = await house.receiver("shop", "https://shop.example")
    with pytest.raises(Invalid) as caught:
        await house.signals.streams.create(receiver, StreamIn(delivery=DeliveryIn(PUSH, url)))
    assert caught.value.field == "delivery.endpoint_url"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"]
)
async def test_a_name_that_leads_to_our_own_machine_leads_nowhere(inbox: Inbox, host: str) -> None:
    """The address is looked at when the socket is made: whatever the name said before."""
    outbound = Outbound(2.0, loopback=False)
    port = inbox.url.rpartition(":")[2]
    answer = await outbound.post(f"http://{host}:{port}/events", b"x", {})
    await outbound.close()
    assert answer.status == 0
    assert answer.failure
    assert inbox.tokens == []


async def test_an_origin_that_was_taken_back_gets_nothing(house: House, inbox: Inbox) -> None:
    await house.pushed(inbox)
    await house.happens(ended())
    async with house.database.write() as tx:
        await tx.run(tables.receivers.update().values(origins="https://shop.example"))
    await house.push()
    assert inbox.tokens == []
    async with house.database.read() as tx:
        (view,) = await queries.overview(tx)
    assert "operator" in str(view.error)


async def test_a_freeze_ends_when_it_ends_and_a_longer_one_takes_its_place(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox)
    await house.happens(frozen(house.clock, "denied", hours=1))
    await house.push()
    house.clock.advance(1800)
    await house.happens(frozen(house.clock, "incident", hours=24))
    await house.push()
    house.clock.advance(3600)
    await house.push()
    kinds = [
        next(iter(one["events"])) for one in inbox.claims(house.signing, "https://shop.example")
    ]
    assert kinds == [Kind.DISABLED, Kind.DISABLED]
    house.clock.advance(23 * 3600)
    await house.push()
    last = inbox.claims(house.signing, "https://shop.example")[-1]
    assert list(last["events"]) == [Kind.ENABLED]
    assert last["iat"] <= house.clock.now() // SECOND
    until = inbox.claims(house.signing, "https://shop.example")[1]["events"][Kind.DISABLED]
    assert until == {"until": last["toe"], "reason": "hijacking"}


async def test_a_freeze_that_is_over_early_is_told_once(house: House, inbox: Inbox) -> None:
    await house.pushed(inbox)
    await house.happens(frozen(house.clock, "denied", hours=1))
    await house.push()
    house.clock.advance(600)
    await house.happens(AccountThawed(account=ACCOUNT, why="denied"))
    for _ in range(3):
        await house.push()
        house.clock.advance(3600)
    told = inbox.claims(house.signing, "https://shop.example")
    assert [next(iter(one["events"])) for one in told] == [Kind.DISABLED, Kind.ENABLED]


async def test_a_flood_about_one_account_does_not_flood_receivers_and_the_last_one_arrives(
    house: House, inbox: Inbox
) -> None:
    await house.pushed(inbox)
    for _ in range(20):
        await house.happens(ended(why="denied"), frozen(house.clock, "denied", hours=2))
        await house.push()
        house.clock.advance(100)
    kinds = [
        next(iter(one["events"])) for one in inbox.claims(house.signing, "https://shop.example")
    ]
    assert kinds.count(Kind.SESSION_REVOKED) == 5
    assert kinds.count(Kind.DISABLED) == 5
    # Another account is not held back by it.
    await house.happens(ended(OTHER))
    await house.push()
    assert len(inbox.tokens) == 11
    last = house.clock.now() - 100 * SECOND
    for _ in range(6):
        house.clock.advance(15 * 60)
        await house.push()
    told = inbox.claims(house.signing, "https://shop.example")[11:]
    assert [next(iter(one["events"])) for one in told] == [Kind.SESSION_REVOKED, Kind.DISABLED]
    assert told[0]["toe"] == last // SECOND
    async with house.database.read() as tx:
        assert await queries.count_waiting(tx, (await queries.streams(tx))[0].receiver.id) == 1
