"""A move as a weapon: to a provider in strange hands, back by forged bounces, on by false words."""

from typing import Any

import msgspec
import pytest

from mailkeep.base.errors import Conflict, Invalid
from mailkeep.cutover.gates import CutoverConfiguration as Rules
from mailkeep.cutover.services import Cutover
from mailkeep.cutover.types import Pace, State
from mailkeep.mail import bodies, services, shifting
from mailkeep.providers.types import Claim, ClaimKind
from mailkeep.store.database import Database

#: What is weighed is weighed in the same way on both engines; ``test_moving`` asks both.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

BY = "key_operator"
QUICK = Pace(shares=(0.5, 1.0), dwell=600, patience=900, rest=60, least=1)


async def _began(house: Any, pace: Pace = QUICK) -> None:
    """A move whose first step is under way."""
    await house.begin(pace)
    await house.cutover.step()
    assert (await house.view()).streams[0].step == 0


async def _backs(house: Any) -> int:
    await house.cutover.step()
    return sum(one.backs for one in (await house.view()).streams)


def _said(house: Any, provider: str, message: str, kind: ClaimKind, name: str = "") -> Claim:
    name = name or f"{kind} {message}"
    return Claim(provider, name, kind, None, message, None, house.clock.now(), "", "signature")


async def test_nobody_moves_mail_to_a_provider_that_the_settings_do_not_give_the_stream(
    house: Any,
) -> None:
    """A thief of the console, or of a key, has no provider to move mail to but ours."""
    async with house.database.write() as tx:
        with pytest.raises(Invalid):
            await house.cutover.plan(tx, "a", "mallory", [], QUICK, by=BY)
        with pytest.raises(Invalid):
            await house.cutover.now(tx, "a", "mallory", by=BY, reason="x", since=0)
    known = frozenset({*"abc", "mallory"})  # in the settings, and of no stream
    cutover = Cutover(house.database, Rules(house.streams, known))
    async with house.database.write() as tx:
        with pytest.raises(Invalid, match="no route of any stream"):
            await cutover.now(tx, "a", "mallory", by=BY, reason="x", since=0)
        plan = await cutover.plan(tx, "a", "mallory", [], QUICK, by=BY)
        with pytest.raises(Conflict):
            await cutover.start(tx, plan.id, by=BY, anyway=True)
        assert await shifting.shifts(tx) == {}


@pytest.mark.parametrize("against", ["cut", "rest", "doubt", "distrust"])
async def test_no_move_begins_to_a_provider_that_something_is_held_against(
    house: Any, against: str
) -> None:
    database: Database = house.database
    async with database.write() as tx:
        plan = await house.cutover.plan(tx, "a", "b", [], QUICK, by=BY)
        if against == "cut":
            await services.cut_off(database, tx, "b", by=BY, reason="x", since=0)
        elif against == "rest":
            await services.rest_provider(database, tx, "b", by=BY, reason="x", since=0)
        elif against == "doubt":
            await bodies.doubt(tx, ["b"])
        else:
            await services.distrust(database, tx, "b", by=BY, reason="x")
        with pytest.raises(Conflict):
            await house.cutover.start(tx, plan.id, by=BY, anyway=True)


async def test_a_suspicion_holds_the_move_up_and_takes_nothing_back(house: Any) -> None:
    """Outsiders can stage a suspicion; what it may do is make a person look."""
    await _began(house)
    async with house.database.write() as tx:
        await bodies.doubt(tx, ["b"])
    await house.cutover.step()
    view = await house.view()
    assert view.state is State.PAUSED
    assert view.share(view.streams[0]) == 0.5
    async with house.database.write() as tx:
        with pytest.raises(Conflict, match="suspicion"):
            await house.cutover.resume(tx, view.id, by=BY)


