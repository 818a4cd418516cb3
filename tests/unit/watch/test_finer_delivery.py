"""``canary_missing``, ``accepted_not_delivered`` and ``failover``: quiet, loud, and attacked."""

import math
import random

import msgspec
import pytest
from watch_logs import START, attempt, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.mail.events import AttemptFinished, DeliveryReported, FailedOver
from mailkeep.watch.detectors import accepted_not_delivered, canary_missing, failover
from mailkeep.watch.events import CanaryArrived, CanarySent, SignalRaised
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    OWN_MAILBOX,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
)

Timed = list[tuple[float, Fact]]


def _canaries(
    provider: str,
    until: float,
    stop: float,
    *,
    mailbox: str = OWN_MAILBOX,
    every: float = 5.0,
    takes: float = 1.0,
    seed: int = 1,
    lost: float = 0.0,
) -> Timed:
    """Canaries sent to ``until``; those before ``stop`` arrive, but for a part ``lost``."""
    chance = random.Random(f"{seed} {provider} {mailbox}")
    facts: Timed = []
    when = chance.uniform(0, every)
    while when < until:
        name = f"{provider} {mailbox} {when}"
        facts.append((when, CanarySent(provider=provider, message=name, mailbox=mailbox)))
        if when < stop and chance.random() >= lost:
            late = takes * chance.uniform(0.5, 1.5)
            facts.append(
                (
                    when + late,
                    CanaryArrived(
                        provider=provider, message=name, seconds=late, strangers=(), mailbox=mailbox
                    ),
                )
            )
        when += every * chance.uniform(0.8, 1.2)
    return facts


def _first_lost(facts: Timed, stop: float) -> float:
    return min(when for when, one in facts if isinstance(one, CanarySent) and when >= stop)


