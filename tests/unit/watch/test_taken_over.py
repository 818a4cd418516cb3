"""Accounts that are taken a few a day, and of which few owners say so: the denials of recoveries
that a strange browser finished open a campaign, and frame nobody."""

import itertools
import random

import msgspec
import pytest
from watch_logs import START, log

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.recovery.events import ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied
from mailkeep.watch import taken_over
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import denial
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
)

Timed = list[tuple[float, Fact]]
CAMPAIGN, COMPROMISED = Hypothesis.CAMPAIGN, Hypothesis.PROVIDER_COMPROMISED


def _recovered(
    when: float,
    name: str,
    link: str = "a",
    *,
    known: bool = False,
    factor: bool = False,
    denied: float | None = None,
) -> Timed:
    """Both proofs in one browser, an hour's hold, and what the owner says so many hours after."""
    account, routes = f"account_{name}", {"link": link, "code": "b" if link == "a" else "a"}
    out: Timed = []
    for proof, provider in routes.items():
        sent = ProofSent(
            recovery=name,
            account=account,
            proof=proof,
            message=f"m{name}{proof}",
            provider=provider,
        )
        proved = ProofRedeemed(
            recovery=name,
            account=account,
            proof=proof,
            providers=(provider,),
            same_browser=known,
            known_browser=known,
            network="n",
            browser=f"b{name}",
        )
        out += [(when, sent), (when + 120, proved)]
    done = RecoveryCompleted(
        recovery=name, account=account, factor=factor, browser=f"b{name}", held=True
    )
    out.append((when + 3700, done))
    if denied is not None:
        out.append((when + 3700 + denied * 3600, _denied(name)))
    return out


def _denied(name: str) -> Fact:
    return RecoveryDenied(
        recovery=name, account=f"account_{name}", after_completion=True, provider="b", acted=True
    )


def _house(days: float, a_day: float = 60.0, seed: int = 7, forget: float = 0.003) -> Timed:
    """Honest owners, four in ten of them in a new browser; few forget that they did."""
    chance, out, when = random.Random(seed), Timed(), 0.0
    while (when := when + chance.expovariate(a_day / 86_400)) < days * 86_400:
        known, forgot = chance.random() < 0.6, chance.random() < forget
        link, name = chance.choice("ab"), f"h{len(out)}"
        out += _recovered(when, name, link, known=known, denied=2.0 if forgot else None)
    return out


def _thief(since: float, until: float, a_day: float = 24.0, says: float = 0.2) -> Timed:
    """Alters the links that go through ``a``, and has both proofs typed into a page of theirs."""
    chance, out, when = random.Random(5), Timed(), since * 86_400
    while (when := when + chance.uniform(0.8, 1.2) * 86_400 / a_day) < until * 86_400:
        says_so = chance.random() < says
        denied = chance.uniform(1, 6) if says_so else None
        out += _recovered(when, f"v{len(out)}", "a", denied=denied)
    return out


def _signals(*timed: tuple[float, Fact]) -> list[Signal]:
    return replay(log(*timed))


def _opened(signals: list[Signal]) -> list[float]:
    """The days of signals that open a campaign beside what was said before."""
    beliefs, out = Beliefs(), []
    for one in signals:
        beliefs = hear(beliefs, one)
        held = weigh(beliefs, one.at, CorrelationSettings())[1]
        if any(other.open and other.hypothesis is CAMPAIGN for other in held):
            out.append((one.at - START) / DAY)
    return out


def _accused(signals: list[Signal]) -> bool:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
        held = weigh(beliefs, one.at, CorrelationSettings())[1]
        if any(other.open and other.hypothesis is COMPROMISED for other in held):
            return True
    return False


def test_few_owners_in_five_who_say_so_are_a_campaign_within_days() -> None:
    signals = _signals(*_house(9), *_thief(4, 9))
    assert 4 < _opened(signals)[0] < 7
    assert not _accused(signals)
    named = [one for one in signals if one.subject.id == "a" and one.detector == "denial"]
    assert named
    assert "had their links sent through a, as 5" in named[-1].reason
    assert {one.forger for one in named} == {Forger.CUSTOMERS}
    assert not any(one.subject.id == "b" and one.detector == "denial" for one in signals)


@pytest.mark.parametrize(("a_day", "seed"), [(5.0, 1), (60.0, 2), (300.0, 3)])
def test_those_who_forgot_are_none(a_day: float, seed: int) -> None:
    signals = [one for one in _signals(*_house(12, a_day, seed)) if one.detector == "denial"]
    assert max((one.evidence.get(CAMPAIGN, 0.0) for one in signals), default=0.0) < 4.0
    assert _opened(signals) == []


def test_what_a_factor_finished_or_a_known_browser_counts_as_a_forgotten_reset() -> None:
    for factor, known in ((True, False), (False, True)):
        facts = [
            one
            for n in range(9)
            for one in _recovered(
                86_400.0 * 4 + n * 7200, f"v{n}", denied=1.0, known=known, factor=factor
            )
        ]
        signals = [one for one in _signals(*_house(5), *facts) if one.detector == "denial"]
        assert max(one.evidence[CAMPAIGN] for one in signals) <= denial.FIRST


