"""The regulator's clock runs where something may be a breach, and for nothing else."""

import msgspec
import pytest

from mailkeep.base.clock import HOUR
from mailkeep.incidents.regulator import BREACHES, answered, deadline, stands
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import (
    BlastRadius,
    Content,
    Duty,
    Incident,
    IncidentSettings,
    Notified,
    State,
    View,
)
from mailkeep.watch.types import Hypothesis, mailbox_subject, provider_subject

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


def test_the_hours_count_from_when_it_was_known() -> None:
    held = _incident(View(Hypothesis.LEAKED_HERE, 4.0, True, True, ()))
    earlier = msgspec.structs.replace(held, aware_at=OPENED - HOUR)
    found = deadline(earlier, RECOVERED, Seen(), IncidentSettings())
    assert found is not None
    assert (found.aware_at, found.due_at) == (OPENED - HOUR, OPENED + 71 * HOUR)
    assert stands(found.due_at, OPENED) == "running"
    assert stands(found.due_at, OPENED + 47 * HOUR) == "near"
    assert stands(found.due_at, OPENED + 71 * HOUR) == "over"


def test_an_answer_stands_in_its_place_and_of_an_outage_too() -> None:
    told = Notified(Duty.TOLD, OPENED, "opr_1", "DPA 7")
    silent = View(Hypothesis.PROVIDER_SILENT, 4.0, True, True, ())
    found = deadline(
        msgspec.structs.replace(_incident(silent), notified=told),
        *(RECOVERED, Seen(), IncidentSettings()),
    )
    assert found is not None
    assert answered(found) == "It was told, 1970-01-01 05:00:00 UTC: DPA 7"


def test_what_is_not_known_yet_is_missing() -> None:
    def missing(incident: Incident, seen: Seen, blast: BlastRadius = RECOVERED) -> list[int]:
        found = deadline(incident, blast, seen, IncidentSettings())
        assert found is not None
        return [number for number, one in enumerate(found.items) if one.done is False]

    provider = _incident(View(Hypothesis.PROVIDER_COMPROMISED, 4.0, True, True, ()))
    assert missing(provider, Seen()) == [1, 2, 3, 4, 5], "its mail is still being counted"
    content = Content(OPENED, 0, OPENED, 9, (), ())
    counted = msgspec.structs.replace(RECOVERED, content=content)
    assert missing(provider, Seen(), counted) == [2, 4, 5]
    let_go = View(Hypothesis.LEAKED_HERE, -3.0, False, False, (), highest=5.0, highest_at=OPENED)
    assert missing(_incident(let_go), Seen(), counted)[0] == 0, "nothing is held, nothing is said"
    assert missing(_incident(let_go), Seen(notes=1), counted)[0] == 2
    mailbox = msgspec.structs.replace(
        _incident(View(Hypothesis.MAILBOX_COMPROMISED, 4.0, True, True, ())),
        subject=mailbox_subject("example.net"),
    )
    assert missing(mailbox, Seen(), msgspec.structs.replace(RECOVERED, requested=0)) == [1, 2, 3, 4]
    assert missing(mailbox, Seen(notes=1), msgspec.structs.replace(RECOVERED, requested=0)) == [
        2,
        4,
    ]
