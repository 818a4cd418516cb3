"""Daily statistics of how many accounts of each class have which second factor.

Today's count is refreshed through the day and then frozen, so that a later erasure does not change
the past.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import and_, func, select

from mailkeep.accounts import tables
from mailkeep.base.clock import HOUR, MINUTE, Instant, iso
from mailkeep.store.database import Database, Tx

from .types import LASTING, Kind

_a, _c, _f, _n = tables.accounts, tables.contact_points, tables.factors, tables.factor_adoption

EVERY = HOUR  #: how often the count of the day is taken
FIRST = MINUTE  #: how often it is looked whether there is an account by now
#: Counted beside the kinds: all accounts of a class, and those with a second factor of any kind.
ALL, ANY = "all", "any"


class Count(msgspec.Struct, frozen=True):
    """Accounts of one class on one day.

    Attributes:
        day: as ``2026-12-31``, UTC.
        accounts: all with a confirmed address.
        any: those with a second factor.
        kinds: those with a factor of a kind; an account counts once in each.
    """

    day: str
    account_class: str
    accounts: int
    any: int
    kinds: dict[str, int]


class Adoption:
    """Takes the count of the day every hour, and the first one soon after the first account.

    Args:
        database: where accounts are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due_at = 0

    async def keep(self) -> None:
        """Take it, when it is time. The counting only reads: over a million accounts it takes
        seconds, for which no writer may wait."""
        async with self._database.read() as tx:
            if tx.now < self._due_at:
                return
            now, counts = tx.now, await count(tx)
        self._due_at = now + (EVERY if counts else FIRST)
        await self._database.retrying(lambda tx: write(tx, counts))


async def count(tx: Tx) -> list[tuple[str, str, int]]:
    """Class, kind (also ``ALL`` and ``ANY``), and how many accounts of ours there are of it now."""
    confirmed = select(_c.c.id).where(_c.c.account_id == _a.c.id, _c.c.confirmed_at.is_not(None))
    alive = and_(_a.c.application == "", confirmed.exists())
    number = func.count(_a.c.id.distinct()).label("n")
    of_class = _a.c["class"]
    everyone = select(of_class, number).where(alive).group_by(of_class)
    rows = [(row["class"], ALL, row["n"]) for row in await tx.all(everyone)]
    bound = (
        select(of_class, number)
        .join(_f, _f.c.account_id == _a.c.id)
        .where(alive, _f.c.revoked_at.is_(None))
    )
    having = bound.where(_f.c.kind.in_(sorted(LASTING))).group_by(of_class)
    rows += [(row["class"], ANY, row["n"]) for row in await tx.all(having)]
    of_kind = bound.add_columns(_f.c.kind).group_by(of_class, _f.c.kind)
    return rows + [(row["class"], row["kind"], row["n"]) for row in await tx.all(of_kind)]


async def write(tx: Tx, counts: list[tuple[str, str, int]]) -> None:
    """Keep counts as those of this day."""
    day = iso(tx.now)[:10]
    await tx.run(_n.delete().where(_n.c.day == day))
    for account_class, kind, accounts in counts:
        row = tx.upsert(_n).values(
            {"day": day, "class": account_class, "kind": kind, "accounts": accounts}
        )
        await tx.run(
            row.on_conflict_do_update(
                index_elements=["day", "class", "kind"], set_={"accounts": accounts}
            )
        )


async def over_time(tx: Tx, since: Instant) -> list[Count]:
    """The counts since a day, oldest first, classes by name."""
    rows = await tx.all(
        select(_n).where(_n.c.day >= iso(since)[:10]).order_by(_n.c.day, _n.c["class"])
    )
    return _counts([(r["day"], r["class"], r["kind"], r["accounts"]) for r in rows])


async def today(tx: Tx) -> list[Count]:
    """The counts of this day as they are now, classes by name; over a million accounts it takes
    seconds."""
    return _counts([(iso(tx.now)[:10], *one) for one in sorted(await count(tx))])


def _counts(rows: Iterable[tuple[str, str, str, int]]) -> list[Count]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for day, account_class, kind, accounts in rows:
        found.setdefault((day, account_class), {})[kind] = accounts
    return [
        Count(
            day,
            account_class,
            counts.get(ALL, 0),
            counts.get(ANY, 0),
            {kind.value: counts.get(kind.value, 0) for kind in Kind},
        )
        for (day, account_class), counts in found.items()
    ]
