"""Which runs a drill has, and a scenario that comes in a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mailkeep_drill.__main__ import options
from mailkeep_drill.plan import FAST
from mailkeep_drill.script import Run
from mailkeep_drill.stage import ALL, Options, Part, Stage, load, parts

SCENARIO = """
from mailkeep_drill.script import Run
from mailkeep_drill.stage import Part

class Quiet(Run):
    async def fall(self):
        await self.at(self.plan.end)

PART = Part("quiet", "Nothing happens", "B", False, "mailkeep", run=Quiet)
"""


def test_the_drill_has_a_run_for_each_reader_and_one_that_falls_silent() -> None:
    found = parts(Options())
    assert [one.key for one in found] == [
        *("ordinary", "mailkeep-a", "mailkeep-b", "mailkeep-awake", "mailkeep-silent")
    ]
    assert {one.key for one in found if one.asleep} == {"mailkeep-a", "mailkeep-b"}
    assert {(one.run, one.plan) for one in found} == {(Run, None)}
    assert [one.key for one in parts(Options(reader="b", ordinary=False))] == [
        *("mailkeep-b", "mailkeep-silent")
    ]


@pytest.mark.parametrize(
    ("at_once", "rounds"), [(ALL, [5]), (5, [5]), (3, [3, 2]), (1, [1, 1, 1, 1, 1])]
)
async def test_no_more_runs_are_played_at_once_than_the_machine_bears(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: int, rounds: list[int]
) -> None:
    stage, played = Stage(Options(at_once=at_once), tmp_path), []

    async def play(_self: Stage, runs: Sequence[Run]) -> None:
        played.append(len(runs))

    monkeypatch.setattr(Stage, "_play", play)
    stage.runs = [cast(Run, SimpleNamespace(facts=None)) for _ in range(5)]
    await stage.play()
    assert played == rounds


def test_a_scenario_of_a_file_is_played_alone(tmp_path: Path) -> None:
    file = tmp_path / "quiet.py"
    file.write_text(SCENARIO)
    chosen, report, keep = options(["--scenario", str(file), "--customers", "20", "--attacked=2"])
    (part,) = parts(chosen)
    assert (part.key, part.fallen, part.thief, part.run.__name__) == ("quiet", "B", False, "Quiet")
    assert issubclass(part.run, Run)
    assert (chosen.ordinary, report, keep) == (False, Path("drill-report"), False)
    assert replace(part, plan=FAST).plan is FAST


def test_a_file_without_a_scenario_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "empty.py"
    file.write_text("PART = 'nothing'\n")
    with pytest.raises(ValueError, match="has no PART that is a Part"):
        load(file)
    with pytest.raises(SystemExit):
        options(["--scenario", str(tmp_path / "missing.py")])
    assert "there is no file" in capsys.readouterr().err
    assert Part("a", "A", "A", False, "mailkeep").run is Run
