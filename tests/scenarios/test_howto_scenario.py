"""The scenario of the how-to page is played as it stands there, by the command of the page."""

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-scenario.md").read_text()


@pytest.mark.timeout(420)
async def test_the_scenario_of_the_page_is_played(tmp_path: Path) -> None:
    written = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    (command,) = re.findall(r"^(python -m mailkeep_drill --scenario .*)$", PAGE, re.MULTILINE)
    (tmp_path / "outage.py").write_text(written)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *shlex.split(command)[1:],
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode in {0, 1}, said
    report = json.loads((tmp_path / "outage-report" / "scorecard.json").read_text())
    (card,), (run,) = report["cards"], report["runs"]

    assert card["title"] == "Mailkeep, A is out of order"
    assert [one["text"] for one in run["notes"] if one["kind"] in {"phase", "fault"}] == [
        "normal running",
        "provider A answers 500",
        "provider A answers every call with 500",
        "provider A is well again",
    ]
    assert run["marks"]["leak"] is None
    assert run["marks"]["suspended"] >= 10.0
    assert len(run["alerts"]) > 60
    assert card["acknowledged"] == len(run["alerts"])
    assert card["mail_lost"] == 0
    assert card["lost"] == card["locked_out"] == {"password": 0, "totp": 0}
    assert len(run["ends"]) == 12
    assert card["honest"]["after"].startswith("1 of 1"), run["errors"]
    missed = [one["name"] for one in card["targets"] if one["met"] is False]
    assert (process.returncode, report["passed"]) == (1 if missed else 0, not missed)
