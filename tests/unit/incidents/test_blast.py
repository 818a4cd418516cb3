"""From when to when a suspect could reach anything."""

import msgspec

from mailkeep.base.clock import HOUR, SECOND
from mailkeep.incidents.blast import window
from mailkeep.incidents.types import Incident, IncidentSettings, State, View
from mailkeep.watch.types import Hypothesis, provider_subject

SINCE = 1_700_000_000 * SECOND
OPEN = Incident("inc_1", provider_subject("a"), State.OPEN, SINCE + HOUR, SINCE)
SETTINGS = IncidentSettings(lead=60.0)
NOW = SINCE + 9 * HOUR


def test_it_begins_before_the_first_sign_and_goes_on_while_nothing_is_cut() -> None:
    assert window(OPEN, NOW, SETTINGS) == (SINCE - 60 * SECOND, NOW)


def test_it_ends_with_the_cut_and_not_with_the_closing() -> None:
    cut = msgspec.structs.replace(
        OPEN, state=State.CLOSED, contained_at=SINCE + 2 * HOUR, closed_at=SINCE + 5 * HOUR
    )
    assert window(cut, NOW, SETTINGS)[1] == SINCE + 2 * HOUR
    held = (View(Hypothesis.PROVIDER_COMPROMISED, 3.0, True, True, ()),)
    restored = msgspec.structs.replace(cut, restored_at=SINCE + 3 * HOUR)
    assert window(restored, NOW, SETTINGS)[1] == SINCE + 2 * HOUR
    suspected = msgspec.structs.replace(restored, opinions=held)
    assert window(suspected, NOW, SETTINGS)[1] == SINCE + 5 * HOUR
    uncut = msgspec.structs.replace(cut, contained_at=None)
    assert window(uncut, NOW, SETTINGS)[1] == SINCE + 5 * HOUR
