"""Verdicts for applications on both engines: who gets one, what it says, and who does not."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select, update

from mailkeep.accounts import applications
from mailkeep.accounts import tables as tables_of_accounts
from mailkeep.accounts.applications import ApplicationView
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.events import SubjectChangeHeld, SubjectLanguageChanged
from mailkeep.accounts.factors.types import Typed
from mailkeep.accounts.registration import check
from mailkeep.accounts.subject_views import SubjectView
from mailkeep.accounts.types import Origin
from mailkeep.base.clock import MINUTE, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotFound, NotSignedIn, TooMany
from mailkeep.events.types import Recorded
from mailkeep.recovery import id_token, retention, tables
from mailkeep.recovery.types import Asked, Handed, RecoverySettings, Taken, VerdictState

from .conftest import ADDRESS, PASSWORD, Room
from .test_holds import accept

CLASSES = Classes()
ISSUER = "https://example.com"
BACK = "https://shop.example/back"
VERIFIER = "v" * 43


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Shop:
    """An application at a recovery room, and the browsers that it sends."""

    room: Room
    view: ApplicationView
    network: str = "network_1"
    accounts: dict[str, str] = field(default_factory=dict)

    async def register(self, name: str, address: str, factor: str = "none") -> SubjectView:
        async with self.room.database.write() as tx:
            registration = check([address], "customer", factor, "en", CLASSES)
            (made,) = await self.room.recovery.subjects.register(
                tx, self.view.id, "key_1", [(name, registration)]
            )
        assert isinstance(made, SubjectView)
        return made

    async def send(self, browser: str, verifier: str = VERIFIER) -> None:
        """The browser comes to us."""
        asked = Asked(self.view.id, BACK, "the state", "the nonce", challenge(verifier))
        await self.room.recovery.verdicts.begin(browser, asked)

    async def ask(self, browser: str, address: str = ADDRESS) -> None:
        self.room.database.clock.advance(0.01)
        await self.room.recovery.ask(
            address, browser=browser, network=self.network, application=self.view.id
        )
        await self.room.recovery.planner.step()

    async def prove(self, browser: str, skip: int = 0) -> None:
        link, code = await self.room.proofs(skip)
        proving = self.room.recovery.proving
        await proving.link(browser, "n", str(link["link"]))
        await proving.code(browser, "n", str(code["code"]))

    async def finish(self, browser: str, factor: str | None = None) -> Handed:
        typed = None if factor is None else Typed(code=factor)
        handed = await self.room.recovery.finishing.finish(
            "", typed, origin=Origin(browser, self.network)
        )
        assert isinstance(handed, Handed)
        return handed

    async def recover(self, browser: str = "own") -> Handed:
        await self.send(browser)
        await self.ask(browser)
        await self.prove(browser)
        return await self.finish(browser)

    async def take(
        self,
        handed: Handed,
        *,
        by: ApplicationView | None = None,
        redirect: str = BACK,
        verifier: str = VERIFIER,
    ) -> Taken:
        return await self.room.recovery.verdicts.exchange(
            by or self.view, handed.code.reveal(), redirect, verifier, ISSUER
        )

    async def states(self) -> list[tuple[str, str | None]]:
        async with self.room.database.read() as tx:
            rows = await tx.all(select(tables.verdicts).order_by(tables.verdicts.c.id))
        return [(row["state"], row["why"]) for row in rows]


async def opened(room: Room, name: str = "Shop") -> Shop:
    async with room.database.write() as tx:
        view, _ = await applications.add(tx, room.keys, name, [BACK], by="test")
    return Shop(room, view)


@pytest.fixture
async def shop(room: Room) -> Shop:
    return await opened(room)


async def test_a_recovery_comes_to_a_verdict_that_says_what_was_proved(shop: Shop) -> None:
    account = await shop.register("41", ADDRESS)
    handed = await shop.recover()
    assert (handed.redirect_uri, handed.state) == (BACK, "the state")
    taken = await shop.take(handed)
    told = taken.claims
    assert (told["iss"], told["aud"], told["sub"]) == (ISSUER, shop.view.id, "41")
    assert told["nonce"] == "the nonce"
    assert told["exp"] - told["iat"] == 60
    assert told["factor"] == "none"
    assert (told["acr"], told["amr"]) == (id_token.TWO_ROUTES, ["mca"])
    parties = {one["kind"]: one["parties"] for one in told["proofs"]}
    assert sorted(map(str, parties.values())) == ["['house_a']", "['house_b']"]
    assert parties.keys() == {"link", "code"}
    view = await shop.room.recovery.verdicts.acknowledge(told["jti"], taken.token.reveal())
    assert (view.state, view.subject) == (VerdictState.SECURED, "41")
    kinds = [kind for kind, _ in await shop.room.facts()]
    assert kinds[-4:] == ["verdict_made", "completed", "verdict_handed_over", "verdict_secured"]
    assert (await shop.room.facts())[-1][1]["account"] == account.account
    notices = await shop.room.mails("security")
    assert len({one["provider"] for one in notices}) == 2
    assert all("your account at Shop" in str(one["text"]) for one in notices)
    async with shop.room.database.read() as tx:
        kept = str(await tx.all(select(tables.verdicts)))
    assert handed.code.reveal() not in kept
    assert taken.token.reveal() not in kept


async def test_no_password_is_written_and_no_session_made(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    await shop.recover()
    with pytest.raises(NotSignedIn):
        await shop.room.accounts.sign_in(ADDRESS, PASSWORD, browser="b", network="n")


async def test_a_recovery_there_gives_strangers_no_tries_back_here(
    shop: Shop, owner: Callable[[], Awaitable[str]]
) -> None:
    """An application's user may have an address that opens an account of ours too."""
    await owner()
    await shop.register("41", ADDRESS)
    accounts = shop.room.accounts
    for n in range(110):
        with pytest.raises((NotSignedIn, TooMany)):
            await accounts.sign_in(ADDRESS, "wrong", browser="t", network=f"t{n // 10}")
    await shop.recover()
    with pytest.raises(TooMany):
        await accounts.sign_in(ADDRESS, "wrong", browser="t", network="another")


