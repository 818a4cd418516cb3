"""Somebody is erased: nothing names them, nothing else changes. And what an attacker would do."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import LargeBinary, String, Text, func, select

from mailkeep.accounts import applications, registration, undoing
from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.language import shipped
from mailkeep.accounts.subject_answers import SubjectAnswers
from mailkeep.accounts.subject_views import SubjectView
from mailkeep.accounts.subjects import Subjects
from mailkeep.accounts.types import Stage
from mailkeep.app.provider_doubts import ProviderDoubts
from mailkeep.app.retention import RetentionSettings, Sweeper
from mailkeep.app.subscriptions import subscribers
from mailkeep.base.clock import DAY
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit, log
from mailkeep.events import tables as event_tables
from mailkeep.events.subscribe import Subscriber, save_place
from mailkeep.incidents import tables as incident_tables
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspects import ProviderParties as Suspects
from mailkeep.mail import queries as mail
from mailkeep.mail import suppressions
from mailkeep.mail.types import Keeping, SuppressionReason
from mailkeep.privacy import erasing, holds, people, restoring, retention
from mailkeep.privacy.types import Erasure, Person, State
from mailkeep.recovery import queries as recovery
from mailkeep.response.actions.port import Means, NoticeSettings
from mailkeep.response.services import Response
from mailkeep.response.types import ResponseSettings
from mailkeep.store.database import Tx
from mailkeep.store.schema import metadata
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph

from .conftest import ADDRESS, OTHER, PASSWORD, House

HOUSE = Suspects({}, TrustGraph(register.load([])))
Erase = Callable[[str], Awaitable[str]]


async def _where(tx: Tx, text: str) -> list[str]:
    """The columns of the whole database that hold a text in clear."""
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, String | Text | LargeBinary):
                continue
            for row in await tx.tuples(select(column)):
                value = row[0].decode(errors="replace") if isinstance(row[0], bytes) else row[0]
                if value and text in value:
                    found.append(f"{table.name}.{column.name}")
                    break
    return sorted(found)


async def _incident_counts(tx: Tx) -> tuple[object, int]:
    return (
        await recovery.outcomes(tx, {"one"}, 0, tx.now),
        await mail.exposed(tx, "one", tx.now),
    )


async def _state(house: House, erasure: str) -> Erasure:
    async with house.database.read() as tx:
        return await erasing.one(tx, erasure)


async def _person(house: House, who: str) -> Person:
    async with house.database.read() as tx:
        return await people.find(tx, house.keys, who)


async def test_nothing_names_who_was_erased_and_every_count_stays(
    house: House, erase: Erase
) -> None:
    account, other = await house.person(ADDRESS), await house.person(OTHER)
    async with house.database.read() as tx:
        before = await _incident_counts(tx)
        assert await _where(tx, ADDRESS) == [
            "addresses.address",
            "contact_points.address",
        ]
    erasure = await erase(ADDRESS)
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) == []
        assert await _where(tx, "of-ada") == []
        assert set(await _where(tx, OTHER)) >= {"addresses.address", "contact_points.address"}
        assert await _incident_counts(tx) == before
        assert await audit.verify(tx) is None
        assert await accounts.contact_points(tx, other) != []
        assert await accounts.contact_points(tx, account) == []
    found = await _state(house, erasure)
    assert found.state is State.DONE
    assert found.counts["contact_points"] == 1
    assert found.counts["addresses"] == 1
    # Nobody gets in, and the address is free for a new account.
    with pytest.raises(MailkeepError):
        await house.accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    assert await house.person(ADDRESS) != account


async def test_who_asked_for_no_more_mail_gets_none_after_an_erasure(
    house: House, erase: Erase
) -> None:
    await house.person(ADDRESS)
    entry = suppressions.Entry(ADDRESS, SuppressionReason.UNSUBSCRIBED)
    async with house.database.write() as tx:
        await suppressions.add(house.database, tx, house.keys, entry, by="me")
    await erase(ADDRESS)
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) == []
        (left,) = await suppressions.of(tx, house.keys, ADDRESS)
    assert (left.address, left.address_id) == ("", house.key(ADDRESS))


async def test_sessions_end_and_it_is_told(house: House, erase: Erase) -> None:
    account = await house.person(ADDRESS)
    entered = await house.accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")
    secret = entered.secret.reveal()
    await erase(account)
    async with house.database.read() as tx:
        assert await house.accounts.sessions.find(tx, secret, Stage.FULL) is None
        kinds = [row[0] for row in await tx.tuples(select(event_tables.events.c.kind))]
    assert {"accounts.erasure_asked", "accounts.erased", "accounts.sessions_ended"} <= set(kinds)


async def test_an_erasure_waits_and_can_be_stopped(house: House) -> None:
    """Whoever asks for the erasure of a victim's account must not have it at once."""
    person = await _person(house, await house.person(ADDRESS))
    ask = house.privacy.erasing.ask
    made = await house.database.retrying(lambda tx: ask(tx, person, by="key_1"))
    again = await house.database.retrying(lambda tx: ask(tx, person, by="key_2"))
    assert again.id == made.id, "asked for twice is asked for once"
    assert not await house.privacy.erasing.step()
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) != []
    stop = house.privacy.erasing.stop
    stopped = await house.database.retrying(lambda tx: stop(tx, made.id, by="uid:0"))
    assert stopped.state is State.STOPPED
    house.database.clock.advance(30 * 24 * 3600)
    await house.privacy.erasing.step()
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) != []
        assert await audit.verify(tx) is None


