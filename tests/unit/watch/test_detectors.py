"""Each detector on a quiet log and on a loud one."""

import importlib
import math
import random

import msgspec
import pytest
from watch_logs import START, attempt, delivered, denied, drifted, half, log, request, run

from mailkeep.accounts.events import (
    ChangeDenied,
    ChangeHeld,
    FactorBlocked,
    PasskeyCopied,
    SessionDenied,
    SignedInFact,
    SubjectsRewritten,
)
from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.mail.events import DeliveryReported, FailedOver, ForeignMailReported
from mailkeep.recovery.events import DecoyShown, ProofSent, RecoveryCompleted, RecoveryVoided
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detector import Detects
from mailkeep.watch.detectors import (
    decoy_shown,
    delivery_silence,
    denial,
    half_proof,
    honey_account,
    provider_refusal,
    reset_surge,
    stranger_in_mail,
)
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import replay
from mailkeep.watch.events import (
    CanaryArrived,
    CanaryRefused,
    CanarySent,
    HoneyMailArrived,
    PostureAccepted,
    PostureBlind,
    ProviderNoticed,
    SupportClaimed,
    VolumeTold,
)
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Forger,
    HoneyAccount,
    HoneySettings,
    Hypothesis,
    Signal,
    SilenceSettings,
    WatchSettings,
    mailbox_subject,
    provider_subject,
)


def _flow(until: float, stop: float, seed: int, rate: float = 1.0) -> list[tuple[float, Fact]]:
    """Poisson sends to ``until``; each is confirmed, as long as that is before ``stop``."""
    chance = random.Random(seed)
    facts: list[tuple[float, Fact]] = []
    when = 0.0
    while (when := when + chance.expovariate(rate)) < until:
        facts.append((when, attempt(number=len(facts))))
        if when + 0.5 < stop:
            facts.append((when + 0.5, delivered(number=len(facts))))
    return facts


def test_a_backlog_of_reports_does_not_pass_for_mail_that_arrives_now() -> None:
    """Reports that a day's trying again brings at last say what was; what is now is silence."""

    def backlog(number: int, weight: float) -> Fact:
        return msgspec.structs.replace(delivered(number=number), late=600.0, weight=weight)

    facts = _flow(1100, 1000, 1)
    weights = {0.2: 1, 1.0: 0}
    for weight, alarms in weights.items():
        late = [(1000.0 + n / 5, backlog(10_000 + n, weight)) for n in range(500)]
        signals = run(delivery_silence.DETECTOR, log(*facts, *late))
        assert len(signals) == alarms, weight


@pytest.mark.parametrize("seed", range(5))
def test_silence_alarms_at_the_limit(seed: int) -> None:
    """λ = 1/s, one false alarm in 30 days: ln(1 + λγ)/λ = 14.8 s after the last confirmation."""
    facts = log(*_flow(1100, 1000, seed))
    last = max(one.at for one in facts if one.fact.kind == "mail.reported")
    signals = run(delivery_silence.DETECTOR, facts)
    assert len(signals) == 1
    delay = (signals[0].at - last) / SECOND
    assert delay == pytest.approx(math.log1p(30 * 86_400), rel=0.1, abs=1.0)
    assert signals[0].evidence.keys() == {Hypothesis.PROVIDER_SILENT}
    assert not signals[0].own_observation


def test_no_silence_where_mail_arrives_or_none_is_sent() -> None:
    busy = _flow(3600, 9999, 7)
    assert run(delivery_silence.DETECTOR, log(*busy), through=90_000) == []


def test_a_missing_canary_is_our_own_observation() -> None:
    facts: list[tuple[float, Fact]] = [
        (n * 5.0, CanarySent(provider="a", message=f"m{n}")) for n in range(100)
    ]
    facts += [
        (n * 5.0 + 1, CanaryArrived(provider="a", message=f"m{n}", seconds=1.0, strangers=()))
        for n in range(60)
    ]
    facts += [(n * 1.0, delivered(number=n)) for n in range(500)]  # and the provider says: all well
    signals = run(delivery_silence.DETECTOR, log(*facts))
    assert len(signals) == 1
    assert signals[0].own_observation
    assert (signals[0].at - START) / SECOND - 296 <= 15 + 5


