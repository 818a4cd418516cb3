"""The how-to pages do what they say."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.providers.types import Capabilities, Provider
from mailkeep.watch.simulate import attacks, measuring
from mailkeep.watch.types import WatchSettings
from mailkeep_drill.matrix import words

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def test_the_detector_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "unit" / "watch"))
    page = (HOW_TO / "add-a-detector.md").read_text()
    module, logs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {"__name__": "a_detector_of_the_page"}
    monkeypatch.setitem(sys.modules, "a_detector_of_the_page", type(sys)("a_detector_of_the_page"))
    exec(compile(module, "add-a-detector.md", "exec"), names)
    exec(compile(logs, "add-a-detector.md", "exec"), names)
    assert names["DETECTOR"].name == "claims_refused"


def test_the_simulated_scenario_of_the_page_comes_out_as_it_says() -> None:
    page = (HOW_TO / "add-a-scenario.md").read_text()
    _, module = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(module, "add-a-scenario.md", "exec"), names)
    scenario = names["SCENARIO"]
    assert isinstance(scenario, attacks.Scenario)
    assert scenario.name not in {one.name for one in attacks.scenarios()}
    found = measuring.outcome(scenario, 5, 1, WatchSettings())
    assert (found.expected, found.found, found.others) == ("provider_silent", 1, {})


def test_the_capabilities_that_the_page_of_scenarios_names_can_be_played() -> None:
    page = (HOW_TO / "add-a-scenario.md").read_text()
    (command,) = re.findall(r"^python -m mailkeep_drill.matrix (.*)$", page, re.MULTILINE)
    assert [words.Can[name] for name in re.findall(r"--only (\w+)", command)]
    assert [words.Kind[name] for name in re.findall(r"--kind (\w+)", command)]


def test_all_that_a_provider_must_have_stands_on_its_page() -> None:
    page = (HOW_TO / "add-a-provider.md").read_text()
    methods = {name for name in vars(Provider) if not name.startswith("_")}
    for name in {*methods, *Capabilities.__struct_fields__}:
        assert f"`{name}`" in page, name


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda page: page.stem)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|tests)/[\w./]+)`", page.read_text())
    assert named
    assert [one for one in named if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda page: page.stem)
def test_the_settings_of_a_page_can_be_read(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        tomllib.loads(block)


def test_the_first_level_begins_with_the_settings_of_its_page() -> None:
    block = re.findall(r"```toml\n(.*?)```", (HOW_TO / "adopt-by-levels.md").read_text(), re.DOTALL)
    assert app_settings.parse(tomllib.loads(block[0])).level == "observe"


def test_a_house_that_keeps_accounts_begins_with_the_settings_of_its_page() -> None:
    text = (HOW_TO / "keep-accounts.md").read_text()
    page = tomllib.loads("".join(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)))
    whole = tomllib.loads((ROOT / "deploy" / "mailkeep.toml").read_text())
    carried = {one["provider"] for stream in page["stream"] for one in stream["routes"]}
    page["provider"] = [one for one in whole["provider"] if one["name"] in carried]
    page["party"] = whole["party"]
    found = app_settings.parse(page)
    assert found.recovery is not None
    assert found.recovery.sender_name == page["recovery"]["sender_name"]
    assert len(page["provider"]) == len(carried)


def test_every_setting_of_a_detector_is_in_the_reference() -> None:
    settings = WatchSettings()
    for table in WatchSettings.__struct_fields__:
        assert f"`[watch.{table}]`" in REFERENCE
        for name in getattr(settings, table).__struct_fields__:
            assert f"`{name}`" in REFERENCE, f"{table}.{name}"
