"""Live, replayed, and stopped in between: the same log raises the same signals."""

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import START, attempt, delivered, denied, drifted, half, log, request, run

from mailkeep.accounts.events import (
    ChangeHeld,
    FactorBlocked,
    FactorBound,
    PasskeyCopied,
    SessionDenied,
    SignedInFact,
    SubjectsRewritten,
)
from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail.events import DeliveryReported, FailedOver, ForeignMailReported
from mailkeep.recovery.events import ProofSent, RecoveryCompleted
from mailkeep.watch.detectors import denial
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.events import (
    AbuseReported,
    CanaryArrived,
    CanarySent,
    DmarcReported,
    HoneyMailArrived,
    LookalikeSeen,
    PostureAccepted,
    PostureBlind,
    PostureRead,
    ProviderNoticed,
    SupportClaimed,
    VolumeTold,
)
from mailkeep.watch.report_types import DmarcStrangerSettings, Source
from mailkeep.watch.thresholds import (
    AcceptedSettings,
    CanaryMissingSettings,
    FailoverSettings,
    UndeliveredSettings,
)
from mailkeep.watch.types import (
    HalfProofSettings,
    HoneyAccount,
    HoneySettings,
    Signal,
    SilenceSettings,
    WatchSettings,
)

SETTINGS = WatchSettings(
    delivery_silence=SilenceSettings(learn_from=3, between_false_alarms=0.001, canary_deadline=2.0),
    half_proof=HalfProofSettings(early=2.0, patience=7.0),
    dmarc_stranger=DmarcStrangerSettings(selectors={"s1": "a"}),
    honey_account=HoneySettings((HoneyAccount("address_3", "b"),)),
    canary_missing=CanaryMissingSettings(2.0, 3.0, between_false_alarms=0.001),
    accepted_not_delivered=AcceptedSettings(0.5, 1.0, 3.0, 0.5, 2.0, 0.001, 2.0),
    failover=FailoverSettings(turns=2),
    redeemed_undelivered=UndeliveredSettings(1.0, 2.0, 1.0, 0.1),
)

_provider = st.sampled_from(["a", "b"])
_small = st.integers(0, 30)
_fact: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        attempt, _provider, st.sampled_from(["accepted", "suspended", "unavailable", "ambiguous"])
    ),
    st.builds(attempt, _provider),
    st.builds(delivered, _provider),
    st.builds(lambda p, n: CanarySent(provider=p, message=f"m{n}"), _provider, _small),
    st.builds(
        lambda p, n: CanaryArrived(provider=p, message=f"m{n}", seconds=1.0, strangers=()),
        _provider,
        _small,
    ),
    st.builds(
        lambda p, n: CanaryArrived(provider=p, message=f"m{n}", seconds=1.0, strangers=(f"s{n}",)),
        _provider,
        _small,
    ),
    st.builds(
        lambda p, n: CanaryArrived(
            provider=p, message=f"g{n}", seconds=1.0, strangers=(f"s{n}",), mailbox="gmail"
        ),
        _provider,
        _small,
    ),
    st.builds(lambda n, p: half(f"r{n}", p), _small, _provider),
    st.builds(lambda n: half(f"r{n}", proof="code", asked=True), _small),
    st.builds(request, _small),
    st.builds(denied, _small),
    st.builds(
        lambda p, n: CanarySent(provider=p, message=f"g{n}", mailbox="gmail"), _provider, _small
    ),
    st.builds(
        lambda p, n: CanaryArrived(
            provider=p, message=f"g{n}", seconds=1.0, strangers=(), mailbox="gmail"
        ),
        _provider,
        _small,
    ),
    st.builds(
        lambda p, n: msgspec.structs.replace(attempt(p, number=n), family="gmail"),
        _provider,
        _small,
    ),
    st.builds(
        lambda p, n, e: DeliveryReported(
            provider=p,
            claim=f"d{n}{e}",
            event=e,
            message=f"msg_{n}",
            stream="x",
            address=None,
            at_provider=START + n,
        ),
        _provider,
        _small,
        st.sampled_from(["delivered", "bounced"]),
    ),
    st.builds(
        lambda p, n, w: ForeignMailReported(provider=p, mail=f"f{n}", why=w),
        _provider,
        _small,
        st.sampled_from(["unmarked", "unknown"]),
    ),
    st.builds(
        lambda p, n: VolumeTold(provider=p, window="all_time", count=n, what="sent"),
        _provider,
        _small,
    ),
    st.builds(
        lambda n, p: FailedOver(
            message=f"m{n}", stream="x", left=p, taken="ba"["ab".index(p)], because="unavailable"
        ),
        _small,
        _provider,
    ),
    st.builds(
        lambda n, p: ProofSent(
            recovery=f"r{n}", account=f"account_r{n}", proof="link", message=f"msg_{n}", provider=p
        ),
        _small,
        _provider,
    ),
    st.builds(
        lambda n: RecoveryCompleted(
            recovery=f"r{n}", account=f"account_r{n}", factor=False, browser="b", risk=9.0
        ),
        _small,
    ),
    st.builds(
        lambda n: SignedInFact(
            account=f"account_r{n % 3}",
            session="s",
            network=f"n{n}",
            browser="b",
            factor=False,
            known_browser=False,
        ),
        _small,
    ),
    st.builds(
        lambda n: ChangeHeld(
            account=f"account_r{n % 3}",
            change="c",
            what="address_added",
            address=None,
            until=0,
            factor=False,
        ),
        _small,
    ),
    st.builds(
        lambda n: FactorBound(
            account=f"account_r{n % 3}", factor="f", factor_kind="totp", browser="b", network="n"
        ),
        _small,
    ),
    st.builds(
        lambda p, n: HoneyMailArrived(provider=p, honey=f"h{n}", words=(), strays=n % 5),
        _provider,
        _small,
    ),
    st.builds(drifted, _provider, _small, st.sampled_from(["webhook", "key", "export"])),
    st.builds(
        lambda p, n: PostureAccepted(provider=p, changes=(f"chg_{n}",), by="uid:0"),
        _provider,
        _small,
    ),
    st.builds(
        lambda p: PostureBlind(provider=p, lists=("l",), reason="refused", before=True, whole=True),
        _provider,
    ),
    st.builds(lambda p: PostureRead(provider=p, lists=("l",), anew=("l",), items={}), _provider),
    st.builds(lambda n: SupportClaimed(account=f"account_{n}", what="reset", by="key"), _small),
    st.builds(
        lambda n: AbuseReported(
            report=f"m{n}", domain=("", "example.com")[n % 2], name="", said="", ours=n % 5 == 0
        ),
        _small,
    ),
    st.builds(
        lambda n: SessionDenied(
            account=f"account_{n}", session="s", browser="b", network="n", ended=1
        ),
        _small,
    ),
    st.builds(
        lambda n: FactorBlocked(
            account=f"account_{n}", factor="f", factor_kind="totp", way="sign-in"
        ),
        _small,
    ),
    st.builds(lambda n: PasskeyCopied(account=f"account_{n}", factor="f"), _small),
    st.builds(
        lambda n: SubjectsRewritten(application=f"app_{n}", key="key", count=n, of=n), _small
    ),
    st.builds(
        ProviderNoticed,
        provider=_provider,
        via=st.just("mail"),
        notice=st.sampled_from(["security", "suspended", "other"]),
        authentic=st.booleans(),
    ),
    st.builds(
        lambda n: LookalikeSeen(
            domain="example.com",
            name=f"x{n}.com",
            way="ending",
            mx=n % 2 == 0,
            address=True,
            fresh=n % 3 == 0,
        ),
        _small,
    ),
    st.builds(
        lambda n, count, selector: DmarcReported(
            report=f"r{n}",
            reporter="them.example",
            believed=n % 2 == 0,
            domain="example.com",
            begin=n * 86_400,
            end=(n + 1) * 86_400,
            mails=count,
            failed=count,
            sources=(Source("192.0.2.0/24", count, n % 3 == 0, False, selector),),
        ),
        _small,
        st.sampled_from([5, 500]),
        st.sampled_from(["", "s1", "evil"]),
    ),
)


