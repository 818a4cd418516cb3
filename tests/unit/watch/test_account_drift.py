"""Drift of an account and exports from it, on quiet logs and loud ones."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import log, run

from mailkeep.base.clock import Instant
from mailkeep.events.types import Fact
from mailkeep.providers.posture.types import Kind
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detector import Detector
from mailkeep.watch.detectors import account_drift, export_seen
from mailkeep.watch.drift import ADDED, CHANGED, REMOVED, USED
from mailkeep.watch.drift_weights import WEIGHTS
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
    assert {(kind, what) for kind, what in wanted if kind not in seen} == set(WEIGHTS)


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


DAY = 86_400.0
PACE = 25 * 3600.0  #: the pace of somebody who waits until yesterday is forgotten


def _highest(*facts: tuple[float, Fact]) -> float:
    """The log odds of a compromised provider, at their highest."""
    settings, beliefs, highest = WatchSettings(), Beliefs(), -7.0
    drift, exports = account_drift.start(settings), export_seen.start(settings)
    for fact in log(*facts):
        drift, one = account_drift.step(drift, fact)
        exports, other = export_seen.step(exports, fact)
        for signal in (*one, *other):
            beliefs = hear(beliefs, signal)
        found = weigh(beliefs, fact.placed_at, settings.correlation)[1]
        highest = max([highest, *(one.log_odds for one in found)])
    return highest


@pytest.mark.parametrize("pace", [PACE, 3 * DAY])
def test_one_act_a_day_or_in_three_adds_up(pace: float) -> None:
    acts = (
        changed(Kind.USER, number=1),
        changed(Kind.KEY, number=2),
        changed(Kind.WEBHOOK, number=3, strange=True),
    )
    facts = [(number * pace, one) for number, one in enumerate(acts)]
    assert _highest(*facts[:2]) < 1.0
    assert _highest(*facts) >= 1.0


@pytest.mark.parametrize("export_first", [False, True])
def test_an_export_and_what_was_done_the_day_before_add_up(*, export_first: bool) -> None:
    hook, export = changed(Kind.WEBHOOK, number=1, strange=True), changed(Kind.EXPORT, number=2)
    first, second = (export, hook) if export_first else (hook, export)
    assert _highest((0, first), (PACE, second)) >= 1.0
    accepted = PostureAccepted(provider="a", changes=("chg_1", "chg_2"), by="uid:0")
    assert _highest((0, first), (PACE - 60, accepted), (PACE, second)) < 1.0


def test_our_own_do_as_much_in_as_many_days_so_an_old_act_weighs_less() -> None:
    keys = log((0, changed(Kind.KEY)), (10 * DAY, changed(Kind.USER, number=2)))
    newest = run(account_drift.DETECTOR, keys)[-1]
    assert newest.evidence[COMPROMISED] == pytest.approx(3.5 + 3.5 - 1.5 * math.log(10))
    late = log((0, changed(Kind.KEY)), (31 * DAY, changed(Kind.USER, number=2)))
    assert run(account_drift.DETECTOR, late)[-1].evidence == {COMPROMISED: 3.5}
    exports = log(*((number * DAY, changed(Kind.EXPORT, number=number)) for number in (1, 5)))
    first, second = run(export_seen.DETECTOR, exports)
    assert first.evidence == second.evidence == {COMPROMISED: 5.0}
    assert "2 exports" in second.reason


def test_what_our_own_do_every_few_weeks_does_not_last() -> None:
    routine = (changed(Kind.TEMPLATE), changed(Kind.WEBHOOK), changed(Kind.KEY, REMOVED))
    for one in routine:
        facts = log((0, one), (PACE, changed(Kind.USER, number=2)))
        assert run(account_drift.DETECTOR, facts)[-1].evidence == {COMPROMISED: 3.5}


def test_what_was_announced_or_accepted_does_not_last() -> None:
    facts = log(
        (0, changed(Kind.KEY)),
        (1, changed(Kind.USER, number=2, expected=True)),
        (3600, PostureAccepted(provider="a", changes=("chg_1",), by="uid:0")),
        (PACE, changed(Kind.TEMPLATE, CHANGED, number=3)),
    )
    assert run(account_drift.DETECTOR, facts)[-1].evidence == {COMPROMISED: 2.0}
    exports = log(
        (0, changed(Kind.EXPORT, expected=True)),
        (PACE, changed(Kind.EXPORT, number=2)),
        (2 * PACE, changed(Kind.EXPORT, number=3, expected=True)),
    )
    now = exports[-1].placed_at
    first, second, third = run(export_seen.DETECTOR, exports)
    assert [first.evidence, second.evidence] == [{COMPROMISED: 0.3}, {COMPROMISED: 5.0}]
    left = second.weight(COMPROMISED, now)
    assert third.weight(COMPROMISED, now) == pytest.approx(left), "it makes no other new"


def test_neither_an_announced_change_nor_taking_one_back_makes_others_new() -> None:
    facts = log(
        (0, changed(Kind.KEY)),
        (3600, changed(Kind.TEMPLATE, CHANGED, number=2, expected=True)),
        (7200, changed(Kind.USER, number=3)),
        (10_800, PostureAccepted(provider="a", changes=("chg_3",), by="uid:0")),
    )
    first, announced, _, back = run(account_drift.DETECTOR, facts)
    now = facts[-1].placed_at
    gained = announced.weight(COMPROMISED, now) - first.weight(COMPROMISED, now)
    assert 0 < gained < 0.3
    assert back.weight(COMPROMISED, now) == announced.weight(COMPROMISED, now)


def test_an_announced_change_makes_no_plain_one_new() -> None:
    announced = changed(Kind.USER, number=2, expected=True)
    facts = log((0, changed(Kind.TEMPLATE)), (12 * 3600, announced))
    assert run(account_drift.DETECTOR, facts)[-1].evidence == {
        COMPROMISED: pytest.approx(2.0 / 2 + 0.3)
    }


def test_a_mail_as_a_stranger_counts_beside_what_is_long_past() -> None:
    used = changed(Kind.SENDER, number=2, strange=True, field=USED)
    facts = log((0, changed(Kind.FORWARD)), (20 * DAY, used))
    _, late = run(account_drift.DETECTOR, facts)
    assert late.at == facts[-1].placed_at
    assert late.evidence == {COMPROMISED: pytest.approx(1.0)}


def test_who_may_choose_senders_makes_nothing_new() -> None:
    used = changed(Kind.SENDER, number=2, strange=True, field=USED)
    first, second = run(account_drift.DETECTOR, log((0, changed(Kind.KEY)), (3600, used)))
    alone = first.weight(COMPROMISED, second.at)
    assert second.evidence == {COMPROMISED: pytest.approx(alone + 1.0)}
    facts = log((0, changed(Kind.EXPORT)), (3600, used))
    assert len(run(export_seen.DETECTOR, facts)) == 1


HOUR = 3600.0


def _said(detector: Detector[Any], facts: list[tuple[float, Fact]], now: Instant) -> float:
    state, said = detector.start(WatchSettings()), 0.0
    for one in log(*facts):
        state, signals = detector.step(state, one)
        for signal in signals:
            said = signal.weight(COMPROMISED, now)
    return said


@pytest.mark.parametrize("hours", [1, 12, 23, 25])
def test_plain_changes_count_whole_in_the_day_after_an_act(hours: float) -> None:
    plain = [
        (hours * HOUR, changed(Kind.WEBHOOK, number=2)),
        (hours * HOUR + 60, changed(Kind.TEMPLATE, number=3)),
        (hours * HOUR + 120, changed(Kind.USER, REMOVED, number=4)),
    ]
    act, now = (0.0, changed(Kind.KEY)), log(plain[-1])[0].placed_at
    alone = _said(account_drift.DETECTOR, plain, now)
    assert alone == 6.0
    left = _said(account_drift.DETECTOR, [act], now)
    both = min(account_drift.CAP, alone + left)
    assert _said(account_drift.DETECTOR, [act, *plain], now) == pytest.approx(both, abs=0.1)


SORTS = st.sampled_from(
    [
        (Kind.KEY, ADDED),
        (Kind.KEY, REMOVED),
        (Kind.USER, ADDED),
        (Kind.USER, REMOVED),
        (Kind.WEBHOOK, ADDED),
        (Kind.TEMPLATE, CHANGED),
        (Kind.FORWARD, ADDED),
        (Kind.DOMAIN, CHANGED),
        (Kind.EXPORT, ADDED),
    ]
)
DAYS = st.lists(
    st.tuples(st.integers(0, 86_000), SORTS, st.booleans(), st.booleans()), min_size=1, max_size=12
)


@pytest.mark.parametrize("detector", [account_drift.DETECTOR, export_seen.DETECTOR])
@given(
    day=DAYS,
    before=st.none()
    | st.tuples(st.sampled_from([1, 4, 5]), st.sampled_from([Kind.KEY, Kind.EXPORT])),
)
def test_one_more_change_never_lowers_what_is_said(
    detector: Detector[Any],
    day: list[tuple[int, tuple[Kind, str], bool, bool]],
    before: tuple[int, Kind] | None,
) -> None:
    """Whichever of a day's changes, or an act some days before it, is the one more.

    To 0.002 nats: a grave act, faded for four days, ceases to be grave when it counts anew.
    """
    facts = [(0.0, changed(before[1], number=99))] if before else []
    start = before[0] * DAY if before else 0.0
    for number, (second, (kind, what), strange, expected) in enumerate(sorted(day), 1):
        one = changed(kind, what, number, strange=strange, expected=expected)
        facts.append((start + second, one))
    now = log(*facts)[-1].placed_at
    said = _said(detector, facts, now)
    for left_out in range(len(facts)):
        fewer = [one for number, one in enumerate(facts) if number != left_out]
        assert said >= _said(detector, fewer, now) - 0.002


@pytest.mark.parametrize(
    ("detector", "first", "second"),
    [
        (account_drift.DETECTOR, Kind.FORWARD, Kind.EXPORT),
        (export_seen.DETECTOR, Kind.EXPORT, Kind.KEY),
    ],
)
def test_an_announced_change_does_not_undo_what_counted_anew(
    detector: Detector[Any], first: Kind, second: Kind
) -> None:
    """The act that made an older one count anew is of a day ago by then."""
    facts = [(0.0, changed(first)), (3 * DAY, changed(second, number=2))]
    kind = Kind.EXPORT if detector is export_seen.DETECTOR else Kind.TEMPLATE
    more = [*facts, (4 * DAY + 60, changed(kind, number=3, expected=True))]
    now = log(*more)[-1].placed_at
    assert _said(detector, more, now) >= _said(detector, facts, now) > 0.8


def test_what_is_kept_of_an_account_is_bounded() -> None:
    state = account_drift.start(WatchSettings())
    many = log(*((n * 60.0, changed(Kind.TEMPLATE, number=n)) for n in range(200)))
    for one in (*many, *log((9e4, changed(Kind.FORWARD, number=900)))):
        state, _ = account_drift.step(state, one)
    assert len(state.noted["a"]) == account_drift.MOST_CHANGES
    assert "chg_900" in state.noted["a"]
