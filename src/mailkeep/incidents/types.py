"""Types and settings of the incidents room."""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.watch.types import Forger, Hypothesis, Subject


class State(enum.StrEnum):
    """Where an incident stands."""

    OPEN = "open"  #: something may be going on, and nothing contains it yet
    CONTAINED = "contained"  #: the suspect was cut off; only people end that
    RESTORED = "restored"  #: the suspect carries mail again
    CLOSED = "closed"  #: ended by a person, or quiet for long, or joined with another


#: Of ``closed_by``: nobody did, it ended by itself.
UNATTENDED = frozenset({"quiet", "joined"})


class Reason(msgspec.Struct, frozen=True):
    """One term of an opinion: what it counts, in nats, in plain words, and on what it rests.

    Attributes:
        forger: who outside could have staged it; of one that was kept without it, anyone.
    """

    detector: str
    nats: float
    text: str
    note: str
    events: tuple[str, ...]
    forger: Forger = Forger.ANYONE

    @property
    def dates(self) -> bool:
        """Whether its facts may date the incident's beginning. Otherwise a staged sign, which may
        count nothing, would have accounts frozen that were recovered days before."""
        return self.nats > 0 and self.forger is Forger.NOBODY


class View(msgspec.Struct, frozen=True):
    """An opinion as an incident keeps it.

    Attributes:
        prior: its log odds before any evidence.
        open: it is held; an opinion that was held stays so until it falls below the closing line.
        alone: an action may rest on it without a person: we saw it ourselves, and nobody outside
            could have staged it.
        spent: nothing speaks for it any more: it stands at its prior, and the reasons are those of
            when something did.
        highest, highest_at: the most that it stood at while it was held, and since when; None: it
            never was, or by an older version.
    """

    hypothesis: Hypothesis
    log_odds: float
    open: bool
    alone: bool
    reasons: tuple[Reason, ...]
    prior: float = 0.0
    spent: bool = False
    highest: float | None = None
    highest_at: Instant | None = None


class Incident(msgspec.Struct, frozen=True):
    """An incident.

    Attributes:
        since: when the oldest fact happened that counts and that nobody outside could have staged:
            the first act that can be seen. At the latest when it opened.
        quiet_since: since when no opinion has been held.
        taken_at, taken_by: a person said that it is theirs to see to.
        part_of: the incident with which it is one matter, as a person says.
        closed_by: who closed it: a person's id, or ``quiet``, ``joined``.
    """

    id: str
    subject: Subject
    state: State
    opened_at: Instant
    since: Instant
    opinions: tuple[View, ...] = ()
    contained_at: Instant | None = None
    restored_at: Instant | None = None
    closed_at: Instant | None = None
    closed_by: str | None = None
    quiet_since: Instant | None = None
    taken_at: Instant | None = None
    taken_by: str | None = None
    part_of: str | None = None

    @property
    def account(self) -> str | None:
        """The one account that it is about, if it is about one."""
        return self.subject.id if self.subject.kind == "account" else None


class Entry(msgspec.Struct, frozen=True):
    """A line of the timeline. ``count`` is 0 where nothing is counted."""

    line: int
    at: Instant
    kind: str
    text: str
    by: str
    events: tuple[str, ...]
    count: int


class StreamContent(msgspec.Struct, frozen=True):
    """Of one stream: how many addresses were written to, and how many mails that were."""

    stream: str
    addresses: int
    mails: int


class Content(msgspec.Struct, frozen=True):
    """Whose mail the suspects could read; see ``content``. Whole days, UTC.

    Attributes:
        as_of: when it was counted.
        since, until: from the first day whose mail one of them still had, to the end of the last.
        addresses: that were written to, each once, whatever the streams.
        assumed: suspects of whom nobody said for how long they keep mail.
    """

    as_of: Instant
    since: Instant
    until: Instant
    addresses: int
    streams: tuple[StreamContent, ...]
    assumed: tuple[str, ...]


class Taken(msgspec.Struct, frozen=True):
    """Something that a suspect is known to have taken: what, and the detector that says so."""

    detector: str
    what: str
    text: str
    events: tuple[str, ...]


class BlastRadius(msgspec.Struct, frozen=True):
    """What the suspect could reach; see ``blast``. Addresses, then accounts by what happened.

    Attributes:
        as_of: when that was so, of one that is kept; None: as it stands now.
        content: counted in the background, so it may be older; None: not counted yet, or of nobody.
        lost: of those that were completed, see ``harm``; counted in the background as well. None:
            not counted yet, or too many to look at.
    """

    since: Instant
    until: Instant
    exposed: int
    requested: int
    half_proven: int
    stopped_by_factor: int
    completed: int
    denied: int
    as_of: Instant | None = None
    content: Content | None = None
    lost: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """A blast radius that is kept. ``at``: when it was answered first."""

    number: int
    at: Instant
    blast: BlastRadius


class IncidentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[incidents]`` table. Seconds.

    Attributes:
        tell_within: a regulator must have been told so long after an incident opened; 0: none.
        contact: who answers the regulator's questions, as the report names them.
        close_after: an incident that is not contained closes itself when nothing has been held
            for so long.
        reopen_after: for so long after a person closed an incident, only a detector that had no
            part in it opens another about the same subject.
        lead: recoveries begun so long before the first sign count too: their mail was under way,
            and a link lives an hour.
        several: so many targeted accounts are no incidents of their own while a campaign is held.
    """

    tell_within: float = 72 * 3600.0
    contact: str = ""
    close_after: float = 6 * 3600.0
    reopen_after: float = 3600.0
    lead: float = 3600.0
    several: int = 4
