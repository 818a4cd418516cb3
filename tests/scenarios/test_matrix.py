"""The adversary matrix, small: no third party alone takes an account or keeps its owner out."""

import asyncio
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import warm


async def _play(report: Path, *options: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        warm.python(),
        "-m",
        "mailkeep_drill.matrix",
        f"--report={report}",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode in {0, 1}, out.decode()
    text = await asyncio.to_thread(report.read_text)
    return process.returncode, text, out.decode()


def _rules() -> ModuleType:
    """What holds a report to the rules of the chain of trust."""
    where = Path(__file__).parents[1] / "unit" / "posture" / "test_matrix.py"
    spec = importlib.util.spec_from_file_location("rules_and_matrix", where)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def _agrees(report: Path, least: int) -> None:
    """The rules say of this run what it saw."""
    rules = _rules()
    secrets = report.with_suffix(".secrets")
    secrets.mkdir()
    seen = json.loads(report.with_suffix(".json").read_text())
    said, differing = rules.differing(rules.model(secrets), seen)
    assert differing == []
    assert said >= least


@pytest.mark.timeout(420)
async def test_who_reads_at_one_provider_wins_there_and_nothing_here(tmp_path: Path) -> None:
    ours, theirs = await asyncio.gather(
        _play(
            tmp_path / "ours.md",
            *("--only=READS_A", "--only=WEBHOOKS", "--only=OPERATOR"),
            *("--kind=NONE", "--kind=KEPT", "--at-once=3"),
        ),
        _play(tmp_path / "theirs.md", "--stock", "--only=READS_A", "--kind=NONE"),
    )
    code, report, said = ours
    assert code == 0, said
    assert "lost" not in report
    assert "locked out" not in report.split("An owner counts")[0]
    assert report.count("owner back after") == 6
    assert "**lost**: opened the one link that a reset sends" in theirs[1]
    _agrees(tmp_path / "ours.md", 2)


@pytest.mark.timeout(420)
async def test_what_two_providers_carry_together_takes_a_password_and_stops_at_the_factor(
    tmp_path: Path,
) -> None:
    """The matrix can see a win: it is no report that says 'kept' whatever happens."""
    _, report, said = await _play(
        tmp_path / "pair.md",
        *("--size=2", "--only=READS_A", "--only=READS_B"),
        *("--kind=NONE", "--kind=TOTP", "--kind=KEPT_TOTP"),
    )
    assert "- **password only**: reads mail at A + reads mail at B (gave both proofs)" in report, (
        said
    )
    assert "- **authenticator app**" not in report
    _agrees(tmp_path / "pair.md", 6)
