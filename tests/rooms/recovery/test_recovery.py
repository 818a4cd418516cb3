"""Recoveries on both engines: who gets an account back, and who does not."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pyotp
import pytest
from sqlalchemy import select, update

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import tables as account_tables
from mailkeep.accounts.factors import held, totp
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.types import ChangeKind, Origin
from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotSignedIn, TooMany
from mailkeep.events.types import Recorded
from mailkeep.mail import services as mail_services
from mailkeep.mail.events import AttemptFinished, ProviderRested
from mailkeep.recovery import queries, retention
from mailkeep.recovery.types import Outcomes
from mailkeep.store.database import Tx

from .conftest import ADDRESS, NEW, PASSWORD, Room

Owner = Callable[[], Awaitable[str]]
OWN = "three-herons-under-the-weir"


async def finish(room: Room, browser: str, factor: str | None = None) -> None:
    typed = None if factor is None else Typed(code=factor, browser=browser)
    await room.recovery.finishing.finish(NEW, typed, origin=Origin(browser, "n"))


async def give(room: Room, browser: str, *, link: object = None, code: object = None) -> None:
    if link is not None:
        await room.recovery.proving.link(browser, "n", str(link))
    if code is not None:
        await room.recovery.proving.code(browser, "n", str(code))


async def signs_in(room: Room, password: str) -> bool:
    try:
        await room.accounts.sign_in(ADDRESS, password, browser="other", network="elsewhere")
    except NotSignedIn:
        return False
    return True


async def settle_factors(room: Room, tx: Tx, account: str) -> None:
    """As if the holds of new factors were over, and nobody had objected."""
    h = account_tables.changes
    for change in await room.accounts.changes.held(tx, account):
        if change.what is ChangeKind.FACTOR:
            await held.settle(room.database, tx, account, change.id)
            done = {"state": "done", "ended_at": tx.now}
            await tx.run(update(h).where(h.c.id == change.id).values(**done))


async def bind(room: Room, account: str, browser: str = "b", *, settled: bool = True) -> pyotp.TOTP:
    async with room.database.write() as tx:
        made = await totp.enrol(tx, room.keys, account, name=ADDRESS, issuer="Example")
    app = pyotp.TOTP(made.secret.reveal())
    async with room.database.write() as tx:
        code = app.generate_otp(tx.now // totp.STEP)
        await room.accounts.factors.bind_totp(tx, account, made.factor, code, Source(browser, "n"))
        if settled:
            await settle_factors(room, tx, account)
    return app


@pytest.mark.check("63B 4.2.3", "63B 4.6", "63B 4.2.2.2")
async def test_link_and_code_over_two_routes_reset_the_password(room: Room, owner: Owner) -> None:
    account = await owner()
    session = await room.accounts.sign_in(ADDRESS, PASSWORD, browser="own", network="n")
    await room.ask("own")
    link, code = await room.proofs()
    assert link["provider"] != code["provider"]
    assert {link["provider"], code["provider"]} == {"a", "b"}  # the standby is kept back
    await give(room, "phone", link=link["link"], code=code["code"])
    assert (await room.recovery.proving.progress("phone")).word == "both"
    await finish(room, "phone")
    assert await signs_in(room, NEW)
    assert not await signs_in(room, PASSWORD)
    with pytest.raises(NotSignedIn):
        await room.accounts.sessions.lookup(session.secret.reveal())
    notices = await room.mails("security")
    assert len({one["provider"] for one in notices}) == 2  # over two independent routes
    assert all(one["denial"] for one in notices)
    kinds = [kind for kind, _ in await room.facts()]
    assert kinds == [
        *("requested", "proof_sent", "proof_sent", "proof_redeemed", "proof_redeemed"),
        "completed",
    ]
    assert (await room.facts())[0][1]["account"] == account
    with pytest.raises(Conflict):
        await finish(room, "phone")


@pytest.mark.check("ASVS 2.3.1", "63B 4.2.2.2")
async def test_either_proof_alone_opens_nothing(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"])
    with pytest.raises(Conflict):
        await finish(room, "thief")
    # The code in another browser does not add up with the thief's link.
    with pytest.raises(Conflict):
        await give(room, "elsewhere", code=code["code"])
    await room.ask("second")
    _, second = await room.proofs(skip=2)
    await give(room, "second", code=second["code"])
    with pytest.raises(Conflict):
        await finish(room, "second")
    assert await signs_in(room, PASSWORD)


@pytest.mark.check("ASVS 6.6.2")
async def test_the_asking_browser_with_the_code_does_not_profit_from_the_owners_link(
    room: Room, owner: Owner
) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", code=code["code"])
    await give(room, "owner", link=link["link"])
    for browser in ("thief", "owner"):
        with pytest.raises(Conflict):
            await finish(room, browser)
    # The owner asks for mails of their own and is not kept out by what the thief has used.
    await room.ask("owner")
    link, code = await room.proofs(skip=2)
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    assert await signs_in(room, NEW)


@pytest.mark.check("ASVS 2.4.1")
async def test_an_owner_may_use_the_mails_that_a_stranger_asked_for(
    room: Room, owner: Owner
) -> None:
    await owner()
    for n in range(10):
        await room.ask(f"stranger{n}")
    link, code = await room.proofs()
    assert len(await room.mails()) == 8  # four in a quarter of an hour, each of two mails
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    assert await signs_in(room, NEW)


@pytest.mark.check("ASVS 15.4.2", "ASVS 6.5.1", "63B 4.2.1.2")
async def test_proofs_count_for_one_password_and_in_their_time(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await give(room, "thief", link=link["link"], code=code["code"])
    results = await asyncio.gather(
        *(finish(room, browser) for browser in ("own", "thief", "own")), return_exceptions=True
    )
    assert sum(one is None for one in results) == 1  # whoever is first: the rest is void
    with pytest.raises(Conflict):
        await give(room, "third", link=link["link"])
    await room.ask("own")
    link, code = await room.proofs()
    clock.advance(601)
    with pytest.raises(Conflict):
        await give(room, "own", code=code["code"])
    clock.advance(3001)
    with pytest.raises(Conflict):
        await give(room, "own", link=link["link"])
    async with room.database.write() as tx:
        assert await room.recovery.sweep(tx) == 1


@pytest.mark.check("ASVS 6.6.3")
async def test_five_wrong_codes_end_a_code(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("own")
    _, code = await room.proofs()
    for _ in range(5):
        with pytest.raises(Conflict):
            await give(room, "own", code="WRNG-2345")
    with pytest.raises(Conflict):
        await give(room, "own", code=code["code"])


@pytest.mark.check(
    "63B 4.2", "63B 4.2.2.2", "ASVS 6.4.3", "ASVS 6.3.4", "ASVS 6.3.5", "ASVS 16.3.3"
)
async def test_the_factor_comes_before_the_password(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    app = await bind(room, account)
    clock.advance(90)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"])
    assert not (await room.recovery.proving.progress("thief")).factor
    await give(room, "thief", code=code["code"])
    assert (await room.recovery.proving.progress("thief")).factor
    for guess in (None, "123456"):
        with pytest.raises(NotSignedIn):
            await finish(room, "thief", guess)
    # The old password still leads to the factor: nothing was written.
    assert (await room.accounts.sign_in(ADDRESS, PASSWORD, browser="x", network="y")).session
    assert [kind for kind, _ in await room.facts()].count("stopped_by_factor") == 1
    assert not await room.mails("security")  # whoever mistypes one or two reads of no thief
    with pytest.raises(NotSignedIn):
        await finish(room, "thief", "123456")
    told = await room.mails("security")
    assert {one["provider"] for one in told} == {"a", "b"}
    assert all("second factor" in str(one["text"]) and one["denial"] for one in told)
    for _ in range(2):
        with pytest.raises(NotSignedIn):
            await finish(room, "thief", "123456")
    assert await room.mails("security") == told  # once, also when the tries are used up
    assert [kind for kind, _ in await room.facts()].count("stopped_by_factor") == 1
    with pytest.raises(Conflict):  # five tries, and it is over
        await finish(room, "thief", app.generate_otp(clock.now() // totp.STEP))
    # What throttled the thief does not spend the owner's recovery.
    await room.ask("owner")
    link, code = await room.proofs()
    await give(room, "owner", link=link["link"], code=code["code"])
    with pytest.raises(NotSignedIn):
        await finish(room, "owner", "000000")
    for _ in range(6):
        with pytest.raises(TooMany):
            await finish(room, "owner", app.generate_otp(clock.now() // totp.STEP))
    clock.advance(901)
    await room.ask("owner")
    link, code = await room.proofs()
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner", app.generate_otp(clock.now() // totp.STEP))
    assert (await room.facts())[-1][0] == "completed"


@pytest.mark.check("ASVS 6.3.5")
@pytest.mark.parametrize("end", ["expired", "denied", "tries_used_up"])
async def test_who_is_stopped_by_the_factor_is_told_of_when_it_ends(
    room: Room, owner: Owner, clock: ManualClock, end: str
) -> None:
    """A thief who guesses once and waits is told of all the same."""
    account = await owner()
    await bind(room, account)
    room.context.settings = msgspec.structs.replace(room.settings, factor_tries=2)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    with pytest.raises(NotSignedIn):
        await finish(room, "thief", "123456")
    assert not await room.mails("security")
    if end == "expired":
        clock.advance(3601)
        async with room.database.write() as tx:
            await room.recovery.sweep(tx)
    elif end == "denied":
        await room.recovery.denying.deny(str(link["denial"]))
    else:
        with pytest.raises(NotSignedIn):
            await finish(room, "thief", "123456")
    told = await room.mails("security")
    assert {one["provider"] for one in told} == {"a", "b"}
    # The recovery is over: no way to deny it is offered that would do nothing.
    assert all("reset is over" in str(one["text"]) and not one["denial"] for one in told)
    voided = [fact for kind, fact in await room.facts() if kind == "voided"]
    assert [fact["why"] for fact in voided] == [end]
    async with room.database.write() as tx:
        assert not await room.recovery.sweep(tx)
    assert await room.mails("security") == told


async def test_an_owner_who_mistypes_the_factor_once_reads_of_no_thief(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    app = await bind(room, await owner())
    clock.advance(90)
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    with pytest.raises(NotSignedIn):
        await finish(room, "own", "123456")
    await finish(room, "own", app.generate_otp(clock.now() // totp.STEP))
    texts = [str(one["text"]) for one in await room.mails("security")]
    assert len(texts) == 2
    assert all("was reset with a link and a code" in text for text in texts)
    assert [kind for kind, _ in await room.facts()].count("stopped_by_factor") == 1


async def test_a_denial_voids_and_says_nothing(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    await room.recovery.denying.deny("nothing that was ever mailed")
    await room.recovery.denying.deny(str(link["denial"]))
    await room.recovery.denying.deny(str(code["denial"]))
    with pytest.raises(Conflict):
        await finish(room, "thief")
    kinds = [kind for kind, _ in await room.facts()]
    assert kinds.count("denied") == 1
    assert kinds.index("denied") < kinds.index("voided")
    assert await signs_in(room, PASSWORD)


@pytest.mark.check("63B 4.3", "63B 5.3")
async def test_a_denial_after_completion_takes_back_what_it_gave(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    await finish(room, "thief")
    made = await room.accounts.sign_in(ADDRESS, NEW, browser="thief", network="n")
    first, second = await room.mails("security")
    await room.recovery.denying.deny(str(first["denial"]))
    with pytest.raises(NotSignedIn):
        await room.accounts.sessions.lookup(made.secret.reveal())
    async with room.database.read() as tx:
        account = str((await room.facts())[0][1]["account"])
        assert not await accounts.knows_browser(tx, account, "thief")
    # The owner may reset while the account is closed, and two fresh proofs open it.
    assert not await signs_in(room, PASSWORD)
    clock.advance(1)
    await room.ask("owner")
    link, code = await room.proofs()
    await give(room, "owner", link=link["link"], code=code["code"])
    await room.recovery.finishing.finish(OWN, None, origin=Origin("owner"))
    assert await signs_in(room, OWN)
    assert ("accounts.thawed", {"account": account, "why": "denied"}) in await room.facts("")
    await room.recovery.denying.deny(str(second["denial"]))
    await room.recovery.denying.deny(str(first["denial"]))
    assert await signs_in(room, OWN)
    assert not await signs_in(room, NEW)  # the thief's password is gone for good


async def test_who_is_made_an_operator_is_recovered_by_no_mail_of_before(
    room: Room, owner: Owner
) -> None:
    account = await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    async with room.database.write() as tx:
        await room.accounts.administration.set_class(
            tx, account, "operator", by="uid:0", at_house=True
        )
    with pytest.raises(Conflict):
        await finish(room, "thief")
    assert await signs_in(room, PASSWORD)


@pytest.mark.check("ASVS 6.1.1")
async def test_who_reads_one_route_cannot_deny_every_recovery(room: Room, owner: Owner) -> None:
    await owner()
    for n in range(3):
        await room.ask(f"owner{n}")
        link, code = await room.proofs()
        read = next(one for one in (link, code) if one["provider"] == "a")
        await room.recovery.denying.deny(str(read["denial"]))
        if n < 2:
            assert not await room.mails()
    await give(room, "owner2", link=link["link"], code=code["code"])
    await finish(room, "owner2")
    assert await signs_in(room, NEW)
    denied = [fact for kind, fact in await room.facts() if kind == "denied"]
    assert [fact["acted"] for fact in denied] == [True, True, False]
    assert {fact["provider"] for fact in denied} == {"a"}


async def test_who_reads_one_route_cannot_use_proofs_up(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    read = link if link["provider"] == "a" else code
    await give(room, "thief", **{"link" if read is link else "code": read["link"] or read["code"]})
    for n in range(8):  # nor guess the owner's tries away
        with pytest.raises(Conflict):
            await give(room, "thief", code=f"WRNG-234{n}")
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    with pytest.raises(Conflict):
        await finish(room, "thief")
    assert await signs_in(room, NEW)


@pytest.mark.check("63B 3.1.3.1", "Reset: sign-in")
async def test_no_mailed_code_signs_anybody_in(room: Room, owner: Owner) -> None:
    """Neither the code that confirms an address, nor both proofs of a recovery."""
    t = account_tables.sessions.c
    sessions = select(t.id).where(t.ended_at.is_(None))  # an ended one lets a browser be known
    await owner()
    async with room.database.read() as tx:
        assert await tx.all(sessions) == []
    await room.ask("b1")
    link, code = await room.proofs()
    await give(room, "b1", link=link["link"], code=code["code"])
    await finish(room, "b1")
    async with room.database.read() as tx:
        assert await tx.all(sessions) == []
    assert await signs_in(room, NEW)


@pytest.mark.check("Reset: lockout", "ASVS 6.1.1")
async def test_strangers_cannot_use_the_mails_of_a_day_up(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    for n in range(48):
        await room.ask(f"stranger{n}")
        clock.advance(225)
    clock.advance(700)
    before = len(await room.mails())
    await room.ask("owner")
    link, code = await room.proofs()
    assert len(await room.mails()) == before + 2
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    assert await signs_in(room, NEW)


@pytest.mark.check("ASVS 6.1.1")
async def test_after_a_recovery_strangers_guesses_lock_nobody_out(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("owner")
    link, code = await room.proofs()
    for n in range(110):
        with pytest.raises((NotSignedIn, TooMany)):
            await room.accounts.sign_in(ADDRESS, "wrong", browser="t", network=f"t{n // 10}")
    with pytest.raises(TooMany):
        await room.accounts.sign_in(ADDRESS, PASSWORD, browser="owner", network="n")
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    assert (await room.accounts.sign_in(ADDRESS, NEW, browser="owner", network="n")).session


async def test_a_changed_password_voids_what_was_asked_before(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    clock.advance(1)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    clock.advance(1)
    await room.accounts.change_password(account, PASSWORD, OWN, "n")
    with pytest.raises(Conflict):
        await finish(room, "thief")
    assert await signs_in(room, OWN)


async def test_proofs_once_shown_do_not_wait_for_ever(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    clock.advance(901)
    with pytest.raises(Conflict):
        await finish(room, "thief")


async def test_a_cut_between_the_looks_is_seen(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut commits after the proofs were read and before the account is locked."""
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    if room.database.is_sqlite:
        pytest.skip("SQLite has one writer: nothing commits in between")
    look = accounts.account

    async def cut_first(tx: Tx, account: str, *, lock: bool = False) -> object:
        monkeypatch.undo()
        async with room.database.write() as other:
            await room.recovery.void_through(other, {str(link["provider"])}, "provider_cut")
        return await look(tx, account, lock=lock)

    monkeypatch.setattr(accounts, "account", cut_first)
    with pytest.raises(Conflict):
        await finish(room, "thief")
    assert await signs_in(room, PASSWORD)


