"""A provider that holds canaries back, or drops a part of them, is no provider that is well."""

import math
import random
from collections.abc import Callable

import msgspec
import pytest
from watch_logs import START, attempt, delivered, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import delivery_silence
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.types import (
    CorrelationSettings,
    Hypothesis,
    Signal,
    SilenceSettings,
    WatchSettings,
)

Delay = Callable[[int], float | None]  #: seconds of the n-th canary; None: never


def _canaries(count: int, delay: Delay, every: float = 5.0) -> list[tuple[float, Fact]]:
    facts: list[tuple[float, Fact]] = []
    for n in range(count):
        when, late = 10 + n * every, delay(n)
        facts.append((when, CanarySent(provider="a", message=f"c{n}")))
        if late is not None:
            facts.append(
                (
                    when + late,
                    CanaryArrived(provider="a", message=f"c{n}", seconds=late, strangers=()),
                )
            )
    return facts


def _said(signals: list[Signal]) -> list[float]:
    return [(one.at - START) / SECOND for one in signals if one.evidence]


@pytest.mark.parametrize("late", [6.0, 60.0, 1800.0])
def test_a_provider_that_delays_everything_is_silent_for_as_long(late: float) -> None:
    facts = _canaries(1500, lambda n: late if n >= 118 else 1.0)
    signals = run(delivery_silence.DETECTOR, log(*facts))
    assert _said(signals)[0] - 600 <= 20
    assert all(one.evidence for one in signals)  # nothing is taken back
    assert {round(b - a) for a, b in zip(_said(signals), _said(signals)[1:], strict=False)} <= {
        *range(600, 606)
    }


def test_a_delay_that_creeps_up_is_noticed_once_it_is_over_the_deadline() -> None:
    signals = run(delivery_silence.DETECTOR, log(*_canaries(3000, lambda n: 1.0 + n * 0.02)))
    over = 10 + 200 * 5
    assert over < _said(signals)[0] <= over + 30
    assert all(one.evidence for one in signals)


@pytest.mark.parametrize(("one_in", "within"), [(2, 300), (3, 120), (4, 120), (20, 120)], ids=str)
def test_a_provider_that_drops_all_but_one_in_so_many_is_noticed(one_in: int, within: int) -> None:
    facts = _canaries(3600, lambda n: None if n >= 118 and n % one_in else 1.0)
    signals = run(delivery_silence.DETECTOR, log(*facts))
    assert _said(signals)[0] - 600 <= within
    beliefs = Beliefs()
    held, now = 0, START + 800 * SECOND
    pending = list(signals)
    while now < START + 18_000 * SECOND:
        while pending and pending[0].at <= now:
            beliefs = hear(beliefs, pending.pop(0))
        opinions = weigh(beliefs, now, CorrelationSettings())[1]
        held += any(o.open and o.hypothesis is Hypothesis.PROVIDER_SILENT for o in opinions)
        now += 60 * SECOND
    assert held >= 0.95 * 17_200 / 60  # and for as long as it goes on


def test_losses_that_end_are_taken_back() -> None:
    facts = _canaries(400, lambda n: None if 118 <= n < 200 and n % 3 else 1.0)
    signals = run(delivery_silence.DETECTOR, log(*facts))
    *said, back = signals
    assert all(one.evidence for one in said)
    assert (back.evidence, back.restates) == ({}, True)
    assert 3 * 5 < (back.at - START) / SECOND - (10 + 200 * 5) <= 60 * 5


@pytest.mark.parametrize("seed", range(3))
def test_late_as_judged_it_is_quiet_for_a_day(seed: int) -> None:
    chance = random.Random(seed)
    scale = 5 / math.log(100)  # one in a hundred is later than five seconds
    facts = _canaries(17_280, lambda _n: chance.expovariate(1 / scale))
    assert run(delivery_silence.DETECTOR, log(*facts)) == []


def test_the_binomial_test_keeps_its_bound_on_false_alarms() -> None:
    """One canary in a hundred is lost; at a bound of one alarm in half an hour."""
    chance = random.Random(5)
    facts = _canaries(40_000, lambda _n: None if chance.random() < 0.01 else 1.0)
    settings = WatchSettings(delivery_silence=SilenceSettings(between_false_alarms=1800 / 86_400))
    signals = run(delivery_silence.DETECTOR, log(*facts), settings=settings)
    assert 0 < len(_said(signals)) <= 200_000 / 1800 / 2


def test_what_a_journal_tells_makes_no_silence_of_canaries_heavier() -> None:
    """That is our own observation; mail that was never sent is somebody's word."""
    facts = _canaries(100, lambda n: None if n >= 60 else 1.0)
    for n in range(300):
        facts += [(n, attempt("a", "accepted", n)), (n + 0.5, delivered("a", n, f"msg_{n}"))]
    told = [
        (300 + n / 10, msgspec.structs.replace(attempt("a", "accepted", 1000 + n), told=True))
        for n in range(1000)
    ]
    alone = run(delivery_silence.DETECTOR, log(*facts), through=500)
    beside = run(delivery_silence.DETECTOR, log(*facts, *told), through=500)
    own = [(one.at, one.evidence) for one in alone if one.own_observation]
    assert [(one.at, one.evidence) for one in beside if one.own_observation] == own != []
