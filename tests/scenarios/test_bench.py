"""The benchmark does the work that it reports: real processes, every message counted."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailkeep_bench import machine, postfix

MESSAGES = 200


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that Postfix's own user can enter."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        if machine.in_memory(directory):
            pytest.skip(f"{directory} is in memory, where nothing can be measured")
        yield directory
        assert {one.name for one in directory.iterdir()} == {"found.json", "found.md"}


async def _bench(place: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    figures, report = place / "found.json", place / "found.md"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mailkeep_bench", "--quick", "--rounds=1"),
        *(f"--messages={MESSAGES}", f"--place={place}"),
        *(f"--json={figures}", f"--markdown={report}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode in {0, 1}, said
    assert "messages counted" in report.read_text()
    return json.loads(figures.read_text()), said


def _systems(row: dict[str, Any]) -> set[str]:
    return {one["system"] for one in row["series"] if one["measure"] == "rate"}


@pytest.mark.timeout(300)
async def test_every_message_of_both_systems_is_counted(place: Path) -> None:
    found, said = await _bench(place, "--only=http-accept", "--only=delivery-http")
    beside = not postfix.missing(place)
    systems = {"mailkeep", "postfix"} if beside else {"mailkeep"}
    assert [row["name"] for row in found["rows"]] == ["http-accept", "delivery-http"]
    for row in found["rows"]:
        assert not row["broken"], said
        assert _systems(row) == systems
        assert row["counted"] == MESSAGES * len(systems)
        for one in row["series"]:
            assert len(one["values"]) == 1
            # CPU time is told in ticks of 10 ms: a short round of a fast machine may take none.
            assert one["values"][0] >= 0 if one["unit"] == "µs" else one["values"][0] > 0
    ratios = [one for one in found["verdicts"] if one["unit"] == "×"]
    assert len(ratios) == 2
    assert all((one["reached"] is not None) == beside for one in ratios)


@pytest.mark.timeout(300)
async def test_a_whole_life_ends_with_its_webhook(place: Path) -> None:
    found, said = await _bench(place, "--own", "--only=life", "--soak=4", "--rate=25")
    (row,) = found["rows"]
    assert not row["broken"], said
    assert row["counted"] == 100
    assert row["short"]  # so small a run is not held to the goal
    assert [one["met"] for one in found["verdicts"]] == [None]
