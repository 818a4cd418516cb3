"""From signals to incidents, on both engines: once, with reasons, in order, and not again."""

import asyncio

import pytest

from mailkeep.base.clock import HOUR, MINUTE, ManualClock
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.incidents import queries
from mailkeep.incidents.types import State
from mailkeep.mail import services as mail
from mailkeep.store.database import Database
from mailkeep.watch.types import RESETS, Forger

from .conftest import CAMPAIGN, COMPROMISED, SILENT, Stage


async def test_one_incident_however_often_it_is_said(stage: Stage, clock: ManualClock) -> None:
    for _ in range(3):
        await stage.signal({SILENT: 8.0})
        clock.advance(60)
    incident = await stage.only()
    assert (incident.subject.id, incident.state) == ("a", State.OPEN)
    assert (await stage.kinds()).count("incidents.opened") == 1
    kinds = [kind for kind, _ in await stage.lines(incident.id)]
    assert kinds[:3] == ["opened", "raised", "evidence"]
    assert kinds.count("raised") == 1


async def test_two_processes_open_one(stage: Stage, database: Database) -> None:
    await stage.signal({SILENT: 2.0})
    await stage.signal({SILENT: 8.0}, "b")
    await asyncio.gather(*(stage.incidents.tick() for _ in range(4)))
    assert [one.subject.id for one in await stage.all()] == ["b"]


async def test_what_is_suspected_of_one_provider_is_one_incident_with_its_reasons(
    stage: Stage,
) -> None:
    await stage.signal({SILENT: 8.0, COMPROMISED: 1.5}, age=300)
    await stage.signal({COMPROMISED: 8.0}, detector="honey")
    incident = await stage.only()
    held = {one.hypothesis: one for one in incident.opinions if one.open}
    assert set(held) == {SILENT, COMPROMISED}
    assert {one.detector for one in held[COMPROMISED].reasons} == {"refusal", "honey"}
    assert all(one.events for one in held[COMPROMISED].reasons)
    assert incident.since == incident.opened_at - 5 * MINUTE
    raised = [text for kind, text in await stage.lines(incident.id) if kind == "raised"]
    assert len(raised) == 2


async def test_a_campaign_alone_then_as_part_of_a_provider(stage: Stage) -> None:
    await stage.signal({CAMPAIGN: 6.0}, RESETS, detector="surge")
    assert (await stage.only()).subject == RESETS
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    provider, campaign = await stage.all()
    assert (campaign.state, campaign.closed_by) == (State.CLOSED, "joined")
    assert {one.hypothesis for one in provider.opinions if one.open} == {COMPROMISED, CAMPAIGN}


async def test_a_cut_by_hand_contains_and_a_restore_restores(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    async with database.write() as tx:
        await mail.cut_off(database, tx, "a", by="uid:7", reason="x", since=tx.now - HOUR)
    await stage.hear()
    incident = await stage.only()
    assert incident.state is State.CONTAINED
    clock.advance(40 * 3600)
    await stage.incidents.tick()
    assert (await stage.only()).state is State.CONTAINED
    async with database.write() as tx:
        await mail.restore(database, tx, "a", by="uid:7", reason="x")
    await stage.hear()
    assert (await stage.only()).state is State.RESTORED
    assert (await stage.only()).contained_at == incident.contained_at
    await stage.incidents.tick()
    clock.advance(7 * 3600)
    await stage.incidents.tick()
    assert (await stage.only()).closed_by == "quiet"


async def test_what_was_restored_opens_again_at_new_signs(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    async with database.write() as tx:
        await mail.cut_off(database, tx, "a", by="uid:7", reason="x", since=tx.now - HOUR)
    await stage.hear()
    clock.advance(60)
    async with database.write() as tx:
        await mail.restore(database, tx, "a", by="uid:7", reason="x")
    await stage.hear()
    clock.advance(60)
    await stage.incidents.tick()
    assert (await stage.only()).state is State.RESTORED  # nothing new was seen
    await stage.signal({SILENT: 9.0})
    incident = await stage.only()
    assert (incident.state, incident.contained_at) == (State.OPEN, None)
    assert "open again" in str(await stage.lines(incident.id))


async def test_it_closes_when_nothing_is_held_for_long_and_keeps_its_blast_radius(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    clock.advance(5 * 3600)
    await stage.incidents.tick()
    assert (await stage.only()).quiet_since == clock.now()
    clock.advance(7 * 3600)
    await stage.incidents.tick()
    incident = await stage.only()
    assert incident.state is State.CLOSED
    assert (await stage.kinds())[-1] == "incidents.closed"
    clock.advance(3600)
    house, settings = stage.incidents.house, stage.incidents.settings
    async with database.read() as tx:
        kept = await queries.blast_radius(tx, house, incident, settings)
    assert kept.until == incident.closed_at


async def test_what_a_person_closed_stays_closed_until_there_is_more(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    incident = await stage.only()
    async with database.write() as tx:
        await stage.incidents.close(tx, incident.id, "known", by="key_1")
    with pytest.raises(Conflict):
        async with database.write() as tx:
            await stage.incidents.close(tx, incident.id, "known", by="key_1")
    await stage.signal({SILENT: 8.0})
    assert len(await stage.all()) == 1
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    assert len(await stage.all()) == 2
    assert ("key_1", "close_incident") in await stage.audited()


async def test_notes_stand_in_the_timeline_and_in_no_event(
    stage: Stage, database: Database
) -> None:
    await stage.signal({SILENT: 8.0})
    incident = await stage.only()
    async with database.write() as tx:
        await stage.incidents.note(tx, incident.id, "  called ada@example.net ", by="key_1")
    with pytest.raises(Invalid):
        async with database.write() as tx:
            await stage.incidents.note(tx, incident.id, " ", by="key_1")
    assert (await stage.lines(incident.id))[-1] == ("note", "called ada@example.net")
    from mailkeep.events.tables import audit, events

    async with database.read() as tx:
        for table in (events, audit):
            assert not [row for row in await tx.all(table.select()) if "ada@" in row["data"]]
    assert ("key_1", "note_incident") in await stage.audited()


async def test_what_counts_nothing_or_was_staged_does_not_widen_the_window(
    stage: Stage, clock: ManualClock
) -> None:
    """Else somebody's denial of two days ago would have owners frozen who recovered since."""
    clock.advance(60 * 3600)
    weights = {COMPROMISED: 2.0, CAMPAIGN: 2.0}
    options = {"own": False, "forger": Forger.ANYONE}
    await stage.signal(weights, RESETS, detector="denial", age=41 * 3600, **options)
    await stage.signal({COMPROMISED: 0.0}, "a", detector="nothing", age=30 * 3600)
    await stage.signal({COMPROMISED: 2.0}, "a", detector="word", age=20 * 3600, **options)
    await stage.signal({COMPROMISED: 8.5}, "a", age=300)
    (incident,) = [one for one in await stage.all() if one.subject.id == "a"]
    counted = {one.detector for one in incident.opinions[0].reasons if one.nats > 0}
    assert "word" in counted
    assert incident.since == incident.opened_at - 5 * MINUTE
    # What we saw ourselves, and nobody could stage, does.
    await stage.signal({COMPROMISED: 8.5}, "a", detector="honey", age=50 * 3600)
    (after,) = [one for one in await stage.all() if one.id == incident.id]
    assert after.since == incident.opened_at - 50 * HOUR