async def test_forged_bounces_of_the_old_one_about_mail_of_the_new_one_count_nothing(
    house: Any,
) -> None:
    """The provider that is left knows ids of messages; its word is about its own mail only."""
    await _began(house)
    house.bounces = lambda _job, _to: False
    ids = await house.accept("bulk", 150)
    await house.carry()
    theirs = [one for one in ids if house.taken[one] == ["b"]]
    assert len(theirs) > 40
    await house.claims.take("a", [_said(house, "a", one, ClaimKind.BOUNCED) for one in theirs])
    assert await _backs(house) == 0


async def test_a_bounce_that_is_told_again_and_again_counts_once(house: Any) -> None:
    await _began(house)
    house.bounces = lambda _job, _to: False
    claims, house.claims = house.claims, _Mute()
    ids = await house.accept("bulk", 80)
    await house.carry()
    house.claims = claims
    one = next(one for one in ids if house.taken[one] == ["b"])
    many = [_said(house, "b", one, ClaimKind.BOUNCED, f"claim {n}") for n in range(200)]
    await house.claims.take("b", many)
    assert await _backs(house) == 0


async def test_the_keeper_of_a_domain_cannot_send_mail_back_to_the_old_provider(
    house: Any,
) -> None:
    """A hundred accounts at one domain, whose server refuses what comes from the new provider."""
    await _began(house)
    house.bounces = lambda job, to: job.provider == "b" and to.endswith("@mail0.example")
    await house.accept("bulk", 300, domains=1)
    house.bounces = lambda job, to: job.provider == "b" and "mail0" in to
    await house.accept("bulk", 150)
    for _ in range(4):
        await house.carry()
    assert await _backs(house) == 0


async def test_dead_addresses_by_the_hundred_take_nothing_back(house: Any) -> None:
    await _began(house)
    house.bounces = lambda _job, to: int(to.partition("@")[0].removeprefix("user")) % 4 > 0
    await house.accept("bulk", 300)
    for _ in range(4):
        await house.carry()
    assert await _backs(house) == 0


async def test_the_old_provider_cannot_have_mail_back_by_hiding_its_bounces(house: Any) -> None:
    """It says 'delivered' of everything; the new one has the bounces that are ordinary."""
    await _began(house)
    house.bounces = lambda job, to: (
        job.provider == "b" and int(to.partition("@")[0].removeprefix("user")) % 50 == 0
    )
    await house.accept("bulk", 400)
    for _ in range(4):
        await house.carry()
    assert await _backs(house) == 0


async def test_a_target_that_says_delivered_of_everything_does_not_move_on(house: Any) -> None:
    """Where canaries go through it and none comes, its words move nothing."""
    rules = msgspec.structs.replace(house.cutover.house, canaried=frozenset("b"))
    house.cutover = Cutover(house.database, rules)
    await house.begin(QUICK)
    for _ in range(5):
        await house.accept("bulk", 20)
        await house.carry()
        await house.cutover.step()
        house.clock.advance(100)
    view = await house.view()
    assert view.state is State.MOVING
    assert "waits for a canary through b" in view.why
    assert await _no_shift(house)
    house.clock.advance(600)
    await house.cutover.step()
    assert (await house.view()).state is State.PAUSED


async def test_a_cut_old_provider_never_gets_mail_back(house: Any) -> None:
    """An attacker at the old one has the new one look bad: there is no way back to a cut one."""
    await _began(house)
    async with house.database.write() as tx:
        await services.cut_off(house.database, tx, "a", by=BY, reason="stolen", since=0)
    house.bounces = lambda job, _to: job.provider == "b"
    await house.accept("bulk", 100)
    for _ in range(3):
        await house.carry()
        await house.cutover.step()
    view = await house.view()
    assert view.state is State.MOVED
    assert all(view.share(one) == 1.0 for one in view.streams)


async def _no_shift(house: Any) -> bool:
    async with house.database.read() as tx:
        return not await shifting.shifts(tx)


class _Mute:
    """No webhook comes."""

    async def take(self, _provider: str, _found: object) -> int:
        return 0
