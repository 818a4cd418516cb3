"""The score follows from the facts, and says "missed" where something was."""

import msgspec
import pytest

from mailkeep_drill.record import (
    Alert,
    Attempt,
    End,
    Exposure,
    Facts,
    HonestReset,
    Marks,
    Step,
    Suspicion,
)
from mailkeep_drill.scorecard import Split, flowing_again, score


def facts(**changes: object) -> Facts:
    """A good day: the thief got a half proof, the provider was named and cut, nothing was lost."""
    fields: dict[str, object] = {
        "key": "mailkeep-a",
        "title": "Mailkeep",
        "kind": "mailkeep",
        "fallen": "A",
        "thief": True,
        "customers": 2,
        "with_totp": 1,
        "marks": Marks(
            foreign=8.0,
            foreign_seen_by_canary=9.0,
            leak=10.0,
            suspended=60.0,
            last_delivery_before=59.0,
            cut_off=30.0,
            end=100.0,
        ),
        "alerts": [Alert(f"{n}", "a@x.example", float(n), n + 0.5) for n in range(100)],
        "attempts": [Attempt("a@x.example", totp=False, asked=12.0, half=13.0)],
        "ends": [
            End("a@x.example", totp=False, attacked=True, ending="kept"),
            End("b@x.example", totp=True, attacked=False, ending="kept"),
        ],
        "suspicions": [Suspicion(28.0, "i1", "provider_compromised", "provider a", 2.0)],
        "exposure": Exposure(true=2, found=2, due=1, told=1),
    }
    return Facts(**{**fields, **changes})


def missed(one: Facts) -> set[str]:
    return {target.name for target in score(one).targets if target.met is False}


def test_a_good_day_meets_every_target() -> None:
    card = score(facts())
    assert card.passed
    assert card.named_after_half == 15.0
    assert card.named_after_foreign == 19.0
    assert card.cut_before == 30.0
    assert card.flowing == 0.0
    assert card.attacked == Split(1, 0)


def test_who_is_named_before_the_first_half_proof_is_named_in_time() -> None:
    card = score(
        facts(suspicions=[Suspicion(10.0, "i1", "provider_compromised", "provider a", 2.0)])
    )
    assert card.named_after_half == -3.0
    assert card.halves == Split(1, 0)
    assert card.passed


def test_silence_is_no_target_where_the_provider_was_cut_before_it() -> None:
    silence = next(one for one in score(facts()).targets if one.name == "Silence noticed")
    assert silence.met is None
    assert "cut off 30 s before" in silence.note


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ends": [End("a@x.example", False, True, "lost")]}, "Accounts lost"),
        ({"ends": [End("a@x.example", False, False, "locked_out")]}, "Customers locked out"),
        ({"alerts": [Alert("1", "a@x.example", 5.0, None)]}, "Acknowledged mail lost"),
        (
            {"suspicions": [Suspicion(80.0, "i1", "provider_compromised", "provider a", 2.0)]},
            "Incident names the provider after the first half proof",
        ),
        (
            {"suspicions": [Suspicion(20.0, "i1", "provider_compromised", "provider b", 2.0)]},
            "Incident names the provider after the first half proof",
        ),
        (
            {"alerts": [Alert("1", "a@x.example", 61.0, 95.0)]},
            "All mail flows again after the suspension",
        ),
    ],
)
def test_a_target_is_missed(changes: dict[str, object], name: str) -> None:
    assert name in missed(facts(**changes))
    assert not score(facts(**changes)).passed


@pytest.mark.parametrize(("at", "ok"), [(70.0, True), (75.5, False), (50.0, False), (None, False)])
def test_silence_is_noticed_in_time_after_the_suspension_or_not(at: float | None, ok: bool) -> None:
    seen = [] if at is None else [Suspicion(at, "i2", "provider_silent", "provider a", 4.0)]
    marks = Marks(suspended=60.0, last_delivery_before=59.0, end=100.0)
    assert ("Silence noticed" not in missed(facts(marks=marks, suspicions=seen))) is ok


def test_the_ordinary_set_up_has_no_targets() -> None:
    lost = [End("a@x.example", False, True, "lost")]
    card = score(facts(kind="ordinary", ends=lost))
    assert card.targets == []
    assert card.passed
    assert card.lost == Split(1, 0)


def test_mail_that_was_never_acknowledged_is_not_lost() -> None:
    one = facts(alerts=[Alert("1", "a@x.example"), Alert("2", "a@x.example", 3.0, 40.0)])
    card = score(one)
    assert (card.acknowledged, card.mail_lost, card.mail_late) == (1, 0, 1)


@pytest.mark.parametrize(
    ("delays", "expected"),
    [
        ([1, 1, 1, 1], 0.0),
        ([1, 20, None, 1], 21.0),
        ([1, None, 1, 1], 2.0),
        ([20, 1, 1, None], None),
        ([None, None], None),
        ([], None),
    ],
)
def test_mail_flows_again_when_the_backlog_came_and_the_new_comes_in_time(
    delays: list[float | None], expected: float | None
) -> None:
    mail = [
        Alert(f"{n}", "a", 60.0 + n, None if delay is None else 60.0 + n + delay)
        for n, delay in enumerate(delays)
    ]
    early = Alert("early", "a", 10.0, None)  # before the suspension: another matter
    assert flowing_again([early, *mail], 60.0) == expected


def test_actions_say_who_did_them() -> None:
    steps = [
        Step(20.0, "i1", "cut_provider", "running", "playbook"),
        Step(21.0, "i1", "cut_provider", "applied", "playbook"),
        Step(25.0, "i1", "notify_owners", "proposed", "playbook"),
        Step(30.0, "i1", "notify_owners", "applied", "key_01m"),
    ]
    assert score(facts(steps=steps)).actions == [
        "cut_provider applied by the playbook at 21 s",
        "notify_owners applied by the operator at 30 s",
    ]


def test_honest_resets_are_counted_by_their_moment() -> None:
    resets = [
        HonestReset("b@x.example", True, "before", 1.0, 4.0, 1),
        HonestReset("c@x.example", False, "before", 1.0, None, 3),
        HonestReset("d@x.example", False, "after", 1.0, None, 1, held=True),
    ]
    honest = score(facts(resets=resets)).honest
    assert honest["before"] == "1 of 2, longest 3 s, asked again 2 times"
    assert honest["after"] == "0 of 1, 1 held"
    assert honest["during"] == "none tried"


def test_a_day_on_which_nothing_stopped_the_mail_misses_no_target_for_it() -> None:
    card = score(facts(thief=False, attempts=[], marks=Marks(end=100.0)))
    met = {one.name: (one.met, one.note) for one in card.targets}
    for name in ("Silence noticed", "All mail flows again after the suspension"):
        assert met[name] == (None, "nothing stopped the mail")
    assert card.passed


def test_a_provider_that_was_left_is_given_nothing_any_more() -> None:
    name = "Mails that the provider was given after it was left"
    day = Marks(suspended=60.0, last_delivery_before=59.0, cut_off=30.0, end=100.0)
    assert name not in {one.name for one in score(facts(marks=day)).targets}, "nobody left it"
    gone = msgspec.structs.replace(day, leave=90.0, left=91.0)
    assert score(facts(marks=gone)).passed
    assert missed(facts(marks=gone, given_after=1)) == {name}
    broke = msgspec.structs.replace(day, leave=90.0)  # a command failed
    assert missed(facts(marks=broke)) == {name}
