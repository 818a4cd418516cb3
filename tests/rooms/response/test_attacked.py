"""What a thief of one operator's session, an owner's thief who waits, and a kill at the wrong time
get out of what is done about incidents, on both engines."""

import pytest
from sqlalchemy import select

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict
from mailkeep.base.keys import KeyRing
from mailkeep.incidents.types import State
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.response import tables as response_tables
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.paging.types import Pager
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView
from mailkeep.store.database import Database

from .conftest import COMPROMISED, PASSWORD, SILENT, Stage
from .test_actions import _apply, _bodies, _complete, _cut, _through
from .test_approval import Bell

ADA, BOB, EVE = "key_ada", "key_bob", "key_eve"
CLOSED = "Mailkeep: somebody closed an incident while something is held"


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def strict(database: Database, keys: KeyRing, bell: Bell) -> Stage:
    """A house that wants two people for what is dangerous."""
    pagers = (Pager("duty", "elsewhere", bell),)
    return Stage(database, keys, "abcd", pagers=pagers, two_people=None)


async def _shown(stage: Stage, name: str, by: str) -> ActionView:
    """Apply it as somebody who has read its warnings."""
    incident = (await stage.only()).id
    try:
        return await stage.response.apply(incident, name, by=by)
    except NotShown:
        return await stage.response.apply(incident, name, by=by)


async def _undo(stage: Stage, name: str, by: str, alone: str = "") -> ActionView:
    incident = (await stage.only()).id
    undo = stage.response.undo
    return await stage.database.retrying(lambda tx: undo(tx, incident, name, by=by, alone=alone))


async def _frozen(stage: Stage, account: str) -> bool:
    async with stage.database.read() as tx:
        return (await accounts.account(tx, account)).frozen(tx.now)


# One session


async def test_a_word_that_comes_late_does_nothing_a_second_time(strict: Stage) -> None:
    """Asked for, done alone at the shell meanwhile, and approved within the hour all the same."""
    await strict.signal({COMPROMISED: 8.5})
    asked = (await _shown(strict, "secure_accounts", EVE)).waits
    assert asked is not None
    incident = (await strict.only()).id
    await strict.response.apply(incident, "secure_accounts", by="uid:0", alone="it is night")
    with pytest.raises(Conflict, match="decided"):
        await strict.response.approve(asked.id, by=BOB)
    acts = [act for _, act in await strict.audited()]
    assert acts.count("apply_action") == 1


async def test_a_word_on_taking_back_does_not_meet_what_was_done_since(strict: Stage) -> None:
    """A provider would be given back whose second cut nobody was asked about."""
    await strict.signal({COMPROMISED: 8.5})

    async def cut() -> None:
        asked = (await _shown(strict, "cut_provider", ADA)).waits
        assert asked is not None
        await strict.response.approve(asked.id, by=BOB)

    await cut()
    asked = (await _undo(strict, "cut_provider", EVE)).waits
    assert asked is not None
    await _undo(strict, "cut_provider", "uid:0", alone="it was a drill")
    await cut()
    with pytest.raises(Conflict, match="decided"):
        await strict.response.approve(asked.id, by=BOB)
    assert await _cut(strict) == {"a"}


async def test_one_person_lets_no_provider_rest_that_resets_need(
    database: Database, keys: KeyRing
) -> None:
    """A resting provider carries no proof, so this would take what a cut takes two people for."""
    stage = Stage(database, keys, "ab", two_people=None)
    await stage.signal({SILENT: 8.0})
    asked = (await _shown(stage, "rest_provider", EVE)).waits
    assert asked is not None
    async with database.read() as tx:
        assert await mail.resting(tx) == {}
    done = await stage.response.approve(asked.id, by=BOB)
    assert isinstance(done, ActionView)
    async with database.read() as tx:
        assert set(await mail.resting(tx)) == {"a"}


async def test_where_two_routes_are_left_one_person_lets_it_rest(strict: Stage) -> None:
    await strict.signal({COMPROMISED: 8.5})
    done = await _shown(strict, "rest_provider", ADA)
    assert (done.state, done.waits) == (ActionState.APPLIED, None)


async def test_nobody_closes_in_silence_what_is_held(strict: Stage, bell: Bell) -> None:
    """Nothing more is done or paged for a closed incident: so that is paged, once for its parts."""
    await strict.signal({COMPROMISED: 8.5}, "a")
    await strict.signal({SILENT: 8.0}, "b")
    named = {one.subject.id: one.id for one in await strict.all()}
    async with strict.database.write() as tx:
        await strict.incidents.merge(tx, named["b"], named["a"], by=EVE)
        await strict.incidents.take(tx, named["a"], by=EVE)
    async with strict.database.write() as tx:
        await strict.incidents.close(tx, named["a"], "nothing to see", by=EVE)
    await strict.hear()
    while await strict.response.desk.step():
        pass
    assert bell.rung.count(CLOSED) == 1


