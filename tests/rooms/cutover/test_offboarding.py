"""A provider is left for good, in peace and in haste; what it says afterwards clears nothing."""

from typing import Any

import msgspec
import pytest

from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import LATE, LINKS, How, Leaving, checklist
from mailkeep.cutover.offboarding import Offboarding, OffboardingView
from mailkeep.cutover.types import Pace
from mailkeep.events import log
from mailkeep.mail import queries as mail
from mailkeep.mail import services as mail_services
from mailkeep.mail import tables
from mailkeep.mail.events import DeliveryReported
from mailkeep.mail.types import RouteSettings
from mailkeep.providers.types import Claim, ClaimKind

BY = "uid:0"
DNS = (
    "withdraw s1._domainkey.example.com (its DKIM key)",
    "withdraw bounce.example.com, MX and TXT (its return path)",
    "withdraw click.example.com (its links and opens are tracked under it)",
)
LEAVING = Leaving("a", DNS, "delete the key", {"templates": 3}, 2, 4711)
QUICK = Pace(shares=(1.0,), dwell=0, patience=0, least=0)


def _items(*, hostile: bool) -> dict[str, Any]:
    return {one.name: one for one in checklist(LEAVING, 0, hostile=hostile)}


def test_what_late_bounces_need_stays_for_a_week_after_a_healthy_leave_alone() -> None:
    peace, haste = _items(hostile=False), _items(hostile=True)
    for name in ("events", "keys", "webhooks", "dns.1", "dns.2"):
        assert (peace[name].due_at, haste[name].due_at) == (LATE, 0), name
    assert (peace["dns.3"].due_at, haste["dns.3"].due_at) == (LINKS, 0)
    assert "s1._domainkey.example.com" in peace["dns.1"].text
    assert ("cut" in peace, "cut" in haste) == (False, True)
    assert "(we see 3)" in peace["templates"].text
    assert "(4711)" in peace["ledger"].text
    assert {peace["honey"].how, peace["ledger"].how} == {How.KEPT}


async def _leave(house: Any, *, hostile: bool) -> OffboardingView:
    rooms = Offboarding(house.database, house.cutover.house)
    return await house.database.retrying(
        lambda tx: rooms.start(tx, LEAVING, hostile=hostile, by=BY)
    )


async def _moved(house: Any) -> None:
    async with house.database.write() as tx:
        move = await house.cutover.now(tx, "a", "b", by=BY, reason="we leave", since=tx.now)
        await house.cutover.finish(tx, move.id, by=BY)


async def _distrusted(house: Any) -> frozenset[str]:
    async with house.database.read() as tx:
        return await mail.distrusted(tx)


async def test_in_peace_its_word_counts_for_a_week_and_then_no_more(house: Any) -> None:
    with pytest.raises(Conflict, match="still carries recovery"):
        await _leave(house, hostile=False)
    await _moved(house)
    view = await _leave(house, hostile=False)
    done = {one.name for one in view.items if one.done_at is not None}
    assert done == {"weight", "ledger", "honey"}
    rooms = Offboarding(house.database, house.cutover.house)
    assert not await rooms.step()
    assert await _distrusted(house) == frozenset()
    house.clock.advance(LATE / SECOND)
    assert await rooms.step()
    assert not await rooms.step()
    assert await _distrusted(house) == {"a"}
    async with house.database.read() as tx:
        assert await mail.cut(tx) == {}


async def test_a_hostile_one_is_cut_off_and_believed_no_word_at_once(house: Any) -> None:
    await _leave(house, hostile=True)
    async with house.database.read() as tx:
        assert set(await mail.cut(tx)) == {"a"}
    assert await _distrusted(house) == {"a"}


async def test_one_that_turns_out_hostile_is_dated_anew(house: Any) -> None:
    await _moved(house)
    rooms = Offboarding(house.database, house.cutover.house)
    await _leave(house, hostile=False)
    await house.database.retrying(lambda tx: rooms.done(tx, "a", "templates", by=BY, note="Carla"))
    view = await _leave(house, hostile=True)
    found = {one.name: one for one in view.items}
    assert found["dns.1"].due_at == house.clock.now()
    assert (found["templates"].done_by, found["templates"].note) == (BY, "Carla")
    assert found["cut"].done_at is not None
    with pytest.raises(Conflict):
        await _leave(house, hostile=False)


