"""What the simulator measures, in small: the goals hold, and what outsiders stage cuts nobody."""

import math

import msgspec
import pytest

from mailkeep.base.clock import DAY
from mailkeep.events.types import Fact, Recorded
from mailkeep.recovery.events import DecoyShown, RecoveryCompleted, RecoveryHeld
from mailkeep.recovery.risk import RAISED
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import Engine
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.simulate import attacks, figure, goals, limits, measuring, pace, words
from mailkeep.watch.simulate.company import SimulatedCompany
from mailkeep.watch.simulate.judging import judge
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.types import Hypothesis, Signal, WatchSettings

SETTINGS = WatchSettings()


@pytest.mark.parametrize("rate", measuring.RATES)
def test_silence_is_told_within_a_tenth_of_the_limit(rate: float) -> None:
    found = measuring.silence(rate, 1, 6, SETTINGS)
    assert found.missed == 0
    assert found.mean <= 1.1 * found.limit


def test_a_surge_of_ten_times_is_told_by_the_ninth_attack_reset() -> None:
    found = measuring.surge(10.0, 1, 12, SETTINGS)
    assert found.missed == 0
    assert found.mean <= 9


def test_the_limits_are_those_of_the_page() -> None:
    seconds = [limits.gap(rate, 30) for rate in (10.0, 1.0, 1 / 6, 1 / 60)]
    assert [round(one, 1) for one in seconds] == [1.7, 14.8, 77.9, 640.4]
    assert limits.partial(1.0, 1.0, 30) == pytest.approx(limits.gap(1.0, 30), rel=1e-6)
    assert limits.partial(1.0, 0.5, 30) > 5 * limits.gap(1.0, 30)


@pytest.mark.parametrize("scenario", attacks.scenarios(), ids=lambda one: one.name)
def test_each_scenario_comes_out_as_it_must(scenario: attacks.Scenario) -> None:
    found = measuring.outcome(scenario, 2, 1, SETTINGS)  # `make prove` lives many more
    accused = [name for name in found.others if not name.startswith("campaign")]
    assert accused == []
    if scenario.outsider:
        assert found.cut == 0
        assert found.expected in {"", "campaign"}
    missed = {"tenth_lost", "reader"}  # what the page says is missed
    if scenario.expects is not None and scenario.name not in missed:
        assert found.found == found.runs


def test_a_month_of_ordinary_life_accuses_nobody() -> None:
    found = measuring.ordinary(30, 3, SETTINGS)
    assert found.facts > 50_000
    assert found.false == {}
    assert found.cut == 0
    assert found.at_most == pytest.approx(3.0 / (30 / 365.25), rel=0.01)


def test_what_is_wrong_is_counted_as_wrong() -> None:
    """An outage is only an outage while there is one, of that provider."""
    house = SimulatedCompany(mails=20.0, recoveries=5.0, troubles=0.0)
    scenario = next(one for one in attacks.scenarios() if one.name == "suspended")
    life = scenario.live(house, 1)
    held = judge(life.run(9), SETTINGS)
    assert [one.hypothesis for one in held.wrong([])] == [one.hypothesis for one in held.held]
    assert Hypothesis.PROVIDER_SILENT in {one.hypothesis for one in held.wrong([])}


