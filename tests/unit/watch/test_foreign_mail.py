"""``unknown_message``, ``volume_mismatch`` and ``honey_hit``: quiet, loud, and attacked."""

import random

import msgspec
from watch_logs import START, attempt, log, run

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Fact
from mailkeep.mail.events import ForeignMailReported
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.detectors import honey_hit, unknown_message, volume_mismatch
from mailkeep.watch.events import HoneyMailArrived, VolumeTold
from mailkeep.watch.types import (
    OUR_HOUSE,
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
)

Timed = list[tuple[float, Fact]]
COMPROMISED = Hypothesis.PROVIDER_COMPROMISED
HOURS = HOUR / SECOND
DAYS = DAY / SECOND


def _opinions(signals: list[Signal]) -> list[Opinion]:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    return weigh(beliefs, signals[-1].at, CorrelationSettings())[1]


def _foreign(number: int, provider: str = "a", why: str = "unmarked", untold: int = 0) -> Fact:
    return ForeignMailReported(
        provider=provider, mail=f"mail_{provider}_{number}", why=why, untold=untold
    )


def test_the_first_mail_that_is_not_ours_is_said_and_more_of_it_weighs_more() -> None:
    one = run(unknown_message.DETECTOR, log((2 * DAYS, _foreign(1))))
    assert [signal.subject for signal in one] == [provider_subject("a")]
    assert 1.0 < one[0].evidence[COMPROMISED] <= 5.0
    assert not one[0].own_observation
    marked = run(unknown_message.DETECTOR, log((2 * DAYS, _foreign(1, why="unknown"))))
    assert one[0].evidence[COMPROMISED] < marked[0].evidence[COMPROMISED] <= 6.0
    # Alone it opens nothing, and cuts nobody off.
    assert not any(opinion.open for opinion in _opinions(marked))


def test_a_colleague_who_tries_something_after_two_quiet_months_is_hardly_a_sign() -> None:
    facts = [(60 * n * DAYS, _foreign(n)) for n in range(1, 4)]
    for one in run(unknown_message.DETECTOR, log(*facts)):
        assert one.evidence[COMPROMISED] < 1.5
    # Somebody who sends is another matter, however quiet it was before.
    facts += [(240 * DAYS + 60 * n, _foreign(100 + n)) for n in range(4)]
    assert run(unknown_message.DETECTOR, log(*facts))[-1].evidence[COMPROMISED] > 4.5


def test_another_system_at_the_same_account_is_learned() -> None:
    """Forty mails a day that are not ours, for three weeks, then ten times as many."""
    chance = random.Random(1)
    facts: Timed = []
    when = 0.0
    while (when := when + chance.expovariate(40 / DAYS)) < 21 * DAYS:
        facts.append((when, _foreign(len(facts))))
    usual = run(unknown_message.DETECTOR, log(*facts))
    late = [one for one in usual if one.at > START + 14 * DAY]
    assert all(one.evidence[COMPROMISED] < 4.5 for one in late)
    assert len(late) < 3 * 7
    burst = [(21 * DAYS + n * 20, _foreign(100_000 + n)) for n in range(60)]
    loud = run(unknown_message.DETECTOR, log(*facts, *burst))
    assert loud[-1].at > START + 21 * DAY
    assert loud[-1].evidence[COMPROMISED] == 5.0


def test_strangers_at_two_providers_at_once_come_from_our_house() -> None:
    facts = [(n * 60.0, _foreign(n, provider)) for n in range(3) for provider in "ab"]
    signals = run(unknown_message.DETECTOR, log(*facts))
    (leak,) = [one for one in signals if one.subject == OUR_HOUSE]
    assert leak.evidence == {Hypothesis.LEAKED_HERE: 4.0}


def test_a_flood_of_made_up_mails_is_a_count_and_a_signal_now_and_then() -> None:
    facts = [(n * 2.0, _foreign(n, untold=1000)) for n in range(1800)]
    running = unknown_message.DETECTOR.run(WatchSettings())
    signals = [one for fact in log(*facts) for one in running.step(fact)]
    assert len(signals) < 6
    assert len(running.save()) < 20_000


# volume_mismatch


def _told(count: int, provider: str = "a") -> Fact:
    return VolumeTold(provider=provider, window="all_time", count=count, what="sent")


