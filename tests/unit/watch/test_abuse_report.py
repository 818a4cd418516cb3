"""What people report to the abuse mailbox: read, and weighed; quiet and loud logs."""

import contextlib

import pytest
from dkim_signing import record, sign
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import attempt, log, run

from mailkeep.mail.events import ForeignMailReported
from mailkeep.watch import dkim
from mailkeep.watch.abuse_mail import read
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import abuse_report, lookalike, support_claim, unknown_message
from mailkeep.watch.events import AbuseReported, LookalikeSeen, SupportClaimed
from mailkeep.watch.report_types import Unreadable
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Forger,
    Hypothesis,
    WatchSettings,
    domain_subject,
    provider_subject,
)

PLAIN = (
    b"From: Us <us@example.com>\r\nTo: ada@example.net\r\nSubject: a long one that is\r\n"
    b" folded\r\nX-Tight:value\r\n\r\nHello\r\nthere \xc3\xa9\r\n\r\n"
)
BOTH = (
    b"From: us@example.com\r\nTo: ada@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative;\r\n boundary="b1"\r\n\r\n'
    b"--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1\r\nContent-Type: text/html\r\n\r\n"
    b"<p>hello\r\n--b1--\r\n"
)
MACHINE = (
    b"\r\n--out\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: Fraud\r\n"
    b"User-Agent: x/1\r\nVersion: 1\r\n"
)


def forwarded(mail: bytes, more: bytes = b"", kind: bytes = b"message/rfc822") -> bytes:
    """A mail to the abuse mailbox with another one attached."""
    return (
        b"From: ada@example.net\r\nTo: abuse@example.com\r\nSubject: is this yours?\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="out"\r\n\r\n'
        b"--out\r\nContent-Type: text/plain\r\n\r\nI got this\r\n"
        + more.lstrip(b"\r\n")
        + (b"\r\n" if more else b"")
        + b"--out\r\nContent-Type: "
        + kind
        + b"\r\nContent-Disposition: attachment\r\n\r\n"
        + mail
        + b"\r\n--out--\r\n"
    )


@pytest.mark.parametrize("how", ["relaxed/relaxed", "simple/simple"])
@pytest.mark.parametrize("mail", [PLAIN, BOTH])
def test_the_mail_that_is_meant_comes_out_octet_by_octet(mail: bytes, how: str) -> None:
    """Its signature says whether it is ours: who reports our own mail reports nothing strange."""
    signed = sign(mail, "example.com", how=how)
    told = read(forwarded(signed))
    assert (told.kind, told.raw, told.mail.sender) == ("", signed, "example.com")
    keys = {one.asks: (record(),) for one in told.mail.signatures}
    assert dkim.holding(told.mail, keys, 0) is not None


