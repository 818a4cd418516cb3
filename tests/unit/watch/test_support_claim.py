"""What customers tell the desk: quiet and loud logs."""

from watch_logs import attempt, log, run

from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import support_claim
from mailkeep.watch.events import SupportClaimed
from mailkeep.watch.types import RESETS, CorrelationSettings, Forger, Hypothesis


def _claims(count: int, apart: float = 1.0) -> list[tuple[float, SupportClaimed]]:
    return [(n * apart, SupportClaimed(f"account_{n}", "reset", "key_1")) for n in range(count)]


def test_one_claim_is_said_once_of_its_account_and_of_the_campaign() -> None:
    (_, fact) = _claims(1)[0]
    first, second = run(support_claim.DETECTOR, log((0, attempt()), (1, fact), (2, fact)))
    assert first.subject.id == "account_0"
    assert second.subject == RESETS
    assert {first.forger, second.forger} == {Forger.ANYONE}


def test_a_flood_of_calls_is_a_few_signals_and_opens_nothing() -> None:
    signals = run(support_claim.DETECTOR, log(*_claims(200)))
    campaign = [one for one in signals if one.subject == RESETS]
    assert (len(campaign), len(signals)) == (4, 12)
    assert campaign[-1].evidence[Hypothesis.CAMPAIGN] == 4.0
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
        found = weigh(beliefs, one.at, CorrelationSettings())[1]
        assert not any(one.open for one in found)


def test_claims_of_different_days_are_not_counted_together() -> None:
    signals = run(support_claim.DETECTOR, log(*_claims(5, 90_000.0)))
    assert {one.evidence[Hypothesis.CAMPAIGN] for one in signals if one.subject == RESETS} == {1.0}


def test_other_facts_are_quiet() -> None:
    assert run(support_claim.DETECTOR, log((0, attempt())), through=10) == []