@pytest.mark.parametrize("kind", [ClaimKind.DELIVERED, ClaimKind.BOUNCED])
async def test_what_it_says_afterwards_clears_nothing_and_is_heard(
    house: Any, kind: ClaimKind
) -> None:
    """Invariant: a late 'delivered' must not clear, a late 'bounced' not silence a customer."""
    (one,) = await house.accept("alert")
    claims, house.claims = house.claims, _Mute()
    await house.carry()
    house.claims = claims
    await _leave(house, hostile=True)
    async with house.database.read() as tx:
        before = await mail.statuses(tx, [one])
    late = Claim("a", "late", kind, None, one, None, house.clock.now(), "", "signature")
    assert await house.claims.take("a", [late]) == 1
    await log.Relay(house.database, "one").place()
    async with house.database.read() as tx:
        assert await mail.statuses(tx, [one]) == before
        facts = [fact.fact for _, fact in await log.after(tx, 0, 500) if fact is not None]
        kept = await tx.all(tables.claims.select())
    assert [row["claim_id"] for row in kept] == ["late"]
    assert any(isinstance(fact, DeliveryReported) and fact.claim == "late" for fact in facts)


class _Mute:
    """No webhook comes."""

    async def take(self, _provider: str, _found: object) -> int:
        return 0


async def test_the_list_is_kept_until_everything_on_it_is_done(house: Any) -> None:
    await _moved(house)
    await _leave(house, hostile=False)
    rooms = Offboarding(house.database, house.cutover.house)

    async def done(name: str) -> OffboardingView:
        return await house.database.retrying(lambda tx: rooms.done(tx, "a", name, by=BY))

    with pytest.raises(NotFound):
        await done("nonsense")
    with pytest.raises(Conflict):
        await done("events")  # Mailkeep does it
    house.clock.advance(40 * DAY / SECOND)
    await rooms.step()
    async with house.database.read() as tx:
        (view,) = await offboarding.open_ones(tx)
    by_hand = [one.name for one in view.items if one.how is How.HAND]
    for name in by_hand:
        view = await done(name)
    assert view.done_at is not None
    with pytest.raises(Conflict):
        await done(by_hand[0])
    async with house.database.read() as tx:
        assert await offboarding.open_ones(tx) == []
        assert len(await offboarding.listing(tx)) == 1


async def test_a_stranger_is_not_left_and_nobody_twice(house: Any) -> None:
    await _moved(house)
    await _leave(house, hostile=False)
    rooms = Offboarding(house.database, house.cutover.house)
    stranger = Leaving("mallory", (), "", {}, 0, 0)
    async with house.database.write() as tx:
        with pytest.raises(Invalid):
            await rooms.start(tx, stranger, hostile=True, by=BY)
        with pytest.raises(Conflict, match="already"):
            await rooms.start(tx, LEAVING, hostile=False, by=BY)


async def test_a_provider_that_is_kept_warm_carries_mail(house: Any) -> None:
    """Every fiftieth mail goes through it, signed by a key that is taken out of DNS."""
    await _moved(house)
    _route(house, "bulk", RouteSettings("a", 0, warm=0.02))
    with pytest.raises(Conflict, match="still carries bulk"):
        await _leave(house, hostile=False)


def _route(house: Any, stream: str, route: RouteSettings) -> None:
    """The settings say so of one route."""
    known = house.streams[stream]
    routes = tuple(route if one.provider == route.provider else one for one in known.routes)
    changed = {stream: msgspec.structs.replace(known, routes=routes)}
    house.streams = {**house.streams, **changed}
    house.open()


async def test_one_that_carries_mail_again_loses_neither_its_word_nor_its_key(house: Any) -> None:
    await _moved(house)
    await _leave(house, hostile=False)
    _route(house, "bulk", RouteSettings("a", 0, warm=0.02))  # somebody changed their mind
    house.clock.advance(40 * DAY / SECOND)
    rooms = Offboarding(house.database, house.cutover.house)
    await rooms.step()
    assert await _distrusted(house) == frozenset()
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="a carries bulk"):
            await rooms.ready(tx, "a", "keys")
    _route(house, "bulk", RouteSettings("a", 0))
    rooms = Offboarding(house.database, house.cutover.house)
    assert await rooms.step()
    assert await _distrusted(house) == {"a"}
    async with house.database.write() as tx:
        assert (await rooms.ready(tx, "a", "keys")).provider == "a"