async def test_a_legal_hold_keeps_everything(house: House) -> None:
    person = await _person(house, await house.person(ADDRESS))
    ask = house.privacy.erasing.ask
    made = await house.database.retrying(lambda tx: ask(tx, person, by="key_1"))
    # Placed after it was asked for: it stops what waits as well.
    hold = await house.database.retrying(lambda tx: holds.place(tx, person, "case 7", by="uid:0"))
    again = await house.database.retrying(lambda tx: holds.place(tx, person, "case 7", by="uid:0"))
    assert again.id == hold.id
    for reason in ("", "x" * 201, "no\0line"):
        with pytest.raises(Invalid):
            await house.database.retrying(
                lambda tx, why=reason: holds.place(tx, person, why, by="key_1")
            )
    house.database.clock.advance(2 * 24 * 3600)
    assert not await house.privacy.erasing.step()
    assert (await _state(house, made.id)).state is State.WAITING
    async with house.database.read() as tx:
        preview = await house.privacy.erasing.preview(tx, person)
        (listed,) = await house.privacy.erasing.listing(tx)
    assert "legal hold" in preview.refused
    assert "legal hold" in listed.waits_for
    await house.database.retrying(lambda tx: holds.end(tx, hold.id, by="uid:0"))
    await house.privacy.erasing.step()
    assert (await _state(house, made.id)).state is State.DONE


async def test_the_traces_of_an_open_incident_are_not_erased(house: House) -> None:
    """An attacker who asks to have their own deeds erased, or a victim's, waits for its end."""
    person = await _person(house, await house.person(ADDRESS))
    async with house.database.write() as tx:
        await tx.run(
            incident_tables.incidents.insert().values(
                id="inc_1",
                subject_kind="provider",
                subject_id="one",
                state="open",
                opened_at=tx.now,
                since=tx.now - 60,
                opinions="[]",
            )
        )
    ask = house.privacy.erasing.ask
    with pytest.raises(Conflict, match="incident"):
        await house.database.retrying(lambda tx: ask(tx, person, by="key_1"))


@pytest.mark.parametrize(("kind", "name"), [("domain", "x.example"), ("account", "acc_another")])
async def test_an_incident_that_is_not_about_them_keeps_nobody_from_being_erased(
    house: House, kind: str, name: str
) -> None:
    """One person opens one about a name of DNS that reaches back for two years, and it stays open
    until somebody closes it."""
    person = await _person(house, await house.person(ADDRESS))
    async with house.database.write() as tx:
        await tx.run(
            incident_tables.incidents.insert().values(
                id="inc_1",
                subject_kind=kind,
                subject_id=name,
                state="open",
                opened_at=tx.now,
                since=tx.now,
                said="domain_abused",
                said_by="key_1",
                said_at=tx.now,
                said_since=tx.now - 700 * DAY,
                opinions="[]",
            )
        )
    ask = house.privacy.erasing.ask
    await house.database.retrying(lambda tx: ask(tx, person, by="key_1"))


