"""What the sum of the evidence must hold to, whatever signals there are, and in whatever order."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import START

from mailkeep.base.clock import HOUR, SECOND
from mailkeep.watch.correlation import (
    ACCOUNTS,
    MOST_HELD,
    Beliefs,
    Opinion,
    hear,
    weigh,
)
from mailkeep.watch.hearing import MOST_SIGNALS
from mailkeep.watch.types import (
    OUR_HOUSE,
    RESETS,
    CorrelationSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    account_subject,
    domain_subject,
    mailbox_subject,
    provider_subject,
)

SETTINGS = CorrelationSettings()
SUBJECTS = (
    *(provider_subject("a"), provider_subject("b"), RESETS, OUR_HOUSE),
    *(domain_subject("example.com"), mailbox_subject("mail.example")),
    *(account_subject(f"acc_{n}") for n in range(8)),
)

_evidence = st.dictionaries(
    st.sampled_from(list(Hypothesis)), st.floats(0.1, 9.0), min_size=1, max_size=3
)


def signal(
    detector: str,
    subject: Subject,
    evidence: dict[Hypothesis, float],
    events: tuple[str, ...] = (),
    *,
    forger: Forger = Forger.NOBODY,
    family: Family = Family.BAIT,
    own: bool = True,
) -> Signal:
    at, lasts = START, START + 24 * HOUR
    return Signal(
        *(detector, family, subject, evidence, at, "for a test", events, own, forger, 3600.0, lasts)
    )


_signal = st.builds(
    lambda detector, subject, evidence, facts, forger, family, own: signal(
        detector,
        subject,
        evidence,
        tuple(f"evt_{one}" for one in sorted(facts)),
        forger=forger,
        family=family,
        own=own,
    ),
    st.sampled_from(("one", "two", "three", "four", "five", "provider_notice", "console_sign_in")),
    st.sampled_from(SUBJECTS),
    _evidence,
    st.sets(st.integers(0, 9), max_size=3),
    st.sampled_from(list(Forger)),
    st.sampled_from(list(Family)),
    st.booleans(),
)
_signals = st.lists(_signal, max_size=14)
_accusing = st.builds(
    lambda detector, nats, fact, forger, family: signal(
        detector,
        provider_subject("a"),
        {Hypothesis.PROVIDER_COMPROMISED: nats},
        (f"evt_{fact}",),
        forger=forger,
        family=family,
    ),
    st.sampled_from(("one", "two", "provider_notice", "console_sign_in")),
    st.floats(0.1, 9.0),
    st.integers(0, 9),
    st.sampled_from((Forger.NOBODY, Forger.CUSTOMERS)),
    st.sampled_from((Family.CONTENT, Family.BAIT, Family.POSTURE)),
)


def weighed(signals: list[Signal], now: int = START) -> dict[tuple[Hypothesis, Subject], Opinion]:
    beliefs = Beliefs()
    for one in signals:
        beliefs = hear(beliefs, one)
    _, opinions = weigh(beliefs, now, SETTINGS)
    for opinion in opinions:
        counted = sum(term.counted for term in opinion.terms)
        assert opinion.log_odds <= opinion.prior + counted + 1e-6
    return {(one.hypothesis, one.subject): one for one in opinions}


def odds(signals: list[Signal], now: int = START) -> dict[tuple[Hypothesis, Subject], float]:
    return {question: one.log_odds for question, one in weighed(signals, now).items()}


def firm(signals: list[Signal]) -> dict[tuple[Hypothesis, Subject], float]:
    return {question: one.firm for question, one in weighed(signals).items()}


def test_of_two_ways_in_the_graver_one_counts_whole_and_the_other_little() -> None:
    a, compromised = provider_subject("a"), Hypothesis.PROVIDER_COMPROMISED

    def counted(*signals: Signal) -> dict[str, float]:
        terms = weighed(list(signals))[compromised, a].terms
        return {one.detector: one.counted for one in terms}

    def notice(nats: float, forger: Forger = Forger.NOBODY) -> Signal:
        said, family = {compromised: nats}, Family.REPORTS
        return signal("provider_notice", a, said, ("evt_1",), forger=forger, family=family)

    sign_in = signal(
        "console_sign_in", a, {compromised: 4.6}, ("evt_2",), family=Family.POSTURE, own=False
    )
    drift = signal("account_drift", a, {compromised: 8.5}, ("evt_3",), family=Family.POSTURE)
    assert counted(notice(3.2), sign_in) == {"console_sign_in": 4.6, "provider_notice": 1.3}
    assert counted(notice(5.0), sign_in) == {"provider_notice": 5.0, "console_sign_in": 1.3}
    # What somebody does who is in goes with either; and a sign-in that adds nothing takes nothing.
    assert counted(notice(3.2), drift)["provider_notice"] == 3.2
    assert counted(notice(3.2), drift, sign_in)["provider_notice"] == 3.2
    notes = {
        one.detector: one.note for one in weighed([notice(3.2), sign_in])[compromised, a].terms
    }
    assert "another way in" in notes["provider_notice"]
    assert not notes["console_sign_in"]
    staged = counted(notice(3.2, Forger.ANYONE), sign_in)
    assert staged["console_sign_in"] == 4.6


@given(_signals, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(signals: list[Signal], chance: random.Random) -> None:
    shuffled = list(signals)
    chance.shuffle(shuffled)
    first, second = odds(signals), odds(shuffled)
    assert first.keys() == second.keys()
    for question, nats in first.items():
        assert abs(nats - second[question]) < 1e-6


@given(_signals, _signal)
def test_more_evidence_never_lowers_an_opinion(signals: list[Signal], more: Signal) -> None:
    before, after = odds(signals), odds([*signals, more])
    for question, nats in before.items():
        assert after[question] >= nats - 1e-6


@given(st.lists(_accusing, max_size=8), _accusing)
def test_more_evidence_never_lowers_what_nobody_could_have_staged(
    signals: list[Signal], more: Signal
) -> None:
    """A playbook that acts by itself waits for so much: else a stranger who plants a host in one
    canary days before, or stages a louder sign, holds it back."""
    before, after = firm(signals), firm([*signals, more])
    for question, nats in before.items():
        assert after[question] >= nats - 1e-6


def test_what_stands_in_a_mail_takes_nothing_from_what_does_not() -> None:
    provider, compromised = provider_subject("a"), Hypothesis.PROVIDER_COMPROMISED
    drift = signal("drift", provider, {compromised: 8.0}, ("evt_1",), family=Family.POSTURE)
    key = signal("key", provider, {compromised: 7.0}, ("evt_2",), family=Family.KEYS)
    question = (compromised, provider)
    for nats, adds in ((0.3, 0.0), (2.4, 0.0), (3.4, 1.0)):
        planted = signal(
            "stranger", provider, {compromised: nats}, ("evt_3",), family=Family.CONTENT
        )
        stands = weighed([drift, key, planted])[question]
        assert round(stands.firm, 2) == 8.0 + adds
        assert stands.may_cut_automatically
    alone = weighed([signal("stranger", provider, {compromised: 8.4}, family=Family.CONTENT)])
    assert alone[question].open
    assert not alone[question].may_cut_automatically


def test_what_anyone_stages_displaces_nothing_firm_of_the_same_detector() -> None:
    provider, compromised = provider_subject("a"), Hypothesis.PROVIDER_COMPROMISED
    drift = signal("drift", provider, {compromised: 8.0}, ("evt_1",), family=Family.POSTURE)
    seen = signal("honey", provider, {compromised: 3.0}, ("evt_2",))
    staged = signal("honey", provider, {compromised: 4.0}, ("evt_3",), forger=Forger.CUSTOMERS)
    for said in ([drift, seen], [drift, seen, staged], [drift, seen, *[staged] * 9]):
        assert weighed(said)[compromised, provider].firm == 4.0


def test_of_what_one_detector_says_over_and_over_the_one_other_thing_is_kept() -> None:
    """Changes at the console, each with its notice: that the account was stopped stands beside."""
    provider = provider_subject("a")
    stopped = signal("notice", provider, {Hypothesis.PROVIDER_SILENT: 1.4}, ("evt_0",))
    changes = [
        signal("notice", provider, {Hypothesis.PROVIDER_COMPROMISED: 1.5}, (f"evt_{n}",))
        for n in range(1, 20)
    ]
    assert (Hypothesis.PROVIDER_SILENT, provider) in weighed([stopped, *changes])


@given(_signals, _signal, st.integers(2, 5))
def test_split_into_parts_it_counts_no_more_than_whole(
    signals: list[Signal], whole: Signal, count: int
) -> None:
    parts = [
        msgspec.structs.replace(
            whole,
            evidence={one: nats / count for one, nats in whole.evidence.items()},
            events=whole.events[number::count],
        )
        for number in range(count)
    ]
    apart, together = odds([*signals, *parts]), odds([*signals, whole])
    free = odds([*signals, msgspec.structs.replace(whole, events=())])
    for question, nats in apart.items():
        # A part may rest on a free fact where the whole does not: then against one without facts.
        assert nats <= max(together[question], free[question]) + 1e-6


@given(_signals, st.integers(0, 20), st.integers(0, 20))
def test_it_fades(signals: list[Signal], early: int, later: int) -> None:
    early, later = min(early, later), max(early, later)
    first, second = (odds(signals, START + hours * HOUR) for hours in (early, later))
    for question, nats in second.items():
        assert nats <= first[question] + 1e-6


@given(_signals)
def test_what_outsiders_stage_opens_nothing_about_a_party(signals: list[Signal]) -> None:
    staged = [one for one in signals if one.forger is not Forger.NOBODY]
    beliefs = Beliefs()
    for one in staged:
        beliefs = hear(beliefs, one)
        beliefs, opinions = weigh(beliefs, START, SETTINGS)
        for opinion in opinions:
            assert not opinion.may_cut_automatically
            assert opinion.hypothesis is Hypothesis.CAMPAIGN or not opinion.open


@given(_signals)
def test_staged_evidence_beside_ours_is_capped_over_all_families(signals: list[Signal]) -> None:
    """A suspension that a flood of complaints brought about, and everything else staged with it."""
    staged = [
        msgspec.structs.replace(
            one,
            subject=provider_subject("a"),
            evidence={Hypothesis.PROVIDER_COMPROMISED: 9.0},
            forger=Forger.ANYONE,
        )
        for one in signals
    ]
    ours = signal("ours", provider_subject("a"), {Hypothesis.PROVIDER_COMPROMISED: 1.5})
    found = odds([ours, *staged])[Hypothesis.PROVIDER_COMPROMISED, provider_subject("a")]
    assert found <= -7.0 + 1.5 + SETTINGS.staged_cap + 1e-6
    assert found < SETTINGS.open_at


def test_a_stronger_sign_that_bridges_two_others_does_not_replace_both() -> None:
    provider, compromised = provider_subject("a"), Hypothesis.PROVIDER_COMPROMISED
    two = [
        signal("one", provider, {compromised: 3.0}, ("evt_1",)),
        signal("two", provider, {compromised: 3.0}, ("evt_2",), family=Family.CONTENT),
    ]
    bridge = signal("both", provider, {compromised: 4.0}, ("evt_1", "evt_2"))
    assert odds([*two, bridge])[compromised, provider] == -7.0 + 6.0


def _after(number: int, nats: float = 7.5) -> Signal:
    evidence = {Hypothesis.ACCOUNT_TARGETED: nats}
    about = account_subject(f"acc_{number:04}")
    return signal("after", about, evidence, (f"evt_{number}",), forger=Forger.CUSTOMERS)


def test_one_targeted_account_is_no_campaign_and_many_are() -> None:
    campaign = Hypothesis.CAMPAIGN, RESETS
    one = odds([msgspec.structs.replace(_after(1), forger=Forger.NOBODY)])
    assert one[Hypothesis.ACCOUNT_TARGETED, account_subject("acc_0001")] >= SETTINGS.open_at
    assert one[campaign] == SETTINGS.prior[Hypothesis.CAMPAIGN]
    sums = [odds([_after(n) for n in range(count)])[campaign] for count in (1, 2, 4, 8, 64)]
    assert sums == sorted(sums)
    assert sums[2] < SETTINGS.open_at <= sums[3] == sums[4]


def test_what_anyone_says_of_many_accounts_is_no_campaign() -> None:
    """Else whoever calls often enough would have people woken."""
    said = [msgspec.structs.replace(_after(n), forger=Forger.ANYONE) for n in range(64)]
    assert odds(said)[Hypothesis.CAMPAIGN, RESETS] == SETTINGS.prior[Hypothesis.CAMPAIGN]


def test_strange_visits_to_many_accounts_are_no_campaign_by_their_number_alone() -> None:
    """Where three hundred people reset a day, twenty did of late on a new telephone elsewhere: a
    campaign was held for ever."""
    said = [msgspec.structs.replace(_after(n, 3.0), forger=Forger.NOBODY) for n in range(64)]
    assert odds(said).get((Hypothesis.CAMPAIGN, RESETS), -4.0) == -4.0


def test_a_flood_of_targeted_accounts_is_a_few_opinions_and_one_campaign() -> None:
    beliefs = Beliefs()
    provider = provider_subject("a")
    firm = signal("firm", provider, {Hypothesis.PROVIDER_COMPROMISED: 3.0})
    real = msgspec.structs.replace(_after(9999, 7.1), forger=Forger.NOBODY, detector="seen")
    for one in (firm, real, *(_after(n) for n in range(2000))):
        beliefs = hear(beliefs, one)
    assert len(beliefs.signals) <= MOST_SIGNALS
    assert firm in beliefs.signals
    _, opinions = weigh(beliefs, START, SETTINGS)
    targeted = [one for one in opinions if one.hypothesis is Hypothesis.ACCOUNT_TARGETED]
    assert len(targeted) == MOST_HELD
    # What we saw ourselves is not hidden behind what was staged.
    assert real.subject in {one.subject for one in targeted}
    (campaign,) = [one for one in opinions if one.hypothesis is Hypothesis.CAMPAIGN]
    assert campaign.open
    assert [one.detector for one in campaign.terms] == [ACCOUNTS]


def test_facts_that_speak_for_a_campaign_already_are_not_counted_by_account_again() -> None:
    accounts = [_after(n) for n in range(8)]
    facts = tuple(one.events[0] for one in accounts)
    denial = signal("denial", RESETS, {Hypothesis.CAMPAIGN: 6.5}, facts, family=Family.RECOVERY)
    campaign = odds([denial, *accounts])[Hypothesis.CAMPAIGN, RESETS]
    # Either what the denials say at once (capped), or what they say account by account.
    assert campaign == -4.0 + 6.0


def test_two_signals_of_one_second_are_one_opinion() -> None:
    """Within the second: it is weighed as they come."""
    provider, compromised = provider_subject("a"), Hypothesis.PROVIDER_COMPROMISED
    one = signal("one", provider, {compromised: 4.5}, ("evt_1",))
    two = signal("two", provider, {compromised: 4.5}, ("evt_2",), family=Family.CONTENT)
    beliefs, opinions = weigh(hear(Beliefs(), one), START, SETTINGS)
    assert not opinions[0].open
    _, opinions = weigh(hear(beliefs, two), START + SECOND, SETTINGS)
    assert opinions[0].open
