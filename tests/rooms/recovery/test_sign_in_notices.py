"""Of which sign-ins an owner is told."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts.classes import Classes, ClassSettings, NoticePolicy
from mailkeep.accounts.events import SignedInFact
from mailkeep.base.clock import ManualClock
from mailkeep.events.log import Relay
from mailkeep.events.subscribe import Subscriber
from mailkeep.recovery.sign_in_notices import MOST

from .conftest import ADDRESS, PASSWORD, Room

Owner = Callable[[], Awaitable[str]]


async def told(room: Room) -> int:
    """Have the room hear of the sign-ins; returns how many mails there are of them."""
    await Relay(room.database, "test").place()
    heard = Subscriber("recovery", {SignedInFact: [room.recovery.sign_in_notices.on_signed_in]})
    while await heard.step(room.database, 100):
        pass
    mails = await room.mails("security")
    assert {one["to"] for one in mails} <= {ADDRESS}
    return len(mails)


async def sign_in(room: Room, browser: str) -> None:
    room.database.clock.advance(60)
    await room.accounts.sign_in(ADDRESS, PASSWORD, browser=browser, network="n")


@pytest.mark.check("ASVS 6.3.5")
@pytest.mark.parametrize(
    ("policy", "mails"),
    [(NoticePolicy.CHANGES, 0), (NoticePolicy.NEW_BROWSERS, 1), (NoticePolicy.SIGN_INS, 2)],
)
async def test_the_class_says_of_which(
    room: Room, owner: Owner, policy: NoticePolicy, mails: int
) -> None:
    room.accounts.classes = Classes({"customer": ClassSettings(notices=policy)})
    await owner()
    await sign_in(room, "home")
    assert await told(room) == 0, "the first one is no news"
    await sign_in(room, "home")
    await sign_in(room, "strange")
    assert await told(room) == mails


async def test_who_knows_the_password_floods_nobody(
    room: Room, owner: Owner, clock: ManualClock
) -> None:
    await owner()
    await sign_in(room, "home")
    for number in range(MOST + 5):
        await sign_in(room, f"strange {number}")
    assert await told(room) == MOST
