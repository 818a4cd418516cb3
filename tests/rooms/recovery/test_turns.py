"""Whose turn it is with the planner, and what neighbours of a network can take from each other."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import select

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, MailkeepError, TooMany
from mailkeep.recovery import limiting, tables, turns
from mailkeep.recovery.planning import AFTER_ERROR, ENOUGH
from mailkeep.recovery.types import Nets, Turn
from mailkeep.store.database import Tx

from .conftest import ADDRESS, NEW, PARTIES, PASSWORD, Room
from .test_recovery import finish, give, signs_in

Owner = Callable[[], Awaitable[str]]
HOME = Nets("home_region", "home_area", "home", "home_1")
_r = tables.recoveries


async def flood(room: Room, nets: list[Nets], each: int = 1) -> None:
    """Strangers ask for addresses that nobody has, from each of some networks."""
    for number, one in enumerate(nets):
        for more in range(each):
            address, browser = f"x{number}.{more}@example.org", f"t{number}.{more}"
            await room.recovery.ask(address, browser=browser, network=one.network, nets=one)


async def ask(room: Room, browser: str, nets: Nets = HOME, address: str = ADDRESS) -> bool:
    room.database.clock.advance(0.001)
    return await room.recovery.ask(address, browser=browser, network=nets.network, nets=nets)


async def plan(room: Room) -> list[str]:
    """Have everything planned; who had asked, in the order in which they were looked at."""
    while await room.recovery.planner.step():
        pass
    return [str(fact["browser"]) for kind, fact in await room.facts() if kind == "requested"]


async def known(room: Room, browser: str) -> None:
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser=browser, network="elsewhere")


async def standing(room: Room) -> dict[str, tuple[str, str | None]]:
    """By browser: the state of what it asked for, and why."""
    async with room.database.read() as tx:
        rows = await tx.all(select(_r))
    return {row["asked_by"]: (row["state"], row["why"]) for row in rows}


@pytest.mark.check("ASVS 6.1.1", "Reset: lockout")
async def test_a_region_full_of_networks_is_one_neighbour(room: Room, owner: Owner) -> None:
    """A /32 of IPv6 has 65,536 /48s, each with a share of its own."""
    await owner()
    await flood(room, [Nets("vast", f"a{n % 2}", f"n{n}", f"h{n}") for n in range(20)], each=3)
    await ask(room, "own")
    seen = await plan(room)
    assert len(seen) == 61
    assert seen.index("own") <= 1
    assert len(await room.mails()) == 2


async def test_each_area_network_and_address_has_its_turn(room: Room, owner: Owner) -> None:
    """A customer of the same provider, and a neighbour in the same network, wait for few."""
    await owner()
    await flood(room, [Nets("vast", "a", f"n{n}", f"h{n}") for n in range(12)], each=2)
    await flood(room, [Nets("vast", "b", "office", f"o{n}") for n in range(12)], each=2)
    await ask(room, "customer", Nets("vast", "c", "n", "h"), "b@example.org")
    await ask(room, "colleague", Nets("vast", "b", "office", "o"), "c@example.org")
    await ask(room, "heavy", Nets("vast", "b", "office", "o0"), "d@example.org")
    seen = await plan(room)
    assert seen.index("customer") <= 3  # of three areas
    assert seen.index("colleague") <= 3 * 13  # of thirteen addresses in the second of them
    assert seen.index("heavy") > seen.index("colleague")


@pytest.mark.check("Reset: lockout")
async def test_whom_the_account_knows_waits_for_no_crowd_of_regions(
    room: Room, owner: Owner
) -> None:
    await owner()
    await known(room, "laptop")
    await flood(room, [Nets(*[f"r{n}"] * 4) for n in range(30)])
    await ask(room, "laptop")
    seen = await plan(room)
    assert seen.index("laptop") <= 1


async def test_a_cookie_that_another_account_knows_jumps_no_queue(room: Room, owner: Owner) -> None:
    """A thief has an account of their own, and is known there."""
    await owner()
    made = await room.accounts.sign_up("eve@example.org", PASSWORD, "network_e")
    assert made.code is not None
    await room.accounts.confirm(made.confirmation, made.code.reveal(), "home")
    await room.accounts.sign_in("eve@example.org", PASSWORD, browser="eve", network="network_e")
    await ask(room, "eve")
    await ask(room, "eve", address="eve@example.org")
    await room.recovery.planner._turns.sort()
    async with room.database.read() as tx:
        rows = await tx.all(select(_r).order_by(_r.c.id))
    assert [row["turn"] for row in rows] == [Turn.STRANGERS, Turn.KNOWN]


async def test_the_row_of_the_known_starves_no_stranger_and_is_shared_as_fairly(
    room: Room, owner: Owner
) -> None:
    """A thief with many accounts fills it from one region: others known, and an owner at a strange
    device, have their turns all the same."""
    await owner()
    await known(room, "laptop")
    own = Nets("vast", "a", "n", "h")
    for n in range(12):
        address = f"eve{n}@example.org"
        made = await room.accounts.sign_up(address, PASSWORD, f"network_{n}")
        assert made.code is not None
        await room.accounts.confirm(made.confirmation, made.code.reveal(), "home")
        await room.accounts.sign_in(address, PASSWORD, browser="eve", network="n")
        await ask(room, "eve", own, address)
    await ask(room, "laptop")
    await ask(room, "strange", Nets(*["hotel"] * 4))
    seen = await plan(room)
    assert seen.index("laptop") <= 3
    assert seen.index("strange") <= 3


async def test_where_the_last_turns_are_forgotten_everybody_still_has_one(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of a flood is bounded."""
    monkeypatch.setattr(turns, "PLACES", 6)
    await owner()
    await flood(room, [Nets(f"r{n % 5}", f"a{n % 7}", f"n{n}", f"h{n}") for n in range(40)])
    await ask(room, "own")
    seen = await plan(room)
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 41
    assert len(room.recovery.planner._turns._last) <= 6
    async with room.database.read() as tx:  # nor is the address kept of who has had their turn
        assert {row["host"] for row in await tx.all(select(_r.c.host))} == {""}


