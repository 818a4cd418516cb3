"""The records that a run writes: plain data, times in seconds since the drill began.

The scorecard is computed from this and from nothing else, so it can be checked, and computed again.
"""

from typing import Literal

import msgspec

NoteKind = Literal["phase", "attack", "theft", "customer", "fault", "notice", "action", "mail"]
Ending = Literal[
    "kept",  # signed in with the password they believed in
    "reset",  # that was not taken any more, but a reset of their own let them in
    "locked_out",  # neither; nobody else is in the account
    "lost",  # the thief signed in with a password of his
]
Moment = Literal["before", "during", "after"]


class Note(msgspec.Struct):
    """Something that happened, for people to read."""

    at: float
    kind: NoteKind
    text: str


class Alert(msgspec.Struct):
    """One background mail.

    Attributes:
        acknowledged: when the system said that it has it; None: it never did.
        arrived: when it lay in the mailbox; None: it never did.
    """

    id: str
    to: str
    acknowledged: float | None = None
    arrived: float | None = None


class Attempt(msgspec.Struct):
    """What the thief did to one account.

    Attributes:
        asked: when he first asked for a reset of it; None: he only used what others had asked for.
        read: mails about it that he read at the provider.
        taken: proofs of his that the system took.
        half: when it took the first, while it still wanted another.
        changed: when a password of his was written.
        signed_in: when he signed in with it.
        stopped_by: what stopped him, in words.
    """

    address: str
    totp: bool = False
    asked: float | None = None
    read: int = 0
    taken: int = 0
    half: float | None = None
    changed: float | None = None
    signed_in: float | None = None
    stopped_by: str = ""


class HonestReset(msgspec.Struct):
    """A reset that a customer really wanted.

    Attributes:
        moment: before the attack, during it, or after the suspension.
        done: when they were in again; None: they gave up.
        asked_times: how often they had to ask.
        held: both proofs were taken, and they were told to wait longer than the drill lasts.
    """

    address: str
    totp: bool
    moment: Moment
    asked: float
    done: float | None = None
    asked_times: int = 0
    held: bool = False


class End(msgspec.Struct):
    """How it ended for one customer."""

    address: str
    totp: bool
    attacked: bool
    ending: Ending


class Suspicion(msgspec.Struct):
    """What the system said by itself, when we first could read it."""

    at: float
    incident: str
    hypothesis: str
    subject: str
    log_odds: float
    reasons: list[str] = []


class Step(msgspec.Struct):
    """An action of an incident, with who took it."""

    at: float
    incident: str
    name: str
    state: str
    by: str


class Marks(msgspec.Struct):
    """When the script did what; None: it did not."""

    foreign: float | None = None
    foreign_seen_by_canary: float | None = None
    leak: float | None = None
    denial: float | None = None
    suspended: float | None = None
    last_delivery_before: float | None = None
    cut_off: float | None = None
    leave: float | None = None  #: when the operator began to leave the provider
    left: float | None = None  #: when that was done
    end: float = 0.0


class Exposure(msgspec.Struct):
    """Customers whose mail the thief could read.

    Attributes:
        true: addresses with an account whose mail the fallen provider was given, by its own
            records, in the window that the system names, else since the thief reads there.
        found: how many the system named; None: it keeps no such list.
        due: accounts whose reset mails went through the fallen provider in that window.
        told: how many of those found, once the provider was named, a notice in their mailbox that
            came another way.
        over_fallen: such notices that went over the fallen provider all the same.
    """

    true: int = 0
    found: int | None = None
    due: int = 0
    told: int = 0
    over_fallen: int = 0


class Facts(msgspec.Struct):
    """One run against one system."""

    key: str
    title: str
    kind: Literal["ordinary", "mailkeep"]
    fallen: str  #: the provider that falls
    thief: bool  #: whether somebody reads there
    customers: int
    with_totp: int
    versions: dict[str, str] = {}
    changed: dict[str, str] = {}
    rate: float = 0.0
    kills: int = 0
    marks: Marks = msgspec.field(default_factory=Marks)
    notes: list[Note] = []
    alerts: list[Alert] = []
    attempts: list[Attempt] = []
    resets: list[HonestReset] = []
    ends: list[End] = []
    suspicions: list[Suspicion] = []
    steps: list[Step] = []
    exposure: Exposure = msgspec.field(default_factory=Exposure)
    duplicates: int = 0
    given_after: int = 0  #: mails that the provider was given after it was left
    errors: list[str] = []
