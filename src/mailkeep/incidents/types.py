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
#: Kinds of subject that touch no recovery that could be counted.
COUNTS_NOBODY = frozenset({"domain", "mailbox"})


class Reason(msgspec.Struct, frozen=True):
    """One term of an opinion: what it counts, in nats, in plain words, and on what it rests.

    Attributes:
        forger: who outside could have staged it; of one that was kept without it, anyone.
        said: the most that its detector said when that was new, in nats: it does not fade.
    """

    detector: str
    nats: float
    text: str
    note: str
    events: tuple[str, ...]
    forger: Forger = Forger.ANYONE
    said: float = 0.0

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
        firm: its log odds by what nobody outside could have staged; None: nothing does any more, or
            an older version did not keep it.
        accuses: that a provider is compromised: something that none of our own people does was seen
            while it was held (``asking``).
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
    firm: float | None = None
    accuses: bool = False


class Word(msgspec.Struct, frozen=True):
    """What a person says of an incident, whatever the signs say. It opens one and sets its window;
    no act rests on it without two people.

    Attributes:
        by, at: who said it last, and when.
        hypothesis: what is going on, as they say; None: they speak of the window alone.
        since, until: from when to when; None: they do not say.
    """

    by: str
    at: Instant
    hypothesis: Hypothesis | None = None
    since: Instant | None = None
    until: Instant | None = None


class SaidWindow(msgspec.Struct, frozen=True):
    """From when to when something was, as a person said it at some time; None: as signs say."""

    since: Instant | None = None
    until: Instant | None = None


class Duty(enum.StrEnum):
    """What people say of a regulator's clock."""

    TOLD = "told"  #: the regulator was told
    NOT_NEEDED = "not_needed"  #: it need not be, for a reason that is written down
    RUNS = "runs"  #: nobody was told after all: the clock runs
    AWARE = "aware"  #: the breach became known at another time than the incident opened


class Notified(msgspec.Struct, frozen=True):
    """That a regulator was told, or need not be.

    Attributes:
        at: when it was told, or decided.
        reference: the regulator's, or the reason.
    """

    duty: Duty
    at: Instant
    by: str
    reference: str


class Incident(msgspec.Struct, frozen=True):
    """An incident.

    Attributes:
        since: when the oldest fact happened that counts and that nobody outside could have staged:
            the first act that can be seen. At the latest when it opened; earlier, where a person
            says so.
        quiet_since: since when no opinion has been held.
        taken_at, taken_by: a person said that it is theirs to see to.
        part_of: the incident with which it is one matter, as a person says.
        closed_by: who closed it: a person's id, or ``quiet``, ``joined``.
        word: what a person says of it.
        aware_at: when a breach became known, as a person says; None: when it opened.
        notified: whether a regulator was told.
        seen_since: ``since`` as signs alone say; None: that is what it is.
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
    word: Word | None = None
    aware_at: Instant | None = None
    notified: Notified | None = None
    seen_since: Instant | None = None

    @property
    def said_window(self) -> SaidWindow:
        """What a person says of its window, as far as that counts."""
        if self.word is None:
            return SaidWindow()
        since = self.word.since
        counts = since is not None and (self.seen_since is None or since < self.seen_since)
        return SaidWindow(since if counts else None, None if self.signed else self.word.until)

    def with_window(self, said: SaidWindow) -> "Incident":
        """As it stands, with the window of when somebody said ``said``, whatever was said since."""
        seen = self.since if self.seen_since is None else self.seen_since
        word = self.word
        if word is not None:
            word = msgspec.structs.replace(word, since=said.since, until=said.until)
        since = seen if said.since is None else min(seen, said.since)
        return msgspec.structs.replace(self, since=since, word=word)

    @property
    def held(self) -> frozenset[Hypothesis]:
        """What is held about it, by signs or on a person's word."""
        said = None if self.word is None else self.word.hypothesis
        return self.by_signs if said is None else self.by_signs | {said}

    @property
    def said(self) -> Hypothesis | None:
        """What it is held for on a person's word alone."""
        said = None if self.word is None else self.word.hypothesis
        return None if said in self.by_signs else said

    @property
    def by_signs(self) -> frozenset[Hypothesis]:
        """What is held about it by signs, whatever a person says."""
        return frozenset(one.hypothesis for one in self.opinions if one.open)

    @property
    def waived(self) -> bool:
        """A person said that no regulator need be told, and it is open."""
        told = self.notified is not None and self.notified.duty is Duty.NOT_NEEDED
        return told and self.state is not State.CLOSED

    @property
    def signed(self) -> bool:
        """Whether any sign ever held something about it."""
        return any(one.open or one.highest is not None for one in self.opinions)

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
        reopen_after: for so long after a person closed an incident, more of what it held then,
            by the same detectors and no stronger than it was, opens no other about the subject.
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
