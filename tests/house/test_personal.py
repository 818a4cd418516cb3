"""No column is forgotten: each room says what its tables keep about people. The map is fresh."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mailkeep.app.retention import RetentionSettings
from mailkeep.privacy.catalogue import CATALOGUE, ROOMS, theirs
from mailkeep.privacy.types import Person
from mailkeep.store.personal import Erasing, Form
from mailkeep.store.schema import metadata

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mailkeep"

for path in SOURCE.glob("*/tables.py"):
    importlib.import_module(f"mailkeep.{path.parent.name}.tables")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "personal_data", ROOT / "scripts" / "personal_data.py"
    )
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_room_with_tables_is_in_the_catalogue() -> None:
    assert {path.parent.name for path in SOURCE.glob("*/tables.py")} == set(ROOMS)
    assert set(CATALOGUE) == set(metadata.tables), "say it in the room's personal.py"


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_column_of_a_table_is_said_once(name: str) -> None:
    kept = CATALOGUE[name]
    said = [column for form in Form for column in getattr(kept, form.value).split()]
    assert sorted(said) == sorted(metadata.tables[name].columns.keys()), (
        f"{name}: say in the room's personal.py what each column keeps about people"
    )


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_what_is_said_of_a_table_can_be_done(name: str) -> None:
    table, kept = metadata.tables[name], CATALOGUE[name]
    theirs(table, Person(("acc_1",), ("address_1",)))  # its links lead somewhere
    assert (kept.erasing is Erasing.BLANKED) == bool(kept.blank)
    assert set(kept.blank) <= set(table.columns.keys())
    assert set(kept.others.split()) <= set(table.columns.keys())
    for column, value in kept.blank.items():
        assert value is not None or table.c[column].nullable
    readable = set(kept.clear.split())
    if kept.of and kept.erasing is not Erasing.REMOVED:
        assert readable <= set(kept.blank), "what can be read does not outlive an erasure"


def test_the_classes_are_those_of_the_settings() -> None:
    known = set(RetentionSettings.__struct_fields__)
    words = [one.under for one in CATALOGUE.values()]
    for word in words:
        named = {word} if " " not in word else set(word.split("`")[1::2]) - {"keep"}
        assert named <= known, word


def test_the_map_is_fresh(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(), "python scripts/personal_data.py"
