"""Handles a part that the Mailkeep under test does not have."""

import contextlib
from collections.abc import AsyncIterator

from mailkeep_bench.children import Broken
from mailkeep_bench.results import Row


@contextlib.asynccontextmanager
async def or_absent(row: Row, word: str, absent: str) -> AsyncIterator[None]:
    """Say that a part is not there when Mailkeep refuses the setting ``word`` that is for it."""
    try:
        yield
    except Broken as error:
        if f"`{word}`" not in str(error):
            raise
        row.absent = absent
