"""What is kept of many signals is what the rules say, however it is found."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.clock import HOUR, SECOND, Instant
from mailkeep.watch import hearing
from mailkeep.watch.correlation import Beliefs, hear
from mailkeep.watch.types import (
    Family,
    Forger,
    Hypothesis,
    Signal,
    account_subject,
    provider_subject,
)
from mailkeep.watch.weighing import RANK

ALIKE, IN_ALL = 3, 8
START = 1_700_000_000 * SECOND
COMPROMISED, TARGETED = Hypothesis.PROVIDER_COMPROMISED, Hypothesis.ACCOUNT_TARGETED


def _strength(signal: Signal, now: Instant) -> float:
    return max((signal.weight(one, now) for one in signal.evidence), default=0.0)


def _as_the_rules_say(kept: list[Signal], new: Signal) -> list[Signal]:
    """The rules one after the other, each over all that is kept."""

    def same(one: Signal) -> bool:
        return one.detector == new.detector and one.subject == new.subject

    kept = [one for one in kept if one.expires_at > new.at]
    if new.restates:
        kept = [one for one in kept if not same(one)]
        if not new.evidence:
            return kept
    kept.append(new)
    alike = [one for one in kept if same(one)]
    if len(alike) > ALIKE:

        def again(one: Signal) -> bool:
            others = [two for two in alike if two is not one]
            return all(
                any(two.weight(name, new.at) >= one.weight(name, new.at) for two in others)
                for name in one.evidence
            )

        def least(one: Signal) -> tuple[object, ...]:
            weight = _strength(one, new.at)
            return (-RANK[one.forger], not again(one), weight, one.at, one.events)

        kept.remove(min(alike, key=least))
    if len(kept) > IN_ALL:
        says = Counter(one.detector for one in kept)
        of = Counter((one.detector, one.subject) for one in kept)

        def fewest(one: Signal) -> tuple[object, ...]:
            most = (-says[one.detector], -RANK[one.forger], -of[one.detector, one.subject])
            return (*most, _strength(one, new.at), one.at, one.events)

        kept.remove(min(kept, key=fewest))
    return kept


_signals = st.builds(
    lambda detector, subject, nats, at, fact, forger, life, restates: Signal(
        *(detector, Family.BAIT, subject, {COMPROMISED: nats, TARGETED: 1.0} if nats else {}),
        *(START + at * HOUR, "it says so", (f"evt_{fact}",), True, forger, 7200.0),
        *(START + (at + life) * HOUR, restates),
    ),
    st.sampled_from(["one", "two", "three"]),
    st.sampled_from([provider_subject("a"), provider_subject("b"), account_subject("acc_1")]),
    st.sampled_from([0.0, 1.0, 2.0, 3.0]),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from(Forger),
    st.integers(2, 40),
    st.sampled_from([False] * 9 + [True]),
)


@given(st.lists(_signals, min_size=15, max_size=50), st.integers(0, 50))
def test_what_is_kept_is_what_the_rules_say(signals: list[Signal], cut: int) -> None:
    """One after the other, all together, and resumed anywhere; over both bounds, mostly."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hearing, "MOST_ALIKE", ALIKE)
        patched.setattr(hearing, "MOST_SIGNALS", IN_ALL)
        kept, beliefs = list[Signal](), Beliefs()
        for one in signals:
            kept = _as_the_rules_say(kept, one)
            beliefs = hear(beliefs, one)
            assert list(beliefs.signals) == kept
        first = hear(Beliefs(), *signals[:cut])
        assert hear(first, *signals[cut:]) == hear(Beliefs(), *signals) == beliefs
