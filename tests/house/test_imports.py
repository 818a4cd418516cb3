"""What is imported when: a look at three in the morning does not wait for what it does not use."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

import mailkeep
from mailkeep.cli.commands import COMMANDS
from mailkeep.cli.main import app

_HEAVY = ("litestar", "alembic", "webauthn", "zxcvbn", "networkx", "dns", "apprise")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("mailkeep.cli.main", ("sqlalchemy", "asyncio", *_HEAVY)),
        ("mailkeep.cli.keys", _HEAVY),
        (
            "mailkeep.cli.serve",
            ("alembic", "webauthn", "zxcvbn", "apprise", "aiohttp", "asyncpg", "dns"),
        ),
    ],
)
def test_what_is_not_used_is_not_imported(module: str, absent: tuple[str, ...]) -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert module in said.stdout.split()
    assert sorted(set(absent) & set(said.stdout.split())) == []


def test_who_starts_has_imported_every_table() -> None:
    """Else a new database would be made without some of them."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, mailkeep.app.application; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    source = Path(mailkeep.__file__).parent
    rooms = {
        ".".join(("mailkeep", *path.relative_to(source).with_suffix("").parts))
        for path in source.rglob("tables.py")
    }
    assert rooms - set(said.stdout.split()) == set()


def test_what_serves_reads_no_models_of_other_libraries() -> None:
    """The framework would import them wherever they are installed."""
    from mailkeep.http.server import Lean

    assert [type(one).__module__ for one in Lean([]).plugins if "pydantic" in repr(type(one))] == []


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    commands = typer.main.get_command(app).commands
    said = {name: (one.help or "").partition("\n")[0] for name, one in commands.items()}
    assert {name: place.words for name, place in COMMANDS.items()} == said