@pytest.mark.parametrize("seed", range(5))
def test_canaries_and_reports_together_see_a_silence_in_fifteen_seconds(seed: int) -> None:
    """Half a mail a second through each of two providers, canaries every five, then nothing."""
    chance = random.Random(seed)
    facts: list[tuple[float, Fact]] = [*_flow(600, 500, seed, rate=0.5)]
    facts += [(n * 0.9, delivered("b", n)) for n in range(600)]
    when = chance.uniform(0, 5)
    while (when := when + chance.uniform(4, 6)) < 600:
        facts += [
            (when, attempt(number=round(when))),
            (when, CanarySent(provider="a", message=f"m{when}")),
        ]
        if when < 500:
            facts += [
                (when + 0.5, delivered(number=round(when * 10))),
                (
                    when + 0.5,
                    CanaryArrived(provider="a", message=f"m{when}", seconds=0.5, strangers=()),
                ),
            ]
    signals = run(delivery_silence.DETECTOR, log(*facts))
    last = max(when for when, one in facts if one.kind == "mail.reported" and one.provider == "a")
    first = signals[0]
    assert first.subject == provider_subject("a")
    assert first.own_observation
    assert first.evidence[Hypothesis.PROVIDER_SILENT] >= 6.0
    assert (first.at - START) / SECOND - last <= 15


def test_three_canaries_in_a_row_take_a_silence_back() -> None:
    facts: list[tuple[float, Fact]] = [
        (n * 5.0, CanarySent(provider="a", message=f"m{n}")) for n in range(60)
    ]
    facts += [
        (n * 5.0 + 1, CanaryArrived(provider="a", message=f"m{n}", seconds=1.0, strangers=()))
        for n in range(60)
        if n < 20 or n in (35, 36) or n >= 40
    ]
    first, back = run(delivery_silence.DETECTOR, log(*facts))
    assert first.evidence[Hypothesis.PROVIDER_SILENT] >= 6.0
    assert (back.evidence, back.restates) == ({}, True)
    assert (back.at - START) / SECOND == 42 * 5 + 1


def test_canaries_that_arrive_late_or_in_time_are_quiet() -> None:
    facts: list[tuple[float, Fact]] = []
    for n in range(200):
        facts.append((n * 5.0, CanarySent(provider="a", message=f"m{n}")))
        facts.append(
            (
                n * 5.0 + (12 if n % 20 == 0 else 1),
                CanaryArrived(provider="a", message=f"m{n}", seconds=1.0, strangers=()),
            )
        )
    assert run(delivery_silence.DETECTOR, log(*facts)) == []


@pytest.mark.parametrize("outcome", ["suspended", "unauthorised", "unavailable", "ambiguous"])
def test_refusals_are_kept_apart(outcome: str) -> None:
    signals = run(
        provider_refusal.DETECTOR, log(*((n, attempt("b", outcome, n)) for n in range(6)))
    )
    assert len(signals) == 1
    assert signals[0].subject == provider_subject("b")
    compromise = signals[0].evidence.get(Hypothesis.PROVIDER_COMPROMISED, 0.0)
    assert (compromise > 0) == (outcome in ("suspended", "unauthorised"))


@pytest.mark.parametrize("outcome", ["unauthorised", "unavailable", "ambiguous"])
def test_one_message_tried_often_frames_no_provider(outcome: str) -> None:
    facts = log(*((n, attempt("b", outcome)) for n in range(40)))
    assert run(provider_refusal.DETECTOR, facts) == []


def test_mail_for_one_address_frames_no_provider() -> None:
    facts = [
        (n, msgspec.structs.replace(attempt("b", "unauthorised", n), address="address_1"))
        for n in range(40)
    ]
    assert run(provider_refusal.DETECTOR, log(*facts)) == []


def test_canaries_refused_in_words_show_a_suspension_that_blames_nobody() -> None:
    facts: list[tuple[float, Fact]] = [
        (n, CanaryRefused(provider="b", message=f"m{n}", outcome="suppressed_there"))
        for n in range(3)
    ]
    facts += [(n + 0.5, attempt("b", "suppressed_there", n)) for n in range(3)]
    (signal,) = run(provider_refusal.DETECTOR, log(*facts))
    assert signal.evidence == {Hypothesis.PROVIDER_SILENT: 6.0}
    # One canary tried often is one, and a mail that was taken between says that all is well.
    often = [(n, CanaryRefused(provider="b", message="m", outcome="rejected")) for n in range(9)]
    assert run(provider_refusal.DETECTOR, log(*often)) == []
    assert run(provider_refusal.DETECTOR, log(*facts, (1.7, attempt("b")))) == []


