"""The history of messages as their sender may see it: no body, no address.

Security: a recipient is a pseudonym. A search by a stranger's words ends in a bounded read.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Select, select

from mailkeep.base.clock import HOUR, Instant
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.ids import earliest, is_id
from mailkeep.store.database import Tx

from . import tables
from .types import Status, split

PAGE = 200  #: messages on a page, at most
SCAN = 10_000  #: messages that are looked at for a page

_m = tables.messages


class AttemptView(msgspec.Struct, frozen=True):
    """One attempt; ``outcome`` None while it is under way."""

    id: str
    provider: str
    started_at: Instant
    outcome: str | None
    detail: str | None


class EventView(msgspec.Struct, frozen=True):
    """What a provider said of a message. ``at_provider`` is by its clock, and its word;
    ``weight``: what it counts, see ``lateness``."""

    provider: str
    event: str
    received_at: Instant
    at_provider: Instant | None
    weight: float = 1.0


class Life(msgspec.Struct, frozen=True):
    """A message without its body and without its address."""

    id: str
    stream: str
    status: str
    address: str
    created_at: Instant
    expires_at: Instant
    next_at: Instant
    tries: int
    provider: str | None
    only: tuple[str, ...]
    avoid: tuple[str, ...]
    copy_of: str | None = None
    tags: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """Which messages are wanted; None is any.

    Attributes:
        address: pseudonym of the recipient.
        streams: in which they may be.
        after: taken in then or later, to the millisecond.
        before: taken in earlier than that.
        cursor: where the page before ended.
        tag: one that the message has.
    """

    address: str | None = None
    streams: frozenset[str] | None = None
    status: Status | None = None
    after: Instant | None = None
    before: Instant | None = None
    cursor: str | None = None
    limit: int = 50
    tag: str | None = None


async def one(tx: Tx, message_id: str) -> Life:
    """One message. Raises ``NotFound``."""
    row = None
    if is_id("msg", message_id):
        row = await tx.one(select(_m).where(_m.c.id == message_id))
    if row is None:
        raise NotFound("no such message")
    return _view(row)


async def copies(tx: Tx, message_id: str) -> list[tuple[str, str]]:
    """The messages that carry copies of one, and the status of each: those that its provider would
    not deliver, and blind ones where mail carries a code."""
    query = select(_m.c.id, _m.c.status).where(_m.c.copy_of == message_id).order_by(_m.c.id)
    return [(row[0], row[1]) for row in await tx.tuples(query)]


async def attempts(tx: Tx, message_id: str) -> list[AttemptView]:
    """The attempts of a message in order."""
    a = tables.attempts
    rows = await tx.all(select(a).where(a.c.message_id == message_id).order_by(a.c.id))
    return [
        AttemptView(row["id"], row["provider"], row["started_at"], row["outcome"], row["detail"])
        for row in rows
    ]


async def events(tx: Tx, message_id: str) -> list[EventView]:
    """What its providers said of a message, in the order in which we heard it."""
    c = tables.claims
    rows = await tx.all(
        select(c)
        .where(c.c.message_id == message_id)
        .order_by(c.c.received_at, c.c.at_provider, c.c.claim_id)
    )
    return [
        EventView(
            row["provider"],
            row["event"] or "",
            row["received_at"],
            row["at_provider"],
            row["weight"],
        )
        for row in rows
    ]


async def messages(tx: Tx, wanted: Wanted) -> tuple[list[Life], str | None]:
    """(a page of messages, the newest first; the cursor of the next page).

    A page may hold fewer than ``limit`` while there is a next one: it takes no index to find the
    few among many, as every index is paid for by each message that is taken in, and no more than
    ``SCAN`` messages are looked at. A recipient's are found by their index.

    Raises:
        Invalid: the cursor is none of ours.
    """
    query = select(_m).where(~_m.c.ours, *_span(wanted))
    if wanted.address is not None:
        query = query.where(_m.c.address_id == wanted.address)
    if wanted.streams is not None:
        query = query.where(_m.c.stream.in_(sorted(wanted.streams)))
    if wanted.status is not None:
        query = query.where(_m.c.status == wanted.status.value)
    if wanted.tag is not None:
        query = query.where(_m.c.tags.contains(to_tags([wanted.tag]), autoescape=True))
    floor = None
    rare = (wanted.streams, wanted.status, wanted.tag)
    if wanted.address is None and any(one is not None for one in rare):
        floor = await tx.value(_floor(wanted))
        if floor is not None:
            query = query.where(_m.c.id >= floor)
    rows = await tx.all(query.order_by(_m.c.id.desc()).limit(wanted.limit + 1))
    page = [_view(row) for row in rows[: wanted.limit]]
    if len(rows) > wanted.limit:
        return page, to_cursor(page[-1].id)
    return page, None if floor is None else to_cursor(floor)


def to_tags(tags: Collection[str]) -> str:
    """Tags as they are stored, so that each is found whole (pure); none holds a line end."""
    return "".join(f"\n{one}\n" for one in tags)


def to_cursor(message_id: str) -> str:
    """The place after a message, for whoever reads on: it holds while others come in (pure)."""
    return base64.urlsafe_b64encode(b"after " + message_id.encode()).decode().rstrip("=")


def of_cursor(text: str) -> str:
    """The id that ``to_cursor`` was made of (pure). Raises ``Invalid``."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = raw.decode("ascii").removeprefix("after ")
    except (binascii.Error, ValueError) as error:
        raise Invalid("take the cursor from `next` as it is", field="cursor") from error
    if not is_id("msg", found) or to_cursor(found) != text:  # one place has one name
        raise Invalid("take the cursor from `next` as it is", field="cursor")
    return found


def waits_for(view: Life, routes: Collection[str], now: Instant) -> str | None:
    """Why a message that is queued has not left (pure); None for one that is not queued.

    ``due``: a worker takes it next. ``no_route``: no provider that may carry it stands.
    ``retry``: it was tried, and its next try has its time. ``scheduled``: it is for later.

    Args:
        routes: providers of its stream that stand.
    """
    if view.status != Status.QUEUED.value:
        return None
    may = {one for one in routes if not view.only or one in view.only} - set(view.avoid)
    if not may and view.next_at <= now + HOUR:  # no provider that rests does so for longer
        return "no_route"
    if view.next_at <= now:
        return "due"
    return "retry" if view.tries else "scheduled"


def _span(wanted: Wanted) -> list[Any]:
    out = []
    if wanted.after is not None:
        out.append(_m.c.id >= earliest("msg", wanted.after))
    if wanted.before is not None:
        out.append(_m.c.id < earliest("msg", wanted.before))
    if wanted.cursor is not None:
        out.append(_m.c.id < of_cursor(wanted.cursor))
    return out


def _floor(wanted: Wanted) -> Select[tuple[str]]:
    """The id of the last message that is looked at for a page."""
    return select(_m.c.id).where(*_span(wanted)).order_by(_m.c.id.desc()).offset(SCAN - 1).limit(1)


def _view(row: Any) -> Life:
    return Life(
        row["id"],
        row["stream"],
        row["status"],
        row["address_id"],
        row["created_at"],
        row["expires_at"],
        row["next_at"],
        row["tries"],
        row["provider"],
        split(row["only"]),
        split(row["avoid"]),
        row["copy_of"],
        tuple(one for one in row["tags"].split("\n") if one),
    )
