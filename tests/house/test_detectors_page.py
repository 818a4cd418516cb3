"""The page of the detectors is what their docstrings say, and no docstring leaves a part out."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.types import WatchSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "detectors_page", ROOT / "scripts" / "detectors_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_page_is_not_stale(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page()


def test_every_docstring_tells_every_part(script: ModuleType) -> None:
    assert script.wrong() == []


def test_the_page_has_every_detector_of_the_catalogue(script: ModuleType) -> None:
    assert script.names() == [one.name for one in DETECTORS]
    assert [one.name for one in DETECTORS if f"\n## {one.name}\n" not in script.page()] == []


def test_a_docstring_without_a_part_is_noticed(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "HOME", tmp_path)
    (tmp_path / "catalogue.py").write_text("D = (\n    one.DETECTOR,\n)\n")
    (tmp_path / "one.py").write_text('"""Something. Sees: a fact."""\n')
    (tmp_path / "two.py").write_text('"""Something else."""\n')
    said = script.wrong()
    assert "one: its docstring does not tell who could forge it" in said
    assert "one: its docstring does not tell what it sees" not in said
    assert "two: not in the catalogue" in said


def test_the_settings_of_every_detector_are_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text()
    rows = {
        line.split("|")[1].strip(): line
        for line in reference.splitlines()
        if line.startswith("| `[watch.")
    }
    missing = [
        f"{table}: {name}"
        for table in WatchSettings.__struct_fields__
        for name in getattr(WatchSettings(), table).__struct_fields__
        if f"`{name}`" not in rows.get(f"`[watch.{table}]`", "")
    ]
    assert missing == []