def test_who_takes_mail_again_is_refusing_no_more_and_can_be_said_to_at_once() -> None:
    down = [(n, attempt("b", "unavailable", n)) for n in range(6)]
    up = [(10 + n, attempt("b", "accepted", 10 + n)) for n in range(3)]
    again = [(20 + n, attempt("b", "unavailable", 20 + n)) for n in range(6)]
    first, back, second = run(provider_refusal.DETECTOR, log(*down, *up, *again))
    assert first.evidence == second.evidence == {Hypothesis.PROVIDER_SILENT: 7.0}
    assert back.evidence == {}
    assert back.restates

    # One that fails between is not back.
    flap = [(10.0, up[0][1]), (11.0, up[1][1]), (12.0, down[0][1]), (13.0, up[2][1])]
    assert len(run(provider_refusal.DETECTOR, log(*down, *flap))) == 1


def test_an_account_that_is_reinstated_keeps_what_speaks_for_a_compromise() -> None:
    facts = [(0.0, attempt("b", "suspended"))]
    facts += [(1 + n, attempt("b", "accepted", n)) for n in range(3)]
    _, back = run(provider_refusal.DETECTOR, log(*facts))
    assert back.evidence == {Hypothesis.PROVIDER_COMPROMISED: 0.7}


def test_single_failures_between_successes_are_no_refusal() -> None:
    words = ["unavailable", "unavailable", "accepted", "rejected", "unauthorised", "accepted"] * 20
    facts = log(*((n, attempt("b", word)) for n, word in enumerate(words)))
    assert run(provider_refusal.DETECTOR, facts) == []


def test_a_stranger_in_a_canary_names_the_provider_once() -> None:
    facts = log(
        (1, CanaryArrived(provider="b", message="m1", seconds=1.0, strangers=())),
        (
            2,
            CanaryArrived(
                provider="a", message="m2", seconds=1.0, strangers=("arxxwalls.example",)
            ),
        ),
        (
            3,
            CanaryArrived(
                provider="a", message="m3", seconds=1.0, strangers=("ARXXwalls.example",)
            ),
        ),
    )
    (signal,) = run(stranger_in_mail.DETECTOR, facts)
    assert signal.subject == provider_subject("a")
    assert signal.own_observation
    assert "arxxwalls.example" in signal.reason


def test_what_a_stranger_wrote_is_reduced_to_a_host_name() -> None:
    facts = log(
        (
            1,
            CanaryArrived(
                provider="a", message="m", seconds=1.0, strangers=("<b>x\n\u202e" + "y" * 500,)
            ),
        )
    )
    (signal,) = run(stranger_in_mail.DETECTOR, facts)
    assert not set("<>\n\u202e") & set(signal.reason)
    assert len(signal.reason) < 200


def _altered(provider: str, number: int, mailbox: str = "gmail") -> Fact:
    return CanaryArrived(
        provider=provider,
        message=f"m{number}",
        seconds=1.0,
        strangers=("evil.example",),
        mailbox=mailbox,
    )


def test_who_keeps_a_mailbox_frames_no_provider_by_what_he_writes_into_it() -> None:
    """He has every provider's canaries, and may alter one's or all."""
    (one,) = run(stranger_in_mail.DETECTOR, log((1, _altered("a", 1))))
    assert (one.forger, one.own_observation) == (Forger.CUSTOMERS, False)
    assert one.evidence == {Hypothesis.PROVIDER_COMPROMISED: 4.7}
    facts = [(1, _altered("a", 1)), (2, _altered("b", 2))]
    _, a, b, keeper = run(stranger_in_mail.DETECTOR, log(*facts))
    assert (a.subject, a.evidence) == (provider_subject("a"), {})
    assert (b.subject, b.evidence) == (provider_subject("b"), {})
    assert (keeper.subject, keeper.forger) == (mailbox_subject("gmail"), Forger.NOBODY)
    assert keeper.evidence == {Hypothesis.MAILBOX_COMPROMISED: 3.5}


def test_what_came_to_our_own_listener_is_the_providers_wherever_else_it_comes() -> None:
    facts = [(1, _altered("a", 1, "own-recovery")), (2, _altered("a", 2)), (3, _altered("b", 3))]
    signals = run(stranger_in_mail.DETECTOR, log(*facts))
    said = {one.subject.id: one for one in signals}
    assert (said["a"].forger, said["a"].own_observation) == (Forger.NOBODY, True)
    assert said["a"].evidence == {Hypothesis.PROVIDER_COMPROMISED: 4.7}
    assert said["b"].forger is Forger.CUSTOMERS
    assert set(said) == {"a", "b"}


