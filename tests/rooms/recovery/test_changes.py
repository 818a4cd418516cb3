"""Notices of changes: who is told, over which routes, and what recovery goes by meanwhile."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from mailkeep.accounts import queries
from mailkeep.accounts.types import Origin
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict
from mailkeep.events.log import Relay
from mailkeep.events.subscribe import Subscriber
from mailkeep.mail import services
from mailkeep.recovery import tables

from .conftest import ADDRESS, NEW, PASSWORD, Room
from .test_holds import accept

Owner = Callable[[], Awaitable[str]]
SECOND_ADDRESS = "ada@example.org"


async def add(room: Room, account: str, address: str = SECOND_ADDRESS) -> None:
    made = await room.accounts.contacts.add(account, address, "n", factor=False)
    assert made.code is not None
    await room.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "n")


async def remove(room: Room, account: str, address: str) -> None:
    async with room.database.read() as tx:
        points = await queries.contact_points(tx, account)
    point = next(one.id for one in points if one.address == address)
    await room.accounts.contacts.remove(account, point, factor=False)


async def hear(room: Room) -> list[dict[str, object]]:
    """Have the room hear what was recorded; returns the notices that are new."""
    from mailkeep.accounts.events import ChangeHeld, ChangesStopped, ClassChanged

    before = {one["id"] for one in await room.mails("security")}
    notices = room.recovery.change_notices
    await Relay(room.database, "test").place()
    subscriber = Subscriber(
        "recovery",
        {
            ChangeHeld: [notices.on_held],
            ChangesStopped: [notices.on_stopped],
            ClassChanged: [room.recovery.notices.on_class],
        },
    )
    while await subscriber.step(room.database, 100):
        pass
    return [one for one in await room.mails("security") if one["id"] not in before]


async def settle(room: Room) -> None:
    """Everybody was told, and the time goes by."""
    await accept(room, "a", "b", "c")
    room.database.clock.advance(DAY / SECOND + 1)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)


@pytest.mark.check("ASVS 6.3.7", "63B 4.6")
async def test_old_and_new_are_told_and_only_the_old_can_stop_it(room: Room, owner: Owner) -> None:
    account = await owner()
    await add(room, account)
    told = await hear(room)
    assert {(one["to"], one["provider"]) for one in told} == {
        (to, provider) for to in (ADDRESS, SECOND_ADDRESS) for provider in ("a", "b")
    }
    denials = [one["denial"] for one in told if one["to"] == ADDRESS]
    assert len(set(denials)) == 2  # one over each route
    await room.accounts.changes.deny(str(denials[1]))
    async with room.database.read() as tx:
        assert [one.address for one in await queries.contact_points(tx, account)] == [ADDRESS]
    stopped = await hear(room)
    assert {one["to"] for one in stopped} == {ADDRESS}
    assert not any(one["denial"] for one in stopped)


@pytest.mark.check("ASVS 6.3.7")
async def test_a_new_address_takes_off_itself_and_nothing_else(room: Room, owner: Owner) -> None:
    """Who reads a stranger's code at one provider adds their address to an account of theirs. The
    stranger reads of it over two routes, and must not be bound to an account that is not theirs;
    nor may a new address speak against the owner of one that is."""
    account = await owner()
    session = await room.accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    await add(room, account)
    told = await hear(room)
    await add(room, account, "ada@example.com")
    others = await hear(room)
    assert not [one for one in others if one["to"] == SECOND_ADDRESS and one["denial"]]
    mine = [str(one["denial"]) for one in told if one["to"] == SECOND_ADDRESS]
    assert len(set(mine)) == 2
    for secret in mine:
        await room.accounts.changes.deny(secret)
    async with room.database.read() as tx:
        left = {one.address for one in await queries.contact_points(tx, account)}
    assert left == {ADDRESS, "ada@example.com"}
    assert await room.accounts.sessions.lookup(session.secret.reveal())
    assert await room.accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    stopped = await hear(room)
    assert {one["to"] for one in stopped} == {ADDRESS, "ada@example.com"}


async def test_a_new_address_that_counts_stops_nothing_by_its_first_notice(
    room: Room, owner: Owner
) -> None:
    account = await owner()
    await add(room, account)
    told = await hear(room)
    await settle(room)
    for one in told:
        await room.accounts.changes.deny(str(one["denial"]))
    async with room.database.read() as tx:
        assert len(await queries.contact_points(tx, account)) == 2


async def test_recovery_goes_by_the_addresses_from_before_while_it_is_held(
    room: Room, owner: Owner
) -> None:
    account = await owner()
    await add(room, account)
    await remove(room, account, ADDRESS)
    await hear(room)
    await room.ask(address=SECOND_ADDRESS)
    assert await room.mails() == []
    await room.ask("owner")
    assert {one["to"] for one in await room.mails()} == {ADDRESS}
    await settle(room)
    await room.ask("b3", address=SECOND_ADDRESS)
    assert {one["to"] for one in await room.mails()} >= {SECOND_ADDRESS}


async def counting(room: Room, account: str) -> list[str]:
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
        points = await queries.contact_points(tx, account)
    return sorted(one.address for one in points if one.counts)


async def sweep(room: Room) -> None:
    async with room.database.write() as tx:
        await room.recovery.sweep(tx)


@pytest.mark.check("ASVS 6.3.7")
async def test_a_change_waits_until_its_notices_have_left_over_two_routes(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Who drops mail at one provider, while the other one is down, has an address
    count that its owner has read of nowhere."""
    account = await owner()
    await add(room, account)
    await hear(room)
    clock.advance(DAY / SECOND - 600)
    await accept(room, "a")
    clock.advance(601)
    assert await counting(room, account) == [ADDRESS]
    await accept(room, "b")
    assert await counting(room, account) == [ADDRESS], "a day, from when they have left"
    clock.advance(DAY / SECOND - 1)
    assert await counting(room, account) == [ADDRESS]
    clock.advance(2)
    assert await counting(room, account) == [ADDRESS, SECOND_ADDRESS]
    async with room.database.read() as tx:
        assert await tx.all(select(tables.change_notices)) == []


