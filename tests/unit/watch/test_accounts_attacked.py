"""What accounts tell of attacks on them: quiet and loud logs."""

from watch_logs import attempt, log, run

from mailkeep.accounts.events import FactorBlocked, PasskeyCopied, SubjectsRewritten
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import factor_attacked, mass_rewrite
from mailkeep.watch.types import OUR_HOUSE, RESETS, CorrelationSettings, Hypothesis, Signal

REWRITTEN = SubjectsRewritten(application="app_1", key="key_1", count=20, of=300)


def _open(signals: list[Signal]) -> set[tuple[Hypothesis, str]]:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    found = weigh(beliefs, signals[-1].at, CorrelationSettings())[1]
    return {(one.hypothesis, one.subject.id) for one in found if one.open}


def _blocked(account: str) -> FactorBlocked:
    return FactorBlocked(account=account, factor="fac_1", factor_kind="totp", way="sign-in")


def test_a_mass_rewrite_is_said_at_once_and_opens_that_it_leaked_from_our_house() -> None:
    (signal,) = run(mass_rewrite.DETECTOR, log((0, attempt()), (1, REWRITTEN)), through=100)
    assert (signal.at, signal.events) == (log((1, REWRITTEN))[0].placed_at, ("evt_2",))
    assert "key_1 of app_1" in signal.reason
    assert _open([signal]) == {(Hypothesis.LEAKED_HERE, OUR_HOUSE.id)}


def test_wrong_answers_to_one_factor_make_a_target_of_its_account_and_open_nothing_alone() -> None:
    facts = log(
        (0, _blocked("acc_1")),
        (60, _blocked("acc_1")),
        (61, PasskeyCopied(account="acc_1", factor="f")),
    )
    first, other = run(factor_attacked.DETECTOR, facts)
    assert first.evidence == {Hypothesis.ACCOUNT_TARGETED: 5.0}
    assert other.evidence == {Hypothesis.ACCOUNT_TARGETED: 4.0}
    assert {one.subject.id for one in (first, other)} == {"acc_1"}
    assert _open([first]) == set()
    later = log((0, _blocked("acc_1")), (3601, _blocked("acc_1")))
    assert len(run(factor_attacked.DETECTOR, later)) == 2


def test_wrong_answers_at_many_accounts_are_a_campaign() -> None:
    facts = log(*((n * 10, _blocked(f"acc_{n}")) for n in range(12)))
    signals = run(factor_attacked.DETECTOR, facts)
    assert len(signals) == 12
    assert (Hypothesis.CAMPAIGN, RESETS.id) in _open(signals)


def test_other_facts_are_quiet() -> None:
    for detector in (mass_rewrite.DETECTOR, factor_attacked.DETECTOR):
        assert run(detector, log((0, attempt())), through=10) == []
