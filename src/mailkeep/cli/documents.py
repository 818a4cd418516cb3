"""Incidents and opinions as JSON, in the form that the API gives them (pure)."""

from mailkeep.base.clock import SECOND, when
from mailkeep.incidents.types import Incident
from mailkeep.incidents.words import headline
from mailkeep.response.types import CaseView
from mailkeep.watch.correlation import Opinion
from mailkeep.watch.lookalikes import Progress
from mailkeep.watch.reports import Taken


def opinion(one: Opinion) -> dict[str, object]:
    """A hypothesis with its sum and every term of it, in nats."""
    return {
        "hypothesis": one.hypothesis.value,
        "subject": {"kind": one.subject.kind, "id": one.subject.id},
        "open": one.open,
        "prior": one.prior,
        "log_odds": one.log_odds,
        "probability": one.probability,
        "may_cut_automatically": one.may_cut_automatically,
        "terms": [
            {
                "detector": term.detector,
                "weight": term.weight,
                "counted": term.counted,
                "note": term.note,
                "reason": term.reason,
                "events": term.events,
            }
            for term in one.terms
        ],
    }


def incident(one: Incident) -> dict[str, object]:
    """A line of the list."""
    return {
        "id": one.id,
        "subject": {"kind": one.subject.kind, "id": one.subject.id},
        "state": one.state.value,
        "headline": headline(one),
        "opened_at": when(one.opened_at),
        "since": when(one.since),
        "contained_at": when(one.contained_at),
        "closed_at": when(one.closed_at),
    }


def case(found: CaseView) -> object:
    """All that is known of one."""
    from mailkeep.http.api.incident_out import shown

    return shown(found)


def report(one: Taken) -> dict[str, object]:
    """A report of somebody else."""
    return {
        "id": one.id,
        "kind": one.kind,
        "reporter": one.reporter,
        "believed": one.believed,
        "domain": one.domain,
        "begin": when(one.begin * SECOND),
        "end": when(one.end * SECOND),
        "total": one.total,
        "failed": one.failed,
        "new": one.new,
    }


def lookalikes(found: Progress) -> dict[str, object]:
    """How far the looking up is, and which names are in use."""
    return {
        "names": found.names,
        "looked_up": found.looked_up,
        "seen": [
            {
                "domain": one.domain,
                "name": one.name,
                "way": one.way,
                "mx": one.mx,
                "address": one.address,
                "since": when(one.since),
                "fresh": one.fresh,
            }
            for one in found.seen
        ],
    }
