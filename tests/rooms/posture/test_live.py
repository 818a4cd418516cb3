"""What the database says of the chain of trust, on both engines; and the models that were kept."""

import msgspec
import pytest
from sqlalchemy import insert

from mailkeep.accounts import counted, tables
from mailkeep.accounts.classes import Classes
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit
from mailkeep.mail import api_keys
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.types import RouteSettings, StreamSettings
from mailkeep.posture import counts, queries, services
from mailkeep.posture.model import difference
from mailkeep.posture.types import Provider, TrustConfiguration, Watcher
from mailkeep.recovery.types import RecoverySettings
from mailkeep.store.database import Database, Tx
from mailkeep.trust import register
from mailkeep.watch.received import once

ROUTES = (RouteSettings("main"), RouteSettings("second"))


def house(*more: dict[str, object]) -> TrustConfiguration:
    parties = [{"id": "one"}, {"id": "two"}, *more]
    streams = [
        StreamSettings(name, 0, ROUTES, secret=True)
        for name in ("recovery", "confirmation", "security")
    ]
    return TrustConfiguration(
        register.load(parties),
        (Provider("main", "mandrill", "one"), Provider("second", "postmark", "two")),
        {one.name: one for one in streams},
        RecoverySettings(),
        Classes(),
        ("example.com",),
        "accounts.example.com",
    )


async def account(
    tx: Tx,
    name: str,
    *addresses: str,
    account_class: str = "customer",
    factors: tuple[tuple[str, str | None, int | None], ...] = (),
    confirmed: int | None = 1,
    kept_by: str | None = None,
    application: str = "",
) -> None:
    """Write one down. ``factors``: kind, the change that holds it, when it was revoked."""
    of = {"application": application, "subject": name if application else None}
    await tx.run(
        insert(tables.accounts).values(
            {"id": name, "class": account_class, "created_at": 1, "factor": kept_by} | of
        )
    )
    for number, address in enumerate(addresses):
        await tx.run(
            insert(tables.contact_points).values(
                id=f"{name} {number}",
                account_id=name,
                address_key=f"key {address}",
                address=address,
                created_at=1,
                confirmed_at=confirmed,
            )
        )
    for number, (kind, held_by, revoked_at) in enumerate(factors):
        await tx.run(
            insert(tables.factors).values(
                id=f"{name} factor {number}",
                account_id=name,
                kind=kind,
                name="x",
                bound_at=1,
                browser="b",
                network="n",
                held_by=held_by,
                revoked_at=revoked_at,
            )
        )


async def test_reports_that_are_brought_are_asked_for_where_a_detector_hangs_on_them(
    database: Database,
) -> None:
    async with database.write() as tx:
        row = {"reporter": "them.example", "believed": True, "domain": "example.com", "begins": 0}
        for kind, days in (("dmarc", 1), ("tls", 8)):
            ends = tx.now // SECOND - days * 86_400
            await once(tx, id=kind, kind=kind, ends=ends, **row)
        counted_now = await counts.at_once(tx, house())
        for brought, expected in (("dmarc", {"dmarc"}), ("tls", set()), ("", set())):
            watchers = {"x": Watcher("x", "a day", "no setting", brought)}
            seen = msgspec.structs.replace(house(), watchers=watchers)
            assert (await queries.live(tx, seen, counted_now)).brought == expected


async def test_accounts_are_counted_by_class_factor_and_domain(database: Database) -> None:
    async with database.write() as tx:
        await account(tx, "plain", "a@gmail.com")
        await account(tx, "second", "b@GMAIL.com", "b@corner.example")
        await account(
            tx, "passkey", "c@x.test", factors=(("totp", None, None), ("passkey", None, None))
        )
        await account(tx, "codes", "d@x.test", factors=(("saved_codes", None, None),))
        await account(tx, "held", "e@x.test", factors=(("totp", "change", None),))
        await account(tx, "gone", "f@x.test", factors=(("totp", None, 5),))
        await account(tx, "nobody", "g@x.test", confirmed=None)
        await account(tx, "staff", "h@mail.corner.example", account_class="staff")
        await account(tx, "there", "i@x.test", kept_by="kept_there")
        await account(tx, "user", "j@x.test", kept_by="none", application="app_shop")
    async with database.read() as tx:
        found = await counted.alike(tx, {"gmail.com", "corner.example"})
        without = await counted.alike(tx, ())
    (theirs,) = [one for one in found if one.application]
    assert (theirs.application, theirs.factor, theirs.accounts) == ("app_shop", "none", 1)
    ours = [one for one in found if not one.application]
    assert {(one.account_class, one.factor, one.domain): one.accounts for one in ours} == {
        ("customer", "none", "gmail.com"): 2,
        ("customer", "none", "corner.example"): 1,
        ("customer", "none", "*"): 3,
        ("customer", "passkey", "*"): 1,
        ("customer", "kept_there", "*"): 1,
        ("staff", "none", "*"): 1,
    }
    assert {one.domain for one in without} == {"*"}
    assert sum(one.accounts for one in without) == 9


