"""Drift of an account and exports from it, on quiet logs and loud ones."""

import pytest
from watch_logs import log, run

from mailkeep.events.types import Fact
from mailkeep.providers.posture.types import Kind
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import account_drift, export_seen
from mailkeep.watch.detectors.account_drift import _WEIGHTS
from mailkeep.watch.drift import ADDED, CHANGED, REMOVED
from mailkeep.watch.events import (
    FieldDigest,
    PostureAccepted,
    PostureBlind,
    PostureChanged,
    PostureRead,
)
from mailkeep.watch.types import Forger, Hypothesis, Signal, WatchSettings

COMPROMISED = Hypothesis.PROVIDER_COMPROMISED


def changed(
    kind: Kind,
    what: str = ADDED,
    number: int = 1,
    *,
    strange: bool = False,
    expected: bool = False,
    field: str = "host",
    provider: str = "a",
) -> Fact:
    fields = (FieldDigest(field, "", "value_1", "", "evil.example" if field == "host" else ""),)
    return PostureChanged(
        provider=provider,
        change=f"chg_{number}",
        item_kind=kind.value,
        item="item_1",
        what=what,
        fields=fields,
        strange=strange,
        expected=expected,
    )


def _opinion(signals: list[Signal]) -> tuple[float, bool, bool]:
    beliefs = Beliefs()
    for signal in signals:
        beliefs = hear(beliefs, signal)
    (opinion,) = weigh(beliefs, signals[-1].at, WatchSettings().correlation)[1]
    return opinion.log_odds, opinion.open, opinion.may_cut_automatically


def test_every_sort_of_change_has_its_weight() -> None:
    seen = {Kind.EXPORT, Kind.READING}
    wanted = {(kind, what) for kind in Kind for what in (ADDED, CHANGED, REMOVED)}
    assert {(kind, what) for kind, what in wanted if kind not in seen} == set(_WEIGHTS)


def test_an_account_that_is_only_read_is_quiet() -> None:
    read = PostureRead(
        provider="a", lists=("webhooks/list",), anew=("webhooks/list",), items={"webhook": 1}
    )
    facts = log(
        (1, read), (60, read), (120, PostureAccepted(provider="a", changes=("chg_9",), by="uid:0"))
    )
    assert run(account_drift.DETECTOR, facts) == []
    assert run(export_seen.DETECTOR, facts) == []


@pytest.mark.parametrize(
    ("fact", "nats"),
    [
        (changed(Kind.WEBHOOK, CHANGED, strange=True), 6.2),
        (changed(Kind.WEBHOOK, strange=True), 6.2),
        (changed(Kind.WEBHOOK), 2.5),
        (changed(Kind.KEY), 3.5),
        (changed(Kind.USER), 3.5),
        (changed(Kind.DOMAIN, strange=True), 5.0),
        (changed(Kind.ALLOW, strange=True), 6.2),
        (changed(Kind.FORWARD), 8.2),
        (changed(Kind.ACCOUNT, CHANGED, field="owner"), 8.2),
        (changed(Kind.ACCOUNT, CHANGED, field="status"), 0.5),
        (changed(Kind.TEMPLATE, CHANGED), 2.0),
        (changed(Kind.KEY, REMOVED), 1.5),
        (changed(Kind.WEBHOOK, strange=True, expected=True), 0.3),
    ],
)
def test_each_sort_weighs_its_own(fact: Fact, nats: float) -> None:
    (signal,) = run(account_drift.DETECTOR, log((1, fact)))
    assert signal.evidence == {COMPROMISED: nats}
    assert signal.forger is Forger.NOBODY
    assert not signal.own_observation


def test_a_key_and_a_webhook_elsewhere_open_and_never_cut() -> None:
    facts = log((1, changed(Kind.KEY)), (2, changed(Kind.WEBHOOK, number=2, strange=True)))
    signals = run(account_drift.DETECTOR, facts)
    log_odds, is_open, may_cut = _opinion(signals)
    assert is_open
    assert not may_cut
    assert log_odds == pytest.approx(1.5, abs=0.01)
    assert "webhook added, evil.example which it never named before" in signals[-1].reason


def test_neither_opens_alone() -> None:
    for fact in (changed(Kind.KEY), changed(Kind.WEBHOOK, strange=True)):
        assert not _opinion(run(account_drift.DETECTOR, log((1, fact))))[1]


def test_what_an_operator_accepts_is_taken_back() -> None:
    facts = log(
        (1, changed(Kind.KEY)),
        (2, changed(Kind.WEBHOOK, number=2, strange=True)),
        (3, PostureAccepted(provider="a", changes=("chg_2",), by="uid:0")),
        (4, PostureAccepted(provider="a", changes=("chg_1",), by="uid:0")),
    )
    weights = [one.evidence.get(COMPROMISED) for one in run(account_drift.DETECTOR, facts)]
    assert weights == [3.5, 9.7 - 1.2, 3.5, None]


def test_an_account_that_refuses_us_counts_and_an_outage_does_not() -> None:
    def blind(reason: str, *, before: bool = True) -> Fact:
        return PostureBlind(
            provider="a", lists=("webhooks/list",), reason=reason, before=before, whole=True
        )

    assert run(account_drift.DETECTOR, log((1, blind("unreachable")))) == []
    assert run(account_drift.DETECTOR, log((1, blind("refused", before=False)))) == []
    read = PostureRead(provider="a", lists=("webhooks/list",), anew=("webhooks/list",), items={})
    first, back = run(account_drift.DETECTOR, log((1, blind("refused")), (2, read)))
    assert first.evidence == {COMPROMISED: 2.0}
    assert back.evidence == {}


def test_one_export_is_a_sign_and_more_are_a_stronger_one() -> None:
    facts = log(*((number, changed(Kind.EXPORT, number=number)) for number in range(1, 9)))
    assert run(account_drift.DETECTOR, facts) == []
    weights = [one.evidence[COMPROMISED] for one in run(export_seen.DETECTOR, facts)]
    assert weights[0] == 5.0
    assert weights == sorted(weights)
    assert weights[-1] == 6.5


def test_an_announced_export_weighs_little_and_an_accepted_one_nothing() -> None:
    facts = log(
        (1, changed(Kind.EXPORT, expected=True)),
        (2, PostureAccepted(provider="a", changes=("chg_1",), by="uid:0")),
    )
    first, back = run(export_seen.DETECTOR, facts)
    assert first.evidence == {COMPROMISED: 0.3}
    assert back.evidence == {}


def test_changes_of_last_week_are_not_counted_with_those_of_today() -> None:
    facts = log((1, changed(Kind.KEY)), (86_500, changed(Kind.USER, number=2)))
    assert run(account_drift.DETECTOR, facts)[-1].evidence == {COMPROMISED: 3.5}
