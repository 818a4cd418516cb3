"""Resets that an application tells of, on both engines: what would have become of them, and what
who holds the application's API key gains by telling of them: nothing."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from mailkeep.accounts import applications
from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.registration import check
from mailkeep.base.clock import DAY, MINUTE
from mailkeep.base.errors import Invalid, NotAllowed
from mailkeep.recovery import rehearsed, retention, tables
from mailkeep.recovery.rehearsing import Told
from mailkeep.recovery.types import Reach, Way, WhenAlone
from mailkeep.store.database import Tx

from .conftest import ADDRESS, Room
from .test_verdicts import Shop, opened

STRANGER = "eve@example.net"


@pytest.fixture
async def shop(room: Room) -> Shop:
    return await rehearsing(await opened(room))


async def rehearsing(shop: Shop, reach: Reach = Reach.NOBODY, share: int = 100) -> Shop:
    shop.room.context.reach = reach
    async with shop.room.database.write() as tx:
        await applications.set_share(tx, "Shop", share, by="test")
    return shop


async def tell(shop: Shop, **told: str) -> Way:
    """The application asks where a reset goes on, and what becomes of it is worked out."""
    shop.room.database.clock.advance(0.01)
    async with shop.room.database.write() as tx:
        way = await shop.room.recovery.whither(tx, shop.view.id, Told(**told))
    await shop.room.recovery.step()
    return way


async def last(shop: Shop) -> dict[str, Any]:
    t = tables.rehearsals
    async with shop.room.database.read() as tx:
        row = await tx.one(select(t).order_by(t.c.id.desc()).limit(1))
    assert row is not None
    return dict(row)


async def count(shop: Shop, table: Any) -> int:
    async with shop.room.database.read() as tx:
        return int(await tx.value(select(func.count()).select_from(table)) or 0)


async def suspect(shop: Shop, held: set[tuple[str, str]]) -> None:
    async with shop.room.database.write() as tx:
        await shop.room.recovery.suspect(tx, held)


def with_settings(shop: Shop, **settings: Any) -> None:
    room = shop.room
    room.settings = msgspec.structs.replace(room.settings, **settings)
    reach = room.context.reach
    room.graph([{"id": one} for one in ("house_a", "house_b", "house_c")])
    room.context.reach = reach


async def test_a_registered_user_would_have_gone_through_at_once(shop: Shop) -> None:
    made = await shop.register("41", ADDRESS, "kept_there")
    assert await tell(shop, address=ADDRESS, subject="41", network="192.0.2.0/24") is Way.THERE
    row = await last(shop)
    assert (row["would"], row["account_id"], row["factor"]) == (
        "at_once",
        made.account,
        "kept_there",
    )
    (kind, fact) = (await shop.room.facts())[-1]
    assert kind == "rehearsed"
    assert {fact["link"], fact["code"]} == {"a", "b"}
    assert (fact["account"], fact["would"], fact["reasons"]) == (made.account, "at_once", [])


async def test_nothing_is_mailed_minted_or_begun(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    for _ in range(3):
        await tell(shop, address=ADDRESS, device="d")
    for table in (tables.recoveries, tables.proofs, tables.holds, tables.denials):
        assert await count(shop, table) == 0
    assert await shop.room.mails() == []
    assert await shop.room.mails("security") == []


async def test_what_would_have_been_held_says_why_and_for_how_long(shop: Shop) -> None:
    with_settings(shop, hold=3600.0)
    await shop.register("41", ADDRESS)
    await suspect(shop, {("a", "provider_compromised")})
    await tell(shop, address=ADDRESS)
    row = await last(shop)
    assert (row["would"], row["reasons"], row["length"]) == ("held", "route", 3_600_000_000)


@pytest.mark.parametrize(
    ("down", "same_owner", "why"),
    [({"a", "b"}, False, "one_route"), ({"c"}, True, "dependent")],
)
async def test_while_no_two_routes_stand_it_would_have_waited(
    shop: Shop, down: set[str], same_owner: bool, why: str
) -> None:
    if same_owner:
        owned = [{"id": one, "owned_by": ["group"]} for one in ("house_a", "house_b")]
        shop.room.graph([{"id": "group"}, *owned, {"id": "house_c"}])
        shop.room.context.reach = Reach.NOBODY
    shop.room.ailing |= down
    await shop.register("41", ADDRESS)
    await tell(shop, address=ADDRESS)
    row = await last(shop)
    assert (row["would"], row["why"]) == ("waits", why)


async def test_over_one_route_where_the_house_wants_it_there_is_a_long_hold(shop: Shop) -> None:
    with_settings(shop, when_alone=WhenAlone.DEGRADE, hold_long=86_400.0)
    shop.room.ailing |= {"b", "c"}
    await shop.register("41", ADDRESS)
    await tell(shop, address=ADDRESS)
    row = await last(shop)
    assert (row["would"], row["reasons"], row["length"]) == ("held", "alone", DAY)


async def test_who_is_not_registered_is_counted_and_nothing_more(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    await tell(shop, address=STRANGER, subject="99")
    assert (await last(shop))["would"] == "not_registered"
    await tell(shop, subject="99")
    assert (await last(shop))["would"] == "not_registered"
    # The application knows the user by an address that it never registered.
    await tell(shop, address=STRANGER, subject="41")
    assert (await last(shop))["would"] == "not_registered"
    await tell(shop, subject="41")
    assert (await last(shop))["would"] == "at_once"


async def test_a_reset_needs_a_name_and_an_application_in_use(shop: Shop) -> None:
    for told in ({}, {"address": "no address"}, {"subject": "a/b"}, {"subject": ADDRESS}):
        with pytest.raises(Invalid):
            await tell(shop, **told)
    async with shop.room.database.write() as tx:
        await applications.revoke(tx, "Shop", by="test")
    with pytest.raises(NotAllowed):
        await tell(shop, address=ADDRESS)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database, as it is asked."""
    done: list[str] = []

    def counted(name: str) -> None:
        inner = getattr(Tx, name)

        def wrapped(self: object, *args: Any, **values: Any) -> Any:
            done.append(name)
            return inner(self, *args, **values)

        monkeypatch.setattr(Tx, name, wrapped)

    for name in ("_execute", "fetch", "fetch_each", "many", "defer"):
        counted(name)
    return done


