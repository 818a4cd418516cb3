"""Known devices: the browsers from which an account was fully signed in to before.

A known browser has rate limits of its own, and its visits look less suspicious, so an owner can
withdraw that trust from one that was lost or lent. There is no table of devices: they are derived
from the sessions.
"""

import msgspec
from sqlalchemy import func, select, update

from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotFound
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, tables
from .events import BrowserForgotten, SessionDenied
from .queries import NOT_THE_OWNERS
from .types import Stage

_s = tables.sessions
MOST = 50  #: of them that are listed


class Device(msgspec.Struct, frozen=True):
    """A browser, by its pseudonyms; ``agent`` is of its newest sign-in."""

    browser: str
    agent: str
    since: Instant
    seen_at: Instant


async def known(tx: Tx, account: str) -> list[Device]:
    """The browsers that an account knows, the last used first; see ``queries.knows_browser``."""
    rows = await tx.all(
        select(
            _s.c.browser,
            func.max(_s.c.id).label("newest"),
            func.min(_s.c.created_at).label("since"),
            func.max(_s.c.seen_at).label("seen_at"),
        )
        .where(
            _s.c.account_id == account,
            _s.c.stage == Stage.FULL.value,
            _s.c.ended_why.is_(None) | _s.c.ended_why.not_in(NOT_THE_OWNERS),
        )
        .group_by(_s.c.browser)
        .order_by(func.max(_s.c.seen_at).desc())
        .limit(MOST)
    )
    newest = select(_s.c.id, _s.c.agent).where(_s.c.id.in_([row["newest"] for row in rows]))
    agents = {row["id"]: row["agent"] for row in await tx.all(newest)}
    return [
        Device(row["browser"], agents[row["newest"]], row["since"], row["seen_at"]) for row in rows
    ]


async def forget(database: Database, tx: Tx, account: str, browser: str) -> int:
    """A browser is a stranger's from now on: its sessions end. Returns how many ended.

    Raises:
        NotFound: the account does not know it.
    """
    await queries.account(tx, account, lock=True)
    if not await queries.knows_browser(tx, account, browser):
        raise NotFound("no such browser")
    of = (_s.c.account_id == account, _s.c.browser == browser)
    ended = await tx.run(
        update(_s)
        .where(*of, _s.c.ended_at.is_(None))
        .values(ended_at=tx.now, ended_why="forgotten")
    )
    left = _s.c.ended_why.not_in(NOT_THE_OWNERS)
    await tx.run(update(_s).where(*of, left).values(ended_why="forgotten"))
    await record(database, tx, BrowserForgotten(account=account, browser=browser, ended=ended))
    return ended


async def disown(
    database: Database, tx: Tx, account: str, session: str, *, here: str
) -> SessionDenied:
    """The owner says that a session was not theirs: whatever its browser is signed in to ends, and
    it was never known.

    It only takes away what an owner may end and forget as well, so that a thief who says it of the
    owner's session gains nothing.

    Args:
        here: the browser that says so.

    Raises:
        NotFound: no live session of the account, or one of this very browser.
    """
    await queries.account(tx, account, lock=True)
    row = await tx.one(
        select(_s).where(
            _s.c.id == session,
            _s.c.account_id == account,
            _s.c.browser != here,
            _s.c.stage == Stage.FULL.value,
            _s.c.ended_at.is_(None),
        )
    )
    if row is None:
        raise NotFound("no such session elsewhere")
    of = (_s.c.account_id == account, _s.c.browser == row["browser"])
    ended = await tx.run(
        update(_s).where(*of, _s.c.ended_at.is_(None)).values(ended_at=tx.now, ended_why="denied")
    )
    left = _s.c.ended_why.not_in(NOT_THE_OWNERS)
    await tx.run(update(_s).where(*of, left).values(ended_why="denied"))
    fact = SessionDenied(
        account=account,
        session=session,
        browser=row["browser"],
        network=row["network"],
        ended=ended,
    )
    await record(database, tx, fact)
    return fact
