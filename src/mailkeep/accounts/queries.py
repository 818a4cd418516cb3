"""Read-only queries of the accounts room."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, literal, select, union_all
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotFound
from mailkeep.store.database import Tx

from . import tables
from .factors.types import LASTING
from .types import AccountView, ContactKind, ContactPoint, SessionView, SignIn, Stage, Whose

_a, _c, _s = tables.accounts, tables.contact_points, tables.sessions
#: Of sessions that may be a thief's: what they came from speaks for nobody.
RECOVERED = "recovery"
NOT_THE_OWNERS = ("denied", RECOVERED, "frozen", "forgotten", "doubted")
MOST_SIGN_INS = 200  #: of one account that are looked at


class AtTheDoor(msgspec.Struct, frozen=True):
    """Who signs in by a password, as far as it is known before it is looked at.

    Attributes:
        account: whose the address is; None: nobody's.
        kept: the hash of the password, where there is one.
        known: the account was fully signed in to from this browser before.
    """

    account: str | None = None
    kept: str | None = None
    known: bool = False

    def __repr__(self) -> str:
        return "AtTheDoor(…)"


async def account(tx: Tx, account_id: str, *, lock: bool = False) -> AccountView:
    """An account. Raises ``NotFound``.

    Args:
        lock: hold its row to the end of the transaction, so that decisions about one account are
            made one after the other.
    """
    query = select(_a).where(_a.c.id == account_id)
    row = await tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("no such account")
    return AccountView(
        row["id"],
        row["class"],
        row["created_at"],
        row["frozen_until"],
        row["application"],
        frozen_why=row["frozen_why"],
        class_since=row["class_since"] or row["created_at"],
        held_to=tuple(row["held_to"].split())
        if row["held_to"] and row["held_to_until"] > tx.now
        else (),
    )


async def whose(tx: Tx, account_id: str) -> Whose | None:
    """Whose user an account is; None when there is no such account."""
    row = await tx.one(select(_a.c.application, _a.c.subject).where(_a.c.id == account_id))
    return None if row is None else Whose(row["application"], row["subject"])


class Reader(msgspec.Struct, frozen=True):
    """Who reads the mails to an account's owner. Personal: never in an event.

    Attributes:
        application: whose user it is; "": an account of ours.
        factor: who keeps its second factor, as the application says (``registration.Factor``).
        locale: BCP 47; "": not known.
    """

    application: str
    factor: str
    locale: str


async def reader(tx: Tx, account_id: str) -> Reader:
    """See ``Reader``; of an account that is gone: nothing is known."""
    columns = (_a.c.application, _a.c.factor, _a.c.locale)
    row = await tx.one(select(*columns).where(_a.c.id == account_id))
    if row is None:
        return Reader("", "", "")
    return Reader(row["application"], row["factor"] or "", row["locale"] or "")


async def by_address(tx: Tx, address_key: str, application: str = "") -> ContactPoint | None:
    """The confirmed contact point with that pseudonym.

    Args:
        application: whose user it is to be; "": an account of ours.
    """
    row = await tx.one(
        select(_c).where(
            _c.c.address_key == address_key,
            _c.c.application == application,
            _c.c.confirmed_at.is_not(None),
        )
    )
    return None if row is None else contact_point(row)


async def for_recovery(tx: Tx, address_key: str, application: str = "") -> ContactPoint | None:
    """The same when recovery goes by it: one that was added a short while ago does not count yet,
    and one that is being removed still does."""
    found = await by_address(tx, address_key, application)
    return found if found is not None and found.counts else None


class Known(msgspec.Struct, frozen=True):
    """A user of an application. ``first``: the pseudonym of the oldest address that recovery goes
    by."""

    account: str
    first: str


async def known(
    tx: Tx, application: str, *, subject: str = "", address_key: str = "", account: str = ""
) -> Known | None:
    """A user of an application by what it calls them, else by an address: one statement, whether
    there is such a user or not."""
    # Three looks into an index each: one condition of all of them would read every user.
    ids = union_all(
        select(_a.c.id, literal(0).label("rank")).where(
            _a.c.application == application, _a.c.subject == subject
        ),
        select(_c.c.account_id, literal(1)).where(
            _c.c.address_key == address_key,
            _c.c.application == application,
            _c.c.confirmed_at.is_not(None),
            _c.c.added_by.is_(None),
        ),
        select(_a.c.id, literal(2)).where(_a.c.id == account, _a.c.application == application),
    ).subquery()
    row = await tx.one(
        select(_c.c.account_id, _c.c.address_key)
        .join(ids, ids.c.id == _c.c.account_id)
        .where(
            _c.c.confirmed_at.is_not(None),
            _c.c.added_by.is_(None),
            _c.c.kind == ContactKind.MAIL.value,
        )
        .order_by(ids.c.rank, _c.c.id)
        .limit(1)
    )
    return None if row is None else Known(row["account_id"], row["address_key"])


async def contact_points(
    tx: Tx, account_id: str, kind: ContactKind = ContactKind.MAIL
) -> list[ContactPoint]:
    """The confirmed contact points of an account: all of them are told what happens to it."""
    rows = await tx.all(
        select(_c)
        .where(
            _c.c.account_id == account_id,
            _c.c.confirmed_at.is_not(None),
            _c.c.kind == kind.value,
        )
        .order_by(_c.c.id)
    )
    return [contact_point(row) for row in rows]


class Reached(msgspec.Struct, frozen=True):
    """A contact point to write to, in its account's language (BCP 47; "": not known)."""

    id: str
    address: str
    locale: str