async def test_the_live_house_falls_as_it_stands(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    async with database.write() as tx:
        await account(tx, "plain", "a@gmail.com")
        await account(tx, "safe", "b@gmail.com", factors=(("totp", None, None),))
        for provider, address in (("main", "x"), ("main", "y"), ("second", "x")):
            for stream in ("recovery", "security"):
                await tx.run(
                    insert(mail_tables.exposures).values(
                        address_id=address,
                        provider=provider,
                        stream=stream,
                        day=1,
                        first_at=1,
                        last_at=1,
                        count=1,
                    )
                )
        await api_keys.create(tx, keys, "shop", ("send",), by="test", domains=("shop.test",))
        await api_keys.create(tx, keys, "left", ("operate",), by="test")
        await api_keys.revoke(tx, "left", by="test")
    async with database.read() as tx:
        model = await queries.model(
            tx, house({"id": "gmail", "kind": "mailbox", "serves": ["gmail.com"]})
        )
    assert model.fall(["one"]).exposed == 2
    assert model.fall(["one"]).now == 0
    assert model.fall(["one", "two"]).now == 1
    assert model.fall(["gmail"]).now == 1
    assert "key:shop" in model.world.parties
    assert "key:left" not in model.world.parties
    assert [one.word for one in model.fall(["key:shop"]).gained] == ["send:shop.test"]

    async with database.write() as tx:
        await tx.run(
            insert(mail_tables.provider_states).values(provider="main", cut_at=1, reason="x")
        )
    async with database.read() as tx:
        cut = await queries.model(tx, house())
    assert cut.fall(["one", "two"]).now == 0  # no pair of routes: nobody recovers at all
    assert cut.fall(["two"]).streams[0].stops


async def test_a_model_is_kept_when_it_became_another_one(
    database: Database, clock: ManualClock
) -> None:
    first = clock.now()
    await services.look(database, house())
    await services.look(database, house({"id": "new"}))  # a day has not passed
    async with database.read() as tx:
        assert len(await services.kept(tx)) == 1
    clock.advance(DAY / SECOND)
    await services.look(database, house())
    async with database.read() as tx:
        (kept,) = await services.kept(tx)
    assert (kept.at, kept.seen_at) == (first, first + DAY)
    clock.advance(DAY / SECOND)
    await services.look(database, house({"id": "new", "kind": "sms"}))
    async with database.read() as tx:
        assert [one.at for one in await services.kept(tx)] == [first + 2 * DAY, first]
        before = await services.as_of(tx, first + DAY)
        found = difference(before, await services.as_of(tx, first + 3 * DAY))
        with pytest.raises(NotFound):
            await services.as_of(tx, first - 1)
    assert found.new["parties"] == ("new (sms)",)


async def test_models_are_not_kept_for_ever(database: Database, clock: ManualClock) -> None:
    await services.look(database, house())
    clock.advance(1101 * DAY / SECOND)
    await services.look(database, house({"id": "new"}))
    async with database.read() as tx:
        assert len(await services.kept(tx)) == 1


async def test_a_model_is_looked_at_when_a_process_starts(
    database: Database, clock: ManualClock
) -> None:
    """Settings are read then: what they change is not kept a day late."""

    async def kept() -> int:
        async with database.read() as tx:
            return len(await services.kept(tx))

    first = services.Models(database, house())
    await first.step()
    assert await kept() == 0  # nobody has counted yet
    await counts.take(database, house())
    await first.step()
    clock.advance(60)
    await first.step()
    assert await kept() == 1
    clock.advance(60)
    other = house({"id": "new", "kind": "sms"})
    await services.Models(database, other).step()
    assert await kept() == 2
    clock.advance(60)
    await services.Models(database, other).step()
    assert await kept() == 2


async def test_the_audit_chain_says_that_the_register_is_another_one(
    database: Database, clock: ManualClock
) -> None:
    async def note(known: TrustConfiguration) -> bool:
        return await database.retrying(lambda tx: services.note_register(tx, known))

    assert await note(house())
    assert not await note(house())
    assert await note(house({"id": "one-more", "contact": "Ann"}))
    assert await note(house({"id": "one-more", "contact": "Bob"}))
    assert not await note(house({"id": "one-more", "contact": "Bob"}))
    assert await note(house())
    async with database.read() as tx:
        entries = await audit.acts(tx, ["change_register"], 0)
        assert await audit.verify(tx) is None
    assert [row["actor"] for row in entries] == ["mailkeep"] * 4
    assert "Ann" not in "".join(row["data"] for row in entries)
