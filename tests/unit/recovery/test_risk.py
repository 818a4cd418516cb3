"""A visit against an account's own history: a weight, and never more."""

from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts.types import SignIn
from mailkeep.base.clock import DAY, HOUR
from mailkeep.recovery.risk import FEATURES, MEMORY, RAISED, judge

NOW = 400 * DAY + 9 * HOUR
#: A laptop at home and a phone on the way, every morning.
HISTORY = [
    SignIn(NOW - n * DAY, "laptop", "home", "firefox linux", "NL")
    if n % 3
    else SignIn(NOW - n * DAY, "phone", "mobile", "safari ios", "NL")
    for n in range(1, 40)
]
OWN = SignIn(NOW, "laptop", "home", "firefox linux", "NL")


def visit(**other: object) -> SignIn:
    fields = {name: getattr(OWN, name) for name in OWN.__struct_fields__}
    return SignIn(**{**fields, **other})


def test_the_owners_laptop_at_home_fits() -> None:
    found = judge(HISTORY, OWN)
    assert not found.raised
    assert found.score < 0
    assert set(found.terms) == {feature.name for feature in FEATURES}


def test_a_new_phone_at_home_is_no_alarm_and_one_from_elsewhere_is() -> None:
    assert not judge(HISTORY, visit(browser="new", agent="chrome android")).raised
    assert judge(HISTORY, visit(browser="new", network="far")).raised
    assert judge(HISTORY, SignIn(NOW, "new", "far", "chrome windows", "XY")).raised


def test_the_owners_laptop_abroad_is_no_alarm_but_its_cookie_in_another_browser_is() -> None:
    away = {"network": "hotel", "place": "PT", "at": NOW + 8 * HOUR}
    assert not judge(HISTORY, visit(**away)).raised
    assert judge(HISTORY, visit(**away, agent="chrome windows")).raised


def test_without_a_history_nothing_speaks_for_a_visit() -> None:
    assert judge([], OWN).raised
    old = [SignIn(NOW - MEMORY - 1, "laptop", "home")]
    assert judge(old, OWN).raised
    later = [SignIn(NOW + 1, "laptop", "home")]
    assert judge(later, OWN).raised  # the future is no history


def test_an_absent_feature_says_nothing() -> None:
    found = judge(HISTORY, visit(place=None, agent=""))
    assert set(found.terms) == {"device", "network", "hour"}


def test_an_unknown_device_weighs_more_than_any_other_unknown_feature() -> None:
    strange = {
        "browser": "x",
        "network": "x",
        "place": "X",
        "agent": "x",
        "at": NOW + 12 * HOUR,
    }
    of = {name: judge(HISTORY, visit(**{name: value})).score for name, value in strange.items()}
    assert max(of, key=lambda name: of[name]) == "browser"


names = st.sampled_from(["", "a", "b", "c"])
sign_ins = st.builds(
    SignIn,
    st.integers(NOW - 2 * MEMORY, NOW),
    names,
    names,
    names,
    st.sampled_from([None, "NL", "PT"]),
)


@given(st.lists(sign_ins, max_size=30), sign_ins)
def test_every_term_is_bounded_and_the_verdict_is_their_sum(
    history: list[SignIn], one: SignIn
) -> None:
    found = judge(history, one)
    weights = {feature.name: feature.weight for feature in FEATURES}
    assert all(abs(term) <= 3 * weights[name] for name, term in found.terms.items())
    assert abs(found.score - sum(found.terms.values())) < 1e-9
    if any(one.at - MEMORY < known.at <= one.at for known in history):
        assert found.raised == (found.score > RAISED)
    assert judge(list(reversed(history)), one).raised == found.raised


@given(st.lists(sign_ins, min_size=1, max_size=20), sign_ins)
def test_a_visit_that_was_seen_before_never_fits_worse_for_it(
    history: list[SignIn], one: SignIn
) -> None:
    again = [*history, SignIn(one.at, one.browser, one.network, one.agent, one.place)]
    before = judge(history, one)
    if before.terms:
        known = judge(again, one).terms
        assert all(known[name] <= term + 1e-9 for name, term in before.terms.items())
