"""Who waits, for how long: the policy of holds."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import SECOND
from mailkeep.recovery.holding import Case, Reason, decide
from mailkeep.recovery.types import RecoverySettings

SETTINGS = RecoverySettings()
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND

cases = st.builds(
    Case,
    class_hold=st.sampled_from([0, HOUR, DAY]),
    factor=st.booleans(),
    known_device=st.booleans(),
    raised=st.booleans(),
    hypotheses=st.sampled_from([(), ("provider_compromised",), ("provider_silent", "x")]),
    denied=st.booleans(),
    degraded=st.booleans(),
    lost=st.booleans(),
    ordered=st.booleans(),
)
QUIET = Case(0, factor=False, known_device=True, raised=False)


def test_nothing_against_it_is_no_wait() -> None:
    assert not decide(QUIET, SETTINGS)


def test_each_reason_by_itself() -> None:
    strange = msgspec.structs.replace(QUIET, known_device=False)
    for case, reason, length in (
        (msgspec.structs.replace(QUIET, raised=True), Reason.RISK, HOUR),
        (msgspec.structs.replace(QUIET, hypotheses=("x",)), Reason.ROUTE, HOUR),
        (msgspec.structs.replace(strange, denied=True), Reason.DENIED, HOUR),
        (msgspec.structs.replace(QUIET, ordered=True), Reason.ORDERED, HOUR),
        (msgspec.structs.replace(QUIET, degraded=True), Reason.ALONE, DAY),
        (msgspec.structs.replace(strange, class_hold=DAY), Reason.DEVICE, DAY),
    ):
        hold = decide(case, SETTINGS)
        assert (hold.reasons, hold.length) == ((reason,), length)


def test_no_holds_where_the_house_wants_none() -> None:
    none = msgspec.structs.replace(SETTINGS, hold=0.0)
    case = msgspec.structs.replace(QUIET, raised=True, hypotheses=("x",), denied=True)
    assert not decide(case, none)
    assert decide(msgspec.structs.replace(case, degraded=True), none)


@given(cases)
def test_a_proved_factor_waits_for_nothing_where_its_class_asks_for_none(case: Case) -> None:
    proved = msgspec.structs.replace(case, factor=True, class_hold=0, lost=False)
    assert not decide(proved, SETTINGS)


@given(cases)
def test_an_unknown_device_always_waits_where_its_class_asks_for_it(case: Case) -> None:
    high = msgspec.structs.replace(case, class_hold=DAY, known_device=False)
    hold = decide(high, SETTINGS)
    assert Reason.DEVICE in hold.reasons
    assert hold.length >= DAY


@given(cases)
def test_every_hold_is_bounded_and_has_its_reasons(case: Case) -> None:
    hold = decide(case, SETTINGS)
    assert bool(hold) == bool(hold.length)
    assert 0 <= hold.length <= 3 * DAY


@given(cases, st.sampled_from(["factor", "known_device"]))
def test_what_the_owner_has_never_makes_it_longer(case: Case, name: str) -> None:
    without = decide(msgspec.structs.replace(case, **{name: False}), SETTINGS)
    owner = decide(msgspec.structs.replace(case, **{name: True}), SETTINGS)
    assert owner.length <= without.length
    assert set(owner.reasons) <= set(without.reasons)


@given(cases, st.sampled_from(["raised", "denied", "degraded", "lost"]))
def test_what_speaks_against_it_never_makes_it_shorter(case: Case, name: str) -> None:
    before = decide(msgspec.structs.replace(case, **{name: False}), SETTINGS)
    after = decide(msgspec.structs.replace(case, **{name: True}), SETTINGS)
    assert after.length >= before.length