def test_what_a_machine_says_is_a_word_of_few() -> None:
    assert read(forwarded(PLAIN, MACHINE)).kind == "fraud"
    assert read(forwarded(PLAIN, MACHINE.replace(b"Fraud", b"<b>x"))).kind == "other"
    head = PLAIN.partition(b"\r\n\r\n")[0]
    assert read(forwarded(head, MACHINE, b"text/rfc822-headers")).mail.sender == "example.com"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"From: x@example.net\r\n\r\nYour mail us@example.com wins!\r\n",
        forwarded(b"no mail"),
        forwarded(b"From: a@x.example, b@y.example\r\n\r\n"),
        forwarded(PLAIN, kind=b"text/plain"),
        b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n',
        b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n' + b"--a\r\n\r\n" * 40,
        b"\r\n" * 300_000,
    ],
)
def test_what_has_no_mail_attached_is_no_report(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


@given(st.binary(max_size=400), st.binary(max_size=60))
def test_whatever_is_sent_is_read_or_refused(junk: bytes, more: bytes) -> None:
    for raw in (junk, forwarded(junk), forwarded(PLAIN, junk), junk + forwarded(PLAIN) + more):
        with contextlib.suppress(Unreadable):
            assert read(raw).mail.sender


def _reports(count: int, domain: str = "example.com") -> list[tuple[float, AbuseReported]]:
    return [
        (n, AbuseReported(report=f"m{n}", domain=domain, name="", said="", ours=False))
        for n in range(count)
    ]


def test_one_report_is_said_of_the_domain_and_of_all() -> None:
    first, second = run(abuse_report.DETECTOR, log((0, attempt()), *_reports(1)))
    assert (first.subject, second.subject) == (domain_subject("example.com"), RESETS)
    assert first.evidence == {Hypothesis.DOMAIN_ABUSED: 1.0}
    assert second.evidence == {Hypothesis.CAMPAIGN: 0.3}
    assert {first.forger, second.forger} == {Forger.ANYONE}
    assert {first.own_observation, second.own_observation} == {False}
    (only,) = run(abuse_report.DETECTOR, log(*_reports(1, "")))
    assert only.subject == RESETS


def test_a_mail_of_our_own_that_somebody_did_not_want_says_nothing() -> None:
    ours = AbuseReported(report="m", domain="example.com", name="", said="abuse", ours=True)
    assert run(abuse_report.DETECTOR, log((0, ours), (1, attempt()))) == []


def test_a_flood_is_a_few_signals_and_opens_nothing_even_beside_a_desk_that_is_flooded() -> None:
    many = [
        (
            n,
            AbuseReported(
                report=f"m{n}", domain=f"d{n % 60}.example", name="", said="", ours=False
            ),
        )
        for n in range(500)
    ]
    flood = log(*_reports(200), *many)
    signals = run(abuse_report.DETECTOR, flood)
    assert len([one for one in signals if one.subject == RESETS]) == 4
    assert len({one.subject for one in signals}) <= abuse_report.MOST_DOMAINS + 1
    calls = log(
        *((n, SupportClaimed(account=f"account_{n}", what="mail", by="key")) for n in range(200))
    )
    beliefs = Beliefs()
    both = [*signals, *run(support_claim.DETECTOR, calls)]
    for one in sorted(both, key=lambda one: one.at):
        assert not any("provider" in hypothesis for hypothesis in one.evidence if one in signals)
        beliefs = hear(beliefs, one)
        assert not any(found.open for found in weigh(beliefs, one.at, CorrelationSettings())[1])


def test_reports_count_beside_a_name_like_ours_that_takes_mail() -> None:
    seen = LookalikeSeen(
        domain="example.com",
        name="examp1e.com",
        way="homoglyph",
        mx=True,
        address=False,
        fresh=True,
    )
    facts = log((0, seen), *_reports(4))
    beliefs = Beliefs()
    signals = run(lookalike.DETECTOR, facts) + run(abuse_report.DETECTOR, facts)
    held = []
    for one in sorted(signals, key=lambda one: one.at):
        beliefs = hear(beliefs, one)
        held = [found for found in weigh(beliefs, one.at, CorrelationSettings())[1] if found.open]
    assert [one.hypothesis for one in held] == [Hypothesis.DOMAIN_ABUSED]
    assert not held[0].may_cut_automatically


def test_reports_of_different_days_are_not_counted_together() -> None:
    apart = [(n * 90_000.0, fact) for n, (_, fact) in enumerate(_reports(5))]
    signals = run(abuse_report.DETECTOR, log(*apart))
    assert {one.evidence[Hypothesis.CAMPAIGN] for one in signals if one.subject == RESETS} == {0.3}


def _unsent(count: int, gap: float = 1.0, start: float = 0.0) -> list[tuple[float, AbuseReported]]:
    """Reports of mail that provider ``a`` signed, and that we never gave it."""
    return [
        (
            start + n * gap,
            AbuseReported(
                report=f"u{start}{n}",
                domain="example.com",
                name="",
                said="",
                ours=True,
                signer="a",
                unsent=True,
            ),
        )
        for n in range(count)
    ]


def test_mail_that_a_provider_signed_and_never_had_from_us_speaks_against_it() -> None:
    first, second, third = run(abuse_report.DETECTOR, log(*_unsent(4)))
    assert first.subject == provider_subject("a")
    weights = [one.evidence[Hypothesis.PROVIDER_COMPROMISED] for one in (first, second, third)]
    assert 2.0 < weights[0] < weights[1] <= weights[2] == abuse_report.SIGNED
    assert (first.forger, first.own_observation) == (Forger.NOBODY, False)
    assert "a signed" in first.reason


def test_one_more_report_the_next_day_takes_nothing_away() -> None:
    beliefs = Beliefs()
    said = run(abuse_report.DETECTOR, log(*_unsent(4), *_unsent(1, start=93_600.0)))
    assert len(said) == 4
    odds = []
    for one in said[:3]:
        beliefs = hear(beliefs, one)
    for more in ((), said[3:]):
        for one in more:
            beliefs = hear(beliefs, one)
        (opinion,) = weigh(beliefs, said[3].at, CorrelationSettings())[1]
        odds.append(opinion.log_odds)
    assert odds[1] >= odds[0]


def test_what_people_report_opens_only_beside_what_else_is_seen_and_never_cuts() -> None:
    foreign = ForeignMailReported(provider="a", mail="m", why="not_given", untold=20)
    facts, beliefs = log(*_unsent(40), (41, foreign)), Beliefs()
    for one in run(abuse_report.DETECTOR, facts):
        beliefs = hear(beliefs, one)
        (opinion,) = weigh(beliefs, one.at, CorrelationSettings())[1]
        assert not opinion.open
    for one in run(unknown_message.DETECTOR, facts):
        beliefs = hear(beliefs, one)
    (opinion,) = weigh(beliefs, one.at, CorrelationSettings())[1]
    assert opinion.open
    assert not opinion.may_cut_automatically


def test_where_others_of_our_own_send_through_the_account_it_becomes_usual() -> None:
    weekly = _unsent(12, gap=7 * 86_400.0)
    weights = [
        one.evidence[Hypothesis.PROVIDER_COMPROMISED]
        for one in run(abuse_report.DETECTOR, log(*weekly))
    ]
    assert weights[0] > 2.0
    assert weights[-1] < 1.0


def test_a_flood_of_them_is_a_few_signals_and_bounded() -> None:
    state, count = abuse_report.start(WatchSettings()), 0
    for one in log(*_unsent(500)):
        state, said = abuse_report.step(state, one)
        count += len(said)
    assert count == 4
    assert len(state.unsent["a"]) == abuse_report.MOST
