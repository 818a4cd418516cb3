"""Other services are told of accounts that may be somebody else's, and who has acknowledged."""

from pathlib import Path

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.events.subscribe import Subscriber
from mailkeep.response import queries
from mailkeep.response.types import ActionState
from mailkeep.signals import mapping, receivers
from mailkeep.signals import queries as signal_queries
from mailkeep.signals.services import Signals
from mailkeep.signals.streams import StreamIn
from mailkeep.signals.types import Kind, Receiver, SignalSettings, State
from mailkeep.store.database import Database

from .conftest import COMPROMISED, Stage
from .test_actions import BY, _complete, _through


async def tells(stage: Stage, home: KeyRing, signing: SigningKeys) -> Signals:
    settings = SignalSettings(poll_wait=0.0)
    room = Signals(stage.database, home, signing, "https://us.example", settings, loopback=False)
    object.__setattr__(stage.response.means, "signals", room)
    return room


async def receiver(stage: Stage, room: Signals, name: str) -> tuple[Receiver, str]:
    async with stage.database.write() as tx:
        made, _ = await receivers.add(
            tx, stage.keys, name, f"https://{name}.example", (), loopback=False, by=BY
        )
    return made, (await room.streams.create(made, StreamIn()))["stream_id"]


async def test_an_account_is_secured_elsewhere_only_where_it_was_acknowledged(
    database: Database, keys: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    stage = Stage(database, keys, batch=1)
    room = await tells(stage, keys, SigningKeys(tmp_path))
    shop, stream = await receiver(stage, room, "shop")
    await receiver(stage, room, "bank")
    hit = [await stage.owner(f"hit{number}@example.net") for number in range(2)]
    spared = await stage.owner("spared@example.net")
    for number in range(2):
        clock.advance(1)
        await _complete(stage, await _through(stage, f"hit{number}@example.net"))
    clock.advance(1)
    await _complete(stage, await _through(stage, "spared@example.net", "c"))
    clock.advance(1)
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    async with database.read() as tx:
        case = await queries.case(tx, stage.response.means, incident)
    assert "emit_signals" in [one.name for one in case.actions]
    done = await stage.response.apply(incident, "emit_signals", by=BY)
    assert done.preview.count == 2
    assert {"shop", "bank"} <= set(done.preview.summary.partition(":")[0].split(", "))
    while await stage.response.work():
        clock.advance(1)
    # Once more tells nobody anything twice.
    await stage.response.apply(incident, "emit_signals", by=BY)
    while await stage.response.work():
        clock.advance(1)
    polled = await room.polling.poll(shop, stream, acks=(), errors={}, most=10, wait=False)
    assert len(polled.sets) == 4
    acks = list(polled.sets)[:3]
    await room.polling.poll(shop, stream, acks=acks, errors={}, most=0, wait=False)
    async with database.read() as tx:
        case = await queries.case(tx, stage.response.means, incident)
        (action,) = [one for one in case.actions if one.name == "emit_signals"]
        heard = {one: await signal_queries.acknowledged(tx, one, 0) for one in (*hit, spared)}
    assert action.state is ActionState.APPLIED
    assert action.result is not None
    told = action.result["receivers"]
    assert isinstance(told, dict)
    assert (told["shop"]["accounts"], told["shop"]["secured"]) == (2, 1)
    assert told["shop"]["last_acknowledged_at"] is not None
    assert (told["bank"]["accounts"], told["bank"]["secured"]) == (2, 0)
    assert told["bank"]["last_acknowledged_at"] is None
    assert action.result["accounts"] == 2
    assert heard[spared] == []
    assert {one.kind for one in heard[hit[0]]} == {Kind.COMPROMISE, Kind.CHANGE_REQUIRED}
    states = {
        name: [{one.state for one in heard[account] if one.receiver == name} for account in hit]
        for name in ("shop", "bank")
    }
    assert states["shop"].count({State.ACKNOWLEDGED}) == 1
    assert states["bank"] == [{State.WAITING}] * 2


async def test_who_freezes_accounts_sees_where_else_they_are_secured(
    database: Database, keys: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    stage = Stage(database, keys)
    room = await tells(stage, keys, SigningKeys(tmp_path))
    stage._heard += [Subscriber("signals", {fact: [room.on_fact] for fact in mapping.TABLE})]
    shop, stream = await receiver(stage, room, "shop")
    await stage.owner("hit@example.net")
    clock.advance(1)
    await _complete(stage, await _through(stage, "hit@example.net"))
    clock.advance(1)
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    await stage.response.apply(incident, "secure_accounts", by=BY)
    await stage.hear()

    async def elsewhere() -> object:
        async with database.read() as tx:
            case = await queries.case(tx, stage.response.means, incident)
        (action,) = [one for one in case.actions if one.name == "secure_accounts"]
        assert action.result is not None
        assert action.result["frozen"] == 1
        found = action.result["elsewhere"]
        assert isinstance(found, dict)
        return found["shop"]["secured"]

    assert await elsewhere() == 0
    polled = await room.polling.poll(shop, stream, acks=(), errors={}, most=10, wait=False)
    assert await elsewhere() == 0  # handed out, and nothing said of it
    acks = list(polled.sets)
    await room.polling.poll(shop, stream, acks=acks, errors={}, most=0, wait=False)
    assert await elsewhere() == 1


async def test_where_nobody_has_a_stream_nobody_is_told(
    database: Database, keys: KeyRing, tmp_path: Path
) -> None:
    stage = Stage(database, keys)
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    done = await stage.response.apply(incident, "emit_signals", by=BY)
    assert done.preview.idle
    await tells(stage, keys, SigningKeys(tmp_path))
    async with database.read() as tx:
        preview = await queries.preview(tx, stage.response.means, incident, "emit_signals")
    assert preview.idle
