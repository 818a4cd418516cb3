"""Routing and breakers, as pure functions."""

from functools import partial
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import SECOND
from mailkeep.mail.health import FIRST_REST, LONGEST_REST, Breaker, Turns, after, probing
from mailkeep.mail.routing import Busy, Go, Trickle, Wait, Wanted, backoff, choose, others, shifted
from mailkeep.mail.types import RouteSettings, Shift
from mailkeep.providers.types import OutcomeKind

A, B, C = RouteSettings("a"), RouteSettings("b"), RouteSettings("c", weight=0)
ANY = Wanted((), ())
NOW = 1_000 * SECOND
OPEN = Breaker(3, 1, NOW + SECOND)
HALF_OPEN = Breaker(3, 1, NOW - SECOND)


def _choose(
    wanted: Wanted = ANY, cut: frozenset[str] = frozenset(), draw: float = 0.0, **breakers: Breaker
) -> Go | Wait:
    return choose((A, B, C), breakers=breakers, cut=cut, wanted=wanted, draw=draw, now=NOW)


def test_weights_share_the_mail_and_standbys_wait() -> None:
    assert _choose(draw=0.1) == Go("a", probe=False)
    assert _choose(draw=0.9) == Go("b", probe=False)
    assert _choose(a=OPEN, b=OPEN) == Go("c", probe=False)


def test_a_provider_that_failed_this_message_is_left() -> None:
    assert _choose(Wanted((), (), tried=("a",))) == Go("b", probe=False)


def test_who_refused_it_for_good_is_asked_again_after_all_the_others() -> None:
    def refused(*by: str) -> Wanted:
        return Wanted((), (), refused=by, over=True)

    assert _choose(refused("a"), b=OPEN) == Go("c", probe=False)
    assert isinstance(_choose(refused("a"), b=OPEN, c=OPEN), Wait)
    assert _choose(refused("a", "b", "c"), draw=0.1) == Go("a", probe=False)
    assert _choose(refused("a", "b", "c", "a")) == Go("b", probe=False)
    only_there = msgspec.structs.replace(refused("a"), over=False)  # it may be mended meanwhile
    assert _choose(only_there, b=OPEN, c=OPEN) == Go("a", probe=False)


@pytest.mark.parametrize("insists", [True, False])
def test_a_refusal_brings_ordinary_mail_to_nobody_under_suspicion(insists: bool) -> None:
    wanted = Wanted((), (), refused=("a",), over=True, insists=insists)
    choice = choose((A, B), breakers={}, cut=set(), wanted=wanted, draw=0.0, now=NOW, resting={"b"})
    assert choice == Go("b" if insists else "a", probe=False)
    assert others((A, B), cut=set(), resting={"b"}, wanted=wanted, than="a") is insists


@given(refusals=st.permutations("abc"), cut=st.frozensets(st.sampled_from("abc")))
def test_a_mail_is_over_when_each_refused_it_once(refusals: list[str], cut: frozenset[str]) -> None:
    """Those that are cut off are asked nothing."""
    said: list[str] = []
    for provider in (one for one in refusals if one not in cut):
        wanted = Wanted((), (), refused=tuple(said), over=bool(said))
        left = others((A, B, C), cut=cut, resting=set(), wanted=wanted, than=provider)
        said.append(provider)
        assert left == (len(said) + len(cut) < 3)


def test_all_tried_is_no_reason_to_stop() -> None:
    assert isinstance(_choose(Wanted((), (), tried=("a", "b", "c"))), Go)


def test_all_resting_waits_for_the_first_and_then_probes() -> None:
    later = Breaker(3, 1, NOW + 9 * SECOND)
    assert _choose(a=OPEN, b=later, c=later) == Wait(NOW + SECOND, "resting")
    assert _choose(a=HALF_OPEN, b=OPEN, c=OPEN) == Go("a", probe=True)


def test_an_ambiguous_secret_goes_to_no_second_reader() -> None:
    bound = Wanted((), (), tried=("a",), bound=True)
    assert _choose(bound) == Go("a", probe=False)
    assert _choose(bound, a=OPEN) == Wait(OPEN.open_until, "resting")
    assert _choose(bound, cut=frozenset("a")) == Wait(NOW + 5 * SECOND, "no_route")