async def test_nothing_is_taken_away_before_its_day_nor_by_a_list_that_is_done(house: Any) -> None:
    await _moved(house)
    view = await _leave(house, hostile=False)
    rooms = Offboarding(house.database, house.cutover.house)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="keys is not due yet"):
            await rooms.ready(tx, "a", "keys")
        with pytest.raises(NotFound):
            await rooms.ready(tx, "b", "keys")
    house.clock.advance(40 * DAY / SECOND)
    await rooms.step()
    await _all_done(house, view)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="was left by"):
            await rooms.ready(tx, "a", "keys")


async def _all_done(house: Any, view: OffboardingView) -> None:
    rooms = Offboarding(house.database, house.cutover.house)
    for one in view.items:
        if one.how is How.HAND:
            await house.database.retrying(
                lambda tx, name=one.name: rooms.done(tx, "a", name, by=BY)
            )


@pytest.mark.parametrize("hostile", [False, True])
async def test_one_that_came_back_is_left_by_a_list_of_its_own(
    house: Any, *, hostile: bool
) -> None:
    """The key that it has now is another one than was revoked last year."""
    await _moved(house)
    view = await _leave(house, hostile=False)
    house.clock.advance(40 * DAY / SECOND)
    await Offboarding(house.database, house.cutover.house).step()
    await _all_done(house, view)
    async with house.database.write() as tx:
        await mail_services.trust(house.database, tx, "a", by=BY, reason="it came back")
    again = {one.name: one for one in (await _leave(house, hostile=hostile)).items}
    assert (again["keys"].done_at, again["dns.1"].done_at) == (None, None)
    assert (again["events"].done_at is None) is not hostile
    assert await _distrusted(house) == ({"a"} if hostile else frozenset())


async def test_a_record_that_is_another_one_by_now_is_not_withdrawn_yet(house: Any) -> None:
    await _moved(house)
    await _leave(house, hostile=False)
    rooms = Offboarding(house.database, house.cutover.house)
    for name in ("dns.1", "dns.2"):
        await house.database.retrying(lambda tx, name=name: rooms.done(tx, "a", name, by=BY))
    changed = msgspec.structs.replace(LEAVING, dns=(DNS[0], DNS[2]))
    view = await house.database.retrying(lambda tx: rooms.start(tx, changed, hostile=True, by=BY))
    found = {one.name: one for one in view.items}
    assert found["dns.1"].done_at is not None
    assert (found["dns.2"].text, found["dns.2"].done_at) == (f"DNS: {DNS[2]}", None)


async def test_one_that_is_kept_after_all_is_believed_again_and_not_while_it_is_cut_off(
    house: Any,
) -> None:
    await _moved(house)
    await _leave(house, hostile=False)
    rooms = Offboarding(house.database, house.cutover.house)
    house.clock.advance(LATE / SECOND)
    await rooms.step()
    assert await _distrusted(house) == {"a"}
    async with house.database.write() as tx:
        with pytest.raises(Invalid):
            await rooms.stop(tx, "a", by=BY, reason=" ")
        with pytest.raises(NotFound):
            await rooms.stop(tx, "b", by=BY, reason="we keep it")
        await rooms.stop(tx, "a", by=BY, reason="we keep it")
        assert await offboarding.listing(tx) == []
    assert await _distrusted(house) == frozenset()
    await _leave(house, hostile=True)
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="cut off"):
            await rooms.stop(tx, "a", by=BY, reason="a thief would like that")
    assert await _distrusted(house) == {"a"}


async def test_in_peace_nobody_is_left_whom_recovery_cannot_do_without(house: Any) -> None:
    await _moved(house)
    rules = msgspec.structs.replace(house.cutover.house, recovery="recovery")
    rooms = Offboarding(house.database, rules)
    async with house.database.write() as tx:
        await mail_services.unrest_provider(house.database, tx, "a", by=BY, reason="x")
        assert await offboarding.against(tx, rules, "a") is None, "b and c are left"
        await mail_services.rest_provider(house.database, tx, "c", by=BY, reason="x", since=tx.now)
        assert await offboarding.against(tx, rules, "a") is not None
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match=r"Without a no two routes .* with --anyway"):
            await rooms.start(tx, LEAVING, hostile=False, by=BY)
        begun = await rooms.start(tx, LEAVING, hostile=False, by=BY, anyway=True)
    assert not begun.hostile
    async with house.database.write() as tx:  # and one that turns out hostile is left at once
        assert (await rooms.start(tx, LEAVING, hostile=True, by=BY)).hostile
