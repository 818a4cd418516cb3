"""Surges that whoever reaches the form can stage: they page people now and then, not for ever."""

import random
from collections.abc import Callable

import pytest
from watch_logs import START, log, request, run

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import reset_surge
from mailkeep.watch.types import CorrelationSettings, Hypothesis, Signal, WatchSettings

CAMPAIGN = Hypothesis.CAMPAIGN
Timed = list[tuple[float, Fact]]


def _usual(days: float, a_day: float = 30.0, seed: int = 4) -> Timed:
    """Poisson, each for another account."""
    chance, out, when = random.Random(seed), Timed(), 0.0
    while (when := when + chance.expovariate(a_day / 86_400)) < days * 86_400:
        out.append((when, request(len(out), f"account_{len(out)}")))
    return out


def _known(number: int) -> Fact:
    return request(number, f"account_{number}")


def _bursts(
    count: int, every: float, since: float, until: float, ask: Callable[[int], Fact] = request
) -> Timed:
    """``count`` resets within seconds, once in so many hours, from one day to another."""
    out, when = Timed(), since * 86_400
    while when < until * 86_400:
        out += [(when + n * 2.0, ask(1_000_000 + len(out) + n)) for n in range(count)]
        when += every * 3600
    return out


def _opens(signals: list[Signal]) -> list[float]:
    """On which days a campaign opened; what is open is left alone for an hour, then closed."""
    out, last = [], 0
    for one in signals:
        opinions = weigh(hear(Beliefs(), one), one.at, CorrelationSettings())[1]
        if any(other.open for other in opinions) and one.at - last >= 3600 * SECOND:
            out.append((one.at - START) / DAY)
            last = one.at
    return out


def _surged(days: float, *bursts: Timed) -> list[Signal]:
    facts = [*_usual(days), *(one for burst in bursts for one in burst)]
    running = reset_surge.DETECTOR.run(WatchSettings())  # which nothing is due in
    return [signal for one in log(*facts) for signal in running.step(one)]


@pytest.mark.parametrize("count", [5, 12, 20, 40])
def test_made_up_addresses_are_no_campaign_in_a_small_house(count: int) -> None:
    """Nobody's account is tried by them."""
    assert _surged(8, _bursts(count, 2.0, 5, 8)) == []


@pytest.mark.parametrize("count", [5, 10])
def test_a_dozen_accounts_are_no_campaign_where_few_ask(count: int) -> None:
    assert _surged(8, _bursts(count, 2.0, 5, 8, _known)) == []


def test_a_small_house_is_told_of_the_thirteenth_account() -> None:
    (signal, *_) = _surged(6, _bursts(13, 99.0, 5, 6, _known))
    assert signal.evidence[CAMPAIGN] == 6.0


@pytest.mark.parametrize(("count", "ask"), [(60, request), (16, _known)])
@pytest.mark.parametrize("every", [0.4, 1.1, 2.0])
def test_whoever_stages_surges_pages_a_few_times_a_month(
    count: int, ask: Callable[[int], Fact], every: float
) -> None:
    opened = _opens(_surged(12, _bursts(count, every, 5, 12, ask)))
    assert 1 <= len(opened) <= 4
    assert max(opened) < 8


def test_a_surge_much_larger_than_those_staged_counts_in_full() -> None:
    staged = _bursts(16, 2.0, 5, 9, _known)
    large = [(9 * 86_400 + 600 + n * 10.0, _known(5_000_000 + n)) for n in range(80)]
    signals = _surged(9.5, staged, large)
    of_it = [one for one in signals if one.at > START + 9 * DAY + 600 * SECOND]
    assert of_it[0].evidence[CAMPAIGN] < 5.0
    assert max(one.evidence[CAMPAIGN] for one in of_it) == 6.0


def test_after_a_month_a_surge_is_news_again() -> None:
    signals = _surged(40, _bursts(16, 24.0, 5, 8, _known), _bursts(16, 99.0, 39, 40, _known))
    assert [round(one.evidence[CAMPAIGN], 1) for one in signals] == [6.0, 5.3, 4.9, 6.0]


@pytest.mark.parametrize("gap", [60.0, 300.0, 450.0])
def test_where_more_ask_than_the_floor_nothing_is_slower(gap: float) -> None:
    """Ten times as many are told of by the ninth, whoever they are."""
    facts = [(n * gap, request(n)) for n in range(2000)]
    facts += [(2000 * gap + n * gap / 10, request(5000 + n)) for n in range(1, 10)]
    assert len(run(reset_surge.DETECTOR, log(*facts))) == 1


def _midnight(day: int) -> float:
    """Seconds from the start of the log to that UTC midnight."""
    return day * 86_400 + (DAY - START % DAY) / SECOND


def _asked(count: int, since: float, number: int) -> Timed:
    """One a minute."""
    return [(since + n * 60.0, _known(number + n)) for n in range(count)]


@pytest.mark.parametrize("hours", [-0.4, 12.0])
def test_one_night_is_one_day(hours: float) -> None:
    first = _asked(40, _midnight(10) + hours * 3600, 5_000_000)
    second = _asked(40, _midnight(19) + 6 * 3600, 6_000_000)
    signals = _surged(30, first, second)
    of_it = [one for one in signals if one.at > START + 15 * DAY]
    assert {round(one.evidence[CAMPAIGN], 2) for one in of_it} == {5.31}


@pytest.mark.parametrize("hours", [-1.0, 6.0])
def test_what_goes_on_says_nothing_against_itself(hours: float) -> None:
    signals = _surged(12, _asked(360, _midnight(10) + hours * 3600, 5_000_000))
    assert signals[-1].at - signals[0].at > 5 * HOUR
    assert {one.evidence[CAMPAIGN] for one in signals} == {6.0}


def test_one_that_goes_on_for_days_is_one_a_day() -> None:
    signals = _surged(12, _asked(4 * 1440, 5 * 86_400.0, 5_000_000))
    counted = [round(one.evidence[CAMPAIGN], 1) for one in signals]
    assert sorted({*counted}, reverse=True) == [6.0, 5.3, 4.9, 4.6]
    assert counted == sorted(counted, reverse=True)


@pytest.mark.parametrize("gap", [130.0, 158.0, 168.0, 200.0])
def test_a_drip_between_those_staged_makes_no_many_that_page(gap: float) -> None:
    """It keeps the score above 0, or teaches itself to be usual."""
    drip = [(5 * 86_400 + n * gap, _known(7_000_000 + n)) for n in range(int(3 * 86_400 / gap))]
    signals = iter([*_surged(8, _bursts(16, 1.5, 5, 8, _known), drip), None])
    beliefs, was, opened, at, following = Beliefs(), False, 0, START + 5 * DAY, next(signals)
    while at < START + 9 * DAY:
        while following is not None and following.at <= at:
            beliefs, following = hear(beliefs, following), next(signals)
        beliefs, opinions = weigh(beliefs, at, CorrelationSettings())
        is_open = any(one.open for one in opinions)
        opened, was, at = opened + (is_open and not was), is_open, at + 300 * SECOND
    assert 1 <= opened <= 4