@given(
    cut=st.frozensets(st.sampled_from("abc")),
    only=st.lists(st.sampled_from("abc")).map(tuple),
    avoid=st.lists(st.sampled_from("abc")).map(tuple),
    tried=st.lists(st.sampled_from("abc")).map(tuple),
    bound=st.booleans(),
    draw=st.floats(0, 1, exclude_max=True),
    states=st.dictionaries(st.sampled_from("abc"), st.sampled_from([Breaker(), OPEN, HALF_OPEN])),
)
def test_what_is_forbidden_is_never_chosen(
    cut: frozenset[str],
    only: tuple[str, ...],
    avoid: tuple[str, ...],
    tried: tuple[str, ...],
    bound: bool,
    draw: float,
    states: dict[str, Breaker],
) -> None:
    wanted = Wanted(only, avoid, tried, bound)
    choice = choose((A, B, C), breakers=states, cut=cut, wanted=wanted, draw=draw, now=NOW)
    if isinstance(choice, Wait):
        assert choice.until > NOW
        return
    assert choice.provider not in cut
    assert choice.provider not in avoid
    assert not only or choice.provider in only
    assert not bound or choice.provider in tried
    assert states.get(choice.provider, Breaker()) != OPEN


def test_a_suspended_account_is_left_at_once_an_outage_after_three() -> None:
    assert not after(Breaker(), OutcomeKind.SUSPENDED, NOW).closed()
    breaker = Breaker()
    for _ in range(2):
        breaker = after(breaker, OutcomeKind.UNAVAILABLE, NOW)
        assert breaker.closed()
    breaker = after(breaker, OutcomeKind.UNAVAILABLE, NOW)
    assert breaker.open_until == NOW + FIRST_REST
    assert after(breaker, OutcomeKind.ACCEPTED, NOW) == Breaker()


def test_a_bad_message_says_nothing_against_the_provider() -> None:
    for outcome in (OutcomeKind.REJECTED, OutcomeKind.DEFERRED, OutcomeKind.SENDER_REFUSED):
        assert after(Breaker(2, 0, 0), outcome, NOW) == Breaker()


def test_rests_grow_to_a_bound_and_retry_after_is_obeyed() -> None:
    breaker = Breaker()
    for _ in range(30):
        breaker = after(breaker, OutcomeKind.SUSPENDED, NOW)
    assert breaker.open_until == NOW + LONGEST_REST
    throttled = after(Breaker(), OutcomeKind.THROTTLED, NOW, retry_after=300)
    assert throttled.open_until == NOW + 300 * SECOND


def test_who_may_be_back_is_tried_by_one_message_though_another_stands() -> None:
    routes = (RouteSettings("a"), RouteSettings("b", weight=0.0))
    half = {"a": HALF_OPEN}
    at = partial(choose, routes, draw=0.5, now=NOW)
    ordinary = Wanted((), (), probes=True)
    assert at(breakers=half, cut=set(), wanted=ordinary) == Go("a", probe=True)
    assert at(breakers={"a": OPEN}, cut=set(), wanted=ordinary) == Go("b", probe=False)
    failed = Wanted((), (), tried=("a",), probes=True)
    assert at(breakers=half, cut=set(), wanted=failed) == Go("b", probe=False)
    stuck = Busy({}, frozenset({"a"}))
    assert at(breakers=half, cut=set(), wanted=ordinary, busy=stuck) == Go("b", probe=False)
    assert at(breakers=half, cut={"a"}, wanted=ordinary) == Go("b", probe=False)


def test_recovery_mail_tries_only_what_nobody_else_did_for_long() -> None:
    routes = (RouteSettings("a"), RouteSettings("b"))
    at = partial(choose, routes, cut=set(), wanted=Wanted((), ()), draw=0.0, now=NOW)
    assert at(breakers={"a": HALF_OPEN}) == Go("b", probe=False)
    forgotten = Breaker(3, 1, NOW - LONGEST_REST)
    assert at(breakers={"a": forgotten}) == Go("a", probe=True)


def test_sends_that_hang_together_are_one_reason_to_rest() -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker = after(breaker, OutcomeKind.AMBIGUOUS, NOW, started=NOW - 20 * SECOND)
    assert breaker.open_until == NOW + 5 * SECOND
    told = after(breaker, OutcomeKind.THROTTLED, NOW, 30, started=NOW - SECOND)
    assert told.open_until == NOW + 30 * SECOND  # what it asks for counts, whoever was told

    later = NOW + 6 * SECOND
    failed = after(probing(breaker, later), OutcomeKind.AMBIGUOUS, later, started=later)
    assert failed.open_until == later + 10 * SECOND  # a probe that fails is another reason


def test_one_probe_at_a_time() -> None:
    assert HALF_OPEN.may_probe(NOW)
    assert not probing(HALF_OPEN, NOW).may_probe(NOW)


