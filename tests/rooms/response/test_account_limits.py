"""A playbook touches so many accounts and no more; who tries to have it touch the wrong ones."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries as mail
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import tables, todo
from mailkeep.response.types import ActionState, PlaybookLimits
from mailkeep.response.types import PlaybookSettings as Book
from mailkeep.store.database import Database

from .conftest import COMPROMISED
from .test_actions import _apply, _complete, _through
from .test_attacked import _frozen
from .test_limits import House
from .test_playing import _work


async def _recovered(house: House, clock: ManualClock, number: int) -> str:
    """An account whose password was replaced with a proof through the suspect."""
    account = await house.owner(f"owner{number}@example.net")
    clock.advance(1)
    await _complete(house, await _through(house, f"owner{number}@example.net"))
    clock.advance(1)
    return account


async def _touched(house: House) -> list[str]:
    t = tables.playbook_accounts
    async with house.database.read() as tx:
        return [row["account_id"] for row in await tx.all(select(t.c.account_id))]


@pytest.mark.parametrize("batch", [1, 2, 100])
async def test_it_stops_at_its_limit_though_there_were_fewer_when_it_began(
    database: Database, keys: KeyRing, clock: ManualClock, batch: int
) -> None:
    """Those that come up on the way count too: the preview said one."""
    names = ("secure_accounts",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(accounts=2))
    house = House(database, keys, book, batch=batch)
    accounts = [await _recovered(house, clock, 0)]
    await house.signal({COMPROMISED: 8.9}, age=60)
    assert (await house.of("secure_accounts")).preview.count == 1
    accounts += [await _recovered(house, clock, number) for number in (1, 2, 3)]
    await _work(house)
    frozen = [one for one in accounts if await _frozen(house, one)]
    assert len(frozen) == 2
    assert sorted(await _touched(house)) == sorted(frozen)
    done = await house.of("secure_accounts")
    assert (done.state, done.partly) == (ActionState.PROPOSED, True)
    assert done.held == "its playbook has touched 2 accounts, its limit; left are 2"
    assert len(await house.rung()) == 1
    assert ("playbook", "action_limited") in await house.audited()
    for _ in range(3):  # it does not begin again, and tells nobody twice
        clock.advance(120)
        await house.signal({COMPROMISED: 8.9}, detector="honey")
        await _work(house)
    assert sum([await _frozen(house, one) for one in accounts]) == 2
    assert len(await house.rung()) == 1
    assert (await _apply(house, "secure_accounts")).state in set(ActionState)
    await _work(house)
    assert all([await _frozen(house, one) for one in accounts])
    assert (await house.of("secure_accounts")).state is ActionState.APPLIED


async def test_what_it_did_before_its_limit_is_taken_back_as_any(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    names = ("secure_accounts",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(accounts=1))
    house = House(database, keys, book)
    accounts = [await _recovered(house, clock, number) for number in (0, 1)]
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    async with database.write() as tx:
        incident = (await house.only()).id
        await house.response.undo(tx, incident, "secure_accounts", by="key_operator")
    assert not any([await _frozen(house, one) for one in accounts])
    await house.signal({COMPROMISED: 8.9}, detector="honey")
    await _work(house)
    assert not any([await _frozen(house, one) for one in accounts]), "a person took it back"


async def test_who_was_touched_before_the_cut_does_not_count_twice(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    names = ("notify_owners",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(accounts=2, each_day=1))
    house = House(database, keys, book)
    await _recovered(house, clock, 0)
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    assert (await house.of("notify_owners")).state is ActionState.APPLIED
    await _recovered(house, clock, 1)
    await _apply(house, "cut_provider")
    await house.hear()
    await _work(house)
    assert len(await _touched(house)) == 2
    assert (await house.of("notify_owners")).state is ActionState.APPLIED
    assert await house.rung() == []


async def test_the_worst_hit_are_told_first(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """An outsider asks for resets of many accounts, so that the limit goes to those."""
    names = ("notify_owners",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(accounts=1))
    house = House(database, keys, book)
    for number in range(5):
        await house.owner(f"crowd{number}@example.net")
        clock.advance(1)
        await _through(house, f"crowd{number}@example.net")
    lost = await _recovered(house, clock, 0)
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    assert await _touched(house) == [lost]
    done = await house.of("notify_owners")
    assert done.held == "its playbook has touched 1 account, its limit; left are 5"
    await _apply(house, "notify_owners")
    await _work(house)
    n = tables.notices
    async with database.read() as tx:
        told = [row["account_id"] for row in await tx.all(select(n.c.account_id))]
    assert len(told) == len(set(told)) == 6, "everybody, and nobody twice"


async def test_a_crowd_of_resets_keeps_it_from_no_cut(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """What must not wait is not counted: whoever asks for resets would hold it up."""
    names = ("cut_provider", "revoke_recoveries", "notify_owners")
    limits = PlaybookLimits(accounts=1, each_day=1)
    house = House(database, keys, Book(COMPROMISED, names, names, limits=limits))
    for number in range(4):
        await house.owner(f"crowd{number}@example.net")
        clock.advance(1)
        await _through(house, f"crowd{number}@example.net")
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    async with database.read() as tx:
        assert set(await mail.cut(tx)) == {"a"}
    await _work(house)  # what came since, after the cut
    voided = (await house.of("revoke_recoveries")).result
    assert voided == {"voided": 0}  # once more after the cut; the first time it voided all
    assert ("voided", "proofs that went through the suspect are void") in await house.lines(
        (await house.only()).id
    )
    assert (await house.of("notify_owners")).state is ActionState.PROPOSED


async def test_what_people_do_knows_no_limit(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    book = Book(COMPROMISED, ("secure_accounts",), limits=PlaybookLimits(accounts=1))
    house = House(database, keys, book)
    accounts = [await _recovered(house, clock, number) for number in range(3)]
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _apply(house, "secure_accounts")
    await _work(house)
    assert all([await _frozen(house, one) for one in accounts])
    assert await _touched(house) == []


async def _faded(house: House, clock: ManualClock) -> str:
    """Account 0 was frozen; the signs fade; another one is recovered before the cut. Returns it."""
    await _recovered(house, clock, 0)
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    assert (await house.of("secure_accounts")).result is not None
    clock.advance(110)
    await house.incidents.tick()
    await house.hear()
    view = (await house.only()).opinions[0]
    assert view.open
    assert view.alone
    assert view.log_odds < 1.85
    return await _recovered(house, clock, 1)


@pytest.mark.parametrize("weight", [None, 1.85])
async def test_what_came_before_the_cut_is_done_though_the_signs_have_faded(
    database: Database, keys: KeyRing, clock: ManualClock, weight: float | None
) -> None:
    """Who waits until the signs fade keeps no account that they took meanwhile."""
    names = ("secure_accounts",)
    house = House(database, keys, Book(COMPROMISED, names, names, weight=weight))
    late = await _faded(house, clock)
    await _apply(house, "cut_provider")
    await house.hear()
    await _work(house)
    assert await _frozen(house, late)
    assert (await house.of("secure_accounts")).state is ActionState.APPLIED


async def test_a_second_pass_that_failed_is_done_again_though_the_signs_have_faded(
    database: Database, keys: KeyRing, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("secure_accounts",)
    limits = PlaybookLimits(each_day=1)
    house = House(database, keys, Book(COMPROMISED, names, names, weight=1.85, limits=limits))
    late = await _faded(house, clock)

    async def broken(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(type(house.accounts), "freeze", broken)
        await _apply(house, "cut_provider")
        await house.hear()
        await _work(house)
    failed = await house.of("secure_accounts")
    assert (failed.state, failed.partly) == (ActionState.FAILED, True), "the first can be undone"
    clock.advance(90)
    await house.signal({COMPROMISED: 0.1}, detector="honey")
    await _work(house)
    assert await _frozen(house, late)


async def test_a_second_pass_that_its_playbook_may_not_do_is_left_to_people(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """The settings name other parties by then: what was done would have hidden what is not."""
    names = ("secure_accounts",)
    house = House(database, keys, Book(COMPROMISED, names, names))
    late = await _faded(house, clock)
    limits = PlaybookLimits(parties=("house_b",))
    house = House(database, keys, Book(COMPROMISED, names, names, limits=limits))
    await _apply(house, "cut_provider")
    await house.hear()
    await _work(house)
    secure = await house.of("secure_accounts")
    assert (secure.state, secure.partly) == (ActionState.PROPOSED, True)
    assert secure.held == "its playbook acts by itself only about house_b"
    case = await house.case()
    waiting = todo.to_decide(case.incident, case.actions)
    assert "secure_accounts" in [one.name for one in waiting]
    await _apply(house, "secure_accounts")
    await _work(house)
    assert await _frozen(house, late)


async def test_a_crowd_of_resets_comes_after_who_is_half_proven(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """Whoever asks for many resets leaves the factor of no account unasked that a thief is at; and
    one whose password was replaced takes no place of those that are asked."""
    names = ("require_factor",)
    book = Book(COMPROMISED, names, names, limits=PlaybookLimits(accounts=1))
    house = House(database, keys, book)
    for number in range(3):
        await house.owner(f"crowd{number}@example.net")
        clock.advance(1)
        await _through(house, f"crowd{number}@example.net")
    half = await house.owner("half@example.net")
    clock.advance(1)
    await _half_prove(house, await _through(house, "half@example.net"))
    await _recovered(house, clock, 0)
    await house.signal({COMPROMISED: 8.9}, age=60)
    await _work(house)
    assert await _touched(house) == [half]
    done = await house.of("require_factor")
    assert done.held == "its playbook has touched 1 account, its limit; left are 3"


async def _half_prove(house: House, recovery: str) -> None:
    """The proof through the suspect was redeemed."""
    p, used = recovery_tables.proofs, recovery_tables.redemptions
    async with house.database.write() as tx:
        ours = (p.c.recovery_id == recovery, p.c.provider == "a")
        proof = await tx.value(select(p.c.id).where(*ours))
        await tx.run(insert(used).values(proof_id=proof, browser="browser_thief", at=tx.now))


@pytest.mark.parametrize("most", [2, 9])
async def test_who_turns_up_behind_where_it_is_counts_and_is_touched(
    database: Database, keys: KeyRing, clock: ManualClock, most: int
) -> None:
    """An old account that is recovered while a long run goes on takes no place for nothing."""
    names = ("secure_accounts",)
    limits = PlaybookLimits(accounts=most)
    house = House(database, keys, Book(COMPROMISED, names, names, limits=limits), batch=1)
    old = await house.owner("old@example.net")
    accounts = [await _recovered(house, clock, number) for number in (0, 1, 2)]
    await house.signal({COMPROMISED: 8.9}, age=60)
    assert await house.response.work()
    assert await _touched(house) == accounts[:1]
    clock.advance(1)
    await _complete(house, await _through(house, "old@example.net"))
    await _work(house)
    frozen = [one for one in (old, *accounts) if await _frozen(house, one)]
    assert sorted(await _touched(house)) == sorted(frozen)
    assert len(frozen) == min(most, 4)
    done = await house.of("secure_accounts")
    if most == 2:
        assert done.held == "its playbook has touched 2 accounts, its limit; left are 2"
    else:
        assert (done.state, done.held) == (ActionState.APPLIED, None)
