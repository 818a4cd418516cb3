"""The page of the standards' checks is what the tests say, and no check is without an answer."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "security_checks", ROOT / "scripts" / "security_checks.py"
    )
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_check_has_a_test_or_a_reason(script: ModuleType) -> None:
    assert script.wrong(script.marked()) == []


def test_the_page_is_not_stale(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(script.marked())


def test_a_check_without_an_answer_and_a_mark_for_nothing_are_noticed(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "ROOT", tmp_path)
    (tmp_path / "test_one.py").write_text(
        'import pytest\n\n\n@pytest.mark.check("ASVS 6.4.3", "ASVS 99.9")\n'
        "async def test_it() -> None: ...\n"
    )
    found = script.marked(tmp_path)
    assert found == {"ASVS 6.4.3": ["test_one.py::test_it"], "ASVS 99.9": ["test_one.py::test_it"]}
    monkeypatch.setattr(script, "WITHOUT", {"ASVS 6.4.3": "because"})
    said = script.wrong(found)
    assert "ASVS 99.9: no such check" in said
    assert "ASVS 6.4.3: a reason, and a test too" in said
    assert "63B 2.2: neither a test nor a reason" in said
