"""Users of applications on both engines: registered, changed after a hold, forgotten."""

import asyncio

import msgspec
import pytest
from sqlalchemy import Executable, select

from mailkeep.accounts import applications, queries, subject_views, tables
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.language import shipped
from mailkeep.accounts.registration import Registration, check, subject
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.subject_answers import SubjectAnswers
from mailkeep.accounts.subject_views import SubjectView
from mailkeep.accounts.subjects import CHANGES, LAPSES, MANY, Subjects
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.store.database import Database, Tx

ADA = "ada@example.net"
THIEF = "mallory@example.org"
CLASSES = Classes()


class Shop:
    """An application and the key that registers its users."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database, self.keys = database, keys
        self.subjects = Subjects(database, keys, CLASSES, shipped())
        self.answers = SubjectAnswers(database, keys, CLASSES)
        self.id = ""

    async def open(self, name: str = "Shop") -> "Shop":
        async with self.database.write() as tx:
            made, self.secret = await applications.add(
                tx, self.keys, name, ["https://shop.example/back"], by="test"
            )
        self.id = made.id
        return self

    async def put(self, name: str, *addresses: str, factor: str = "none") -> object:
        return (await self.put_all({name: check(addresses, "customer", factor, "en", CLASSES)}))[0]

    async def speak(self, name: str, address: str, locale: str) -> object:
        wanted = check([address], "customer", "none", locale, CLASSES)
        return (await self.put_all({name: wanted}))[0]

    async def put_all(self, wanted: dict[str, Registration]) -> list[object]:
        async with self.database.write() as tx:
            return await self.subjects.register(tx, self.id, "key_1", list(wanted.items()))

    async def get(self, name: str) -> SubjectView:
        async with self.database.read() as tx:
            return await self.subjects.get(tx, self.id, name)

    async def reached(self, address: str) -> str | None:
        """Whose recovery an address would begin."""
        key = self.keys.pseudonym("address", address)
        async with self.database.read() as tx:
            found = await queries.by_address(tx, key, self.id)
        return None if found is None else found.account

    async def facts(self) -> list[tuple[str, dict[str, object]]]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events).order_by(events.c.id))
        return [
            (row["kind"].removeprefix("accounts."), msgspec.json.decode(row["data"]))
            for row in rows
        ]

    async def tell(self) -> None:
        """As the notices do."""
        async with self.database.write() as tx:
            for row in await tx.all(select(tables.subject_changes.c.id)):
                await self.answers.told(tx, row["id"])

    async def later(self, seconds: float = DAY / SECOND) -> int:
        """Time passes after the owners were told; how many changes were due."""
        await self.tell()
        self.database.clock.advance(seconds)
        return await self.subjects.apply_due()

    async def mailed(self, name: str, provider: str = "a") -> str:
        """As it stands in a mail that one provider carries."""
        view = await self.get(name)
        async with self.database.write() as tx:
            change = await self.answers.held(tx, view.account, view.due or 0)
            return await self.answers.secret(tx, str(change), provider)

    async def stop(self, name: str, provider: str = "a") -> bool:
        return await self.answers.stop(await self.mailed(name, provider))

    async def agree(self, name: str, *providers: str) -> bool:
        """The owner answers out of mails that these carried; whether that was enough."""
        done = False
        for one in providers:
            done = await self.answers.agree(await self.mailed(name, one), apart)
        return done

    async def vouch(self, name: str) -> SubjectView:
        """The application answers for what it sees that is held."""
        change = (await self.get(name)).change
        async with self.database.write() as tx:
            return await self.answers.vouch(tx, self.id, name, change)

    async def erase(self, name: str) -> SubjectView | TooMany:
        async with self.database.write() as tx:
            return await self.subjects.erase(tx, self.id, "key_1", name)


def apart(one: set[str], other: set[str]) -> bool:
    """As the trust graph: nobody reads at a and at b; c belongs to a."""
    return {*one, *other} == {"a", "b"} or {*one, *other} == {"c", "b"}


@pytest.fixture
async def shop(database: Database, keys: KeyRing) -> Shop:
    return await Shop(database, keys).open()


async def test_a_fresh_user_is_registered_at_once(shop: Shop) -> None:
    view = await shop.put("41", ADA)
    assert isinstance(view, SubjectView)
    assert view.due is None
    assert await shop.reached(ADA) == view.account
    assert (await shop.get("41")).stands.addresses == (ADA,)
    assert [kind for kind, _ in await shop.facts()] == ["subjects_registered"]


async def test_a_thief_of_the_key_takes_no_account_before_its_owner_could_stop_it(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: rewrite, add, erase and register anew, give the address to another user, and
    say that there is no factor. None of it reaches the account while the hold lasts, and every
    one is told of."""
    made = await shop.put("41", ADA, factor="kept_there")
    assert isinstance(made, SubjectView)
    for route, attempt in (
        ("a", lambda: shop.put("41", THIEF, factor="kept_there")),
        ("a", lambda: shop.put("41", ADA, THIEF, factor="kept_there")),
        ("b", lambda: shop.put("41", ADA)),
    ):
        view = await attempt()
        assert isinstance(view, SubjectView)
        assert view.due is not None
        await shop.later(DAY / SECOND - 1)
        assert await shop.reached(THIEF) is None
        assert await shop.reached(ADA) == made.account
        assert (await shop.get("41")).stands == made.stands
        assert (await shop.facts())[-1][0] == "subject_change_held"
        assert await shop.stop("41", route)
        await shop.later()
        assert (await shop.get("41")).stands == made.stands
    await shop.erase("41")
    again = await shop.put("41", THIEF)
    assert isinstance(again, SubjectView)
    assert again.due is not None  # it was not gone: no fresh registration
    assert await shop.reached(THIEF) is None
    assert isinstance(await shop.put("another", ADA), Conflict)
    assert await shop.reached(ADA) == made.account


