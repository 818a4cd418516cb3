"""``mailbox_takeovers``: quiet, loud, and staged; and what it takes to accuse a keeper."""

import random

import msgspec
import pytest
from watch_logs import START, attempt, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.recovery.events import ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.detectors import mailbox_takeovers
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    mailbox_subject,
)

Timed = list[tuple[float, Fact]]
READ = Hypothesis.MAILBOX_COMPROMISED


def recovery(
    name: str,
    at: float,
    keeper: str,
    *,
    risk: float = 9.0,
    factor: bool = False,
    through: tuple[str, str] = ("a", "b"),
) -> Timed:
    """A whole recovery: two proofs through two providers, shown and completed."""
    facts: Timed = []
    for number, (proof, provider) in enumerate(zip(("link", "code"), through, strict=True)):
        sent = ProofSent(
            recovery=name,
            account=f"account_{name}",
            proof=proof,
            message=f"msg_{name}_{proof}",
            provider=provider,
        )
        taken = msgspec.structs.replace(
            attempt(provider), message=f"msg_{name}_{proof}", family=keeper
        )
        shown = ProofRedeemed(
            recovery=name,
            account=f"account_{name}",
            proof=proof,
            providers=(provider,),
            same_browser=False,
            known_browser=False,
            network="network_1",
            browser="strange",
        )
        facts += [(at + number, sent), (at + 2 + number, taken), (at + 30 + number, shown)]
    done = RecoveryCompleted(
        recovery=name, account=f"account_{name}", factor=factor, browser="strange", risk=risk
    )
    return [*facts, (at + 60, done)]


def usual(count: int = 60) -> Timed:
    """Half of the customers have their mailboxes at gmail; their recoveries fit."""
    keepers = ("gmail", "outlook", "gmail", "other")
    return [
        fact
        for n in range(count)
        for fact in recovery(f"u{n}", n * 100.0, keepers[n % 4], risk=0.0)
    ]


def taken(count: int, keeper: str, at: float = 10_000.0, **more: object) -> Timed:
    return [
        fact
        for n in range(count)
        for fact in recovery(f"t{keeper}{n}", at + n * 300.0, keeper, **more)
    ]


def heard(*facts: Timed) -> list[Signal]:
    return run(mailbox_takeovers.DETECTOR, log(*(one for some in facts for one in some)))


def test_takeovers_that_have_one_keeper_in_common_point_to_it() -> None:
    signals = heard(usual(), taken(8, "outlook"))
    assert {one.subject for one in signals} == {mailbox_subject("outlook")}
    assert {one.forger for one in signals} == {Forger.CUSTOMERS}
    weights = [round(one.evidence[READ], 1) for one in signals]
    assert weights[0] == pytest.approx(3.5, abs=0.1)  # the third: 3 ln 4 - ½ ln 4
    assert weights[-1] == 6.0
    assert weights == sorted(weights)
    assert "8 of 8" in signals[-1].reason or "5 of 5" in signals[-1].reason


def test_what_falls_as_customers_do_is_quiet() -> None:
    chance, facts = random.Random(1), usual(200)
    for n in range(400):
        keeper = chance.choice(("gmail", "outlook", "gmail", "other"))
        facts += recovery(f"t{n}", 30_000 + n * 8000.0, keeper)
    signals = heard(facts)
    assert max((one.evidence.get(READ, 0.0) for one in signals), default=0.0) < 4.0
    assert sum(one.evidence.get(READ, 0.0) >= 2.0 for one in signals) < 10


def test_what_fits_or_a_factor_finished_or_one_provider_could_have_read_is_none() -> None:
    for more in ({"risk": 1.0}, {"factor": True}, {"through": ("a", "a")}):
        assert heard(usual(), taken(8, "outlook", **more)) == []
    assert heard(taken(8, "outlook")) == []  # nobody knows yet what is usual
    assert heard(usual(), taken(8, "other")) == []


def test_an_owner_who_denies_what_looked_like_them_was_robbed_as_well() -> None:
    facts = taken(4, "outlook", risk=0.0)
    facts += [
        (
            12_000.0 + n,
            RecoveryDenied(
                recovery=f"toutlook{n}",
                account=f"account_toutlook{n}",
                after_completion=True,
                provider="a",
                acted=True,
            ),
        )
        for n in range(4)
    ]
    signals = heard(usual(), facts)
    assert signals[-1].subject == mailbox_subject("outlook")
    assert len(signals[-1].events) >= 3


def test_a_flood_of_requests_pushes_out_no_recovery_of_which_a_proof_was_shown() -> None:
    whole = taken(6, "outlook")
    ends = [one for one in whole if isinstance(one[1], RecoveryCompleted)]
    flood: Timed = [
        (
            12_000 + n * 0.1,
            ProofSent(
                recovery=f"f{n}", account=f"his_{n}", proof="link", message=f"m{n}", provider="a"
            ),
        )
        for n in range(3000)
    ]
    late = [(13_000.0 + n, fact) for n, (_, fact) in enumerate(ends)]
    before = [one for one in whole if one not in ends]
    signals = heard(usual(), before, flood, late)
    assert signals[-1].evidence[READ] == 6.0


def opinion(*facts: Timed) -> Opinion:
    beliefs = Beliefs()
    signals = replay(log(*(one for some in facts for one in some)), WatchSettings())
    for signal in signals:
        beliefs = hear(beliefs, signal)
    found = weigh(beliefs, START + 13_000 * SECOND, CorrelationSettings())[1]
    (one,) = [one for one in found if one.hypothesis is READ]
    return one


def altered(provider: str, at: float) -> Timed:
    return [
        (
            at,
            CanaryArrived(
                provider=provider,
                message=f"m{provider}",
                seconds=1.0,
                strangers=("evil.example",),
                mailbox="outlook",
            ),
        )
    ]


def test_customers_alone_accuse_no_keeper_and_beside_a_sign_of_our_own_they_do() -> None:
    """Whoever has accounts stages takeovers of them, with mailboxes wherever he likes."""
    staged = taken(8, "outlook")
    alone = opinion(usual(), staged)
    assert not alone.open
    assert alone.log_odds < -1
    sign = (*altered("a", 12_500.0), *altered("b", 12_501.0))
    assert not opinion(usual(), list(sign)).open
    both = opinion(usual(), staged, list(sign))
    assert both.open
    assert not both.may_cut_automatically