@pytest.mark.parametrize("reach", [*Reach])
async def test_a_thief_of_the_key_learns_nobodys_address_by_asking(
    shop: Shop, work: list[str], reach: Reach
) -> None:
    """The same statements before the reply, and no word in it but where the reset goes on."""
    await rehearsing(shop, reach, 50)
    await shop.register("41", ADDRESS)
    seen = []
    for told in ({"address": ADDRESS}, {"address": STRANGER}, {"subject": "41"}, {"subject": "9"}):
        for _ in range(2):
            shop.room.database.clock.advance(1.0)
            async with shop.room.database.write() as tx:
                work.clear()
                way = await shop.room.recovery.whither(tx, shop.view.id, Told(**told))
                seen.append(len(work))
            assert way in set(Way)
    assert len(set(seen)) == 1, seen


async def test_where_a_reset_goes_on_does_not_change_when_somebody_signs_up(shop: Shop) -> None:
    """The application's page shows where it goes on: that must not tell who has become a customer,
    and who has stopped being one."""
    await rehearsing(shop, Reach.SHARE, 50)
    for number in range(20):
        address = f"user{number}@example.net"
        before = await tell(shop, address=address)
        await shop.register(str(number), address)
        assert await tell(shop, address=address) is before
        assert await tell(shop, subject=str(number)) is before
        assert await tell(shop, address=address, subject=str(number)) is before


async def test_another_address_of_the_same_user_buys_no_second_draw(shop: Shop) -> None:
    await rehearsing(shop, Reach.SHARE, 50)
    for number in range(20):
        async with shop.room.database.write() as tx:
            both = [f"one{number}@example.net", f"two{number}@example.net"]
            given = check(both, "customer", "none", "en", Classes())
            await shop.room.recovery.subjects.register(
                tx, shop.view.id, "key_1", [(str(number), given)]
            )
        ways = {await tell(shop, address=one) for one in both}
        ways.add(await tell(shop, address=f"unknown{number}@example.net", subject=str(number)))
        assert len(ways) == 1


