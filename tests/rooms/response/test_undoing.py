"""A thief changed the addresses and waited out the hold: what is undone, and what is not."""

from sqlalchemy import select

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts import undoing
from mailkeep.base.clock import DAY, ManualClock
from mailkeep.recovery import queries as recovery
from mailkeep.response.types import Preview

from .conftest import COMPROMISED, Stage
from .test_actions import BY, _apply, _bind, _complete, _through
from .test_attacked import _frozen, _password, _set_password, _undo
from .test_securing import _targeted

OWNERS, THIEFS, THIRD = "ada@example.net", "eve@example.org", "ada@example.org"


async def _add(stage: Stage, account: str, address: str, *, factor: bool = False) -> None:
    made = await stage.accounts.contacts.add(account, address, "n", factor=factor)
    assert made.code is not None
    await stage.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "n")


async def _remove(stage: Stage, account: str, address: str, *, factor: bool = False) -> None:
    async with stage.database.read() as tx:
        there = await accounts.contact_points(tx, account)
    (point,) = [one.id for one in there if one.address == address]
    await stage.accounts.contacts.remove(account, point, factor=factor)


async def _settle(stage: Stage, clock: ManualClock, account: str) -> None:
    """Nobody says a word for a day."""
    async with stage.database.write() as tx:
        for change in await stage.accounts.changes.held(tx, account):
            await stage.accounts.changes.told(tx, change)
    clock.advance(25 * 3600)
    await stage.database.retrying(lambda tx: stage.accounts.changes.settle(tx, 100))


async def _reached(stage: Stage, account: str) -> list[str]:
    async with stage.database.read() as tx:
        found = await accounts.contact_points(tx, account)
    assert all(one.counts for one in found)
    return [one.address for one in found]


async def _former(stage: Stage) -> list[str]:
    f = account_tables.former_contact_points
    async with stage.database.read() as tx:
        return [row["address"] for row in await tx.all(select(f).order_by(f.c.id))]


async def _robbed(stage: Stage, clock: ManualClock, *, factor: bool = False) -> str:
    """An account that somebody recovered, whose address is theirs since."""
    account = await stage.owner(OWNERS)
    clock.advance(1)
    if factor:
        await _bind(stage, account)
        async with stage.database.write() as tx:
            for change in await stage.accounts.changes.held(tx, account):
                await stage.accounts.changes.told(tx, change)
        clock.advance(8 * 86_400)
        await stage.database.retrying(lambda tx: stage.accounts.changes.settle(tx, 100))
    clock.advance(1)
    await _complete(stage, await _through(stage, OWNERS))
    clock.advance(60)
    await _add(stage, account, THIEFS, factor=factor)
    clock.advance(1)
    await _remove(stage, account, OWNERS, factor=factor)
    await _settle(stage, clock, account)
    assert await _reached(stage, account) == [THIEFS]
    return account


async def _preview(stage: Stage) -> Preview:
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        view = await stage.response.preview(tx, incident, "secure_accounts", by=BY)
    return view.preview


async def test_the_addresses_are_those_from_before_the_recovery_in_doubt(
    stage: Stage, clock: ManualClock
) -> None:
    """Found on day two: else notices go to the thief alone, and every later recovery is theirs."""
    account = await _robbed(stage, clock)
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    shown = await _preview(stage)
    assert "taken off: 1; removed since, and brought back: 1." in shown.warnings[1]
    await _complete_asked(stage, THIEFS)
    done = await _apply(stage, "secure_accounts")
    assert (done.result or {})["taken_off"] == 1
    assert (done.result or {})["brought_back"] == 1
    assert await _reached(stage, account) == [OWNERS]
    assert await _former(stage) == [THIEFS]
    async with stage.database.read() as tx:
        assert await recovery.open_of(tx, account) == 0, "the thief was at the next one"
    again = await _apply(stage, "secure_accounts")
    assert "taken_off" not in (again.result or {})
    assert len((await _preview(stage)).warnings) == 1
    await _apply(stage, "notify_owners")
    async with stage.database.read() as tx:
        assert await accounts.by_address(tx, stage.accounts.address_key(THIEFS)) is None


async def _complete_asked(stage: Stage, address: str) -> None:
    await stage.ask(address)


async def test_taken_back_what_was_taken_off_is_there_again(
    stage: Stage, clock: ManualClock
) -> None:
    account = await _robbed(stage, clock)  # by its owner, as it turns out
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    await _apply(stage, "secure_accounts")
    await _undo(stage, "secure_accounts", BY)
    assert not await _frozen(stage, account)
    assert sorted(await _reached(stage, account)) == sorted([OWNERS, THIEFS])
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [OWNERS]


async def test_what_a_factor_from_before_attests_stands(stage: Stage, clock: ManualClock) -> None:
    account = await _robbed(stage, clock, factor=True)
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    assert len((await _preview(stage)).warnings) == 1
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [THIEFS]