@pytest.mark.parametrize("others", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_canary_every_five_seconds_is_missed_in_fifteen(seed: int, *, others: bool) -> None:
    mine = _canaries("a", 1100, 1000, seed=seed)
    rest = _canaries("b", 1100, 2000, seed=seed) if others else []
    signals = run(canary_missing.DETECTOR, log(*mine, *rest))
    first = signals[0]
    assert first.subject == provider_subject("a")
    assert (first.at - START) / SECOND - _first_lost(mine, 1000) <= 15 + 1.5
    assert first.evidence.keys() == {Hypothesis.PROVIDER_SILENT}
    assert first.evidence[Hypothesis.PROVIDER_SILENT] >= 6.0
    assert (first.own_observation, first.forger) == (True, Forger.NOBODY)
    assert {one.subject for one in signals} == {provider_subject("a")}


def test_canaries_that_arrive_or_are_late_by_chance_are_quiet() -> None:
    chance = random.Random(1)
    facts: Timed = []
    for provider in "ab":
        when = 0.0
        while (when := when + chance.uniform(4, 6)) < 36_000:
            late, name = chance.expovariate(math.log(100) / 5), f"{provider}{when}"
            facts += [
                (when, CanarySent(provider=provider, message=name)),
                (
                    when + late,
                    CanaryArrived(provider=provider, message=name, seconds=late, strangers=()),
                ),
            ]
    assert run(canary_missing.DETECTOR, log(*facts)) == []


def test_one_mailbox_that_a_provider_no_longer_reaches_is_named() -> None:
    facts = _canaries("a", 40_000, 99_999)
    facts = [one for one in facts if one[0] > 30_000]  # the quick ones, for as long as it matters
    facts += _canaries("a", 40_000, 30_000, mailbox="gmail", every=900, takes=20)
    facts += _canaries("b", 40_000, 99_999, mailbox="gmail", every=900, takes=20)
    signals = run(canary_missing.DETECTOR, log(*facts))
    assert signals
    assert {one.subject for one in signals} == {provider_subject("a")}
    assert "gmail" in signals[0].reason
    assert OWN_MAILBOX not in signals[0].reason
    assert signals[0].evidence == {
        Hypothesis.PROVIDER_SILENT: 3.0,
        Hypothesis.PROVIDER_COMPROMISED: 0.5,
    }
    # Who keeps the mailbox could have done it: it backs nothing, and cuts nobody off.
    assert {one.forger for one in signals} == {Forger.CUSTOMERS}


def test_decoys_that_stay_out_while_canaries_come_are_recovery_mail_that_is_dropped() -> None:
    facts = _canaries("a", 100_000, 999_999, every=600)
    facts += _canaries("a", 100_000, 80_000, mailbox=DECOY_MAILBOX, every=3600)
    facts += _canaries("b", 100_000, 999_999, mailbox=DECOY_MAILBOX, every=3600)
    first, *_ = run(canary_missing.DETECTOR, log(*facts), through=101_000)
    assert first.subject == provider_subject("a")
    assert DECOY_MAILBOX in first.reason
    assert first.evidence[Hypothesis.PROVIDER_SILENT] >= 6.0  # it opens
    assert first.evidence[Hypothesis.PROVIDER_COMPROMISED] < 0.75  # and backs nothing
    assert first.forger is Forger.NOBODY
    assert (first.at - START) / SECOND - 80_000 < 3 * 1.2 * 3600


def test_one_decoy_that_came_seconds_too_late_says_nothing() -> None:
    """Of a million some do; an hour later the next is under way, and that is no second one."""
    facts = _canaries("a", 400_000, 999_999, every=600)
    facts += _canaries("a", 400_000, 999_999, mailbox=DECOY_MAILBOX, every=3600)
    arrived = [one for one in facts if isinstance(one[1], CanaryArrived)]
    decoys = [one for one in arrived if one[1].mailbox == DECOY_MAILBOX and one[0] > 300_000]
    late = min(decoys, key=lambda one: one[0])
    facts.remove(late)
    facts.append((late[0] + 30, late[1]))
    assert run(canary_missing.DETECTOR, log(*sorted(facts, key=lambda one: one[0]))) == []


def test_a_mailbox_where_nobodys_mail_arrives_frames_no_provider() -> None:
    """Somebody fills the mailbox, or floods our listener: every provider's canaries are missing."""
    facts: Timed = []
    for provider in "ab":
        facts += _canaries(provider, 40_000, 20_000, mailbox="gmail", every=900, takes=20)
        facts += _canaries(provider, 1300, 1000)
    assert run(canary_missing.DETECTOR, log(*facts)) == []


def test_dropping_a_third_is_seen_and_three_in_a_row_take_it_back() -> None:
    part = _canaries("a", 3000, 9999, lost=0.35)
    assert run(canary_missing.DETECTOR, log(*part, *_canaries("b", 3000, 9999)))
    back = [one for one in _canaries("a", 1400, 9999) if not 1000 < one[0] < 1100]
    gone = [(when, one) for when, one in _canaries("a", 1400, 1000) if 1000 < when < 1100]
    signals = run(canary_missing.DETECTOR, log(*back, *gone, *_canaries("b", 1400, 9999)))
    assert signals[0].evidence
    assert (signals[-1].evidence, signals[-1].restates) == ({}, True)


def test_an_arrival_that_was_never_sent_earns_nothing() -> None:
    mine = _canaries("a", 1100, 1000)
    forged = [
        (1000.0 + n, CanaryArrived(provider="a", message=f"made_up_{n}", seconds=1.0, strangers=()))
        for n in range(100)
    ]
    assert run(canary_missing.DETECTOR, log(*mine, *forged))


# accepted_not_delivered


def _mail(
    until: float,
    stop: float,
    *,
    provider: str = "a",
    family: str = "gmail",
    event: str = "delivered",
    every: float = 5.0,
    takes: float = 3.0,
    addresses: int = 10_000,
) -> Timed:
    """Mail taken every few seconds; of what was taken before ``stop`` delivery is reported."""
    facts: Timed = []
    count = 0
    when = 0.0
    while (when := when + every) < until:
        count += 1
        name = f"{provider} {family} {count}"
        facts.append(
            (
                when,
                AttemptFinished(
                    message=name,
                    attempt=f"att {name}",
                    provider=provider,
                    stream="bulk",
                    address=f"address_{count % addresses}",
                    outcome="accepted",
                    detail="",
                    seconds=0.1,
                    family=family,
                ),
            )
        )
        if when < stop or event != "delivered":
            said = "delivered" if when < stop else event
            facts.append(
                (
                    when + takes,
                    DeliveryReported(
                        provider=provider,
                        claim=name,
                        event=said,
                        message=name,
                        stream="bulk",
                        address=None,
                        at_provider=None,
                    ),
                )
            )
    return facts


def test_mail_for_one_family_that_is_no_longer_confirmed_names_provider_and_family() -> None:
    facts = _mail(1600, 1000) + _mail(1600, 9999, family="yahoo")
    first, *_ = run(accepted_not_delivered.DETECTOR, log(*facts))
    assert first.subject == provider_subject("a")
    assert "gmail" in first.reason
    assert first.evidence == {Hypothesis.PROVIDER_SILENT: 5.0}
    assert not first.own_observation
    # 60 seconds of waiting, and five or six mails five seconds apart.
    assert (first.at - START) / SECOND < 1000 + 60 + 35


def test_mail_that_is_confirmed_or_answered_otherwise_is_quiet() -> None:
    assert run(accepted_not_delivered.DETECTOR, log(*_mail(3000, 9999))) == []
    for event in ("bounced", "deferred", "soft_bounced"):
        facts = _mail(2000, 1000, event=event)
        assert run(accepted_not_delivered.DETECTOR, log(*facts)) == [], event


def test_a_family_that_never_confirms_says_nothing() -> None:
    assert run(accepted_not_delivered.DETECTOR, log(*_mail(9000, 0)), through=90_000) == []


def test_a_server_that_holds_its_answers_back_is_one_address_and_backs_nothing() -> None:
    """A customer with a server of his own signs up, and never lets deliveries end."""
    usual = _mail(1000, 9999, family="other")
    held = [
        (1000 + when, msgspec.structs.replace(one, message=f"held {n}", address="address_x"))
        for n, (when, one) in enumerate(_mail(2000, 0, family="other"))
        if isinstance(one, AttemptFinished)
    ]
    assert run(accepted_not_delivered.DETECTOR, log(*usual, *held), through=4000) == []
    many = _mail(2000, 1000, family="other")
    signals = run(accepted_not_delivered.DETECTOR, log(*many), through=2200)
    assert {one.forger for one in signals} == {Forger.CUSTOMERS}


def test_all_providers_at_once_are_our_own_door() -> None:
    facts = _mail(1600, 1000) + _mail(1600, 1000, provider="b")
    weights = [
        one.evidence[Hypothesis.PROVIDER_SILENT]
        for one in run(accepted_not_delivered.DETECTOR, log(*facts))
    ]
    assert weights[1:]
    assert set(weights) == {2.5}


def test_another_providers_word_answers_nothing() -> None:
    facts = _mail(1600, 1000)
    forged = [
        (
            when + 1,
            DeliveryReported(
                provider="b",
                claim=f"b{when}",
                event="delivered",
                message=one.message,
                stream=None,
                address=None,
                at_provider=None,
            ),
        )
        for when, one in facts
        if isinstance(one, AttemptFinished) and when >= 1000
    ]
    assert run(accepted_not_delivered.DETECTOR, log(*facts, *forged))


# failover


def _moved(
    number: int, left: str, taken: str, because: str = "unavailable", stream: str = "alert"
) -> Fact:
    return FailedOver(
        message=f"msg_{number}", stream=stream, left=left, taken=taken, because=because
    )


def _speaks_against(
    provider: str, *, own: bool = True, forger: Forger = Forger.NOBODY
) -> SignalRaised:
    return SignalRaised(
        signal=Signal(
            "stranger_in_mail",
            Family.CONTENT,
            provider_subject(provider),
            {Hypothesis.PROVIDER_COMPROMISED: 6.0},
            START,
            "x",
            (),
            own,
            forger,
            86_400.0,
            START + 86_400 * SECOND,
        )
    )


def test_a_stream_that_goes_back_and_forth_says_who_is_left_most() -> None:
    turns: Timed = [
        (n * 30.0, _moved(n, *(("a", "b") if n % 2 == 0 else ("b", "a")))) for n in range(7)
    ]
    (signal,) = run(failover.DETECTOR, log(*turns))
    assert signal.subject == provider_subject("a")
    assert signal.evidence == {Hypothesis.PROVIDER_SILENT: 2.0}


def test_one_outage_and_one_message_on_all_routes_are_quiet() -> None:
    outage: Timed = [(n * 1.0, _moved(n, "a", "b")) for n in range(100)]
    wanders: Timed = [
        (200 + n, _moved(1000, *(("a", "b") if n % 2 == 0 else ("b", "a")))) for n in range(20)
    ]
    assert run(failover.DETECTOR, log(*outage, *wanders)) == []


def test_what_a_customer_brings_about_moves_nothing() -> None:
    """A receiver that defers, a sender that is refused, a flood that is throttled."""
    for because in ("deferred", "suppressed_there", "sender_refused", "throttled"):
        turns: Timed = [
            (n * 3.0, _moved(n, *(("a", "b") if n % 2 == 0 else ("b", "a")), because))
            for n in range(40)
        ]
        assert run(failover.DETECTOR, log(*turns)) == [], because


def test_mail_that_failures_move_to_a_suspect_is_said_and_backs_nothing() -> None:
    moves: Timed = [(10.0 + n, _moved(n, "a", "b", stream="recovery")) for n in range(5)]
    assert run(failover.DETECTOR, log(*moves)) == []
    (signal,) = run(failover.DETECTOR, log((1.0, _speaks_against("b")), *moves))
    assert signal.subject == provider_subject("b")
    assert signal.evidence[Hypothesis.PROVIDER_COMPROMISED] < 0.75  # ``backing`` by default
    # What outsiders can stage makes no suspect.
    for staged in (
        _speaks_against("b", forger=Forger.CUSTOMERS),
        _speaks_against("b", own=False),
    ):
        assert run(failover.DETECTOR, log((1.0, staged), *moves)) == []


def test_attempts_of_made_up_families_are_bounded() -> None:
    facts = [
        (n * 0.1, msgspec.structs.replace(attempt("a", number=n), family=f"made_up_{n}"))
        for n in range(2000)
    ]
    running = accepted_not_delivered.DETECTOR.run(WatchSettings())
    for one in log(*facts):
        running.step(one)
    assert len(running.save()) < 200_000


def _recovery(until: float, stop: float, provider: str = "a") -> list[tuple[float, Fact]]:
    """Recovery mail to two families in turn, and much other mail beside it, which arrives."""
    facts = _mail(until, 99_999, provider=provider)
    for number in range(round(until / 60)):
        when, name = number * 60.0, f"{provider} r{number}"
        family = ("gmail", "yahoo")[number % 2]
        sent = AttemptFinished(
            message=name,
            attempt=name,
            provider=provider,
            stream="recovery",
            address=f"adr_{number}",
            outcome="accepted",
            detail="",
            seconds=0.1,
            family=family,
        )
        facts.append((when, sent))
        if when < stop:
            heard = DeliveryReported(
                provider=provider,
                claim=name,
                event="delivered",
                message=name,
                stream="recovery",
                address=None,
                at_provider=None,
            )
            facts.append((when + 2, heard))
    return facts


def test_who_drops_recovery_mail_alone_is_silent_for_that_stream() -> None:
    signals = run(accepted_not_delivered.DETECTOR, log(*_recovery(9000, 6000)))
    first = next(one for one in signals if "stream recovery" in one.reason)
    assert first.evidence[Hypothesis.PROVIDER_SILENT] == 6.5
    assert first.forger is Forger.NOBODY
    assert (first.at - START) / SECOND < 6000 + 60 + 4 * 60


def test_what_one_family_blocks_is_no_silence_of_a_stream() -> None:
    facts = [
        (when, one)
        for when, one in _recovery(9000, 9999)
        if not (
            when > 6000
            and isinstance(one, DeliveryReported)
            and one.stream == "recovery"
            and int((one.message or "").partition(" r")[2]) % 2
        )
    ]
    signals = run(accepted_not_delivered.DETECTOR, log(*facts))
    assert signals
    assert {one.evidence[Hypothesis.PROVIDER_SILENT] for one in signals} == {5.0}


def test_decoys_lost_in_an_outage_are_no_silence_of_the_day_after() -> None:
    whole = _canaries("a", 200_000, 999_999, every=600)
    decoys = _canaries("a", 200_000, 999_999, mailbox=DECOY_MAILBOX, every=3600)
    facts = [
        (when, one)
        for when, one in [*whole, *decoys]
        if not (100_000 < when < 114_400 and isinstance(one, CanaryArrived))
    ]
    signals = run(canary_missing.DETECTOR, log(*facts))
    assert any(one.evidence.get(Hypothesis.PROVIDER_SILENT, 0.0) >= 6.0 for one in signals)
    later = [one for one in signals if (one.at - START) / SECOND > 114_400 + 2 * 3600]
    assert all(one.evidence.get(Hypothesis.PROVIDER_SILENT, 0.0) <= 3.0 for one in later)