async def test_a_code_is_good_once_and_shown_twice_it_takes_everything_back(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover()
    taken = await shop.take(handed)
    with pytest.raises(Conflict):
        await shop.take(handed)
    with pytest.raises(Conflict):  # RFC 6749 section 4.1.2: what was given for it is revoked
        await shop.room.recovery.verdicts.acknowledge(taken.claims["jti"], taken.token.reveal())
    assert await shop.states() == [("revoked", "replayed")]
    fact = (await shop.room.facts())[-1]
    assert fact[0] == "verdict_revoked"
    assert fact[1]["state"] == "handed_over"


async def test_two_that_show_a_code_at_once_do_not_both_get_a_verdict(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover()
    found = await asyncio.gather(*(shop.take(handed) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(one, Taken) for one in found) == 1
    assert await shop.states() == [("revoked", "replayed")]


@pytest.mark.parametrize("wrong", ["another", "verifier", "redirect", "empty"])
async def test_a_stolen_code_is_worth_nothing_and_is_spoiled(shop: Shop, wrong: str) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover()
    thief = await opened(shop.room, "Thief")
    shown = {
        "another": {"by": thief.view},
        "verifier": {"verifier": "w" * 43},
        "redirect": {"redirect": f"{BACK}/"},
        "empty": {"verifier": ""},  # the downgrade: no verifier at all
    }
    with pytest.raises(Conflict):
        await shop.take(handed, **shown[wrong])
    with pytest.raises(Conflict):
        await shop.take(handed)
    assert (await shop.states())[0][0] == "revoked"


async def test_an_unknown_code_spoils_nothing(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover()
    guess = Handed(BACK, "", type(handed.code)("mkc_" + "x" * 43))
    with pytest.raises(Conflict):
        await shop.take(guess)
    await shop.take(handed)


async def test_a_code_is_good_for_a_minute(shop: Shop, clock: ManualClock) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover()
    clock.advance(MINUTE / SECOND)
    with pytest.raises(Conflict):
        await shop.take(handed)


async def test_the_token_acts_on_its_own_verdict_once_and_in_time(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.register("41", ADDRESS)
    verdicts = shop.room.recovery.verdicts
    one = await shop.take(await shop.recover("one"))
    for jti, token in (("vrd_other", one.token.reveal()), (one.claims["jti"], "mkv_wrong")):
        with pytest.raises(NotSignedIn):
            await verdicts.acknowledge(jti, token)
    await verdicts.acknowledge(one.claims["jti"], one.token.reveal())
    with pytest.raises(Conflict):
        await verdicts.acknowledge(one.claims["jti"], one.token.reveal())
    clock.advance(3600)
    await shop.send("two")
    await shop.ask("two")
    await shop.prove("two", skip=2)
    two = await shop.take(await shop.finish("two"))
    clock.advance(10 * MINUTE / SECOND)
    with pytest.raises(NotSignedIn):
        await verdicts.acknowledge(two.claims["jti"], two.token.reveal())


@pytest.mark.parametrize("taken", [False, True])
async def test_the_owner_takes_a_verdict_back_up_to_the_moment_of_writing(
    shop: Shop, taken: bool
) -> None:
    await shop.register("41", ADDRESS)
    handed = await shop.recover("thief")
    got = await shop.take(handed) if taken else None
    (notice, *_) = await shop.room.mails("security")
    await shop.room.recovery.denying.deny(str(notice["denial"]))
    if got is None:
        with pytest.raises(Conflict):
            await shop.take(handed)
    else:
        with pytest.raises(Conflict):
            await shop.room.recovery.verdicts.acknowledge(got.claims["jti"], got.token.reveal())
    assert await shop.states() == [("revoked", "denied")]
    # Two fresh mails are what opens the account again.
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own", skip=2)
    assert await shop.take(await shop.finish("own"))


async def test_a_recovery_that_is_held_comes_to_its_verdict_after_the_wait(
    room: Room, clock: ManualClock
) -> None:
    held = Room(room.database, room.keys, room.accounts, RecoverySettings())
    shop = await opened(held)
    await shop.register("41", ADDRESS)
    await shop.recover("thief")
    (notice, *_) = await held.mails("security")
    await held.recovery.denying.deny(str(notice["denial"]))
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own", skip=2)
    with pytest.raises(Conflict):
        await shop.finish("own")
    told = [str(one["text"]) for one in await held.mails("security")]
    assert any("your account at Shop. The password can be changed after" in one for one in told)
    await accept(held, "a", "b")
    clock.advance(3601)
    # What it was sent for is long over; the application sends it again.
    with pytest.raises(Conflict, match="begin at Shop"):
        await shop.finish("own")
    await shop.send("own")
    assert await shop.take(await shop.finish("own"))


async def test_both_proofs_in_a_browser_that_nobody_sent_lead_nowhere(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    await shop.send("laptop")
    await shop.ask("laptop")
    await shop.prove("phone")
    with pytest.raises(Conflict, match="begin at Shop in this browser"):
        await shop.finish("phone")
    # What it has shown counts once the application has sent it.
    await shop.send("phone")
    assert await shop.take(await shop.finish("phone"))


async def test_a_browser_that_another_application_sent_gets_no_verdict_of_this_one(
    shop: Shop,
) -> None:
    """Mix-up: the thief's application sends the owner's browser, which shows proofs of the shop."""
    await shop.register("41", ADDRESS)
    thief = await opened(shop.room, "Thief")
    await thief.send("own")
    await shop.ask("own")
    await shop.prove("own")
    with pytest.raises(Conflict):
        await shop.finish("own")


async def test_a_subject_of_one_application_is_none_of_another(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    other = await opened(shop.room, "Forum")
    await other.send("own")
    await other.ask("own")
    with pytest.raises(IndexError):
        await shop.room.proofs()  # no mail to an address that the forum does not know
    two = await other.register("theirs", ADDRESS)
    handed = await other.recover("own")
    taken = await other.take(handed)
    assert (taken.claims["sub"], taken.claims["aud"]) == ("theirs", other.view.id)
    assert two.account in str((await shop.room.facts())[-1])
    async with shop.room.database.read() as tx:
        with pytest.raises(NotFound):
            await shop.room.recovery.verdicts.get(tx, shop.view.id, taken.claims["jti"])


@pytest.mark.parametrize(("kept", "word"), [("kept_there", "outstanding"), ("kept_here", "none")])
async def test_a_factor_that_was_not_proved_is_said_to_be_outstanding(
    shop: Shop, kept: str, word: str
) -> None:
    await shop.register("41", ADDRESS, kept)
    taken = await shop.take(await shop.recover())
    assert taken.claims["factor"] == word
    assert taken.claims["acr"] == id_token.TWO_ROUTES
    assert "mfa" not in taken.claims["amr"]


async def test_proofs_that_one_party_could_read_make_no_verdict(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    await shop.send("own")
    await shop.ask("own")
    link, code = await shop.room.proofs()
    await shop.prove("own")
    await shop.room.attempt(link, str(code["provider"]), "accepted")
    with pytest.raises(Conflict):
        await shop.finish("own")
    assert await shop.states() == []


async def test_a_revoked_application_gets_nothing(shop: Shop) -> None:
    await shop.register("41", ADDRESS)
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own")
    async with shop.room.database.write() as tx:
        await applications.revoke(tx, "Shop", by="test")
    with pytest.raises(Conflict):
        await shop.finish("own")


async def test_a_change_that_is_good_voids_what_went_to_the_old_address(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.register("41", ADDRESS)
    await shop.send("thief")
    await shop.ask("thief")
    await shop.prove("thief")
    view = await shop.register("41", "new@example.net")
    async with shop.room.database.write() as tx:
        # The hold was over already, and the mails are fresh: as close as it can come.
        change = tables_of_accounts.subject_changes
        good = {"due_at": tx.now, "told_at": tx.now, "agreed_at": tx.now}
        await tx.run(update(change).values(**good))
    assert view.due is not None
    assert await shop.room.recovery.subjects.apply_due() == 1
    with pytest.raises(Conflict):
        await shop.finish("thief")
    assert await shop.states() == []


async def tell(shop: Shop, made: SubjectView, agreed: str = "") -> list[dict[str, object]]:
    """The notices of a change that is held, as the subscriber writes them; the new ones."""
    before = {one["id"] for one in await shop.room.mails("security")}
    async with shop.room.database.write() as tx:
        view = await shop.room.recovery.subjects.get(tx, shop.view.id, made.subject)
        fact = SubjectChangeHeld(
            account=made.account,
            application=shop.view.id,
            change="replace",
            what="the words",
            key="k",
            due=view.due or 0,
            agreed=agreed,
        )
        recorded = Recorded(1, tx.now, tx.now, "evt", fact)
        await shop.room.recovery.notices.on_change_held(tx, recorded)
    return [one for one in await shop.room.mails("security") if one["id"] not in before]


async def test_who_has_stolen_a_key_cannot_hide_behind_a_language(shop: Shop) -> None:
    """The user is told in the language from before, over two routes."""
    made = await shop.register("41", ADDRESS)
    fact = SubjectLanguageChanged(
        account=made.account, application=shop.view.id, key="k", before="de", chosen="Français"
    )
    async with shop.room.database.write() as tx:
        recorded = Recorded(1, tx.now, tx.now, "evt", fact)
        await shop.room.recovery.notices.on_language(tx, recorded)
    told = await shop.room.mails("security")
    assert {one["to"] for one in told} == {ADDRESS}
    assert len({one["provider"] for one in told}) == 2
    for one in told:
        assert "kommen jetzt in einer anderen Sprache" in str(one["subject"])
        assert f"Sagen Sie es {shop.view.name} sofort" in str(one["text"])


async def test_a_held_change_is_told_where_the_owner_was_reached_and_can_be_stopped(
    shop: Shop, clock: ManualClock
) -> None:
    """What a thief of the application's key does is seen on two routes."""
    made = await shop.register("41", ADDRESS)
    await shop.register("41", "mallory@example.org")
    told = await tell(shop, made)
    assert {one["to"] for one in told} == {ADDRESS}
    assert len({one["provider"] for one in told}) == 2
    assert all("the words" in str(one["text"]) for one in told)
    assert all("Nothing changes so far" in str(one["text"]) for one in told)
    assert await shop.room.recovery.answers.stop(str(told[0]["denial"]))
    clock.advance(15 * 86_400)
    await shop.room.recovery.subjects.apply_due()
    async with shop.room.database.read() as tx:
        stands = (await shop.room.recovery.subjects.get(tx, shop.view.id, "41")).stands
    assert stands.addresses == (ADDRESS,)


async def test_an_owner_agrees_out_of_both_mails_and_is_told_from_when_it_counts(
    shop: Shop, clock: ManualClock
) -> None:
    made = await shop.register("41", ADDRESS)
    await shop.register("41", "ada@new.example")
    one, other = await tell(shop, made)
    recovery = shop.room.recovery
    await recovery.agree(str(one["denial"]))
    async with shop.room.database.read() as tx:
        assert (await recovery.subjects.get(tx, shop.view.id, "41")).agreed == ""
    await recovery.agree(str(other["denial"]))
    async with shop.room.database.read() as tx:
        assert (await recovery.subjects.get(tx, shop.view.id, "41")).agreed == "owner"
    again = await tell(shop, made, "owner")
    assert {mail["to"] for mail in again} == {ADDRESS}
    assert all("You agreed" in str(mail["text"]) for mail in again)
    clock.advance(86_400)
    assert await recovery.subjects.apply_due() == 1
    async with shop.room.database.read() as tx:
        stands = (await recovery.subjects.get(tx, shop.view.id, "41")).stands
    assert stands.addresses == ("ada@new.example",)


async def test_what_browsers_were_sent_for_is_forgotten(shop: Shop, clock: ManualClock) -> None:
    await shop.send("own")
    clock.advance(7200)
    async with shop.room.database.write() as tx:
        assert await retention.forget_requests(tx, tx.now, 10) == 1
        assert await retention.forget_requests(tx, tx.now, 10) == 0