async def test_a_part_is_not_closed_in_silence_either(strict: Stage, bell: Bell) -> None:
    await strict.signal({COMPROMISED: 8.5}, "a")
    await strict.signal({SILENT: 8.0}, "b")
    named = {one.subject.id: one.id for one in await strict.all()}
    async with strict.database.write() as tx:
        await strict.incidents.merge(tx, named["a"], named["b"], by=EVE)
        await strict.incidents.close(tx, named["a"], "nothing to see", by=EVE)
    await strict.hear()
    while await strict.response.desk.step():
        pass
    assert bell.rung.count(CLOSED) == 1


async def test_what_ends_by_itself_wakes_nobody(
    strict: Stage, bell: Bell, clock: ManualClock
) -> None:
    await strict.signal({SILENT: 8.0}, "b")
    for _ in range(12):
        clock.advance(3600)
        await strict.incidents.tick()
    assert (await strict.only()).closed_by == "quiet"
    await strict.hear()
    while await strict.response.desk.step():
        pass
    assert CLOSED not in bell.rung


# A thief who waits


async def test_who_uses_a_proof_after_the_notice_is_not_covered_by_it(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.owner("ada@example.net")
    clock.advance(1)
    recovery = await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    texts = []
    for then in (recovery, "", ""):
        before = len(await stage.messages("security"))
        clock.advance(60)
        await _apply(stage, "notify_owners")
        sent = (await stage.messages("security"))[before:]
        texts.append([one.text or "" for one in await _bodies(stage, sent)])
        if then:
            await _complete(stage, then)
    assert ["not changed" in text for text in texts[0]] == [True]
    assert ["was replaced" in text for text in texts[1]] == [True]
    assert texts[2] == [], "once"


@pytest.mark.parametrize(
    ("carrier", "new", "mails"), [("b", False, 0), ("b", True, 1), ("a", False, 1), ("", False, 1)]
)
async def test_what_an_incident_told_the_next_one_does_not_tell_again(
    stage: Stage, clock: ManualClock, carrier: str, new: bool, mails: int
) -> None:
    """One that is closed and opens anew: owners got the same mail twice. But what the suspect
    carried, or nobody, was not told; nor was what came since."""
    await stage.owner("ada@example.net")
    clock.advance(1)
    await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    clock.advance(60)
    before = len(await stage.messages("security"))
    await _apply(stage, "notify_owners")
    (first,) = (await stage.messages("security"))[before:]
    async with stage.database.write() as tx:
        if carrier:
            attempt = {"id": "att_first", "message_id": first["id"], "provider": carrier}
            attempt |= {"started_at": tx.now, "outcome": "accepted"}
            await tx.run(mail_tables.attempts.insert().values(**attempt))
            m = mail_tables.messages
            await tx.run(m.update().where(m.c.id == first["id"]).values(status="accepted"))
        await stage.incidents.close(tx, (await stage.only()).id, "done", by=EVE)
    clock.advance(60)
    if new:
        await _through(stage, "ada@example.net")
    clock.advance(3600)
    await stage.signal({COMPROMISED: 9.0}, age=3700)
    second = [one for one in await stage.all() if one.state is not State.CLOSED]
    assert len(second) == 1
    before = len(await stage.messages("security"))
    await stage.response.apply(second[0].id, "notify_owners", by=EVE)
    assert len(await stage.messages("security")) - before == mails
    async with stage.database.read() as tx:
        ours = response_tables.notices.c.incident_id == second[0].id
        assert len(await tx.all(response_tables.notices.select().where(ours))) == 1


async def _add(stage: Stage, account: str, address: str) -> None:
    """An address that somebody who is signed in adds; the addition is held."""
    made = await stage.accounts.contacts.add(account, address, "n", factor=False)
    assert made.code is not None
    await stage.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "n")


