"""Which actions are proposed, and which may go on without a person."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.incidents.types import View
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.actions.port import Allowance
from mailkeep.response.playbooks import DEFAULTS, Place, books, plan, standing
from mailkeep.response.types import PlaybookLimits, PlaybookSettings
from mailkeep.watch.types import Hypothesis

COMPROMISED, SILENT, CAMPAIGN = (
    Hypothesis.PROVIDER_COMPROMISED,
    Hypothesis.PROVIDER_SILENT,
    Hypothesis.CAMPAIGN,
)
CUTS = PlaybookSettings(COMPROMISED, ("cut_provider", "notify_owners"), ("cut_provider",))


def _view(
    hypothesis: Hypothesis,
    *,
    held: bool = True,
    alone: bool = True,
    odds: float = 3.0,
    firm: float | None = 3.0,
) -> View:
    return View(hypothesis, odds, held, alone, (), firm=firm)


def test_the_defaults_cut_and_freeze_nothing_by_themselves() -> None:
    planned = plan([_view(one) for one in Hypothesis], books(()))
    assert {one.name for one in planned} >= {"cut_provider", "secure_accounts", "notify_owners"}
    assert {one.name for one in planned if one.automatic} <= {"rest_provider"}


def test_the_defaults_name_actions_that_there_are() -> None:
    for book in DEFAULTS:
        assert set(book.automatic) <= set(book.actions) <= set(ACTIONS)


def test_automatic_needs_its_own_hypothesis_and_our_own_observation() -> None:
    playbooks = books((CUTS,))
    assert plan([_view(COMPROMISED)], playbooks)[0].automatic
    assert not plan([_view(COMPROMISED, alone=False)], playbooks)[0].automatic
    assert plan([_view(COMPROMISED, held=False)], playbooks) == ()
    other = plan([_view(CAMPAIGN), _view(SILENT)], playbooks)
    assert "cut_provider" not in {one.name for one in other}


def test_each_action_once_the_gravest_first() -> None:
    planned = plan([_view(CAMPAIGN), _view(COMPROMISED, alone=False)], books(()))
    names = [one.name for one in planned]
    assert names == [
        *("cut_provider", "distrust_events", "revoke_recoveries", "secure_accounts"),
        *("emit_signals", "notify_owners", "hold_recoveries"),
    ]
    assert {one.hypothesis for one in planned if one.name != "hold_recoveries"} == {COMPROMISED}


def test_a_written_playbook_replaces_the_default() -> None:
    playbooks = books((PlaybookSettings(COMPROMISED, ("notify_owners",)),))
    assert [one.name for one in plan([_view(COMPROMISED)], playbooks)] == ["notify_owners"]


@given(
    weight=st.floats(1.0, 20.0),
    odds=st.floats(-5.0, 25.0),
    firm=st.none() | st.floats(-15.0, 25.0),
    alone=st.booleans(),
)
def test_a_weight_asks_for_more_and_never_for_less(
    weight: float, odds: float, firm: float | None, alone: bool
) -> None:
    view = _view(COMPROMISED, alone=alone, odds=odds, firm=firm)
    without = plan([view], (CUTS,))
    heavy = plan([view], (msgspec.structs.replace(CUTS, weight=weight),))
    assert bool(heavy) == (odds >= weight)
    if heavy:
        acts = alone and firm is not None and firm >= weight
        assert heavy[0].automatic == acts
        assert without[0].automatic or not acts
        assert bool(heavy[0].held) == (alone and not acts)


def test_what_was_done_whole_is_asked_for_no_weight_again() -> None:
    heavy = msgspec.structs.replace(CUTS, weight=9.0)
    for view in (_view(COMPROMISED), _view(COMPROMISED, odds=9.0)):
        (cut, *_) = plan([view], (heavy,), done={"cut_provider"})
        assert (cut.name, cut.automatic, cut.held) == ("cut_provider", True, "")
    faded = _view(COMPROMISED, alone=False)
    assert not plan([faded], (heavy,), done={"cut_provider"})[0].automatic
    assert plan([_view(COMPROMISED, held=False)], (heavy,), done={"cut_provider"}) == ()


def test_a_persons_word_is_asked_for_no_weight_and_acts_on_nothing() -> None:
    heavy = msgspec.structs.replace(CUTS, weight=9.0)
    planned = plan([], (heavy,), COMPROMISED)
    assert [(one.name, one.automatic) for one in planned] == [
        ("cut_provider", False),
        ("notify_owners", False),
    ]


def test_limits_to_parties_and_streams_know_where_a_provider_stands() -> None:
    limits = PlaybookLimits(parties=("ours",), streams=("recovery",))
    book = (msgspec.structs.replace(CUTS, limits=limits),)
    for place, acts in (
        (Place("ours", frozenset({"recovery"})), True),
        (Place("ours", frozenset({"recovery", "bulk"})), False),
        (Place("theirs", frozenset({"recovery"})), False),
        (Place(), False),
    ):
        assert plan([_view(COMPROMISED)], book, place=place)[0].automatic == acts


def test_how_far_a_playbook_goes_is_said_only_where_it_is_bounded() -> None:
    view = _view(COMPROMISED, odds=5.0)
    assert standing([view], (CUTS,)) == ()
    assert standing([_view(COMPROMISED, held=False)], (_bounded(),)) == ()
    (said,) = standing([view], (_bounded(),))
    assert (said.plays, said.acts) == (True, False)
    assert said.words.split("; ") == [
        "it acts by itself only when what nobody outside could have staged weighs +4.0 nats",
        "it weighs +3.0: +0.0 before any evidence, +3.0 by such signs",
        "by itself it never leaves fewer than two independent routes",
        "by itself it touches 7 accounts at most",
        "it does each action by itself 2 times a day at most",
        "it acts by itself only about p",
        "it acts by itself only where nothing but recovery is carried",
    ]


def test_limits_are_said_as_people_say_them() -> None:
    limits = PlaybookLimits(each_day=1, streams=("recovery", "confirmation", "security"))
    (said,) = standing([_view(COMPROMISED)], (msgspec.structs.replace(CUTS, limits=limits),))
    assert said.words.split("; ") == [
        "it does each action by itself once a day at most",
        "it acts by itself only where nothing but recovery, confirmation and security is carried",
    ]


def _bounded() -> PlaybookSettings:
    limits = PlaybookLimits(accounts=7, each_day=2, parties=("p",), streams=("recovery",))
    return msgspec.structs.replace(CUTS, weight=2.0 + 2.0, limits=limits)


@given(
    waiting=st.lists(st.sampled_from("abcdefgh"), unique=True),
    known=st.frozensets(st.sampled_from("abcdefgh")),
    left=st.integers(0, 5),
)
def test_an_allowance_lets_through_who_counted_before_and_so_many_more(
    waiting: list[str], known: frozenset[str], left: int
) -> None:
    may = Allowance(known, left).of(waiting)
    new = [one for one in waiting if one not in known]
    assert may == set(known.intersection(waiting)) | set(new[:left])
