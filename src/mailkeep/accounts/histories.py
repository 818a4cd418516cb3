"""What was seen of some accounts: where they were signed in to, and what was changed in them."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables
from .queries import NOT_THE_OWNERS, RECOVERED
from .types import ChangeKind, ChangeState, Stage

_a, _h, _s = tables.accounts, tables.changes, tables.sessions


class Stay(msgspec.Struct, frozen=True):
    """A time for which somebody was signed in.

    Attributes:
        until: when it ended; None: it did not.
        counts: it speaks for its browser. That a recovery ended it does not count against it: the
            recovery itself may be what is in doubt.
    """

    browser: str
    since: Instant
    until: Instant | None
    counts: bool


class Altered(msgspec.Struct, frozen=True):
    """A change of what opens or recovers an account."""

    what: ChangeKind
    state: ChangeState
    at: Instant


async def applications(tx: Tx, accounts: Collection[str]) -> Mapping[str, str]:
    """Whose users some accounts are; "": ours."""
    rows = await tx.all(select(_a.c.id, _a.c.application).where(_a.c.id.in_(accounts)))
    return {row["id"]: row["application"] for row in rows}


async def stays(tx: Tx, accounts: Collection[str]) -> Mapping[str, list[Stay]]:
    """The full sign-ins of some accounts, as far as they are kept."""
    firm = frozenset(NOT_THE_OWNERS) - {RECOVERED}
    found: dict[str, list[Stay]] = {}
    columns = (_s.c.account_id, _s.c.browser, _s.c.created_at, _s.c.ended_at, _s.c.ended_why)
    full = (_s.c.account_id.in_(accounts), _s.c.stage == Stage.FULL.value)
    for row in await tx.all(select(*columns).where(*full)):
        stay = Stay(
            row["browser"], row["created_at"], row["ended_at"], row["ended_why"] not in firm
        )
        found.setdefault(row["account_id"], []).append(stay)
    return found


async def changes(tx: Tx, accounts: Collection[str], since: Instant) -> Mapping[str, list[Altered]]:
    """What was changed in some accounts since an instant, in order; not what still waits for an
    address to be confirmed."""
    found: dict[str, list[Altered]] = {}
    of = (_h.c.account_id.in_(accounts), _h.c.at >= since)
    for row in await tx.all(
        select(_h.c.account_id, _h.c.what, _h.c.state, _h.c.at)
        .where(*of, _h.c.state != ChangeState.WAITING.value)
        .order_by(_h.c.at, _h.c.id)
    ):
        altered = Altered(ChangeKind(row["what"]), ChangeState(row["state"]), row["at"])
        found.setdefault(row["account_id"], []).append(altered)
    return found