def test_the_working_day_is_busier_than_the_night() -> None:
    life = Life(SimulatedCompany(troubles=0.0, beside=False), 1)
    hours = [0] * 24
    for one in life.run(5):
        hours[one.at % DAY // (DAY // 24)] += 1
    assert hours[10] > 2 * hours[3]


def test_report_and_picture_say_the_same() -> None:
    silence = (
        measuring.Silence(1.0, 14.8, 15.0, 16.0, 5, 0),
        measuring.silence(10.0, 1, 2, SETTINGS),
    )
    life = measuring.Ordinary(
        365.25,
        10,
        1.0,
        {"x": 1},
        {},
        4.7,
        {"hard": 2},
        {"hard": 1},
        3,
        1,
        0,
        {"denial": 3.0},
        {"y": 1},
    )
    whole = measuring.Measured(silence, (measuring.surge(50.0, 1, 2, SETTINGS),), (), life)
    text, drawn = words.report(whole), figure.picture(silence)
    assert "| 1/s | 14.8 s | 15 s | 1.01 | 16 s | 5 of 5 |" in text
    assert "1/s: 15 s, limit 14.8 s" in drawn
    assert drawn.count("<circle") == 2
    assert "False: x: 1" in text
    assert "Asked: y: 1" in text
    assert "hard 1 of 2; of 3 that touched fewer than three mails 1" in text
    both = measuring.together((life, life))
    assert (both.days, both.false, both.called, both.brief) == (730.5, {"x": 2}, {"hard": 2}, 6)
    assert (both.signals, both.asked) == ({"denial": 3.0}, {"y": 2})
    assert not math.isnan(msgspec.json.decode(msgspec.json.encode(whole))["silence"][0]["mean"])


def _lived(years: float, false: int, cut: int = 0) -> measuring.Ordinary:
    wrong = {"provider_compromised: x": false} if false else {}
    bound = measuring.at_most(false, years)
    return measuring.Ordinary(365.25 * years, 10, 1.0, wrong, {}, bound, {}, {}, 0, 0, cut, {})


def test_the_report_begins_with_what_was_to_be_reached() -> None:
    silence = (measuring.Silence(1.0, 14.8, 16.5, 16.9, 5, 0),)
    surge = (measuring.Surge(10.0, 6.8, 7.6, 10, 20, 0), measuring.Surge(5.0, 1, 1, 99, 1, 1))
    found = measuring.Measured(silence, surge, (), _lived(30, 1))
    said = goals.verdicts(found, found.ordinary)
    assert [one.met for one in said] == [False, False, False, True, True]
    # One in thirty years is what the goal is under; none in few years shows no more than that.
    for years, false, met in ((30, 0, True), (30, 1, False), (31, 1, True), (2, 1, False)):
        (one,) = [
            one for one in goals.verdicts(found, _lived(years, false)) if "accused" in one.goal
        ]
        assert one.met is met
        assert one.shown is (years >= 30)
    text = words.report(found)
    assert text.startswith("| goal | reached |")
    assert text.index("**missed**") < text.index("Total loss")
    assert "not shown" in words.report(measuring.Measured((), (), (), _lived(2, 0)))
    assert any(one.grave and not one.met for one in goals.verdicts(found, _lived(1, 0, cut=1)))
    fast = goals.verdicts(found, _lived(1, 0), pace.Speed(10, 9_999.0, {}))
    assert not fast[-1].met


@pytest.mark.parametrize("shape", measuring.SHAPES)
def test_loss_of_rough_traffic_is_told_too_and_without_false_alarms(shape: str) -> None:
    found = measuring.rough(shape, 10 / 3600, 1, 4, SETTINGS)
    assert (found.missed, found.false) == (0, 0)
    assert found.days > 10
    assert found.mean <= 15 * found.limit
    life = _lived(1, 0)
    text = words.report(measuring.Measured((), (), (), life, (found,)))
    assert f"| {shape} | 10/h |" in text


def test_every_kind_of_fact_that_a_detector_hears_occurs_in_ordinary_life() -> None:
    """Else what is measured as quiet was never asked."""
    made: set[type[Fact]] = set()
    for unannounced in (False, True):
        house = SimulatedCompany(
            mails=0.3, canaries=7200.0, recoveries=12.0, troubles=15.0, unannounced=unannounced
        )
        for seed in (1, 2):
            made |= {type(one.fact) for one in Life(house, seed).run(500)}
    heard = {kind for one in DETECTORS for kind in one.hears}
    assert all(one.hears for one in DETECTORS)
    never = {
        DecoyShown,  # who shows the link of a decoy has read it: that is no ordinary life
        SignalRaised,  # ``judge`` gives each signal back to the detectors, as the runner does
    }
    assert heard - made == never
    risks = [
        one.fact.risk
        for one in Life(SimulatedCompany(mails=0.3, canaries=0.0), 1).run(20)
        if isinstance(one.fact, RecoveryHeld | RecoveryCompleted)
    ]
    assert min(risks) < 0 < max(risks)
    assert 0.1 < sum(risk > RAISED for risk in risks) / len(risks) < 0.6


def test_signals_are_heard_again_as_the_runner_records_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[Fact] = []
    step = Engine.step

    def noted(self: Engine, recorded: Recorded) -> list[Signal]:
        heard.append(recorded.fact)
        return step(self, recorded)

    monkeypatch.setattr(Engine, "step", noted)
    found = judge(Life(SimulatedCompany(mails=2.0, recoveries=40.0), 1).run(4), SETTINGS)
    again = [one.signal for one in heard if isinstance(one, SignalRaised)]
    assert again
    assert set(map(id, again)) <= set(map(id, found.signals))


def test_the_upper_bound_is_that_of_a_poisson_count() -> None:
    assert measuring.at_most(0, 1.0) == pytest.approx(2.996, abs=0.01)
    assert measuring.at_most(3, 1.0) == pytest.approx(7.754, abs=0.01)


def test_ten_thousand_facts_a_second() -> None:
    found = pace.speed(20_000, 1, SETTINGS)
    assert found.per_second > 10_000
    assert math.fsum(found.shares.values()) == pytest.approx(1.0, abs=0.01)