def test_one_owners_word_is_worth_at_least_what_it_was() -> None:
    """Beside a stranger in a canary it opens, whoever finished the reset."""
    (signal,) = _signals(*_recovered(10, "v", denied=1.0))
    assert signal.evidence == {CAMPAIGN: denial.FIRST, COMPROMISED: denial.PROVIDER}
    assert signal.subject == RESETS


def _of_all(signals: list[Signal]) -> list[Signal]:
    return [one for one in signals if one.detector == "denial" and one.subject == RESETS]


@pytest.mark.parametrize("staged", [0, 1, 5])
@pytest.mark.parametrize("a_day", [60.0, 300.0])
def test_no_staged_denial_mutes_the_owners_of_that_day(a_day: float, staged: int) -> None:
    facts = [one for n in range(staged) for one in _recovered(14 * 86_400 + n, f"o{n}", denied=1.0)]
    hours = (12, 14, 20)
    for hour in hours:
        facts += _recovered(14 * 86_400 + (hour - 2) * 3600 - 3700, f"v{hour}", denied=2.0)
    said = _of_all(_signals(*_house(16, a_day, forget=0.0), *facts))
    for hour in hours:
        now = START + 14 * DAY + hour * HOUR
        fresh = [one for one in said if one.at == now]
        assert [one.evidence[COMPROMISED] for one in fresh] == [denial.PROVIDER]
        assert fresh[0].evidence[CAMPAIGN] >= denial.FIRST
    assert sum(one.evidence[CAMPAIGN] >= taken_over.OPENS for one in said) <= 1


def test_many_within_the_hour_are_a_few_signals() -> None:
    facts = [one for n in range(64) for one in _recovered(86_400.0 * 4 + n, f"o{n}", denied=1.0)]
    said = _of_all(_signals(*_house(5), *facts))
    said = [one for one in said if one.at >= START + 4 * DAY]
    assert len(said) <= 8
    assert sum(one.evidence[CAMPAIGN] >= taken_over.OPENS for one in said) == 1


def test_one_account_that_denies_again_and_again_is_said_once_an_hour() -> None:
    facts = Timed()
    for n in range(40):
        once = _recovered(86_400.0 + n * 300, f"o{n}", denied=0.1)
        facts += [(when, msgspec.structs.replace(one, account="mine")) for when, one in once]
    assert 2 <= len(_of_all(_signals(*facts))) <= 4


def test_what_was_finished_is_forgotten_after_a_week() -> None:
    state, day = taken_over.TakenOver(), START
    for n in range(30):
        for when, fact in _recovered(n * 86_400.0, f"o{n}"):
            at = START + round(when * SECOND)
            if isinstance(fact, ProofRedeemed):
                state = taken_over.shown(state, fact)
            elif isinstance(fact, RecoveryCompleted):
                state, day = taken_over.finished(state, fact, at), at
    assert list(state.finished) == [f"o{n}" for n in range(23, 30)]
    denied = Recorded(1, day, day, "evt_1", _denied("o23"))
    late = msgspec.structs.replace(denied, at=day + DAY, placed_at=day + DAY)
    assert isinstance(denied.fact, RecoveryDenied)
    assert taken_over.denied(state, denied.fact, denied)[1]
    assert not taken_over.denied(state, denied.fact, late)[1]


@pytest.mark.parametrize("a_day", [24, 200])
def test_whoever_stages_it_opens_a_campaign_once_a_day_and_accuses_nobody(a_day: int) -> None:
    facts = [
        one
        for n in range(6 * a_day)
        for one in _recovered(4 * 86_400 + n * 86_400 / a_day, f"o{n}", denied=0.2)
    ]
    signals = replay(log(*_house(10), *facts))
    said = [one for one in signals if one.detector == "denial" and one.subject == RESETS]
    full = [one.at for one in said if one.evidence[CAMPAIGN] >= taken_over.OPENS]
    assert 5 <= len(full) <= 7
    assert all(b - a >= DAY for a, b in itertools.pairwise(full))
    assert not _accused(signals)


def test_it_stays_held_from_day_to_day() -> None:
    signals = _signals(*_house(12), *_thief(4, 12))
    at, beliefs = START + 5 * DAY, Beliefs()
    waiting = iter([*signals, None])
    following = next(waiting)
    while at < START + 12 * DAY:
        while following is not None and following.at <= at:
            beliefs = hear(beliefs, following)
            following = next(waiting)
        beliefs, held = weigh(beliefs, at, CorrelationSettings())
        assert any(one.open and one.hypothesis is CAMPAIGN for one in held)
        at += HOUR


def test_stopped_anywhere_it_says_the_same() -> None:
    facts: list[Recorded] = log(*_house(6), *_thief(4, 6))
    whole, saved, parts = replay(facts), None, list[Signal]()
    for start in range(0, len(facts), 301):
        engine = Engine(WatchSettings(), saved)
        for one in facts[start : start + 301]:
            parts += engine.step(one)
        saved = engine.save()
    assert msgspec.json.encode(parts) == msgspec.json.encode(whole)
