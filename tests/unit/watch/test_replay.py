"""Live, replayed, and stopped in between: the same log raises the same signals."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from watch_logs import START, attempt, delivered, denied, drifted, half, log, request, run

from mailkeep.base.clock import SECOND
from mailkeep.events.types import Fact, Recorded
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.events import (
    CanaryArrived,
    CanarySent,
    DmarcReported,
    LookalikeSeen,
    PostureAccepted,
    PostureBlind,
    PostureRead,
    ProviderNoticed,
    SupportClaimed,
)
from mailkeep.watch.report_types import DmarcStrangerSettings, Source
from mailkeep.watch.types import (
    HalfProofSettings,
    HoneyAccount,
    HoneySettings,
    SilenceSettings,
    WatchSettings,
)

SETTINGS = WatchSettings(
    delivery_silence=SilenceSettings(learn_from=3, between_false_alarms=0.001, canary_deadline=2.0),
    half_proof=HalfProofSettings(early=2.0, patience=7.0),
    dmarc_stranger=DmarcStrangerSettings(selectors={"s1": "a"}),
    honey_account=HoneySettings((HoneyAccount("address_3", "b"),)),
)

_provider = st.sampled_from(["a", "b"])
_small = st.integers(0, 30)
_fact: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        attempt, _provider, st.sampled_from(["accepted", "suspended", "unavailable", "ambiguous"])
    ),
    st.builds(attempt, _provider),
    st.builds(delivered, _provider),
    st.builds(lambda p, n: CanarySent(p, f"m{n}"), _provider, _small),
    st.builds(lambda p, n: CanaryArrived(p, f"m{n}", 1.0, ()), _provider, _small),
    st.builds(lambda p, n: CanaryArrived(p, f"m{n}", 1.0, (f"s{n}",)), _provider, _small),
    st.builds(lambda n, p: half(f"r{n}", p), _small, _provider),
    st.builds(lambda n: half(f"r{n}", proof="code", asked=True), _small),
    st.builds(request, _small),
    st.builds(denied, _small),
    st.builds(drifted, _provider, _small, st.sampled_from(["webhook", "key", "export"])),
    st.builds(lambda p, n: PostureAccepted(p, (f"chg_{n}",), "uid:0"), _provider, _small),
    st.builds(lambda p: PostureBlind(p, ("l",), "refused", before=True, whole=True), _provider),
    st.builds(lambda p: PostureRead(p, ("l",), ("l",), {}), _provider),
    st.builds(lambda n: SupportClaimed(f"account_{n}", "reset", "key"), _small),
    st.builds(
        ProviderNoticed,
        _provider,
        st.just("mail"),
        st.sampled_from(["security", "suspended", "other"]),
        st.booleans(),
    ),
    st.builds(
        lambda n: LookalikeSeen(
            "example.com", f"x{n}.com", "ending", mx=n % 2 == 0, address=True, fresh=n % 3 == 0
        ),
        _small,
    ),
    st.builds(
        lambda n, count, selector: DmarcReported(
            *(f"r{n}", "them.example", n % 2 == 0, "example.com", n * 86_400, (n + 1) * 86_400),
            *(count, count, (Source("192.0.2.0/24", count, n % 3 == 0, False, selector),)),
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
        saved = engine.save()
    signals += Engine(SETTINGS, saved).pass_time(end)
    assert msgspec.json.encode(signals) == msgspec.json.encode(whole)


@given(_logs())
def test_skipped_seconds_would_have_said_nothing(facts: list[Recorded]) -> None:
    """``due`` is honest: ticking every second raises what ticking when due does."""
    end = facts[-1].placed_at + 60 * SECOND
    for detector in DETECTORS:
        whole = [one for one in replay(facts, SETTINGS, end) if one.detector == detector.name]
        assert run(detector, facts, (end - START) / SECOND, SETTINGS) == whole


def test_a_state_of_another_version_is_left_and_learned_anew() -> None:
    saved = msgspec.json.encode({"clock": START, "states": {"half_proof": {"what": "else"}}})
    engine = Engine(SETTINGS, saved)
    engine.step(log((1, half("r1")))[0])
    assert len(engine.pass_time(START + 60 * SECOND)) == 2
