"""Accounts are secured where no provider is suspected: a targeted one, and all of a campaign."""

import pytest

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.types import SECURED
from mailkeep.accounts.types import Stage as SessionStage
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.recovery import queries as recovery
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.playbooks import DEFAULTS
from mailkeep.response.types import ActionState
from mailkeep.store.database import Database
from mailkeep.watch.types import RESETS, Hypothesis, account_subject

from .conftest import CAMPAIGN, COMPROMISED, PASSWORD, Stage
from .test_actions import BY, _apply, _complete, _through
from .test_attacked import _frozen, _password, _set_password, _shown, _undo

TARGETED = Hypothesis.ACCOUNT_TARGETED


async def _targeted(stage: Stage, account: str) -> None:
    await stage.signal({TARGETED: 9.0}, account_subject(account), detector="pattern")


async def _recovered(stage: Stage, clock: ManualClock, address: str) -> None:
    clock.advance(1)
    await _complete(stage, await _through(stage, address))


async def test_the_account_of_an_incident_is_closed_whatever_happened_to_it(
    stage: Stage, clock: ManualClock
) -> None:
    """Its thief knows the password, which was written long before the first sign."""
    account, other = await stage.owner("ada@example.net"), await stage.owner("bob@example.net")
    clock.advance(30 * 86_400)
    thief = await stage.accounts.sign_in("ada@example.net", PASSWORD, browser="thief", network="n")
    await _targeted(stage, account)
    done = await _apply(stage, "secure_accounts")
    assert (done.state, done.preview.count, (done.result or {})["frozen"]) == (
        *(ActionState.APPLIED, 1),
        1,
    )
    async with stage.database.read() as tx:
        found = await accounts.account(tx, account)
        assert (found.frozen(tx.now), found.frozen_why) == (True, SECURED)
        session = await stage.accounts.sessions.find(tx, thief.secret.reveal(), SessionStage.FULL)
    assert session is None
    assert await _password(stage, account) == "!"
    assert not await _frozen(stage, other)
    clock.advance(25 * 3600)
    assert not await _frozen(stage, account), "it ends by itself"
    with pytest.raises(NotSignedIn):
        await stage.accounts.sign_in("ada@example.net", PASSWORD, browser="thief", network="n")


