"""Loops end when they are told to, whatever else happens at that moment."""

import asyncio

from mailkeep.app.loops import keep


async def test_a_loop_is_ended_at_any_turn_after_it_was_woken() -> None:
    """Both come together, before the loop runs again: the end is not lost in the waking."""
    for turns in range(12):
        awake = asyncio.Event()

        async def step() -> bool:
            return False

        task = asyncio.create_task(keep("one", step, 60.0, awake))
        for _ in range(5):
            await asyncio.sleep(0)
        awake.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, turns
        assert task.cancelled()
