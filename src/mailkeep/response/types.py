"""Types and settings of the response room."""

import enum

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.keys import digest
from mailkeep.incidents.regulator import Deadline
from mailkeep.incidents.severity import Severity
from mailkeep.incidents.tracks import Item
from mailkeep.incidents.types import BlastRadius, Entry, Incident, SaidWindow, Taken
from mailkeep.mail.types import Status
from mailkeep.watch.types import Hypothesis

from .paging.types import PageView


class ActionState(enum.StrEnum):
    """Where an action of an incident stands."""

    PROPOSED = "proposed"  #: somebody, or a playbook, suggests it; nothing was done
    RUNNING = "running"  #: begun; goes on by itself, after a kill too
    APPLIED = "applied"  #: done
    FAILED = "failed"  #: it could not be done; nothing, or only a part, was
    UNDONE = "undone"  #: done, and taken back
    STOPPED = "stopped"  #: held up on its way by a person; applied again it goes on from there


class Preview(msgspec.Struct, frozen=True):
    """What an action would do.

    Attributes:
        summary: what changes, in a sentence.
        count: how many it touches.
        warnings: what could go wrong.
        needs_person: nothing but a person may go on: one of the warnings is such, or a person let
            the provider be as it is.
        idle: nothing would change; no playbook does it.
        by_hand: what it cannot do, and a person must, elsewhere.
        said_window: what a person said of the window by then; what is begun goes by it to its end.
    """

    summary: str
    count: int
    warnings: tuple[str, ...] = ()
    needs_person: bool = False
    idle: bool = False
    by_hand: tuple[str, ...] = ()
    said_window: SaidWindow = SaidWindow()

    @property
    def mark(self) -> str:
        """Stands for the warnings: who saw them is known by having this."""
        return digest(msgspec.json.encode(self.warnings))[:16]


class Step(enum.StrEnum):
    """What is asked for."""

    APPLY = "apply"
    UNDO = "undo"
    LIST = "list"  #: who was exposed, one by one


class Asked(enum.StrEnum):
    """Where a request for a second person stands."""

    WAITING = "waiting"  #: nobody else has looked at it
    APPROVED = "approved"  #: a second person agreed, and it was begun
    TAKEN = "taken"  #: a second person agreed to a list, and it was handed out
    REFUSED = "refused"  #: somebody said no, or who asked took it back
    LAPSED = "lapsed"  #: its time was over, or what it would do had changed: asked anew


class HandCutState(enum.StrEnum):
    """Where a cut by hand stands."""

    ASKED = "asked"  #: it is not done: a second person does it
    WAITING = "waiting"  #: it is done, and waits for a second person
    FLAGGED = "flagged"  #: nobody confirmed it in time
    CONFIRMED = "confirmed"  #: a second person agreed
    RESTORING = "restoring"  #: somebody asked to restore the provider


class Approval(msgspec.Struct, frozen=True):
    """What one person asked for and another one has to agree to.

    Attributes:
        mark: of the warnings that who asked was shown.
        expires_at: until when it can be approved.
    """

    id: str
    incident: str
    action: str
    step: Step
    state: Asked
    mark: str
    asked_by: str
    asked_at: Instant
    expires_at: Instant
    decided_by: str | None = None
    decided_at: Instant | None = None

    def waits(self, now: Instant) -> bool:
        return self.state is Asked.WAITING and now < self.expires_at


class ActionView(msgspec.Struct, frozen=True):
    """An action of an incident.

    Attributes:
        waits: a second person has not agreed yet.
        partly: it was begun and not finished, and a part of it is done, or what was to do before.
        unchanged: it was asked for once more, and there was nothing to do: it runs, or stands.
        held: why its playbook leaves it, or the rest of it, to people.
        applied_at: when it was done whole; None: it was not, or was taken back.
    """

    id: str
    name: str
    state: ActionState
    by: str
    at: Instant
    preview: Preview
    result: dict[str, object] | None
    waits: Approval | None = None
    partly: bool = False
    unchanged: bool = False
    held: str | None = None
    applied_at: Instant | None = None


