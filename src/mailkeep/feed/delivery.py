"""Delivery events: what became of one message, as an application is told it (pure).

An event is made of a fact of the log and of how its message stands when it is told. What a provider
said is marked as its word (``said_by``), with whether it counts (``believed``): a provider in an
attacker's hands can call every customer's address dead.

Security: neither what a message says nor a secret is in an event, and an address only where the
settings ask for it.
"""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from mailkeep.base.clock import Instant, iso
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail.events import (
    AttemptFinished,
    CopySplit,
    DeliveryReported,
    MessageGivenUp,
    MessageRequeued,
)
from mailkeep.mail.types import Status
from mailkeep.providers.types import ClaimKind, OutcomeKind

from .lines import Time
from .types import EventKind

FORMAT: Literal["mailkeep.events/1"] = "mailkeep.events/1"
EVENTS: Literal["message.events"] = "message.events"  #: the type of a request with events
TEST: Literal["test"] = "test"  #: the type of one that an operator sends to try the way

#: The facts of the log that become events.
_ABOUT = (AttemptFinished, DeliveryReported, MessageGivenUp, MessageRequeued, CopySplit)
FACTS = frozenset(one.kind for one in _ABOUT)

_OUTCOMES: Mapping[str, EventKind] = {
    OutcomeKind.ACCEPTED: EventKind.ACCEPTED,
    OutcomeKind.DEFERRED: EventKind.DEFERRED,
    OutcomeKind.AMBIGUOUS: EventKind.UNCERTAIN,
}  # every other one: REFUSED
_CLAIMS: Mapping[str, EventKind] = {
    ClaimKind.DELIVERED: EventKind.DELIVERED,
    ClaimKind.DEFERRED: EventKind.DEFERRED,
    ClaimKind.BOUNCED: EventKind.BOUNCED,
    ClaimKind.SOFT_BOUNCED: EventKind.SOFT_BOUNCED,
    ClaimKind.COMPLAINED: EventKind.COMPLAINED,
    ClaimKind.OPENED: EventKind.OPENED,
    ClaimKind.CLICKED: EventKind.CLICKED,
    ClaimKind.UNSUBSCRIBED: EventKind.UNSUBSCRIBED,
    ClaimKind.REJECTED: EventKind.REFUSED,
    ClaimKind.SUPPRESSED: EventKind.SUPPRESSED,
}  # what is missing says nothing new of a message


class Stands(msgspec.Struct, frozen=True):
    """How a message stands when an event about it is told.

    Attributes:
        provider: the one that was given it last.
        address: of whom the event is about, where it is asked for and still known.
    """

    status: str
    provider: str | None
    tags: tuple[str, ...] = ()
    copy_of: str | None = None
    address: str | None = None


class MissedOut(msgspec.Struct, frozen=True):
    """Events that can never be told: the log forgot them before they were. ``until`` is when the
    first event happened that is told again; look the messages of that time up."""

    since: Time
    until: Time


class EventOut(msgspec.Struct, frozen=True):
    """One thing that became of one message.

    Attributes:
        id: the same each time that the event is told; take each once.
        type: ``message.`` and what happened.
        timestamp: when Mailkeep did it, or heard of it.
        recipient: the pseudonym of whom it is about, as in ``GET /v1/messages``; null: not known.
        address: their address, where the settings ask for it; null when it is known no more.
        tags: of the message.
        status: how the message stands when the event is told, which may be later.
        provider: who was given the message, or whose word it is; null: nobody's.
        reason: why, in one word: an outcome, or why it was given up.
        detail: more of it, in Mailkeep's words.
        said_by: ``mailkeep`` saw or did it; else it is the provider's word.
        believed: whether that word counts: not of a provider that is cut off or distrusted, nor of
            one that does not have the message any more.
        weight: what it counts for how late it came, 0 to 1.
        late: seconds from when it happened, by the provider's clock, to ``timestamp``.
        copy: it is about somebody who gets a copy, and not about the message's own recipient.
        split_as: the message that carries their copy on.
        copy_of: the message whose copy this message carries on.
    """

    id: str
    type: str
    timestamp: Time
    message: str
    stream: str
    recipient: str | None
    tags: tuple[str, ...]
    status: Status
    provider: str | None
    reason: str | None
    detail: str | None
    said_by: Literal["mailkeep", "provider"]
    believed: bool
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)]
    late: float | None
    copy: bool
    split_as: str | None
    copy_of: str | None
    address: str | msgspec.UnsetType | None = msgspec.UNSET


