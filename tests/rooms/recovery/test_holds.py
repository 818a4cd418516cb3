"""Holds on both engines: who waits, who may stop it, and that it ends."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.classes import Classes, ClassSettings
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.types import Origin
from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotSignedIn
from mailkeep.base.keys import KeyRing
from mailkeep.events.types import Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.events import AttemptFinished
from mailkeep.recovery.types import Progress, RecoverySettings, WhenAlone
from mailkeep.store.database import Database

from .conftest import ADDRESS, NEW, PASSWORD, Room
from .test_recovery import bind, give, settle_factors, signs_in

Owner = Callable[[], Awaitable[str]]
HOUR, DAY = 3600, 86_400
HIGH = Classes({"customer": ClassSettings(recovery_hold=float(DAY))})
THIEF = Origin("thief", "far", "agent_chrome")
LAPTOP = Origin("laptop", "home", "agent_firefox")


@pytest.fixture
def room(database: Database, keys: KeyRing, room: Room) -> Room:
    """The same room with the holds that come with it."""
    return Room(database, keys, room.accounts, RecoverySettings())


@pytest.fixture
def lived(room: Room, owner: Owner, clock: ManualClock) -> Owner:
    """An account that was signed in to from a laptop at home; returns it."""

    async def run() -> str:
        account = await owner()
        for _ in range(3):
            clock.advance(DAY)
            await room.accounts.sign_in(
                ADDRESS, PASSWORD, browser="laptop", network="home", agent="agent_firefox"
            )
        return account

    return run


async def prove(room: Room, origin: Origin, *, skip: int = 0) -> Progress:
    """Ask, and show both proofs in one browser, as the page does."""
    await room.ask(origin.browser)
    link, code = await room.proofs(skip)
    await give(room, origin.browser, link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(origin)
    return await room.recovery.finishing.progress(origin)


async def accept(room: Room, *providers: str) -> None:
    """The providers take the notices that wait for them."""
    for mail in await room.mails("security"):
        provider = str(mail["provider"] or "a")
        if provider not in providers:
            continue
        await room.attempt(mail, provider, "accepted")
        fact = AttemptFinished(
            message=str(mail["id"]),
            attempt="att",
            provider=provider,
            stream="security",
            address="ad",
            outcome="accepted",
            detail="",
            seconds=0.1,
        )
        async with room.database.write() as tx:
            await room.recovery.on_attempt(tx, Recorded(1, tx.now, tx.now, "evt", fact))


async def finish(room: Room, origin: Origin, factor: str | None = None) -> None:
    typed = None if factor is None else Typed(code=factor, browser=origin.browser)
    await room.recovery.finishing.finish(NEW, typed, origin=origin)


async def kinds(room: Room) -> list[str]:
    return [kind for kind, _ in await room.facts()]


async def test_a_known_device_at_home_waits_for_nothing(room: Room, lived: Owner) -> None:
    await lived()
    progress = await prove(room, LAPTOP)
    assert (progress.word, progress.hold) == ("both", None)
    await finish(room, LAPTOP)
    done = (await room.facts())[-1]
    assert done[0] == "completed"
    assert (done[1]["held"], float(str(done[1]["risk"])) < 0) == (False, True)


async def test_a_strange_visit_waits_until_an_hour_after_the_notices_left(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    progress = await prove(room, THIEF)
    assert progress.word == "held"
    assert progress.hold is not None
    assert (progress.hold.reasons, progress.hold.length) == (("risk",), HOUR * SECOND)
    assert progress.hold.until is None
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    notices = await room.mails("security")
    assert {one["provider"] for one in notices} == {"a", "b"}
    assert all(one["denial"] and "is about to be" in str(one["subject"]) for one in notices)
    clock.advance(2 * HOUR)  # one route holds its notice back: no time has passed
    await accept(room, "a")
    assert (await room.recovery.finishing.progress(THIEF)).hold == progress.hold
    await accept(room, "b")
    running = (await room.recovery.finishing.progress(THIEF)).hold
    assert running is not None
    assert running.until == clock.now() + HOUR * SECOND
    clock.advance(HOUR - 1)
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    clock.advance(1)
    assert (await room.recovery.finishing.progress(THIEF)).word == "both"
    await finish(room, THIEF)
    assert await signs_in(room, NEW)
    assert [one for one in await kinds(room) if "hold" in one or one == "held"] == [
        "held",
        "hold_begun",
    ]
    assert (await room.facts())[-1][1]["held"]
    with pytest.raises(Conflict):
        await finish(room, THIEF)


async def test_the_owner_stops_it_from_any_notice(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    await prove(room, THIEF)
    notices = await room.mails("security")
    await accept(room, "a", "b")
    clock.advance(HOUR - 2)
    await room.recovery.denying.deny(str(notices[-1]["denial"]))
    clock.advance(10)
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    progress = await room.recovery.finishing.progress(THIEF)
    assert (progress.word, progress.ended) == ("none", "denied")
    assert await signs_in(room, PASSWORD)
    # The next one in that browser waits as well, also when the history would bear it.
    again = await prove(room, THIEF)
    assert again.hold is not None
    assert "denied" in again.hold.reasons


async def test_a_hold_belongs_to_its_browser(room: Room, lived: Owner, clock: ManualClock) -> None:
    """The owner, who may use the mails that a thief asked for, need not wait for the thief."""
    await lived()
    await prove(room, THIEF)
    await accept(room, "a", "b")
    link, code = await room.proofs()
    await give(room, "laptop", link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(LAPTOP)
    assert (await room.recovery.finishing.progress(LAPTOP)).word == "both"
    await finish(room, LAPTOP)
    clock.advance(HOUR)
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    assert await signs_in(room, NEW)


async def test_a_thief_behind_an_owner_who_waits_is_told_of_too(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    """The owner takes the first notice for their own and leaves it; the thief's needs its own."""
    await lived()
    owner = Origin("new", "away", "agent_safari")
    await prove(room, owner)
    await accept(room, "a", "b")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(THIEF)
    told = await room.mails("security")
    assert {one["provider"] for one in told} == {"a", "b"}
    async with room.database.write() as tx:
        await room.recovery.sweep(tx)
    assert len(await room.mails("security")) == len(told)
    held = (await room.recovery.finishing.progress(THIEF)).hold
    assert held is not None
    assert held.until is None, "its clock waits for its own notices"
    await accept(room, "a", "b")
    clock.advance(HOUR)
    assert (await room.recovery.finishing.progress(THIEF)).word == "both"
    await room.recovery.denying.deny(str(told[0]["denial"]))
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    # Nor is the owner's mailbox flooded by browsers that all show the same proofs.
    await prove(room, owner, skip=0)
    before = len(await room.denials())
    link, code = await room.proofs()
    for n in range(6):
        await give(room, f"t{n}", link=link["link"], code=code["code"])
        await room.recovery.finishing.advance(Origin(f"t{n}", "far", "agent_chrome"))
    assert len(await room.denials()) - before == 4


