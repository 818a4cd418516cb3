"""A name like ours that comes into use: quiet and loud logs."""

import pytest
from watch_logs import attempt, log, run

from mailkeep.watch.detectors import lookalike
from mailkeep.watch.events import LookalikeSeen
from mailkeep.watch.types import Hypothesis, domain_subject


@pytest.mark.parametrize(
    ("mx", "fresh", "weight"),
    [(True, True, 3.0), (False, True, 1.5), (True, False, 0.6), (False, False, 0.3)],
)
def test_one_that_newly_takes_mail_weighs_most(mx: bool, fresh: bool, weight: float) -> None:
    fact = LookalikeSeen(
        "example.com", "examp1e.com", "letters alike", mx=mx, address=True, fresh=fresh
    )
    (one,) = run(lookalike.DETECTOR, log((1, attempt()), (2, fact)))
    assert one.subject == domain_subject("example.com")
    assert one.evidence[Hypothesis.DOMAIN_ABUSED] == pytest.approx(weight)
    assert "examp1e.com" in one.reason


def test_other_facts_are_quiet() -> None:
    assert run(lookalike.DETECTOR, log((1, attempt())), through=10) == []
