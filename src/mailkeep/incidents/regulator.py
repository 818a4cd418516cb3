"""The regulator's clock: what must be notified by when, and what of it is not known yet (pure).

From the General Data Protection Regulation: 72 hours from when the breach became known (article
33(1)); the content of the notification (article 33(3)); and the people concerned, without undue
delay, where the risk to them is high (article 34). The breach is taken to be known when the
incident opened, until a person says otherwise. Whether to notify at all is for people to decide,
and to write down.
"""

from collections.abc import Mapping

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.watch.types import Hypothesis

from .tracks import Item, Seen
from .types import COUNTS_NOBODY, BlastRadius, Duty, Incident, IncidentSettings, Notified, State
from .words import clock, happened

#: What may mean that somebody outside knows what people entrusted to us.
BREACHES = frozenset(
    {
        Hypothesis.PROVIDER_COMPROMISED,
        Hypothesis.LEAKED_HERE,
        Hypothesis.MAILBOX_COMPROMISED,
        Hypothesis.ACCOUNT_TARGETED,
    }
)


NEAR = DAY  #: before a clock runs out, so long it is said on the overview


class Deadline(msgspec.Struct, frozen=True):
    """By when, and what must be known then.

    Attributes:
        due_at: the hours are over.
        items: ``done`` False: it is missing.
        aware_at: from when on they count.
        notified: the regulator was told, or need not be; None: the clock runs.
    """

    due_at: Instant
    items: tuple[Item, ...]
    aware_at: Instant = 0
    notified: Notified | None = None


def due(incident: Incident, settings: IncidentSettings) -> Instant | None:
    """When a regulator must have been told; None where nothing held may be a breach, or the
    settings have no clock.

    What was held once stays: an incident that was contained or closed was known all the same.
    Recoveries through a suspect are no breach by themselves: a provider that is only silent carried
    them as it should.
    """
    once = {one.hypothesis for one in incident.opinions if one.highest is not None}
    known = (incident.held | once) & BREACHES or incident.contained_at is not None
    if not (known or incident.notified) or settings.tell_within <= 0:
        return None
    return aware(incident) + round(settings.tell_within * SECOND)


def aware(incident: Incident) -> Instant:
    """When the breach became known."""
    return incident.opened_at if incident.aware_at is None else incident.aware_at


def stands(due_at: Instant, now: Instant) -> str:
    """``running``, ``near`` (less than a day is left) or ``over``."""
    return "over" if now >= due_at else "near" if now >= due_at - NEAR else "running"


def outgrown(then: BlastRadius | None, now: BlastRadius) -> str:
    """Why what was known by ``then`` is no ground any more to tell nobody; "" while it is.

    A lost account is. Whoever was only exposed, or recovered an account, is told from those whom
    honest mail goes on reaching by more than twice as many; those whose mail could be read are
    among them.
    """
    lost, exposed, completed = 0, 0, 0
    if then is not None:
        lost, exposed, completed = then.lost or 0, then.exposed, then.completed
    if (now.lost or 0) > lost:
        return f"{counted(now.lost or 0, 'account')} lost, as far as is seen, where {lost} were"
    if now.exposed > 2 * exposed:
        many = counted(now.exposed, "address exposed", "addresses exposed")
        return f"{many}, where {exposed} were known"
    if now.completed > 2 * completed:
        many = counted(now.completed, "account recovered", "accounts recovered")
        return f"{many}, where {completed} were known"
    return ""


def answered(clock_of: Deadline, names: Mapping[str, str] | None = None) -> str:
    """How a clock stands, in a sentence.

    Args:
        names: of the people who may have said so; without it, it is not said who did.
    """
    told = clock_of.notified
    if told is None:
        since = f"Known since {clock(clock_of.aware_at)}."
        return f"To be told by {clock(clock_of.due_at)}, if it must be: people decide that. {since}"
    what = "It was told" if told.duty is Duty.TOLD else "It need not be told"
    text = f"{what}, {clock(told.at)}: {told.reference}"
    return text if names is None else f"{text} (said by {names.get(told.by, told.by)})"


def deadline(
    incident: Incident, blast: BlastRadius, seen: Seen, settings: IncidentSettings
) -> Deadline | None:
    """The clock of an incident, as ``due`` has it, and what has to be said then."""
    due_at = due(incident, settings)
    if due_at is None:
        return None
    told = (
        f"{seen.told} of {blast.requested} told"
        if "notify_owners" in seen.applied
        else "nobody was told yet"
    )
    whole, whom = _whom(incident, blast, seen)
    return Deadline(
        due_at,
        (
            Item("What happened", bool(incident.held) or seen.notes > 0, happened(incident)),
            Item("Whom it concerns, about how many people and records", whole, whom),
            Item(
                "Who answers questions",
                bool(settings.contact),
                settings.contact or "name them: contact of [incidents]",
            ),
            Item("What may follow from it", whole, _follows(blast)),
            Item(
                "What was done about it",
                bool(seen.applied) or incident.state is not State.OPEN,
                ", ".join(sorted(seen.applied)) or "nothing yet",
            ),
            Item(
                "The people concerned were told, where the risk to them is high",
                ("notify_owners" in seen.applied and seen.not_told == 0)
                if blast.requested
                else None,
                told if blast.requested else "",
            ),
        ),
        aware(incident),
        incident.notified,
    )


def _whom(incident: Incident, blast: BlastRadius, seen: Seen) -> tuple[bool, str]:
    """Whether it is known whom it concerns, and whom. What is still being counted is missing."""
    if incident.subject.kind in COUNTS_NOBODY:
        return seen.notes > 0, "Mailkeep counts nobody for this: write down what is known"
    one = incident.account is not None
    people = max(blast.exposed, blast.requested, int(one))
    words = (
        f"mail addresses of up to {counted(people, 'person', 'people')}; "
        f"{counted(blast.completed, 'account')} recovered through the suspect"
    )
    if incident.subject.kind == "provider" and blast.content is None:
        return False, f"{words}; whose mail could be read is not counted yet"
    return True, words


def _follows(blast: BlastRadius) -> str:
    given = counted(blast.exposed, "address that was", "addresses that were")
    parts = [f"phishing to {given} given away"]
    if blast.completed:
        parts.append(f"somebody else in up to {counted(blast.completed, 'account')}")
    if blast.half_proven:
        tried = counted(blast.half_proven, "recovery", "recoveries")
        parts.append(f"{tried} tried with one proof at least")
    return "; ".join(parts)
