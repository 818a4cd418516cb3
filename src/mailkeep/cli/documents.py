"""Incidents and opinions as JSON, in the form that the API gives them (pure)."""

from mailkeep.base.clock import when
from mailkeep.incidents.suspicions import Suspicion
from mailkeep.incidents.types import Incident
from mailkeep.incidents.words import headline
from mailkeep.response.types import CaseView
from mailkeep.watch.abuse import Noted
from mailkeep.watch.lookalikes import Progress
from mailkeep.watch.reports import Taken


def suspicion(one: Suspicion) -> object:
    """Something that may be going on, with its sum and every term of it, in nats."""
    from mailkeep.http.api.opinions import shown

    return shown(one)


def incident(one: Incident, deciding: int) -> dict[str, object]:
    """A line of the list. ``deciding``: actions that wait for a person."""
    return {
        "id": one.id,
        "subject": {"kind": one.subject.kind, "id": one.subject.id},
        "state": one.state.value,
        "headline": headline(one),
        "opened_at": when(one.opened_at),
        "since": when(one.since),
        "contained_at": when(one.contained_at),
        "closed_at": when(one.closed_at),
        "to_decide": deciding,
    }


def case(found: CaseView) -> object:
    """All that is known of one."""
    from mailkeep.http.api.incident_out import shown

    return shown(found)


def report(one: Taken) -> object:
    """A report of somebody else."""
    from mailkeep.http.api.reports import shown

    return shown(one)


def lookalikes(found: Progress, *, looking: bool) -> object:
    """How far the looking up is, and which names are in use."""
    from mailkeep.http.api.reports import names

    return names(found, looking=looking)


def abuse(one: Noted) -> object:
    """What a mail to the abuse mailbox reports."""
    from mailkeep.http.api.reports import noted

    return noted(one)
