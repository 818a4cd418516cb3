"""Loops end when they are told to, whatever else happens just then, and how they go is seen."""

import asyncio
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs
from supervised import until

from mailkeep.app import provider_keys, wiring_watch
from mailkeep.app.loops import Pulse, begin, keep
from mailkeep.base.errors import Unavailable
from mailkeep.base.loops import OutsideFault
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


async def test_waits_double_while_a_step_fails_and_are_the_usual_ones_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    answers = iter(["x", "x", "x", "", "x", "more", "x"])
    pulse = Pulse()

    async def step() -> bool:
        answer = next(answers, None)
        if answer is None:
            raise asyncio.CancelledError
        if answer == "x":
            raise OutsideFault
        return bool(answer)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("mailkeep.app.loops.asyncio.sleep", sleep)
    with capture_logs() as said, pytest.raises(asyncio.CancelledError):
        await keep("kind", step, lambda: 7.0, pulse=pulse, again=(5.0, 15.0))
    assert waits == [5.0, 10.0, 15.0, 7.0, 5.0, 5.0]
    assert pulse.failures == {("kind", "outside"): 5}
    assert not said, "the room has said it"


@pytest.mark.parametrize("error", [OSError("x"), Unavailable("the database is away")])
async def test_the_log_has_which_one_of_its_kind_failed(error: Exception) -> None:
    pulse = Pulse()

    async def step() -> None:
        raise error

    with capture_logs() as said:
        await until([keep("kind", step, 0.01, pulse=pulse, of="one")], lambda: bool(pulse.failures))
    why = "unavailable" if isinstance(error, Unavailable) else "fault"
    assert set(pulse.failures) == {("kind", why)}
    assert said[0]["event"] == ("loop.unavailable" if why == "unavailable" else "loop.failed")
    assert (said[0]["loop"], said[0]["of"]) == ("kind", "one")


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
        await until(loops.values(), lambda: pulse.well.keys() == loops.keys())
        assert not pulse.failures
    else:
        await until(loops.values(), lambda: len(pulse.failures) == 2)
        assert {name for name, why in pulse.failures if why == "fault"} == loops.keys()
        assert not pulse.well


async def test_a_loop_that_ends_by_itself_is_logged_with_its_trace() -> None:
    async def dies() -> None:
        raise KeyError("x")

    async def returns() -> None:
        return

    async def goes_on() -> None:
        await asyncio.Event().wait()

    with capture_logs() as said:
        tasks = begin({"dies": dies(), "returns": returns(), "goes on": goes_on()})
        await asyncio.wait({tasks["dies"], tasks["returns"]}, timeout=5)
        tasks["goes on"].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert {one["loop"]: type(one["exc_info"]).__name__ for one in said} == {
        "dies": "KeyError",
        "returns": "NoneType",
    }
    assert {one["event"] for one in said} == {"loop.ended"}
