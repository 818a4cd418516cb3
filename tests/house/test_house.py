"""The map is the territory: every room, setting, provider and command stands on its page."""

import ast
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main

from mailkeep.accounts.classes import BUILT_IN
from mailkeep.app import settings_mistyped
from mailkeep.app.doctor import look
from mailkeep.app.doctor.catalogue import CHECKS
from mailkeep.app.settings import Settings
from mailkeep.cli.main import app
from mailkeep.incidents.types import State
from mailkeep.mail.grants import Scope
from mailkeep.mail.types import Status
from mailkeep.operators.permissions import Role
from mailkeep.providers.registry import COMMON, REGISTRY
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.types import ActionState

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
    assert re.search(rf"^ +(?:\w+/ )*{room}/ ", ARCHITECTURE, re.MULTILINE)


def test_the_map_stacks_the_rooms_as_imports_may_go() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    rooms = [re.findall(r"\w+", layer) for layer in layers]
    drawn = ARCHITECTURE.split("```")[1]
    places = {name: drawn.index(f" {name}/ ") for layer in rooms for name in layer}
    for upper, lower in pairwise(rooms):
        assert max(places[name] for name in upper) < min(places[name] for name in lower)


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


def test_what_people_read_says_one_and_many_as_people_do() -> None:
    """No "3 mail(s)": ``base.wording.counted`` knows both."""
    found = re.compile(r"(?<!http)(?<!smtp)(?<=[A-Za-z])\(e?s\)(?!:)")
    lazy = [
        f"{path.relative_to(ROOT)}: {said}"
        for path in (*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html"))
        for said in _said(path)
        if found.search(said)
    ]
    assert not lazy


def _said(path: Path) -> list[str]:
    """What a file says to people: of code its strings, those with places in them too."""
    if path.suffix != ".py":
        return re.sub(r"{[{%].*?[%}]}", "", path.read_text(), flags=re.DOTALL).splitlines()
    nodes = ast.walk(ast.parse(path.read_text()))
    return [one.value for one in nodes if isinstance(one, ast.Constant) and type(one.value) is str]


#: Where a table stands that has no paragraph of its own name: under a heading, or in a row.
UNDER = {
    "provider": "## Providers",
    "trust": "### Parties",
    "submission": "## SMTP",
    "operators": "## The console",
    "signals": "## Shared Signals",
}


def _about(path: str) -> str:
    """What the reference says of a table of the settings: its row, and its paragraph."""
    root, lines, under, on = path.partition(".")[0], [], False, False
    for line in REFERENCE.splitlines():
        if line.startswith("#"):
            under, on = line.startswith(UNDER.get(root, "# none")), False
        elif line.startswith("`["):
            first = line.partition("`,")[0]
            on = re.search(rf"\[{root}[\].]", first) is not None or f"[{path}]" in line
        if under or on or line.startswith(f"| `{root}` |"):
            lines.append(line)
    return "\n".join(lines)


def _settings() -> list[tuple[str, str]]:
    """Every key that is no table, with the path of the table that it stands in."""
    tables = settings_mistyped._tables(Settings)
    every = ((path, key) for path, keys in tables.items() for key in keys)
    return sorted((path, key) for path, key in every if f"{path}.{key}".lstrip(".") not in tables)


@pytest.mark.parametrize(("path", "key"), _settings())
def test_a_setting_is_where_the_reference_speaks_of_its_table(path: str, key: str) -> None:
    said = _about(path) if path else REFERENCE
    assert re.search(rf"`(?:\w+\.)*{key}`|[`{{ ,]{key} =|^{key} =", said, re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        *BUILT_IN,
        *(role.value for role in Role),
        *REGISTRY,
        *sorted({*COMMON, *(x for one in REGISTRY.values() for x in one.capabilities.options)}),
        *ACTIONS,
        *(state.value for state in (*State, *ActionState)),
        *(status.value for status in Status),
        *(scope.value for scope in Scope),
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


def test_every_option_is_in_the_row_of_its_command() -> None:
    rows = dict(re.findall(r"^\| `(mailkeep [a-z ]+)` \| (.*) \|$", REFERENCE, re.MULTILINE))
    everywhere = {"--help", "--home", "--json", "--no-dev", "--no-quick"}

    def missing(command: object, name: str) -> list[str]:
        below = getattr(command, "commands", None)
        if below:
            return [one for key, sub in below.items() for one in missing(sub, f"{name} {key}")]
        options = {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
        named = {one for one in options if one.startswith("--")} - everywhere
        return [f"{name} {one}" for one in named if f"`{one}`" not in rows.get(name, "")]

    assert missing(typer.main.get_command(app), "mailkeep") == []


def test_every_command_speaks_json() -> None:
    def mute(command: object, name: str) -> list[str]:
        below = getattr(command, "commands", None)
        if below:
            return [one for key, sub in below.items() for one in mute(sub, f"{name} {key}")]
        return [] if any("--json" in one.opts for one in command.params) else [name]

    assert mute(typer.main.get_command(app), "mailkeep") == []


def test_every_check_of_the_doctor_is_in_the_reference() -> None:
    assert {one.__module__ for one in CHECKS.values()} == {one.__name__ for one in look.MODULES}
    assert [one for one in CHECKS if f"`{one}`" not in REFERENCE] == []


def test_the_makes_that_the_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert {one or other for one, other in named} <= targets, page


def test_the_commands_that_the_documents_name_exist() -> None:
    """In code only: a line of it, or what stands between two backticks."""
    root = typer.main.get_command(app)
    code = re.compile(r"^(?:\$ )?(mailkeep [^`\n]+)|`(mailkeep [^`]+)`", re.MULTILINE)
    named, wrong = 0, []
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]:
        for line, inline in code.findall(page.read_text()):
            command, words = root, (line or inline).split()[1:]
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            named += 1
            options = {"--help", *(opt for one in command.params for opt in one.opts)}
            options |= {opt for one in command.params for opt in one.secondary_opts}
            given = {one.partition("=")[0] for one in words if one.startswith("--")}
            lost = command is root or (
                hasattr(command, "commands") and words and words[0].isalpha()
            )
            if lost or not given <= options:
                wrong.append(f"{page.name}: {line or inline}")
    assert named > 20
    assert wrong == []


def test_every_page_is_in_the_index_of_the_documentation() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {
        str(page.relative_to(ROOT / "docs"))
        for page in (ROOT / "docs").rglob("*.md")
        if page.parent.name not in {"decisions", "proofs"} and page.name != "README.md"
    }
    assert pages == {one for one in re.findall(r"\]\(([^)#]+\.md)", index) if one in pages}


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_figures_of_the_readme_are_those_of_the_reports() -> None:
    readme = (ROOT / "README.md").read_text()
    drill, kills, performance = (
        (ROOT / "docs" / name).read_text()
        for name in ("proofs/drill.md", "proofs/kills.md", "performance.md")
    )

    def row(page: str, name: str) -> list[str]:
        found = re.search(rf"^\| {name}.*?\|(.*)\|$", page, re.IGNORECASE | re.MULTILINE)
        assert found is not None, name
        return [cell.replace("*", "").strip() for cell in found[1].split("|")]

    def counts(page: str, name: str) -> list[int]:
        return [sum(map(int, re.findall(r"\d+", cell))) for cell in row(page, name)][:3]

    for ours, theirs in (
        ("accounts lost", "Accounts lost"),
        ("customers locked out", "Customers locked out"),
        ("acknowledged mails lost", "Mail lost"),
        ("mails delivered twice", "Mail delivered twice"),
    ):
        assert counts(readme, ours) == counts(drill, theirs), ours
    named = [cell.removesuffix(" s") for cell in row(drill, r"Incident names .*first half proof\)")]
    assert row(readme, "an incident names")[1:] == [f"{float(one):.0f} s" for one in named[1:3]]
    silent = row(drill, "Silence noticed")[3], row(drill, "All mail flows again")[3]
    assert "noticed after {}, and all mail flowed again {} after".format(*silent) in readme
    (acknowledged,), (lost,) = row(kills, "acknowledged"), row(kills, r"\*\*acknowledged and lost")
    assert f"{int(acknowledged):,} messages acknowledged, none lost" in readme
    assert int(lost) == 0
    ratio = row(performance, "http-accept")[1].removesuffix(" ×")
    assert f"{float(ratio):.1f} times its rate" in readme
