"""Whether a person had seen what speaks for an opinion when they closed an incident (pure).

Who could have a person close one over a small matter, an outage of a minute, must not hide behind
it what is to come. So only what the incident held counts as dismissed, by what counted in it, and
up to the strength that it had.
"""

from collections.abc import Iterable, Sequence

from mailkeep.base.clock import SECOND, Instant
from mailkeep.watch.correlation import Opinion
from mailkeep.watch.types import Hypothesis

from .types import Incident, IncidentSettings, View

MATERIAL = 0.25  #: nats; a smaller drift is not written down


def seen(
    opinion: Opinion, dismissed: Sequence[Incident], now: Instant, settings: IncidentSettings
) -> bool:
    """Whether all that speaks for an opinion was dismissed with one incident.

    For ``reopen_after`` from then on that is more of what was held in the end, by the same
    detectors; later the same facts alone. What is stronger than it ever was there is neither.

    Args:
        dismissed: incidents that a person closed recently.
    """
    return any(
        _covers(view, opinion, recent=_ago(incident, now) < round(settings.reopen_after * SECOND))
        for incident in dismissed
        if incident.subject == opinion.subject or opinion.hypothesis is Hypothesis.CAMPAIGN
        for view in incident.opinions
        if view.hypothesis is opinion.hypothesis
    )


def _ago(incident: Incident, now: Instant) -> int:
    return now - (incident.closed_at or 0)


def _covers(view: View, opinion: Opinion, *, recent: bool) -> bool:
    highest = view.log_odds if view.highest is None else view.highest
    if not (view.open or view.highest is not None) or opinion.log_odds > highest + MATERIAL:
        return False
    counted = [one for one in opinion.terms if one.counted > 0]
    said = _strongest(
        (one.detector, max(one.nats, one.said)) for one in view.reasons if one.nats > 0
    )
    if any(max(one.counted, one.said) > said.get(one.detector, 0.0) + MATERIAL for one in counted):
        return False
    facts = {fact for one in view.reasons if one.nats > 0 for fact in one.events}
    # What was let go before a person closed it is no matter that goes on.
    return (recent and view.open) or all(facts.issuperset(one.events) for one in counted)


def _strongest(said: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for detector, nats in said:
        found[detector] = max(found.get(detector, 0.0), nats)
    return found
