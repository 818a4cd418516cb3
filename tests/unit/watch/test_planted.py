"""A stranger where no honest provider writes: it opens alone, and frames nobody."""

import pytest
from watch_logs import START, log

from mailkeep.base.clock import SECOND
from mailkeep.watch.correlation import Beliefs, Opinion, hear, weigh
from mailkeep.watch.engine import Engine, replay
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    OWN_MAILBOX,
    CorrelationSettings,
    Hypothesis,
    WatchSettings,
)

COMPROMISED = Hypothesis.PROVIDER_COMPROMISED
Timed = list[tuple[float, CanaryArrived]]
EVIL = ("arxxwalls.example",)


def _came(
    provider: str, *, planted: bool = False, strange: bool = False, mailbox: str = OWN_MAILBOX
) -> CanaryArrived:
    hosts = EVIL if planted or strange else ()
    return CanaryArrived(
        provider=provider,
        message="m",
        seconds=1.0,
        strangers=hosts,
        mailbox=mailbox,
        planted=EVIL if planted else (),
    )


def _held(*timed: tuple[float, CanaryArrived]) -> dict[str, Opinion]:
    beliefs, settings, facts = Beliefs(), CorrelationSettings(), list(timed)
    signals = replay(log(*facts))
    for signal in signals:
        beliefs = hear(beliefs, signal)
    now = START + round(facts[-1][0] * SECOND)
    opinions = weigh(beliefs, now, settings)[1]
    return {one.subject.id: one for one in opinions if one.hypothesis is COMPROMISED and one.open}


def test_who_keeps_our_listener_or_its_dns_frames_no_provider_by_altering_all() -> None:
    """A gateway before the listener, a template of ours, settings that changed: of all alike."""
    both = [(1.0, _came("a", planted=True)), (2.0, _came("b", planted=True))]
    assert _held(*both) == {}
    assert _held(*both, (300.0, _came("a", planted=True)), (301.0, _came("b"))) == {}


def test_the_first_altered_one_accuses_nobody_before_another_came_to_compare() -> None:
    assert _held((0.5, _came("b")), (1.0, _came("a", planted=True))) == {}


def test_whoever_keeps_a_mailbox_frames_nobody_by_what_he_writes_into_it() -> None:
    altered: Timed = [(n * 60.0, _came("a", planted=True, mailbox="gmail")) for n in range(50)]
    clean: Timed = [(n * 60.0 + 30, _came("b", mailbox="gmail")) for n in range(50)]
    ours: Timed = [(n * 60.0 + 40, _came("b")) for n in range(50)]
    assert _held(*sorted([*altered, *clean, *ours], key=lambda one: one[0])) == {}


def test_what_is_wrong_with_all_decoys_is_no_providers() -> None:
    """They come once an hour: that other canaries are as they were says nothing of them."""
    wrong = (1.0, _came("a", planted=True, mailbox=DECOY_MAILBOX))
    assert _held((0.5, _came("b", mailbox=DECOY_MAILBOX)), wrong, (9.0, _came("b"))) == {}


def test_a_new_host_of_redirections_still_opens_nothing() -> None:
    assert _held((1.0, _came("a", strange=True)), (2.0, _came("b"))) == {}


@pytest.mark.parametrize("sort", [OWN_MAILBOX, DECOY_MAILBOX])
def test_a_stranger_in_from_or_in_a_decoy_alone_opens_and_does_not_cut(sort: str) -> None:
    """As on 7 August 2022; and who is in the way of our listener can pass the others' on."""
    altered = (1.0, _came("a", planted=True, mailbox=sort))
    held = _held(altered, (2.0, _came("b", mailbox=sort)))
    assert set(held) == {"a"}
    assert not held["a"].may_cut_automatically
    assert held["a"].log_odds == pytest.approx(1.4, abs=0.01)


def test_what_was_sure_is_withdrawn_when_the_others_come_altered_too() -> None:
    facts: Timed = [(1.0, _came("a", planted=True)), (2.0, _came("b"))]
    last = [one for one in replay(log(*facts)) if one.subject.id == "a"][-1]
    assert last.evidence == {COMPROMISED: 8.4}
    facts.append((3.0, _came("b", planted=True)))
    said = {one.subject.id: one.evidence for one in replay(log(*facts))}
    assert said == {"a": {COMPROMISED: 6.0}, "b": {COMPROMISED: 6.0}}


def test_the_only_provider_of_a_house_is_accused_after_a_day_of_its_own() -> None:
    early: Timed = [(n * 300.0, _came("a", planted=n > 0)) for n in range(3)]
    assert _held(*early) == {}
    day: Timed = [(n * 300.0, _came("a", planted=n > 287)) for n in range(291)]
    assert set(_held(*day)) == {"a"}


def test_it_goes_on_where_it_was_stopped() -> None:
    engine = Engine(WatchSettings())
    first, second = log((1.0, _came("a", planted=True)), (2.0, _came("b")))
    engine.step(first)
    (signal,) = Engine(WatchSettings(), engine.save()).step(second)
    assert signal.evidence == {COMPROMISED: 8.4}


def test_a_stranger_of_a_week_ago_is_let_go_and_blinds_nobody() -> None:
    """The detector failed on the canary after which it was a week old, on each of them anew."""
    engine, week = Engine(WatchSettings()), 7 * 86_400.0
    facts = log(
        (1.0, _came("a", planted=True)),
        (2.0, _came("b")),
        *((week + n, _came(one)) for n in range(10, 60, 10) for one in ("a", "b")),
        (week + 100, _came("b", planted=True)),
        (week + 101, _came("a")),
    )
    said = [signal for one in facts for signal in engine.step(one)]
    assert not engine.failed
    assert said[-1].subject.id == "b"
    assert said[-1].evidence == {COMPROMISED: 8.4}