async def test_a_denial_and_a_finish_at_once_end_in_one_of_two_ways(
    room: Room, owner: Owner
) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    finished, denied = await asyncio.gather(
        finish(room, "thief"),
        room.recovery.denying.deny(str(link["denial"])),
        return_exceptions=True,
    )
    assert denied is None
    assert finished is None or isinstance(finished, Conflict)
    assert not await signs_in(room, NEW)
    assert [kind for kind, _ in await room.facts()].count("denied") == 1


async def test_one_that_fails_holds_up_no_other(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    await owner()
    await room.recovery.ask("nobody@example.net", browser="b", network="n")
    clock.advance(0.01)
    settle = room.recovery.planner._settle
    broken = []

    async def fail_first(recovery: str, minted: object) -> bool:
        if not broken:
            broken.append(recovery)
        if recovery in broken:
            raise RuntimeError("this one is broken")
        return await settle(recovery, minted)

    monkeypatch.setattr(room.recovery.planner, "_settle", fail_first)
    await room.ask("owner")
    assert len(await room.mails()) == 2
    assert await room.recovery.planner.step() == 0  # it was put back
    monkeypatch.undo()
    clock.advance(31)
    assert await room.recovery.planner.step() == 1


@pytest.mark.check("Reset: time", "ASVS 6.3.8")
async def test_to_ask_is_the_same_work_for_every_address(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement up to the reply, and how many rows; whose it is is looked up later."""
    await owner()
    said: list[tuple[str, int]] = []

    def told(name: str) -> None:
        kept = getattr(Tx, name)

        def call(tx: Tx, statement: object, *more: object, **values: object) -> object:
            rows = more[0] if more else None
            said.append((name + str(statement), len(rows) if isinstance(rows, list) else 0))
            return kept(tx, statement, *more, **values)

        monkeypatch.setattr(Tx, name, call)

    for name in ("run", "all", "one", "value", "tuples", "fetch", "many"):
        told(name)
    work = []
    for browser, address in (
        ("b0", "somebody@example.net"),  # compiles what is compiled once
        ("b1", ADDRESS),
        ("b2", "nobody@example.net"),
    ):
        said.clear()
        await room.recovery.ask(address, browser=browser, network=f"network {browser}")
        work.append(list(said))
    assert len(work[1]) > 1
    assert work[1] == work[2]


@pytest.mark.check("Reset: time")
async def test_a_wrong_code_costs_the_same_with_and_without_an_account(
    room: Room, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: slow hashes, and rows written."""
    await owner()
    work = []
    check = room.context.slow.check

    async def counted(purpose: str, secret: str, kept: str | None, *, of: str) -> bool:
        work.append(purpose)
        return await check(purpose, secret, kept, of=of)

    monkeypatch.setattr(room.context.slow, "check", counted)
    costs = []
    for browser, address in (("b1", ADDRESS), ("b2", "nobody@example.net")):
        await room.ask(browser, address)
        before = len(await room.facts())
        work.clear()
        with pytest.raises(Conflict):
            await give(room, browser, code="WRNG-2345")
        costs.append((len(work), len(await room.facts()) - before))
    assert costs[0] == costs[1] == (2, 1)


@pytest.mark.check("ASVS 16.5.2")
async def test_dependent_routes_are_not_two(room: Room, owner: Owner) -> None:
    await owner()
    room.graph(
        [
            {"id": "house_a", "owned_by": ["holding"]},
            {"id": "house_b", "owned_by": ["holding"]},
            {"id": "house_c"},
            {"id": "holding"},
        ]
    )
    await room.ask("own")
    link, code = await room.proofs()
    assert "c" in {link["provider"], code["provider"]}
    room.graph(
        [{"id": one, "owned_by": ["x"]} for one in ("house_a", "house_b", "house_c")]
        + [{"id": "x"}]
    )
    await give(room, "own", link=link["link"], code=code["code"])
    with pytest.raises(Conflict, match="not independent"):
        await finish(room, "own")
    assert await signs_in(room, PASSWORD)
    await room.ask("later")
    assert not await room.mails()  # who asks now waits: one route alone is no proof


async def test_what_one_party_may_have_had_twice_does_not_count(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    # An ambiguous send of the link through the code's provider: it may have read both.
    await room.attempt(link, str(code["provider"]), "ambiguous")
    await give(room, "own", link=link["link"], code=code["code"])
    with pytest.raises(Conflict, match="not independent"):
        await finish(room, "own")


@pytest.mark.check("ASVS 16.5.2")
@pytest.mark.parametrize("outcome", ["suspended", "suppressed_there", "rejected"])
async def test_a_refused_route_is_replaced_and_its_proof_void(
    room: Room, owner: Owner, outcome: str
) -> None:
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    await room.attempt(link, str(link["provider"]), outcome)
    fact = AttemptFinished(
        message=str(link["id"]),
        attempt="att",
        provider=str(link["provider"]),
        stream="recovery",
        address="ad",
        outcome=outcome,
        detail="",
        seconds=0.1,
    )
    async with room.database.write() as tx:
        await room.recovery.on_attempt(tx, Recorded(1, tx.now, tx.now, "evt", fact))
    await room.recovery.planner.step()
    mails = await room.mails()
    assert [one["provider"] for one in mails if one["link"]] == ["c"]
    with pytest.raises(Conflict):
        await give(room, "own", link=link["link"])
    new, _ = await room.proofs()
    await give(room, "own", link=new["link"], code=code["code"])
    await finish(room, "own")
    assert await signs_in(room, NEW)


@pytest.mark.check("63B 4.3", "ASVS 16.5.2")
async def test_a_cut_voids_what_went_through_it_also_what_was_redeemed(
    room: Room, owner: Owner
) -> None:
    await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    reader = str(link["provider"])
    await give(room, "thief", link=link["link"])
    async with room.database.write() as tx:
        await mail_services.cut_off(room.database, tx, reader, by="t", reason="read", since=0)
        assert await room.recovery.void_through(tx, {reader}, "provider_cut") == 1
    await room.recovery.planner.step()
    assert (await room.recovery.proving.progress("thief")).word == "none"
    new, _ = await room.proofs()
    assert new["provider"] == "c"
    await give(room, "owner", link=new["link"], code=code["code"])
    await finish(room, "owner")
    async with room.database.read() as tx:
        found = await queries.outcomes(tx, {reader}, 0, tx.now)
        assert (found.requested, found.half_proven, found.completed) == (1, 1, 1)
        assert len(await queries.accounts(tx, {reader}, 0, tx.now, "half_proven")) == 1


@pytest.mark.check("ASVS 6.3.8")
async def test_nobody_learns_whether_there_is_an_account(room: Room, owner: Owner) -> None:
    await owner()
    for address in (ADDRESS, "nobody@example.net"):
        await room.recovery.ask(address, browser=f"b {address}", network="n")
    await room.recovery.planner.step()
    assert {one["to"] for one in await room.mails()} == {ADDRESS}
    words = []
    for address in (ADDRESS, "nobody@example.net"):
        assert (await room.recovery.proving.progress(f"b {address}")).word == "none"
        with pytest.raises(MailkeepError) as error:
            await give(room, f"b {address}", code="WRNG-2345")
        words.append((type(error.value), str(error.value)))
    assert words[0] == words[1]
    with pytest.raises(Invalid):
        await room.recovery.ask("no address", browser="b", network="n")


@pytest.mark.check("ASVS 2.4.1")
async def test_one_network_cannot_ask_without_end(room: Room, owner: Owner) -> None:
    await owner()
    for n in range(40):
        await room.recovery.ask(f"u{n}@example.net", browser="b", network="n")
    await room.recovery.planner.step()
    await room.recovery.planner.step()
    assert [kind for kind, _ in await room.facts()].count("requested") == 30


@pytest.mark.check("ASVS 16.2.5")
async def test_no_secret_and_no_address_on_the_log(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    log = str(await room.facts(""))
    for secret in (link["link"], code["code"], link["denial"], ADDRESS, NEW):
        assert str(secret) not in log
        assert str(secret).replace("-", "") not in log


async def test_what_a_silent_route_took_is_minted_anew_and_what_arrived_stands(
    room: Room, owner: Owner
) -> None:
    await owner()
    await room.ask("arrived")
    link, code = await room.proofs()
    silent = str(link["provider"])
    await give(room, "arrived", link=link["link"])
    await room.ask("waiting")
    before = len(await room.mails())
    async with room.database.write() as tx:
        await mail_services.rest_provider(room.database, tx, silent, by="p", reason="r", since=0)
        fact = ProviderRested(provider=silent, by="p", reason="r")
        await room.recovery.on_rested(tx, Recorded(1, tx.now, tx.now, "evt", fact))
    await room.recovery.planner.step()
    mails = await room.mails()
    fresh = [one for one in mails if one["provider"] == "c"]
    assert (len(mails), len(fresh)) == (before, 1)  # one was cancelled, and one is new
    await give(room, "arrived", code=code["code"])
    await finish(room, "arrived")
    assert await signs_in(room, NEW)


async def test_what_has_ended_is_forgotten_in_its_time(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await room.ask("own")
    await room.ask("stranger", "nobody@example.net")
    clock.advance(3 * 86_400)
    async with room.database.write() as tx:
        assert await retention.forget_nothing(tx, tx.now - 2 * DAY, 10) == 1
        assert await retention.forget_recoveries(tx, tx.now - 2 * DAY, 10) == 0  # still open
        assert await room.recovery.sweep(tx) == 1
    clock.advance(90 * 86_400)
    async with room.database.write() as tx:
        assert await retention.forget_recoveries(tx, tx.now - 90 * DAY, 10) == 1
        assert await queries.outcomes(tx, {"a", "b"}, 0, tx.now) == Outcomes(0, 0, 0, 0, 0)


async def test_an_old_link_posted_again_and_again_leaves_one_trace(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await room.ask("own")
    link, _ = await room.proofs()
    clock.advance(3601)
    for _ in range(60):
        with pytest.raises(Conflict):
            await give(room, "own", link=link["link"])
    with pytest.raises(TooMany):
        await give(room, "own", link=link["link"])
    assert [kind for kind, _ in await room.facts()].count("proof_failed") == 1


@pytest.mark.check("ASVS 6.4.6")
async def test_staff_start_a_recovery_and_learn_nothing(room: Room, owner: Owner) -> None:
    await owner()
    started = [
        await room.recovery.start_for(one, by="key_staff")
        for one in (ADDRESS, "nobody@example.net")
    ]
    assert all(one.startswith("rec_") for one in started)
    room.database.clock.advance(0.01)
    await room.recovery.planner.step()
    link, code = await room.proofs()
    assert {link["to"], code["to"]} == {ADDRESS}
    await give(room, "owner", link=link["link"], code=code["code"])
    await finish(room, "owner")
    assert await signs_in(room, NEW)
    for _ in range(40):
        await room.recovery.start_for("nobody@example.net", by="key_staff")
    await room.ask("own")  # a key that uses its share up takes nothing from the owner's network
    for _ in range(3):
        await room.recovery.planner.step()
    assert len([1 for kind, _ in await room.facts() if kind == "proof_sent"]) == 4


async def test_strangers_wrong_codes_are_bounded_over_requests_and_lock_no_owner_out(
    room: Room, owner: Owner
) -> None:
    await owner()
    room.context.settings = msgspec.structs.replace(room.settings, account_tries=6)
    for n in range(2):
        await room.ask(f"thief{n}")
        for _ in range(4):
            with pytest.raises(Conflict):
                await give(room, f"thief{n}", code="WRNG-2345")
    link, code = await room.proofs()
    with pytest.raises(Conflict):  # right, and not looked at: the strangers' share is used up
        await give(room, "thief1", code=code["code"])
    await give(room, "owner", link=link["link"])  # who has shown the link is no such stranger
    await give(room, "owner", code=code["code"])
    await finish(room, "owner")
    assert await signs_in(room, NEW)


async def test_guessing_over_many_accounts_is_told_once_and_stops_nobody(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    room.context.settings = msgspec.structs.replace(room.settings, guesses=5)
    for n in range(12):
        with pytest.raises(Conflict):
            await give(room, f"browser{n}", code="WRNG-2345")
    told = [fact for kind, fact in await room.facts() if kind == "guessing"]
    assert told == [{"limit": 5, "seconds": 3600.0}]
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    assert await signs_in(room, NEW)


async def test_no_more_than_so_many_mails_of_one_account_can_be_used_at_a_time(
    room: Room, owner: Owner
) -> None:
    await owner()
    room.context.settings = msgspec.structs.replace(room.settings, live=2, burst=40)
    await room.ask("holder")
    link, code = await room.proofs()
    await give(room, "holder", link=link["link"])
    for n in range(6):
        await room.ask(f"stranger{n}")
    assert len(await room.mails()) == 4
    await give(room, "holder", code=code["code"])  # nobody's request has voided it
    await finish(room, "holder")