class EventsOut(msgspec.Struct, frozen=True):
    """The body of a request to a webhook.

    Attributes:
        format: names this schema.
        type: ``message.events``, or ``test``.
        timestamp: when the newest event in it happened.
        missed: events before these that can never be told.
        data: the events, in the order in which Mailkeep wrote them down.
    """

    format: Literal["mailkeep.events/1"]
    type: Literal["message.events", "test"]
    timestamp: Time
    missed: MissedOut | None
    data: tuple[EventOut, ...]


def kind(fact: Fact) -> EventKind | None:
    """What a fact says of a message; None where it says nothing of one."""
    if isinstance(fact, AttemptFinished):
        # Of what an application sent by itself nobody here saw an answer.
        return None if fact.told else _OUTCOMES.get(fact.outcome, EventKind.REFUSED)
    if isinstance(fact, DeliveryReported):
        return None if fact.message is None else _CLAIMS.get(fact.event)
    if isinstance(fact, MessageGivenUp):
        return EventKind.GIVEN_UP
    if isinstance(fact, MessageRequeued):
        return EventKind.REQUEUED
    return EventKind.SPLIT if isinstance(fact, CopySplit) else None


def event(
    recorded: Recorded, stands: Stands, unheard: frozenset[str], *, addresses: bool
) -> EventOut:
    """The event of a fact of which ``kind`` is known.

    Args:
        stands: how its message stands now.
        unheard: providers whose word does not count.
        addresses: whether the address stands in it.
    """
    fact = recorded.fact
    what = kind(fact)
    if what is None:
        raise ValueError(f"{fact.kind} says nothing of a message")
    provider: str | None = getattr(fact, "provider", None)
    reason, detail, believed, weight, late = None, None, True, 1.0, None
    copy, split_as, whom = False, None, getattr(fact, "address", None)
    claimed = isinstance(fact, DeliveryReported)
    if isinstance(fact, AttemptFinished):
        detail = fact.detail or None
        reason = None if what is EventKind.ACCEPTED else fact.outcome
    elif isinstance(fact, DeliveryReported):
        believed = fact.provider not in unheard and fact.provider == stands.provider
        weight, late, copy = round(fact.weight, 3), fact.late, fact.copy
        reason = "rejected" if what is EventKind.REFUSED else None
    elif isinstance(fact, MessageGivenUp):
        reason = fact.why
    elif isinstance(fact, CopySplit):
        provider, reason, copy, split_as = fact.left, fact.because, True, fact.copy
    return EventOut(
        recorded.id,
        f"message.{what.value}",
        iso(recorded.at),
        message_of(fact),
        getattr(fact, "stream", None) or "",
        whom,
        stands.tags,
        Status(stands.status),
        provider,
        reason,
        detail,
        "provider" if claimed else "mailkeep",
        believed,
        weight,
        late,
        copy,
        split_as,
        stands.copy_of,
        stands.address if addresses else msgspec.UNSET,
    )


def message_of(fact: Fact) -> str:
    """The message that a fact of ``FACTS`` is about. Raises ``ValueError`` for another."""
    if not isinstance(fact, _ABOUT):
        raise ValueError(f"{fact.kind} says nothing of a message")
    return str(fact.message)


def body(
    what: Literal["message.events", "test"],
    at: Instant,
    events: tuple[bytes, ...],
    missed: MissedOut | None,
) -> bytes:
    """The body of a request: what ``EventsOut`` describes, of events that are encoded."""
    head = msgspec.json.encode(EventsOut(FORMAT, what, iso(at), missed, ()))
    return head.removesuffix(b"[]}") + b"[" + b",".join(events) + b"]}"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a request's body."""
    made = msgspec.json.schema(EventsOut)
    for one in made["$defs"].values():
        if "description" in one:
            one["description"] = inspect.cleandoc(one["description"])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FORMAT}
    return head | made
