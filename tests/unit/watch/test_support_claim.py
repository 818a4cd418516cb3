"""What customers tell the desk: quiet and loud logs."""

from watch_logs import attempt, log, run

from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import support_claim
from mailkeep.watch.events import SupportClaimed
from mailkeep.watch.types import RESETS, CorrelationSettings, Forger, Hypothesis


def _claims(count: int, apart: float = 1.0) -> list[tuple[float, SupportClaimed]]:
    return [
        (n * apart, SupportClaimed(account=f"account_{n}", what="reset", by="key_1"))
        for n in range(count)
    ]


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
    said = [one.evidence[Hypothesis.CAMPAIGN] for one in signals if one.subject == RESETS]
    assert said[0] == 1.0
    assert max(said) == 1.0


def test_where_somebody_calls_every_third_day_one_call_says_nothing() -> None:
    calls = _claims(40, 3 * 86_400.0)
    signals = run(support_claim.DETECTOR, log(*calls))
    late = [one for one in signals if one.subject == RESETS][5:]
    assert all(one.evidence[Hypothesis.PROVIDER_COMPROMISED] < 0.5 for one in late)
    # Eight in an hour are another matter.
    begin = calls[-1][0] + 3 * 86_400.0
    many = [(begin + at, one) for at, one in _claims(48, 60.0)[40:]]
    loud = run(support_claim.DETECTOR, log(*calls, *many))
    assert loud[-1].subject == RESETS
    assert loud[-1].evidence[Hypothesis.CAMPAIGN] == 4.0


def test_other_facts_are_quiet() -> None:
    assert run(support_claim.DETECTOR, log((0, attempt())), through=10) == []


def test_eight_calls_on_one_day_make_the_next_one_nothing_usual() -> None:
    """A day teaches one, however many called."""
    calls = [
        *_claims(8, 60.0),
        (2 * 86_400.0, SupportClaimed(account="account_of_an_owner", what="reset", by="key_1")),
    ]
    signals = [one for one in run(support_claim.DETECTOR, log(*calls)) if one.subject == RESETS]
    assert signals[-1].evidence[Hypothesis.CAMPAIGN] > 0.5
