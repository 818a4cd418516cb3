"""Whoever floods a detector from outside hides nobody behind the flood."""

import msgspec
import pytest
from watch_logs import START, half, log, request, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.recovery.events import ProofSent, RecoveryCompleted, RecoveryVoided
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import half_proof, stranger_in_mail
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    CorrelationSettings,
    HoneyAccount,
    HoneySettings,
    Hypothesis,
    Signal,
    WatchSettings,
)

COMPROMISED = Hypothesis.PROVIDER_COMPROMISED
Timed = list[tuple[float, Fact]]
SENT: Timed = [
    (
        n * 0.01,
        ProofSent(recovery=f"s{n}", account="x", proof="link", message="m", provider="ab"[n % 2]),
    )
    for n in range(100)
]


def _of(
    account: str, recovery: str, provider: str = "a", browser: str = "strange", proof: str = "link"
) -> Fact:
    fact = half(recovery, provider, browser=browser, proof=proof)
    return msgspec.structs.replace(fact, account=account)


def _last(signals: list[Signal], provider: str = "a") -> float:
    (*_, last) = [one for one in signals if one.subject.id == provider]
    return round(last.evidence.get(COMPROMISED, 0.0), 2)


def test_new_strangers_in_every_canary_are_one_standing_signal() -> None:
    facts = [
        (
            n * 5.0,
            CanaryArrived(provider="a", message=f"c{n}", seconds=1.0, strangers=(f"h{n}.test",)),
        )
        for n in range(300)
    ]
    signals = run(stranger_in_mail.DETECTOR, log(*facts))
    assert len(signals) == 7  # the first, and each doubling up to 64
    assert all(one.restates for one in signals)
    assert "h63.test" in signals[-1].reason
    assert "61 other strangers" in signals[-1].reason


def test_strangers_push_out_neither_a_honey_touch_nor_each_other() -> None:
    honey = WatchSettings(honey_account=HoneySettings((HoneyAccount("address_7", "b"),)))
    facts: Timed = [
        (1, request(7)),
        (2, CanaryArrived(provider="b", message="c", seconds=1.0, strangers=("evil.test",))),
    ]
    facts += [
        (
            3 + n * 5,
            CanaryArrived(provider="a", message=f"c{n}", seconds=1.0, strangers=(f"h{n}.test",)),
        )
        for n in range(600)
    ]
    beliefs = Beliefs()
    for signal in replay(log(*facts), honey):
        beliefs = hear(beliefs, signal)
    opinions = weigh(beliefs, START + 3100 * SECOND, CorrelationSettings())[1]
    (about_b,) = [o for o in opinions if o.hypothesis is COMPROMISED and o.subject.id == "b"]
    assert {term.detector for term in about_b.terms} == {"honey_account", "stranger_in_mail"}
    assert about_b.open


def test_many_browsers_with_one_link_each_hide_no_reader() -> None:
    """They take one place, however many they are; and the reader's victims theirs."""
    victims: Timed = [(100 + n * 40, _of(f"v{n}", f"V{n}")) for n in range(10)]
    alone = run(half_proof.DETECTOR, log(*SENT, *victims), through=2000)
    flood: Timed = []
    for turn in range(10):
        base = 130 + turn * 40
        for n in range(520):
            fact = _of(f"own{n // 50}", f"F{turn}_{n // 50}", "ab"[n % 2], f"b{turn}_{n}")
            flood.append((base + n * 0.01, fact))
        for n in range(11):
            done = RecoveryCompleted(
                recovery=f"F{turn}_{n}", account=f"own{n}", factor=False, browser="x"
            )
            flood.append((base + 6 + n * 0.01, done))
    signals = run(half_proof.DETECTOR, log(*SENT, *victims, *flood), through=2000)
    assert _last(alone) == 6.0
    assert _last(signals) == pytest.approx(6.0, abs=0.3)


def test_who_waits_longest_is_not_the_one_that_a_flood_pushes_out() -> None:
    """Of equals it is drawn, by what nobody chooses: else so many new ones would do for all."""
    victims: Timed = [(10 + n, _of(f"v{n}", f"V{n}")) for n in range(10)]
    flood: Timed = [(21 + n * 0.01, _of(f"own{n}", f"F{n}", "b")) for n in range(600)]
    signals = run(half_proof.DETECTOR, log(*SENT, *victims, *flood), through=60)
    assert any(one.subject.id == "a" for one in signals)


def test_an_owner_who_recovers_later_takes_back_only_his_own() -> None:
    thief: Timed = [(10, _of("v", "R1"))]
    owner: Timed = [
        (1000, _of("v", "R2", browser="own2")),
        (1060, _of("v", "R2", "b", "own2", "code")),
        (1100, RecoveryCompleted(recovery="R2", account="v", factor=False, browser="own2")),
    ]
    signals = run(half_proof.DETECTOR, log(*SENT, *thief, *owner), through=2000)
    assert _last(signals) == 2.5
    assert "1 account, 1 of them for long" in signals[-1].reason


def test_a_full_case_outweighs_a_later_early_one_of_the_account() -> None:
    facts: Timed = [(10, _of("v", "R1")), (700, _of("v", "R2", browser="other"))]
    signals = run(half_proof.DETECTOR, log(*SENT, *facts), through=760)
    assert _last(signals) == 2.5


def test_who_queues_behind_another_browser_is_not_forgotten() -> None:
    """The owner shows the link first and brings the code; the thief with the same link does not."""
    facts: Timed = [
        (10, _of("v", "R1", browser="owner")),
        (11, _of("v", "R1", browser="thief")),
        (30, _of("v", "R1", "b", "owner", "code")),
    ]
    signals = run(half_proof.DETECTOR, log(*SENT, *facts), through=700)
    assert _last(signals) == 2.5
    # And who queues may bring his partner too, or the owner deny both.
    code: Timed = [*facts, (31, _of("v", "R1", "b", "thief", "code"))]
    assert run(half_proof.DETECTOR, log(*SENT, *code), through=700) == []
    denied = RecoveryVoided(recovery="R1", account="v", why="denied")
    assert _last(run(half_proof.DETECTOR, log(*SENT, *facts[:2], (20, denied)), through=21)) == 2.5


def test_staged_cases_push_no_real_one_out_to_be_taken_back_afterwards() -> None:
    victims: Timed = [(100 + n, _of(f"v{n}", f"V{n}")) for n in range(20)]
    staged: Timed = [(200 + n, _of(f"own{n}", f"F{n}")) for n in range(120)]
    staged += [
        (900 + n, RecoveryCompleted(recovery=f"F{n}", account=f"own{n}", factor=False, browser="x"))
        for n in range(120)
    ]
    signals = run(half_proof.DETECTOR, log(*SENT, *victims, *staged), through=1500)
    assert _last(signals) == 6.0
    assert int(signals[-1].reason.rpartition("; ")[2].partition(" ")[0]) >= 10
