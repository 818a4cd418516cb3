"""What receivers may ask for, what a stranger may not, and events that are fetched."""

import asyncio

import pytest

from mailkeep.accounts import tables as accounts
from mailkeep.base.clock import HOUR, SECOND
from mailkeep.base.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from mailkeep.recovery.events import RecoveryRequested
from mailkeep.signals import queries, receivers, restoring, retention
from mailkeep.signals.streams import DeliveryIn, StreamIn
from mailkeep.signals.types import PUSH, SUPPORTED, Kind, SignalSettings, State, Status

from .conftest import ACCOUNT, ISSUER, OTHER, House, Inbox, changed, ended, frozen


async def test_a_receiver_fetches_and_acknowledges(house: House) -> None:
    shop, stream = await house.polled()
    await house.happens(changed(), ended())
    one = await house.poll(shop, stream, most=1)
    assert [list(claims["events"]) for claims in one.values()] == [[Kind.CREDENTIAL_CHANGE]]
    # Until it is acknowledged it is handed out again, the same.
    both = await house.poll(shop, stream)
    assert {jti: both[jti] for jti in one} == one
    assert [one.state for one in await house.heard()] == [State.WAITING] * 2
    rest = await house.poll(shop, stream, *one)
    assert rest.keys() == both.keys() - one.keys()
    assert await house.poll(shop, stream, *rest, most=0) == {}
    found = await house.heard()
    assert [one.state for one in found] == [State.ACKNOWLEDGED] * 2
    assert all(one.ended_at == house.clock.now() for one in found)


async def test_what_a_receiver_will_not_take_is_kept_as_its_word(house: House) -> None:
    shop, stream = await house.polled()
    await house.happens(ended())
    (jti,) = await house.poll(shop, stream)
    assert await house.poll(shop, stream, errors={jti: "invalid_key\nX: y"}) == {}
    (found,) = await house.heard()
    assert (found.state, found.error) == (State.REFUSED, "no reason given")


async def test_nothing_counts_as_acknowledged_that_was_never_handed_out(house: House) -> None:
    shop, stream = await house.polled()
    other, others = await house.polled("bank")
    await house.happens(ended())
    mine = await house.poll(shop, stream)
    # Another's jti, one of its own that it cannot know yet, and one that never was.
    async with house.database.read() as tx:
        rows = await tx.all(queries._e.select().where(queries._e.c.receiver_id == other.id))
    await house.poll(shop, stream, rows[0]["id"], "set_none", most=0)
    await house.poll(other, others, *mine, *(row["id"] for row in rows), most=0)
    assert {one.state for one in await house.heard()} == {State.WAITING}


@pytest.mark.check("ASVS 9.2.3", "ASVS 9.2.4")
async def test_two_receivers_know_a_person_under_names_that_tell_nothing(house: House) -> None:
    (shop, a), (bank, b) = await house.polled("shop"), await house.polled("bank")
    await house.happens(changed(), ended(), frozen(house.clock), ended(OTHER))
    one = list((await house.poll(shop, a)).values())
    two = list((await house.poll(bank, b)).values())
    assert [list(claims["events"]) for claims in one] == [list(claims["events"]) for claims in two]

    def names(found: list[dict[str, object]]) -> set[object]:
        said: set[object] = set()
        for claims in found:
            said |= {claims["jti"], claims["txn"], claims["aud"], claims["sub_id"]["sub"]}
        return said

    assert not names(one) & names(two)
    assert len({claims["sub_id"]["sub"] for claims in one}) == 2
    assert ACCOUNT not in str(one + two)


async def test_who_hears_of_an_applications_users_hears_of_no_others(house: House) -> None:
    """Not the receiver of another application, and none that hears of accounts of ours."""
    async with house.database.write() as tx:
        for account, application in ((ACCOUNT, "app_one"), (OTHER, "app_two")):
            row = {"id": account, "class": "customer", "created_at": tx.now}
            row |= {"application": application, "subject": "user-7"}
            await tx.run(accounts.accounts.insert().values(row))
    (one, a), (two, b) = [
        await house.polled(name, application=f"app_{name}") for name in ("one", "two")
    ]
    ours, c = await house.polled("ours")
    await house.happens(ended(ACCOUNT), ended("acc_" + "9" * 26))
    (told,) = (await house.poll(one, a)).values()
    assert told["sub_id"]["sub"] == "user-7"
    assert await house.poll(two, b) == {}
    (told,) = (await house.poll(ours, c)).values()
    assert told["sub_id"]["sub"].startswith("sub_")
    await house.happens(ended(OTHER))
    assert len(await house.poll(two, b)) == 1
    assert len(await house.poll(one, a)) == len(await house.poll(ours, c)) == 1
    async with house.database.write() as tx:
        await tx.run(accounts.accounts.delete())
    async with house.database.read() as tx:
        assert await receivers.subject(tx, house.keys, ours, ACCOUNT) is None