async def test_silence_is_no_answer(shop: Shop) -> None:
    """Written first: who has stolen the key alone waits, for owners who read no mail, as long as
    they like. Nothing that they asked for is ever good: not another address, one more, one less,
    another factor, nor to be forgotten."""
    await shop.put("41", ADA, "ada@work.example", factor="kept_there")
    made = await shop.get("41")
    for attempt in (
        lambda: shop.put("41", THIEF, factor="none"),
        lambda: shop.put("41", ADA, "ada@work.example", THIEF, factor="kept_there"),
        lambda: shop.put("41", ADA, factor="kept_there"),
        lambda: shop.put("41", ADA, "ada@work.example", factor="none"),
        lambda: shop.erase("41"),
    ):
        assert isinstance(await attempt(), SubjectView)
        await shop.later(LAPSES / SECOND - 1)
        assert (await shop.get("41")).due is not None
        await shop.later(1)
        view = await shop.get("41")
        assert (view.stands, view.due) == (made.stands, None)
        assert await shop.reached(THIEF) is None
        assert (await shop.facts())[-1][1]["why"] == "unanswered"


async def test_who_has_the_key_and_reads_at_one_provider_does_not_agree(shop: Shop) -> None:
    """Written first: one mail is half an answer, also twice, also out of two mails that one party
    reads, and also when nobody knows who carried it."""
    made = await shop.put("41", ADA)
    assert isinstance(made, SubjectView)
    await shop.put("41", THIEF)
    for provider in ("a", "a", "c", "", "unknown"):
        assert not await shop.agree("41", provider)
    await shop.later(LAPSES / SECOND)
    assert (await shop.get("41")).stands == made.stands
    assert not await shop.answers.agree("0" * 26, apart)


async def test_halves_of_two_changes_are_no_answer(shop: Shop) -> None:
    """Written first: what the owner said of their own change counts nothing for a thief's."""
    await shop.put("41", ADA)
    await shop.put("41", "ada@new.example")
    other = await shop.mailed("41", "b")
    assert not await shop.agree("41", "a")
    await shop.put("41", THIEF)
    assert not await shop.agree("41", "a")
    assert not await shop.answers.agree(other, apart)
    await shop.later(LAPSES / SECOND)
    assert (await shop.get("41")).stands.addresses == (ADA,)