class Notice(msgspec.Struct, frozen=True):
    """One mail to an owner: what it says ``what`` happened to the account, and its own status."""

    message: str
    what: str
    status: str
    at: Instant


class OwnerTold(msgspec.Struct, frozen=True):
    """An owner, by the account, and the mails to them; none: nothing was written yet."""

    account: str
    mails: tuple[Notice, ...]

    @property
    def told(self) -> bool:
        """One of the mails was delivered."""
        return any(one.status == Status.DELIVERED for one in self.mails)


class CaseView(msgspec.Struct, frozen=True):
    """All that is known of an incident, for whoever looks. ``taken``: what the suspects are known
    to have taken, and not only to have been able to. ``earlier``: lines of the timeline that are
    left out before those that are in it. ``books``: the playbooks with a weight or limits."""

    incident: Incident
    suspects: tuple[str, ...]
    blast: BlastRadius
    actions: list[ActionView]
    timeline: list[Entry]
    mail: tuple[Item, ...] = ()
    security: tuple[Item, ...] = ()
    pages: tuple[PageView, ...] = ()
    deadline: Deadline | None = None
    severity: Severity | None = None
    parts: tuple[Incident, ...] = ()
    taken: tuple[Taken, ...] = ()
    earlier: int = 0
    books: tuple["BookView", ...] = ()


class BriefView(msgspec.Struct, frozen=True):
    """An incident as it is kept, for a list: nothing of it is worked out."""

    incident: Incident
    suspects: tuple[str, ...]
    blast: BlastRadius | None
    actions: list[ActionView]


class PlaybookLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limits`` of a ``[[playbook]]``: how far it goes without a person. What is beyond is left to
    people, with the reason. Nothing said: no limit.

    Attributes:
        accounts: how many of one incident each action may touch that goes account by account.
        each_day: how often in 24 hours each action may begin about one subject.
        parties: about whose providers alone it acts.
        streams: it acts only about a provider that carries no other ones.
    """

    accounts: int | None = None
    each_day: int | None = None
    parties: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()


class PlaybookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[playbook]]`` table: what to do about a hypothesis that is held.

    Attributes:
        actions: proposed, in this order.
        automatic: of those, the ones that need no person, where the evidence is our own.
        weight: log odds, in nats, from which it proposes; and from which it acts, counting only
            what nobody outside could have staged. None: as soon as the opinion is held.
        limits: of what it does by itself.
    """

    hypothesis: Hypothesis
    actions: tuple[str, ...]
    automatic: tuple[str, ...] = ()
    weight: float | None = None
    limits: PlaybookLimits = PlaybookLimits()


class BookView(msgspec.Struct, frozen=True):
    """A playbook for what is held, beside how strongly that is held.

    Attributes:
        log_odds: of the opinion, in nats; ``firm``: the part that nobody outside could have staged.
        plays: it proposes; ``acts``: it may act by itself, as far as the weight goes.
        words: the same for people.
    """

    hypothesis: Hypothesis
    weight: float | None
    log_odds: float
    firm: float | None
    plays: bool
    acts: bool
    limits: PlaybookLimits
    words: str


class ResponseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[response]`` table.

    Attributes:
        freeze: seconds for which ``secure_accounts`` lets nobody sign in.
        resend: seconds of mail, at most, that ``cut_provider`` sends again.
        batch: accounts that a long action handles in one transaction.
        hold: seconds for which ``hold_recoveries`` has recoveries held.
        advise_each_minute: mails that ``advise_exposed`` hands over in a minute.
        two_people: actions that a second person must approve; without it all dangerous ones.
        approval_life: seconds for which a request waits for that person; and in which a list that
            was approved may be taken.
        confirm_within: seconds in which a second person is to confirm what one cut off by hand.
        lists_each_hour: lists of the exposed that one person may take in an hour.
        lists_each_day: that all of them may take in a day.
    """

    freeze: float = 24 * 3600.0
    resend: float = 3600.0
    batch: int = 100
    hold: float = 24 * 3600.0
    advise_each_minute: int = 600
    two_people: tuple[str, ...] | None = None
    approval_life: float = 3600.0
    confirm_within: float = 900.0
    lists_each_hour: int = 2
    lists_each_day: int = 6