async def test_a_factor_that_was_bound_since_attests_nothing(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner(OWNERS)
    clock.advance(1)
    await _complete(stage, await _through(stage, OWNERS))
    clock.advance(60)
    await _bind(stage, account)
    await _add(stage, account, THIEFS, factor=True)
    await _settle(stage, clock, account)
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [OWNERS]


async def test_an_address_that_another_account_has_by_now_stays_there(
    stage: Stage, clock: ManualClock
) -> None:
    """Its owner opened a new account, or whoever reads their mail did. What the thief has is not
    left to them all the same."""
    account = await _robbed(stage, clock)
    other = await stage.owner(OWNERS)
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    (_, said) = (await _preview(stage)).warnings
    assert "they stay there: 1" in said
    assert "Left without any address, so that nobody recovers them: 1" in said
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == []
    assert await _reached(stage, other) == [OWNERS]


async def test_what_the_owner_changed_before_is_left_alone(
    stage: Stage, clock: ManualClock
) -> None:
    account = await stage.owner(OWNERS)
    await _add(stage, account, THIRD)
    clock.advance(1)
    await _remove(stage, account, OWNERS)
    await _settle(stage, clock, account)
    await _complete(stage, await _through(stage, THIRD))
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [THIRD]


async def test_no_incident_about_an_account_brings_an_address_back(
    stage: Stage, clock: ManualClock
) -> None:
    """Two mailboxes contradict each other: whoever reads the one that the owner gave up would have
    only to stage signs."""
    account = await _robbed(stage, clock)
    await _targeted(stage, account)
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [THIEFS]


async def test_a_removed_address_signs_in_and_recovers_nothing_and_goes_in_its_time(
    stage: Stage, clock: ManualClock
) -> None:
    account = await _robbed(stage, clock)
    assert await _former(stage) == [OWNERS]
    key = stage.accounts.address_key(OWNERS)
    async with stage.database.read() as tx:
        assert await accounts.by_address(tx, key) is None
        assert (await accounts.at_the_door(tx, key, "b")).account is None
    assert await stage.owner(OWNERS) != account, "it is free for another account"
    async with stage.database.write() as tx:
        assert await undoing.forget(tx, tx.now - DAY, 10) == 0
        assert await undoing.forget(tx, tx.now + 1, 10) == 1
    assert await _former(stage) == []


async def test_an_address_that_was_removed_and_added_again_is_not_taken_off(
    stage: Stage, clock: ManualClock
) -> None:
    """Who reads the provider confirms it. Taken off, nobody would ever recover the account."""
    account = await stage.owner(OWNERS)
    clock.advance(1)
    await _complete(stage, await _through(stage, OWNERS))
    clock.advance(60)
    await _add(stage, account, THIEFS)
    clock.advance(1)
    await _remove(stage, account, OWNERS)
    await _settle(stage, clock, account)
    await _add(stage, account, OWNERS)
    await _settle(stage, clock, account)
    assert sorted(await _reached(stage, account)) == sorted([OWNERS, THIEFS])
    await stage.signal({COMPROMISED: 8.5}, age=60 * 3600)
    assert "Left without any address" not in "".join((await _preview(stage)).warnings)
    await _apply(stage, "secure_accounts")
    assert await _reached(stage, account) == [OWNERS]
    again = await _apply(stage, "secure_accounts")
    assert "taken_off" not in (again.result or {})
    assert await _reached(stage, account) == [OWNERS]


async def test_a_thief_who_recovers_once_more_at_their_own_address_is_not_the_owner(
    stage: Stage, clock: ManualClock
) -> None:
    """After the cut, over routes that nobody suspects: both proofs go to the thief all the same."""
    account = await _robbed(stage, clock)
    await stage.signal({COMPROMISED: 8.5}, age=30 * 3600)
    await _apply(stage, "cut_provider")
    clock.advance(60)
    await _complete(stage, await _through(stage, THIEFS, "c"))
    thiefs = await _set_password(stage, account)
    clock.advance(60)
    done = await _apply(stage, "secure_accounts")
    assert await _frozen(stage, account)
    assert (done.result or {})["frozen"] == 1
    assert await _password(stage, account) not in {thiefs, None}
    assert await _reached(stage, account) == [OWNERS]
    # Applied once more it has nothing to add, and its owner comes back.
    await _apply(stage, "secure_accounts")
    assert await _password(stage, account) != thiefs
    clock.advance(25 * 3600)
    await _complete(stage, await _through(stage, OWNERS, "c"))
    kept = await _set_password(stage, account)
    clock.advance(60)
    await _apply(stage, "secure_accounts")
    assert not await _frozen(stage, account)
    assert await _password(stage, account) == kept
