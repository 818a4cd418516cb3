"""Second factors on both engines: what counts once, what is counted apart, what stays on record."""

import asyncio
from collections.abc import Awaitable, Callable

import pyotp
import pytest
from sqlalchemy import func, select, update

from mailkeep.accounts import queries, restoring, sessions, tables
from mailkeep.accounts.factors import held, record, saved_codes, totp
from mailkeep.accounts.factors.types import (
    SHARES,
    FactorView,
    Kind,
    Lane,
    Proof,
    Source,
    Typed,
    Verdict,
    Way,
)
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import ChangeKind, ChangeState, SessionView, SignedIn, Stage
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.store.database import Database, Tx

from .conftest import PASSWORD
from .device import Device

Owner = Callable[..., Awaitable[str]]
ADDRESS = "ada@example.net"
HERE = Source("b1", "n1")
RECOVERY = Lane(Way.RECOVERY)
HOLD = DAY // SECOND  #: of a customer's last factor


async def settled(accounts: Accounts, database: Database, tx: Tx, account: str) -> None:
    """As if the holds of new factors were over, and nobody had objected."""
    for change in await accounts.changes.held(tx, account):
        if change.what is ChangeKind.FACTOR:
            await held.settle(database, tx, account, change.id)
            of = tables.changes.c.id == change.id
            done = {"state": ChangeState.DONE.value, "ended_at": tx.now}
            await tx.run(update(tables.changes).where(of).values(**done))


