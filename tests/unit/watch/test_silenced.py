"""How soon the silence of a provider would have been noticed, on a log of ordinary life."""

import pytest

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.events.types import Recorded
from mailkeep.watch.simulate.company import SimulatedCompany
from mailkeep.watch.simulate.judging import judge
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.simulate.silenced import _confirms, silenced
from mailkeep.watch.types import Hypothesis, WatchSettings, provider_subject

SETTINGS = WatchSettings()
BUSY = SimulatedCompany(mails=60.0, canaries=60.0, troubles=0.0, beside=False)


@pytest.fixture(scope="module")
def log() -> list[Recorded]:
    return list(Life(BUSY, 5).run(2))


def test_each_silence_is_noticed_and_is_what_the_whole_log_says(log: list[Recorded]) -> None:
    """From a state that was put aside it is what one finds who reads a log that was so."""
    through = log[-1].placed_at
    found = silenced(log, through, SETTINGS, times=2, lasts=3 * HOUR)
    assert len({one.at for one in found}) == 2
    assert [one.provider for one in found] == ["a", "b"] * 2
    for one in found:
        assert one.noticed is not None
        assert one.mails > 0
        was = [x for x in log if x.placed_at < one.at or not _confirms(x.fact, one.provider)]
        judged = judge((x for x in was if x.placed_at <= one.at + 3 * HOUR), SETTINGS)
        subject = provider_subject(one.provider)
        held = judged.first(Hypothesis.PROVIDER_SILENT, subject, one.at)
        assert held is not None
        # The judge looks at a signal when the next fact comes; live, time passes by itself.
        assert 0 <= (held.at - one.at) / SECOND - one.noticed < 60
        assert set(held.detectors) == set(one.detectors)


def test_who_confirms_hardly_anything_is_said_to_be_unseen() -> None:
    quiet = SimulatedCompany(mails=0.1, canaries=0.0, recoveries=0.0, troubles=0.0, beside=False)
    log = list(Life(quiet, 5).run(20))
    found = silenced(log, log[-1].placed_at, SETTINGS, times=4, lasts=6 * HOUR)
    assert found
    assert [one.noticed for one in found] == [None] * len(found)


def test_a_log_that_is_too_short_says_nothing(log: list[Recorded]) -> None:
    assert silenced([], 0, SETTINGS) == []
    assert silenced(log, log[-1].placed_at, SETTINGS, lasts=30 * DAY) == []
