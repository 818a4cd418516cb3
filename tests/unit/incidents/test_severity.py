"""How grave: what happened to customers first, then what could; with its reasons."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.incidents.severity import Level, judge
from mailkeep.incidents.tracks import Seen
from mailkeep.incidents.types import BlastRadius, Incident, State, View
from mailkeep.watch.types import Hypothesis, provider_subject

NOBODY = BlastRadius(0, 1, 5, 0, 0, 0, 0, 0)
RECOVERED = BlastRadius(0, 1, 5, 9, 2, 1, 3, 0)
STANDS = Seen(standing=("b",))


def _incident(*held: Hypothesis, state: State = State.OPEN) -> Incident:
    views = tuple(View(one, 6.0, True, True, ()) for one in held)
    return Incident("inc_1", provider_subject("a"), state, 0, 0, views)


@pytest.mark.parametrize(
    ("held", "seen", "blast", "level"),
    [
        ((), STANDS, NOBODY, Level.LOW),
        ((Hypothesis.PROVIDER_SILENT,), STANDS, NOBODY, Level.MEDIUM),
        ((Hypothesis.PROVIDER_SILENT,), Seen(standing=("b",), overdue=3), NOBODY, Level.HIGH),
        ((Hypothesis.PROVIDER_SILENT,), Seen(), NOBODY, Level.CRITICAL),
        ((Hypothesis.PROVIDER_COMPROMISED,), STANDS, NOBODY, Level.CRITICAL),
        ((Hypothesis.PROVIDER_COMPROMISED,), Seen(cut=True), NOBODY, Level.HIGH),
        ((Hypothesis.CAMPAIGN,), STANDS, NOBODY, Level.MEDIUM),
        (
            (Hypothesis.CAMPAIGN,),
            STANDS,
            msgspec.structs.replace(NOBODY, requested=20),
            Level.HIGH,
        ),
        (
            (Hypothesis.ACCOUNT_TARGETED,),
            STANDS,
            msgspec.structs.replace(NOBODY, completed=1),
            Level.CRITICAL,
        ),
        ((Hypothesis.LEAKED_HERE,), STANDS, NOBODY, Level.HIGH),
        ((Hypothesis.INTERCEPTED,), STANDS, RECOVERED, Level.HIGH),
    ],
)
def test_each_by_itself(
    held: tuple[Hypothesis, ...], seen: Seen, blast: BlastRadius, level: Level
) -> None:
    found = judge(_incident(*held), blast, seen)
    assert found.level is level
    assert found.reasons


def test_the_reasons_of_the_gravest_come_first() -> None:
    blast = msgspec.structs.replace(NOBODY, half_proven=2, completed=1)
    found = judge(_incident(Hypothesis.CAMPAIGN), blast, STANDS)
    assert found.reasons == (
        "1 account was recovered meanwhile",
        "2 accounts had half a proof come back",
        "recoveries were asked for of 0 accounts",
    )


@given(st.sets(st.sampled_from(list(Hypothesis))), st.sampled_from(list(Hypothesis)))
def test_more_that_is_held_is_never_less_grave(held: set[Hypothesis], more: Hypothesis) -> None:
    order = list(Level)
    before = judge(_incident(*sorted(held)), NOBODY, STANDS).level
    after = judge(_incident(*sorted(held | {more})), NOBODY, STANDS).level
    assert order.index(after) <= order.index(before)