def test_a_mailbox_of_which_nobody_knows_the_keeper_is_accused_of_nothing() -> None:
    facts = [(1, _altered("a", 1, "other")), (2, _altered("b", 2, "other"))]
    signals = run(stranger_in_mail.DETECTOR, log(*facts))
    assert {one.subject.kind for one in signals} == {"provider"}
    assert [one.evidence for one in signals[1:]] == [{}, {}]


def test_half_a_proof_names_its_route_when_the_other_does_not_come() -> None:
    early, full = run(half_proof.DETECTOR, log((1, half("r1", "b"))), through=700)
    assert early.subject == full.subject == provider_subject("b")
    assert (early.at, full.at) == (START + 46 * SECOND, START + 601 * SECOND)
    assert (_compromised(early), _compromised(full)) == (1.0, 2.5)
    assert full.restates
    assert full.forger is Forger.CUSTOMERS


def _compromised(signal: Signal) -> float:
    return round(signal.evidence.get(Hypothesis.PROVIDER_COMPROMISED, 0.0), 3)


def test_that_the_same_browser_asked_excuses_little() -> None:
    """On 8 August the attackers asked for the resets themselves."""
    signals = run(half_proof.DETECTOR, log((1, half("r1", "b", asked=True))), through=700)
    assert [_compromised(one) for one in signals] == [0.8, 2.0]


def test_a_partner_takes_the_case_back_unless_the_owner_brings_it() -> None:
    partner, owners = half("r1", "b", proof="code"), half("r1", "b", proof="code", known=True)
    taken = run(half_proof.DETECTOR, log((1, half("r1")), (99, partner)), through=700)
    assert [_compromised(one) for one in taken] == [1.0, 0.0]
    assert taken[-1].evidence == {}
    kept = run(half_proof.DETECTOR, log((1, half("r1")), (99, owners)), through=700)
    assert [_compromised(one) for one in kept] == [1.0, 2.5]


def test_one_account_counts_once_however_often_it_is_staged() -> None:
    facts = [
        (n * 700.0, msgspec.structs.replace(half(f"r{n}"), account="account_1")) for n in range(5)
    ]
    signals = run(half_proof.DETECTOR, log(*facts), through=4000)
    assert max(_compromised(one) for one in signals) == 2.5


def test_half_proofs_of_several_accounts_weigh_more() -> None:
    signals = run(half_proof.DETECTOR, log(*((n, half(f"r{n}")) for n in range(3))), through=700)
    weights = [_compromised(one) for one in signals]
    assert weights == [1.0, 2.0, 2.8, 3.7, 4.6, 5.5]
    assert "3 accounts, 3 of them for long" in signals[-1].reason


def test_a_denied_half_proof_is_said_at_once() -> None:
    voided = RecoveryVoided(recovery="r1", account="account_r1", why="denied")
    (signal,) = run(half_proof.DETECTOR, log((1, half("r1")), (9, voided)), through=700)
    assert _compromised(signal) == 2.5
    assert signal.at == START + 9 * SECOND


def test_whole_proofs_and_known_browsers_are_quiet() -> None:
    facts = log(
        (1, half("r1")),
        (30, half("r1", "b", proof="code")),
        (40, half("r2", known=True)),
        (45, half("r2", asked=True, known=True)),
        (50, half("r3")),
        (60, RecoveryCompleted(recovery="r3", account="account_r3", factor=False, browser="b2")),
        (70, half("r4")),
        (80, RecoveryVoided(recovery="r4", account="account_r4", why="superseded")),
    )
    assert run(half_proof.DETECTOR, facts, through=3000) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_surge_of_ten_times_the_base_is_seen_by_the_ninth(seed: int) -> None:
    chance = random.Random(seed)
    facts: list[tuple[float, Fact]] = []
    when = 0.0
    while (when := when + chance.expovariate(1 / 60)) < 20_000:
        facts.append((when, request(len(facts))))
    usual = len(facts)
    facts += [(20_000 + n * 6.0, request(usual + n)) for n in range(1, 31)]
    signals = run(reset_surge.DETECTOR, log(*facts))
    assert len(signals) == 1
    assert START + 20_000 * SECOND < signals[0].at <= START + (20_000 + 9 * 6) * SECOND
    assert signals[0].subject == RESETS


