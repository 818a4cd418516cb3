"""Two people for what is dangerous, on both engines: asked, approved, refused, lapsed, alone."""

import asyncio

import pytest
from sqlalchemy import update

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit as audit_log
from mailkeep.incidents.types import State
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.response import approval, hands, queries, tables
from mailkeep.response.paging.types import Pager
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView, Approval, PlaybookSettings, Step
from mailkeep.store.database import Database

from .conftest import COMPROMISED, Stage

ONE, OTHER = "key_one", "key_other"
CUTS = (PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",)),)


class Bell:
    """Keeps what it rang."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, title: str, body: str) -> bool:
        self.rung.append(title)
        return True


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def stage(database: Database, keys: KeyRing, bell: Bell) -> Stage:
    pagers = (Pager("duty", "elsewhere", bell),)
    return Stage(database, keys, "abcd", pagers=pagers, two_people=None)


async def _cut(stage: Stage) -> set[str]:
    async with stage.database.read() as tx:
        return set(await mail.cut(tx))


async def _ask(stage: Stage, name: str = "cut_provider", by: str = ONE) -> Approval:
    asked = await stage.response.apply((await stage.only()).id, name, by=by)
    assert asked.waits is not None
    return asked.waits


async def _undo(stage: Stage, by: str) -> ActionView:
    incident = (await stage.only()).id
    undo = stage.response.undo
    return await stage.database.retrying(lambda tx: undo(tx, incident, "cut_provider", by=by))


async def test_one_asks_and_only_another_one_does_it(stage: Stage, bell: Bell) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await stage.response.desk.step()
    asked = await _ask(stage)
    assert (await stage.only()).state is State.OPEN
    assert await _cut(stage) == set()
    # Asked again, by whomever, it is the same request.
    assert (await _ask(stage)).id == (await _ask(stage, by=OTHER)).id == asked.id
    with pytest.raises(NotAllowed, match="a second person"):
        await stage.response.approve(asked.id, by=ONE)
    assert await _cut(stage) == set()
    await stage.response.desk.step()
    assert bell.rung[-1] == "Mailkeep: an action waits for a second person"
    done = await stage.response.approve(asked.id, by=OTHER)
    assert (done.state, done.by, done.waits) == (ActionState.APPLIED, ONE, None)
    assert await _cut(stage) == {"a"}
    for by in (ONE, OTHER):
        with pytest.raises(Conflict, match="was decided"):
            await stage.response.approve(asked.id, by=by)
    assert [one for one in await stage.audited() if one[0] != "playbook"] == [
        *((ONE, "ask_action"), (OTHER, "approve_action"), (ONE, "apply_action")),
        *((ONE, "cut_provider"), (ONE, "action_applied")),
    ]
    kinds = await stage.kinds()
    assert (kinds.count("response.asked"), kinds.count("response.decided")) == (1, 1)
    async with stage.database.read() as tx:
        assert await audit_log.verify(tx) is None


async def test_taking_it_back_wants_two_as_well(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await stage.response.approve((await _ask(stage)).id, by=OTHER)
    asked = await _undo(stage, OTHER)
    assert asked.state is ActionState.APPLIED
    assert asked.waits is not None
    assert asked.waits.step is Step.UNDO
    assert await _cut(stage) == {"a"}
    with pytest.raises(NotAllowed):
        await stage.response.approve(asked.waits.id, by=OTHER)
    done = await stage.response.approve(asked.waits.id, by=ONE)
    assert done.state is ActionState.UNDONE
    assert await _cut(stage) == set()


async def test_nobody_gives_back_alone_what_an_incident_cut_off(stage: Stage) -> None:
    """Not by closing the incident first, and going by hand then."""
    await stage.signal({COMPROMISED: 8.5})
    await stage.response.approve((await _ask(stage)).id, by=OTHER)
    incident, means = (await stage.only()).id, stage.response.means
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, incident, "it was nothing", by=ONE)
    with pytest.raises(Conflict, match="take it back there"):
        async with stage.database.write() as tx:
            await hands.restore(tx, means, "a", by=ONE, reason="it was nothing")
    assert await _cut(stage) == {"a"}
    asked = await _undo(stage, ONE)
    assert asked.waits is not None
    await stage.response.approve(asked.waits.id, by=OTHER)
    assert await _cut(stage) == set()


async def test_a_key_and_its_successor_are_one_person(stage: Stage, clock: ManualClock) -> None:
    async with stage.database.write() as tx:
        await api_keys.create(tx, stage.keys, "ada", ["operate"], owner="ada", by="uid:0")
        (old,) = await api_keys.listing(tx)
    clock.advance(1)
    async with stage.database.write() as tx:
        await api_keys.rotate(tx, stage.keys, "ada", 3_600_000_000, by="uid:0")
        new = (await api_keys.listing(tx))[-1]
    await stage.signal({COMPROMISED: 8.5})
    asked = await _ask(stage, by=old.id)
    with pytest.raises(NotAllowed, match="a second person"):
        await stage.response.approve(asked.id, by=new.id)
    assert await _cut(stage) == set()


async def test_a_request_is_refused_taken_back_and_runs_out(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    for by in (OTHER, ONE):
        asked = await _ask(stage)
        async with stage.database.write() as tx:
            assert (await stage.response.refuse(tx, asked.id, by=by)).state.value == "refused"
        with pytest.raises(Conflict, match="decided"):
            await stage.response.approve(asked.id, by=OTHER)
    late = await _ask(stage)
    clock.advance(3601)
    async with stage.database.read() as tx:
        assert await approval.all_waiting(tx) == []
    with pytest.raises(Conflict, match="has expired"):
        await stage.response.approve(late.id, by=OTHER)
    anew = await _ask(stage)
    assert anew.id != late.id
    await stage.response.approve(anew.id, by=OTHER)
    assert await _cut(stage) == {"a"}
    with pytest.raises(NotFound):
        await stage.response.approve("apv_none", by=OTHER)


async def test_one_person_refuses_a_thing_once(stage: Stage, keys: KeyRing) -> None:
    """The thief of one operator's keys says no to everything: the house acts all the same."""
    await stage.signal({COMPROMISED: 8.5})
    async with stage.database.write() as tx:
        for name in ("day", "night"):
            await api_keys.create(tx, keys, name, ["operate"], owner="mallory", by="x")
        thief, again = (one.id for one in await api_keys.listing(tx) if one.owner == "mallory")
    first = await _ask(stage)
    async with stage.database.write() as tx:
        await stage.response.refuse(tx, first.id, by=thief)
    second = await _ask(stage)
    for by in (thief, again):  # one person, whichever key
        with pytest.raises(NotAllowed, match="refused this once"):
            async with stage.database.write() as tx:
                await stage.response.refuse(tx, second.id, by=by)
    other = await _ask(stage, "secure_accounts")  # what they never refused they may
    async with stage.database.write() as tx:
        assert (await stage.response.refuse(tx, other.id, by=again)).state.value == "refused"
    await stage.response.approve(second.id, by=OTHER)
    assert await _cut(stage) == {"a"}


async def test_who_asked_takes_it_back_as_often_as_they_like(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    for _ in range(3):
        asked = await _ask(stage)
        async with stage.database.write() as tx:
            await stage.response.refuse(tx, asked.id, by=ONE)


async def test_both_have_read_the_same_warnings(stage: Stage) -> None:
    """The second route falls between the asking and the approving."""
    await stage.signal({COMPROMISED: 8.5})
    asked = await _ask(stage)
    gone = mail_tables.provider_states.insert()
    async with stage.database.write() as tx:
        for name in "bc":
            await tx.run(gone.values(provider=name, cut_at=tx.now, reason="x"))
    with pytest.raises(Conflict, match="warnings have changed"):
        await stage.response.approve(asked.id, by=OTHER)
    assert await _cut(stage) == {"b", "c"}
    # Who asks must have been shown them first, as ever.
    with pytest.raises(NotShown):
        await _ask(stage)
    anew = await _ask(stage)
    assert anew.id != asked.id
    await stage.response.approve(anew.id, by=OTHER)
    assert await _cut(stage) == {"a", "b", "c"}


async def test_of_two_who_approve_at_once_one_does_it(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    asked = await _ask(stage)
    approve = stage.response.approve
    done = await asyncio.gather(
        *(approve(asked.id, by=by) for by in (OTHER, "key_third")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["ActionView", "Conflict"]
    acts = [act for _, act in await stage.audited()]
    assert (acts.count("cut_provider"), acts.count("approve_action")) == (1, 1)


async def test_whoever_asks_all_night_wears_nobody_out(
    stage: Stage, bell: Bell, clock: ManualClock
) -> None:
    """A thief of one operator's key asks and takes back, again and again."""
    await stage.signal({COMPROMISED: 8.5})
    while await stage.response.desk.step():
        pass
    for _ in range(30):
        asked = await _ask(stage)
        async with stage.database.write() as tx:
            await stage.response.refuse(tx, asked.id, by=ONE)
        clock.advance(1)
    await stage.response.desk.step()
    assert bell.rung.count("Mailkeep: an action waits for a second person") == 1
    # What Mailkeep pages by itself goes on as ever.
    for _ in range(3):
        clock.advance(301)
        await stage.response.desk.step()
    assert sum("nobody took" in one for one in bell.rung) == 3


async def test_nothing_is_approved_once_the_incident_is_closed(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    asked = await _ask(stage)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, (await stage.only()).id, "known", by=OTHER)
    with pytest.raises(Conflict, match="closed"):
        await stage.response.approve(asked.id, by=OTHER)
    assert await _cut(stage) == set()


async def test_the_glass_is_broken_with_a_reason_and_everybody_hears(
    stage: Stage, bell: Bell
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    with pytest.raises(Invalid, match="characters"):
        await stage.response.apply(incident, "cut_provider", by="uid:0", alone=" ")
    done = await stage.response.apply(
        incident, "cut_provider", by="uid:0", alone="nobody answers, mail is being read"
    )
    assert (done.state, done.waits) == (ActionState.APPLIED, None)
    acts = [act for who, act in await stage.audited() if who == "uid:0"]
    assert acts[:3] == ["note_incident", "act_alone", "apply_action"]
    await stage.response.desk.step()
    assert "Mailkeep: somebody did alone what wants two people" in bell.rung
    assert ("note", "nobody answers, mail is being read") in await stage.lines(incident)


async def test_what_harms_nobody_wants_one_person(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    done = await stage.response.apply((await stage.only()).id, "revoke_recoveries", by=ONE)
    assert (done.state, done.waits) == (ActionState.APPLIED, None)


async def test_what_would_change_nothing_asks_nobody(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    async with stage.database.write() as tx:
        s = mail_tables.provider_states
        await tx.run(update(s).where(s.c.provider == "a").values(cut_at=tx.now, reason="x"))
    done = await stage.response.apply((await stage.only()).id, "cut_provider", by=ONE)
    assert (done.state, done.waits) == (ActionState.APPLIED, None)


async def test_a_playbook_needs_no_second_person_where_it_may_act_alone(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, "abcd", playbooks=CUTS, two_people=None)
    await stage.signal({COMPROMISED: 8.5})
    while await stage.response.work():
        pass
    assert await _cut(stage) == {"a"}


async def test_settings_may_name_others_or_nobody(database: Database, keys: KeyRing) -> None:
    stage = Stage(database, keys, "abcd", two_people=("notify_owners",))
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    assert (await stage.response.apply(incident, "notify_owners", by=ONE)).waits is not None
    assert (await stage.response.apply(incident, "cut_provider", by=ONE)).waits is None


async def test_a_request_that_was_approved_is_shown_to_who_looks(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    asked = await _ask(stage)
    async with stage.database.read() as tx:
        case = await queries.case(tx, stage.response.means, (await stage.only()).id)
    (cut,) = [one for one in case.actions if one.name == "cut_provider"]
    assert cut.waits == asked
    # A row that somebody tampered with into the future is no approval by itself.
    async with stage.database.write() as tx:
        t = tables.approvals
        await tx.run(update(t).values(state="approved", decided_by=OTHER))
    with pytest.raises(Conflict):
        await stage.response.approve(asked.id, by=OTHER)
    assert await _cut(stage) == set()
