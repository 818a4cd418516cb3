"""Mail as our domain that is not ours: quiet and loud logs."""

import msgspec
import pytest
from watch_logs import START, attempt, log, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import dmarc_stranger, lookalike
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.events import DmarcReported, LookalikeSeen
from mailkeep.watch.report_types import DmarcStrangerSettings, Source
from mailkeep.watch.types import (
    CorrelationSettings,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    provider_subject,
)

DAY = 86_400
SETTINGS = WatchSettings(
    dmarc_stranger=DmarcStrangerSettings(selectors={"s1": "a", "own": ""}, believe=("them",))
)
FIRST = START // SECOND // DAY * DAY


def reported(
    day: int, *sources: Source, believed: bool = True, number: int = 0, domain: str = "example.com"
) -> tuple[float, Fact]:
    """Of one day, heard in the morning after it."""
    begin = FIRST + day * DAY
    failed = sum(one.count for one in sources if not (one.dkim or one.spf or one.excused))
    fact = DmarcReported(
        report=f"r{day}-{number}",
        reporter="them.example",
        believed=believed,
        domain=domain,
        begin=begin,
        end=begin + DAY - 1,
        mails=sum(one.count for one in sources),
        failed=failed,
        sources=sources,
    )
    return begin + DAY + 4 * 3600 - START / SECOND, fact


def failing(count: int, net: str = "192.0.2.0/24", **more: bool) -> Source:
    return Source(net, count, dkim=False, spf=False, **more)


def passing(count: int, selector: str = "s1", *, spf: bool = True) -> Source:
    return Source("198.51.100.0/24", count, dkim=True, spf=spf, selector=selector)


def heard(*facts: tuple[float, Fact]) -> list[Signal]:
    return [
        one
        for fact in [dmarc_stranger.DETECTOR.run(SETTINGS)]
        for recorded in log(*facts)
        for one in fact.step(recorded)
    ]


def opinion(signals: list[Signal], hypothesis: Hypothesis) -> bool:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    found = weigh(beliefs, signals[-1].at, CorrelationSettings())[1]
    return any(one.open for one in found if one.hypothesis is hypothesis)


def sending(days: int, each: int) -> list[tuple[float, Fact]]:
    return [
        (day * DAY + n * 10.0, attempt("a", number=n)) for day in range(days) for n in range(each)
    ]


def test_what_forwarders_do_every_day_is_quiet() -> None:
    """SPF fails and DKIM holds; lists break both for a few; known forwarders for many."""
    facts = [
        reported(
            day,
            passing(900),
            passing(300, spf=False),
            failing(15 + day % 7, f"203.0.113.{day % 4}/24"),
            failing(5000, "192.0.2.0/24", excused=True),
        )
        for day in range(40)
    ]
    assert heard(*sending(40, 400), *facts) == []


def test_a_stranger_who_sends_as_us_is_loud() -> None:
    quiet = [reported(day, failing(20)) for day in range(10)]
    loud = reported(10, failing(3000, "192.0.2.0/24"), failing(10, "203.0.113.0/24"))
    signals = heard(*quiet, loud)
    (one,) = signals
    assert one.subject == domain_subject("example.com")
    assert one.forger is Forger.NOBODY
    assert "192.0.2.0/24" in one.reason
    assert opinion(signals, Hypothesis.DOMAIN_ABUSED)


def test_names_that_anyone_makes_up_leave_room_for_reports_that_are_believed() -> None:
    made_up = [
        reported(3, failing(1), passing(1), believed=False, number=n, domain=f"n{n}.example.com")
        for n in range(80)
    ]
    (one,) = heard(*made_up, reported(4, failing(3000)))
    assert (one.subject, one.forger) == (domain_subject("example.com"), Forger.NOBODY)
    many = heard(*sending(6, 5), *made_up, reported(4, passing(500)))
    assert {one.subject for one in many} == {domain_subject("example.com"), provider_subject("a")}


def test_reporters_of_one_day_are_counted_together() -> None:
    day = [reported(0, failing(60), number=n) for n in range(4)]
    assert len(heard(*day)) == 1
    assert heard(*day[:3]) == []
    apart = [reported(n, failing(60)) for n in range(10)]
    assert heard(*apart) == []


def test_a_loud_day_does_not_become_what_is_usual() -> None:
    quiet = [reported(day, failing(20)) for day in range(10)]
    loud = [reported(day, failing(50_000)) for day in (10, 20, 30)]
    later = [reported(day, failing(20)) for day in range(11, 40) if day % 10]
    assert len(heard(*quiet, *loud, *later)) == 3


def test_who_sends_a_little_more_each_day_does_not_become_what_is_usual() -> None:
    quiet = [reported(day, failing(20)) for day in range(20)]
    rising = [reported(20 + n, failing(round(100 * 1.2**n))) for n in range(30)]
    (first, *_) = heard(*quiet, *rising)
    assert int(first.reason.split()[0]) < 1000  # of 19,000 in the end