async def test_an_application_whose_users_are_kept_here_hears_of_those_who_came_to_it(
    house: House,
) -> None:
    """Written first: it heard of nobody; and of everybody else it is not to hear."""
    shop, a = await house.polled("shop", application="app_shop")
    other, b = await house.polled("other", application="app_other")
    await house.happens(ended(ACCOUNT), ended(OTHER))
    assert await house.poll(shop, a) == {}
    async with house.database.write() as tx:
        for account, token in ((ACCOUNT, "t"), (OTHER, None)):
            row = {"id": f"grt_{account}", "application": "app_shop", "account_id": account}
            row |= {"session_id": "ses_1", "redirect_uri": "", "nonce": "", "challenge": ""}
            row |= {"mail": False, "code": account, "token": token, "made_at": tx.now}
            await tx.run(accounts.sign_in_grants.insert().values(row))
    await house.happens(ended(ACCOUNT), ended(OTHER))
    (told,) = (await house.poll(shop, a)).values()
    assert told["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": ACCOUNT}
    assert await house.poll(other, b) == {}


async def test_the_life_of_a_stream(house: House, inbox: Inbox) -> None:
    shop = await house.receiver("shop", inbox.url)
    streams = house.signals.streams
    assert await streams.read(shop, None) == []
    made = await streams.create(shop, StreamIn(events_requested=[Kind.DISABLED, "urn:unknown"]))
    name = made["stream_id"]
    assert made["iss"] == ISSUER
    assert made["aud"] == "https://shop.example"
    assert made["events_delivered"] == [Kind.DISABLED]
    assert made["events_requested"] == [Kind.DISABLED, "urn:unknown"]
    assert made["delivery"]["endpoint_url"] == f"{ISSUER}/ssf/poll/{name}"
    with pytest.raises(Conflict):
        await streams.create(shop, StreamIn())
    assert await streams.read(shop, None) == [made] == [await streams.read(shop, name)]
    delivery = DeliveryIn(PUSH, f"{inbox.url}/events", "Bearer theirs")
    updated = await streams.update(
        shop, StreamIn(name, delivery=delivery, events_delivered=[Kind.DISABLED]), whole=False
    )
    assert updated["events_requested"] == made["events_requested"]
    assert "theirs" not in str(updated)
    replaced = await streams.update(shop, StreamIn(name, description="new"), whole=True)
    assert replaced["events_delivered"] == list(SUPPORTED)
    assert "events_requested" not in replaced
    assert replaced["description"] == "new"
    assert replaced["delivery"] == made["delivery"]
    await streams.remove(shop, name)
    with pytest.raises(NotFound):
        await streams.read(shop, name)


@pytest.mark.parametrize(
    "wanted",
    [
        StreamIn(aud="https://bank.example"),
        StreamIn(iss="https://evil.example"),
        StreamIn(events_delivered=[Kind.DISABLED]),
        StreamIn(min_verification_interval=0),
        StreamIn(events_supported=[]),
        StreamIn(events_requested=[]),
        StreamIn(events_requested=["x" * 501]),
        StreamIn(delivery=DeliveryIn("urn:ietf:rfc:1")),
        StreamIn(delivery=DeliveryIn(PUSH, "https://elsewhere.example/")),
        StreamIn(delivery=DeliveryIn(PUSH, "https://shop.example/", "a\r\nX-Other: b")),
        StreamIn(delivery=DeliveryIn(PUSH, "https://shop.example/", "")),
    ],
)
async def test_what_is_not_the_receivers_to_say(house: House, wanted: StreamIn) -> None:
    shop = await house.receiver("shop", "https://shop.example")
    made = await house.signals.streams.create(shop, StreamIn())
    wanted.stream_id = made["stream_id"]
    with pytest.raises(Invalid):
        await house.signals.streams.update(shop, wanted, whole=False)
    assert await house.signals.streams.read(shop, made["stream_id"]) == made


