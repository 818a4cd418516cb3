"""The action of the how-to page runs as it stands there."""

import re
from pathlib import Path

import pytest

from mailkeep.response.actions.catalogue import ACTIONS

from .conftest import COMPROMISED, Stage

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-an-action.md"


async def test_the_action_of_the_page_runs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (module,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(module, PAGE.name, "exec"), names)
    action = names["ACTION"]
    monkeypatch.setitem(ACTIONS, action.name, action)
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    done = await stage.response.apply(incident, action.name, by="key_1")
    assert (done.state.value, done.result) == ("applied", {"exposed": 0})
    assert ("exposed", "addresses exposed") in await stage.lines(incident)
    assert [act for who, act in await stage.audited() if who == "key_1"] == [
        *("apply_action", "action_applied")
    ]
