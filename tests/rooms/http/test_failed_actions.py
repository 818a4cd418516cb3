"""An action that failed: it stands on top of the overview, says why, and is taken back."""

from contextlib import aclosing

from sqlalchemy import update

from mailkeep.response import tables

from .test_approvals import House, house, sign_in

__all__ = ["house"]


async def _fail(house: House, incident: str, name: str, cursor: str) -> None:
    """As ``Keeper.fail`` leaves it, with or without a part that is done."""
    a = tables.actions
    async with house.running.database.write() as tx:
        row = (a.c.incident_id == incident, a.c.name == name)
        failed = {"state": "failed", "result": '{"error": "no route stands"}', "cursor": cursor}
        await tx.run(update(a).where(*row).values(**failed, applied_at=None, lease_until=None))


async def test_what_failed_is_seen_and_the_console_takes_its_part_back(house: House) -> None:
    incident = await house.incident()
    name = "hold_recoveries"
    act = f"/v1/incidents/{incident}/actions/{name}"
    page = f"/console/incidents/{incident}/actions/{name}"
    async with aclosing(await sign_in(house, "ada")) as ada:
        assert (await house.ask("ada", "POST", act, {"step": "apply"})).status_code == 200
        assert page not in (await ada.get("/console")).text
        await _fail(house, incident, name, "")
        overview = (await ada.get("/console")).text
        assert overview.index(page) < overview.index("Open incidents")
        assert "Failed: " in overview
        text = (await ada.get(page)).text
        assert "It ended there: no route stands." in text
        assert "Try again: " in text
        assert 'value="undo"' not in text, "nothing of it was done"
        assert (await ada.post(page, data={"step": "undo"})).status_code == 409
        await _fail(house, incident, name, "acc_7")
        text = (await ada.get(page)).text
        assert "A part of it is done." in text
        assert 'value="undo"' in text
        assert (await ada.post(page, data={"step": "undo"})).status_code == 303
        assert page not in (await ada.get("/console")).text
        kept = (await house.ask("ada", "GET", f"/v1/incidents/{incident}")).json()["actions"]
        assert [one["state"] for one in kept if one["name"] == name] == ["undone"]
