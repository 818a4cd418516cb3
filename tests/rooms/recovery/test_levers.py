"""Defences that a thief would turn on the owner: no count and no notice of theirs may lock out."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts import changes, devices, queries
from mailkeep.accounts.factors.types import Typed
from mailkeep.accounts.types import SECURED, Origin
from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.errors import Conflict, TooMany
from mailkeep.mail.types import GiveUpReason
from mailkeep.recovery.proving import MOST_BROWSERS
from mailkeep.recovery.types import RecoverySettings

from .conftest import ADDRESS, NEW, PARTIES, PASSWORD, Room
from .test_changes import add, hear
from .test_recovery import OWN, bind, finish, give, signs_in

Owner = Callable[[], Awaitable[str]]


@pytest.mark.check("ASVS 6.1.1")
async def test_a_reader_who_shows_a_link_in_many_browsers_uses_it_up_for_no_owner(
    room: Room, owner: Owner
) -> None:
    """A proof may be shown by several browsers, and a reader's cookies cost nothing."""
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    for number in range(MOST_BROWSERS):
        await room.recovery.proving.link(f"t{number}", f"n{number % 5}", str(link["link"]))
    with pytest.raises(Conflict):
        await room.recovery.proving.link("one more", "n9", str(link["link"]))
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    assert await signs_in(room, NEW)


@pytest.mark.check("ASVS 6.1.1", "ASVS 6.6.3")
async def test_a_reader_of_the_link_uses_up_no_tries_of_who_asked(room: Room, owner: Owner) -> None:
    await owner()
    await room.ask("own")
    link, code = await room.proofs()
    settings = room.settings
    for number in range(settings.code_tries_in_all // settings.code_tries):
        browser = f"t{number}"
        await room.recovery.proving.link(browser, browser, str(link["link"]))
        for _ in range(settings.code_tries):
            with pytest.raises(Conflict):
                await room.recovery.proving.code(browser, browser, "AAAA-AAAA")
    # All tries are used up, also for a right code; the one that asked has its own.
    await give(room, "another", link=link["link"])
    with pytest.raises(Conflict):
        await give(room, "another", code=code["code"])
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    assert await signs_in(room, NEW)


@pytest.mark.check("63B 4.6")
async def test_an_address_that_does_not_count_yet_denies_no_recovery(
    room: Room, owner: Owner
) -> None:
    """Who knows the password of an account without a factor adds an address of theirs. It must have
    no say in the reset by which the owner throws them out: not while that waits, nor when it is
    done."""
    account = await owner()
    await add(room, account, "eve@example.org")
    await hear(room)
    before = len(await room.mails("security"))
    room.settings = RecoverySettings()
    room.graph([{"id": one} for one in PARTIES.values()])
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(Origin("own", "n"))
    assert (await room.recovery.finishing.progress(Origin("own", "n"))).word == "held"
    told = (await room.mails("security"))[before:]
    assert {(one["to"], one["provider"]) for one in told} == {(ADDRESS, "a"), (ADDRESS, "b")}


async def test_a_thief_who_showed_the_password_once_more_is_known_no_more(
    room: Room, owner: Owner
) -> None:
    """Their session went on under a new secret. The reset ends that one as nobody's; the one before
    must not make their browser known: it would wait for no hold."""
    account = await owner()
    thief = await room.accounts.sign_in(ADDRESS, PASSWORD, browser="thief", network="n")
    session = await room.accounts.sessions.lookup(thief.secret.reveal())
    await room.accounts.entering.confirm(session, PASSWORD, Typed())
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    async with room.database.read() as tx:
        assert not await queries.knows_browser(tx, account, "thief")
        assert await queries.knows_browser(tx, account, "own")


async def test_a_thief_who_signed_out_before_the_reset_is_known_no_more(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    for browser in ("thief", "laptop"):
        made = await room.accounts.sign_in(ADDRESS, PASSWORD, browser=browser, network="n")
        session = await room.accounts.sessions.lookup(made.secret.reveal())
        async with room.database.write() as tx:
            assert await room.accounts.sessions.end(tx, account, session.id)
    clock.advance(60 * 86_400)
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    async with room.database.read() as tx:
        assert [one.browser for one in await devices.known(tx, account)] == ["own"]
    await room.accounts.sign_in(ADDRESS, NEW, browser="laptop", network="n")
    async with room.database.read() as tx:
        assert await queries.knows_browser(tx, account, "laptop")
        assert not await queries.knows_browser(tx, account, "thief")


async def test_whoever_is_signed_in_buries_no_owner_in_notices(room: Room, owner: Owner) -> None:
    """Each factor that is bound, and each that begins to leave, is told over two routes. So is each
    password, which would also void every reset that is under way."""
    account = await owner()
    for _ in range(changes.IN_A_DAY - 2):
        await bind(room, account, "thief", settled=False)
    async with room.database.write() as tx:
        (app,) = await room.accounts.factors.bound(tx, account)
        assert await room.accounts.factors.revoke(tx, account, app.id, "owner")
        assert await room.accounts.factors.keep(tx, account, app.id)
        assert await room.accounts.factors.revoke(tx, account, app.id, "owner")
        assert await room.accounts.factors.keep(tx, account, app.id)  # never refused
    with pytest.raises(TooMany):
        await bind(room, account, "thief", settled=False)
    with pytest.raises(TooMany):
        await room.accounts.change_password(account, PASSWORD, OWN, "n")
    async with room.database.write() as tx:
        with pytest.raises(TooMany):
            await room.accounts.factors.revoke(tx, account, app.id, "owner")
    # Who gets the account back has all of them.
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    await bind(room, account, "own", settled=False)


async def test_an_account_that_was_secured_opens_by_two_fresh_proofs(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """Whoever stages signs against an account has operators close it; that must not keep its owner
    out. What somebody had in hand when it was closed opens nothing."""
    account = await owner()
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    async with room.database.write() as tx:
        assert await room.recovery.end_of(tx, account, GiveUpReason.SECURED) == 1
        await room.accounts.freeze(tx, account, tx.now + DAY, SECURED)
    with pytest.raises(Conflict):
        await finish(room, "thief")
    assert not await signs_in(room, PASSWORD)
    clock.advance(1)
    await room.ask("own")
    link, code = await room.proofs()
    await give(room, "own", link=link["link"], code=code["code"])
    await finish(room, "own")
    assert await signs_in(room, NEW)


async def test_a_freeze_for_a_suspected_route_outranks_one_that_proofs_end(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    account = await owner()
    async with room.database.write() as tx:
        await room.accounts.freeze(tx, account, tx.now + 2 * DAY, SECURED)
    await room.ask("thief")
    link, code = await room.proofs()
    await give(room, "thief", link=link["link"], code=code["code"])
    async with room.database.write() as tx:
        await room.accounts.freeze(tx, account, tx.now + DAY, "incident")
        assert not await room.accounts.thaw(tx, account, SECURED), "proofs do not end that one"
    await finish(room, "thief")
    assert not await signs_in(room, NEW)
