"""``mailkeep trust`` at the shell of the house."""

import asyncio
import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailkeep.base.clock import DAY, SystemClock, iso
from mailkeep.base.errors import BadSettings
from mailkeep.cli.main import app
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[provider]]
name = "b"
kind = "smtp"
party = "b"

[[party]]
id = "a"

[[party]]
id = "b"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }, { provider = "b" }]
"""

RECOVERY = """
[recovery]
sender = "accounts@example.com"

[[stream]]
name = "recovery"
priority = 0
secret = true
routes = [{ provider = "a" }, { provider = "b" }]

[[stream]]
name = "confirmation"
priority = 0
secret = true
routes = [{ provider = "a" }, { provider = "b" }]

[[stream]]
name = "security"
priority = 1
routes = [{ provider = "a" }, { provider = "b" }]
"""


@pytest.mark.parametrize(
    ("parties", "words"),
    [
        ("a", ("If a falls:", "Addresses given to it:", "What it could do:")),
        ("a,b", ("If a and b fall:", "Addresses given to them:", "What they could do:")),
    ],
)
def test_one_that_falls_and_several_that_fall_are_spoken_of_as_such(
    parties: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)

    async def make() -> None:
        database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
        await upgrade(database)
        await database.close()

    asyncio.run(make())
    said = CliRunner().invoke(app, ["trust", "whatif", parties, "--home", str(tmp_path)])
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    for one in words:
        assert any(line.startswith(one) for line in lines), one
    assert all(line == line.rstrip() for line in lines)


def test_a_check_that_fails_a_build_says_why_and_what_to_do(tmp_path: Path) -> None:
    one_person = '\n[[party]]\nid = "alice"\nkind = "person"\n\n[[party]]\nid = "mailkeep"\n'
    proxy = '\n[[party]]\nid = "proxy"\nkind = "cdn"\nserves = ["example.com"]\n'
    known = SETTINGS + one_person + 'administered_by = ["alice"]\n' + proxy + RECOVERY
    address = 'public_url = "https://example.com"\n'
    (tmp_path / "mailkeep.toml").write_text(address + known)
    line = ["trust", "check", "--no-single-point", "--home", str(tmp_path)]
    said = CliRunner().invoke(app, line)
    assert said.exit_code == 1, said.output
    assert "SINGLE POINT alice: alice alone takes accounts of class customer, " in said.stdout
    assert "staff at once.\n" in said.stdout
    assert "1 single point of takeover.\n" in said.stdout
    assert "[[trust.accept]]" in said.stdout
    assert "does not fail: proxy" in said.stdout
    assert "counted with --catching" in said.stdout

    accepted = '[[trust.accept]]\nparty = "alice"\nreason = "two of us, until spring"\n'
    until = iso(SystemClock().now() + 30 * DAY)[:10]
    (tmp_path / "mailkeep.toml").write_text(address + known + accepted + f'until = "{until}"\n')
    said = CliRunner().invoke(app, line)
    assert said.exit_code == 0, said.output
    assert "does not fail: alice" in said.stdout
    assert "accepted: two of us, until spring" in said.stdout
    assert "[[trust.accept]]" not in said.stdout


def test_of_a_house_without_accounts_one_of_each_class_is_supposed(tmp_path: Path) -> None:
    people = (
        '\n[[party]]\nid = "alice"\n\n[[party]]\nid = "mailkeep"\nadministered_by = ["alice"]\n'
    )
    (tmp_path / "mailkeep.toml").write_text(SETTINGS + people + RECOVERY)
    home = ["--home", str(tmp_path)]
    said = CliRunner().invoke(app, ["trust", "changes", *home])  # no database, as in a build
    assert said.exit_code == 0, said.output

    async def make() -> None:
        database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
        await upgrade(database)
        await database.close()

    asyncio.run(make())
    for line in (["whatif", "alice"], ["parties"], ["changes"]):
        said = CliRunner().invoke(app, ["trust", *line, *home])
        assert said.exit_code == 0, said.output
        assert said.stdout.startswith("Nobody has an account here yet: one of each class"), line
    said = CliRunner().invoke(app, ["trust", "whatif", "alice", *home])
    assert "Accounts: 0 at once" not in said.stdout


def test_a_check_without_its_database_is_told_from_a_single_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # nobody listens there afterwards
    monkeypatch.setenv("DB_URL", f"postgresql://u:p@127.0.0.1:{port}/mailkeep")
    file = tmp_path / "mailkeep.toml"
    file.write_text('database = "env:DB_URL"\n' + SETTINGS + RECOVERY)
    line = ["trust", "check", "--home", str(tmp_path)]
    said = CliRunner().invoke(app, [*line, "--no-single-point"])
    assert said.exit_code == 3, said.output
    assert said.stdout.startswith("The database could not be asked")
    assert "No single point." in said.stdout
    assert CliRunner().invoke(app, line).exit_code == 0
    changes = CliRunner().invoke(app, ["trust", "changes", "--json", "--home", str(tmp_path)])
    assert json.loads(changes.stdout)["basis"] == "unreachable"

    # Who builds has no database, nor the secret to it.
    monkeypatch.delenv("DB_URL")
    said = CliRunner().invoke(app, [*line, "--no-single-point", "--settings-only"])
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("By the settings alone")
    assert isinstance(CliRunner().invoke(app, line).exception, BadSettings)

    alone = '\n[[party]]\nid = "alice"\n\n[[party]]\nid = "mailkeep"\nadministered_by = ["alice"]\n'
    file.write_text(file.read_text() + alone)
    said = CliRunner().invoke(app, [*line, "--no-single-point", "--settings-only"])
    assert said.exit_code == 1, said.output
    monkeypatch.setenv("DB_URL", f"postgresql://u:p@127.0.0.1:{port}/mailkeep")
    said = CliRunner().invoke(app, [*line, "--no-single-point"])
    assert said.exit_code == 1, said.output