async def test_what_would_come_too_late_is_not_planned(
    room: Room, owner: Owner, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner()
    await flood(room, [HOME], each=3)
    await ask(room, "late")
    clock.advance(room.settings.link_life - ENOUGH / 1e6 + 1)
    await ask(room, "own")
    hashed = []
    make = room.context.slow.make

    async def counted(*given: str, **more: bool) -> str:
        hashed.append(given)
        return await make(*given, **more)

    monkeypatch.setattr(room.context.slow, "make", counted)
    assert len(await plan(room)) == 5  # the log tells of those too
    assert len(hashed) == 1
    found = await standing(room)
    assert found["late"] == found["t0.0"] == ("nothing", "expired")
    assert found["own"][0] == "open"


async def test_where_links_are_good_for_a_minute_they_are_planned_all_the_same(
    room: Room, owner: Owner
) -> None:
    await owner()
    room.settings = msgspec.structs.replace(room.settings, link_life=60.0)
    room.graph([{"id": one} for one in PARTIES.values()])
    await ask(room, "own")
    await plan(room)
    assert len(await room.mails()) == 2


async def test_while_no_two_routes_stand_who_asked_waits_in_place(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    room.ailing = {"b", "c"}
    await ask(room, "own")
    await flood(room, [HOME], each=2)
    assert await room.recovery.planner.step() == 0
    assert {state for state, _ in (await standing(room)).values()} == {"asked"}
    room.ailing = set()
    clock.advance(1)
    await plan(room)
    assert len(await room.mails()) == 2


async def test_who_asked_in_an_outage_lapses_there_and_is_told_of(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Else what watches resets is blind while no two routes stand, and what strangers typed is kept
    like the recoveries of owners."""
    await owner()
    await known(room, "laptop")
    room.ailing = {"b", "c"}
    await flood(room, [HOME], each=3)
    await ask(room, "laptop")
    assert await plan(room) == []
    clock.advance(room.settings.link_life - ENOUGH / 1e6 + 1)
    await ask(room, "own")
    assert sorted(await plan(room)) == ["laptop", "t0.0", "t0.1", "t0.2"]
    found = await standing(room)
    assert found.pop("own") == ("asked", None)
    assert set(found.values()) == {("nothing", "expired")}
    clock.advance(room.settings.link_life)
    await plan(room)
    async with room.database.write() as tx:
        assert await room.recovery.sweep(tx) == 0
    assert (await standing(room))["own"] == ("nothing", "expired")


async def test_one_that_cannot_be_left_out_holds_up_no_other(
    room: Room, owner: Owner, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner()
    await ask(room, "late")
    clock.advance(room.settings.link_life)
    await ask(room, "own")

    async def fails(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(room.recovery.planner, "_lapse", fails)
    await plan(room)
    monkeypatch.undo()
    found = await standing(room)
    assert (found["late"][0], found["own"][0]) == ("asked", "open")
    clock.advance(AFTER_ERROR / 1e6)
    await plan(room)
    assert (await standing(room))["late"] == ("nothing", "expired")


@pytest.mark.check("ASVS 6.1.1")
async def test_a_neighbour_who_asks_without_end_keeps_no_owner_out(
    room: Room, owner: Owner
) -> None:
    """An office, a mobile provider's NAT, a VPN: its share is used up within a minute."""
    await owner()
    await known(room, "laptop")
    thief = HOME._replace(host="home_2")
    await flood(room, [thief], each=40)
    said = [
        await ask(room, "laptop", thief),
        await ask(room, "stranger", thief),
        await ask(room, "nobody's", thief, "nobody@example.net"),
    ]
    assert said == [True, True, True]  # the page says so to everybody
    assert await ask(room, "phone") is False  # another address has a few of its own
    await plan(room)
    found = await standing(room)
    assert found["laptop"][0] == found["phone"][0] == "open"
    assert found["stranger"] == found["nobody's"] == ("nothing", turns.LIMITED)
    assert found["t0.35"] == ("nothing", turns.LIMITED)


async def test_a_network_of_many_addresses_asks_for_a_few_of_each(room: Room, owner: Owner) -> None:
    await owner()
    hosts = [HOME._replace(host=f"h{n}") for n in range(3)]
    await flood(room, [*hosts], each=room.settings.asks)
    seen = await plan(room)
    assert len(seen) == room.settings.asks + 2 * limiting.ALONE


async def test_one_browser_asks_for_one_address_so_often_and_no_more(
    room: Room, owner: Owner
) -> None:
    """Also where the account knows it, which no network's share holds back."""
    await owner()
    await known(room, "laptop")
    for n in range(room.settings.asks + 10):
        await ask(room, "laptop", Nets(*[f"n{n}"] * 4))
    assert len(await plan(room)) == room.settings.asks


async def test_who_has_shown_the_link_may_ask_again_in_a_crowd(room: Room, owner: Owner) -> None:
    """Their code came too late, and the account does not know the device."""
    await owner()
    await ask(room, "own")
    await plan(room)
    link, _ = await room.proofs()
    await room.recovery.proving.link("phone", "home", str(link["link"]))
    await flood(room, [HOME], each=40)
    await ask(room, "phone")
    await ask(room, "phone", address="nobody@example.net")
    await plan(room)
    async with room.database.read() as tx:
        rows = await tx.all(select(_r).where(_r.c.asked_by == "phone").order_by(_r.c.id))
    assert [row["state"] for row in rows] == ["open", "nothing"]


@pytest.mark.check("ASVS 6.1.1", "ASVS 6.6.3")
async def test_wrong_links_and_codes_of_a_neighbour_stand_in_nobodys_way(
    room: Room, owner: Owner
) -> None:
    await owner()
    await ask(room, "own")
    await plan(room)
    link, code = await room.proofs()
    proving = room.recovery.proving
    for n in range(room.settings.asks):
        with pytest.raises(Conflict):
            await proving.link(f"t{n}", "home", "0" * 26)
        with pytest.raises(Conflict):
            await proving.code(f"t{n}", "home", "AAAA-AAAA")
    with pytest.raises(TooMany):
        await proving.link("t", "home", "0" * 26)
    with pytest.raises(TooMany):
        await proving.code("t", "home", "AAAA-AAAA")
    with pytest.raises(Conflict):  # who asked has tries of their own, as many as before
        await proving.code("own", "home", "AAAA-AAAA")
    await proving.link("phone", "home", str(link["link"]))  # another device of the owner's
    await proving.code("phone", "home", str(code["code"]))
    await proving.code("own", "home", str(code["code"]))
    await proving.link("own", "home", str(link["link"]))
    await finish(room, "own")
    assert await signs_in(room, NEW)


async def test_guessing_stays_bounded_in_a_browser_that_asked(room: Room, owner: Owner) -> None:
    await owner()
    await ask(room, "thief")
    await plan(room)
    _, code = await room.proofs()
    for _ in range(room.settings.code_tries):
        with pytest.raises(Conflict):
            await give(room, "thief", code="AAAA-AAAA")
    with pytest.raises(Conflict):
        await give(room, "thief", code=code["code"])
    for _ in range(room.settings.asks - room.settings.code_tries - 1):
        with pytest.raises(Conflict):
            await give(room, "thief", code="AAAA-AAAA")
    with pytest.raises(TooMany):
        await give(room, "thief", code="AAAA-AAAA")


@pytest.mark.check("Reset: time", "ASVS 6.3.8")
async def test_a_crowd_tells_of_no_account_and_of_no_known_browser(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has got hold of a browser fills the network, asks there and types codes: the answers, and
    the statements up to the reply, are the same as for anybody's address and browser."""
    await owner()
    await known(room, "laptop")
    await flood(room, [HOME], each=40)
    for n in range(2 * room.settings.asks):
        with pytest.raises(Conflict):
            await room.recovery.proving.link(f"t{n}", "home", "0" * 26)
    said: list[str] = []

    def told(name: str) -> None:
        kept = getattr(Tx, name)

        def call(tx: Tx, statement: object, *more: object, **values: object) -> object:
            said.append(name + str(statement))
            return kept(tx, statement, *more, **values)

        monkeypatch.setattr(Tx, name, call)

    for name in ("run", "all", "one", "value"):
        told(name)
    work, answers = [], []
    for browser, address in (
        ("warm", "warm@example.net"),
        ("laptop", ADDRESS),
        ("strange", ADDRESS),
        ("other", "nobody@example.net"),
    ):
        said.clear()
        crowded = await ask(room, browser, address=address)
        work.append(list(said))
        await plan(room)
        said_to = []
        for _ in range(3):
            try:
                await room.recovery.proving.code(browser, "home", "AAAA-AAAA")
            except MailkeepError as error:
                said_to.append((type(error).__name__, str(error)))
        answers.append((crowded, said_to))
    assert work[1] == work[2] == work[3]
    assert answers[1] == answers[2] == answers[3]
    assert answers[1][0] is True
    assert len(await room.mails()) == 2  # the owner was written to all the same


async def test_who_has_shown_both_takes_no_place_from_a_neighbours_flood(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For whom a code is compared: a network that hashes without end turns away itself alone."""
    await owner()
    await ask(room, "own")
    await plan(room)
    link, _ = await room.proofs()
    whose = []
    check = room.context.slow.check

    async def noted(purpose: str, secret: str, kept: str | None, *, of: str) -> bool:
        whose.append(of)
        return await check(purpose, secret, kept, of=of)

    monkeypatch.setattr(room.context.slow, "check", noted)
    for browser, shows in (("own", False), ("own", True), ("thief", True)):
        if shows:
            await room.recovery.proving.link(browser, "home", str(link["link"]))
        with pytest.raises(Conflict):
            await room.recovery.proving.code(browser, "home", "AAAA-AAAA")
    # A reader of links has as many cookies as they like, and is one of their network.
    assert whose == ["home"] * 2 + ["own"] * 2 + ["home"] * 2
