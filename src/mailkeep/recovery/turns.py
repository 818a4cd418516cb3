"""Whose turn it is with the planner, among all who asked for a reset.

Each look costs a slow hash, for nobody as for somebody: anything less would tell who has an account
by how long the next one waits. So a flood of requests has the planner at work for hours, and what
keeps it from starving others is who comes next: one of those whom the account knows, one stranger,
one known, one whose proofs must be minted anew, and so on; among each of these every region of the
net in turn, in it every area, then every network, every address, and the oldest request of that.
Whoever holds a /32 full of networks is one neighbour among others.

Attacks met here: a flood from many networks of one owner; jumping the queue (the row of the known
is for a browser that was signed in to that very account, or has shown a link of it, and is shared
as fairly); and having us remember ever more (so many places, and no more).
"""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, update

from mailkeep.accounts import queries as accounts
from mailkeep.base.clock import SECOND, Instant
from mailkeep.store.database import Database, Tx

from . import tables
from .context import Row
from .types import ProofKind, RecoverySettings, State, Turn

SORTED = 200  #: requests that are sorted at a time
PLACES = 10_000  #: of whom it is remembered which of theirs had the last turn
LIMITED = "network_limit"  #: why nobody looked: too many were asked for from there
#: Each row that holds somebody has a turn of four, whatever waits in the others.
ORDER = (Turn.KNOWN, Turn.STRANGERS, Turn.KNOWN, Turn.AGAIN)

_r, _p, _x = tables.recoveries, tables.proofs, tables.redemptions
#: From the widest to the narrowest.
LEVELS = (_r.c.region, _r.c.area, _r.c.network, _r.c.host)


class Turns:
    """Says which recovery comes next.

    Args:
        database: where they wait.
        settings: how long a link that was shown speaks for its browser.
    """

    def __init__(self, database: Database, settings: RecoverySettings) -> None:
        self._database = database
        self._settings = settings
        self._at = 0
        self._last: OrderedDict[tuple[str, ...], str] = OrderedDict()

    async def sort(self) -> int:
        """Have those who asked of late wait in the row where they belong, each for the same work;
        returns how many there were. Of a crowded network strangers are sent away."""
        async with self._database.read() as tx:
            if not await tx.all(_unsorted().limit(1)):
                return 0
        async with self._database.write() as tx:
            # Another planner may be at some of them.
            rows = await tx.all(_unsorted().limit(SORTED).with_for_update(skip_locked=True))
            known = await self._known(tx, rows)
            strangers = [one for one in rows if one["id"] not in known]
            for ids, values in (
                (sorted(known), {"turn": Turn.KNOWN.value}),
                (
                    [one["id"] for one in strangers if not one["crowded"]],
                    {"turn": Turn.STRANGERS.value},
                ),
                ([one["id"] for one in strangers if one["crowded"]], away(tx, LIMITED)),
            ):
                still = (_r.c.id.in_(ids), _r.c.state == State.ASKED.value)
                await tx.run(update(_r).where(*still).values(values))
            return len(rows)

    async def next(self, tx: Tx, *, until: Instant | None = None) -> Row | None:
        """The recovery whose turn it is: its ``id``, ``state``, ``turn``, ``region`` and
        ``expires_at``; None when none is due.

        Args:
            until: of those who asked for the first time only whose time is over by then; None: all.
        """
        due = {one: _due(tx, one, until) for one in Turn if one in ORDER}
        waits = [exists().where(*of).label(one.value) for one, of in due.items()]
        found = await tx.one(select(*waits))
        for _ in ORDER:
            turn = ORDER[self._at % len(ORDER)]
            self._at += 1
            if found is not None and found[turn.value]:
                return await self._of(tx, turn, due[turn])
        return None

    async def _of(self, tx: Tx, turn: Turn, due: list[ColumnElement[bool]]) -> Row | None:
        place: tuple[str, ...] = (turn.value,)
        for level in LEVELS:
            first = select(level).where(*due).order_by(level).limit(1)
            after = first.where(level > self._after(place)).scalar_subquery()
            found = await tx.value(select(func.coalesce(after, first.scalar_subquery())))
            if found is None:
                return None
            self._note(place, found)
            due, place = [*due, level == found], (*place, found)
        oldest = select(_r.c.id, _r.c.state, _r.c.turn, _r.c.region, _r.c.expires_at)
        return await tx.one(oldest.where(*due).order_by(_r.c.due_at, _r.c.id).limit(1))

    def _after(self, place: tuple[str, ...]) -> str:
        # Whose last turn had to be forgotten goes on anywhere: not with the same one again.
        forgotten = f"network_{secrets.token_hex(15)}" if len(self._last) >= PLACES else ""
        return self._last.get(place, forgotten)

    def _note(self, place: tuple[str, ...], had: str) -> None:
        self._last[place] = had
        self._last.move_to_end(place)
        if len(self._last) > PLACES:
            self._last.popitem(last=False)

    async def _known(self, tx: Tx, rows: Sequence[Row]) -> set[str]:
        asked = {(one["address_key"], one["application"], one["asked_by"]) for one in rows}
        since = tx.now - round(self._settings.link_life * SECOND)
        shown = await tx.all(
            select(_r.c.address_key, _r.c.application, _x.c.browser)
            .join(_p, _p.c.id == _x.c.proof_id)
            .join(_r, _r.c.id == _p.c.recovery_id)
            .where(
                _x.c.browser.in_({browser for _, _, browser in asked}),
                _x.c.at > since,
                _p.c.kind == ProofKind.LINK.value,
            )
        )
        known = await accounts.acquainted(tx, asked)
        known |= {(one["address_key"], one["application"], one["browser"]) for one in shown}
        return {
            one["id"]
            for one in rows
            if (one["address_key"], one["application"], one["asked_by"]) in known
        }


def away(tx: Tx, why: str) -> dict[str, object]:
    """What is written of a request that nobody looks at."""
    return {
        "state": State.NOTHING.value,
        "why": why,
        "ended_at": tx.now,
        "due_at": None,
        "host": "",
    }


def _due(tx: Tx, turn: Turn, until: Instant | None) -> list[ColumnElement[bool]]:
    due = [_r.c.turn == turn.value, _r.c.due_at <= tx.now]
    return due if until is None or turn is Turn.AGAIN else [*due, _r.c.expires_at <= until]


def _unsorted() -> Select[Any]:
    """Who asked and was not sorted yet."""
    return select(_r.c.id, _r.c.crowded, _r.c.address_key, _r.c.application, _r.c.asked_by).where(
        _r.c.turn == Turn.FRESH.value,
        _r.c.state == State.ASKED.value,
        _r.c.due_at.is_not(None),
    )
