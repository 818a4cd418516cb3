"""Canaries that come some seconds too late: somebody may be flooding the way to our listener. They
weigh less than lost ones, nothing is done by itself for them, and a slower provider is learned."""

import random
from collections.abc import Callable

import pytest
from watch_logs import START, log

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Fact
from mailkeep.incidents.decide import Opening, decide
from mailkeep.incidents.types import IncidentSettings
from mailkeep.watch import punctuality
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.detectors import canary_missing, delivery_silence
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.punctuality import Days
from mailkeep.watch.types import (
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
)

SILENT = Hypothesis.PROVIDER_SILENT
BEGINS = 1800.0
Takes = Callable[[float], float | None]
Timed = list[tuple[float, Fact]]


def _canaries(until: float, takes: Takes, every: float = 5.0, seed: int = 2) -> Timed:
    """Those of ``a`` take as long as said from ``BEGINS`` on; those of ``b`` a second."""
    chance, out = random.Random(seed), Timed()
    for provider in "ab":
        when, number = 0.0, 0
        while (when := when + every * chance.uniform(0.8, 1.2)) < until:
            number += 1
            name, late = f"{provider}{number}", chance.uniform(0.5, 1.5)
            out.append((when, CanarySent(provider=provider, message=name)))
            took = takes(when) if provider == "a" and when >= BEGINS else late
            if took is not None:
                came = CanaryArrived(provider=provider, message=name, seconds=took, strangers=())
                out.append((when + took, came))
    return out


def _opinions(signals: list[Signal]) -> list[tuple[Instant, Opinion]]:
    beliefs, out = Beliefs(), []
    for one in signals:
        beliefs = hear(beliefs, one)
        beliefs, held = weigh(beliefs, one.at, CorrelationSettings())
        out += [(one.at, other) for other in held if other.hypothesis is SILENT]
    return out


def _alone(signals: list[Signal]) -> list[float]:
    """The seconds at which an act was allowed by itself."""
    weights, out, beliefs = CorrelationSettings(), [], Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
        opinions = weigh(beliefs, one.at, weights)[1]
        for step in decide(opinions, [], [], one.at, IncidentSettings(), weights):
            if isinstance(step, Opening) and any(view.alone for view in step.opinions):
                out.append((one.at - START) / SECOND)
    return out


@pytest.mark.parametrize(
    ("takes", "lasts"),
    [
        (lambda _when: 5.4, 40.0),
        (lambda when: 6.0 + when % 2, 120.0),
        (lambda when: 6.0 + when % 2, 3600.0),
        (lambda when: 7.0 if int(when) % 7 == 0 else 1.0, 3600.0),
        (lambda _when: 10.0, 3600.0),
    ],
)
def test_nothing_is_done_by_itself_for_canaries_that_come_seconds_too_late(
    takes: Takes, lasts: float
) -> None:
    facts = _canaries(
        BEGINS + lasts + 600, lambda when: takes(when) if when < BEGINS + lasts else 1.0
    )
    signals = replay(log(*facts))
    assert _alone(signals) == []
    assert not any(one.open for _, one in _opinions(signals))


@pytest.mark.parametrize("name", [canary_missing.NAME, delivery_silence.NAME])
def test_they_are_told_of_as_what_outsiders_can_stage(name: str) -> None:
    signals = replay(log(*_canaries(BEGINS + 1200, lambda _when: 6.5)))
    (first, *_) = [one for one in signals if one.detector == name and one.evidence]
    assert 0 < (first.at - START) / SECOND - BEGINS <= 25
    assert first.evidence == {SILENT: punctuality.LATE}
    assert (first.own_observation, first.forger) == (True, Forger.CUSTOMERS)
    assert "late" in first.reason


def test_what_was_taken_for_lost_and_is_late_is_held_no_longer() -> None:
    """Fourteen seconds: as many are overdue by then as an alarm takes."""
    held = _opinions(replay(log(*_canaries(BEGINS + 900, lambda _when: 14.0))))
    assert any(one.open for _, one in held)
    assert not any(one.open for at, one in held if at > START + (BEGINS + 30) * SECOND)


@pytest.mark.parametrize("before", [0.0, 60.0])
def test_what_is_lost_is_told_of_as_soon_as_ever(before: float) -> None:
    """Also where others came late up to then, and that had been said."""
    facts = _canaries(BEGINS + 600, lambda when: 6.5 if when < BEGINS + before else None)
    allowed = _alone(replay(log(*facts)))
    assert allowed
    assert allowed[0] - BEGINS - before <= 25


def test_what_is_held_back_for_a_minute_is_as_good_as_lost() -> None:
    assert _alone(replay(log(*_canaries(BEGINS + 600, lambda _when: 60.0))))


@pytest.mark.parametrize("took", [6.5, 9.0])
def test_a_provider_that_is_slower_for_good_teaches_it_in_a_day(took: float) -> None:
    facts = _canaries(2.2 * 86_400, lambda _when: took, every=60.0)
    signals = [one for one in replay(log(*facts)) if one.evidence]
    last = max((one.at for one in signals), default=0)
    assert signals
    assert last < START + 2 * DAY


def test_the_deadline_is_learned_within_a_bound() -> None:
    days, at = Days(), START
    for number in range(400):
        days = punctuality.heard(days, 14.0, at + number * SECOND * 600)
    assert punctuality.deadline(days, 5.0) == 15.0
    for number in range(400, 800):
        days = punctuality.heard(days, 0.5, at + number * SECOND * 600)
    assert punctuality.deadline(days, 5.0) == 5.0


def test_hours_of_a_day_teach_nothing() -> None:
    days = Days()
    for number in range(24 * 60):
        took = 12.0 if number < 60 else 1.0
        days = punctuality.heard(days, took, START // DAY * DAY + number * 60 * SECOND)
    days = punctuality.heard(days, 1.0, START // DAY * DAY + DAY)
    assert punctuality.deadline(days, 5.0) == 5.0


def test_stopped_anywhere_it_says_the_same() -> None:
    from mailkeep.watch.engine import Engine

    facts = log(*_canaries(BEGINS + 900, lambda when: 6.5 if when < BEGINS + 400 else None))
    saved, parts = None, list[Signal]()
    for start in range(0, len(facts), 37):
        engine = Engine(WatchSettings(), saved)
        for one in facts[start : start + 37]:
            parts += engine.step(one)
        saved = engine.save()
    assert parts == replay(facts)