async def test_a_strangers_stream_is_no_stream(house: House) -> None:
    (_, stream), (bank, own) = await house.polled("shop"), await house.polled("bank")
    await house.happens(ended())
    streams = house.signals.streams
    for attempt in (
        streams.read(bank, stream),
        streams.update(bank, StreamIn(stream, description="mine"), whole=True),
        streams.remove(bank, stream),
        streams.status(bank, stream),
        streams.set_status(bank, stream, Status.DISABLED, None),
        streams.want(bank, stream, _subject("sub_1"), on=False),
        streams.verify(bank, stream, None),
        house.poll(bank, stream),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(Invalid):
        await streams.status(bank, None)
    assert len(await house.poll(bank, own)) == 1


async def test_a_token_opens_one_stream_and_is_replaced_with_an_overlap(house: House) -> None:
    async with house.database.write() as tx:
        shop, old = await receivers.add(
            tx, house.keys, "shop", "https://shop.example", (), loopback=False, by="uid:0"
        )
        new = await receivers.rotate(tx, house.keys, "shop", HOUR, by="uid:0")
    assert (await house.signals.authorise(old)).id == shop.id
    assert (await house.signals.authorise(new)).id == shop.id
    house.clock.advance(3600)
    assert (await house.signals.authorise(new)).id == shop.id
    for wrong in (old, "", "mkr_", new + "x", new[:-1]):
        with pytest.raises(NotSignedIn):
            await house.signals.authorise(wrong)
    async with house.database.write() as tx:
        with pytest.raises(Conflict):
            await receivers.add(
                tx, house.keys, "other", "https://shop.example", (), loopback=False, by="uid:0"
            )
        with pytest.raises(Invalid):
            await receivers.add(
                tx, house.keys, "near", "https://n", ["http://127.0.0.1"], loopback=False, by=""
            )
        await receivers.remove(tx, "shop", by="uid:0")
    with pytest.raises(NotSignedIn):
        await house.signals.authorise(new)


def _subject(name: str) -> dict[str, str]:
    return {"format": "iss_sub", "iss": ISSUER, "sub": name}


async def test_a_receiver_hears_nothing_of_a_subject_that_it_removed(house: House) -> None:
    shop, stream = await house.polled()
    bank, other = await house.polled("bank")
    await house.happens(ended(OTHER))
    async with house.database.write() as tx:
        await house._accounts(tx, [ACCOUNT])
        name = await receivers.subject(tx, house.keys, shop, ACCOUNT)
    assert name is not None
    await house.poll(bank, other, *await house.poll(bank, other), most=0)
    await house.poll(shop, stream, *await house.poll(shop, stream), most=0)
    streams = house.signals.streams
    await streams.want(shop, stream, _subject(name), on=False)
    await streams.want(shop, stream, _subject(name), on=False)
    await house.happens(ended())
    assert await house.poll(shop, stream) == {}
    assert len(await house.poll(bank, other)) == 1
    await streams.want(shop, stream, _subject(name), on=True)
    await house.happens(ended())
    assert len(await house.poll(shop, stream)) == 1
    # Whether there is such an account is not told.
    await streams.want(shop, stream, _subject("sub_nobody"), on=True)
    for wrong in ({"format": "email", "email": "ada@example.net"}, {}, None, _subject("")):
        with pytest.raises(Invalid):
            await streams.want(shop, stream, wrong, on=True)


async def test_paused_keeps_and_disabled_does_not(house: House) -> None:
    shop, stream = await house.polled()
    streams = house.signals.streams
    await streams.set_status(shop, stream, Status.PAUSED, "mending " + "x" * 300)
    await house.happens(ended())
    assert await house.poll(shop, stream) == {}
    await streams.set_status(shop, stream, Status.ENABLED, None)
    assert len(await house.poll(shop, stream)) == 1
    said = await streams.set_status(shop, stream, Status.DISABLED, "enough")
    assert said == {"stream_id": stream, "status": "disabled", "reason": "enough"}
    await house.happens(ended())
    await streams.set_status(shop, stream, Status.ENABLED, None)
    assert await house.poll(shop, stream) == {}
    assert [one.state for one in await house.heard()] == [State.DROPPED]


async def test_a_verification_brings_the_state_back_and_not_too_often(house: House) -> None:
    shop, stream = await house.polled(events_requested=[Kind.DISABLED])
    await house.signals.streams.verify(shop, stream, "state-1")
    with pytest.raises(TooMany):
        await house.signals.streams.verify(shop, stream, "state-2")
    house.clock.advance(60)
    await house.signals.streams.verify(shop, stream, None)
    found = list((await house.poll(shop, stream)).values())
    assert [one["events"] for one in found] == [
        {Kind.VERIFICATION: {"state": "state-1"}},
        {Kind.VERIFICATION: {}},
    ]
    assert found[0]["sub_id"] == {"format": "opaque", "id": stream}
    house.clock.advance(60)
    with pytest.raises(Invalid):
        await house.signals.streams.verify(shop, stream, "x" * 201)


async def test_a_poll_waits_for_what_happens_and_few_of_them_wait(house: House) -> None:
    house.start(SignalSettings(poll_wait=50.0))
    listening = asyncio.create_task(house.database.listen())
    shop, stream = await house.polled()
    waiting = [asyncio.create_task(house.poll(shop, stream, wait=True)) for _ in range(4)]
    async with asyncio.timeout(20):
        while house.signals.polling._waiting[shop.id] < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    with pytest.raises(TooMany):
        await house.poll(shop, stream, wait=True)
    await house.happens(ended())
    async with asyncio.timeout(25):
        for one in waiting:
            assert len(await one) == 1
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_requests_for_resets_are_told_only_so_often(house: House) -> None:
    shop, stream = await house.polled()
    for _ in range(50):
        await house.happens(
            RecoveryRequested(
                recovery="rec",
                account=ACCOUNT,
                address="address",
                network="network",
                browser="browser",
            )
        )
    assert len(await house.poll(shop, stream)) == 5
    house.clock.advance(3600)
    assert len(await house.poll(shop, stream)) == 6


async def test_what_must_be_acted_on_overtakes_what_strangers_bring_about(house: House) -> None:
    shop, stream = await house.polled()
    asked = [
        RecoveryRequested(
            recovery="rec",
            account=f"acc_{number:026}",
            address="address",
            network="network",
            browser="browser",
        )
        for number in range(20)
    ]
    await house.happens(*asked, ended(OTHER))
    first = list((await house.poll(shop, stream, most=2)).values())
    kinds = [next(iter(claims["events"])) for claims in first]
    assert sorted(kinds) == sorted([Kind.SESSION_REVOKED, Kind.RECOVERY])
    assert len(await house.poll(shop, stream)) == 21


async def test_what_an_older_copy_of_the_database_does_not_bring_back(house: House) -> None:
    await house.polled("shop")
    async with house.database.write() as tx:
        token = await receivers.rotate(tx, house.keys, "shop", 0, by="uid:0")
        before = await restoring.kept(tx)
    async with house.database.write() as tx:  # the copy: one that is removed, one older token
        await receivers.rotate(tx, house.keys, "shop", 0, by="uid:0")
        _, gone = await receivers.add(
            tx, house.keys, "gone", "https://gone.example", (), loopback=False, by="uid:0"
        )
        assert await restoring.keep(tx, before) == 1
        assert await restoring.keep(tx, None) == 0
    assert (await house.signals.authorise(token)).name == "shop"
    with pytest.raises(NotSignedIn):
        await house.signals.authorise(gone)


async def test_what_is_done_with_is_forgotten_and_what_waits_is_not(house: House) -> None:
    shop, stream = await house.polled()
    await house.happens(ended(), changed())
    first, _ = await house.poll(shop, stream)
    await house.poll(shop, stream, first, most=0)
    house.clock.advance(100)
    async with house.database.write() as tx:
        before = tx.now - 50 * SECOND
        assert await retention.forget_sets(tx, before=before, limit=10) == 1
        assert await retention.forget_sets(tx, before=before, limit=10) == 0
    assert len(await house.poll(shop, stream)) == 1
