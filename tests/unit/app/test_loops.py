"""Loops end when they are told to, whatever else happens just then, and how they go is seen."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from mailkeep.app import provider_keys, wiring_watch
from mailkeep.app.loops import Loop, Pulse, keep
from mailkeep.events.turns import Turn


async def test_a_loop_is_ended_at_any_turn_after_it_was_woken() -> None:
    """Both come together, before the loop runs again: the end is not lost in the waking."""
    for turns in range(12):
        awake = asyncio.Event()

        async def step() -> bool:
            return False

        task = asyncio.create_task(keep("one", step, 60.0, awake, pulse=Pulse()))
        for _ in range(5):
            await asyncio.sleep(0)
        awake.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, turns
        assert task.cancelled()


async def seen(loops: dict[str, Loop], so: Callable[[], bool]) -> None:
    """Run loops until something is so."""
    tasks = [asyncio.create_task(one) for one in loops.values()]
    try:
        async with asyncio.timeout(10):
            while True:
                if so():
                    return
                await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("good", [True, False])
async def test_how_keys_are_looked_for_and_volumes_asked_for_is_seen(
    monkeypatch: pytest.MonkeyPatch, *, good: bool
) -> None:
    def look(*_: object) -> list[str]:
        if not good:
            raise OSError
        return []

    class Asked:
        name = "volume"
        seconds = 0.01

        async def collect(self) -> list[str]:
            return look()

    async def taken(*_: object) -> Turn:
        return Turn("collect volume", "turn_1")

    monkeypatch.setattr(provider_keys, "take_up", look)
    monkeypatch.setattr(wiring_watch, "Volume", lambda *_: Asked())
    monkeypatch.setattr(wiring_watch.turns, "taken", taken)
    pulse = Pulse()
    none: Any = None
    loops = wiring_watch.beside(partial(keep, pulse=pulse), none, {}, (), {})
    assert loops.keys() == {"collect", "secrets"}
    if good:
        await seen(loops, lambda: pulse.well.keys() == loops.keys())
        assert not pulse.failures
    else:
        await seen(loops, lambda: len(pulse.failures) == 2)
        assert {name for name, why in pulse.failures if why == "fault"} == loops.keys()
        assert not pulse.well
