"""Measures the detectors over simulated companies: delay, false alarms and misses."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

import msgspec

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryRequested
from mailkeep.watch.detectors import reset_surge
from mailkeep.watch.types import HoneySettings, Hypothesis, WatchSettings

from . import beside, limits
from .attacks import AT, HONEY, LASTS, Scenario, scenarios
from .company import START, SimulatedCompany, Truth
from .judging import Held, judge
from .life import Life
from .silence import RATES, ROUGH, SHAPES, Silence, rough, silence

YEAR = 365.25
FACTORS = (5.0, 10.0, 50.0)
FEW = 3  #: mails; an outage that touches fewer is hardly one, and nobody could tell

Tell = Callable[[int, int], None]


def quiet(_done: int, _whole: int) -> None:
    """Tell nobody how far it is."""


class Surge(msgspec.Struct, frozen=True):
    """Resets of an attack up to the alarm: mean, the ninth in ten, and the limit."""

    factor: float
    limit: float
    mean: float
    ninth: int
    runs: int
    missed: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of a scenario in ``runs`` lives.

    Attributes:
        found: in how many it was held, or had been wrongly before already.
        mean, worst: after how many seconds, where it had not been.
        seen_by: in how many lives each detector spoke in its time.
        others: what else was held that is not so, by name.
        cut: in how many lives an automatic cut would have been allowed.
    """

    name: str
    words: str
    outsider: bool
    expected: str
    runs: int
    found: int
    mean: float | None
    worst: float | None
    seen_by: dict[str, int]
    others: dict[str, int]
    cut: int


class Ordinary(msgspec.Struct, frozen=True):
    """Ordinary life: what was held and was not so.

    Attributes:
        false: incidents that accuse a party, which outsiders cannot stage; ``provoked``: campaigns;
            ``asked``: incidents that asked no more than whether it was one of us, who it was.
        at_most: false incidents a year, with 95% confidence.
        outages, called: outages by their shape that touched ``FEW`` mails or more, and what else
            went on, and how many of them were held to be what they were; ``brief``: outages that
            touched fewer, ``brief_called`` of them.
        signals: that each detector raised while nothing was going on, a year.
    """

    days: float
    facts: int
    seconds: float
    false: dict[str, int]
    provoked: dict[str, int]
    at_most: float
    outages: dict[str, int]
    called: dict[str, int]
    brief: int
    brief_called: int
    cut: int
    signals: dict[str, float]
    asked: dict[str, int] = {}


class Measured(msgspec.Struct, frozen=True):
    """All of it."""

    silence: tuple[Silence, ...]
    surge: tuple[Surge, ...]
    scenarios: tuple[Outcome, ...]
    ordinary: Ordinary
    rough: tuple[Silence, ...] = ()


def measure(
    days: float, seed: int, runs: int, settings: WatchSettings, tell: Tell = quiet
) -> Measured:
    """Everything, from one seed.

    Args:
        days: of ordinary life.
        runs: lives of each scenario, and of each rate.
    """
    uneven = [(shape, rate) for shape in SHAPES for rate in ROUGH]
    whole = len(RATES) + len(uneven) + len(FACTORS) + len(scenarios())
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        tell(done, 2 * whole)

    found_silence = []
    for rate in RATES:
        found_silence.append(silence(rate, seed, runs, settings))
        step()
    found_rough = []
    for shape, rate in uneven:
        found_rough.append(rough(shape, rate, seed, runs, settings))
        step()
    found_surge = []
    for factor in FACTORS:
        found_surge.append(surge(factor, seed, runs, settings))
        step()
    outcomes = []
    for one in scenarios():
        outcomes.append(outcome(one, seed, runs, settings))
        step()
    life = ordinary(days, seed, settings, lambda at, of: tell(whole * (of + at), 2 * whole * of))
    return Measured(
        silence=tuple(found_silence),
        surge=tuple(found_surge),
        scenarios=tuple(outcomes),
        ordinary=life,
        rough=tuple(found_rough),
    )


def surge(factor: float, seed: int, runs: int, settings: WatchSettings) -> Surge:
    """A base of one reset a minute, learned over two days; then ``factor`` times as many."""
    base = 1 / 60
    counts: list[int] = []
    for run in range(runs):
        chance = Random(f"surge {factor} {seed} {run}")
        running = reset_surge.DETECTOR.run(settings)
        when, number, attacks = float(START), 0, 0
        start = START + 2 * DAY
        while attacks < 200:
            rate = base if when < start else base * factor
            when += chance.expovariate(rate) * SECOND
            at, number = round(when), number + 1
            # Of the resets of the surge, one in ``factor`` is none of the attack's.
            attacks += when >= start and chance.random() >= 1 / factor
            asked = RecoveryRequested(
                recovery=None, account=None, address=f"adr_{number}", network="net", browser="b"
            )
            if running.step(Recorded(number, at, at, f"evt_{number}", asked)) and when >= start:
                counts.append(attacks)
                break
    counts.sort()
    mean = math.fsum(counts) / len(counts) if counts else math.nan
    ninth = counts[min(len(counts) - 1, math.ceil(0.9 * len(counts)) - 1)] if counts else 0
    days = settings.reset_surge.between_false_alarms
    limit = limits.resets(factor, base, days)
    return Surge(factor, limit, mean, ninth, runs, runs - len(counts))


