"""In every table of the settings a mistyped key is answered with the one that was meant."""

from itertools import product
from typing import Any

import pytest

from mailkeep.app import settings_mistyped
from mailkeep.app.settings import Settings, parse
from mailkeep.base.errors import BadSettings

TABLES = {path: keys for path, keys in settings_mistyped._tables(Settings).items() if path}
SHAPES = (lambda one: one, lambda one: [one], lambda one: {"any": one})


def _errors(path: str, table: dict[str, Any]) -> list[str]:
    """What is said of a file with that table: alone, one of several, or one of several by name."""
    said = []
    parts = path.split(".")
    for shapes in product(SHAPES, repeat=len(parts)):
        raw: Any = table
        for name, shape in zip(reversed(parts), shapes, strict=True):
            raw = {name: shape(raw)}
        with pytest.raises(BadSettings) as caught:
            parse(raw)
        said.append(str(caught.value))
    return said


@pytest.mark.parametrize("path", sorted(TABLES))
def test_a_key_with_a_letter_too_many_is_recognised(path: str) -> None:
    key = max(TABLES[path], key=len)
    assert any(f"did you mean {key}?" in one for one in _errors(path, {f"{key}x": 1}))


def test_an_error_about_anything_else_is_left_as_it_is() -> None:
    assert (
        settings_mistyped.corrected("Expected `int`, got `str`", Settings)
        == "Expected `int`, got `str`"
    )
