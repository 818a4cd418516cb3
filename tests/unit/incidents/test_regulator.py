"""The regulator's clock runs where something may be a breach, and for nothing else."""

import msgspec
import pytest

from mailkeep.base.clock import HOUR
from mailkeep.incidents.regulator import BREACHES, deadline
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import BlastRadius, Incident, IncidentSettings, State, View
from mailkeep.watch.types import Hypothesis, provider_subject

OPENED = 5 * HOUR
RECOVERED = BlastRadius(0, OPENED, 40, 3, 0, 0, 3, 0)


def _incident(*views: View) -> Incident:
    return Incident("inc_1", provider_subject("a"), State.OPEN, OPENED, OPENED, views)


def _runs(incident: Incident, settings: IncidentSettings | None = None) -> bool:
    return deadline(incident, RECOVERED, Seen(), settings or IncidentSettings()) is not None


@pytest.mark.parametrize("hypothesis", list(Hypothesis))
def test_it_runs_for_what_may_be_a_breach_and_for_no_outage(hypothesis: Hypothesis) -> None:
    """Resets that a silent provider had carried before are none."""
    held = View(hypothesis, 4.0, True, True, ())
    assert _runs(_incident(held)) == (hypothesis in BREACHES)


def test_it_does_not_run_for_what_was_never_held() -> None:
    silent = View(Hypothesis.PROVIDER_SILENT, 4.0, True, True, ())
    idea = View(Hypothesis.PROVIDER_COMPROMISED, -3.0, False, False, ())
    assert not _runs(_incident(silent, idea))


def test_what_was_known_once_stays_known() -> None:
    let_go = View(
        Hypothesis.PROVIDER_COMPROMISED, -3.0, False, False, (), highest=5.0, highest_at=OPENED
    )
    assert _runs(_incident(let_go))
    cut = msgspec.structs.replace(_incident(), contained_at=OPENED + HOUR)
    assert _runs(cut)


def test_it_is_due_72_hours_after_the_opening_and_can_be_off() -> None:
    held = _incident(View(Hypothesis.LEAKED_HERE, 4.0, True, True, ()))
    found = deadline(held, RECOVERED, Seen(), IncidentSettings())
    assert found is not None
    assert found.due_at == OPENED + 72 * HOUR
    assert not _runs(held, IncidentSettings(tell_within=0))
