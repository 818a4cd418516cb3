"""Second factors that Mailkeep keeps for users of applications, on both engines."""

from collections.abc import Callable
from typing import Any

import pyotp
import pytest

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.events import SignInFailed
from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.types import Origin, SessionView, Stage
from mailkeep.base.clock import DAY, SECOND, ManualClock
from mailkeep.base.errors import Conflict, NotAllowed, NotFound, NotSignedIn
from mailkeep.events.queries import recent
from mailkeep.recovery import id_token

from .conftest import ADDRESS, Room
from .test_changes import hear
from .test_holds import accept
from .test_verdicts import Shop, opened

BROWSER = Origin("home", "n")


@pytest.fixture
async def shop(room: Room) -> Shop:
    return await opened(room)


async def ticket(shop: Shop, name: str = "41") -> str:
    async with shop.room.database.write() as tx:
        secret, _ = await shop.room.accounts.keeping.ticket(tx, shop.view.id, name)
    return secret.reveal()


async def visit(shop: Shop, origin: Origin = BROWSER) -> SessionView:
    keeping = shop.room.accounts.keeping
    made = await keeping.open(await ticket(shop), origin)
    return await keeping.visit(made.secret.reveal())


async def add(shop: Shop, session: SessionView) -> pyotp.TOTP:
    """An app, as the page binds it."""
    room = shop.room
    async with room.database.write() as tx:
        await room.accounts.keeping.require(tx, session)
        made = await totp.enrol(tx, room.keys, session.account, name=ADDRESS, issuer="Example")
    app = pyotp.TOTP(made.secret.reveal())
    async with room.database.write() as tx:
        code = app.generate_otp(tx.now // totp.STEP)
        source = Source(session.browser, session.network, session.id)
        await room.accounts.factors.bind_totp(tx, session.account, made.factor, code, source)
    return app


async def settled(shop: Shop) -> None:
    await hear(shop.room)
    await accept(shop.room, "a", "b", "c")
    shop.room.database.clock.advance(DAY / SECOND + 1)
    async with shop.room.database.write() as tx:
        await shop.room.accounts.changes.settle(tx, 100)


def code(shop: Shop, app: pyotp.TOTP) -> str:
    return str(app.generate_otp(shop.room.database.clock.now() // totp.STEP))


@pytest.mark.check("63B 4.1.2.1")
async def test_who_has_got_hold_of_a_ticket_binds_nothing_unseen(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: the owner is told at once over both routes, denies it, and a recovery of
    before neither asks for it nor takes it."""
    await shop.register("41", ADDRESS, "kept_here")
    app = await add(shop, await visit(shop, Origin("thief", "n")))
    told = await hear(shop.room)
    assert {(one["to"], one["provider"]) for one in told} == {(ADDRESS, "a"), (ADDRESS, "b")}
    assert all("Shop" in str(one["text"]) for one in told)
    clock.advance(60)
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own")
    await shop.room.accounts.changes.deny(str(told[0]["denial"]))
    taken = await shop.take(await shop.finish("own"))
    assert taken.claims["factor"] == "none"
    assert app is not None
    async with shop.room.database.read() as tx:
        account = str((await accounts.for_recovery(tx, key(shop), shop.view.id)).account)
        assert await shop.room.accounts.factors.bound(tx, account) == []


def key(shop: Shop) -> str:
    return shop.room.accounts.address_key(ADDRESS)


async def test_what_is_bound_and_settled_is_asked_for_and_said_to_be_proved(
    shop: Shop, clock: ManualClock
) -> None:
    await shop.register("41", ADDRESS, "kept_here")
    app = await add(shop, await visit(shop))
    await settled(shop)
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own")
    with pytest.raises(NotSignedIn):
        await shop.finish("own")
    taken = await shop.take(await shop.finish("own", code(shop, app)))
    assert taken.claims["factor"] == "proven"
    assert taken.claims["acr"] == id_token.WITH_FACTOR


async def test_a_recovery_removes_what_nobody_could_deny_yet(
    shop: Shop, clock: ManualClock
) -> None:
    made = await shop.register("41", ADDRESS, "kept_here")
    await add(shop, await visit(shop))
    await hear(shop.room)
    clock.advance(60)
    taken = await shop.take(await shop.recover())
    assert taken.claims["factor"] == "none"
    async with shop.room.database.read() as tx:
        assert await shop.room.accounts.factors.bound(tx, made.account) == []


async def test_a_settled_factor_is_shown_before_another_one_is_bound(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: a thief of the client secret, or of a session at the application."""
    await shop.register("41", ADDRESS, "kept_here")
    app = await add(shop, await visit(shop))
    await settled(shop)
    session = await visit(shop, Origin("thief", "n"))
    with pytest.raises(NotAllowed):
        await add(shop, session)
    keeping = shop.room.accounts.keeping
    with pytest.raises(NotSignedIn):
        await keeping.show(session, Typed("000000", "", "thief"))
    made = await keeping.show(session, Typed(code(shop, app), "", "thief"))
    with pytest.raises(NotSignedIn):
        await keeping.show(session, Typed(code(shop, app), "", "thief"))
    clock.advance(60)
    await add(shop, await keeping.visit(made.secret.reveal()))


async def test_a_ticket_is_good_once_for_a_while_and_opens_nothing_else(
    shop: Shop, clock: ManualClock
) -> None:
    made = await shop.register("41", ADDRESS, "kept_here")
    await shop.register("42", "eve@example.net", "kept_there")
    await shop.register("43", "joe@example.net", "none")
    for name in ("42", "43"):
        with pytest.raises(Conflict):
            await ticket(shop, name)
    with pytest.raises(NotFound):
        await ticket(await opened(shop.room, "Forum"))
    room = shop.room
    secret = await ticket(shop)
    for stage in (Stage.FULL, Stage.KEEP, Stage.ENROL):
        with pytest.raises(NotSignedIn):
            await room.accounts.sessions.lookup(secret, stage)
    entered = await room.accounts.keeping.open(secret, BROWSER)
    with pytest.raises(NotSignedIn):
        await room.accounts.keeping.open(secret, BROWSER)
    for stage in (Stage.FULL, Stage.ENROL, Stage.TICKET):
        with pytest.raises(NotSignedIn):
            await room.accounts.sessions.lookup(entered.secret.reveal(), stage)
    async with room.database.read() as tx:
        assert not await accounts.knows_browser(tx, made.account, "home")
    late = await ticket(shop)
    clock.advance(601)
    with pytest.raises(NotSignedIn):
        await room.accounts.keeping.open(late, BROWSER)
    with pytest.raises(NotSignedIn):
        await room.accounts.keeping.visit(entered.secret.reveal())


async def test_what_is_bound_here_never_stands_for_the_applications_own_factor(
    shop: Shop, clock: ManualClock
) -> None:
    """Written first: who binds a factor here must not pass by the one that is kept there."""
    await shop.register("41", ADDRESS, "kept_here")
    app = await add(shop, await visit(shop))
    await settled(shop)
    await shop.register("41", ADDRESS, "kept_there")
    async with shop.room.database.write() as tx:
        view = await shop.room.recovery.subjects.get(tx, shop.view.id, "41")
        await shop.room.recovery.answers.vouch(tx, shop.view.id, "41", view.change)
        await shop.room.recovery.answers.told(tx, view.change)
    clock.advance(DAY / SECOND)
    assert await shop.room.recovery.subjects.apply_due() == 1
    await shop.send("own")
    await shop.ask("own")
    await shop.prove("own")
    taken = await shop.take(await shop.finish("own", code(shop, app)))
    assert taken.claims["factor"] == "outstanding"


async def test_a_passkey_that_is_kept_here_signs_nobody_in(
    shop: Shop, device: Callable[[], Any]
) -> None:
    """Written first: its owner, or who has bound it in their name, would be signed in to an account
    of ours, and change addresses there that the application registered."""
    await shop.register("41", ADDRESS, "kept_here")
    session, room, phone = await visit(shop), shop.room, device()
    asked = await room.accounts.factors.ask_to_bind(
        session.account, session.browser, name=ADDRESS, issuer="Example"
    )
    source = Source(session.browser, session.network, session.id)
    async with room.database.write() as tx:
        await room.accounts.factors.bind_passkey(
            tx, session.account, phone.create(asked), source, "Phone"
        )
    asked = await room.accounts.entering.ask_anyone(session.browser, "n")
    with pytest.raises(NotSignedIn):
        await room.accounts.entering.by_passkey(
            phone.get(asked), browser=session.browser, network="n"
        )
    async with room.database.read() as tx:
        assert not await accounts.knows_browser(tx, session.account, session.browser)
        (failed,) = await recent(tx, [SignInFailed], 0, 9)
    assert failed.fact == SignInFailed(
        account=session.account, address=None, network="n", why="application"
    )