def test_a_key_that_we_never_published_is_loud_at_once() -> None:
    signals = heard(reported(0, passing(5, "evil")))
    (one,) = signals
    assert "evil" in one.reason
    assert opinion(signals, Hypothesis.DOMAIN_ABUSED)
    assert heard(reported(0, passing(2, "evil"))) == []
    assert heard(reported(0, passing(900, "own"), passing(3, ""))) == []


def test_without_known_selectors_none_is_strange() -> None:
    running = dmarc_stranger.DETECTOR.run(WatchSettings())
    assert running.step(log(reported(0, passing(500, "evil")))[0]) == []


def test_what_anyone_can_write_opens_nothing() -> None:
    """Unsigned reports: the worst that they can say, and as often as they like."""
    facts = [
        reported(day, passing(10**6, "evil"), failing(10**6), passing(10**6), believed=False)
        for day in range(2, 9)
    ]
    signals = heard(*sending(9, 5), *facts)
    assert {one.forger for one in signals} == {Forger.ANYONE}
    for hypothesis in Hypothesis:
        assert not opinion(signals, hypothesis)


def test_a_forged_report_opens_nothing_beside_a_lookalike() -> None:
    """Who buys a name like ours and writes reports has nobody woken."""
    seen = LookalikeSeen(
        domain="example.com", name="examp1e.com", way="x", mx=True, address=True, fresh=True
    )
    for believed in (False, True):
        told = reported(0, passing(500, "evil"), failing(10**6), believed=believed)
        facts = log(told, (2 * DAY, seen))
        signals = run(lookalike.DETECTOR, facts)
        signals += run(dmarc_stranger.DETECTOR, facts, settings=SETTINGS)
        signals.sort(key=lambda one: one.at)
        assert opinion(signals, Hypothesis.DOMAIN_ABUSED) is believed


def test_forged_reports_do_not_teach_that_much_is_usual() -> None:
    forged = [reported(day, failing(10**6), believed=False, number=1) for day in range(20)]
    assert [one for one in heard(*forged, reported(20, failing(3000))) if "192" in one.reason]
    firm = [
        one for one in heard(*forged, reported(20, failing(3000))) if one.forger is Forger.NOBODY
    ]
    assert len(firm) == 1


def test_more_than_a_provider_was_handed_speaks_weakly_against_it() -> None:
    sent = sending(9, 100)
    assert heard(*sent, reported(5, passing(200))) == []
    signals = heard(*sent, reported(5, passing(2000)))
    by = {one.subject: one for one in signals}
    assert by.keys() == {provider_subject("a"), domain_subject("example.com")}
    assert by[provider_subject("a")].forger is Forger.ANYONE
    assert not opinion(signals, Hypothesis.PROVIDER_COMPROMISED)
    # Who has not watched long enough does not know what was sent.
    assert heard(*sent, reported(0, passing(2000))) == []


def test_one_mail_to_five_is_five_to_receivers() -> None:
    """Sixty notices a day to five people each: receivers report three hundred."""
    mail = msgspec.structs.replace(attempt("a"), recipients=5)
    sent = [(day * 86_400.0 + n, mail) for day in range(9) for n in range(60)]
    assert heard(*sent, reported(5, passing(300))) == []
    assert heard(*sent, reported(5, passing(1600))) != []


def test_a_report_that_comes_too_late_changes_nothing() -> None:
    now, newest = reported(20, failing(20))
    _, late = reported(2, failing(10**6), number=1)
    assert heard((now, newest), (now + 60, late)) == []
    assert len(heard((now, late))) == 1


@pytest.mark.parametrize("believed", [True, False])
def test_the_state_is_bounded(believed: bool) -> None:
    running = dmarc_stranger.DETECTOR.run(SETTINGS)
    for n in range(3000):
        facts = [
            (n * 60.0, attempt(f"p{n}")),
            reported(
                n % 300,
                *(failing(10**6, f"10.{n % 250}.{m}.0/24") for m in range(64)),
                passing(10**6, "evil"),
                believed=believed,
                number=n,
                domain=f"d{n}.example",
            ),
        ]
        for one in log(*facts):
            running.step(one)
    assert len(running.save()) < 400_000


def test_it_goes_on_from_what_it_saved() -> None:
    facts = log(
        *sending(9, 100), *(reported(day, failing(30), passing(500)) for day in range(2, 9))
    )
    whole = dmarc_stranger.DETECTOR.run(SETTINGS)
    said = [one for fact in facts for one in whole.step(fact)]
    again, saved = [], None
    for fact in facts:
        part = dmarc_stranger.DETECTOR.run(SETTINGS, saved)
        again += part.step(fact)
        saved = part.save()
    assert msgspec.json.encode(again) == msgspec.json.encode(said)
    assert said
    assert dmarc_stranger.DETECTOR in DETECTORS
    assert run(dmarc_stranger.DETECTOR, [], 10) == []