@st.composite
def _logs(draw: st.DrawFn) -> list[Recorded]:
    gaps = draw(
        st.lists(st.tuples(st.sampled_from([0, 0.3, 1, 2.5, 40]), _fact), min_size=1, max_size=80)
    )
    when, timed = 0.0, []
    for gap, fact in gaps:
        when += gap
        timed.append((when, fact))
    return log(*timed)


@given(_logs(), st.data())
def test_split_and_resumed_anywhere_it_says_the_same(
    facts: list[Recorded], data: st.DataObject
) -> None:
    end = facts[-1].placed_at + 100 * SECOND
    whole = replay(facts, SETTINGS, end)
    cuts = data.draw(st.sets(st.integers(0, len(facts)), max_size=5))
    signals, saved = [], None
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(facts)], strict=True):
        engine = Engine(SETTINGS, saved)
        for one in facts[start:stop]:
            signals += engine.step(one)
        if stop < len(facts):  # live, the relay may say that time has passed up to the next fact
            signals += engine.pass_time(facts[stop].placed_at)
        assert not engine.failed
        saved = engine.save()
    signals += Engine(SETTINGS, saved).pass_time(end)
    assert msgspec.json.encode(signals) == msgspec.json.encode(whole)


@given(_logs())
def test_skipped_seconds_would_have_said_nothing(facts: list[Recorded]) -> None:
    """``due`` is honest: ticking every second raises what ticking when due does."""
    end = facts[-1].placed_at + 60 * SECOND
    raised = replay(facts, SETTINGS, end)
    for detector in DETECTORS:
        whole = [one for one in raised if one.detector == detector.name]
        assert run(detector, facts, (end - START) / SECOND, SETTINGS) == whole


def test_a_state_of_another_version_is_left_and_learned_anew() -> None:
    saved = msgspec.json.encode({"clock": START, "states": {"half_proof": {"what": "else"}}})
    engine = Engine(SETTINGS, saved)
    engine.step(log((1, half("r1")))[0])
    assert len(engine.pass_time(START + 60 * SECOND)) == 2


def test_a_fact_that_one_detector_cannot_bear_blinds_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log is read in order: what ends the engine would end it again at every start."""

    def fail(_state: object, _given: object) -> tuple[object, list[Signal]]:
        raise ZeroDivisionError

    failing = dataclasses.replace(denial.DETECTOR, step=fail, tick=fail, due=lambda _state: START)
    here = [failing if one.name == "denial" else one for one in DETECTORS]
    monkeypatch.setattr("mailkeep.watch.engine.DETECTORS", tuple(here))
    engine = Engine(SETTINGS)
    signals = [
        signal
        for fact in log(
            (1, denied(1)),
            (2, CanaryArrived(provider="a", message="m", seconds=1.0, strangers=("evil.example",))),
        )
        for signal in engine.step(fact)
    ]
    assert [one.detector for one in signals] == ["stranger_in_mail"]
    assert set(engine.failed) == {("denial", "ZeroDivisionError")}
