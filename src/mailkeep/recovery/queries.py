"""Read-only queries of the recovery room."""

from collections.abc import Collection, Set

from sqlalchemy import ColumnElement, Select, and_, exists, func, select

from mailkeep.base.clock import Instant
from mailkeep.base.ids import earliest
from mailkeep.store.database import Tx

from . import tables
from .types import LIVE, UNDER_WAY, Outcomes

_r, _p = tables.recoveries, tables.proofs

#: What can be asked of ``accounts``: each word picks recoveries.
_PICKS: dict[str, ColumnElement[bool]] = {
    "requested": _r.c.account_id.is_not(None),
    "half_proven": _p.c.id.in_(select(tables.redemptions.c.proof_id)),
    "stopped_by_factor": _r.c.stopped_at.is_not(None),
    "completed": _r.c.state == "completed",
    "denied": _r.c.denied_at.is_not(None),
}


def _through(providers: Set[str], since: Instant, until: Instant) -> ColumnElement[bool]:
    return and_(
        _p.c.provider.in_(sorted(providers)), _p.c.minted_at >= since, _p.c.minted_at <= until
    )


def _of(account: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if account is None else (_r.c.account_id == account,)


async def outcomes(
    tx: Tx, providers: Set[str], since: Instant, until: Instant, account: str | None = None
) -> Outcomes:
    """What became of recoveries of which a proof went through ``providers`` in a window; those of
    one ``account``, where one is named.

    ``half_proven``: a proof that went through them came back, whether or not the other did.
    """
    columns = [
        func.count(_r.c.account_id.distinct()).filter(pick).label(word)
        for word, pick in _PICKS.items()
    ]
    row = await tx.one(
        select(*columns)
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(_through(providers, since, until), *_of(account))
    )
    return Outcomes(*((row[word] if row else 0) for word in _PICKS))


async def many(tx: Tx, providers: Set[str], since: Instant, until: Instant, limit: int) -> bool:
    """Whether more than ``limit`` proofs went through ``providers`` in a window."""
    found = select(_p.c.minted_at).where(_through(providers, since, until)).limit(limit + 1)
    return int(await tx.value(select(func.count()).select_from(found.subquery())) or 0) > limit


def behind(
    providers: Set[str],
    since: Instant,
    until: Instant,
    outcome: str,
    account: str | None = None,
    *,
    after: str = "",
) -> Select[tuple[str]]:
    """The accounts behind one count of ``outcomes``, each once, for use inside another query.

    Args:
        outcome: a field of ``Outcomes``.
        after: only those whose id is behind this one.
    """
    return (
        select(_r.c.account_id)
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(_through(providers, since, until), _PICKS[outcome], *_of(account))
        .where(_r.c.account_id > after)  # nobody's account is NULL, which is behind nothing
        .distinct()
    )


async def accounts(
    tx: Tx,
    providers: Set[str],
    since: Instant,
    until: Instant,
    outcome: str,
    account: str | None = None,
) -> list[str]:
    """The accounts behind one count of ``outcomes`` (a field of ``Outcomes``), sorted."""
    found = behind(providers, since, until, outcome, account)
    rows = await tx.all(found.order_by(_r.c.account_id))
    return [row["account_id"] for row in rows]


async def some(
    tx: Tx,
    providers: Set[str],
    since: Instant,
    until: Instant,
    outcome: str,
    account: str | None = None,
    *,
    after: str,
    limit: int,
) -> list[str]:
    """The first of those accounts behind an id, sorted."""
    found = behind(providers, since, until, outcome, account, after=after)
    rows = await tx.all(found.order_by(_r.c.account_id).limit(limit))
    return [row["account_id"] for row in rows]


async def asked_since(
    tx: Tx, accounts: Collection[str], addresses: Collection[str], since: Instant
) -> bool:
    """Whether a recovery of one of some accounts, or for one of some addresses (pseudonyms), was
    asked for since an instant."""
    whose = _r.c.account_id.in_(sorted(accounts)) | _r.c.address_key.in_(sorted(addresses))
    found = select(_r.c.id).where(_r.c.id >= earliest("rec", since), whose)
    return await tx.value(found.limit(1)) is not None


async def taken_until(tx: Tx, account: str, since: Instant) -> Instant:
    """Until when what happened to an account may come of a recovery that is in doubt: to the next
    one after ``since`` that was completed and not denied, else to now."""
    later = await tx.value(
        select(func.min(_r.c.ended_at)).where(
            _r.c.account_id == account,
            _r.c.state == "completed",
            _r.c.ended_at > since,
            _r.c.why.is_(None),
        )
    )
    return tx.now if later is None else int(later) - 1


async def regained(
    tx: Tx,
    account: str,
    providers: Set[str],
    since: Instant,
    until: Instant,
    *,
    but: Collection[str] = (),
) -> Instant | None:
    """When an account was first recovered after a window, and not denied, without a proof that went
    through ``providers`` in it; None: it was not. One with such a proof may be completed after the
    window too, by whoever had read it before.

    Args:
        but: addresses (pseudonyms) at which it does not count: whoever added one reads both proofs.
    """
    doubtful = exists().where(_p.c.recovery_id == _r.c.id, _through(providers, since, until))
    found = await tx.value(
        select(func.min(_r.c.ended_at)).where(
            _r.c.account_id == account,
            _r.c.state == "completed",
            _r.c.ended_at > until,
            _r.c.why.is_(None),
            _r.c.address_key.not_in(sorted(but)),
            ~doubtful,
        )
    )
    return None if found is None else int(found)


async def doubted_since(
    tx: Tx, account: str, providers: Set[str], since: Instant, until: Instant
) -> Instant | None:
    """When an account was first recovered with a proof that went through ``providers`` in a
    window; None: it was not."""
    found = await tx.value(
        select(func.min(_r.c.ended_at))
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(
            _r.c.account_id == account,
            _r.c.state == "completed",
            _through(providers, since, until),
        )
    )
    return None if found is None else int(found)


async def recovered_again(tx: Tx, account: str, since: Instant, at: Instant) -> Instant | None:
    """When an account that was recovered between two instants was recovered once more, and not
    denied, by a recovery that was asked for after the second; None: it was not."""
    completed = (_r.c.account_id == account, _r.c.state == "completed")
    before = select(_r.c.id).where(*completed, _r.c.ended_at >= since, _r.c.ended_at <= at)
    if await tx.value(before.limit(1)) is None:
        return None
    found = await tx.value(
        select(func.min(_r.c.ended_at)).where(*completed, _r.c.asked_at > at, _r.c.why.is_(None))
    )
    return None if found is None else int(found)


async def open_of(tx: Tx, account: str) -> int:
    """How many recoveries of an account are under way."""
    mine = (_r.c.account_id == account, _r.c.state.in_(UNDER_WAY))
    return int(await tx.value(select(func.count()).select_from(_r).where(*mine)) or 0)


async def open_through(tx: Tx, providers: Set[str]) -> int:
    """How many recoveries that can still be completed have a proof through ``providers``."""
    found = await tx.value(
        select(func.count(_r.c.id.distinct()))
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(
            _r.c.state.in_(LIVE),
            _r.c.expires_at > tx.now,
            _p.c.provider.in_(sorted(providers)),
            _p.c.voided_at.is_(None),
        )
    )
    return int(found or 0)


async def completed_after(
    tx: Tx, providers: Set[str], since: Instant, until: Instant, after: Instant
) -> int:
    """Of the accounts that ``outcomes`` counts as completed, how many were so after an instant."""
    found = await tx.value(
        select(func.count(_r.c.account_id.distinct()))
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(_through(providers, since, until), _PICKS["completed"], _r.c.ended_at > after)
    )
    return int(found or 0)


async def completed_elsewhere(
    tx: Tx, providers: Set[str], since: Instant, until: Instant
) -> list[str]:
    """Of the accounts that ``outcomes`` counts as completed, those that an application keeps,
    sorted."""
    rows = await tx.all(
        select(_r.c.account_id)
        .select_from(_p.join(_r, _r.c.id == _p.c.recovery_id))
        .where(_through(providers, since, until), _PICKS["completed"], _r.c.application != "")
        .where(_r.c.account_id.is_not(None))
        .distinct()
        .order_by(_r.c.account_id)
    )
    return [row["account_id"] for row in rows]
