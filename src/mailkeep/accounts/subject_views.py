"""Read-only views of applications' users: as registered, and what is held for them."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from mailkeep.base import addresses
from mailkeep.base.clock import Instant
from mailkeep.store.database import Tx

from . import tables
from .registration import Factor, Registration

_a, _c, _h = tables.accounts, tables.contact_points, tables.subject_changes

REPLACE, ERASE = "replace", "erase"
#: What a change is about, in words for whoever reads the log; ``accounts/words`` has the owner's.
ADDRESSES, FACTOR, CLASS = "the mail addresses", "the second factor", "the class of the account"
FORGET = "to be forgotten here"
AND = " and "


class SubjectView(msgspec.Struct, frozen=True):
    """A user as an application registered them. Personal.

    Attributes:
        pending: what is wanted instead; None when nothing is held, or they are to be forgotten.
        kind: ``replace`` or ``erase``; "" when nothing is held.
        due: when that is good; while nobody agreed, when it lapses.
        change: its id.
        agreed: who agreed: ``owner``, ``application``; "" nobody did.
    """

    subject: str
    account: str
    stands: Registration
    since: Instant
    pending: Registration | None = None
    kind: str = ""
    due: Instant | None = None
    change: str = ""
    agreed: str = ""

    def __repr__(self) -> str:
        return f"SubjectView({self.account})"


async def of(tx: Tx, application: str, names: Sequence[str]) -> Mapping[str, SubjectView]:
    """The users of an application that are registered under some names."""
    rows = await tx.all(select(_a).where(_a.c.application == application, _a.c.subject.in_(names)))
    ids = [row["id"] for row in rows]
    points: dict[str, list[str]] = {}
    for point in await tx.all(
        select(_c.c.account_id, _c.c.address).where(_c.c.account_id.in_(ids)).order_by(_c.c.id)
    ):
        points.setdefault(point["account_id"], []).append(point["address"])
    held = {
        row["account_id"]: row
        for row in await tx.all(
            select(_h).where(_h.c.account_id.in_(ids), _h.c.due_at.is_not(None))
        )
    }
    return {row["subject"]: _view(row, points, held.get(row["id"])) for row in rows}


async def owners(tx: Tx, application: str, keys: Collection[str]) -> dict[str, str]:
    """Whose some addresses are, by their pseudonyms; those that are nobody's are left out."""
    rows = await tx.all(
        select(_c.c.address_key, _c.c.account_id).where(
            _c.c.address_key.in_(sorted(keys)),
            _c.c.application == application,
            _c.c.confirmed_at.is_not(None),
        )
    )
    return {row["address_key"]: row["account_id"] for row in rows}


async def whose(tx: Tx, account: str) -> SubjectView | None:
    """An account as its application registered it; None for one of ours."""
    row = await tx.one(select(_a).where(_a.c.id == account, _a.c.subject.is_not(None)))
    if row is None:
        return None
    return (await of(tx, row["application"], [row["subject"]]))[row["subject"]]


def what(stands: Registration, wanted: Registration) -> str:
    """What a change is about; no address stands in it."""
    about = []
    if {addresses.key(one) for one in stands.addresses} != {
        addresses.key(one) for one in wanted.addresses
    }:
        about.append(ADDRESSES)
    if stands.factor is not wanted.factor:
        about.append(FACTOR)
    if stands.account_class != wanted.account_class:
        about.append(CLASS)
    return AND.join(about)


def _view(row: RowMapping, points: Mapping[str, list[str]], held: RowMapping | None) -> SubjectView:
    stands = Registration(
        tuple(points.get(row["id"], ())), row["class"], Factor(row["factor"]), row["locale"] or ""
    )
    view = SubjectView(row["subject"], row["id"], stands, row["created_at"])
    if held is None:
        return view
    wanted = held["wanted"]
    pending = msgspec.json.decode(wanted, type=Registration) if wanted else None
    return msgspec.structs.replace(
        view,
        pending=pending,
        kind=held["kind"],
        due=held["due_at"],
        change=held["id"],
        agreed=held["agreed_by"] or "",
    )
