"""Which actions are proposed, and which may go on without a person."""

from mailkeep.incidents.types import View
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.playbooks import DEFAULTS, books, plan
from mailkeep.response.types import PlaybookSettings
from mailkeep.watch.types import Hypothesis

COMPROMISED, SILENT, CAMPAIGN = (
    Hypothesis.PROVIDER_COMPROMISED,
    Hypothesis.PROVIDER_SILENT,
    Hypothesis.CAMPAIGN,
)
CUTS = PlaybookSettings(COMPROMISED, ("cut_provider", "notify_owners"), ("cut_provider",))


def _view(hypothesis: Hypothesis, *, held: bool = True, alone: bool = True) -> View:
    return View(hypothesis, 3.0, held, alone, ())


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
