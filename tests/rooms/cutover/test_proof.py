"""The proof of a move under load, small, on both engines; it would see what is wrong."""

import dataclasses
from collections import Counter
from types import ModuleType
from typing import Any


async def test_a_move_loses_nothing_while_the_old_provider_is_suspended(
    proof: ModuleType, house: Any
) -> None:
    found = await proof.run(house, 900)
    assert proof.wrong(found) == []
    assert found.recognisable == found.twice == found.in_flight.total() > 0


def test_what_must_not_be_is_seen(proof: ModuleType) -> None:
    well = proof.Found(
        *(9, 0, 1, 1, Counter(a=1, b=1), 5.0, 1, Counter(b=9), 1, "", "moved"),
        reopened=1,
        refused=1,
        chain=True,
    )
    assert proof.wrong(well) == []
    for changed, words in (
        ({"lost": 1}, "1 of 9 lost"),
        ({"twice": 3}, "2 doubled"),
        ({"slowest": 61.0}, "61 s"),
        ({"in_flight": Counter(a=2)}, "no worker died"),
        ({"turned": 0}, "no recovery mail met"),
        ({"backs": 0}, "no step"),
        ({"state": "paused", "why": "so"}, "paused: so"),
        ({"chain": False}, "chain"),
        ({"refused": 0}, "nothing is shown"),
    ):
        found = dataclasses.replace(well, **changed)
        assert any(words in one for one in proof.wrong(found)), words
