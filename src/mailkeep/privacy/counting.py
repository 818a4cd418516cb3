"""Counts the rows about a person in each table."""

from sqlalchemy import func, select

from mailkeep.store.database import Tx
from mailkeep.store.schema import metadata

from .catalogue import CATALOGUE, theirs
from .types import Person


async def counts(tx: Tx, person: Person) -> dict[str, int]:
    """By table; those with none are left out."""
    out = {}
    for name, kept in CATALOGUE.items():
        if not kept.of:
            continue
        table = metadata.tables[name]
        found = await tx.value(select(func.count()).select_from(table).where(theirs(table, person)))
        if found:
            out[name] = int(found)
    return out
