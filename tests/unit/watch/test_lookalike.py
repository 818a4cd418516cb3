"""A name like ours that comes into use: quiet and loud logs."""

import pytest
from watch_logs import attempt, log, run

from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.detectors import lookalike
from mailkeep.watch.events import LookalikeSeen
from mailkeep.watch.types import (
    CorrelationSettings,
    Hypothesis,
    Signal,
    WatchSettings,
    domain_subject,
)


@pytest.mark.parametrize(
    ("mx", "fresh", "weight"),
    [(True, True, 3.0), (False, True, 1.5), (True, False, 0.6), (False, False, 0.3)],
)
def test_one_that_newly_takes_mail_weighs_most(mx: bool, fresh: bool, weight: float) -> None:
    fact = LookalikeSeen(
        domain="example.com",
        name="examp1e.com",
        way="letters alike",
        mx=mx,
        address=True,
        fresh=fresh,
    )
    (one,) = run(lookalike.DETECTOR, log((1, attempt()), (2, fact)))
    assert one.subject == domain_subject("example.com")
    assert one.evidence[Hypothesis.DOMAIN_ABUSED] == pytest.approx(weight)
    assert "examp1e.com" in one.reason


def _taking(count: int) -> list[Signal]:
    facts = (
        (
            n * 3600.0,
            LookalikeSeen(
                domain="example.com", name=f"ex{n}.com", way="x", mx=True, address=True, fresh=True
            ),
        )
        for n in range(count)
    )
    return run(lookalike.DETECTOR, log(*facts))


@pytest.mark.parametrize(("count", "weight"), [(1, 3.0), (2, 4.0), (4, 5.0), (40, 5.0)])
def test_many_that_newly_take_mail_are_one_plan(count: int, weight: float) -> None:
    """Ten names in a day counted as one, and never opened anything."""
    beliefs = Beliefs()
    for signal in _taking(count):
        beliefs = hear(beliefs, signal)
    ((opinion,), now) = weigh(beliefs, signal.at, CorrelationSettings())[1], signal.at
    assert signal.weight(Hypothesis.DOMAIN_ABUSED, now) == pytest.approx(weight)
    assert opinion.open is (count >= 4)
    assert not opinion.may_cut_automatically
    assert len(lookalike.DETECTOR.run(WatchSettings()).save()) < 100


def test_a_page_or_an_old_name_takes_nothing_from_what_takes_mail() -> None:
    seen = [
        LookalikeSeen(
            domain="example.com", name="a.com", way="x", mx=True, address=True, fresh=True
        )
    ]
    seen += [
        LookalikeSeen(
            domain="example.com", name=f"b{n}.com", way="x", mx=n > 2, address=True, fresh=False
        )
        for n in range(6)
    ]
    last = run(lookalike.DETECTOR, log(*enumerate(seen)))[-1]
    assert last.evidence[Hypothesis.DOMAIN_ABUSED] == pytest.approx(3.0)


def test_its_memory_is_bounded() -> None:
    running = lookalike.DETECTOR.run(WatchSettings())
    for n in range(6000):
        fact = LookalikeSeen(
            domain=f"d{n % 90}.com", name=f"ex{n}.com", way="x", mx=True, address=True, fresh=True
        )
        for one in log((n * 1.0, fact)):
            running.step(one)
    assert len(running.save()) < 300_000


def test_other_facts_are_quiet() -> None:
    assert run(lookalike.DETECTOR, log((1, attempt())), through=10) == []
