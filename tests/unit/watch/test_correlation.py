"""What opens, what does not, and what may act by itself."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import START, attempt, denied, half, log, request

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.events.types import Fact
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.engine import replay
from mailkeep.watch.events import CanaryArrived, FieldDigest, PostureChanged, ProviderNoticed
from mailkeep.watch.hearing import MOST_SIGNALS
from mailkeep.watch.types import (
    CorrelationSettings,
    Family,
    Forger,
    HoneyAccount,
    HoneySettings,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
)

SETTINGS = CorrelationSettings()
EVIL = ("arxxwalls.example",)
COMPROMISED = Hypothesis.PROVIDER_COMPROMISED


def _opinions(
    signals: list[Signal], now: Instant | None = None
) -> dict[tuple[Hypothesis, str], Opinion]:
    beliefs = Beliefs()
    for signal in signals:
        beliefs = hear(beliefs, signal)
    _, opinions = weigh(beliefs, now or max(one.at for one in signals), SETTINGS)
    return {(one.hypothesis, one.subject.id): one for one in opinions}


def _from(*timed: tuple[float, Fact], through: float = 700) -> list[Signal]:
    return replay(log(*timed), through=START + round(through * SECOND))


#: Whom to answer is another one in a canary, before there was another provider's to compare.
STRANGER = (5, CanaryArrived(provider="a", message="m1", seconds=1.0, strangers=EVIL, planted=EVIL))
COMPARED = (5.5, CanaryArrived(provider="b", message="m2", seconds=1.0, strangers=()))
REDIRECTED = (5, CanaryArrived(provider="a", message="m1", seconds=1.0, strangers=EVIL))


def test_a_table_that_names_one_cap_or_prior_leaves_the_others_as_they_are() -> None:
    """A family without a cap would count without end."""
    some = msgspec.convert({"family_cap": {"flow": 3.0}, "prior": {}}, CorrelationSettings)
    assert some.family_cap == {**SETTINGS.family_cap, Family.FLOW: 3.0}
    assert some.prior == SETTINGS.prior


def test_half_proof_and_stranger_together_name_the_provider() -> None:
    opinions = _opinions(_from(STRANGER, (6, half("r1", "a"))))
    named = opinions[COMPROMISED, "a"]
    assert named.open
    assert not named.may_cut_automatically
    named = _opinions(_from(STRANGER, COMPARED, (6, half("r1", "a"))))[COMPROMISED, "a"]
    assert named.may_cut_automatically


def test_a_new_host_of_redirections_and_what_every_day_has_hold_nothing() -> None:
    """A traveller, an announced change, one who gave up: in simulated years that was an incident,
    and would have cut an honest provider off."""
    drift = PostureChanged(
        provider="a",
        change="c",
        item_kind="template",
        item="i",
        what="added",
        fields=(),
        strange=False,
        expected=True,
    )
    notice = ProviderNoticed(
        provider="a", via="mail", notice="change", authentic=True, about="template"
    )
    everyday = (REDIRECTED, COMPARED, (6, half("r1", "a")), (7, drift), (8, notice))
    opinion = _opinions(_from(*everyday))[COMPROMISED, "a"]
    assert not opinion.open


def test_half_proofs_that_fall_on_all_alike_name_none() -> None:
    """Routes are drawn at random: what falls as drawn is people who gave up."""
    opinions = _opinions(_from(STRANGER, (6, half("r1", "a")), (7, half("r2", "b"))))
    assert not opinions[COMPROMISED, "a"].open
    assert (COMPROMISED, "b") not in opinions
    several = [(6.0 + n, half(f"r{n}", "a")) for n in range(4)]
    opinions = _opinions(_from(STRANGER, *several, (12, half("r9", "b"))))
    assert opinions[COMPROMISED, "a"].open
    assert not opinions[COMPROMISED, "b"].open if (COMPROMISED, "b") in opinions else True


def test_what_is_restated_counts_once_and_what_is_taken_back_not_at_all() -> None:
    partner = half("r1", "b", proof="code")
    early = _opinions(_from(STRANGER, (6, half("r1", "a")), through=60))[COMPROMISED, "a"]
    full = _opinions(_from(STRANGER, (6, half("r1", "a"))))[COMPROMISED, "a"]
    back = _opinions(_from(STRANGER, (6, half("r1", "a")), (99, partner)))[COMPROMISED, "a"]
    late = _opinions(_from(STRANGER, (6, half("r1", "a")), (650, partner)))[COMPROMISED, "a"]
    assert [one.detector for one in full.terms] == ["stranger_in_mail", "half_proof"]
    assert back.log_odds == pytest.approx(-1.0, abs=0.1)
    assert back.log_odds < early.log_odds < full.log_odds
    assert late.log_odds == pytest.approx(back.log_odds, abs=0.1)


def test_a_silent_provider_is_never_cut_for_it() -> None:
    opinion = _opinions(_from((1, attempt("a", "suspended"))))[Hypothesis.PROVIDER_SILENT, "a"]
    assert opinion.open
    assert any(term.own_observation for term in opinion.terms)
    assert not opinion.may_cut_automatically


def test_a_new_host_alone_or_half_a_proof_alone_is_not_enough_and_a_strange_sender_is() -> None:
    assert not _opinions(_from(REDIRECTED, COMPARED))[COMPROMISED, "a"].open
    assert not _opinions(_from((6, half("r1"))))[COMPROMISED, "a"].open
    assert not _opinions(_from(STRANGER))[COMPROMISED, "a"].open
    assert _opinions(_from(STRANGER, COMPARED))[COMPROMISED, "a"].open


def test_an_opinion_adds_up_and_explains_itself() -> None:
    opinion = _opinions(_from(STRANGER, (6, half("r1", "a")), (7, denied(1))))[COMPROMISED, "a"]
    total = opinion.prior + sum(term.counted for term in opinion.terms)
    assert opinion.log_odds == pytest.approx(total)
    text = opinion.explain()
    for term in opinion.terms:
        assert term.reason in text
    assert {"stranger_in_mail", "half_proof", "denial"} == {one.detector for one in opinion.terms}


def test_a_honey_account_alone_opens_and_may_cut() -> None:
    settings = WatchSettings(honey_account=HoneySettings((HoneyAccount("address_7", "b"),)))
    opinion = _opinions(replay(log((1, request(7))), settings))[COMPROMISED, "b"]
    assert opinion.open
    assert opinion.may_cut_automatically


@pytest.mark.parametrize("outcome", ["unavailable", "ambiguous"])
def test_an_outage_stays_an_outage(outcome: str) -> None:
    """Even while outsiders stage everything they can."""
    facts: list[tuple[float, Fact]] = [(n * 5, attempt("a", outcome, n)) for n in range(140)]
    facts += [(n, request(n)) for n in range(60)] + [(n, denied(n)) for n in range(40)]
    facts += [(n, half(f"r{n}", "a")) for n in range(20)]
    opinions = _opinions(_from(*facts))
    assert opinions[Hypothesis.PROVIDER_SILENT, "a"].open
    assert opinions[Hypothesis.CAMPAIGN, "resets"].open
    assert not opinions[COMPROMISED, "a"].open


_outside: st.SearchStrategy[Fact] = st.one_of(
    st.builds(request, st.integers(0, 500)),
    st.builds(denied, st.integers(0, 500)),
    st.builds(lambda n, p: half(f"r{n}", p), st.integers(0, 500), st.sampled_from("ab")),
)


@given(st.lists(st.tuples(st.floats(0, 4000), _outside), max_size=300))
def test_outsiders_alone_never_bring_a_provider_down(timed: list[tuple[float, Fact]]) -> None:
    beliefs = Beliefs()
    for signal in _from(*timed, through=6000):
        beliefs = hear(beliefs, signal)
        beliefs, opinions = weigh(beliefs, signal.at, SETTINGS)
        for one in opinions:
            assert not one.may_cut_automatically
            assert one.hypothesis is Hypothesis.CAMPAIGN or not one.open


def test_outsiders_with_a_suspension_do_not_make_a_compromise() -> None:
    """A flood of complaints can bring a suspension about."""
    facts: list[tuple[float, Fact]] = [(1, attempt("a", "suspended"))]
    facts += [(n, request(n)) for n in range(60)] + [(n, denied(n)) for n in range(40)]
    facts += [(n, half(f"r{n}", "a")) for n in range(20)]
    assert not _opinions(_from(*facts))[COMPROMISED, "a"].open


@pytest.mark.parametrize("answer", ["suspended", "unauthorised"])
def test_a_suspension_that_is_told_three_times_is_still_one(answer: str) -> None:
    """Refused, noticed by mail and shown by the account: complaints from outside bring all three
    about, and who brought them about stages the rest."""
    status = FieldDigest("status", "x", "y", "active", "suspended")
    account = PostureChanged(
        provider="a",
        change="chg_1",
        item_kind="account",
        item="item_1",
        what="changed",
        fields=(status,),
        strange=False,
    )
    facts: list[tuple[float, Fact]] = [(630 + n, attempt("a", answer, n)) for n in range(3)]
    facts += [
        (635, ProviderNoticed(provider="a", via="mail", notice="suspended", authentic=True)),
        (636, account),
    ]
    facts += [(n, denied(n)) for n in range(40)] + [(n, half(f"r{n}", "a")) for n in range(20)]
    opinion = _opinions(_from(*facts))[COMPROMISED, "a"]
    assert {"provider_refusal", "provider_notice", "account_drift", "half_proof"} <= {
        one.detector for one in opinion.terms
    }
    assert not opinion.open
    assert not opinion.may_cut_automatically


def test_the_same_evidence_counts_once() -> None:
    first, second = _signal("one", 5.0, ("evt_1",)), _signal("two", 4.0, ("evt_1", "evt_2"))
    assert _opinions([first, second])[COMPROMISED, "a"].log_odds == -7.0 + 5.0
    assert _opinions([first] * 20)[COMPROMISED, "a"].log_odds == -7.0 + 5.0


def test_one_family_is_capped() -> None:
    alike = [_signal(f"d{n}", 5.0, (f"evt_{n}",)) for n in range(4)]
    opinion = _opinions(alike)[COMPROMISED, "a"]
    assert opinion.log_odds == -7.0 + SETTINGS.family_cap[alike[0].family]


def test_it_closes_later_than_it_opened() -> None:
    signals = _from(STRANGER, (6, half("r1", "a")))
    beliefs = Beliefs()
    for signal in signals:
        beliefs = hear(beliefs, signal)
    seen = []
    now = signals[-1].at
    for hours in range(48):
        beliefs, opinions = weigh(beliefs, now + hours * HOUR, SETTINGS)
        (opinion,) = [one for one in opinions if one.hypothesis is COMPROMISED]
        seen.append((opinion.open, opinion.log_odds))
    assert any(is_open and SETTINGS.close_at <= odds < SETTINGS.open_at for is_open, odds in seen)
    assert not seen[-1][0]
    states = [is_open for is_open, _ in seen]
    assert states == sorted(states, reverse=True)


def test_a_flood_of_staged_signals_drops_no_firm_one() -> None:
    beliefs = hear(Beliefs(), _signal("firm", 3.0, ("evt_0",)))
    for n in range(1000):
        staged = _signal(f"staged_{n}", 9.0, (f"evt_{n}",), Forger.ANYONE)
        beliefs = hear(beliefs, staged)
    assert len(beliefs.signals) <= MOST_SIGNALS
    assert "firm" in {one.detector for one in beliefs.signals}


def test_no_detector_pushes_out_what_another_said() -> None:
    """However many subjects it speaks about, and however firmly."""
    beliefs = hear(Beliefs(), _signal("weak", 2.0, ("evt_0",)))
    for n in range(2000):
        loud = _signal("loud", 6.0, (f"evt_{n}",))
        name = provider_subject(f"p{n % 100}")
        beliefs = hear(beliefs, msgspec.structs.replace(loud, subject=name))
    assert len(beliefs.signals) <= MOST_SIGNALS
    assert "weak" in {one.detector for one in beliefs.signals}
    assert {one.subject.id for one in beliefs.signals} == {"a", *(f"p{n}" for n in range(100))}


def _signal(
    detector: str, weight: float, events: tuple[str, ...], forger: Forger = Forger.NOBODY
) -> Signal:
    (like,) = _from(STRANGER)
    return Signal(
        detector,
        like.family,
        provider_subject("a"),
        {COMPROMISED: weight},
        like.at,
        "for a test",
        events,
        True,
        forger,
        like.half_life,
        like.expires_at,
    )


def test_half_proofs_alone_accuse_nobody_and_the_campaign_names_their_route() -> None:
    """Whoever has accounts could stage them; so people are told where to look, and no more."""
    halves = [(5.0 + n, half(f"r{n}", "a")) for n in range(40)]
    denials = [(600.0 + n, denied(n)) for n in range(40)]
    opinions = _opinions(_from(*halves, *denials, through=900))
    assert not opinions[COMPROMISED, "a"].open
    campaign = opinions[Hypothesis.CAMPAIGN, "resets"]
    assert campaign.open
    assert "sent through a" in campaign.explain()
    # One sign of our own, and all of it counts.
    decoy = (
        901.0,
        CanaryArrived(provider="a", message="m1", seconds=1.0, strangers=("arxxwalls.example",)),
    )
    opinions = _opinions(_from(*halves, *denials, decoy, through=902))
    assert opinions[COMPROMISED, "a"].open
