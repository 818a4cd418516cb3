"""Types and settings of the signals room."""

import enum
from typing import Any

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
_SSF = "https://schemas.openid.net/secevent/ssf/event-type/"

PUSH = "urn:ietf:rfc:8935"
POLL = "urn:ietf:rfc:8936"


class Kind(enum.StrEnum):
    """The events that are told, by the names that receivers know (CAEP 1.0, RISC 1.0, SSF 1.0)."""

    SESSION_REVOKED = _CAEP + "session-revoked"  #: every session of the account has ended
    CREDENTIAL_CHANGE = _CAEP + "credential-change"  #: a password or factor came, changed or went
    CHANGE_REQUIRED = _RISC + "account-credential-change-required"  #: the owner must choose anew
    COMPROMISE = _RISC + "credential-compromise"  #: somebody else may hold the credential
    DISABLED = _RISC + "account-disabled"  #: nobody signs in, until then
    ENABLED = _RISC + "account-enabled"  #: that is over
    PURGED = _RISC + "account-purged"  #: nothing of the account is left here
    RECOVERY = _RISC + "recovery-activated"  #: somebody asked for a reset
    RECOVERY_CHANGED = _RISC + "recovery-information-changed"  #: an address came or went
    VERIFICATION = _SSF + "verification"  #: a stream is tried out
    STREAM_UPDATED = _SSF + "stream-updated"  #: we changed a stream's status


#: About accounts; the others are about a stream, and part of every one.
SUPPORTED = tuple(one for one in Kind if one not in {Kind.VERIFICATION, Kind.STREAM_UPDATED})
#: What strangers can bring about as often as they like, and nothing hangs on: it gives way.
ADVISORY = frozenset({Kind.RECOVERY})


class Status(enum.StrEnum):
    """Whether a stream carries (SSF 1.0 section 8.1.2)."""

    ENABLED = "enabled"  #: it does
    PAUSED = "paused"  #: what would go is kept
    DISABLED = "disabled"  #: nothing goes, and nothing is kept


class State(enum.StrEnum):
    """The delivery state of an event for one receiver."""

    WAITING = "waiting"  #: told again until it is acknowledged
    ACKNOWLEDGED = "acknowledged"  #: the receiver said that it has it
    REFUSED = "refused"  #: the receiver said that it will not take it
    DROPPED = "dropped"  #: given up: the stream was disabled, or its time was over


class SignalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[signals]``: other services are told; times in seconds.

    Attributes:
        keep: for how long an event waits for a receiver that is away.
        queue: events that wait for one receiver at most.
        burst, window: events of one sort about one account in a window; the last of those that
            come on top is told when the window is over.
        timeout: for a push, from the connection to the end of the answer.
        poll_wait: for how long a poll waits for an event.
        verify_every: between two verifications that a receiver asks for.
    """

    keep: float = 604_800.0
    queue: int = 10_000
    burst: int = 5
    window: float = 3600.0
    timeout: float = 10.0
    poll_wait: float = 20.0
    verify_every: int = 60


def check(settings: SignalSettings) -> None:
    """Raises ``BadSettings``."""
    for name, least, most in (
        ("keep", 3600, 90 * 86_400),
        ("queue", 100, 1_000_000),
        ("burst", 1, 1000),
        ("window", 60, 86_400),
        ("timeout", 1, 60),
        ("poll_wait", 0, 50),
        ("verify_every", 0, 86_400),
    ):
        if not least <= getattr(settings, name) <= most:
            raise BadSettings(f"signals: {name} must be {least} to {most}")


class Announcement(msgspec.Struct, frozen=True):
    """What is to be told about an account.

    Attributes:
        body: the event's own members.
        fold: of two with the same fold, the later one says all that the earlier did.
        at: when it happened.
        due: not to be told before.
    """

    account: str
    kind: Kind
    body: dict[str, Any]
    fold: str
    at: Instant
    due: Instant


class Receiver(msgspec.Struct, frozen=True):
    """A service that is told.

    Attributes:
        audience: what it calls itself, the ``aud`` of all that it is told.
        origins: where events may be pushed to.
        application: whose users it hears of, and of no others; "": accounts of ours.
    """

    id: str
    name: str
    audience: str
    origins: tuple[str, ...]
    created_at: Instant
    application: str = ""


class Stream(msgspec.Struct, frozen=True):
    """What a receiver has asked for.

    Attributes:
        endpoint: where events are pushed to; "" for a poll.
        requested: the events that it asked for; None: whatever there is.
        reason: why its status is what it is.
    """

    id: str
    receiver: Receiver
    method: str
    endpoint: str
    requested: tuple[str, ...] | None
    description: str | None
    status: Status
    reason: str | None

    @property
    def delivered(self) -> tuple[Kind, ...]:
        """The events that it carries (pure)."""
        if self.requested is None:
            return SUPPORTED
        return tuple(one for one in SUPPORTED if one.value in self.requested)


class Waiting(msgspec.Struct, frozen=True):
    """An event in the queue of a receiver, as it is to be told.

    Attributes:
        subject: what the receiver knows the account as; None: it is about the stream.
        body: JSON of the event's own members.
    """

    jti: str
    kind: str
    account: str | None
    subject: str | None
    body: str
    txn: str
    at: Instant
    made_at: Instant
    due_at: Instant
    tries: int


class Heard(msgspec.Struct, frozen=True):
    """What became of an event about an account for one receiver.

    Attributes:
        sent_at: when it was first handed over, acknowledged or not.
    """

    receiver: str
    kind: str
    state: State
    made_at: Instant
    sent_at: Instant | None
    ended_at: Instant | None
    error: str | None


class Secured(msgspec.Struct, frozen=True):
    """How many accounts are secured at a receiver.

    Attributes:
        told: accounts about which it was to be told something.
        secured: those of them of which it has acknowledged all.
        refused: those of which it refused something.
        last_at: when it acknowledged last.
    """

    told: int
    secured: int
    refused: int
    last_at: Instant | None


class ReceiverView(msgspec.Struct, frozen=True):
    """A receiver as an operator sees it.

    Attributes:
        failing_since: since when no push came through; None while they do.
        dropped: events that were given up.
    """

    receiver: Receiver
    stream: Stream | None
    waiting: int
    acknowledged: int
    refused: int
    dropped: int
    failing_since: Instant | None
    error: str | None