class Room:
    """The accounts of a test, with what its tests do again and again."""

    def __init__(self, database: Database, accounts: Accounts, keys: KeyRing, clock: ManualClock):
        self.database, self.accounts, self.keys, self.clock = database, accounts, keys, clock
        self.factors, self.entering = accounts.factors, accounts.entering

    async def app(self, account: str, source: Source = HERE) -> pyotp.TOTP:
        async with self.database.write() as tx:
            made = await totp.enrol(tx, self.keys, account, name=ADDRESS, issuer="Example")
        app = pyotp.TOTP(made.secret.reveal())
        async with self.database.write() as tx:
            code = self.code(app)
            await self.factors.bind_totp(tx, account, made.factor, code, source)
            await settled(self.accounts, self.database, tx, account)
        self.clock.advance(90)
        return app

    def code(self, app: pyotp.TOTP) -> str:
        return str(app.generate_otp(self.clock.now() // totp.STEP))

    async def codes(self, account: str) -> list[str]:
        return [one.reveal() for one in await self.factors.new_codes(account, HERE)]

    async def passkey(self, account: str, device: Device | None = None) -> Device:
        device = device or Device()
        asked = await self.factors.ask_to_bind(account, "b1", name=ADDRESS, issuer="Example")
        async with self.database.write() as tx:
            await self.factors.bind_passkey(tx, account, device.create(asked), HERE, "Phone")
            await settled(self.accounts, self.database, tx, account)
        self.clock.advance(1)
        return device

    async def show(
        self, account: str, code: str = "", assertion: str = "", lane: Lane = RECOVERY
    ) -> Proof:
        typed = Typed(code, assertion, "b1")
        weighed = await self.factors.weigh(account, typed)

        async def work(tx: object) -> Proof:
            await queries.account(tx, account, lock=True)
            return await self.factors.prove(tx, account, weighed, lane)

        return await self.database.retrying(work)

    async def listed(self, account: str) -> list[FactorView]:
        async with self.database.read() as tx:
            return await self.factors.bound(tx, account)

    async def bound(self, account: str) -> list[Kind]:
        async with self.database.read() as tx:
            return [one.kind for one in await self.factors.bound(tx, account)]

    async def sign_in(self, browser: str = "b1") -> SignedIn:
        return await self.accounts.sign_in(ADDRESS, PASSWORD, browser=browser, network="n1")

    async def session(self) -> SessionView:
        """A full session before there is a factor."""
        made = await self.sign_in()
        return await self.accounts.sessions.lookup(made.secret.reveal())

    async def session_of(self, device: Device) -> SessionView:
        """A full session, by a passkey alone."""
        asked = await self.entering.ask_anyone("b1", "n1")
        made = await self.entering.by_passkey(device.get(asked), browser="b1", network="n1")
        return await self.accounts.sessions.lookup(made.secret.reveal())

    async def facts(self, kind: str) -> list[str]:
        async with self.database.read() as tx:
            query = select(events.c.data).where(events.c.kind == kind).order_by(events.c.id)
            return [row["data"] for row in await tx.all(query)]


@pytest.fixture
def room(database: Database, accounts: Accounts, keys: KeyRing, clock: ManualClock) -> Room:
    return Room(database, accounts, keys, clock)


# --- saved codes ---------------------------------------------------------------------------


@pytest.mark.check("63B 4.2.1.1", "63B 3.1.2.2", "ASVS 6.5.1", "ASVS 6.5.2", "ASVS 15.4.2")
async def test_saved_codes_are_ten_slowly_hashed_and_good_once(room: Room, owner: Owner) -> None:
    """63B 4.2.1.1, 63B 3.1.2.2, ASVS 6.5.1, 6.5.2."""
    account = await owner()
    with pytest.raises(Conflict):  # they would run out, and nothing be left
        await room.codes(account)
    await room.app(account)
    codes = await room.codes(account)
    assert len(set(codes)) == len({one[:3] for one in codes}) == 10
    assert {len(one) for one in codes} == {16}
    assert saved_codes.SECRET * 5 >= 64
    async with room.database.read() as tx:
        kept = await tx.all(select(tables.saved_codes))
    assert all(row["hash"].startswith("$argon2id$") for row in kept)
    assert not any(code[3:] in str(dict(row)) for row in kept for code in codes)
    typed = "-".join(codes[3][i : i + 4] for i in range(0, 16, 4)).lower()
    results = await asyncio.gather(*(room.show(account, typed) for _ in range(3)))
    assert [one.verdict for one in results].count(Verdict.PROVED) == 1
    assert next(one.left for one in results if one.proved) == 9
    assert (await room.show(account, codes[3])).verdict is Verdict.WRONG
    wrong_secret = codes[4][:3] + codes[5][3:]
    assert (await room.show(account, wrong_secret)).verdict is Verdict.WRONG
    assert (await room.show(account, codes[4])).left == 8
    assert len(await room.facts("accounts.saved_code_used")) == 2


async def test_new_codes_make_the_old_ones_worthless(room: Room, owner: Owner) -> None:
    account = await owner()
    await room.app(account)
    old = await room.codes(account)
    new = await room.codes(account)
    assert (await room.show(account, old[0])).verdict is Verdict.WRONG
    assert (await room.show(account, new[0])).proved
    assert await room.bound(account) == [Kind.TOTP, Kind.SAVED_CODES]


async def test_codes_of_another_account_are_nothing(room: Room, owner: Owner) -> None:
    account, other = await owner(), await owner("grace@example.net")
    await room.app(account)
    await room.app(other)
    codes = await room.codes(other)
    await room.codes(account)
    assert (await room.show(account, codes[0])).verdict is Verdict.WRONG
    assert (await room.show(other, codes[0])).proved


# --- tries ---------------------------------------------------------------------------------


@pytest.mark.check("63B 3.2.2")
def test_all_ways_together_are_the_hundred_that_one_authenticator_bears() -> None:
    """63B 3.2.2."""
    assert sum(SHARES.values()) <= 100
    assert set(SHARES) == set(Way)


@pytest.mark.check("63B 3.2.2", "63B 4.2.1.1", "ASVS 6.1.1")
@pytest.mark.parametrize("kind", [Kind.TOTP, Kind.SAVED_CODES])
async def test_wrong_answers_in_a_row_block_one_way_and_no_other(
    room: Room, owner: Owner, kind: Kind
) -> None:
    """63B 3.2.2, saved codes included: who holds the mailbox guesses for days, and the owner's own
    browser is let in as ever."""
    account = await owner()
    app = await room.app(account)
    codes = await room.codes(account)
    wrong = "0" * (6 if kind is Kind.TOTP else 16)
    right = codes[0] if kind is Kind.SAVED_CODES else None
    verdicts = []
    while Verdict.BLOCKED not in verdicts:
        assert len(verdicts) <= 2 * SHARES[Way.RECOVERY]
        verdicts.append((await room.show(account, wrong)).verdict)
        if verdicts[-1] is Verdict.THROTTLED:
            room.clock.advance(901)
    assert verdicts.count(Verdict.WRONG) == SHARES[Way.RECOVERY]
    assert len(await room.facts("accounts.factor_blocked")) == 1
    # Not even the right one is looked at there; the owner's way stands, and opens the other again.
    room.clock.advance(901)
    assert (await room.show(account, right or room.code(app))).verdict is Verdict.BLOCKED
    known = Lane(Way.KNOWN, "own")
    assert (await room.show(account, right or room.code(app), lane=known)).proved
    room.clock.advance(90)
    assert (await room.show(account, codes[1] if right else room.code(app))).proved


@pytest.mark.check("ASVS 6.1.1")
async def test_a_thief_with_the_password_keeps_no_passkey_out(room: Room, owner: Owner) -> None:
    account = await owner()
    device = await room.passkey(account)
    await room.app(account)
    thief = Lane(Way.STRANGER)
    for _ in range(7):
        await room.show(account, "000000", lane=thief)
    assert (await room.show(account, "000000", lane=thief)).verdict is Verdict.THROTTLED
    asked = await room.factors.ask(account, HERE)
    assert (await room.show(account, assertion=device.get(asked), lane=thief)).proved


async def test_what_no_factor_can_answer_is_wrong(room: Room, owner: Owner) -> None:
    account = await owner()
    await room.app(account)
    for typed in ("", "x", "12345", "1234567", "\0", "½" * 40, "0" * 70):
        assert (await room.show(account, typed)).verdict in {Verdict.WRONG, Verdict.THROTTLED}


# --- the record ----------------------------------------------------------------------------


@pytest.mark.check("63B 4.1", "ASVS 6.5.6")
async def test_every_authenticator_stays_on_record(room: Room, owner: Owner) -> None:
    """63B 4.1: time and source of each, the revoked ones too; their secrets are gone."""
    account = await owner()
    await room.app(account)
    await room.passkey(account)
    await room.codes(account)
    room.clock.advance(1)
    async with room.database.read() as tx:
        first, key, codes = await room.factors.bound(tx, account)
    assert (key.kind, key.name, key.synced, codes.left) == (Kind.PASSKEY, "Phone", False, 10)
    await room.app(account, Source("b2", "n2"))  # another phone: it takes the place of the first
    async with room.database.write() as tx:
        await room.factors.revoke(tx, account, key.id, "lost")
    async with room.database.read() as tx:
        past = await record.history(tx, account)
        for table in (tables.passkeys, tables.totp_factors, tables.saved_codes):
            count = await tx.value(select(func.count()).select_from(table))
            assert count == {"passkeys": 0, "totp_factors": 1, "saved_codes": 10}[table.name]
    assert [(one.kind, one.revoked_why) for one in past] == [
        (Kind.TOTP, "replaced"),
        (Kind.PASSKEY, "lost"),
        (Kind.SAVED_CODES, None),
        (Kind.TOTP, None),
    ]
    assert (past[0].browser, past[0].network, past[0].bound_at) == ("b1", "n1", first.bound_at)
    assert (past[3].browser, past[3].network) == ("b2", "n2")
    assert all(one.revoked_at is None or one.revoked_at >= one.bound_at for one in past)


async def test_the_last_factor_goes_after_a_hold_and_is_asked_until_then(
    room: Room, owner: Owner
) -> None:
    """ASVS 6.5.6. Whoever has everything once, a session, the password and one code, is not rid of
    the factor for good before its owner has heard of it."""
    account = await owner()
    app = await room.app(account)
    codes = await room.codes(account)
    factor = (await room.listed(account))[0].id
    async with room.database.write() as tx:
        with pytest.raises(Conflict):  # another one must take its place first
            await room.factors.revoke(tx, account, factor, "lost")
        until = await room.factors.revoke(tx, account, factor, "owner")
        assert until == tx.now + HOLD * SECOND
        # Asked again it goes no sooner and no later.
        assert await room.factors.revoke(tx, account, factor, "owner") == until
    room.clock.advance(HOLD - 60)
    async with room.database.write() as tx:
        assert await room.factors.settle(tx) == 0
    assert (await room.sign_in()).stage is Stage.FACTOR
    assert (await room.show(account, room.code(app))).proved
    room.clock.advance(60)
    for expected in (1, 0):
        async with room.database.write() as tx:
            assert await room.factors.settle(tx) == expected
    # Saved codes cannot stand alone, so they went with it.
    assert await room.bound(account) == []
    assert (await room.show(account, codes[0])).verdict is Verdict.WRONG
    assert (await room.sign_in()).stage is Stage.FULL
    async with room.database.write() as tx:
        with pytest.raises(NotFound):
            await room.factors.revoke(tx, account, factor, "owner")
    assert len(await room.facts("accounts.factor_leaving")) == 1


async def test_a_factor_that_is_being_removed_can_be_kept(room: Room, owner: Owner) -> None:
    account, other = await owner(), await owner("grace@example.net")
    await room.app(account)
    factor = (await room.listed(account))[0].id
    async with room.database.write() as tx:
        assert not await room.factors.keep(tx, account, factor)
        await room.factors.revoke(tx, account, factor, "owner")
        assert not await room.factors.keep(tx, other, factor)
        assert await room.factors.keep(tx, account, factor)
    room.clock.advance(2 * HOLD)
    async with room.database.write() as tx:
        assert await room.factors.settle(tx) == 0
    assert await room.bound(account) == [Kind.TOTP]


async def test_a_lost_factor_goes_at_once_when_another_is_there(room: Room, owner: Owner) -> None:
    """63B 4.3; and of two that are removed one after the other the second is held."""
    account = await owner()
    await room.app(account)
    await room.passkey(account)
    app, key = [one.id for one in await room.listed(account)]
    async with room.database.write() as tx:
        assert await room.factors.revoke(tx, account, key, "lost") is None
        assert await room.factors.revoke(tx, account, app, "owner") is not None
    device = await room.passkey(account)
    new = (await room.listed(account))[-1].id
    async with room.database.write() as tx:
        # The app is on its way out, so the new key is the last one.
        assert await room.factors.revoke(tx, account, new, "owner") is not None
    asked = await room.factors.ask(account, HERE)
    assert (await room.show(account, assertion=device.get(asked))).proved


async def test_names_are_short_and_theirs(room: Room, owner: Owner) -> None:
    account, other = await owner(), await owner("grace@example.net")
    await room.app(account)
    async with room.database.write() as tx:
        factor = (await room.factors.bound(tx, account))[0].id
        await room.factors.rename(tx, account, factor, "  My \n phone ")
        assert (await room.factors.bound(tx, account))[0].name == "My phone"
        for wrong in ("", " ", "x" * 65, "a\0b", "\u202egnp"):
            with pytest.raises(Invalid):
                await room.factors.rename(tx, account, factor, wrong)
        with pytest.raises(NotFound):
            await room.factors.rename(tx, other, factor, "mine now")


# --- everything once more ------------------------------------------------------------------


@pytest.mark.check("ASVS 7.5.3", "ASVS 7.2.4")
async def test_a_stolen_session_changes_nothing(room: Room, owner: Owner) -> None:
    """ASVS 7.5.1, 7.2.4: even while its owner changes something, a copy of the session does not."""
    await owner()
    stolen = await room.session()
    now = room.clock.now
    with pytest.raises(NotAllowed):
        room.entering.require_fresh(now(), stolen)
    with pytest.raises(NotSignedIn) as error:
        await room.entering.confirm(stolen, "wrong", Typed())
    assert error.value.field == "current"
    made = await room.entering.confirm(stolen, PASSWORD, Typed())
    fresh = await room.accounts.sessions.lookup(made.secret.reveal())
    room.entering.require_fresh(now(), fresh)
    with pytest.raises(NotSignedIn):  # the old one, of which there was a copy, has ended
        await room.entering.confirm(stolen, PASSWORD, Typed())
    room.clock.advance(601)
    with pytest.raises(NotAllowed):
        room.entering.require_fresh(now(), fresh)


@pytest.mark.check("63B 4.1.2.1", "ASVS 7.5.3")
async def test_with_a_factor_everything_includes_it(room: Room, owner: Owner) -> None:
    """63B 4.1.2.1: a new factor needs what the account needs."""
    account = await owner()
    early = await room.session()
    shown = await room.entering.confirm(early, PASSWORD, Typed())
    app = await room.app(account)
    # What was shown before the factor was bound is no longer everything.
    session = await room.accounts.sessions.lookup(shown.secret.reveal())
    with pytest.raises(NotAllowed):
        room.entering.require_fresh(room.clock.now(), session)
    for code in ("", "000000"):
        with pytest.raises(NotSignedIn) as error:
            await room.entering.confirm(session, PASSWORD, Typed(code))
        assert error.value.field == "factor"
    await room.entering.confirm(session, PASSWORD, Typed(room.code(app)))


# --- passkeys ------------------------------------------------------------------------------


@pytest.mark.check("63B 2.2")
async def test_a_passkey_is_a_second_factor(room: Room, owner: Owner) -> None:
    account = await owner()
    device = await room.passkey(account, Device(synced=True))
    pending = (await room.sign_in()).secret.reveal()
    assert await room.entering.choices(pending) == {"passkey"}
    asked = await room.entering.ask(pending, HERE)
    answer = Typed(assertion=device.get(asked), browser="b1")
    made = await room.entering.second_step(pending, answer)
    assert made.stage is Stage.FULL
    async with room.database.read() as tx:
        key = (await room.factors.bound(tx, account))[0]
    assert (key.synced, key.last_used_at) == (True, room.clock.now())
    again = (await room.sign_in()).secret.reveal()
    with pytest.raises(NotSignedIn):  # the same signature, a second time
        await room.entering.second_step(again, answer)


@pytest.mark.check("63B 2.2", "ASVS 6.3.4")
async def test_a_passkey_alone_signs_in(room: Room, owner: Owner) -> None:
    account = await owner()
    device = await room.passkey(account)
    asked = await room.entering.ask_anyone("b9", "n9")
    made = await room.entering.by_passkey(device.get(asked), browser="b9", network="n9")
    assert (made.account, made.stage) == (account, Stage.FULL)
    device.verifies = False  # a key that was found and only touched stands for no password
    asked = await room.entering.ask_anyone("b9", "n9")
    with pytest.raises(NotSignedIn):
        await room.entering.by_passkey(device.get(asked), browser="b9", network="n9")


async def test_a_question_is_good_once_here_and_for_five_minutes(room: Room, owner: Owner) -> None:
    account = await owner()
    other = await owner("grace@example.net")
    device = await room.passkey(account)
    strange = await room.passkey(other)

    async def proved(answer: str) -> bool:
        return (await room.show(account, assertion=answer)).proved

    elsewhere = await room.factors.ask(account, Source("another browser", "n1"))
    assert not await proved(device.get(elsewhere))
    anyone = await room.entering.ask_anyone("b1", "n1")
    assert not await proved(device.get(anyone))
    theirs = await room.factors.ask(other, HERE)
    assert not await proved(device.get(theirs))
    assert not await proved(strange.get(theirs))
    mine = await room.factors.ask(account, HERE)
    assert not await proved(strange.get(mine))  # another account's key
    assert not await proved(Device(credential=device.credential).get(mine))  # another key
    phished = Device("https://localhost.example", key=device.key, credential=device.credential)
    assert not await proved(phished.get(mine))
    assert not await proved(device.get(mine, userHandle="AAAA"))
    room.clock.advance(1000)
    assert not await proved(device.get(mine))
    mine = await room.factors.ask(account, HERE)
    answers = [device.get(mine), device.get(mine)]
    results = await asyncio.gather(*(proved(one) for one in answers))
    assert sorted(results) == [False, True]
    # A question for a new passkey answers no other, nor the other way round.
    binding = await room.factors.ask_to_bind(account, "b1", name="x", issuer="y")
    with pytest.raises(Invalid):
        async with room.database.write() as tx:
            await room.factors.bind_passkey(tx, account, Device().create(binding), Source("b2", ""))


@pytest.mark.check("63B 4.3", "63B 5.3")
async def test_a_copied_passkey_is_refused_and_reported(room: Room, owner: Owner) -> None:
    account = await owner()
    device = await room.passkey(account)
    copy = Device(key=device.key, credential=device.credential, user=device.user, count=40)
    for one, right in ((copy, True), (device, False), (copy, True)):
        asked = await room.factors.ask(account, HERE)
        assert (await room.show(account, assertion=one.get(asked))).proved is right
    assert len(await room.facts("accounts.passkey_copied")) == 1
    still = await room.passkey(account, Device(counts=False))  # most keep no count at all
    for _ in range(2):
        asked = await room.factors.ask(account, HERE)
        assert (await room.show(account, assertion=still.get(asked))).proved


async def test_a_passkey_is_bound_once(room: Room, owner: Owner) -> None:
    account, other = await owner(), await owner("grace@example.net")
    device = await room.passkey(account)
    with pytest.raises(Conflict):
        await room.passkey(other, device)
    assert await room.bound(other) == []
    asked = await room.factors.ask_to_bind(account, "b1", name="x", issuer="y")
    assert '"excludeCredentials": [{"id"' in asked
    evil = Device("https://evil.example").create(asked)
    with pytest.raises(Invalid):
        async with room.database.write() as tx:
            await room.factors.bind_passkey(tx, account, evil, HERE)


@pytest.mark.parametrize(
    "answer",
    ["", "{", "[]", "null", "[" * 9000, '{"id": "AA", "rawId": "AA"}', "x" * 20_000, '"\\u0000"'],
)
async def test_what_is_no_answer_is_refused(room: Room, owner: Owner, answer: str) -> None:
    account = await owner()
    await room.passkey(account)
    assert not (await room.show(account, assertion=answer or " ")).proved
    with pytest.raises(NotSignedIn):
        await room.entering.by_passkey(answer, browser="b1", network="n1")
    with pytest.raises(Invalid):
        async with room.database.write() as tx:
            await room.factors.bind_passkey(tx, account, answer, HERE)


async def test_slow_work_is_bounded(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the password makes us hash no more often than tries are looked at."""
    account = await owner()
    await room.app(account)
    await room.codes(account)
    pending = (await room.sign_in()).secret.reveal()
    hashed = []
    slow = saved_codes.right

    async def counted(*given: object) -> bool:
        hashed.append(given)
        return await slow(*given)

    monkeypatch.setattr(saved_codes, "right", counted)
    for _ in range(12):
        with pytest.raises((NotSignedIn, TooMany)):
            await room.entering.second_step(pending, Typed("0" * 16))
    assert len(hashed) == 5
    for _ in range(4):
        await room.codes(account)
    with pytest.raises(TooMany):
        await room.codes(account)
    for _ in range(60):
        await room.factors.ask(account, HERE)
    with pytest.raises(TooMany):
        await room.factors.ask(account, HERE)


async def test_questions_are_bounded(room: Room) -> None:
    for _ in range(60):
        await room.entering.ask_anyone("b", "n")
    with pytest.raises(TooMany):
        await room.entering.ask_anyone("b", "n")
    await room.entering.ask_anyone("b", "elsewhere")


async def test_an_account_without_a_password(room: Room, owner: Owner) -> None:
    """Only passkeys open it; the last one cannot be removed; everything once more is a passkey."""
    account = await owner()
    device = await room.passkey(account)
    session = await room.session_of(device)
    asked = await room.factors.ask(account, HERE)
    typed = Typed(assertion=device.get(asked), browser="b1")
    made = await room.entering.confirm(session, PASSWORD, typed)
    fresh = await room.accounts.sessions.lookup(made.secret.reveal())
    async with room.database.write() as tx:
        with pytest.raises(Conflict):
            await room.entering.remove_password(tx, fresh)
    spare = await room.passkey(account)
    async with room.database.write() as tx:
        with pytest.raises(NotAllowed):
            await room.entering.remove_password(tx, session)
        # Bound from elsewhere: what was shown before is no longer everything.
    session = await room.session_of(device)
    asked = await room.factors.ask(account, HERE)
    typed = Typed(assertion=device.get(asked), browser="b1")
    made = await room.entering.confirm(session, PASSWORD, typed)
    fresh = await room.accounts.sessions.lookup(made.secret.reveal())
    async with room.database.write() as tx:
        await room.entering.remove_password(tx, fresh)
        assert not await queries.has_password(tx, account)
    with pytest.raises(NotSignedIn):
        await room.sign_in()
    session = await room.session_of(spare)
    asked = await room.factors.ask(account, HERE)
    spare.verifies = False
    with pytest.raises(NotSignedIn):
        await room.entering.confirm(session, "", Typed(assertion=spare.get(asked), browser="b1"))
    spare.verifies = True
    asked = await room.factors.ask(account, HERE, verified=True)
    await room.entering.confirm(session, "", Typed(assertion=spare.get(asked), browser="b1"))
    async with room.database.write() as tx:
        one, two = await room.factors.bound(tx, account)
        await room.factors.revoke(tx, account, one.id, "owner")
        with pytest.raises(Conflict):
            await room.factors.revoke(tx, account, two.id, "owner")


# --- an older copy of the database ---------------------------------------------------------


async def test_a_restore_tells_of_a_held_factor_anew(room: Room, owner: Owner) -> None:
    account = await owner()
    await room.passkey(account)
    await room.codes(account)
    async with room.database.write() as tx:
        (before,) = await room.accounts.changes.held(tx, account)
        await room.accounts.changes.told(tx, before)
    room.clock.advance(HOLD + 1)
    async with room.database.write() as tx:
        await restoring.stop_changes(room.database, tx)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
        (after,) = await room.accounts.changes.held(tx, account)
        assert (after.id, after.until) == (before.id, before.until + DAY + SECOND)
    assert len(await room.facts("accounts.change_held")) == 3


async def test_a_browser_that_may_have_been_denied_since_the_copy_is_a_strangers(
    room: Room, owner: Owner
) -> None:
    account = await owner()
    await room.sign_in("home")
    room.clock.advance(30 * DAY // SECOND)
    thief = await room.sign_in("thief")
    await room.accounts.sessions.lookup(thief.secret.reveal())
    await room.sign_in("gone")
    async with room.database.write() as tx:
        gone = (await room.accounts.sessions.of(tx, account))[0]
        await room.accounts.sessions.end(tx, account, gone.id)
    # The copy was made now; its owner denied the thief after that, and the copy comes back.
    room.clock.advance(DAY // SECOND)
    async with room.database.write() as tx:
        assert await restoring.end_every_session(room.database, tx) == 2
    async with room.database.read() as tx:
        known = [
            one
            for one in ("home", "thief", "gone")
            if await queries.knows_browser(tx, account, one)
        ]
    assert known == ["home"]


@pytest.mark.check("ASVS 15.4.2")
@pytest.mark.parametrize("bound", ["codes", "passkey", "app"])
@pytest.mark.parametrize("meanwhile", ["ended", "frozen", "unconfirmed"])
async def test_a_session_that_ended_meanwhile_binds_nothing(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch, bound: str, meanwhile: str
) -> None:
    """A page has looked who is there; then hashes are made, or a form is read; and the owner's
    reset has come between. Whoever it threw out must not have a way in that came later."""
    account = await owner()
    app = await room.app(account)
    before = await room.bound(account)
    made = await room.entering.second_step(
        (await room.sign_in("thief")).secret.reveal(), Typed(room.code(app), "", "thief")
    )
    room.clock.advance(90)
    session = await room.accounts.sessions.lookup(made.secret.reveal())
    made = await room.entering.confirm(session, PASSWORD, Typed(room.code(app), "", "thief"))
    session = await room.accounts.sessions.lookup(made.secret.reveal())
    source = Source("thief", "n1", session.id)
    room.entering.require_fresh(room.clock.now(), session)

    async def come_between() -> None:
        async with room.database.write() as tx:
            if meanwhile == "ended":
                await room.accounts.sessions.end_all(tx, account, "recovery")
            elif meanwhile == "frozen":
                await room.accounts.freeze(tx, account, tx.now + DAY, "denied")
            else:
                await sessions.unconfirm(tx, account)

    if bound == "codes":
        hashes = saved_codes.hashes

        async def slowly(*given: object) -> object:
            await come_between()
            return await hashes(*given)

        monkeypatch.setattr(saved_codes, "hashes", slowly)
        work = room.factors.new_codes(account, source)
    elif bound == "passkey":
        asked = await room.factors.ask_to_bind(account, "thief", name=ADDRESS, issuer="E")
        answer = Device().create(asked)
        await come_between()

        async def bind() -> None:
            async with room.database.write() as tx:
                await room.factors.bind_passkey(tx, account, answer, source)

        work = bind()
    else:
        async with room.database.write() as tx:
            new = await totp.enrol(tx, room.keys, account, name=ADDRESS, issuer="Example")
        await come_between()

        async def bind() -> None:
            async with room.database.write() as tx:
                code = room.code(pyotp.TOTP(new.secret.reveal()))
                await room.factors.bind_totp(tx, account, new.factor, code, source)

        work = bind()
    with pytest.raises(NotAllowed if meanwhile == "unconfirmed" else NotSignedIn):
        await work
    assert await room.bound(account) == before


async def test_a_session_that_ended_meanwhile_removes_nothing(room: Room, owner: Owner) -> None:
    account = await owner()
    session = await room.session()
    made = await room.entering.confirm(session, PASSWORD, Typed())
    session = await room.accounts.sessions.lookup(made.secret.reveal())
    async with room.database.write() as tx:
        await room.entering.going_on(tx, session)
        await room.accounts.sessions.end_all(tx, account, "recovery")
    async with room.database.write() as tx:
        with pytest.raises(NotSignedIn):
            await room.entering.going_on(tx, session)
        with pytest.raises(NotSignedIn):
            await room.entering.remove_password(tx, session)
