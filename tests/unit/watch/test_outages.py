"""An outage is called one, in a small house and in part; a hiccup is none."""

import random

import msgspec
import pytest
from watch_logs import START, attempt, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.watch.detectors import provider_refusal
from mailkeep.watch.thresholds import RefusalSettings
from mailkeep.watch.types import Hypothesis, WatchSettings

DAY = 86_400.0


def _mail(
    every: float, days: float, seed: int, bad: tuple[float, float] = (0.0, 0.0), part: float = 1.0
) -> list[tuple[float, Fact]]:
    """A Poisson stream of attempts, ``part`` of them refused between two instants."""
    chance, when, number = random.Random(seed), 0.0, 0
    facts: list[tuple[float, Fact]] = []
    while (when := when + chance.expovariate(1 / every)) < days * DAY:
        number += 1
        refused = bad[0] <= when < bad[1] and chance.random() < part
        facts.append((when, attempt("a", "unavailable" if refused else "accepted", number)))
    return facts


def _alarms(facts: list[tuple[float, Fact]]) -> list[float]:
    signals = run(provider_refusal.DETECTOR, log(*facts))
    return [(one.at - START) / SECOND for one in signals if one.evidence]


@pytest.mark.parametrize(("every", "within"), [(600.0, 3600.0), (120.0, 900.0), (1.0, 30.0)])
def test_three_refusals_in_a_row_are_an_outage_however_seldom_we_send(
    every: float, within: float
) -> None:
    start = 2 * DAY if every > 1 else 1800.0
    days = (start + within) / DAY
    found = _alarms(_mail(every, days, 3, (start, start + within)))
    assert found
    assert found[0] > start


@pytest.mark.parametrize("every", [120.0, 5.0])
def test_an_outage_in_part_is_told_and_not_taken_back_by_three_that_went(every: float) -> None:
    start, lasts = 0.5 * DAY, 40 * every
    facts = _mail(every, (start + lasts) / DAY, 4, (start, start + lasts), part=0.5)
    signals = run(provider_refusal.DETECTOR, log(*facts))
    assert signals[0].evidence == {Hypothesis.PROVIDER_SILENT: 7.0}
    assert sum(not one.evidence for one in signals) <= 1


def test_a_hiccup_that_refuses_four_at_once_is_none() -> None:
    facts = _mail(30.0, 1.0, 5)
    facts += [(DAY / 2 + n, attempt("a", "unavailable", 90_000 + n)) for n in range(4)]
    assert _alarms(facts) == []


def test_one_message_that_is_refused_over_and_over_is_one() -> None:
    facts = _mail(600.0, 1.0, 6)
    facts += [(DAY / 2 + n * 60.0, attempt("a", "ambiguous", 90_000)) for n in range(50)]
    assert _alarms(facts) == []


def test_refusals_by_chance_keep_their_bound_on_false_alarms() -> None:
    """One mail in two hundred is not taken; at a bound of one alarm in six hours."""
    chance = random.Random(7)
    facts = [
        (n * 60.0, attempt("a", "unavailable" if chance.random() < 0.005 else "accepted", n))
        for n in range(30 * 1440)
    ]
    settings = WatchSettings(provider_refusal=RefusalSettings(between_false_alarms=0.25))
    signals = run(provider_refusal.DETECTOR, log(*facts), settings=settings)
    assert sum(bool(one.evidence) for one in signals) <= 30 / 0.25


@pytest.mark.parametrize("outcome", ["suspended", "unauthorised", "unavailable"])
def test_a_journal_neither_hides_a_refusal_nor_takes_it_back(outcome: str) -> None:
    """An application holds a key for the journal: no claim clears a provider."""
    refused = [(float(n), attempt("a", outcome, n)) for n in range(6)]
    told = [
        (n / 2, msgspec.structs.replace(attempt("a", "accepted", 100 + n), told=True))
        for n in range(60)
    ]
    alone = run(provider_refusal.DETECTOR, log(*refused))
    beside = run(provider_refusal.DETECTOR, log(*refused, *told))
    assert [one.evidence for one in beside] == [one.evidence for one in alone]
    assert len(alone) == 1
    taken = [(40.0 + n, attempt("a", "accepted", 200 + n)) for n in range(3)]
    assert run(provider_refusal.DETECTOR, log(*refused, *told, *taken))[-1].restates
