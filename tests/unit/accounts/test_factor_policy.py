"""When an account must have a second factor."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts.classes import (
    Assurance,
    Classes,
    ClassPolicy,
    ClassSettings,
    FactorPolicy,
    midnight,
)
from mailkeep.accounts.factors.policy import Case, Standing, judge, satisfies
from mailkeep.accounts.factors.types import Kind
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import BadSettings

NEW = ClassPolicy("customer")
START = midnight("2026-01-01")


def case(**given: object) -> Case:
    fields = {"created_at": START, "bound": False, "exempt": False}
    return Case(**fields | {"told_at": START, "last_from": None} | given)


def standing(policy: ClassPolicy, days: float, **given: object) -> Standing:
    return judge(policy, case(**given), START + round(days * DAY)).standing


def test_a_day_begins_at_midnight() -> None:
    assert midnight("2026-11-28") == datetime(2026, 11, 28, tzinfo=UTC).timestamp() * SECOND
    assert midnight("") == 0


def test_forty_five_days_then_seven_from_the_next_sign_in() -> None:
    assert standing(NEW, 0) is standing(NEW, 44.9) is Standing.DUE
    assert judge(NEW, case(), START).until == START + 45 * DAY
    # Who comes after a year has the seven days all the same, and not twice.
    assert standing(NEW, 45) is standing(NEW, 365) is Standing.LAST
    since = START + 365 * DAY
    assert standing(NEW, 371.9, last_from=since) is Standing.LAST
    assert standing(NEW, 372, last_from=since) is Standing.OVERDUE


def test_what_operators_order_is_asked_at_once_but_of_the_exempt() -> None:
    optional = ClassPolicy("x", FactorPolicy.OPTIONAL)
    assert standing(optional, 0, ordered=True) is Standing.OVERDUE
    assert standing(NEW, 0, ordered=True, told_at=None) is Standing.OVERDUE
    assert standing(NEW, 0, ordered=True, bound=True) is Standing.FREE
    assert standing(optional, 0, ordered=True, exempt=True) is Standing.FREE


def test_nobody_is_held_up_unprepared() -> None:
    """An account that was never told has all its time before it, whatever the settings say."""
    late = ClassPolicy("x", FactorPolicy.REQUIRED_BY, by="2026-02-01")
    assert standing(late, 400, told_at=None) is Standing.DUE
    assert standing(late, 30, told_at=START - 100 * DAY) is Standing.DUE
    assert standing(late, 31, told_at=START - 100 * DAY) is Standing.LAST
    assert standing(late, 400, told_at=START + 390 * DAY) is Standing.DUE


def test_old_accounts_are_only_asked_where_new_ones_must() -> None:
    policy = ClassPolicy("x", since="2026-01-01")
    assert standing(policy, 500, created_at=START - 1) is Standing.ENCOURAGED
    assert standing(policy, 500, created_at=START) is Standing.LAST
    assert standing(ClassPolicy("x", FactorPolicy.ENCOURAGED), 9999) is Standing.ENCOURAGED


@given(
    policy=st.builds(
        ClassPolicy,
        st.just("x"),
        st.sampled_from(FactorPolicy),
        by=st.just("2026-06-01"),
        grace=st.integers(0, 100 * DAY),
    ),
    days=st.floats(0, 5000),
    told=st.none() | st.integers(0, 100 * DAY),
)
def test_a_factor_or_an_exemption_frees(policy: ClassPolicy, days: float, told: int | None) -> None:
    assert standing(policy, days, told_at=told, bound=True) is Standing.FREE
    assert standing(policy, days, told_at=told, exempt=True) is Standing.FREE
    if policy.factor in {FactorPolicy.OPTIONAL, FactorPolicy.ENCOURAGED}:
        assert standing(policy, days, told_at=told) in {Standing.FREE, Standing.ENCOURAGED}


def test_some_classes_are_satisfied_by_passkeys_only() -> None:
    strict = ClassPolicy("x", assurance=Assurance.PHISHING_RESISTANT)
    assert not satisfies(strict, {Kind.TOTP, Kind.SAVED_CODES})
    assert satisfies(strict, {Kind.PASSKEY})
    assert satisfies(NEW, {Kind.TOTP})
    assert not satisfies(NEW, {Kind.SAVED_CODES})


@pytest.mark.parametrize(
    "wrong",
    [
        ClassSettings(since="soon"),
        ClassSettings(by="2026-13-01"),
        ClassSettings(factor=FactorPolicy.REQUIRED_BY),
        ClassSettings(last=-1.0),
        ClassSettings(last=float("nan")),
        ClassSettings(reminders=100),
        ClassSettings(remind_every=0.0),
    ],
)
def test_what_cannot_be_is_refused(wrong: ClassSettings) -> None:
    with pytest.raises(BadSettings, match="class editors"):
        Classes({"editors": wrong})
