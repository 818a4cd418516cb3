"""The index of the decision records lists each of them."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_index_is_not_stale() -> None:
    spec = importlib.util.spec_from_file_location(
        "decisions_index", ROOT / "scripts" / "decisions_index.py"
    )
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (made.DECISIONS / "README.md").read_text() == made.page()
    assert len(list(made.DECISIONS.glob("*.md"))) > 50
