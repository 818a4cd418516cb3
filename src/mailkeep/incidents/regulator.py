"""The regulator's clock: what must be notified by when, and what of it is not known yet (pure).

From the General Data Protection Regulation: 72 hours from when the breach became known (article
33(1)); the content of the notification (article 33(3)); and the people concerned, without undue
delay, where the risk to them is high (article 34). The breach is taken to be known when the
incident opened: earlier than a lawyer might say, never later. Whether to notify at all is for
people to decide.
"""

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.watch.types import Hypothesis

from .tracks import Item, Seen
from .types import BlastRadius, Incident, IncidentSettings, State
from .words import headline

#: What may mean that somebody outside knows what people entrusted to us.
BREACHES = frozenset(
    {
        Hypothesis.PROVIDER_COMPROMISED,
        Hypothesis.LEAKED_HERE,
        Hypothesis.MAILBOX_COMPROMISED,
        Hypothesis.ACCOUNT_TARGETED,
    }
)


class Deadline(msgspec.Struct, frozen=True):
    """By when, and what must be known then.

    Attributes:
        due_at: the hours are over.
        items: ``done`` False: it is missing.
    """

    due_at: Instant
    items: tuple[Item, ...]


def deadline(
    incident: Incident, blast: BlastRadius, seen: Seen, settings: IncidentSettings
) -> Deadline | None:
    """The clock of an incident; None where nothing held may be a breach, or the settings have none.

    What was held once stays: an incident that was contained or closed was known all the same.
    Recoveries through a suspect are no breach by themselves: a provider that is only silent carried
    them as it should.
    """
    once = {one.hypothesis for one in incident.opinions if one.highest is not None}
    known = (incident.held | once) & BREACHES or incident.contained_at is not None
    if not known or settings.tell_within <= 0:
        return None
    people = max(blast.exposed, blast.requested)
    told = (
        f"{seen.told} of {blast.requested} told"
        if "notify_owners" in seen.applied
        else "nobody was told yet"
    )
    return Deadline(
        incident.opened_at + round(settings.tell_within * SECOND),
        (
            Item("What happened", True, headline(incident)),
            Item(
                "Whom it concerns, about how many people and records",
                True,
                f"mail addresses of up to {counted(people, 'person', 'people')}; "
                f"{counted(blast.completed, 'account')} recovered through the suspect",
            ),
            Item(
                "Who answers questions",
                bool(settings.contact),
                settings.contact or "name them: contact of [incidents]",
            ),
            Item("What may follow from it", True, _follows(blast)),
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
    )


def _follows(blast: BlastRadius) -> str:
    given = counted(blast.exposed, "address that was", "addresses that were")
    parts = [f"phishing to {given} given away"]
    if blast.completed:
        parts.append(f"somebody else in up to {counted(blast.completed, 'account')}")
    if blast.half_proven:
        parts.append(f"{counted(blast.half_proven, 'recovery', 'recoveries')} tried with one proof")
    return "; ".join(parts)