async def test_what_is_under_way_ends_and_its_owner_asks_anew(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner("ada@example.net")
    clock.advance(1)
    thiefs = await _through(stage, "ada@example.net")
    await _targeted(stage, account)
    await _apply(stage, "secure_accounts")
    async with stage.database.read() as tx:
        r = recovery_tables.recoveries
        row = await tx.one(r.select().where(r.c.id == thiefs))
        assert await recovery.open_of(tx, account) == 0
    assert row is not None
    assert (row["state"], row["why"]) == ("void", "secured")
    clock.advance(1)
    await stage.ask("ada@example.net")
    async with stage.database.read() as tx:
        assert await recovery.open_of(tx, account) == 1


async def test_recoveries_of_an_account_end_without_a_freeze(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner("ada@example.net")
    await stage.owner("bob@example.net")
    clock.advance(1)
    await _through(stage, "ada@example.net")
    await _through(stage, "bob@example.net")
    await _targeted(stage, account)
    done = await _apply(stage, "revoke_recoveries")
    assert (done.preview.count, done.result) == (1, {"voided": 1})
    async with stage.database.read() as tx:
        assert await recovery.open_of(tx, account) == 0
    assert not await _frozen(stage, account)
    assert "under way: 0" in (await _apply(stage, "revoke_recoveries")).preview.summary


async def test_a_second_person_agrees_and_reads_whom_it_does_not_stop(
    database: Database, keys: KeyRing
) -> None:
    strict = Stage(database, keys, two_people=None)
    account = await strict.owner("ada@example.net")
    await _targeted(strict, account)
    asked = await _shown(strict, "secure_accounts", "key_ada")
    assert asked.waits is not None
    assert not await _frozen(strict, account)
    (warning,) = asked.preview.warnings
    assert "reads the owner's mailbox" in warning
    await _apply(strict, "hold_recoveries")
    incident = (await strict.only()).id
    async with database.write() as tx:
        shown = await strict.response.preview(tx, incident, "secure_accounts", by="key_ada")
    assert "mailbox" not in "".join(shown.preview.warnings)


async def test_no_playbook_closes_accounts_alone_for_it() -> None:
    action = ACTIONS["secure_accounts"]
    assert {"account", "campaign"} <= set(action.about)
    assert not {TARGETED, CAMPAIGN} & action.alone_for
    (book,) = [one for one in DEFAULTS if one.hypothesis is TARGETED]
    assert "secure_accounts" in book.actions
    assert not book.automatic


async def test_all_that_were_recovered_in_a_campaign_are_closed_and_counted(
    stage: Stage, clock: ManualClock
) -> None:
    hit = [await stage.owner(f"hit{n}@example.net") for n in range(3)]
    spared = await stage.owner("spared@example.net")
    for number in range(3):
        await _recovered(stage, clock, f"hit{number}@example.net")
        await _set_password(stage, hit[number])
    await _through(stage, "spared@example.net")
    await stage.signal({CAMPAIGN: 12.0}, RESETS, detector="surge")
    done = await _apply(stage, "secure_accounts")
    assert done.preview.count == 3
    assert "3 owners, most of whom may have done it themselves" in done.preview.warnings[0]
    assert [await _frozen(stage, one) for one in (*hit, spared)] == [True, True, True, False]
    assert {await _password(stage, one) for one in hit} == {"!"}
    assert await _password(stage, spared) != "!"
    undone = await _undo(stage, "secure_accounts", BY)
    assert undone.state is ActionState.UNDONE
    assert [await _frozen(stage, one) for one in hit] == [False] * 3
    assert {await _password(stage, one) for one in hit} == {"!"}, "nobody can tell whose it was"


async def test_who_is_back_in_a_campaign_is_not_closed_again(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner("ada@example.net")
    await _recovered(stage, clock, "ada@example.net")
    await stage.signal({CAMPAIGN: 12.0}, RESETS, detector="surge")
    await _apply(stage, "secure_accounts")
    clock.advance(60)
    await _recovered(stage, clock, "ada@example.net")
    kept = await _set_password(stage, account)
    async with stage.database.write() as tx:
        await stage.accounts.thaw(tx, account, SECURED)
    clock.advance(60)
    later = await stage.owner("bob@example.net")
    await _recovered(stage, clock, "bob@example.net")
    done = await _apply(stage, "secure_accounts")
    assert not await _frozen(stage, account)
    assert await _password(stage, account) == kept
    assert await _frozen(stage, later)
    assert (done.result or {})["frozen"] == 1


async def test_what_an_incident_about_no_provider_froze_others_do_not_open(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner("ada@example.net")
    await _recovered(stage, clock, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await _targeted(stage, account)
    named = {one.subject.kind: one.id for one in await stage.all()}
    apply, undo = stage.response.apply, stage.response.undo
    await apply(named["account"], "secure_accounts", by=BY)
    await apply(named["provider"], "secure_accounts", by=BY)
    async with stage.database.read() as tx:
        found = await accounts.account(tx, account)
    assert found.frozen_why == "incident", "a route is suspected: proofs do not end it"
    await stage.database.retrying(lambda tx: undo(tx, named["provider"], "secure_accounts", by=BY))
    assert await _frozen(stage, account)


async def test_an_account_that_was_erased_is_nobodys(stage: Stage, clock: ManualClock) -> None:
    await _targeted(stage, "acc_" + "0" * 26)
    done = await _apply(stage, "secure_accounts")
    assert (done.preview.count, (done.result or {})["frozen"]) == (0, 0)