#: Whether an address, the pseudonym in a column, is among those that are meant.
Meant = Callable[[ColumnElement[str]], ColumnElement[bool]]


def _reached(meant: Meant) -> tuple[ColumnElement[bool], ...]:
    """Those that count: one whose own addition is held may be a stranger's, without an account."""
    mail = _c.c.kind == ContactKind.MAIL.value
    counts = (_c.c.confirmed_at.is_not(None), _c.c.added_by.is_(None), mail)
    return (meant(_c.c.address_key), *counts)


async def count_reached(tx: Tx, meant: Meant) -> int:
    """How many contact points that count are meant."""
    return int(await tx.value(select(func.count(_c.c.id)).where(*_reached(meant))) or 0)


async def reached(tx: Tx, meant: Meant, after: str, limit: int) -> list[Reached]:
    """The next of those contact points, by their ids."""
    rows = await tx.all(
        select(_c.c.id, _c.c.address, _a.c.locale)
        .join(_a, _a.c.id == _c.c.account_id)
        .where(*_reached(meant), _c.c.id > after)
        .order_by(_c.c.id)
        .limit(limit)
    )
    return [Reached(row["id"], row["address"], row["locale"] or "") for row in rows]


async def password_hash(tx: Tx, account_id: str) -> str | None:
    """The kept hash of the password."""
    p = tables.passwords
    found: str | None = await tx.value(select(p.c.hash).where(p.c.account_id == account_id))
    return found


async def password_set_at(tx: Tx, account_id: str) -> Instant:
    """When the password was written; 0 when there is none."""
    p = tables.passwords
    return await tx.value(select(p.c.set_at).where(p.c.account_id == account_id)) or 0


async def has_password(tx: Tx, account_id: str) -> bool:
    """Whether a password opens the account, or could once it is recovered. Without one it is opened
    by passkeys only, and no reset may write a password to it."""
    return await password_hash(tx, account_id) is not None


async def has_factor(tx: Tx, account_id: str, *, settled: bool = False) -> bool:
    """Whether a second factor is bound. Saved codes are none by themselves.

    Args:
        settled: one that its owner can no longer deny; recovery knows no others.
    """
    f = tables.factors
    lasting = f.c.kind.in_(sorted(LASTING))
    bound = select(f.c.id).where(f.c.account_id == account_id, f.c.revoked_at.is_(None), lasting)
    if settled:
        bound = bound.where(f.c.held_by.is_(None))
    return await tx.value(bound.limit(1)) is not None


async def factor_since(tx: Tx, account_id: str, at: Instant) -> bool:
    """Whether one of today's second factors was bound by then: whoever signed in later showed
    it."""
    f = tables.factors
    lasting = f.c.kind.in_(sorted(LASTING))
    bound = (f.c.account_id == account_id, f.c.revoked_at.is_(None), lasting, f.c.bound_at <= at)
    return await tx.value(select(f.c.id).where(*bound).limit(1)) is not None