async def test_notices_of_a_change_go_over_a_route_that_stands(room: Room, owner: Owner) -> None:
    account = await owner()
    await add(room, account)
    await hear(room)
    await accept(room, "a")
    async with room.database.write() as tx:
        await services.cut_off(room.database, tx, "b", by="t", reason="down", since=0)
    await sweep(room)
    await sweep(room)
    told = [(one["to"], one["provider"]) for one in await room.mails("security")]
    assert sorted(told) == [
        (to, provider) for to in (ADDRESS, SECOND_ADDRESS) for provider in ("b", "c")
    ]  # once, and b's waits for b
    await settle(room)
    assert await counting(room, account) == [ADDRESS, SECOND_ADDRESS]


async def test_where_no_second_route_comes_back_it_counts_after_the_longest_wait(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    await add(room, account)
    await hear(room)
    clock.advance(2 * DAY / SECOND)
    await sweep(room)
    assert await counting(room, account) == [ADDRESS], "nobody was told"
    await accept(room, "a")
    clock.advance(DAY / SECOND + 1)
    assert await counting(room, account) == [ADDRESS, SECOND_ADDRESS]


async def test_the_word_of_a_route_that_was_cut_off_is_not_enough_alone(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """The provider that took a notice and dropped it is noticed and cut off, the
    other one is down; a day later the thief's address counted on that word alone."""
    account = await owner()
    await add(room, account)
    await hear(room)
    await accept(room, "a")
    async with room.database.write() as tx:
        await services.cut_off(room.database, tx, "a", by="t", reason="compromised", since=0)
    clock.advance(DAY / SECOND + 1)
    await sweep(room)
    clock.advance(DAY / SECOND + 1)
    assert await counting(room, account) == [ADDRESS]
    await accept(room, "b", "c")
    clock.advance(DAY / SECOND + 1)
    assert await counting(room, account) == [ADDRESS, SECOND_ADDRESS]


async def test_a_mailbox_that_is_gone_keeps_its_owner_from_no_other(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Two routes say that it takes nothing; one alone may be a thief's."""
    account = await owner()
    await add(room, account)
    await hear(room)
    mails = await room.mails("security")
    for mail in mails:
        if mail["provider"] == "a":
            await room.attempt(mail, "a", "suppressed_there")
    clock.advance(DAY / SECOND + 1)
    await sweep(room)
    clock.advance(DAY / SECOND + 1)
    assert await counting(room, account) == [ADDRESS], "one provider says so"
    for mail in mails:
        if mail["provider"] == "b":
            await room.attempt(mail, "b", "rejected")
    await sweep(room)
    assert await counting(room, account) == [ADDRESS]
    clock.advance(DAY / SECOND + 1)
    assert await counting(room, account) == [ADDRESS, SECOND_ADDRESS]


async def test_what_waits_for_a_change_that_was_stopped_is_forgotten(
    room: Room, owner: Owner
) -> None:
    account = await owner()
    await add(room, account)
    told = await hear(room)
    denial = next(one["denial"] for one in told if one["to"] == ADDRESS)
    await room.accounts.changes.deny(str(denial))
    await sweep(room)
    async with room.database.read() as tx:
        assert await tx.all(select(tables.change_notices)) == []


async def test_a_removed_address_finishes_no_recovery(room: Room, owner: Owner) -> None:
    account = await owner()
    await add(room, account)
    await hear(room)
    await settle(room)
    await remove(room, account, ADDRESS)
    await hear(room)
    await accept(room, "a", "b")
    room.database.clock.advance(DAY / SECOND - 300)
    await room.ask("b1")
    link, code = await room.proofs()
    await room.recovery.proving.link("b1", "n", str(link["link"]))
    await room.recovery.proving.code("b1", "n", str(code["code"]))
    room.database.clock.advance(301)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
    with pytest.raises(Conflict):
        await room.recovery.finishing.finish(NEW, None, origin=Origin("b1"))


@pytest.mark.check("ASVS 6.3.7", "63B 4.6")
async def test_a_changed_password_is_told_with_a_way_to_undo_it(room: Room, owner: Owner) -> None:
    account = await owner()
    await room.accounts.change_password(account, PASSWORD, NEW, "n")
    told = await hear(room)
    assert [one["to"] for one in told] == [ADDRESS, ADDRESS]
    assert all(one["denial"] for one in told)


@pytest.mark.check("ASVS 6.3.7")
async def test_an_owner_is_told_of_another_class_over_two_routes(room: Room, owner: Owner) -> None:
    account = await owner()
    async with room.database.write() as tx:
        rooms = room.accounts.administration
        await rooms.set_class(tx, account, "high-value", by="key_1")
        await rooms.set_class(tx, account, "customer", by="key_1")
    mails = await hear(room)
    lowered = ["less strict" in str(one["text"]) for one in mails]
    assert sorted(lowered) == [False, False, True, True]
    told = [(one["to"], one["provider"]) for one in mails]
    assert sorted(told) == [(ADDRESS, "a"), (ADDRESS, "a"), (ADDRESS, "b"), (ADDRESS, "b")]