def test_one_person_pressing_often_is_no_surge() -> None:
    facts = log(*((n * 2.0, request(1)) for n in range(100)))
    assert run(reset_surge.DETECTOR, facts) == []


def test_denials_are_said_at_each_doubling() -> None:
    facts = log(*((n, denied(n % 9)) for n in range(18)))
    signals = run(denial.DETECTOR, facts)
    assert [one.reason.split()[0] for one in signals] == ["1", "2", "4", "8"]
    assert {one.forger for one in signals} == {Forger.ANYONE}


def test_denied_changes_are_a_campaign_and_say_nothing_of_a_provider() -> None:
    def change(number: int, *, acted: bool = True) -> ChangeDenied:
        return ChangeDenied(
            account=f"account_{number}",
            change=f"chg_{number}",
            address="adr",
            provider="b",
            acted=acted,
        )

    facts = log(*((n, change(n % 9)) for n in range(18)), (20, denied(1)))
    signals = run(denial.DETECTOR, facts)
    assert [one.reason.split()[0] for one in signals] == ["1", "2", "4", "8", "1"]
    provider = Hypothesis.PROVIDER_COMPROMISED
    assert [provider in one.evidence for one in signals] == [False] * 4 + [True]
    assert run(denial.DETECTOR, log((1, change(1, acted=False)))) == []


def test_one_who_denies_resets_of_his_own_by_the_hour_makes_denials_nothing_usual() -> None:
    own = [(n * 3700.0, denied(1)) for n in range(24 * 6)]
    begin = own[-1][0] + 4000.0
    others = [(begin + n * 60.0, denied(100 + n)) for n in range(16)]
    signals = run(denial.DETECTOR, log(*own, *others))
    said = [one for one in signals if one.at >= START + begin * SECOND]
    assert said[0].evidence[Hypothesis.PROVIDER_COMPROMISED] >= 1.0
    assert said[-1].evidence[Hypothesis.CAMPAIGN] == 5.5


def test_denied_sessions_are_a_campaign_and_say_of_eight_accounts_that_they_are_targeted() -> None:
    def session(number: int) -> SessionDenied:
        return SessionDenied(
            account=f"account_{number}", session=f"ses_{number}", browser="b", network="n", ended=1
        )

    signals = run(denial.DETECTOR, log(*((n, session(n % 20)) for n in range(40))))
    campaign = [one for one in signals if one.subject == RESETS]
    assert [one.evidence for one in campaign] == [
        {Hypothesis.CAMPAIGN: 1.0},
        {Hypothesis.CAMPAIGN: 2.5},
        *[{Hypothesis.CAMPAIGN: 4.0}] * 3,
    ]
    targeted = [one for one in signals if one.subject != RESETS]
    assert [one.subject.id for one in targeted] == [f"account_{n}" for n in range(8)]
    assert {one.forger for one in signals} == {Forger.ANYONE}
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
        assert not any(found.open for found in weigh(beliefs, one.at, CorrelationSettings())[1])


def test_denied_changes_reach_it_through_the_engine_too() -> None:
    change = ChangeDenied(
        account="account_1", change="chg_1", address="adr", provider="b", acted=True
    )
    assert [one.detector for one in replay(log((1, change)))] == ["denial"]


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_a_detector_hears_every_fact_that_its_module_names(detector: Detects) -> None:
    """The engine hands it no other: what is missing there is never seen, in a replay neither."""
    module = importlib.import_module(f"mailkeep.watch.detectors.{detector.name}")
    named = {
        one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Fact)
    }
    assert not detector.hears or named - {Fact} <= set(detector.hears)


def test_no_denial_no_signal() -> None:
    voided = RecoveryVoided(recovery="r4", account="account_r4", why="expired")
    assert run(denial.DETECTOR, log((1, request(1)), (2, voided))) == []


def test_a_honey_account_names_the_only_provider_that_knew_it() -> None:
    honey = (HoneyAccount("address_7", "b"), HoneyAccount("account_8", "a"))
    settings = WatchSettings(honey_account=HoneySettings(honey))
    quiet = log(*((n, request(n)) for n in range(6)))
    assert run(honey_account.DETECTOR, quiet, settings=settings) == []
    loud = log((1, request(7)), (2, request(7)), (3, request(8, "account_8")))
    signals = run(honey_account.DETECTOR, loud, settings=settings)
    assert [one.subject for one in signals] == [provider_subject("b"), provider_subject("a")]


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.name)
def test_made_up_names_do_not_fill_the_memory(detector: Detects) -> None:
    running = detector.run(WatchSettings())
    for fact in log(*_flood(3000)):
        running.step(fact)
    assert len(running.save()) < 400_000