async def test_operators_are_not_erased_with_a_key(house: House) -> None:
    account = await house.person(ADDRESS)
    give = house.accounts.administration.set_class
    await house.database.retrying(
        lambda tx: give(tx, account, "operator", by="uid:0", at_house=True)
    )
    person = await _person(house, account)
    with pytest.raises(Conflict, match="operator"):
        await house.database.retrying(lambda tx: house.privacy.erasing.ask(tx, person, by="key_1"))


async def test_masses_are_not_erased(house: House) -> None:
    ask = house.privacy.erasing.ask
    for number in range(3):
        person = await _person(house, await house.person(f"u{number}@example.net"))
        await house.database.retrying(lambda tx, one=person: ask(tx, one, by="key_1"))
    last = await _person(house, await house.person(ADDRESS))
    with pytest.raises(TooMany):
        await house.database.retrying(lambda tx: ask(tx, last, by="key_9"))
    house.database.clock.advance(DAY / 1e6 + 1)
    assert await house.database.retrying(lambda tx: ask(tx, last, by="key_9"))


async def test_a_stranger_is_nobody(house: House) -> None:
    person = await _person(house, "nobody@example.net")
    assert person.accounts == ()
    with pytest.raises(NotFound):
        await house.database.retrying(lambda tx: house.privacy.erasing.ask(tx, person, by="key_1"))


async def test_an_address_that_another_account_has_is_that_ones(house: House, erase: Erase) -> None:
    """Who claims a victim's address without confirming it, and is erased, takes nothing along."""
    account = await house.person(ADDRESS)
    claimed = "acc_" + "0" * 26
    async with house.database.write() as tx:
        await tx.run(
            account_tables.accounts.insert().values(
                {"id": claimed, "class": "customer", "created_at": tx.now, "application": ""}
            )
        )
        await tx.run(
            account_tables.contact_points.insert().values(
                id="cpt_x",
                account_id=claimed,
                address_key=house.key(ADDRESS),
                address=ADDRESS,
                created_at=tx.now,
            )
        )
    async with house.database.read() as tx:
        person = await people.find(tx, house.keys, claimed)
    assert person.addresses == ()
    await house.database.retrying(lambda tx: house.privacy.erasing.ask(tx, person, by="key_1"))
    house.database.clock.advance(2 * 24 * 3600)
    await house.privacy.erasing.step()
    async with house.database.read() as tx:
        assert len(await accounts.contact_points(tx, account)) == 1
        count = select(func.count()).select_from(account_tables.contact_points)
        assert await tx.value(count) == 1
        assert await _where(tx, ADDRESS) != []


async def test_what_strangers_opened_with_it_goes_along(house: House, erase: Erase) -> None:
    """They would stay for good: nothing ties them to anybody once the address is gone."""
    account = await house.person(ADDRESS)
    for number in range(4):
        await house.accounts.sign_up(ADDRESS, PASSWORD, f"stranger_{number}")
    await erase(ADDRESS)
    async with house.database.read() as tx:
        left = await tx.tuples(select(account_tables.accounts.c.id))
        assert [row[0] for row in left] == [account]
        passwords = select(func.count()).select_from(account_tables.passwords)
        assert await tx.value(passwords) == 0


async def test_mail_on_its_way_is_waited_for_or_given_up(house: House, erase: Erase) -> None:
    await house.person(ADDRESS)
    alone = await house.mail(ADDRESS)
    shared = await house.mail(OTHER, cc=ADDRESS)
    erasure = await erase(ADDRESS)
    assert (await _state(house, erasure)).state is State.RUNNING
    async with house.database.read() as tx:
        statuses = await mail.statuses(tx, [alone, shared])
    assert statuses == {alone: "given_up", shared: "queued"}
    await house.send()
    await house.privacy.erasing.step()
    assert (await _state(house, erasure)).state is State.DONE
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) == []


