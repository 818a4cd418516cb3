"""Events that the signals room records. Accounts and receivers are ids."""

from mailkeep.events.types import Fact, fact


@fact("signals.acknowledged")
class SetAcknowledged(Fact, frozen=True, kw_only=True):
    """A receiver said that it has an event. ``account`` is None for one about its stream."""

    receiver: str
    account: str | None
    event: str
    jti: str


@fact("signals.refused")
class SetRefused(Fact, frozen=True, kw_only=True):
    """A receiver said that it will not take an event; ``error`` is its word (RFC 8935 2.4)."""

    receiver: str
    account: str | None
    event: str
    jti: str
    error: str


@fact("signals.stream_changed")
class StreamChanged(Fact, frozen=True, kw_only=True):
    """A stream was made, changed its status, or was removed. ``by``: receiver, operator, us.

    ``status``: see ``types.Status``, or ``removed``. ``dropped``: events that were given up.
    """

    receiver: str
    stream: str
    status: str
    by: str
    why: str
    dropped: int
