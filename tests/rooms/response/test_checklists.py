"""Checklists say what is so, on both engines: what comes after an act is owed again, and what is
about no provider has a list of its own."""

from sqlalchemy import insert, update

from mailkeep.accounts import tables as account_tables
from mailkeep.base.clock import DAY, HOUR, ManualClock, iso
from mailkeep.incidents.tracks import Item
from mailkeep.mail import api_keys
from mailkeep.operators import tables as operator_tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import queries
from mailkeep.signals import tables as signal_tables
from mailkeep.store.database import Database
from mailkeep.watch import tables as watch_tables
from mailkeep.watch.types import OUR_HOUSE, Hypothesis, domain_subject, mailbox_subject

from .conftest import COMPROMISED, Stage
from .test_actions import _apply, _case, _complete, _through

PROOFS, ACCOUNTS, HEARD = 1, 2, 3


async def _security(stage: Stage) -> tuple[Item, ...]:
    return (await _case(stage)).security


async def test_what_came_after_the_act_is_owed_again(stage: Stage, clock: ManualClock) -> None:
    for name in ("ada", "bob"):
        await stage.owner(f"{name}@example.net")
    recovery = await _through(stage, "ada@example.net")
    await _complete(stage, recovery)
    await stage.signal({COMPROMISED: 8.5}, age=30)
    assert (await _security(stage))[PROOFS].detail == "new ones go through it"
    clock.advance(1)
    await _through(stage, "bob@example.net")
    await _apply(stage, "cut_provider")
    await stage.hear()
    late = (await _security(stage))[PROOFS]
    assert (late.done, late.detail) == (False, "1 open recovery has one")
    await _apply(stage, "revoke_recoveries")
    assert (await _security(stage))[PROOFS].done
    assert (await _security(stage))[ACCOUNTS].done is False
    await _apply(stage, "secure_accounts")
    while await stage.response.work():
        pass
    assert (await _security(stage))[ACCOUNTS].done
    # Somebody who had read a proof before the cut uses it after the freeze.
    clock.advance(60)
    await _complete(stage, recovery)
    again = (await _security(stage))[ACCOUNTS]
    assert (again.done, again.detail) == (False, "1 recovered, 1 of them not frozen")


async def test_accounts_that_an_application_keeps_rest_when_it_has_acknowledged(
    stage: Stage, database: Database
) -> None:
    account = await stage.owner("ada@example.net")
    recovery = await _through(stage, "ada@example.net")
    await _complete(stage, recovery)
    r = recovery_tables.recoveries
    async with database.write() as tx:
        await tx.run(update(r).where(r.c.id == recovery).values(application="app_shop"))
    await stage.signal({COMPROMISED: 8.5}, age=30)
    await _apply(stage, "secure_accounts")
    while await stage.response.work():
        pass
    asked = (await _security(stage))[HEARD]
    assert (asked.done, asked.detail) == (False, "0 of 1 account"), "nobody was told"
    e = signal_tables.sets
    async with database.write() as tx:
        receiver = {"id": "rcv_1", "name": "shop", "application": "app_shop", "hash": "x"}
        receiver |= {"audience": "x", "origins": ""}
        await tx.run(insert(signal_tables.receivers).values(**receiver, created_at=tx.now))
        told = {"id": "set_1", "receiver_id": "rcv_1", "account_id": account, "state": "waiting"}
        told |= dict.fromkeys(("kind", "fold", "body", "txn"), "x")
        times = dict.fromkeys(("at", "made_at", "due_at"), tx.now)
        await tx.run(insert(e).values(**told, **times, tries=0))
    assert (await _security(stage))[HEARD].done is False
    async with database.write() as tx:
        await tx.run(update(e).values(state="acknowledged", ended_at=tx.now))
    assert (await _security(stage))[HEARD].done


async def test_a_leak_of_our_own_wants_keys_and_sessions_replaced(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    s = operator_tables.operator_sessions
    async with database.write() as tx:
        await api_keys.create(tx, stage.keys, "shop", ["send"], by="t")
        began = {"id": "ses_1", "began_at": tx.now, "until": tx.now + 90 * DAY}
        await tx.run(insert(s).values(**began))
    clock.advance(60)
    await stage.signal({Hypothesis.LEAKED_HERE: 9.0}, OUR_HOUSE)
    incident = await stage.only()
    assert [one.done for one in await _security(stage)] == [False, False, False, True, False, None]
    async with database.write() as tx:
        await api_keys.rotate(tx, stage.keys, "shop", HOUR, by="t")
        await tx.run(update(s).values(until=tx.now))
        await stage.incidents.note(tx, incident.id, "a laptop; its keys are gone", by="opr_1")
    clock.advance(2 * 3600)
    assert [one.done for one in await _security(stage)] == [False, True, True, True, True, None]


async def test_a_domain_and_mailboxes_have_lists_of_their_own(
    stage: Stage, database: Database
) -> None:
    row = {"domain": "example.com", "way": "swapped", "place": 1, "fresh": True}
    async with database.write() as tx:
        used = row | {"name": "exmaple.com", "mx": True, "address": False}
        await tx.run(insert(watch_tables.lookalikes).values(**used))
    await stage.signal({Hypothesis.DOMAIN_ABUSED: 9.0}, domain_subject("example.com"))
    items = await _security(stage)
    assert [one.done for one in items] == [False, False, True, False]
    assert items[1].detail == "1 in use; 1 name looked up"
    async with database.write() as tx:
        await stage.incidents.close(tx, (await stage.only()).id, "the host took it down", by="t")
    await stage.signal({Hypothesis.MAILBOX_COMPROMISED: 9.0}, mailbox_subject("example.net"))
    counts = account_tables.factor_adoption
    async with database.write() as tx:
        day = {"day": iso(tx.now)[:10], "class": "customer"}
        for kind, number in (("all", 9), ("any", 8)):
            await tx.run(insert(counts).values(**day | {"kind": kind, "accounts": number}))
    found = (await stage.all())[0]
    async with database.read() as tx:
        items = (await queries.case(tx, stage.response.means, found.id)).security
    assert [(one.done, one.detail) for one in items][1] == (False, "8 of 9")
