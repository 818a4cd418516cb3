"""Settings out of a log: within the budget where that can be, and no milder than needed."""

import msgspec
import pytest
from watch_logs import START, log, request

from mailkeep.base.clock import DAY, HOUR, SECOND
from mailkeep.watch import tuning
from mailkeep.watch.detectors import delivery_silence, reset_surge
from mailkeep.watch.simulate.company import START as MONDAY
from mailkeep.watch.simulate.company import SimulatedCompany, Trouble
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.types import WatchSettings

SETTINGS = WatchSettings()


def _facts(days: float, house: SimulatedCompany, *troubles: Trouble) -> list:
    return [one for one in Life(house, 2, troubles).run(days) if isinstance(one.fact, tuning.HEARS)]


def test_the_proposal_keeps_the_log_within_its_budget() -> None:
    facts = _facts(28, SimulatedCompany(troubles=0.0, mails=15.0, canaries=600.0))
    # As if a house with few resets and much of a day's shape were held to a base that has neither.
    strict = msgspec.structs.replace(
        SETTINGS.reset_surge, floor_per_minute=0.0, least=0.0, ramp=1.0, factor=5.0
    )
    settings = msgspec.structs.replace(SETTINGS, reset_surge=strict)
    assert tuning.count_of(reset_surge.DETECTOR, facts, settings) > 1
    found = tuning.tune(facts, settings, 14.0)
    assert found.within
    # What would go is told, so that whoever takes it can say whether it was one.
    gone = [one for one in found.gone if one.detector == "reset_surge"]
    before = tuning.distinct(tuning.loud(reset_surge.DETECTOR, facts, settings))
    assert gone
    assert {(one.at, one.reason) for one in gone} <= {(one.at, one.reason) for one in before}
    settings = tuning.applied(found, settings)
    left = tuning.distinct(tuning.loud(reset_surge.DETECTOR, facts, settings))
    assert len(before) - len(gone) <= len(left)
    for detector in (delivery_silence.DETECTOR, reset_surge.DETECTOR):
        assert tuning.count_of(detector, facts, settings) <= found.allowed
    assert "[watch.reset_surge]" in tuning.toml(found)


def test_a_house_that_is_within_its_budget_keeps_its_settings() -> None:
    facts = _facts(5, SimulatedCompany(troubles=0.0, recoveries=0.0, canaries=0.0, cycles=False))
    found = tuning.tune(facts, SETTINGS, 1.0)
    assert not any(one.changes for one in found.proposals)
    assert tuning.toml(found) == ""
    assert found.gone == ()


def test_an_outage_that_shows_is_no_false_alarm() -> None:
    start = MONDAY + 6 * DAY + 10 * HOUR
    outage = Trouble("a", start, start + 2 * HOUR, refuses=1.0)
    facts = _facts(7, SimulatedCompany(troubles=0.0, recoveries=0.0, cycles=False), outage)
    silence = tuning.alarms(delivery_silence.DETECTOR, facts, SETTINGS)
    shifted = [msgspec.structs.replace(one, at=one.at + 9 * DAY) for one in silence]
    refused = tuning.alarms(tuning.provider_refusal.DETECTOR, facts, SETTINGS)
    assert [one for one in refused if one.evidence]
    assert tuning.episodes(silence, refused) == 0
    assert tuning.episodes(shifted, refused) == tuning.episodes(silence)


def test_alarms_near_each_other_are_one() -> None:
    facts = log(*((n * 1.0, request(n)) for n in range(2000)))
    signals = tuning.alarms(reset_surge.DETECTOR, facts, SETTINGS)
    assert len(signals) > 1
    assert tuning.episodes(signals) == 1
    later = [msgspec.structs.replace(one, at=one.at + 2 * HOUR) for one in signals]
    assert tuning.episodes([*signals, *later]) == 2


def test_what_cannot_be_kept_to_is_said() -> None:
    """A surge that goes on and on is no quiet day, whatever is set."""
    facts = log(
        *(
            (day * 86_400.0 + n * 0.1, request(day * 300 + n))
            for day in range(6)
            for n in range(300)
        )
    )
    found = tuning.tune(facts, SETTINGS, 3650.0)
    assert not found.within


@pytest.mark.parametrize("count", [0, 1])
def test_a_log_of_nothing_proposes_nothing(count: int) -> None:
    found = tuning.tune(log(*[(1.0, request(1))] * count), SETTINGS, 30.0)
    assert tuning.toml(found) == ""
    assert START // SECOND > 0
