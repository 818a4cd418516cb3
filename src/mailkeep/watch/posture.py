"""Our accounts at providers as operators see them: configuration, changes, announcements.

A change that was announced before it is seen weighs little; one that was accepted afterwards weighs
nothing any more. An announcement is for one kind, for a number of changes and a bounded time:
whoever acts at the provider in the same hour is not hidden by it.

Security: what is shown to operators may hold addresses of people; what is recorded and audited
carries ids only.
"""

from collections.abc import Collection, Mapping
from typing import TypeVar

import msgspec
from sqlalchemy import delete, func, insert, select, update

from mailkeep.base import reasons
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.providers.posture.types import Item, Kind
from mailkeep.store.database import Database, Tx

from .drift import Change, FieldChange
from .events import PostureAccepted
from .tables import posture_accounts, posture_changes, posture_expected, posture_items

PURPOSE = "posture"
LONGEST = 7 * DAY  #: that an announcement may hold
MOST_SHOWN = 200
MOST_ANNOUNCED = 50  #: changes that one announcement may be for

T = TypeVar("T", bound=msgspec.Struct)
_a, _i, _c, _e = posture_accounts, posture_items, posture_changes, posture_expected


class ListState(msgspec.Struct, frozen=True):
    """How a list of an account fares.

    Attributes:
        read: it was read once: what is known of it can be compared.
        failures: readings in a row that failed, and why the last one did.
        told: that it cannot be read was said.
    """

    read: bool = False
    failures: int = 0
    trouble: str = ""
    told: bool = False


class Expected(msgspec.Struct, frozen=True):
    """An announcement that still holds."""

    id: str
    kind: str
    until: Instant
    left: int
    by: str
    reason: str


class ChangeView(msgspec.Struct, frozen=True):
    """A change as operators see it."""

    id: str
    at: Instant
    kind: str
    what: str
    item: str
    fields: tuple[FieldChange, ...]
    strange: bool
    expected: bool
    accepted_at: Instant | None
    accepted_by: str
    reason: str

    @property
    def is_open(self) -> bool:
        """Neither announced nor accepted."""
        return not self.expected and self.accepted_at is None


class View(msgspec.Struct, frozen=True):
    """All that is known of an account. ``lists`` is empty before the first reading."""

    account: str
    read_at: Instant | None
    can_send: bool | None
    lists: Mapping[str, ListState]
    items: Mapping[str, tuple[Item, ...]]
    changes: tuple[ChangeView, ...]
    expected: tuple[Expected, ...]


def opened(keys: KeyRing, sealed: bytes, kind: type[T]) -> T | None:
    """What was sealed; None: with other keys, or by a version that wrote it in another way."""
    try:
        return msgspec.json.decode(keys.unseal(PURPOSE, sealed), type=kind)
    except (Unsealable, msgspec.DecodeError):
        return None


async def view(tx: Tx, keys: KeyRing, account: str) -> View:
    """All that is known of an account."""
    row = await tx.one(select(_a).where(_a.c.account == account))
    lists = {} if row is None else msgspec.json.decode(row["lists"], type=dict[str, ListState])
    items: dict[str, list[Item]] = {}
    for one in await tx.all(select(_i.c.list, _i.c.sealed).where(_i.c.account == account)):
        item = opened(keys, one["sealed"], Item)
        if item is not None:
            items.setdefault(item.kind.value, []).append(item)
    return View(
        account,
        None if row is None else row["read_at"],
        None if row is None else row["can_send"],
        lists,
        {kind: tuple(sorted(of, key=lambda one: one.id)) for kind, of in sorted(items.items())},
        tuple(await _changes(tx, keys, account)),
        tuple(await _expected(tx, account)),
    )


async def unexplained(tx: Tx) -> dict[str, int]:
    """By account, how many changes were neither announced nor accepted."""
    rows = await tx.all(
        select(_c.c.account, func.count().label("n"))
        .where(_c.c.accepted_at.is_(None), _c.c.expected.is_(None))
        .group_by(_c.c.account)
        .order_by(_c.c.account)
    )
    return {row["account"]: row["n"] for row in rows}


async def reading_keys(tx: Tx) -> dict[str, bool | None]:
    """By account that was read, whether the key that reads it could also send; None: unknown."""
    rows = await tx.all(select(_a.c.account, _a.c.can_send).where(_a.c.read_at.is_not(None)))
    return {row["account"]: row["can_send"] for row in rows}


