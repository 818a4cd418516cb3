"""A round counts only when the sink has each acknowledged message exactly once."""

from pathlib import Path
from typing import Any

import pytest

from mailkeep_bench import bench as bench_module
from mailkeep_bench.bench import Bench, Options
from mailkeep_bench.children import Broken
from mailkeep_bench.tally import Tally


class Sink:
    """A sink without a process."""

    def __init__(self, *arrived: int) -> None:
        self._tally = Tally()
        for number in arrived:
            self._tally.arrived(number, "r1")

    async def call(self, do: str, **more: Any) -> dict[str, Any]:
        if do == "count":
            return self._tally.count(more["round"])
        missing = self._tally.missing(more["round"], more["sent"], more["unsure"])
        return {"missing": missing}


async def _drained(sink: Sink, unsure: list[tuple[int, int]]) -> dict[str, Any]:
    found = {"sent": 4, "acknowledged": 4 - sum(n for _, n in unsure), "unsure": unsure}
    bench = Bench(Options(), Path("/nowhere"), lambda _: None)
    return await bench.drained(sink, "r1", found, "x")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "STALLED", 0.2)
    monkeypatch.setattr(bench_module, "SETTLE", 0.0)


async def test_each_once_is_well() -> None:
    assert (await _drained(Sink(3, 1, 0, 2), []))["unique"] == 4


async def test_what_was_not_acknowledged_may_have_come_or_not() -> None:
    assert (await _drained(Sink(0, 1, 3), [(2, 1)]))["unique"] == 3
    assert (await _drained(Sink(0, 1, 2, 3), [(2, 1)]))["unique"] == 4


async def test_one_that_never_came_breaks_the_row() -> None:
    with pytest.raises(Broken, match="1 of 4 acknowledged messages never came"):
        await _drained(Sink(0, 1, 2), [])


async def test_an_unsure_one_does_not_stand_for_one_that_is_lost() -> None:
    with pytest.raises(Broken, match="1 acknowledged messages never came"):
        await _drained(Sink(0, 1, 2), [(2, 1)])


async def test_one_that_came_twice_breaks_the_row() -> None:
    with pytest.raises(Broken, match="1 messages came twice"):
        await _drained(Sink(0, 1, 2, 3, 3), [])


async def test_one_that_was_never_sent_breaks_the_row() -> None:
    with pytest.raises(Broken, match="never sent"):
        await _drained(Sink(0, 1, 2, 3, 4), [])