def _flood(count: int) -> list[tuple[float, Fact]]:
    facts: list[tuple[float, Fact]] = []
    for n in range(count):
        name = f"made_up_{n}"
        facts += [
            (n * 0.01, one)
            for one in (
                attempt(name, "suspended"),
                attempt(name),
                delivered(name),
                CanarySent(provider="a", message=name),
                CanaryArrived(provider=name, message=name, seconds=1.0, strangers=(name,)),
                CanaryArrived(
                    provider=name, message=name, seconds=1.0, strangers=(name,), mailbox=name
                ),
                half(name, name),
                request(n),
                denied(n),
                CanarySent(provider=name, message=name, mailbox=name),
                msgspec.structs.replace(attempt(name, number=n), family=name),
                DeliveryReported(
                    provider=name,
                    claim=name,
                    event="delivered",
                    message=name,
                    stream=None,
                    address=None,
                    at_provider=None,
                ),
                ForeignMailReported(provider=name, mail=name, why="unmarked", untold=n),
                VolumeTold(provider=name, window="all_time", count=n, what="sent"),
                FailedOver(message=name, stream=name, left=name, taken="a", because="unavailable"),
                ProofSent(recovery=name, account=name, proof="link", message=name, provider=name),
                msgspec.structs.replace(half(name, name), recovery=name),
                RecoveryCompleted(
                    recovery=name, account=name, factor=False, browser=name, risk=9.0
                ),
                SignedInFact(
                    account=name,
                    session=name,
                    network=name,
                    browser=name,
                    factor=False,
                    known_browser=False,
                ),
                ChangeHeld(
                    account=name,
                    change=name,
                    what="address_added",
                    address=None,
                    until=0,
                    factor=False,
                ),
                HoneyMailArrived(provider=name, honey=name, words=(), strays=0),
                drifted(name, n),
                drifted("a", n, "export"),
                drifted(name, n, "export"),
                PostureBlind(
                    provider=name, lists=(name,), reason="refused", before=True, whole=True
                ),
                PostureAccepted(provider=f"made_up_{n - 1}", changes=(f"chg_{n - 1}",), by=name),
                SupportClaimed(account=name, what="reset", by=name),
                FactorBlocked(account=name, factor=name, factor_kind="totp", way=name),
                PasskeyCopied(account=name, factor=name),
                SubjectsRewritten(application=name, key=name, count=n, of=n),
                ProviderNoticed(provider=name, via="mail", notice="security", authentic=n % 2 == 0),
            )
        ]
    return facts


def test_the_sum_of_canaries_and_reports_keeps_its_bound_on_false_alarms() -> None:
    """Canaries late as judged, at a bound of one alarm in half an hour: at most that many."""
    chance, facts, until = random.Random(1), _flow(36_000, 99_999, 1, rate=0.5), 36_000.0
    facts += [(when, delivered("b")) for when, _ in facts]
    for provider in "ab":
        when = 0.0
        while (when := when + chance.uniform(4, 6)) < until:
            late, name = chance.expovariate(math.log(100) / 5), f"m{when}"
            facts += [
                (when, attempt(provider)),
                (when, CanarySent(provider=provider, message=name)),
                (when + late, delivered(provider)),
                (
                    when + late,
                    CanaryArrived(provider=provider, message=name, seconds=late, strangers=()),
                ),
            ]
    settings = WatchSettings(delivery_silence=SilenceSettings(between_false_alarms=1800 / 86_400))
    signals = run(delivery_silence.DETECTOR, log(*facts), settings=settings)
    alarms = [one for one in signals if one.evidence]
    assert 0 < len(alarms) <= until / 1800


def test_who_tries_a_decoy_names_the_provider_that_it_went_through() -> None:
    tried = DecoyShown(provider="b", network="network_1", browser="browser_1")
    signals = run(decoy_shown.DETECTOR, log((10, tried), (20, denied(1)), (5000, tried)))
    assert [one.evidence[Hypothesis.PROVIDER_COMPROMISED] for one in signals] == [8.4, 8.5]
    assert {one.subject for one in signals} == {provider_subject("b")}
    assert all(one.own_observation and one.forger is Forger.NOBODY for one in signals)
