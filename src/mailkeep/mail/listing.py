"""Messages and providers as an operator lists them. No body, no address: pseudonyms only."""

import msgspec
from sqlalchemy import select

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.ids import earliest
from mailkeep.events.tables import events
from mailkeep.events.types import Fact, decode
from mailkeep.store.database import Tx

from . import tables
from .events import (
    AttemptFinished,
    DeliveryReported,
    FailedOver,
    MessageAccepted,
    MessageGivenUp,
)

#: Facts that name one message.
_OF_ONE = (MessageAccepted, AttemptFinished, FailedOver, MessageGivenUp, DeliveryReported)
_LATEST = 30 * DAY  #: later reports of a message are not looked for

_m = tables.messages


class Wanted(msgspec.Struct, frozen=True):
    """Which messages to list; what is None is not asked for.

    Attributes:
        address: pseudonym of the recipient.
        since: taken in then or later.
        before: id of the last message of the page before.
    """

    stream: str | None = None
    status: str | None = None
    address: str | None = None
    since: Instant | None = None
    before: str | None = None


class Listed(msgspec.Struct, frozen=True):
    """A message in a list."""

    id: str
    stream: str
    status: str
    address: str
    created_at: Instant
    provider: str | None
    tries: int


class Happened(msgspec.Struct, frozen=True):
    """Something that happened to one message: a fact of the log in words."""

    at: Instant
    what: str
    provider: str | None
    detail: str


class ProviderState(msgspec.Struct, frozen=True):
    """What people and playbooks have said of a provider."""

    provider: str
    cut_at: Instant | None
    cut_reason: str
    rested_at: Instant | None
    rest_reason: str


async def messages(tx: Tx, wanted: Wanted, limit: int) -> list[Listed]:
    """Messages, the newest first."""
    query = select(_m).order_by(_m.c.id.desc()).limit(limit)
    for column, value in (
        (_m.c.stream, wanted.stream),
        (_m.c.status, wanted.status),
        (_m.c.address_id, wanted.address),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(_m.c.id >= earliest("msg", wanted.since))
    if wanted.before is not None:
        query = query.where(_m.c.id < wanted.before)
    return [
        Listed(
            row["id"],
            row["stream"],
            row["status"],
            row["address_id"],
            row["created_at"],
            row["provider"],
            row["tries"],
        )
        for row in await tx.all(query)
    ]


async def history(tx: Tx, message: str) -> list[Happened]:
    """What happened to a message, in the order in which we learned it.

    Raises:
        NotFound: no such message.
    """
    row = await tx.one(select(_m.c.created_at).where(_m.c.id == message))
    if row is None:
        raise NotFound("no such message")
    created = row["created_at"]
    # No index leads from a message to its facts; their ids are in the order of time, so that only
    # its own life is read.
    found = await tx.all(
        select(events.c.at, events.c.kind, events.c.data)
        .where(
            events.c.id >= earliest("evt", created),
            events.c.id < earliest("evt", created + _LATEST),
            events.c.kind.in_([one.kind for one in _OF_ONE]),
            events.c.data.contains(f'"{message}"', autoescape=True),
        )
        .order_by(events.c.id)
    )
    said = ((one["at"], decode(one["kind"], one["data"])) for one in found)
    return [_say(at, fact) for at, fact in said if fact is not None and _about(fact, message)]


async def states(tx: Tx) -> dict[str, ProviderState]:
    """The providers that were ever cut off or rested, by name."""
    s = tables.provider_states
    return {
        row["provider"]: ProviderState(
            row["provider"],
            row["cut_at"],
            row["reason"],
            row["rested_at"],
            row["rest_reason"] or "",
        )
        for row in await tx.all(select(s))
    }


def _about(fact: Fact, message: str) -> bool:
    return getattr(fact, "message", None) == message


def _say(at: Instant, fact: Fact) -> Happened:
    match fact:
        case AttemptFinished():
            return Happened(at, f"attempt {fact.outcome}", fact.provider, fact.detail)
        case FailedOver():
            detail = f"{fact.left} left because of {fact.because}"
            return Happened(at, "failed over", fact.taken, detail)
        case MessageGivenUp():
            return Happened(at, "given up", None, fact.why)
        case DeliveryReported():
            return Happened(at, f"reported {fact.event}", fact.provider, "")
        case _:
            return Happened(at, "taken in", None, "")
