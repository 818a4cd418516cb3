"""How fast something comes now, and how soon a silence after a quiet hour is told."""

import math
import random

import pytest
from watch_logs import START, attempt, delivered, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import delivery_silence
from mailkeep.watch.engine import Engine
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.rates import Pace
from mailkeep.watch.types import CorrelationSettings, Hypothesis, WatchSettings, provider_subject


def test_a_new_rate_is_believed_within_two_blocks() -> None:
    chance, pace = random.Random(1), Pace()
    for _ in range(400):
        pace = pace.add(chance.expovariate(1 / 5), 500)
    assert pace.gap == pytest.approx(5, rel=0.15)
    for _ in range(75):
        pace = pace.add(chance.expovariate(1.2), 500)
    assert pace.gap == pytest.approx(1 / 1.2, rel=0.3)


@pytest.mark.parametrize("known", [30, 100, 500])
def test_the_chance_of_a_longer_gap_is_as_it_says(known: int) -> None:
    """Exponential gaps of a rate that must be learned: at five nats one gap in e^5 is longer."""
    chance, pace, longer, of = random.Random(known), Pace(), 0, 60_000
    for number in range(of):
        gap = chance.expovariate(1.0)
        if pace.known >= 25:
            longer += gap > pace.within(5.0)
        pace = pace.add(gap, known) if number else Pace().add(gap, known)
    assert longer <= 1.25 * of * math.exp(-5)


def test_webhooks_that_bring_many_at_once_count_as_one_in_so_many() -> None:
    chance, pace = random.Random(2), Pace()
    for _ in range(40):
        pace = pace.add(chance.expovariate(1 / 60), 500)
        for _ in range(19):
            pace = pace.add(0.0, 500)
    assert pace.gap < 6
    assert pace.within(10) > 8 * 60


def test_what_comes_together_is_one_and_a_poisson_stream_keeps_its_rate() -> None:
    chance, at, pace = random.Random(3), START, Pace()
    for _ in range(600):
        at += round(chance.expovariate(10.0) * SECOND)
        pace = pace.at(at, 500)
    assert pace.gap == pytest.approx(0.1, rel=0.12)  # what falls into the dead time costs nothing
    clumps = Pace()
    for number in range(60):
        for event in range(50):
            clumps = clumps.at(START + number * 10 * SECOND + event * 20, 500)
    assert clumps.known == 59
    assert clumps.gap == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("every", "rate"), [(10.0, 5.0), (0.05, 1000.0), (60.0, 2.0)])
def test_webhooks_of_fifty_are_no_silence(every: float, rate: float) -> None:
    """A provider that brings its reports by the fifty: whole blocks of them come at one instant."""
    facts: list[tuple[float, Fact]] = []
    sent, told, at = 0, 0, 0.0
    while sent < 6000:
        at += every
        for _ in range(round(every * rate)):
            facts.append((at - every * 0.4, attempt(number=sent)))
            sent += 1
        while told < sent - round(every * rate):
            facts.append((at, delivered(number=told, message=f"msg_{told}")))
            told += 1
    assert run(delivery_silence.DETECTOR, log(*facts)) == []


def test_a_pause_of_our_own_at_a_thousand_a_second_is_no_silence_and_a_silence_is() -> None:
    """While something holds everything up for two seconds, mail that was under way is taken before
    the reports that wait are read."""
    facts: list[tuple[float, Fact]] = []
    for number in range(20_000):
        pause = 2.0 * (number // 5000)
        facts.append((number / 1000 + pause, attempt(number=number)))
        if number < 19_000:
            waits = 0.03 if number % 5000 > 60 else 0.2
            facts.append((number / 1000 + pause + waits, delivered(number=number)))
    assert run(delivery_silence.DETECTOR, log(*facts)) == []
    dropped = [(26.0 + number / 100, attempt(number=number)) for number in range(1000)]
    (signal,) = run(delivery_silence.DETECTOR, log(*facts, *dropped))[:1]
    assert (signal.at - START) / SECOND < 26 + 5.2


def _day(seed: int) -> tuple[list[tuple[float, Fact]], float, float]:
    """A house that carries canaries only for minutes, then a mail a second through each of two
    providers, until one drops everything: (facts, when, its last delivery)."""
    chance = random.Random(seed)
    facts: list[tuple[float, Fact]] = []
    fell, last = 320 + chance.uniform(0, 5), 0.0

    def mail(at: float, provider: str, *, canary: bool = False) -> None:
        nonlocal last
        name, taken = f"m{len(facts)}", at + chance.uniform(0.02, 0.08)
        sent = AttemptFinished(
            message=name,
            attempt=name,
            provider=provider,
            stream="alert",
            address=f"a{at}",
            outcome="accepted",
            detail="",
            seconds=0.1,
        )
        facts.append((taken, sent))
        if canary:
            facts.append((taken + 0.01, CanarySent(provider=provider, message=name)))
        if provider == "a" and at > fell:
            return
        arrived = taken + chance.uniform(0.02, 0.3)
        if canary:
            facts.append(
                (
                    arrived,
                    CanaryArrived(
                        provider=provider, message=name, seconds=arrived - taken, strangers=()
                    ),
                )
            )
        elif provider == "a":
            last = max(last, arrived)
        heard = DeliveryReported(
            provider=provider,
            claim=name,
            event="delivered",
            message=name,
            stream="alert",
            address=None,
            at_provider=None,
        )
        facts.append((arrived + chance.uniform(0.05, 0.6), heard))

    for number in range(2 * 160):
        mail(200 + number / 2, chance.choice("ab"))
    for provider in "abc":
        at = chance.uniform(0, 5)
        while at < 360:
            mail(at, provider, canary=True)
            at += chance.uniform(4, 6)
    return facts, fell, last


def test_a_silence_at_one_a_second_after_a_quiet_time_is_held_within_thirteen_seconds() -> None:
    for seed in range(12):
        facts, fell, last = _day(seed)
        engine, beliefs, held = Engine(WatchSettings()), Beliefs(), None
        for one in log(*facts):
            for signal in engine.step(one):
                assert signal.at >= START + round(fell * SECOND), signal
                beliefs, opinions = weigh(hear(beliefs, signal), signal.at, CorrelationSettings())
                silent = [
                    one
                    for one in opinions
                    if one.open and one.hypothesis is Hypothesis.PROVIDER_SILENT
                ]
                if silent and held is None:
                    assert silent[0].subject == provider_subject("a")
                    held = (signal.at - START) / SECOND
        assert held is not None
        assert held - last <= 13, seed