async def at_the_door(tx: Tx, address_key: str, browser: str) -> AtTheDoor:
    """What a sign-in by password is judged by: one statement, whether there is such an account or
    not, since each one more would be told by the time of the answer."""
    p = tables.passwords
    known = _from(browser).where(_s.c.account_id == _c.c.account_id).exists()
    query = (
        select(_c.c.account_id, p.c.hash, known.label("known"))
        .join_from(_c, p, p.c.account_id == _c.c.account_id, isouter=True)
        .where(
            _c.c.address_key == address_key,
            _c.c.application == "",
            _c.c.confirmed_at.is_not(None),
        )
    )
    row = await tx.one(query)
    if row is None:
        return AtTheDoor()
    return AtTheDoor(row["account_id"], row["hash"], bool(row["known"]))


async def knows_browser(tx: Tx, account_id: str, browser: str) -> bool:
    """Whether the account was fully signed in to from this browser before."""
    found = _from(browser).where(_s.c.account_id == account_id)
    return await tx.value(found.limit(1)) is not None


async def acquainted(tx: Tx, asked: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those of (address, application, browser) where the account of the address knows the browser,
    in one statement. ``address``: its pseudonym; ``application``: as of ``by_address``."""
    rows = await tx.all(
        select(_c.c.address_key, _c.c.application, _s.c.browser)
        .join(_s, _s.c.account_id == _c.c.account_id)
        .where(
            _c.c.address_key.in_({address for address, _, _ in asked}),
            _c.c.confirmed_at.is_not(None),
            _c.c.added_by.is_(None),
            _s.c.browser.in_({browser for _, _, browser in asked}),
            *_owners(),
        )
        .distinct()
    )
    found = {(row["address_key"], row["application"], row["browser"]) for row in rows}
    return found & set(asked)


def _from(browser: str) -> Select[tuple[str]]:
    """Sessions that make a browser known. Those that were ended as not the owner's do not: a
    thief's browser is no friend."""
    return select(_s.c.id).where(_s.c.browser == browser, *_owners())


def _owners() -> tuple[ColumnElement[bool], ...]:
    theirs = _s.c.ended_why.is_(None) | _s.c.ended_why.not_in(NOT_THE_OWNERS)
    return _s.c.stage == Stage.FULL.value, theirs


async def knew_browser(tx: Tx, account_id: str, browser: str, before: Instant) -> bool:
    """The same of an instant that has passed. That a recovery ended a session since does not count
    against it: the recovery itself may be what is in doubt."""
    found = select(_s.c.id).where(
        _s.c.account_id == account_id,
        _s.c.browser == browser,
        _s.c.stage == Stage.FULL.value,
        _s.c.created_at < before,
        _s.c.ended_why.is_(None) | _s.c.ended_why.not_in(set(NOT_THE_OWNERS) - {RECOVERED}),
    )
    return await tx.value(found.limit(1)) is not None


async def sign_ins(tx: Tx, account_id: str, since: Instant) -> list[SignIn]:
    """The full sign-ins of an account from an instant on, the newest first; what may have been a
    thief's is left out, as in ``knows_browser``."""
    rows = await tx.all(
        select(_s)
        .where(
            _s.c.account_id == account_id,
            _s.c.stage == Stage.FULL.value,
            _s.c.created_at >= since,
            _s.c.ended_why.is_(None) | _s.c.ended_why.not_in(NOT_THE_OWNERS),
        )
        .order_by(_s.c.id.desc())
        .limit(MOST_SIGN_INS)
    )
    return [
        SignIn(row["created_at"], row["browser"], row["network"], row["agent"], row["place"])
        for row in rows
    ]


async def signed_in_before(tx: Tx, account_id: str, session: str) -> bool:
    """Whether there was a full sign-in before a session."""
    earlier = (_s.c.account_id == account_id, _s.c.stage == Stage.FULL.value, _s.c.id < session)
    return await tx.value(select(_s.c.id).where(*earlier).limit(1)) is not None


def session_view(row: RowMapping | dict[str, Any]) -> SessionView:
    return SessionView(
        row["id"],
        row["account_id"],
        Stage(row["stage"]),
        row["created_at"],
        row["seen_at"],
        row["browser"],
        row["network"],
        confirmed_at=row["confirmed_at"],
        agent=row["agent"],
        place=row["place"],
    )


def contact_point(row: RowMapping) -> ContactPoint:
    return ContactPoint(
        row["id"],
        row["account_id"],
        row["address"],
        row["confirmed_at"] is not None,
        ContactKind(row["kind"]),
        row["added_by"],
        row["removed_by"],
    )
