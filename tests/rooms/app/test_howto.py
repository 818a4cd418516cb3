"""What the how-to has an operator do by hand on PostgreSQL works there."""

import re
from pathlib import Path

from sqlalchemy import text

from mailkeep.store.database import Database

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "back-up-and-restore.md"


async def test_the_statements_of_the_page_run(database: Database) -> None:
    block = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    statements = [one.strip() for one in block[1].split(";") if one.strip()]
    assert len(statements) == 2
    async with database.write() as tx:
        if not tx.is_postgresql:
            return
        for one in statements:
            assert await tx.run(text(one)) == 0
