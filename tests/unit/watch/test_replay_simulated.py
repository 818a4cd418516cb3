"""A replay of a lived-in house says the same wherever it is stopped, from its file too."""

import random
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.base.clock import DAY, HOUR
from mailkeep.base.errors import Invalid
from mailkeep.events.types import Recorded, encode
from mailkeep.watch import logs
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.simulate.attacks import AT, HONEY, LASTS, scenarios
from mailkeep.watch.simulate.company import START, SimulatedCompany
from mailkeep.watch.types import HoneySettings, Signal, SurgeSettings, WatchSettings

SETTINGS = WatchSettings(
    honey_account=HoneySettings((HONEY,)), reset_surge=SurgeSettings(base_per_minute=0.1)
)
END = AT + LASTS


@cache
def _log() -> tuple[Recorded, ...]:
    """The hours around several attacks at once; a position and an id each."""
    facts: list[Recorded] = []
    for number, one in enumerate(scenarios()):
        life = one.live(SimulatedCompany(mails=20.0, recoveries=10.0, canaries=120.0), number)
        for recorded in life.run((END - START) / DAY):
            if recorded.at >= AT - 2 * HOUR:
                facts.append(recorded)
    facts.sort(key=lambda one: one.at)
    return tuple(
        Recorded(position, one.placed_at, one.at, f"evt_{position}", one.fact)
        for position, one in enumerate(facts, start=1)
    )


@cache
def _whole() -> bytes:
    return msgspec.json.encode(replay(_log(), SETTINGS, END))


def test_the_log_has_something_to_say() -> None:
    said = {one.detector for one in msgspec.json.decode(_whole(), type=list[Signal])}
    assert len(said) >= 6


@settings(max_examples=4, deadline=None)  # each is a second
@given(st.sets(st.integers(0, 10_000), max_size=6))
def test_stopped_anywhere_and_resumed_it_says_the_same_to_the_last_bit(cuts: set[int]) -> None:
    log = _log()
    places = sorted({one * len(log) // 10_000 for one in cuts})
    signals, saved = [], None
    for start, stop in zip([0, *places], [*places, len(log)], strict=True):
        engine = Engine(SETTINGS, saved)
        for one in log[start:stop]:
            signals += engine.step(one)
        saved = engine.save()
    signals += Engine(SETTINGS, saved).pass_time(END)
    assert msgspec.json.encode(signals) == _whole()


def test_a_detector_hears_all_that_it_looks_at() -> None:
    """What is not handed to it would have changed nothing."""
    log = _log()
    for one in DETECTORS:
        running = one.run(SETTINGS)
        for recorded in log[:4000]:
            if one.hears and type(recorded.fact) not in one.hears:
                before = running.save()
                assert running.step(recorded) == []
                assert running.save() == before
            else:
                running.step(recorded)


def _line(recorded: Recorded) -> logs.Line:
    data = msgspec.Raw(encode(recorded.fact).encode())
    one = recorded
    return logs.Line(one.position, one.placed_at, one.at, one.id, one.fact.kind, data)


def _file(facts: list[Recorded]) -> list[bytes]:
    return list(logs.write(logs.Head(logs.FORMAT, END), map(_line, facts)))


def test_from_a_file_of_what_is_heard_it_says_the_same() -> None:
    wanted = logs.kinds()
    head, *lines = _file([one for one in _log() if wanted is None or one.fact.kind in wanted])
    found = logs.Replay(SETTINGS)
    for number, line in enumerate(lines, start=2):
        found.take(logs.line_of(line, number))
    found.end(logs.head_of(head).through)
    assert msgspec.json.encode(found.signals) == _whole()


def test_what_was_raised_then_is_compared() -> None:
    facts = list(_log()[:3000])
    signals = replay(facts, SETTINGS)
    assert signals
    last = facts[-1]
    raised = [
        Recorded(last.position + n, last.placed_at, last.at, f"evt_s{n}", SignalRaised(signal=one))
        for n, one in enumerate([*signals[1:], signals[-1]], start=1)
    ]
    found = logs.Replay(SETTINGS)
    for line in map(_line, [*facts, *raised]):
        found.take(line)
    assert found.compared() == logs.Compared(len(signals) - 1, 1, 1)


def test_a_fact_of_an_unknown_kind_is_skipped_and_counted() -> None:
    facts = list(_log()[:500])
    lines = [_line(one) for one in facts]
    other = msgspec.structs.replace(lines[100], kind="future.fact")
    broken = msgspec.structs.replace(lines[200], data=msgspec.Raw(b'"?"'))
    found = logs.Replay(SETTINGS)
    for line in [*lines[:300], other, other, broken, *lines[300:]]:
        found.take(line)
    assert found.facts == 500
    assert found.unknown == {"future.fact": 2, broken.kind: 1}
    assert found.signals == replay(facts, SETTINGS)


@pytest.mark.parametrize("first", [b"", b"{}", b"\xff", b'{"format":"other/9","through":1}'])
def test_what_is_no_log_is_refused(first: bytes) -> None:
    with pytest.raises(Invalid):
        logs.head_of(first)
    with pytest.raises(Invalid, match="line 7"):
        logs.line_of(first, 7)


def test_the_same_seed_lives_the_same_life() -> None:
    lives = [[*one.live(SimulatedCompany(), 3).run(2)] for one in scenarios()[:1] for _ in range(2)]
    assert lives[0] == lives[1]
    assert random.Random(3).random() != random.Random(4).random()
