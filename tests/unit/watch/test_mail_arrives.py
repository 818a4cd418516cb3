"""Canaries that no longer pass for ours, and TLS that begins to fail: quiet and loud logs."""

from watch_logs import log, run

from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import authentication_lost, tls_report
from mailkeep.watch.events import CanaryArrived, TlsReported
from mailkeep.watch.types import (
    CorrelationSettings,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
    provider_subject,
)

DAY = 86_400.0
ALL = ("dkim", "dmarc", "spf")


def _opens(signals: list[Signal]) -> bool:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    return any(one.open for one in weigh(beliefs, signals[-1].at, CorrelationSettings())[1])


def came(*failed: str, provider: str = "a", mailbox: str = "gmail") -> Fact:
    return CanaryArrived(
        provider=provider,
        message=f"msg_{provider}",
        seconds=1.0,
        strangers=(),
        mailbox=mailbox,
        failed=failed,
    )


def _canaries(*facts: Fact) -> list[Signal]:
    return run(authentication_lost.DETECTOR, log(*((n, one) for n, one in enumerate(facts))))


def test_canaries_that_pass_or_never_did_are_quiet() -> None:
    assert _canaries(*([came()] * 20)) == []
    assert _canaries(*([came(*ALL)] * 20)) == []
    # At our own listener nobody says.
    assert _canaries(*([came(mailbox="own")] * 9 + [came(*ALL, mailbox="own")] * 9)) == []


def test_one_that_fails_now_and_then_is_quiet() -> None:
    assert _canaries(*([came(), came(), came("dkim"), came("dkim")] * 10)) == []
    assert _canaries(*([came()] * 9), came("spf"), came("dkim"), came("spf"), came("dkim")) == []


def test_what_passed_and_fails_three_times_is_said_once_and_taken_back() -> None:
    said, back = _canaries(*([came()] * 6), *([came(*ALL)] * 9), came())
    assert said.subject == provider_subject("a")
    assert said.evidence == {Hypothesis.PROVIDER_COMPROMISED: 1.5, Hypothesis.PROVIDER_SILENT: 2.0}
    assert back.evidence == {}
    assert not _opens([said])


def test_where_spf_alone_fails_it_weighs_less() -> None:
    (said,) = _canaries(*([came()] * 6), *([came("spf")] * 3))
    assert said.evidence == {Hypothesis.PROVIDER_COMPROMISED: 0.7}


def test_where_two_providers_fail_neither_is_accused() -> None:
    """Our own DNS, or the mailbox's host: whoever runs that frames neither with the other."""
    both = [came(), came(provider="b")] * 6
    fails = [came(*ALL), came(*ALL, provider="b")] * 3
    signals = _canaries(*both, *fails)
    last = {one.subject: one.evidence for one in signals}
    assert last == {provider_subject("a"): {}, provider_subject("b"): {}}
    # Once one passes again, what is left is the other's.
    signals = _canaries(*both, *fails, came())
    last = {one.subject: one.evidence for one in signals}
    assert last[provider_subject("a")] == {}
    assert Hypothesis.PROVIDER_COMPROMISED in last[provider_subject("b")]


def report(
    failed: int = 0,
    kind: str = "certificate-not-trusted",
    *,
    reporter: str = "google.com",
    believed: bool = True,
    fine: int = 100,
) -> Fact:
    results = ((kind, failed),) if failed else ()
    return TlsReported(
        report="r",
        reporter=reporter,
        believed=believed,
        domains=("in.example",),
        begin=0,
        end=1,
        fine=fine,
        failed=failed,
        results=results,
    )


def _reports(*facts: Fact) -> list[Signal]:
    # Facts alone move it; no need to tick through the days.
    running = tls_report.DETECTOR.run(WatchSettings())
    return [
        signal
        for one in log(*((n * DAY / 2, fact) for n, fact in enumerate(facts)))
        for signal in running.step(one)
    ]


def test_sessions_that_go_well_a_few_failures_and_our_own_are_quiet() -> None:
    assert _reports(*([report(1)] * 20)) == []
    assert _reports(*([report()] * 5), report(100, "certificate-expired")) == []
    assert _reports(*([report()] * 5), report(100, "sts-policy-fetch-error")) == []
    assert _reports(report(100)) == []  # nothing is known yet
    assert _reports(*([report()] * 5), report(5, fine=5)) == []  # too few


def test_a_share_that_rises_slowly_does_not_become_what_is_usual() -> None:
    rising = [report(min(900, round(40 * 1.1**n)), fine=1000) for n in range(60)]
    assert _reports(*([report()] * 40), *rising)


def test_a_sudden_share_is_said_and_a_second_house_makes_it_firmer() -> None:
    loud = report(60, "starttls-not-supported")
    other = report(60, "starttls-not-supported", reporter="microsoft.com")
    first, second = _reports(*([report()] * 5), loud, loud, other)
    assert first.subject == domain_subject("in.example")
    assert first.evidence == {Hypothesis.DOMAIN_ABUSED: 2.0}
    assert second.evidence == {Hypothesis.DOMAIN_ABUSED: 2.4}
    assert not _opens([first, second])


def test_what_nobody_believed_signed_is_not_looked_at() -> None:
    forged = [report(100, believed=False, reporter=f"evil{n}.example") for n in range(50)]
    assert _reports(*([report()] * 5), *forged) == []
    # Nor does it teach that failing is usual.
    assert len(_reports(*([report()] * 5), *forged, report(60))) == 1
