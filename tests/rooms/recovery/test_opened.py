"""An account is opened by one code: its address hears of it by another way."""

from collections.abc import Awaitable, Callable

import pytest

from mailkeep.accounts.events import AccountOpened
from mailkeep.events.log import Relay
from mailkeep.events.subscribe import Subscriber
from mailkeep.mail.tables import exposures

from .conftest import ADDRESS, Room

Owner = Callable[[], Awaitable[str]]


async def told(room: Room, *carried: str) -> list[str]:
    """The providers over which the address is told, when these carried its codes."""
    name = room.accounts.address_key(ADDRESS)
    async with room.database.write() as tx:
        for one in carried:
            row = {"address_id": name, "provider": one, "stream": "confirmation", "day": 1}
            await tx.run(exposures.insert().values(row | {"first_at": 1, "last_at": 1, "count": 1}))
    await Relay(room.database, "test").place()
    heard = Subscriber("recovery", {AccountOpened: [room.recovery.notices.on_opened]})
    while await heard.step(room.database, 100):
        pass
    mails = await room.mails("security")
    assert {one["to"] for one in mails} == {ADDRESS}
    assert all("/recover" in str(one["text"]) for one in mails)
    # Who gets it twice is told why; who gets it once is not.
    assert {"twice" in str(one["text"]) for one in mails} == {len(mails) > 1}
    return sorted(str(one["provider"]) for one in mails)


@pytest.mark.parametrize(
    ("carried", "over"),
    [
        (("a",), ["b"]),
        (("b",), ["a"]),
        (("a", "b"), ["c"]),  # sent once more, until it took the way that the thief reads
        (("a", "b", "c"), ["a", "b"]),
    ],
)
async def test_the_notice_takes_a_way_that_the_code_did_not(
    room: Room, owner: Owner, carried: tuple[str, ...], over: list[str]
) -> None:
    await owner()
    assert await told(room, *carried) == over


async def test_one_party_that_could_read_both_is_no_other_way(room: Room, owner: Owner) -> None:
    tied = {"id": "house_b", "owned_by": ["house_a"]}
    room.graph([{"id": "house_a"}, tied, {"id": "house_c"}])
    await owner()
    assert await told(room, "a") == ["c"]
