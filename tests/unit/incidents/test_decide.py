"""What opens an incident, what joins one, what ends one, and what must not flutter."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND
from mailkeep.incidents.decide import Change, Closing, Opening, Step, decide, grew, held_again
from mailkeep.incidents.types import Incident, IncidentSettings, State
from mailkeep.watch.correlation import Opinion, Term
from mailkeep.watch.types import (
    RESETS,
    CorrelationSettings,
    Family,
    Forger,
    Hypothesis,
    Subject,
    account_subject,
    provider_subject,
)

NOW = 1_700_000_000 * SECOND
SETTINGS = IncidentSettings()
COMPROMISED, SILENT, CAMPAIGN = (
    Hypothesis.PROVIDER_COMPROMISED,
    Hypothesis.PROVIDER_SILENT,
    Hypothesis.CAMPAIGN,
)
A, B = provider_subject("a"), provider_subject("b")


def opinion(
    hypothesis: Hypothesis,
    subject: Subject = A,
    odds: float = 3.0,
    *terms: tuple[str, tuple[str, ...]],
) -> Opinion:
    """An opinion that rests on what ``terms`` say: (detector, events)."""
    made = tuple(
        Term(name, Family.FLOW, 4.0, 4.0, "", f"{name} says so", events, True, Forger.NOBODY)
        for name, events in terms or (("refusal", ("evt_1",)),)
    )
    return Opinion(hypothesis, subject, -5.0, odds, odds >= 1.0, odds >= 1.0, made, odds)


class House:
    """Applies the steps as the services do."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []
        self.steps: list[Step] = []

    def hear(self, *opinions: Opinion, now: int = NOW) -> list[Step]:
        live = [one for one in self.incidents if one.state is not State.CLOSED]
        dismissed = [one for one in self.incidents if one.closed_by == "key_1"]
        steps = decide(opinions, live, dismissed, now, SETTINGS, CorrelationSettings())
        for step in steps:
            if isinstance(step, Opening):
                number = f"inc_{len(self.incidents)}"
                new = Incident(number, step.subject, State.OPEN, now, now, step.opinions)
                self.incidents.append(new)
            elif isinstance(step, Change):
                self.set(step.incident, opinions=step.opinions, quiet_since=step.quiet_since)
            else:
                by = "joined" if step.joined else "quiet"
                self.set(step.incident, state=State.CLOSED, closed_at=now, closed_by=by)
        return steps

    def set(self, incident: str, **values: object) -> None:
        self.incidents = [
            msgspec.structs.replace(one, **values) if one.id == incident else one
            for one in self.incidents
        ]

    def close(self, incident: str, now: int) -> None:
        self.set(incident, state=State.CLOSED, closed_at=now, closed_by="key_1")


def _kinds(steps: list[Step]) -> list[str]:
    return [type(one).__name__ for one in steps]


def test_one_provider_has_one_incident_whatever_is_suspected_of_it() -> None:
    house = House()
    house.hear(opinion(SILENT))
    house.hear(opinion(SILENT), opinion(COMPROMISED), opinion(SILENT, B))
    assert [one.subject for one in house.incidents] == [A, B]
    assert {one.hypothesis for one in house.incidents[0].opinions} == {SILENT, COMPROMISED}


def test_an_opinion_below_the_line_opens_nothing() -> None:
    assert House().hear(opinion(COMPROMISED, odds=0.9)) == []


def test_the_same_again_changes_nothing() -> None:
    house = House()
    house.hear(opinion(SILENT))
    assert house.hear(opinion(SILENT, odds=2.9)) == []
    assert _kinds(house.hear(opinion(SILENT, odds=2.5))) == ["Change"]


def test_drift_is_written_down_without_a_line_and_a_new_sign_with_one() -> None:
    house = House()
    house.hear(opinion(SILENT))
    (drift,) = house.hear(opinion(SILENT, odds=2.0))
    assert isinstance(drift, Change)
    assert drift.lines == ()
    signs = (("refusal", ("evt_1",)), ("canary", ("evt_2", "evt_3")))
    (change,) = house.hear(opinion(SILENT, A, 5.0, *signs))
    assert isinstance(change, Change)
    assert [(one.kind, one.events) for one in change.lines] == [("evidence", ("evt_2", "evt_3"))]


def test_what_is_held_stays_held_down_to_the_closing_line() -> None:
    house = House()
    house.hear(opinion(SILENT))
    house.hear(opinion(SILENT, odds=-0.9))
    assert house.incidents[0].opinions[0].open
    assert not house.incidents[0].opinions[0].alone
    house.hear(opinion(SILENT, odds=-1.1))
    assert not house.incidents[0].opinions[0].open
    house.hear(opinion(SILENT, odds=-0.5))
    assert not house.incidents[0].opinions[0].open


