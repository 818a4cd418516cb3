"""What `deploy/` hands out works: settings that load, a unit that hands over all their secrets."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.app.environment import reveal

DEPLOY = Path(__file__).parents[2] / "deploy"
FILE = DEPLOY / "mailkeep.toml"
UNIT = (DEPLOY / "systemd" / "mailkeep.service").read_text(encoding="utf-8")
CREDENTIALS = "/run/credentials/mailkeep.service/"


def test_the_settings_load_and_have_all_that_the_promises_rest_on() -> None:
    found = app_settings.load(FILE, {})
    assert len(found.provider_names()) == 3
    assert [one.name for one in found.streams().values() if one.secret] == [
        "recovery",
        "confirmation",
    ]
    for table in ("recovery", "canary", "posture", "lookalikes", "pager", "playbook"):
        assert getattr(found, table), table
    assert found.audit.anchors


def test_every_secret_is_handed_over_and_no_other() -> None:
    wanted = set(re.findall(rf'"file:{CREDENTIALS}([\w-]+)"', FILE.read_text(encoding="utf-8")))
    given = dict(re.findall(r"^LoadCredential=([\w-]+):(\S+)$", UNIT, re.MULTILINE))
    assert set(given) == wanted
    assert given == {name: f"/etc/mailkeep/{name}" for name in given}


def test_a_secret_of_it_is_read_as_the_process_would(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8").replace(CREDENTIALS, f"{tmp_path}/")
    for name in re.findall(rf'"file:{tmp_path}/([\w-]+)"', text):
        (tmp_path / name).write_text("https://beats.example/x" if name == "heartbeat" else "s")
    file = tmp_path / "mailkeep.toml"
    file.write_text(text)
    settings = app_settings.load(file, {})
    configs = app_settings.provider_configs(settings, {})
    assert {name: one.secret.reveal() for name, one in configs.items()} == {
        "mandrill": "s",
        "postmark": "s",
        "relay": "s",
    }
    assert reveal(settings.telemetry.heartbeat_url, "heartbeat", {}) == "https://beats.example/x"


def test_the_unit_takes_away_what_is_not_needed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = tmp_path / "mailkeep.service"
    unit.write_text(UNIT.replace("/opt/mailkeep/.venv/bin/mailkeep", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in said.stderr, said.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"exposure level for mailkeep.service: ([\d.]+)", rated.stdout)
    assert exposure is not None
    assert float(exposure[1]) < 3