async def test_the_owner_agrees_and_is_told_again_and_can_still_stop_it(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.put("41", ADA)
    await shop.put("41", "ada@new.example")
    clock.advance(3 * DAY / SECOND)
    assert await shop.agree("41", "a", "b")
    kind, fact = (await shop.facts())[-1]
    assert (kind, fact["agreed"]) == ("subject_change_held", "owner")
    clock.advance(DAY / SECOND)
    assert await shop.subjects.apply_due() == 0  # they were not told of the answer so far
    assert await shop.stop("41", "b")
    await shop.put("41", "ada@new.example")
    assert await shop.agree("41", "b", "a")
    assert not await shop.agree("41", "a", "b")  # once
    assert await shop.later() == 1
    assert (await shop.get("41")).stands.addresses == ("ada@new.example",)


async def test_an_application_answers_for_what_it_means_and_for_nothing_else(shop: Shop) -> None:
    """Written first: who has the key puts a change of theirs in the place of the honest one, right
    before the application answers for it."""
    await shop.put("41", ADA)
    await shop.put("42", "eve@example.net")
    await shop.put("41", "ada@new.example")
    meant = (await shop.get("41")).change
    await shop.put("41", THIEF)
    for name, change in (("41", meant), ("42", (await shop.get("41")).change), ("41", "")):
        with pytest.raises(Conflict):
            async with shop.database.write() as tx:
                await shop.answers.vouch(tx, shop.id, name, change)
    with pytest.raises(NotFound):
        async with shop.database.write() as tx:
            await shop.answers.vouch(tx, shop.id, "43", meant)
    assert (await shop.get("41")).agreed == ""
    await shop.put("41", "ada@new.example")
    assert (await shop.vouch("41")).agreed == "application"
    with pytest.raises(Conflict):
        await shop.vouch("41")  # its hold does not begin again
    assert await shop.later() == 1
    assert (await shop.get("41")).stands.addresses == ("ada@new.example",)


async def test_a_class_that_was_left_of_late_still_says_how_long_a_change_waits(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: an operator's key takes the user out of a strict class, an application's key
    has it changed."""
    registration = check([ADA], "high-value", "none", "en", CLASSES)
    (made,) = await shop.put_all({"41": registration})
    assert isinstance(made, SubjectView)
    accounts = Accounts(shop.database, shop.keys, SlowHash(shop.keys, memory_kib=64, passes=1))
    async with shop.database.write() as tx:
        await accounts.administration.set_class(tx, made.account, "customer", by="key")
    await shop.put("41", "ada@new.example")
    view = await shop.vouch("41")
    assert view.due == clock.now() + 3 * DAY


async def test_a_change_is_good_after_the_hold(shop: Shop, clock: ManualClock) -> None:
    made = await shop.put("41", ADA, "ada@work.example")
    assert isinstance(made, SubjectView)
    await shop.put("41", ADA, "ada@new.example", factor="kept_there")
    view = await shop.get("41")
    assert view.pending is not None
    assert view.kind == "replace"
    await shop.vouch("41")
    clock.advance(DAY / SECOND)
    assert await shop.subjects.apply_due() == 0  # nobody was told so far
    assert await shop.later(1) == 1
    assert await shop.subjects.apply_due() == 0
    view = await shop.get("41")
    assert view.stands.addresses == (ADA, "ada@new.example")
    assert view.stands.factor == "kept_there"
    assert view.due is None
    assert await shop.reached("ada@work.example") is None
    assert await shop.reached("ada@new.example") == made.account
    kinds = [kind for kind, _ in await shop.facts()]
    assert kinds == [
        *("subjects_registered", "subject_change_held", "subject_change_held"),
        "subject_change_ended",
    ]
    async with shop.database.read() as tx:
        assert await tx.all(select(tables.subject_changes.c.wanted).distinct()) == [{"wanted": ""}]


async def test_to_say_the_same_again_changes_nothing_and_withdraws_what_is_held(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.put("41", ADA)
    await shop.put("41", "new@example.net")
    due = (await shop.get("41")).due
    clock.advance(60)
    await shop.put("41", "NEW@example.net")
    assert (await shop.get("41")).due == due  # neither begun anew nor told again
    await shop.put("41", "Ada@example.net")
    assert (await shop.get("41")).due is None
    await shop.later(2 * DAY / SECOND)
    assert (await shop.get("41")).stands.addresses == (ADA,)


async def test_a_newer_change_takes_the_place_of_one_that_is_held_and_waits_in_full(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.put("41", ADA)
    await shop.put("41", "one@example.net")
    await shop.vouch("41")
    clock.advance(DAY / SECOND - 60)
    await shop.put("41", "two@example.net")
    await shop.vouch("41")
    await shop.later(120)
    assert (await shop.get("41")).stands.addresses == (ADA,)
    await shop.later()
    assert (await shop.get("41")).stands.addresses == ("two@example.net",)


async def test_nobody_is_flooded_with_announcements(shop: Shop, clock: ManualClock) -> None:
    await shop.put("41", ADA)
    for n in range(CHANGES):
        assert isinstance(await shop.put("41", f"n{n}@example.net"), SubjectView)
    assert isinstance(await shop.put("41", "more@example.net"), TooMany)
    clock.advance(DAY / SECOND + 1)
    assert isinstance(await shop.put("41", "more@example.net"), SubjectView)


async def test_who_reads_at_one_provider_cannot_stop_every_change(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.put("41", ADA)
    stopped = []
    for n in range(3):
        await shop.put("41", f"n{n}@example.net")
        stopped.append(await shop.stop("41"))
    assert stopped == [True, True, False]
    assert not await shop.answers.stop("0" * 26)
    await shop.vouch("41")
    clock.advance(DAY / SECOND - 60)
    assert not await shop.stop("41")  # nor is there a new share before the hold is over
    await shop.later(60)
    assert (await shop.get("41")).stands.addresses == ("n2@example.net",)


async def test_a_stop_stops_its_own_change_only(shop: Shop, clock: ManualClock) -> None:
    await shop.put("41", ADA)
    await shop.put("41", "one@example.net")
    secret = await shop.mailed("41")
    clock.advance(60)
    await shop.put("41", "two@example.net")
    assert not await shop.answers.stop(secret)
    assert (await shop.get("41")).due is not None


async def test_to_be_forgotten_waits_and_then_leaves_nothing(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.put("41", ADA)
    view = await shop.erase("41")
    assert isinstance(view, SubjectView)
    assert view.kind == "erase"
    await shop.vouch("41")
    await shop.later()
    with pytest.raises(NotFound):
        await shop.get("41")
    assert await shop.reached(ADA) is None
    async with shop.database.read() as tx:
        for table in (tables.contact_points, tables.subject_changes):
            assert await tx.all(select(table)) == []
        # What remains ties together what incidents count, and names nobody.
        (left,) = await tx.all(select(tables.accounts))
    assert (left["subject"], left["locale"], left["factor"]) == (None, None, None)
    assert left["erased_at"] == clock.now()
    assert isinstance(await shop.put("41", ADA), SubjectView)


async def test_two_applications_and_our_own_accounts_may_know_one_address(
    shop: Shop, database: Database, keys: KeyRing
) -> None:
    other = await Shop(database, keys).open("Forum")
    accounts = Accounts(database, keys, SlowHash(keys, memory_kib=64, passes=1))
    one, two = await shop.put("41", ADA), await other.put("41", ADA)
    made = await accounts.sign_up(ADA, "violet-harbour-undoes-kettles", "n")
    assert made.code is not None
    ours = await accounts.confirm(made.confirmation, made.code.reveal(), "n")
    assert isinstance(one, SubjectView)
    assert isinstance(two, SubjectView)
    assert await shop.reached(ADA) == one.account
    assert await other.reached(ADA) == two.account
    assert len({one.account, two.account, ours}) == 3
    # Neither sees nor changes the other's.
    with pytest.raises(NotFound):
        async with database.read() as tx:
            await other.subjects.get(tx, other.id, "42")
    # A subject has no password: nobody signs in to it here.
    with pytest.raises(NotSignedIn):
        await accounts.sign_in(ADA, "", browser="b", network="n")


async def test_two_that_register_one_address_at_once_do_not_both_get_it(shop: Shop) -> None:
    found = await asyncio.gather(*(shop.put(str(n), ADA) for n in range(4)))
    assert sum(isinstance(one, SubjectView) for one in found) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 3


async def test_who_has_the_key_does_not_have_every_owner_written_to(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: a mass rewrite ends at its share of a day, and is said once."""
    many = {
        str(n): check([f"u{n}@example.net"], "customer", "none", "", CLASSES)
        for n in range(MANY + 10)
    }
    made = await shop.put_all(many)
    assert all(isinstance(one, SubjectView) for one in made)
    moved = {
        name: check([f"x{name}@example.org"], "customer", "none", "", CLASSES) for name in many
    }
    some = dict(list(moved.items())[:MANY])
    assert all(isinstance(one, SubjectView) for one in await shop.put_all(some))
    assert "subjects_rewritten" not in [kind for kind, _ in await shop.facts()]
    done = await shop.put_all(moved)
    assert sum(isinstance(one, TooMany) for one in done) == 10
    assert isinstance(await shop.erase("25"), TooMany)
    told = [data for kind, data in await shop.facts() if kind == "subjects_rewritten"]
    assert told == [{"application": shop.id, "key": "key_1", "count": MANY, "of": MANY + 10}]
    # What the application answers for is its own: there is room again.
    await shop.vouch("1")
    assert isinstance(await shop.put("25", "x25@example.org"), SubjectView)
    assert isinstance(await shop.put("26", "x26@example.org"), TooMany)
    # Nor does it keep the owners of those that were changed from taking it back.
    assert isinstance(await shop.put("0", "u0@example.net"), SubjectView)
    clock.advance(DAY / SECOND)
    assert isinstance(await shop.put("29", "x29@example.org"), SubjectView)


async def test_an_application_that_is_revoked_registers_nobody(shop: Shop) -> None:
    async with shop.database.write() as tx:
        await applications.revoke(tx, "Shop", by="test")
    with pytest.raises(NotAllowed):
        await shop.put("41", ADA)


async def test_a_secret_is_good_until_the_next_one(shop: Shop) -> None:
    async with shop.database.write() as tx:
        found = await applications.authenticate(tx, shop.keys, shop.id, shop.secret)
        assert found.redirects == ("https://shop.example/back",)
        new = await applications.new_secret(tx, shop.keys, "Shop", by="test")
    for secret, good in ((shop.secret, False), (new, True), ("", False), (new + "x", False)):
        async with shop.database.read() as tx:
            if good:
                await applications.authenticate(tx, shop.keys, shop.id, secret)
                continue
            with pytest.raises(NotSignedIn):
                await applications.authenticate(tx, shop.keys, shop.id, secret)
    async with shop.database.read() as tx:
        kept = await tx.all(select(tables.applications))
    assert shop.secret not in str(kept)
    assert new not in str(kept)


@pytest.mark.parametrize(
    "uri",
    [
        "http://shop.example/back",
        "https://shop.example/back#x",
        "https://shop.example/back#",
        "https://shop.example@evil.example/",
        "javascript:alert(1)",
        "https:///back",
        "//shop.example/back",
        "https://shop.example/ä",
        "https://shop.example/a b",
        "https://shop.example\\@evil.example",
        "https://shop.example:0/",
        "https://[::1",
        "",
    ],
)
def test_where_no_browser_may_be_sent(uri: str) -> None:
    with pytest.raises(Invalid):
        applications.redirect(uri)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "..", "ä", "x" * 256, "ada@example.net"])