def test_what_nothing_speaks_for_any_more_stands_where_it_began_and_keeps_what_it_was() -> None:
    """An incident showed the last figure of a suspicion that was let go as if it still stood."""
    house = House()
    for number, odds in enumerate((3.0, 6.0, 4.0)):
        house.hear(opinion(SILENT, odds=odds), now=NOW + number * MINUTE)
    (view,) = house.incidents[0].opinions
    assert (view.log_odds, view.spent) == (4.0, False)
    assert (view.highest, view.highest_at) == (6.0, NOW + MINUTE)
    house.hear(opinion(SILENT, odds=-3.0), now=NOW + 3 * MINUTE)
    (view,) = house.incidents[0].opinions
    assert (view.log_odds, view.open, view.spent, view.highest) == (-3.0, False, False, 6.0)
    steps = house.hear(now=NOW + 4 * MINUTE)
    assert _kinds(steps) == ["Change"]
    (view,) = house.incidents[0].opinions
    assert (view.log_odds, view.prior, view.open, view.spent) == (-5.0, -5.0, False, True)
    assert view.highest == 6.0
    assert [one.events for one in view.reasons] == [("evt_1",)]  # a person closes it with them
    assert house.hear(now=NOW + 5 * MINUTE) == []
    house.hear(opinion(SILENT, odds=2.0), now=NOW + 6 * MINUTE)
    (view,) = house.incidents[0].opinions
    assert (view.log_odds, view.open, view.spent, view.highest) == (2.0, True, False, 6.0)


def test_what_is_held_again_was_let_go_or_comes_after_nothing() -> None:
    house = House()

    def again(*opinions: Opinion) -> tuple[Hypothesis, ...]:
        before = house.incidents[0].opinions
        house.hear(*opinions)
        return held_again(before, house.incidents[0].opinions)

    house.hear(opinion(COMPROMISED))
    assert again(opinion(COMPROMISED), opinion(SILENT, odds=0.5)) == ()
    assert again(opinion(COMPROMISED, odds=0.9), opinion(SILENT)) == ()
    assert again(opinion(COMPROMISED), opinion(SILENT, odds=-2.0)) == ()
    assert again(opinion(COMPROMISED), opinion(SILENT)) == (SILENT,)
    assert again() == ()
    assert again(opinion(CAMPAIGN, RESETS), opinion(SILENT, odds=0.5)) == ()
    assert again(opinion(SILENT)) == (SILENT,)


def test_what_was_never_held_has_no_highest_and_what_an_older_version_held_has_one() -> None:
    house = House()
    house.hear(opinion(SILENT), opinion(COMPROMISED, odds=0.5))
    never = {one.hypothesis: one.highest for one in house.incidents[0].opinions}
    assert never == {SILENT: 3.0, COMPROMISED: None}
    old = [
        msgspec.structs.replace(one, highest=None, highest_at=None)
        for one in house.incidents[0].opinions
    ]
    house.set("inc_0", opinions=tuple(old))
    house.hear(opinion(SILENT, odds=1.0))
    assert {one.hypothesis: one.highest for one in house.incidents[0].opinions} == never


def test_a_campaign_joins_the_provider_that_explains_it() -> None:
    house = House()
    house.hear(opinion(SILENT, B, 8.0), opinion(COMPROMISED, A, 2.0), opinion(CAMPAIGN, RESETS))
    by = {one.subject: {view.hypothesis for view in one.opinions} for one in house.incidents}
    assert by == {A: {COMPROMISED, CAMPAIGN}, B: {SILENT}}
    # It stays where it is, also when another provider becomes likelier.
    house.hear(
        opinion(COMPROMISED, B, 9.0), opinion(COMPROMISED, A, 2.0), opinion(CAMPAIGN, RESETS)
    )
    assert [one.subject for one in house.incidents] == [A, B]
    assert CAMPAIGN not in {view.hypothesis for view in house.incidents[1].opinions}


def test_a_campaign_alone_has_its_own_and_goes_on_in_a_providers() -> None:
    house = House()
    house.hear(opinion(CAMPAIGN, RESETS))
    assert [one.subject for one in house.incidents] == [RESETS]
    steps = house.hear(opinion(CAMPAIGN, RESETS), opinion(COMPROMISED))
    assert _kinds(steps) == ["Opening", "Closing"]
    alone, provider = house.incidents
    assert (alone.state, alone.closed_by) == (State.CLOSED, "joined")
    assert {one.hypothesis for one in provider.opinions} == {COMPROMISED, CAMPAIGN}
    assert house.hear(opinion(CAMPAIGN, RESETS), opinion(COMPROMISED)) == []


