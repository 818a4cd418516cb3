"""Counts accounts by how they are protected, for the what-if analysis. Counts only; no address
leaves this module."""

from collections.abc import Collection

import msgspec
from sqlalchemy import and_, case, func, select

from mailkeep.store.database import Tx

from . import tables
from .factors.types import LASTING
from .registration import Factor
from .types import ContactKind

_a, _c, _f = tables.accounts, tables.contact_points, tables.factors
NO_FACTOR = "none"
OTHER = "*"  #: every domain that was not asked about


class Alike(msgspec.Struct, frozen=True, order=True):
    """Accounts of one class and factor with an address at one domain.

    Attributes:
        factor: the kind that is settled, a passkey before a code; ``kept_there``: the application
            asks for one; ``none``.
        domain: one of those that were asked about, or ``*``.
        application: whose users they are; "": ours.
    """

    account_class: str
    factor: str
    domain: str
    accounts: int
    application: str = ""


async def slice_end(tx: Tx, after: str, size: int) -> str | None:
    """The id up to which ``size`` accounts follow ``after``; None: fewer do, and they are the last.

    Args:
        after: an id, or "" for the first slice.
    """
    ids = select(_a.c.id).where(_a.c.id > after).order_by(_a.c.id).offset(size - 1).limit(1)
    found = await tx.value(ids)
    return None if found is None else str(found)


async def alike(
    tx: Tx, domains: Collection[str], after: str = "", last: str | None = None
) -> list[Alike]:
    """Every account that has a confirmed address, in one statement. One with addresses at several
    domains counts under each.

    Args:
        domains: in small letters, those to tell apart; all others are ``*``.
        after, last: only accounts whose ids lie between, the last one included; an account lies in
            one slice with all that it has, so that slices add up to the whole.
    """
    among = [] if last is None else [_a.c.id <= last]
    factors = [_f.c.account_id > after] if after else []
    if last is not None:
        factors.append(_f.c.account_id <= last)
    bound = (
        select(_f.c.account_id, func.min(_f.c.kind).label("kind"))
        .where(_f.c.revoked_at.is_(None), _f.c.held_by.is_(None), _f.c.kind.in_(sorted(LASTING)))
        .where(*factors)
        .group_by(_f.c.account_id)
        .subquery()
    )
    kind = case(
        (bound.c.kind.is_not(None), bound.c.kind),
        (_a.c.factor == Factor.KEPT_THERE.value, Factor.KEPT_THERE.value),
        else_=NO_FACTOR,
    ).label("factor")
    address = func.lower(_c.c.address)
    # No address ends in a bare @: where nothing is to be told apart, all are others.
    ends = [(address.endswith(f"@{one}", autoescape=True), one) for one in sorted(domains) or [""]]
    domain = case(*ends, else_=OTHER).label("domain")
    by = (_a.c["class"], kind, domain, _a.c.application)
    counted = (
        select(*by, func.count(_a.c.id.distinct()).label("n"))
        .select_from(_a)
        .join(_c, and_(_c.c.account_id == _a.c.id, _c.c.kind == ContactKind.MAIL.value))
        .outerjoin(bound, bound.c.account_id == _a.c.id)
        .where(_c.c.confirmed_at.is_not(None), _c.c.added_by.is_(None))
        .where(_a.c.id > after, *among)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Alike(row["class"], row["factor"], row["domain"], int(row["n"]), row["application"])
        for row in await tx.all(counted)
    ]