def _sending(hours: int, *, extra: int = 0, extra_at: int = 0, lag: float = 600.0) -> Timed:
    """A mail a minute; the provider's total, ten minutes behind, every quarter of an hour."""
    facts: Timed = [(n * 60.0, attempt("a", number=n)) for n in range(hours * 60)]
    for quarter in range(1, hours * 4):
        when = quarter * 900.0
        count = int((when - lag) / 60) + 5000
        facts.append((when, _told(count + (extra if quarter >= extra_at * 4 else 0))))
    return facts


def test_a_total_that_is_ours_however_late_it_is_counted_is_quiet() -> None:
    for lag in (0.0, 600.0, 5400.0):
        assert run(volume_mismatch.DETECTOR, log(*_sending(48, lag=lag))) == [], lag


def test_mail_that_we_did_not_give_is_counted() -> None:
    signals = run(volume_mismatch.DETECTOR, log(*_sending(48, extra=40, extra_at=30)))
    assert len(signals) == 1
    assert signals[0].evidence == {COMPROMISED: 5.0}
    assert not signals[0].own_observation
    assert signals[0].at == START + 30 * HOUR
    assert not any(opinion.open for opinion in _opinions(signals))


def test_copies_count_as_they_do_at_the_provider_and_a_total_may_begin_anew() -> None:
    facts: Timed = [(0.0, _told(100))]
    facts += [
        (n * 60.0, msgspec.structs.replace(attempt("a", number=n), recipients=3))
        for n in range(1, 1000)
    ]
    facts += [(n * 900.0, _told(100 + 45 * n)) for n in range(1, 60)]
    facts += [(60 * 900.0, _told(7)), (61 * 900.0, _told(52))]
    assert run(volume_mismatch.DETECTOR, log(*facts)) == []


def test_a_few_in_excess_are_a_colleagues() -> None:
    assert run(volume_mismatch.DETECTOR, log(*_sending(24 * 5, extra=1, extra_at=100))) == []


# honey_hit


def _honey(name: str, provider: str, strays: int = 0) -> Fact:
    return HoneyMailArrived(
        provider=provider, honey=f"address_{name}", words=("link",), strays=strays
    )


def test_mail_to_a_honey_address_names_its_provider() -> None:
    (one,) = run(honey_hit.DETECTOR, log((1, _honey("x", "b")), (60, _honey("x", "b"))))
    assert one.subject == provider_subject("b")
    assert one.evidence == {COMPROMISED: 6.5}
    assert (one.own_observation, one.forger) == (True, Forger.NOBODY)
    assert not any(opinion.open for opinion in _opinions([one]))
    two = run(honey_hit.DETECTOR, log((1, _honey("x", "b")), (9, _honey("y", "b"))))
    assert two[-1].evidence == {COMPROMISED: 8.4}
    assert [opinion.subject.id for opinion in _opinions(two) if opinion.open] == ["b"]


def test_who_tries_names_frames_nobody() -> None:
    facts = log((1, _honey("x", "b", strays=40)), (9, _honey("y", "b", strays=900)))
    signals = run(honey_hit.DETECTOR, facts)
    assert {one.evidence[COMPROMISED] for one in signals} == {1.0}
    assert {one.forger for one in signals} == {Forger.ANYONE}
    assert not any(opinion.open for opinion in _opinions(signals))


def test_addresses_of_several_providers_point_to_our_house() -> None:
    signals = run(honey_hit.DETECTOR, log((1, _honey("x", "b")), (9, _honey("y", "a"))))
    last = {one.subject: one.evidence for one in signals}
    assert last[OUR_HOUSE] == {Hypothesis.LEAKED_HERE: 5.0}
    assert last[provider_subject("a")] == last[provider_subject("b")] == {COMPROMISED: 2.0}
    assert not any(
        opinion.open for opinion in _opinions(signals) if opinion.hypothesis is COMPROMISED
    )


def test_no_honey_no_signal_and_a_flood_is_bounded() -> None:
    assert run(honey_hit.DETECTOR, log((1, attempt()))) == []
    running = honey_hit.DETECTOR.run(WatchSettings())
    for fact in log(*((n * 0.1, _honey(f"made_up_{n}", f"p{n % 3}")) for n in range(3000))):
        running.step(fact)
    assert len(running.save()) < 60_000
