"""Who is signed in at the console, by which API key.

Security: a sign-in is a row, so that signing out ends it here: a cookie that somebody copied ends
with it.
"""

from sqlalchemy import delete, insert, select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import new_id
from mailkeep.store.database import Tx

from . import api_keys, tables

_s = tables.operator_sessions


async def enter(tx: Tx, key: str, until: Instant) -> str:
    """A key signed in, until an instant; returns the session. Those that are over are forgotten."""
    await tx.run(delete(_s).where(_s.c.until <= tx.now))
    session = new_id("ops", tx.now)
    await tx.run(insert(_s).values(id=session, key_id=key, until=until))
    return session


async def leave(tx: Tx, session: str) -> None:
    """End a session, wherever its cookie is."""
    await tx.run(delete(_s).where(_s.c.id == session))


async def still(tx: Tx, session: str, scope: str, network: str) -> tuple[str, str] | None:
    """The id and the name of the key that signed in, while it may act from ``network`` (an
    address); else None."""
    query = select(_s.c.key_id).where(_s.c.id == session, _s.c.until > tx.now)
    row = await tx.one(query)
    if row is None:
        return None
    name = await api_keys.still_may(tx, row["key_id"], scope, network)
    return None if name is None else (row["key_id"], name)