async def test_a_kill_halfway_costs_a_batch(
    house: House, erase: Erase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person(ADDRESS)
    for _ in range(5):
        await house.mail(ADDRESS)
    await house.send()
    monkeypatch.setattr(erasing, "BATCH", 2)
    erasure = await erase(ADDRESS)
    found = await _state(house, erasure)
    assert found.state is State.DONE
    assert found.counts["messages"] == 6
    async with house.database.read() as tx:
        acts = select(event_tables.audit.c.act).where(event_tables.audit.c.act.like("privacy.%"))
        assert [row[0] for row in await tx.tuples(acts)] == ["privacy.erase", "privacy.erased"]
        assert await audit.verify(tx) is None


async def test_a_forgotten_user_of_an_application_makes_no_incident_smaller(
    house: House, keys: KeyRing
) -> None:
    """Else an application's thief, or the attacker whose account it is, would take it out of what
    an incident counts by having it forgotten."""
    classes = Classes()
    subjects = Subjects(house.database, keys, classes, shipped())
    answers = SubjectAnswers(house.database, keys, classes)
    wanted = registration.check((ADDRESS,), "customer", "none", "en", classes)
    async with house.database.write() as tx:
        shop, _ = await applications.add(tx, keys, "Shop", ["https://shop.test/b"], by="test")
        (view,) = await subjects.register(tx, shop.id, "key_1", [("41", wanted)])
    assert isinstance(view, SubjectView)
    await house.mail(ADDRESS)
    await house.send()
    await house.recover(view.account, ADDRESS)
    async with house.database.read() as tx:
        before = await _incident_counts(tx)
    async with house.database.write() as tx:
        held = await subjects.erase(tx, shop.id, "key_1", "41")
        assert isinstance(held, SubjectView)
        await answers.vouch(tx, shop.id, "41", held.change or await _change(tx))
        await answers.told(tx, await _change(tx))
    house.database.clock.advance(30 * 86_400)
    assert await subjects.apply_due() == 1
    relay = log.Relay(house.database, "one")
    (hears,) = [one for one in _subscribers(house) if one.name == "privacy"]
    await relay.place()
    await hears.step(house.database)
    while await house.privacy.erasing.step():
        pass
    async with house.database.read() as tx:
        assert await _incident_counts(tx) == before
        assert "contact_points.address" not in await _where(tx, ADDRESS)
        (done,) = await house.privacy.erasing.listing(tx)
        assert await audit.verify(tx) is None
    assert (done.state, done.by) == (State.DONE, shop.id)
    async with house.database.write() as tx:
        (again,) = await subjects.register(tx, shop.id, "key_1", [("41", wanted)])
    assert isinstance(again, SubjectView)
    assert again.account != view.account


async def _change(tx: Tx) -> str:
    return str(await tx.value(select(account_tables.subject_changes.c.id)))


def _subscribers(house: House) -> list[Subscriber]:
    incidents = Incidents(house.database, HOUSE)
    means = Means(
        *(house.database, HOUSE, incidents, {}, house.intake, house.accounts, None),
        NoticeSettings("us@example.com", "Us", "alert", "https://example.com"),
        ResponseSettings(),
    )
    rooms = (None, None, incidents, Response(means), ProviderDoubts(HOUSE))
    return subscribers(*rooms, privacy=house.privacy)


async def test_an_owner_finds_the_erasure_of_their_account_and_stops_it(house: House) -> None:
    account, other = await house.person(ADDRESS), await house.person(OTHER)
    room = house.privacy.erasing
    async with house.database.write() as tx:
        asked = await room.ask(tx, await people.find(tx, house.keys, ADDRESS), by="key_1")
        assert await room.of_account(tx, other) is None
        found = await room.of_account(tx, account)
        assert found is not None
        assert found.id == asked.id
        await room.stop(tx, found.id, by=account)
        assert await room.of_account(tx, account) is None
    house.database.clock.advance(13 * 3600)
    assert not await room.step()
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) != []