def test_quiet_for_long_closes_and_a_cut_provider_waits_for_a_person() -> None:
    house = House()
    house.hear(opinion(SILENT), opinion(COMPROMISED, B))
    house.set("inc_1", state=State.CONTAINED)
    house.hear(now=NOW + HOUR)
    assert all(one.quiet_since == NOW + HOUR for one in house.incidents)
    assert house.hear(now=NOW + 6 * HOUR) == []
    steps = house.hear(now=NOW + 7 * HOUR)
    assert steps == [Closing("inc_0")]
    assert house.hear(now=NOW + 30 * DAY) == []


def test_signs_that_come_back_end_the_quiet() -> None:
    house = House()
    house.hear(opinion(SILENT))
    house.hear(now=NOW + HOUR)
    house.hear(opinion(SILENT), now=NOW + 2 * HOUR)
    assert house.incidents[0].quiet_since is None
    house.hear(now=NOW + 8 * HOUR)
    assert house.incidents[0].state is State.OPEN


def test_what_a_person_closed_does_not_come_back_on_what_they_saw() -> None:
    house = House()
    house.hear(opinion(SILENT))
    house.close("inc_0", NOW)
    assert house.hear(opinion(SILENT), now=NOW + DAY) == []
    more = opinion(SILENT, A, 3.0, ("refusal", ("evt_1", "evt_9")))
    assert house.hear(more, now=NOW + MINUTE) == []
    other = opinion(SILENT, A, 3.0, ("refusal", ("evt_1",)), ("canary", ("evt_9",)))
    assert _kinds(house.hear(other, now=NOW + MINUTE)) == ["Opening"]


def test_new_evidence_opens_again_once_the_rest_is_over() -> None:
    house = House()
    house.hear(opinion(SILENT))
    house.close("inc_0", NOW)
    more = opinion(SILENT, A, 3.0, ("refusal", ("evt_9",)))
    assert _kinds(house.hear(more, now=NOW + 2 * HOUR)) == ["Opening"]


def _drift(odds: float, said: float, *events: str) -> Opinion:
    """That a provider is compromised, by what was changed in our account there."""
    made = opinion(COMPROMISED, A, odds, ("drift", events))
    (term,) = made.terms
    return msgspec.structs.replace(
        made, terms=(msgspec.structs.replace(term, counted=said, said=said),)
    )


def test_what_stood_below_the_line_when_a_person_closed_it_was_not_dismissed() -> None:
    """A template was changed two days before. Six refusals open an incident, which people close as
    an outage; ten minutes later the account has another owner."""
    house = House()
    house.hear(opinion(SILENT), _drift(-5.0, 2.0, "evt_template"))
    house.close("inc_0", NOW)
    owner = _drift(1.2, 8.2, "evt_owner", "evt_template")
    assert _kinds(house.hear(opinion(SILENT), owner, now=NOW + 10 * MINUTE)) == ["Opening"]


def test_what_counted_nothing_when_a_person_closed_it_was_not_dismissed() -> None:
    house = House()
    drift = _drift(-5.0, 0.0, "evt_1").terms
    before = opinion(COMPROMISED, A, 1.2, ("bait", ("evt_2",)))
    house.hear(msgspec.structs.replace(before, terms=(*before.terms, *drift)))
    house.close("inc_0", NOW)
    after = _drift(1.2, 8.2, "evt_1")
    assert _kinds(house.hear(after, now=NOW + MINUTE)) == ["Opening"]


def test_what_was_let_go_before_a_person_closed_it_was_not_dismissed() -> None:
    """What was changed is accepted; the thief waits for that, and for the incident's end."""
    house = House()
    house.hear(_drift(1.5, 8.5, "evt_1"))
    house.hear(now=NOW + MINUTE)
    house.close("inc_0", NOW + 2 * MINUTE)
    again = _drift(1.5, 8.5, "evt_2")
    assert _kinds(house.hear(again, now=NOW + 10 * MINUTE)) == ["Opening"]


def test_more_than_a_person_saw_opens_again_and_no_more_does_not() -> None:
    house = House()
    house.hear(_drift(1.5, 8.5, "evt_1"))
    house.hear(_drift(1.1, 8.5, "evt_1"), now=NOW + HOUR)
    house.close("inc_0", NOW + HOUR)
    for odds, said in ((1.1, 8.1), (1.5, 8.5), (1.7, 8.7)):
        for events in (("evt_1",), ("evt_1", "evt_2")):
            assert house.hear(_drift(odds, said, *events), now=NOW + HOUR + MINUTE) == []
    assert house.hear(_drift(1.5, 8.5, "evt_1"), now=NOW + DAY) == []
    stronger = _drift(1.5, 8.8, "evt_1", "evt_2")
    assert _kinds(house.hear(stronger, now=NOW + HOUR + MINUTE)) == ["Opening"]
    house.incidents.pop()
    together = _drift(1.8, 8.5, "evt_1")
    assert _kinds(house.hear(together, now=NOW + DAY)) == ["Opening"]