def outcome(scenario: Scenario, seed: int, runs: int, settings: WatchSettings) -> Outcome:
    """One scenario in several lives, each of a house that has no other trouble."""
    settings = msgspec.structs.replace(settings, honey_account=HoneySettings((HONEY,)))
    house = SimulatedCompany(troubles=0.0, cycles=True)
    settings = beside.settings(settings, house.providers)
    delays, before, cut = [], 0, 0
    seen: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for run in range(runs):
        life = scenario.live(house, seed * 1000 + run)
        end = AT + LASTS
        found = judge(life.run((end - START) / DAY), settings, end)
        during = [one for one in found.signals if AT <= one.at <= end and one.evidence]
        seen.update({one.detector for one in during})
        cut += bool(found.cut)
        expected = scenario.expects
        if expected is not None:
            held = found.first(*expected, AT)
            if found.held_at(*expected, AT):
                before += 1
            elif held is not None:
                delays.append((held.at - AT) / SECOND)
        others.update(
            {
                f"{one.hypothesis.value} {one.subject.id}"
                for one in found.held
                if one.at >= AT and (one.hypothesis, one.subject) != expected
            }
        )
    return Outcome(
        scenario.name,
        scenario.words,
        scenario.outsider,
        scenario.expects[0].value if scenario.expects else "",
        runs,
        before + len(delays),
        math.fsum(delays) / len(delays) if delays else None,
        max(delays, default=None),
        dict(sorted(seen.items())),
        dict(sorted(others.items())),
        cut,
    )


def ordinary(
    days: float,
    seed: int,
    settings: WatchSettings,
    tell: Tell = quiet,
    *,
    unannounced: bool = False,
) -> Ordinary:
    """Ordinary life with its outages.

    Args:
        unannounced: colleagues change things at the providers and tell nobody.
    """
    house = SimulatedCompany(canaries=600.0, unannounced=unannounced)
    settings, life = beside.settings(settings, house.providers), Life(house, seed)

    def watched() -> Iterator[Recorded]:
        for number, one in enumerate(life.run(days)):
            if number % 50_000 == 0:
                tell(one.at - START, round(days * DAY))
            yield one

    found = judge(watched(), settings)
    wrong = found.wrong(life.truths)
    campaign = [one for one in wrong if one.hypothesis is Hypothesis.CAMPAIGN]
    about = [one for one in wrong if one.hypothesis is not Hypothesis.CAMPAIGN]
    false, asked = [one for one in about if not one.asks], [one for one in about if one.asks]
    few = {
        id(truth): truth.hypothesis is Hypothesis.PROVIDER_SILENT
        and life.touched[truth.subject.id, truth.start] < FEW
        for truth in life.truths
    }
    called = Counter(
        "brief" if few[id(truth)] else truth.shape
        for truth in life.truths
        if any(
            one.hypothesis is truth.hypothesis
            and one.subject == truth.subject
            and truth.start <= one.at <= truth.end
            for one in found.held
        )
    )
    quiet = Counter(
        one.detector
        for one in found.signals
        if one.evidence
        and not any(
            truth.subject == one.subject and truth.start <= one.at <= truth.end + HOUR
            for truth in life.truths
        )
    )
    years = days / YEAR
    return Ordinary(
        days,
        found.facts,
        round(found.seconds, 1),
        _names(false, life.truths),
        _names(campaign),
        at_most(len(false), years),
        dict(sorted(Counter(one.shape for one in life.truths if not few[id(one)]).items())),
        {shape: count for shape, count in sorted(called.items()) if shape != "brief"},
        sum(few.values()),
        called["brief"],
        len(found.cut),
        {name: round(count / years, 1) for name, count in sorted(quiet.items())},
        _names(asked, life.truths),
    )


def together(lives: Sequence[Ordinary]) -> Ordinary:
    """Several lives as one: counts are added, rates weighed by their days."""
    days = math.fsum(one.days for one in lives)

    def added(of: Callable[[Ordinary], dict[str, int]]) -> dict[str, int]:
        whole: Counter[str] = Counter()
        for one in lives:
            whole.update(of(one))
        return dict(sorted(whole.items()))

    signals: dict[str, float] = {}
    for one in lives:
        for name, rate in one.signals.items():
            signals[name] = signals.get(name, 0.0) + rate * one.days / days
    false = added(lambda one: one.false)
    return Ordinary(
        days,
        sum(one.facts for one in lives),
        round(math.fsum(one.seconds for one in lives), 1),
        false,
        added(lambda one: one.provoked),
        at_most(sum(false.values()), days / YEAR),
        added(lambda one: one.outages),
        added(lambda one: one.called),
        sum(one.brief for one in lives),
        sum(one.brief_called for one in lives),
        sum(one.cut for one in lives),
        {name: round(rate, 1) for name, rate in sorted(signals.items())},
        added(lambda one: one.asked),
    )


def _names(held: Iterable[Held], truths: Sequence[Truth] = ()) -> dict[str, int]:
    """What was held by whose signs, and how long after the last trouble of that party."""
    names: Counter[str] = Counter()
    for one in held:
        ends = [
            truth.end
            for truth in truths
            if truth.subject == one.subject and truth.end <= one.at <= truth.end + DAY
        ]
        after = f", {(one.at - max(ends)) / HOUR:.1f} h after an outage drained" if ends else ""
        names[f"{one.hypothesis.value}: {', '.join(one.detectors)}{after}"] += 1
    return dict(names)


def at_most(count: int, years: float) -> float:
    """The rate a year that ``count`` events in so many years leave possible, at 95 % (the upper
    bound of a Poisson mean, by bisection)."""
    low, high = 0.0, 10.0 + 3.0 * count
    for _ in range(60):
        middle = (low + high) / 2
        chance = math.fsum(
            math.exp(-middle + n * math.log(middle) - math.lgamma(n + 1)) for n in range(count + 1)
        )
        low, high = (middle, high) if chance > 0.05 else (low, middle)
    return high / years
