"""What is dear in a request is done in slices, between which others are served."""

import asyncio

import pytest

from mailkeep.http.api import slices
from mailkeep.http.api.slices import SLICE, sliced


@pytest.mark.check("ASVS 15.2.2")
@pytest.mark.parametrize(("each", "between"), [(SLICE, 99), (SLICE / 10, 9), (0.0, 0)])
async def test_others_have_their_turn_after_each_slice(
    monkeypatch: pytest.MonkeyPatch, each: float, between: int
) -> None:
    now, turns, done = 0.0, 0, False
    monkeypatch.setattr(slices.time, "perf_counter", lambda: now)

    async def others() -> None:
        nonlocal turns
        while not done:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    found = []
    async for one in sliced(range(100)):
        now += each
        found.append(one)
    done = True
    assert found == list(range(100))
    assert between <= turns <= between + 3
    await task