_opinions = st.lists(
    st.builds(
        lambda what, odds, event: opinion(what[0], what[1], odds, ("d", (f"evt_{event}",))),
        st.sampled_from(
            [(COMPROMISED, A), (SILENT, A), (COMPROMISED, B), (SILENT, B), (CAMPAIGN, RESETS)]
        ),
        st.floats(-8, 12),
        st.integers(0, 3),
    ),
    max_size=5,
    unique_by=lambda one: (one.hypothesis, one.subject),
)


@given(st.lists(st.tuples(_opinions, st.integers(0, 9), st.booleans()), max_size=12))
def test_never_two_at_once_and_always_settled(
    story: list[tuple[list[Opinion], int, bool]],
) -> None:
    """Whatever is heard in whatever order: one live incident a subject, and hearing the same twice
    changes nothing the second time."""
    house, now = House(), NOW
    for opinions, hours, closes in story:
        now += hours * HOUR
        house.hear(*opinions, now=now)
        live = [one for one in house.incidents if one.state is not State.CLOSED]
        assert len({one.subject for one in live}) == len(live)
        for one in live:
            held = [view.hypothesis for view in one.opinions]
            assert len(held) == len(set(held))
        assert house.hear(*opinions, now=now) == []
        if closes and live:
            house.close(live[0].id, now)


def _targeted(*numbers: int, odds: float = 3.0) -> list[Opinion]:
    return [
        opinion(
            Hypothesis.ACCOUNT_TARGETED, account_subject(f"acc_{n}"), odds, ("seen", (f"e{n}",))
        )
        for n in numbers
    ]


def test_an_account_that_somebody_is_after_is_an_incident_of_its_own() -> None:
    house = House()
    house.hear(*_targeted(1, 2, 3), opinion(CAMPAIGN, RESETS))
    assert {one.subject.kind for one in house.incidents} == {"account", "campaign"}
    assert len(house.incidents) == 4


def test_several_targeted_accounts_join_a_campaign_that_is_held() -> None:
    house = House()
    house.hear(*_targeted(1, 2))
    house.hear(*_targeted(1, 2, 3, 4), opinion(CAMPAIGN, RESETS))
    live = [one for one in house.incidents if one.state is not State.CLOSED]
    assert [one.subject for one in live] == [RESETS]
    assert {one.closed_by for one in house.incidents if one.subject != RESETS} == {"joined"}
    assert house.hear(*_targeted(1, 2, 3, 4), opinion(CAMPAIGN, RESETS)) == []


def test_they_join_the_provider_that_explains_the_campaign() -> None:
    house = House()
    steps = house.hear(*_targeted(1, 2, 3, 4), opinion(CAMPAIGN, RESETS), opinion(COMPROMISED))
    assert [one.subject for one in house.incidents] == [A]
    assert _kinds(steps) == ["Opening"]
    assert {one.hypothesis for one in house.incidents[0].opinions} == {COMPROMISED, CAMPAIGN}


def test_without_a_campaign_each_stays_what_it_is() -> None:
    house = House()
    house.hear(*_targeted(1, 2, 3, 4, 5))
    assert len(house.incidents) == 5


def test_a_campaign_never_joins_an_account() -> None:
    house = House()
    house.hear(*_targeted(1), opinion(CAMPAIGN, RESETS))
    assert {one.subject for one in house.incidents} == {RESETS, account_subject("acc_1")}


def _of(odds: float, firm: float) -> Opinion:
    return msgspec.structs.replace(opinion(COMPROMISED, odds=odds), firm=firm)


def test_what_nobody_could_have_staged_is_kept_until_nothing_speaks_for_it() -> None:
    house = House()
    house.hear(_of(6.0, 1.0))
    assert house.incidents[0].opinions[0].firm == 1.0
    house.hear(opinion(SILENT))
    assert {one.hypothesis: one.firm for one in house.incidents[0].opinions} == {
        SILENT: 3.0,
        COMPROMISED: None,
    }


def test_what_grew_is_what_is_held_and_stronger() -> None:
    house = House()
    house.hear(_of(4.0, 1.0))
    before = house.incidents[0].opinions
    assert not grew(before, before)
    assert grew((), before)
    house.hear(_of(4.0, 3.0))
    assert grew(before, house.incidents[0].opinions), "as strong, and harder to stage"
    assert not grew(house.incidents[0].opinions, before)
    house.hear()
    assert not grew(before, house.incidents[0].opinions), "nothing is held any more"
