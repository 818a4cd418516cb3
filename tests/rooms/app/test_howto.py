"""What the how-to has an operator do by hand on PostgreSQL works there."""

import re
from pathlib import Path

from sqlalchemy import select, text

from mailkeep.accounts import tables as accounts
from mailkeep.recovery import tables as recovery
from mailkeep.store.database import Database

from . import older

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "back-up-and-restore.md"


async def test_the_statements_of_the_page_leave_nothing_alive(database: Database) -> None:
    block = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    statements = [one.strip() for one in block[1].split(";") if one.strip()]
    assert len(statements) == 10
    async with database.write() as tx:
        if not tx.is_postgresql:
            return
        await older.account(tx)
        await older.changes(tx)
        for one in statements:
            await tx.run(text(one))
        assert await tx.value(select(accounts.sessions.c.ended_why)) == "doubted"
        assert await tx.value(select(recovery.recoveries.c.state)) == "void"
        [point] = await tx.all(select(accounts.contact_points))
        assert (point["address"], point["removed_by"]) == ("ada@example.net", None)
        states = await tx.all(select(accounts.changes.c.state))
        assert {one["state"] for one in states} == {"stopped"}
        assert await tx.value(select(accounts.factors.c.leaves_at)) is None