@given(tries=st.integers(0, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_backoff_is_bounded(tries: int, draw: float) -> None:
    assert SECOND / 2 <= backoff(tries, draw) <= 300 * SECOND


WARM = (A, B, RouteSettings("c", weight=0, warm=0.02))


def _warmed(
    trickle: Trickle, family: str = "other", busy: Busy | None = None, **breakers: Breaker
) -> str:
    choice = choose(
        WARM,
        breakers=breakers,
        cut=frozenset(),
        wanted=ANY,
        draw=0.1,
        now=NOW,
        busy=busy,
        trickle=trickle,
        family=family,
    )
    return choice.provider if isinstance(choice, Go) else choice.why


@pytest.mark.parametrize("start", [0.0, 0.37, 0.999])
def test_each_family_comes_through_the_standby_once_in_fifty(start: float) -> None:
    """However the mails of the families are mixed; the rare one has its turn as the frequent."""
    trickle = Trickle(start)
    drawn: dict[str, list[str]] = {"gmail": [], "icloud": []}
    for number in range(2000):
        family = "icloud" if number % 20 == 19 else "gmail"
        drawn[family].append(_warmed(trickle, family))
    for one in drawn.values():
        assert abs(one.count("c") - len(one) / 50) <= 1
        turns = [at for at, name in enumerate(one) if name == "c"]
        assert {b - a for a, b in pairwise(turns)} <= {50, 51}


def test_without_a_turn_the_standby_carries_nothing() -> None:
    assert {_choose(draw=n / 100) for n in range(100)} == {
        Go("a", probe=False),
        Go("b", probe=False),
    }


def test_the_share_is_for_a_standby_that_stands_and_has_room() -> None:
    def due() -> Trickle:
        return Trickle(0.99)

    assert _warmed(due()) == "c"
    assert _warmed(due(), c=OPEN) == "a"
    assert _warmed(due(), c=HALF_OPEN) == "a"
    assert _warmed(due(), busy=Busy({"c": 0})) == "a"
    assert _warmed(due(), busy=Busy({"a": 5}, frozenset("c"))) == "a"
    assert _warmed(due(), a=OPEN, b=OPEN) == "c"


def test_a_provider_that_is_full_is_left_to_those_that_are_not() -> None:
    assert _warmed(Trickle(), busy=Busy({"a": 0})) == "b"
    assert _warmed(Trickle(), busy=Busy({"a": 0, "b": 0})) == "busy"
    assert _warmed(Trickle(), busy=Busy({"a": 0, "b": 0}, frozenset("ab"))) == "c"


def _weights(*shifts: Shift) -> dict[str, float]:
    return {route.provider: route.weight for route in shifted((A, B, C), shifts)}


def test_a_shift_moves_weight_between_routes_and_makes_none() -> None:
    assert _weights(Shift("a", "c", 0.25)) == {"a": 0.75, "b": 1.0, "c": 0.25}
    assert _weights(Shift("a", "c", 1.0)) == {"a": 0.0, "b": 1.0, "c": 1.0}


def test_a_shift_to_a_provider_that_the_stream_has_not_changes_nothing() -> None:
    assert _weights(Shift("a", "stranger", 1.0)) == {"a": 1.0, "b": 1.0, "c": 0.0}
    assert _weights(Shift("stranger", "c", 1.0)) == {"a": 1.0, "b": 1.0, "c": 0.0}


def test_what_came_to_one_goes_on_to_the_next() -> None:
    assert _weights(Shift("a", "c", 1.0), Shift("c", "b", 1.0)) == {"a": 0.0, "b": 2.0, "c": 0.0}
    assert _weights(Shift("a", "c", 0.5), Shift("c", "a", 1.0)) == {"a": 1.0, "b": 1.0, "c": 0.0}


@given(
    st.lists(
        st.builds(Shift, st.sampled_from("abcx"), st.sampled_from("abcx"), st.floats(0, 1)),
        max_size=8,
    )
)
def test_no_weight_is_lost_or_made(shifts: list[Shift]) -> None:
    weights = _weights(*shifts)
    assert sum(weights.values()) == pytest.approx(2.0)
    assert all(one >= 0 for one in weights.values())


def test_a_breaker_that_flutters_is_told_of_once_in_a_while() -> None:
    turns, told = Turns(), []
    for number in range(100):
        now = NOW + number * SECOND // 10
        breaker = Breaker() if number % 2 else OPEN
        if turns.seen("a", breaker, now):
            told.append((number, breaker.closed()))
    assert told == [(0, False), (51, True), (52, False)]
    assert not turns.seen("b", Breaker(), NOW)
