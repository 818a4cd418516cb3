"""What happened to which account: at the API and at the console, audited before it is shown."""

from contextlib import aclosing

from sqlalchemy import update

from mailkeep.events import tables as event_tables
from mailkeep.recovery import tables as recovery_tables

from .test_approvals import House, house, sign_in
from .test_owners_told import _told as three

__all__ = ["house"]


async def _looks(house: House) -> int:
    a = event_tables.audit.c
    async with house.running.database.read() as tx:
        rows = await tx.all(event_tables.audit.select().where(a.act == "list_touched"))
    return len(rows)


async def _lose(house: House, account: str) -> None:
    """Its recovery was completed, and its owner denied it."""
    r = recovery_tables.recoveries
    async with house.running.database.write() as tx:
        done = {"state": "completed", "ended_at": tx.now, "denied_at": tx.now, "why": "denied"}
        await tx.run(update(r).where(r.c.account_id == account).values(**done))


async def test_the_api_says_how_far_somebody_came_with_each(house: House) -> None:
    incident = await house.incident()
    lost, *others = await three(house, incident)
    await _lose(house, lost)
    path = f"/v1/incidents/{incident}/accounts"
    whole = (await house.ask("ada", "POST", path, {})).json()
    assert [(one["account"], one["reached"]) for one in whole["accounts"]] == [
        (lost, "lost"),
        *((one, "requested") for one in others),
    ]
    assert whole["after"] is None
    (one,) = (await house.ask("ada", "POST", path, {"outcome": "lost"})).json()["accounts"]
    assert (one["account"], one["why"]) == (lost, ["denied"])
    page = (await house.ask("ada", "POST", path, {"limit": 2})).json()
    assert (len(page["accounts"]), page["after"]) == (2, others[0])
    assert await _looks(house) == 3
    assert (await house.ask("ada", "GET", path)).status_code == 405, "each look is written down"
    for wrong in ({"outcome": "all"}, {"limit": 501}, {"why": "x"}):
        assert (await house.ask("ada", "POST", path, wrong)).status_code == 422
    assert (await house.ask("eve", "POST", path, {})).status_code == 403
    nowhere = await house.ask("ada", "POST", "/v1/incidents/inc_none/accounts", {})
    assert nowhere.status_code == 404
    assert await _looks(house) == 3


async def test_the_console_shows_them_when_it_is_asked_to(house: House) -> None:
    incident = await house.incident()
    lost, other, _ = await three(house, incident)
    await _lose(house, lost)
    path = f"/console/incidents/{incident}/accounts"
    async with aclosing(await sign_in(house, "ada")) as ada:
        assert path in (await ada.get(f"/console/incidents/{incident}")).text
        assert lost not in (await ada.get(path)).text, "opening it shows nothing"
        assert await _looks(house) == 0
        page = (await ada.post(path, data={"outcome": "lost"})).text
        assert lost in page
        assert "its owner denied it" in page
        assert other not in page
        assert other in (await ada.post(path, data={"outcome": "requested", "after": lost})).text
        assert await _looks(house) == 2
        assert (await ada.post(path, data={"outcome": "all"})).status_code == 422
