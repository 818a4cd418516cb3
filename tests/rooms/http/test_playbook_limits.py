"""What a playbook leaves to people, and why: on the pages of the console and in the API."""

from contextlib import aclosing

import pytest

from mailkeep.events.types import Recorded
from mailkeep.incidents.events import IncidentOpened

from . import test_approvals
from .test_approvals import House, house, sign_in

__all__ = ["house"]

CUTS = {
    "hypothesis": "provider_compromised",
    "actions": ["cut_provider"],
    "automatic": ["cut_provider"],
    "weight": 1.5,
    "limits": {"streams": ["recovery"], "each_day": 2},
}


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house has a playbook that cuts off only what carries nothing but resets."""
    monkeypatch.setitem(test_approvals.SETTINGS, "playbook", [CUTS])


@pytest.mark.usefixtures("bounded")
async def test_the_reason_stands_where_people_look(house: House) -> None:
    incident = await house.incident()
    opened = IncidentOpened(
        incident=incident,
        subject_kind="provider",
        subject_id="one",
        hypotheses=("provider_compromised",),
    )
    async with house.running.database.write() as tx:
        await house.running.response.player.on_incident(tx, Recorded("evt_y", 2, 0, 0, opened))
    found = (await house.ask("ada", "GET", f"/v1/incidents/{incident}")).json()
    (cut,) = found["actions"]
    assert cut["state"] == "proposed"
    assert cut["held"].startswith("its playbook acts by itself only where no ")
    (book,) = found["playbooks"]
    limits = {"accounts": None, "each_day": 2, "parties": [], "streams": ["recovery"]}
    assert book["limits"] == limits
    assert (book["weight"], book["plays"], book["acts"]) == (1.5, True, True)
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get(f"/console/incidents/{incident}")).text
        assert f"<strong>Left to people</strong>: {cut['held']}." in page
        assert "it does each action by itself 2 times a day at most" in page
        page = (await ada.get(f"/console/incidents/{incident}/actions/cut_provider")).text
        assert cut["held"] in page
