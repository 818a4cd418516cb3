"""Renders a message's history in words: the same over HTTP and at the command line (pure).

Security: neither a body nor an address is in it.
"""

from collections.abc import Sequence

import msgspec

from mailkeep.base.clock import iso, when

from . import lateness
from .lives import AttemptView, EventView, Life
from .types import Status


class AttemptOut(msgspec.Struct):
    """``outcome`` null: it is under way, or was cut short by a kill."""

    id: str
    provider: str
    started_at: str
    outcome: str | None
    detail: str | None


class EventOut(msgspec.Struct):
    """What a provider said of the message, when we heard it, and when it says that it was.

    ``late``: seconds between the two; ``weight``: what the report counts for that, 0 to 1.
    """

    provider: str
    event: str
    received_at: str
    at_provider: str | None
    late: float | None
    weight: float


class Listed(msgspec.Struct):
    """A message in a list. ``provider``: which carries it, or did last. ``recipient`` null: who it
    is tells who has an account, and nobody has said why they look."""

    id: str
    stream: str
    status: Status
    recipient: str | None
    created_at: str
    expires_at: str
    provider: str | None
    tries: int
    tags: list[str]


class CopyOut(msgspec.Struct):
    """A copy that goes as a message of its own, and where it stands."""

    id: str
    status: Status


class MessageOut(Listed):
    """A message's life; bodies and addresses are never returned.

    ``waits_for``, ``next_at``: while it is queued, why it has not left (``due``, ``scheduled``,
    ``retry``, ``no_route``) and when it is looked at again. ``copies``: messages of their own, for
    those whom the provider that took this one would not serve, and for blind copies where mail
    carries a code (``genuine``); each names it as ``copy_of``.
    """

    waits_for: str | None
    next_at: str | None
    attempts: list[AttemptOut]
    events: list[EventOut]
    copies: list[CopyOut]
    copy_of: str | None


def listed(one: Life) -> Listed:
    """A message as it stands in a list."""
    return Listed(
        one.id,
        one.stream,
        Status(one.status),
        one.address,
        iso(one.created_at),
        iso(one.expires_at),
        one.provider,
        one.tries,
        list(one.tags),
    )


def life(
    one: Life,
    attempts: Sequence[AttemptView],
    events: Sequence[EventView],
    waits_for: str | None,
    copies: Sequence[tuple[str, str]] = (),
) -> MessageOut:
    """A message with all that came of it.

    Args:
        waits_for: see ``lives.waits_for``.
    """
    return MessageOut(
        **msgspec.structs.asdict(listed(one)),
        waits_for=waits_for,
        next_at=None if waits_for is None else iso(one.next_at),
        attempts=[
            AttemptOut(a.id, a.provider, iso(a.started_at), a.outcome, a.detail) for a in attempts
        ],
        events=[
            EventOut(
                e.provider,
                e.event,
                iso(e.received_at),
                when(e.at_provider),
                lateness.late(e.at_provider, e.received_at),
                round(e.weight, 3),
            )
            for e in events
        ],
        copies=[CopyOut(of, Status(status)) for of, status in copies],
        copy_of=one.copy_of,
    )
