"""Operators' actions on accounts: look one up, set its class, end its sessions. Every action is
written to the audit chain.

An operator starts a process; none ever learns or chooses a customer's secret. A leaked key must not
weaken the operators themselves, so who is an operator is decided at the command line only. When a
key relaxes an account's policy, the stricter rule stays in force for as long as its own hold, and
the owner is told.
"""

import msgspec
from sqlalchemy import func, select, update

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid, NotAllowed, NotFound
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import queries, tables
from .classes import OPERATOR, Classes, longest_hold, stricter
from .events import ClassChanged
from .sessions import Sessions
from .types import AccountView

_a = tables.accounts


class Described(msgspec.Struct, frozen=True):
    """An account without anything personal, as operators see it.

    Attributes:
        addresses: how many are confirmed.
        factor: a second factor is bound.
        password_set_at: 0 when there is none.
    """

    account: AccountView
    addresses: int
    factor: bool
    password_set_at: Instant


async def describe(tx: Tx, account: str) -> Described:
    """Raises ``NotFound``."""
    view = await queries.account(tx, account)
    return Described(
        view,
        len(await queries.contact_points(tx, account)),
        await queries.has_factor(tx, account),
        await queries.password_set_at(tx, account),
    )


async def find(tx: Tx, address_key: str) -> Described:
    """The account that has an address, by its pseudonym. Raises ``NotFound``."""
    point = await queries.by_address(tx, address_key)
    if point is None:
        raise NotFound("no account has that address")
    return await describe(tx, point.account)


async def operators(tx: Tx) -> list[Described]:
    """The accounts of those who run the house, oldest first."""
    rows = await tx.all(select(_a.c.id).where(_a.c["class"] == OPERATOR).order_by(_a.c.id))
    return [await describe(tx, row["id"]) for row in rows]


async def classes(tx: Tx) -> dict[str, int]:
    """How many accounts are of each class, those that nobody confirmed included."""
    named = _a.c["class"].label("name")
    query = select(named, func.count().label("n")).where(_a.c.erased_at.is_(None))
    rows = await tx.all(query.group_by(named).order_by(named))
    return {row["name"]: int(row["n"]) for row in rows}


class Administration:
    """What operators may do.

    Args:
        database: where accounts are kept.
        sessions: of all accounts.
        classes: that there are.
    """

    def __init__(self, database: Database, sessions: Sessions, classes: Classes) -> None:
        self._database = database
        self._sessions = sessions
        self._classes = classes

    async def set_class(
        self, tx: Tx, account: str, name: str, *, by: str, at_house: bool = False
    ) -> bool:
        """Give an account another class; False when it has it already. Its sessions end: they were
        made under what held before. Where a key makes it a less strict one, the holds of before
        stand for as long as the longest of them.

        Args:
            by: the operator, as the audit chain names them.
            at_house: asked at the command line of the house, and not with a key.

        Raises:
            NotFound: no such account.
            Invalid: no such class.
            NotAllowed: who is an operator is not decided with a key.
        """
        if name not in self._classes:
            known = ", ".join(self._classes.names)
            raise Invalid(f"no class {name!r}; there are {known}", field="class")
        view = await queries.account(tx, account, lock=True)
        before = view.account_class
        if OPERATOR in {name, before} and not at_house:
            raise NotAllowed("operators are made and unmade with `mailkeep operators` only")
        if name == before:
            return False
        names, until = ((), 0) if at_house else self._held_to(tx, view, name)
        values = {"class": name, "class_since": tx.now}
        values |= {"held_to": " ".join(names) or None, "held_to_until": until or None}
        await tx.run(update(_a).where(_a.c.id == account).values(values))
        data = {"account": account, "before": before, "class": name}
        await audit.write(tx, by, "account.class", data)
        await record(
            self._database,
            tx,
            ClassChanged(account=account, before=before, after=name, held_until=until),
        )
        await self._sessions.end_all(tx, account, "class")
        return True

    def _held_to(self, tx: Tx, view: AccountView, name: str) -> tuple[tuple[str, ...], Instant]:
        """The classes whose holds stand when an account leaves its own for another one, and until
        when; those that stand already go on, so that no detour ends them."""
        names = tuple(dict.fromkeys((*view.held_to, view.account_class)))
        before, after = self._classes.holding(view), self._classes.of(name)
        if stricter(after, [before]) == after:
            return (), 0
        return names, tx.now + longest_hold(before)

    async def end_sessions(
        self, tx: Tx, account: str, session: str | None = None, *, by: str
    ) -> int:
        """End one session of an account, or all; returns how many.

        Raises:
            NotFound: no such account, or no such session that is live.
        """
        await queries.account(tx, account, lock=True)
        if session is None:
            ended = await self._sessions.end_all(tx, account, "operator")
        else:
            ended = int(await self._sessions.end(tx, account, session, why="operator"))
            if not ended:
                raise NotFound("no such session")
        data = {"account": account, "session": session, "ended": ended}
        await audit.write(tx, by, "account.end_sessions", data)
        return ended