async def test_raising_the_share_takes_nobody_out(shop: Shop) -> None:
    everybody = [f"user{number}@example.net" for number in range(60)]
    before: set[str] = set()
    for share in (0, 1, 25, 60, 100):
        await rehearsing(shop, Reach.SHARE, share)
        here = {one for one in everybody if await tell(shop, address=one) is Way.HERE}
        assert before <= here
        before = here
        assert (not here) if share == 0 else True
        assert (len(here) == 60) if share == 100 else len(here) < 60
    assert await count(shop, tables.recoveries) == 0


async def test_the_places_of_two_applications_have_nothing_to_do_with_each_other(
    shop: Shop, room: Room
) -> None:
    await rehearsing(shop, Reach.SHARE, 50)
    async with room.database.write() as tx:
        view, _ = await applications.add(tx, room.keys, "Other", ["https://o.example/b"], by="t")
        await applications.set_share(tx, "Other", 50, by="test")
    other = Shop(room, view)
    people = [f"user{number}@example.net" for number in range(40)]
    one = [await tell(shop, address=who) for who in people]
    two = [await tell(other, address=who) for who in people]
    assert one != two


async def test_who_comes_uninvited_gets_no_mail_from_outside_the_share(shop: Shop) -> None:
    """Nobody outside widens a share by sending a browser here; who is in it is mailed."""
    await shop.register("41", ADDRESS)
    for reach, share, mails in (
        (Reach.NOBODY, 100, 0),
        (Reach.SHARE, 0, 0),
        (Reach.SHARE, 100, 2),
    ):
        await rehearsing(shop, reach, share)
        await shop.ask("own")
        assert len(await shop.room.mails()) == mails
    rows = [fact for kind, fact in await shop.room.facts() if kind == "requested"]
    assert len(rows) == 3  # a real one is seen by the detectors wherever it goes


async def test_a_thief_of_the_key_teaches_no_account_a_device_or_a_network(shop: Shop) -> None:
    made = await shop.register("41", ADDRESS)
    known = shop.room.keys.pseudonym("browser", "d")
    for _ in range(5):
        await tell(shop, address=ADDRESS, device="d", network="192.0.2.0/24", agent="firefox linux")
    async with shop.room.database.read() as tx:
        assert await accounts.sign_ins(tx, made.account, 0) == []
        row = await last(shop)
        for browser in ("d", known, row["browser"]):
            assert not await accounts.knows_browser(tx, made.account, browser)
    # Nor can the name of a device be made to be one of ours.
    await tell(shop, address=ADDRESS, device=known)
    assert (await last(shop))["browser"] not in {known, row["browser"]}
    assert (await last(shop))["browser"].startswith("device_")


async def test_a_thief_of_the_key_uses_up_no_owners_tries(shop: Shop) -> None:
    """Tries are counted apart: what was rehearsed keeps no real mail back, of an account or of a
    network."""
    made = await shop.register("41", ADDRESS)
    for _ in range(60):
        await tell(shop, address=ADDRESS, network="network_1")
    await rehearsing(shop, Reach.EVERYBODY)
    for number in range(4):
        await shop.ask(f"own{number}")
    assert len(await shop.room.mails()) == 8
    async with shop.room.database.read() as tx:
        kept = await tx.all(
            select(account_tables.tries.c.lane, account_tables.tries.c.count).where(
                account_tables.tries.c.of == made.account
            )
        )
    assert {row["lane"]: row["count"] for row in kept}["recover stranger"] == 4