def test_what_is_no_name_of_a_user(name: str) -> None:
    with pytest.raises(Invalid):
        subject(name)


async def test_a_language_is_changed_by_a_key_and_never_in_silence(shop: Shop) -> None:
    """A thief of the key has what will warn an owner written so that they do not read it."""
    made = await shop.speak("41", ADA, "de")
    for locale in ("de-AT", "fr"):  # the first reads the same
        stands = await shop.speak("41", ADA, locale)
        assert (stands.stands.locale, stands.due) == (locale, None)
    told = [data for kind, data in await shop.facts() if kind == "subject_language_changed"]
    before = {"account": made.account, "application": shop.id, "key": "key_1", "before": "de"}
    assert told == [before | {"chosen": "Français"}]


async def test_a_thief_of_the_key_floods_nobody_with_notices_of_languages(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.speak("41", ADA, "en")
    for n in range(CHANGES):
        assert isinstance(await shop.speak("41", ADA, ("fr", "de")[n % 2]), SubjectView)
    assert isinstance(await shop.speak("41", ADA, "es"), TooMany)
    assert (await shop.get("41")).stands.locale == "fr", "what is not told is not done"
    users = {f"u{n}": f"u{n}@example.net" for n in range(MANY)}
    for name, address in users.items():
        await shop.speak(name, address, "en")
    done = [await shop.speak(name, address, "es") for name, address in users.items()]
    refused = [one for one in done if isinstance(one, TooMany)]
    assert len(refused) == CHANGES, "of all users together"
    told = [data for kind, data in await shop.facts() if kind == "subject_language_changed"]
    assert len(told) == MANY
    # What reads the same writes to nobody, and is not counted.
    assert isinstance(await shop.speak("u19", users["u19"], "en-GB"), SubjectView)
    clock.advance(86_401)
    assert isinstance(await shop.speak("41", ADA, "es"), SubjectView)


async def test_a_thief_who_spent_the_languages_of_a_day_keeps_nothing_back(shop: Shop) -> None:
    """What they asked for is withdrawn by who says what stands, and their language goes."""
    await shop.speak("41", ADA, "en")
    for n in range(CHANGES):
        await shop.speak("41", ADA, ("fr", "de")[n % 2])
    await shop.speak("41", THIEF, "fr")
    assert (await shop.get("41")).pending is not None
    # In a language that is refused, it is withdrawn all the same.
    assert isinstance(await shop.speak("41", ADA, "es"), TooMany)
    assert (await shop.get("41")).pending is None
    assert ("subject_change_ended", "withdrawn") in [
        (kind, data.get("why")) for kind, data in await shop.facts()
    ]
    # The language from before costs nothing, and opens no further one.
    assert isinstance(await shop.speak("41", ADA, "en"), SubjectView)
    assert (await shop.get("41")).stands.locale == "en"
    for locale in ("fr", "es"):
        assert isinstance(await shop.speak("41", ADA, locale), TooMany)
    told = [data for kind, data in await shop.facts() if kind == "subject_language_changed"]
    assert len(told) == CHANGES + 1, "the way back is told as well"


async def test_the_languages_of_all_users_are_given_back_though_the_day_is_spent(
    shop: Shop, clock: ManualClock
) -> None:
    users = {f"u{n}": f"u{n}@example.net" for n in range(MANY + 5)}
    for locale in ("en", "fr"):
        for name, address in users.items():
            await shop.speak(name, address, locale)
    for name, address in users.items():
        assert isinstance(await shop.speak(name, address, "en"), SubjectView)
        assert (await shop.get(name)).stands.locale == "en"
    # Back is to where it was before the day's first change; tomorrow that is another one.
    clock.advance(86_401)
    await shop.speak("u0", users["u0"], "de")
    for n in range(CHANGES):
        await shop.speak("u0", users["u0"], ("es", "fr")[n % 2])
    assert isinstance(await shop.speak("u0", users["u0"], "de"), TooMany)
    assert isinstance(await shop.speak("u0", users["u0"], "en"), SubjectView)


async def test_users_are_counted_once_in_a_request_and_not_for_a_few(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request may have hundreds of users of a million, and a count of them takes its time."""
    counts = 0
    value = Tx.value

    async def counting(tx: Tx, statement: Executable) -> object:
        nonlocal counts
        said = str(statement)
        counts += "count(*)" in said and "FROM accounts" in said
        return await value(tx, statement)

    def all_in(locale: str, many: int) -> dict[str, Registration]:
        return {
            f"u{n}": check([f"u{n}@example.net"], "customer", "none", locale, CLASSES)
            for n in range(many)
        }

    await shop.put_all(all_in("en", MANY + 5))
    monkeypatch.setattr(Tx, "value", counting)
    await shop.put_all(all_in("fr", 5))
    assert counts == 0
    done = await shop.put_all(all_in("de", MANY + 5))
    refused = [one for one in done if isinstance(one, TooMany)]
    assert (counts, len(refused)) == (1, 10)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("addresses", ([], "customer", "none", "")),
        ("addresses", ([f"a{n}@example.net" for n in range(6)], "customer", "none", "")),
        ("addresses[1]", ([ADA, "no address"], "customer", "none", "")),
        ("class", ([ADA], "operator", "none", "")),
        ("class", ([ADA], "no-such", "none", "")),
        ("factor", ([ADA], "customer", "maybe", "")),
        ("locale", ([ADA], "customer", "none", "english please")),
    ],
)
def test_an_error_names_the_field(field: str, given: tuple[list[str], str, str, str]) -> None:
    with pytest.raises(Invalid) as error:
        check(*given, CLASSES, field="subjects[0].")
    assert error.value.field == f"subjects[0].{field}"


def test_the_words_of_a_change_hold_no_address() -> None:
    one = check([ADA], "customer", "none", "", CLASSES)
    two = check([THIEF], "customer", "kept_there", "", CLASSES)
    assert subject_views.what(one, two) == "the mail addresses and the second factor"
    assert ADA not in repr(one)