@pytest.mark.parametrize("name", ["notify_owners", "advise_exposed"])
async def test_an_address_whose_addition_is_held_is_written_to_of_no_incident(
    stage: Stage, clock: ManualClock, name: str
) -> None:
    """It may be a thief's, who would read that they are seen, or a stranger's."""
    account = await stage.owner("ada@example.net")
    clock.advance(1)
    await _add(stage, account, "thief@example.org")
    await _through(stage, "ada@example.net")
    c = account_tables.contact_points
    async with stage.database.write() as tx:
        for row in await tx.all(select(c.c.address_key).where(c.c.account_id == account)):
            given = {"provider": "a", "stream": "bulk", "day": 1, "count": 1}
            given |= {"address_id": row["address_key"], "first_at": tx.now, "last_at": tx.now}
            await tx.run(mail_tables.exposures.insert().values(**given))
    await stage.hear()
    await stage.signal({COMPROMISED: 8.5})
    clock.advance(60)
    before = len(await stage.messages("security"))
    await _shown(stage, name, ADA)
    sent = (await stage.messages("security"))[before:]
    assert [one.to for one in await _bodies(stage, sent)] == ["ada@example.net"]


async def _set_password(stage: Stage, account: str) -> str:
    kept = await stage.accounts.passwords.make(PASSWORD, has_factor=False, about=[], of="n")
    async with stage.database.write() as tx:
        await stage.accounts.passwords.write(tx, account, kept, by="recovery")
    return kept


async def _password(stage: Stage, account: str) -> str | None:
    async with stage.database.read() as tx:
        return await accounts.password_hash(tx, account)


async def test_a_proof_that_was_read_before_the_cut_and_used_after_it_keeps_no_account(
    stage: Stage, clock: ManualClock
) -> None:
    """The recovery that is in doubt is not the one by which its owner came back."""
    account = await stage.owner("ada@example.net")
    clock.advance(1)
    recovery = await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await _apply(stage, "cut_provider")
    clock.advance(600)
    await _complete(stage, recovery)
    await _set_password(stage, account)
    clock.advance(60)
    await _apply(stage, "secure_accounts")
    assert await _frozen(stage, account)
    assert await _password(stage, account) == "!"


# Twice, and half


async def test_an_owner_who_is_back_is_not_locked_out_again(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner("ada@example.net")
    clock.advance(1)
    await _complete(stage, await _through(stage, "ada@example.net"))
    await stage.signal({COMPROMISED: 8.5})
    await _apply(stage, "cut_provider")
    await _apply(stage, "secure_accounts")
    assert await _frozen(stage, account)
    clock.advance(25 * 3600)
    assert not await _frozen(stage, account)
    await _complete(stage, await _through(stage, "ada@example.net", "c"))
    kept = await _set_password(stage, account)
    clock.advance(60)
    done = await _apply(stage, "secure_accounts")
    assert not await _frozen(stage, account)
    assert await _password(stage, account) == kept
    assert (done.result or {})["frozen"] == 0


async def test_what_was_stopped_halfway_is_taken_back_as_it_is(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """Else the other half would have to be frozen first."""
    stage = Stage(database, keys, batch=1)
    hit = [await stage.owner(f"hit{n}@example.net") for n in range(3)]
    for number in range(3):
        clock.advance(1)
        await _complete(stage, await _through(stage, f"hit{number}@example.net"))
    await stage.signal({COMPROMISED: 8.5})
    assert (await _apply(stage, "secure_accounts")).state is ActionState.RUNNING
    incident = (await stage.only()).id
    stop = stage.response.stop
    await database.retrying(lambda tx: stop(tx, incident, "secure_accounts", by=ADA))
    assert [await _frozen(stage, one) for one in hit].count(True) == 1
    undone = await _undo(stage, "secure_accounts", ADA)
    assert undone.state is ActionState.UNDONE
    assert [await _frozen(stage, one) for one in hit].count(True) == 0
    # Begun anew it begins at the beginning.
    await _apply(stage, "secure_accounts")
    while await stage.response.work():
        clock.advance(1)
    assert [await _frozen(stage, one) for one in hit].count(True) == 3


async def test_what_one_incident_froze_another_one_does_not_open(
    stage: Stage, clock: ManualClock
) -> None:
    """A second person agreed to take it back for the one, and judged nothing of the other."""
    account = await stage.owner("ada@example.net")
    clock.advance(1)
    await _complete(stage, await _through(stage, "ada@example.net"))  # over a and b
    for provider in "ab":
        await stage.signal({COMPROMISED: 8.5}, provider)
    named = {one.subject.id: one.id for one in await stage.all()}
    undo = stage.response.undo
    for provider in "ab":
        await stage.response.apply(named[provider], "secure_accounts", by=ADA)
    for provider, frozen in (("a", True), ("b", False)):
        await stage.database.retrying(
            lambda tx, of=named[provider]: undo(tx, of, "secure_accounts", by=ADA)
        )
        assert await _frozen(stage, account) is frozen


def test_every_action_says_in_one_line_what_it_is_for() -> None:
    assert [one.name for one in ACTIONS.values() if not 0 < len(one.says) <= 100] == []