async def test_what_one_would_have_been_mailed_counts_towards_its_own_limit(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    would = []
    for _ in range(6):
        await tell(shop, address=ADDRESS)
        would.append((await last(shop))["would"])
    assert would == ["at_once"] * 4 + ["limit"] * 2
    shop.room.database.clock.advance(15 * MINUTE / 1e6)
    await tell(shop, address=ADDRESS)
    assert (await last(shop))["would"] == "at_once"


async def test_one_network_is_looked_at_so_often_and_the_rest_tells_detectors_nothing(
    shop: Shop,
) -> None:
    with_settings(shop, asks=2)
    for number in range(4):
        await tell(shop, address=f"user{number}@example.net", network="192.0.2.0/24")
    assert ((await last(shop))["would"], (await last(shop))["why"]) == ("limit", "network")
    assert len([kind for kind, _ in await shop.room.facts() if kind == "rehearsed"]) == 2


async def test_the_days_share_of_a_key_bounds_what_is_kept_and_not_the_answer(shop: Shop) -> None:
    with_settings(shop, rehearsals=3)
    await rehearsing(shop, Reach.SHARE, 50)
    people = [f"user{number}@example.net" for number in range(8)]
    first = [await tell(shop, address=who) for who in people]
    assert await count(shop, tables.rehearsals) == 3
    assert [await tell(shop, address=who) for who in people] == first
    assert len({*first}) == 2
    async with shop.room.database.read() as tx:
        assert await rehearsed.full(tx, shop.view.id, 3)


async def test_the_report_counts_and_names_nobody(shop: Shop) -> None:
    with_settings(shop, hold=3600.0)
    for number in range(3):
        await shop.register(str(number), f"user{number}@example.net")
        await tell(shop, address=f"user{number}@example.net")
    await suspect(shop, {("a", "provider_compromised"), ("b", "x")})
    await tell(shop, address="user0@example.net")
    await tell(shop, address=STRANGER)
    shop.room.ailing |= {"a", "b"}
    await tell(shop, address="user1@example.net")
    await rehearsing(shop, Reach.EVERYBODY)
    await tell(shop, address="user1@example.net")
    async with shop.room.database.read() as tx:
        found = await rehearsed.summary(tx, tx.now - DAY)
        of_nobody = await rehearsed.summary(tx, tx.now - DAY, "app_other")
    assert (found.asked, found.here, found.at_once, found.held) == (7, 1, 3, 1)
    assert (found.waits, found.not_registered, found.limit) == (1, 1, 0)
    assert found.reasons == {"route": 1}
    assert found.why == {"one_route": 1}
    assert of_nobody.asked == 0
    assert rehearsed.sentence(found) == (
        "of 6 resets 3 would have gone through at once, 1 held for up to 1 h"
        " (a route is in doubt: 1), 1 waited for a second route, 1 not registered"
    )
    assert "PUT /v1/subjects" in rehearsed.step(found)


async def test_what_was_told_is_forgotten_after_its_time(shop: Shop) -> None:
    await tell(shop, address=STRANGER)
    shop.room.database.clock.advance(86_400.0)
    await tell(shop, address=STRANGER)
    async with shop.room.database.write() as tx:
        assert await retention.forget_rehearsals(tx, tx.now - DAY // 2, 10) == 1
    assert await count(shop, tables.rehearsals) == 1


async def test_one_that_fails_holds_up_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = shop.room
    inner = room.recovery.rehearsing._whose
    ada = room.keys.pseudonym("address", ADDRESS)

    async def broken(tx: Tx, row: Any) -> str | None:
        if row["address_key"] == ada:
            raise ValueError("a fault")
        return await inner(tx, row)

    monkeypatch.setattr(room.recovery.rehearsing, "_whose", broken)
    for address in (ADDRESS, STRANGER):
        async with room.database.write() as tx:
            await room.recovery.whither(tx, shop.view.id, Told(address=address))
    await room.recovery.step()
    async with room.database.read() as tx:
        rows = await tx.all(select(tables.rehearsals).order_by(tables.rehearsals.c.id))
        found = await rehearsed.summary(tx, 0)
    assert sorted((str(row["would"]), row["due_at"]) for row in rows) == [
        ("None", None),
        ("not_registered", None),
    ]
    assert (found.asked, found.failed, found.not_registered) == (2, 1, 1)