async def test_a_bound_factor_skips_the_hold(room: Room, lived: Owner, clock: ManualClock) -> None:
    account = await lived()
    app = await bind(room, account)
    clock.advance(90)
    progress = await prove(room, THIEF)
    assert (progress.word, progress.factor, progress.ahead) == ("both", True, False)
    with pytest.raises(NotSignedIn):
        await finish(room, THIEF)
    await finish(room, THIEF, app.at(clock.now() // SECOND))
    assert (await kinds(room))[-1] == "completed"


async def test_a_class_that_asks_for_it_holds_an_unknown_device_for_a_day_whatever_it_proves(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    account = await lived()
    app = await bind(room, account)
    room.accounts.classes = HIGH
    clock.advance(90)
    progress = await prove(room, THIEF)
    assert (progress.word, progress.factor, progress.ahead) == ("both", True, True)
    with pytest.raises(NotSignedIn):  # the factor first: without it there is not even a hold
        await finish(room, THIEF, "000000")
    assert "held" not in await kinds(room)
    with pytest.raises(Conflict):
        await room.recovery.finishing.finish("", Typed(app.at(clock.now() // SECOND)), origin=THIEF)
    held = await room.recovery.finishing.progress(THIEF)
    assert held.hold is not None
    assert (held.word, held.hold.reasons, held.hold.length) == ("held", ("device",), DAY * SECOND)
    await accept(room, "a", "b")
    clock.advance(DAY)
    assert not (
        await room.recovery.finishing.progress(THIEF)
    ).factor  # it was proved, and counts once
    await finish(room, THIEF)
    assert (await room.facts())[-1][1]["factor"]


async def test_what_is_held_against_a_route_brings_a_hold_until_it_is_taken_back(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()

    async def suspect(*held: tuple[str, str]) -> None:
        async with room.database.write() as tx:
            await room.recovery.suspect(tx, set(held))

    await suspect(("c", "provider_compromised"), ("", "campaign"))
    assert (await prove(room, LAPTOP)).word == "both"  # neither route carried a proof
    await suspect(("a", "provider_compromised"))
    held = (await room.recovery.finishing.progress(LAPTOP)).hold
    assert held is None
    with pytest.raises(Conflict):  # judged when it counts
        await finish(room, LAPTOP)
    held = (await room.recovery.finishing.progress(LAPTOP)).hold
    assert held is not None
    assert held.reasons == ("route",)
    await suspect()
    clock.advance(1)
    other = Origin("tablet", "home", "agent_firefox")
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="tablet", network="home")
    assert (await prove(room, other, skip=2)).word == "both"


async def test_a_route_that_is_cut_during_a_hold_costs_its_proof_and_not_the_wait(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    await prove(room, THIEF)
    await accept(room, "a", "b")
    link, _ = await room.proofs()
    reader = str(link["provider"])
    async with room.database.write() as tx:
        await mail_services.cut_off(room.database, tx, reader, by="t", reason="read", since=0)
        await room.recovery.void_through(tx, {reader}, "provider_cut")
    await room.recovery.planner.step()
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    fresh, _ = await room.proofs()
    assert fresh["provider"] == "c"
    await give(room, "thief", link=fresh["link"])
    assert (await room.recovery.finishing.progress(THIEF)).word == "held"
    clock.advance(HOUR)
    assert (await room.recovery.finishing.progress(THIEF)).word == "both"
    await finish(room, THIEF)
    assert await signs_in(room, NEW)


async def test_notices_that_cannot_leave_go_over_a_route_that_stands(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    await prove(room, THIEF)
    await accept(room, "a")
    async with room.database.write() as tx:
        await mail_services.cut_off(room.database, tx, "b", by="t", reason="down", since=0)
    async with room.database.write() as tx:
        await room.recovery.sweep(tx)
        await room.recovery.sweep(tx)
    told = [one["provider"] for one in await room.mails("security")]
    assert sorted(str(one) for one in told) == ["b", "c"]  # once, and b's waits for b
    await accept(room, "c")
    held = (await room.recovery.finishing.progress(THIEF)).hold
    assert held is not None
    assert held.until == clock.now() + HOUR * SECOND


async def test_without_notices_it_ends_and_support_must_help(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    held = (await prove(room, THIEF)).hold
    assert held is not None
    assert held.latest == clock.now() + DAY * SECOND
    await accept(room, "a")
    clock.advance(DAY)
    async with room.database.write() as tx:
        await room.recovery.sweep(tx)
    assert (await room.recovery.finishing.progress(THIEF)).ended == "notices_unproven"
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    assert await signs_in(room, PASSWORD)


async def test_a_hold_that_nobody_finishes_ends(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    await prove(room, THIEF)
    await accept(room, "a", "b")
    clock.advance(HOUR + DAY)
    async with room.database.write() as tx:
        await room.recovery.sweep(tx)
    assert (await room.recovery.finishing.progress(THIEF)).ended == "expired"


async def test_denials_beyond_the_days_share_lengthen_a_hold_once_and_a_known_device_stops_it(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    """A thief who holds the mailbox uses the owner's denials up, then waits."""
    await lived()
    origin = Origin("thief", "far")
    await prove(room, origin)
    await accept(room, "a", "b")
    room.context.settings = msgspec.structs.replace(room.settings, denials=0)
    first, second = (await room.denials())[-2:]
    await room.recovery.denying.deny(first)
    held = (await room.recovery.finishing.progress(origin)).hold
    assert held is not None
    assert held.length == DAY * SECOND
    clock.advance(HOUR)
    with pytest.raises(Conflict):
        await finish(room, origin)
    assert (await kinds(room)).count("hold_lengthened") == 1
    await room.recovery.denying.deny(second, "laptop")  # from the owner's own laptop
    assert (await room.recovery.finishing.progress(origin)).ended == "denied"


async def test_notices_lie_sealed_and_are_kept_until_they_arrive(room: Room, lived: Owner) -> None:
    await lived()
    await prove(room, THIEF)
    secret = str((await room.mails("security"))[0]["denial"])
    m, b = mail_tables.messages, mail_tables.message_bodies
    async with room.database.read() as tx:
        rows = await tx.all(
            b.select().join(m, m.c.id == b.c.message_id).where(m.c.stream == "security")
        )
        secret_stream = await tx.value(
            m.select().with_only_columns(m.c.secret).where(m.c.stream == "security")
        )
    assert len(rows) == 2
    assert all(row["hour"] is not None for row in rows)
    assert all(secret.encode() not in bytes(row["data"]) for row in rows)
    assert not secret_stream


async def test_while_one_route_stands_both_proofs_go_over_it_only_by_permission(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    await lived()
    for one in ("b", "c"):
        async with room.database.write() as tx:
            await mail_services.cut_off(room.database, tx, one, by="t", reason="down", since=0)
    await room.ask("thief")
    assert not await room.mails()  # the default waits
    degrade = msgspec.structs.replace(room.settings, when_alone=WhenAlone.DEGRADE)
    room.context.settings = room.recovery.settings = degrade
    for held in ({("a", "provider_silent")}, {("", "campaign")}):
        async with room.database.write() as tx:
            await room.recovery.suspect(tx, held)
        clock.advance(3)
        await room.recovery.planner.step()
        assert not await room.mails()
    async with room.database.write() as tx:
        await room.recovery.suspect(tx, set())
    clock.advance(3)
    await room.recovery.planner.step()
    link, code = await room.proofs()
    assert link["provider"] == code["provider"] == "a"
    await give(room, "thief", link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(THIEF)
    held_now = (await room.recovery.finishing.progress(THIEF)).hold
    assert held_now is not None
    assert held_now.reasons == ("risk", "alone")
    assert held_now.length == DAY * SECOND
    await accept(room, "a")
    clock.advance(DAY)
    async with room.database.write() as tx:
        await room.recovery.suspect(tx, {("a", "provider_compromised")})
    with pytest.raises(Conflict, match="in doubt"):
        await finish(room, THIEF)
    assert await signs_in(room, PASSWORD)
    facts = await room.facts()
    assert [kind for kind, _ in facts].count("degraded") == 1
    assert [fact["why"] for kind, fact in facts if kind == "voided"] == ["suspect_route"]


async def test_such_a_class_never_degrades(room: Room, lived: Owner, clock: ManualClock) -> None:
    await lived()
    for one in ("b", "c"):
        async with room.database.write() as tx:
            await mail_services.cut_off(room.database, tx, one, by="t", reason="down", since=0)
    room.context.settings = room.recovery.settings = msgspec.structs.replace(
        room.settings,
        when_alone=WhenAlone.DEGRADE,
    )
    room.accounts.classes = HIGH
    await room.ask("thief")
    clock.advance(10)
    await room.recovery.planner.step()
    assert not await room.mails()
    async with room.database.write() as tx:
        await mail_services.restore(room.database, tx, "b", by="t", reason="up")
    clock.advance(3)
    await room.recovery.planner.step()
    assert len(await room.mails()) == 2  # it waited


async def test_a_sign_in_is_kept_with_where_it_came_from(room: Room, lived: Owner) -> None:
    account = await lived()
    async with room.database.read() as tx:
        kept = await accounts.sign_ins(tx, account, 0)
    assert len(kept) == 3
    assert {(one.browser, one.network, one.agent, one.place) for one in kept} == {
        ("laptop", "home", "agent_firefox", None)
    }


@pytest.mark.check("ASVS 6.4.4")
async def test_a_lost_factor_is_answered_by_a_saved_code(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    account = await lived()
    await bind(room, account)
    codes = await room.accounts.factors.new_codes(account, Source("laptop", "home"))
    async with room.database.write() as tx:
        await settle_factors(room, tx, account)
    progress = await prove(room, THIEF)
    assert (progress.factor, progress.may_lose) == (True, False)
    assert progress.kinds == ("saved_codes", "totp")
    with pytest.raises(Conflict):  # the house does not allow contact points alone
        await room.recovery.finishing.lose(THIEF)
    await finish(room, THIEF, codes[3].reveal())
    assert (await kinds(room))[-1] == "completed"


@pytest.mark.check("ASVS 6.4.4", "63B 4.2.2.2")
async def test_contact_points_alone_take_three_days_by_permission_and_remove_every_factor(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    account = await lived()
    await bind(room, account)
    room.context.settings = msgspec.structs.replace(room.settings, contact_points_alone=True)
    assert (await prove(room, THIEF)).may_lose
    with pytest.raises(Conflict):
        await room.recovery.finishing.lose(THIEF)
    held = (await room.recovery.finishing.progress(THIEF)).hold
    assert held is not None
    assert (held.lost, held.length) == (True, 3 * DAY * SECOND)
    assert "lost" in held.reasons
    told = await room.mails("security")
    assert len(told) == 2
    assert all("says that your second factor is lost" in str(one["text"]) for one in told)
    await accept(room, "a", "b")
    clock.advance(3 * DAY - 1)
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    clock.advance(1)
    progress = await room.recovery.finishing.progress(THIEF)
    assert (progress.word, progress.factor, progress.bound) == ("both", False, False)
    await finish(room, THIEF)
    async with room.database.read() as tx:
        assert not await accounts.has_factor(tx, account)
    completed = [fact for kind, fact in await room.facts() if kind == "completed"]
    assert [fact["factor"] for fact in completed] == [False]


async def test_the_owner_stops_who_says_that_the_factor_is_lost(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    account = await lived()
    await bind(room, account)
    room.context.settings = msgspec.structs.replace(room.settings, contact_points_alone=True)
    await prove(room, THIEF)
    with pytest.raises(Conflict):
        await room.recovery.finishing.lose(THIEF)
    await room.recovery.denying.deny(str((await room.mails("security"))[0]["denial"]))
    clock.advance(3 * DAY)
    with pytest.raises(Conflict):
        await finish(room, THIEF)
    async with room.database.read() as tx:
        assert await accounts.has_factor(tx, account)


async def test_an_account_without_a_password_is_given_none(
    room: Room, lived: Owner, clock: ManualClock
) -> None:
    account = await lived()
    async with room.database.write() as tx:
        await tx.run(account_tables.passwords.delete())
    progress = await prove(room, LAPTOP)
    assert (progress.word, progress.passkeys_only) == ("both", True)
    with pytest.raises(Conflict, match="only its passkeys"):
        await finish(room, LAPTOP)
    async with room.database.read() as tx:
        assert not await accounts.has_password(tx, account)