async def test_keyed_hashes_go_when_their_time_is_over(house: House, erase: Erase) -> None:
    """Also what operators did about them before: nothing can be taken out of the audit chain."""
    account = await house.person(ADDRESS)
    key = house.key(ADDRESS)
    await house.privacy.export(ADDRESS, by="key_1")
    async with house.database.write() as tx:
        person = await people.find(tx, house.keys, ADDRESS)
        hold = await holds.place(tx, person, "case 7", by="uid:0")
        entry = suppressions.Entry(ADDRESS, SuppressionReason.MANUAL)
        await suppressions.add(house.database, tx, house.keys, entry, by="me")
        await suppressions.remove(house.database, tx, house.keys, ADDRESS, by="me")
        await holds.end(tx, hold.id, by="uid:0")
    erasure = await erase(ADDRESS)
    async with house.database.read() as tx:
        found = await _where(tx, key)
        assert {"exposures.address_id", "recoveries.address_key", "erasures.addresses"} <= set(
            found
        )
        given = await mail.exposed(tx, "one", tx.now)
    await log.Relay(house.database, "one").place()
    house.database.clock.advance(400 * 24 * 3600)
    async with house.database.write() as tx:
        assert await retention.forget(tx, tx.now - 399 * DAY, 10) == 1
    async with house.database.write() as tx:
        assert await retention.forget_holds(tx, tx.now - 401 * DAY, 10) == 0
    await _sweep(house)
    async with house.database.read() as tx:
        assert await _where(tx, key) == []
        assert await _where(tx, "case 7") == []
        assert await mail.exposed(tx, "one", tx.now) == given
        assert await accounts.whose(tx, account) is None
        assert (await erasing.one(tx, erasure)).counts
        assert await audit.verify(tx) is None


async def _sweep(house: House) -> None:
    """Retention of every class, of a log that every reader has read."""
    async with house.database.write() as tx:
        last = await tx.value(select(func.max(event_tables.events.c.position)))
        await save_place(tx, "reader", last)
    sweeper = Sweeper(house.database, RetentionSettings(), {"reader"}, Keeping(), 3600.0)
    house.database.clock.advance(DAY / 1e6)
    while await sweeper.step(1000):
        pass


@pytest.mark.parametrize("who", [ADDRESS, OTHER])
async def test_an_address_that_was_removed_is_exported_and_erased(
    house: House, erase: Erase, who: str
) -> None:
    """Its owner's new address finds it with the account, and the old one by itself."""
    account = await house.person(ADDRESS)
    await house.accounts.contacts.add(account, OTHER, "n", factor=False)
    points = account_tables.contact_points
    async with house.database.write() as tx:
        await tx.run(points.update().values(confirmed_at=tx.now, added_by=None))
        there = await accounts.contact_points(tx, account)
        (old,) = [one for one in there if one.address == ADDRESS]
        await undoing.keep(tx, old.id, "chg_1")
        assert "former_contact_points.address" in await _where(tx, ADDRESS)
    taken = await house.privacy.export(who, by="key_1")
    (row,) = taken["tables"]["former_contact_points"]
    assert row["address"] == ADDRESS
    await erase(who)
    async with house.database.read() as tx:
        assert "former_contact_points.address" not in await _where(tx, ADDRESS)


async def test_an_older_backup_loses_them_again(house: House, erase: Erase) -> None:
    """What a restored database has of them goes as soon as it runs, without another wait."""
    await house.person(ADDRESS)
    erasure = await erase(ADDRESS)
    async with house.database.read() as tx:
        kept = await restoring.kept(tx)
    # An older copy of the database: they are there again, and nothing knows that they were erased.
    await house.person(ADDRESS)
    house.database.clock.advance(1)
    async with house.database.write() as tx:
        await tx.run(metadata.tables["erasures"].delete())
        account = (await people.find(tx, house.keys, ADDRESS)).accounts
        again = [
            Erasure(
                one.id,
                one.state,
                Person(account, one.person.addresses),
                one.by,
                one.at,
                tx.now,
                {},
                one.ended_at,
                None,
            )
            for one in kept.erasures
        ]
        assert await restoring.keep(tx, restoring.Kept(tuple(again)), by="uid:0") == 1
        assert await restoring.keep(tx, restoring.Kept(tuple(again)), by="uid:0") == 1
    house.database.clock.advance(1)
    while await house.privacy.erasing.step():
        pass
    assert (await _state(house, erasure)).state is State.DONE
    async with house.database.read() as tx:
        assert await _where(tx, ADDRESS) == []
        assert await audit.verify(tx) is None
