"""Who reads the owner's mail presses old notices, to be rid of a factor before a reset."""

import pytest

from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.held import vouched
from mailkeep.accounts.factors.types import FactorView, Kind, Typed
from mailkeep.accounts.types import Origin
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict
from mailkeep.base.keys import KeyRing
from mailkeep.recovery.types import RecoverySettings
from mailkeep.store.database import Database

from .conftest import ADDRESS, NEW, PASSWORD, Room
from .test_changes import hear, settle
from .test_holds import DAY, HOUR, Owner, accept, finish, prove
from .test_recovery import bind, give

THIEF = Origin("thief", "far", "agent")


@pytest.fixture
def room(database: Database, keys: KeyRing, room: Room) -> Room:
    return Room(database, keys, room.accounts, RecoverySettings())


async def _settled(room: Room, account: str) -> list[Kind]:
    async with room.database.read() as tx:
        bound = await room.accounts.factors.bound(tx, account)
    return [one.kind for one in bound if one.held_by is None]


async def _takes_nothing(room: Room, clock: ManualClock) -> None:
    """Whoever reads the mail recovers with both proofs of it, and is asked for the factor."""
    clock.advance(60)
    found = await prove(room, THIEF, skip=0)
    assert found.factor
    await accept(room, "a", "b", "c")
    clock.advance(HOUR + 1)
    with pytest.raises(Conflict):
        await room.recovery.finishing.finish("the-thief-chooses-this-one", None, origin=THIEF)


async def test_an_app_that_took_the_place_of_another_outlives_an_old_notice(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """The owner recovers on a new computer with the factor, and replaces the app there."""
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="old", network="home")
    app = await bind(room, account, "old")
    clock.advance(30 * DAY)
    new = Origin("new", "home", "agent")
    await room.ask("new")
    link, code = await room.proofs()
    await give(room, "new", link=link["link"], code=code["code"])
    await room.recovery.finishing.advance(new)
    await finish(room, new, app.generate_otp(clock.now() // totp.STEP))
    notice = [mail for mail in await room.mails("security") if mail["denial"]][-1]
    clock.advance(60)
    waits = await room.accounts.sign_in(ADDRESS, NEW, browser="new", network="home")
    assert waits.secret is not None
    shown = Typed(code=app.generate_otp(clock.now() // totp.STEP))
    await room.accounts.entering.second_step(waits.secret.reveal(), shown)
    clock.advance(60)
    await bind(room, account, "new", settled=False)
    await hear(room)
    await settle(room)
    assert await _settled(room, account) == [Kind.TOTP]
    clock.advance(2 * DAY)
    await room.recovery.denying.deny(str(notice["denial"]), THIEF.browser)
    assert await _settled(room, account) == [Kind.TOTP]
    await _takes_nothing(room, clock)


async def test_nor_does_the_notice_of_an_address_take_it(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    """A new phone, from a device that the account knows, and an address in the same sitting."""
    account = await owner()
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser="home", network="home")
    await bind(room, account, "home")
    clock.advance(30 * DAY)
    await bind(room, account, "home", settled=False)
    await hear(room)
    clock.advance(120)
    made = await room.accounts.contacts.add(account, "ada@example.org", "n", factor=True)
    assert made.code is not None
    await room.accounts.contacts.confirm(account, made.confirmation, made.code.reveal(), "home")
    told = await hear(room)
    notice = next(mail for mail in told if mail["to"] == ADDRESS and mail["denial"])
    await accept(room, "a", "b", "c")
    clock.advance(7 * HOUR)
    async with room.database.write() as tx:
        await room.accounts.changes.settle(tx, 100)
    assert await _settled(room, account) == [Kind.TOTP]
    await room.accounts.changes.deny(str(notice["denial"]))
    assert await _settled(room, account) == [Kind.TOTP]
    await _takes_nothing(room, clock)


def _factor(name: str, at: int, *, attested: bool = False, gone: int | None = None) -> FactorView:
    return FactorView(
        name, "acc_1", Kind.TOTP, name, at, "browser", "network", revoked_at=gone, attested=attested
    )


@pytest.mark.parametrize(
    ("history", "firm"),
    [
        # One after the other, each by showing the one before.
        (
            [
                _factor("a", 1, gone=20),
                _factor("b", 15, attested=True, gone=30),
                _factor("c", 25, attested=True),
            ],
            {"a", "b", "c"},
        ),
        # The first one of an account that had none, and what was bound by showing that.
        ([_factor("a", 15), _factor("b", 16, attested=True)], set()),
        # The old one was gone by then.
        ([_factor("a", 1, gone=12), _factor("b", 15)], {"a"}),
        # It was there beside one that nobody vouches for: either may have been shown.
        (
            [
                _factor("a", 1, gone=12),
                _factor("b", 13),
                _factor("c", 14, attested=True),
            ],
            {"a"},
        ),
        # In one moment, in whichever order they are listed.
        ([_factor("b", 15, attested=True), _factor("a", 15)], set()),
        # Replaced in the same moment.
        ([_factor("a", 1, gone=15), _factor("b", 15, attested=True)], {"a", "b"}),
    ],
)
def test_who_vouches_for_whom(history: list[FactorView], firm: set[str]) -> None:
    assert vouched(history, since=10) == firm
