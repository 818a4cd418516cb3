"""The whole drill, small and fast: the same attack takes accounts there and none here."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

CUSTOMERS = 16


async def _drill(directory: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mailkeep_drill",
        "--fast",
        f"--customers={CUSTOMERS}",
        "--attacked=6",
        f"--report={directory}",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode in {0, 1}, said
    return process.returncode, json.loads((directory / "scorecard.json").read_text()), said


@pytest.mark.timeout(420)
async def test_the_thief_takes_accounts_from_the_ordinary_set_up_and_none_from_us(
    tmp_path: Path,
) -> None:
    code, report, said = await _drill(tmp_path, "--reader=a", "--kill9=1")
    cards = {card["key"]: card for card in report["cards"]}
    runs = {run["key"]: run for run in report["runs"]}

    ordinary = cards["ordinary"]
    assert ordinary["lost"]["password"] >= 3
    assert ordinary["lost"]["totp"] == 0
    assert ordinary["locked_out"]["totp"] >= 3
    assert ordinary["mail_lost"] > 20
    assert runs["ordinary"]["suspicions"] == []

    ours = cards["mailkeep-a"]
    assert ours["attacked"] == {"password": 3, "totp": 3}
    assert ours["lost"] == ours["replaced"] == ours["locked_out"] == {"password": 0, "totp": 0}
    assert ours["mail_lost"] == 0
    # Nobody acts until a customer complains: so he gets one proof of two, and that is all.
    assert ours["named_after_foreign"] is not None
    assert ours["halves"]["password"] + ours["halves"]["totp"] > 0
    assert ours["cut_before"] is not None
    assert len(runs["mailkeep-a"]["ends"]) == CUSTOMERS
    assert runs["mailkeep-a"]["kills"] == 1

    assert cards["mailkeep-silent"]["silence_noticed"] is not None
    assert cards["mailkeep-silent"]["mail_lost"] == 0

    missed = [one for card in cards.values() for one in card["targets"] if one["met"] is False]
    assert code == (1 if missed else 0)
    assert report["passed"] is (not missed)
    assert (tmp_path / "scorecard.html").read_text().startswith("<!doctype html>")
    assert "the score" in said