async def expect(
    tx: Tx,
    account: str,
    kind: Kind,
    *,
    seconds: float,
    changes: int = 1,
    by: str,
    reason: str,
) -> Expected:
    """Announce changes of one kind that an operator is about to make.

    Args:
        seconds: for which the announcement holds, a week at most.
        changes: for how many it is good.

    Raises:
        Invalid: a bound is passed.
    """
    until = tx.now + round(seconds * SECOND)
    if not tx.now < until <= tx.now + LONGEST:
        raise Invalid("an announcement lasts more than 0 and at most a week", field="for")
    if not 1 <= changes <= MOST_ANNOUNCED:
        raise Invalid(f"an announcement is for 1 to {MOST_ANNOUNCED} changes", field="changes")
    reason = reasons.given(reason)
    made = Expected(new_id("exp", tx.now), kind.value, until, changes, by[:80], reason)
    await tx.run(insert(_e).values(**msgspec.structs.asdict(made), account=account, at=tx.now))
    data = {"provider": account, "kind": kind.value, "until": until, "changes": changes}
    await audit.write(tx, by, "expect_posture", {**data, "id": made.id, "reason": reason})
    return made


async def accept(
    database: Database,
    tx: Tx,
    account: str,
    changes: Collection[str] = (),
    *,
    by: str,
    reason: str,
) -> tuple[str, ...]:
    """Say that changes were ours; the ids of those that were open.

    Args:
        changes: their ids; none means all that are open now.

    Raises:
        NotFound: there is no such open change in this account.
        Invalid: no reason, or one that is too long.
    """
    reason = reasons.given(reason)
    is_open = (_c.c.account == account) & _c.c.accepted_at.is_(None)
    if changes:
        is_open &= _c.c.id.in_(sorted(changes))
    rows = await tx.all(select(_c.c.id).where(is_open).order_by(_c.c.id).with_for_update())
    found = tuple(row["id"] for row in rows)
    missing = sorted(set(changes) - set(found))
    if missing:
        raise NotFound(f"no open change {missing[0][:60]} of {account}", field="change")
    if not found:
        return ()
    said = {"accepted_at": tx.now, "accepted_by": by[:80], "reason": reason}
    await tx.run(update(_c).where(_c.c.id.in_(found)).values(**said))
    data = {"provider": account, "changes": list(found), "reason": reason}
    await audit.write(tx, by, "accept_posture", data)
    await record(database, tx, PostureAccepted(provider=account, changes=found, by=by))
    return found


async def announced(tx: Tx, account: str, kind: Kind) -> str | None:
    """Use up one announced change of that kind; the announcement's id, or None."""
    row = await tx.one(
        select(_e.c.id, _e.c.left)
        .where(_e.c.account == account, _e.c.kind == kind.value, _e.c.until > tx.now, _e.c.left > 0)
        .order_by(_e.c.until)
        .limit(1)
        .with_for_update()
    )
    if row is None:
        return None
    await tx.run(update(_e).where(_e.c.id == row["id"]).values(left=row["left"] - 1))
    return str(row["id"])


async def forget(tx: Tx, *, before: Instant, limit: int) -> int:
    """Forget changes and announcements from before an instant; how many."""
    count = 0
    for table, at in ((_c, _c.c.at), (_e, _e.c.until)):
        old = select(table.c.id).where(at < before).order_by(at).limit(limit)
        count += await tx.run(delete(table).where(table.c.id.in_(old)))
    return count


async def _changes(tx: Tx, keys: KeyRing, account: str) -> list[ChangeView]:
    rows = await tx.all(
        select(_c)
        .where(_c.c.account == account)
        .order_by(_c.c.at.desc(), _c.c.id)
        .limit(MOST_SHOWN)
    )
    out = []
    for row in rows:
        change = opened(keys, row["sealed"], Change)
        out.append(
            ChangeView(
                row["id"],
                row["at"],
                row["kind"],
                row["what"],
                "" if change is None else change.id,
                () if change is None else change.fields,
                row["strange"],
                row["expected"] is not None,
                row["accepted_at"],
                row["accepted_by"] or "",
                row["reason"] or "",
            )
        )
    return out


async def _expected(tx: Tx, account: str) -> list[Expected]:
    rows = await tx.all(
        select(_e)
        .where(_e.c.account == account, _e.c.until > tx.now, _e.c.left > 0)
        .order_by(_e.c.until)
    )
    names = Expected.__struct_fields__
    return [Expected(**{name: row[name] for name in names}) for row in rows]
