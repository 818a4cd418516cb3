"""What it is worth to write the database: what the rules of the chain of trust say of it."""

from collections.abc import Awaitable, Callable

from sqlalchemy import update

from mailkeep.accounts import tables

from .conftest import NEW, Room
from .test_recovery import bind, finish, give, signs_in

THIEF = "thief@example.net"


async def test_who_writes_the_database_gives_an_account_another_address_and_takes_its_factor_off(
    room: Room, owner: Callable[[], Awaitable[str]]
) -> None:
    """Without a key: the row of an account of the thief's own has all that is keyed in it."""
    account = await owner()
    await bind(room, account)
    made = await room.accounts.sign_up(THIEF, "four-lanterns-on-the-weir", "network_t")
    assert made.code is not None
    own = await room.accounts.confirm(made.confirmation, made.code.reveal(), "n")
    c, f = tables.contact_points.c, tables.factors.c
    async with room.database.write() as tx:
        theirs = update(tables.contact_points).where(c.account_id == own)
        await tx.run(theirs.values(account_id=account))
        off = update(tables.factors).where(f.account_id == account)
        await tx.run(off.values(revoked_at=tx.now))
    await room.ask("thief", THIEF)
    link, code = await room.proofs()
    assert link["to"] == code["to"] == THIEF
    await give(room, "thief", link=link["link"], code=code["code"])
    await finish(room, "thief")
    assert await signs_in(room, NEW)
