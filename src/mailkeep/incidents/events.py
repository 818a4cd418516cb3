"""Events that the incidents room records."""

from mailkeep.events.types import Fact, fact


@fact("incidents.opened")
class IncidentOpened(Fact, frozen=True, kw_only=True):
    """Something may be going on. ``hypotheses``: what is held about the subject."""

    incident: str
    subject_kind: str
    subject_id: str
    hypotheses: tuple[str, ...]


@fact("incidents.updated")
class IncidentUpdated(Fact, frozen=True, kw_only=True):
    """What is held about the subject changed, or its evidence did. ``again``: what is held once
    more after it was let go, or after nothing was held."""

    incident: str
    hypotheses: tuple[str, ...]
    again: tuple[str, ...] = ()


@fact("incidents.weighed")
class IncidentWeighed(Fact, frozen=True, kw_only=True):
    """More of the same evidence: what is held is held more strongly, and nothing else changed."""

    incident: str


@fact("incidents.contained")
class IncidentContained(Fact, frozen=True, kw_only=True):
    """The suspect was cut off."""

    incident: str
    by: str


@fact("incidents.taken")
class IncidentTaken(Fact, frozen=True, kw_only=True):
    """A person takes care of it."""

    incident: str
    by: str


@fact("incidents.merged")
class IncidentMerged(Fact, frozen=True, kw_only=True):
    """A person says that an incident is a part of another; ``into`` empty: that it is not."""

    incident: str
    into: str
    by: str


@fact("incidents.restored")
class IncidentRestored(Fact, frozen=True, kw_only=True):
    """The suspect carries mail again."""

    incident: str
    by: str


@fact("incidents.closed")
class IncidentClosed(Fact, frozen=True, kw_only=True):
    """An incident ended. ``by``: a person's id, ``quiet``, or ``joined`` with another incident."""

    incident: str
    by: str
