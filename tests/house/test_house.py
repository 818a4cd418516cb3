"""The map is the territory: every room, setting, provider and command stands on its page."""

import re
from pathlib import Path

import pytest
import typer.main

from mailkeep.app.retention import RetentionSettings
from mailkeep.app.settings import ProviderSettings, Settings
from mailkeep.cli.main import app
from mailkeep.incidents.types import IncidentSettings, State
from mailkeep.mail.types import RouteSettings, Status, StreamSettings
from mailkeep.providers.registry import REGISTRY
from mailkeep.recovery.types import RecoverySettings
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.types import ActionState, PlaybookSettings, ResponseSettings
from mailkeep.smtp.types import SubmissionSettings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mailkeep"
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()

ROOMS = sorted(path.parent for path in SOURCE.glob("*/*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("room", sorted({path.name for path in ROOMS}))
def test_a_room_has_its_card_and_stands_on_the_map(room: str) -> None:
    card = (SOURCE / room / "__init__.py").read_text()
    for word in ("Owns:", "Publishes:", "Hears:", "Security:"):
        assert word in card
    assert f"{room}/" in ARCHITECTURE


@pytest.mark.parametrize("tables", sorted(SOURCE.glob("*/tables.py")), ids=lambda p: p.parent.name)
def test_a_room_owns_the_tables_that_its_card_names(tables: Path) -> None:
    card = (tables.parent / "__init__.py").read_text()
    owned = re.search(r"Owns:(.*?)(?:Publishes:|Hears:|Security:|\Z)", card, re.DOTALL)
    assert owned is not None
    names = set(re.findall(r"``(\w+)``", owned[1]))
    made = set(re.findall(r'= Table\(\n    "(\w+)"', tables.read_text()))
    assert names == made


def test_files_stay_under_four_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / "src").rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long


@pytest.mark.parametrize(
    "name",
    [
        *Settings.__struct_fields__,
        *ProviderSettings.__struct_fields__,
        *StreamSettings.__struct_fields__,
        *RouteSettings.__struct_fields__,
        *RecoverySettings.__struct_fields__,
        *RetentionSettings.__struct_fields__,
        *SubmissionSettings.__struct_fields__,
        *REGISTRY,
        *ACTIONS,
        *IncidentSettings.__struct_fields__,
        *ResponseSettings.__struct_fields__,
        *PlaybookSettings.__struct_fields__,
        *(state.value for state in (*State, *ActionState)),
        *(status.value for status in Status),
    ],
)
def test_a_word_of_the_settings_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def test_every_command_is_in_the_reference() -> None:
    def names(command: object, prefix: str) -> list[str]:
        below = getattr(command, "commands", None)
        if not below:
            return [prefix]
        return [name for key, one in below.items() for name in names(one, f"{prefix} {key}")]

    commands = names(typer.main.get_command(app), "mailkeep")
    assert commands
    assert [one for one in commands if f"`{one}`" not in REFERENCE] == []


def test_the_makes_that_the_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert {one or other for one, other in named} <= targets, page


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
