"""Advisory locks of PostgreSQL, by number: no two that mean different things are the same."""

from sqlalchemy import func, select

from .database import Tx

MIGRATIONS = 6_238_421  #: one process changes the schema
API_KEYS = 6_238_422  #: who makes or revokes a key, beside those who rely on one
ACTIONS = 7_263_018_451  #: one action of an incident is decided on at a time
COUNTS = 7_263_018_452  #: one process counts who was exposed


async def alone(tx: Tx, lock: int) -> None:
    """Lock out whoever else takes that lock, from here to the end of the transaction.

    On SQLite whoever writes is alone anyway.
    """
    if tx.is_postgresql:
        await tx.run(select(func.pg_advisory_xact_lock(lock)))
