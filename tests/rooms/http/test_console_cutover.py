"""The console's page of moves, and ``/v1/cutovers``: who may do what, and what a thief may not."""

from typing import Any

import pytest

from mailkeep.cutover import queries
from mailkeep.cutover.checklist import Leaving
from mailkeep.cutover.offboarding import Offboarding
from mailkeep.cutover.types import Gate, Pace, State, View
from mailkeep.mail import queries as mail
from mailkeep.mail import services, shifting, tables
from mailkeep.operators.permissions import Role

from . import test_console_pages
from .conftest import Api

house = test_console_pages.house
PATH = "/console/cutover"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def _plan(running: Any, *gates: Gate, target: str = "two") -> View:
    async with running.database.write() as tx:
        return await running.cutover.plan(tx, "one", target, gates, Pace(), by="uid:0")


async def _shifts(running: Any) -> dict[str, float]:
    async with running.database.read() as tx:
        found = await shifting.shifts(tx)
    return {name: some[0].share for name, some in found.items()}


async def test_a_move_is_started_held_up_and_taken_back(house: Any) -> None:
    running = house.running
    plan = await _plan(running, Gate("dns.dkim", "ok", "There is a key."))
    async with await house.browser(Role.RESPONDER) as browser:
        shown = (await browser.get(PATH)).text
        # Of two routes for recovery none may go: that check stops the start.
        assert "Without one no two routes of recovery are independent." in shown
        assert 'action="/console/cutover/start"' not in shown
        form = {"cutover": plan.id}
        stopped = await browser.post(f"{PATH}/start", data=form)
        assert (stopped.status_code, "no two routes" in stopped.text) == (409, True)
        async with running.database.write() as tx:
            await running.cutover.start(tx, plan.id, by="uid:0", anyway=True)
        await running.cutover.step()
        assert await _shifts(running) == {"bulk": 0.01}
        assert (await browser.post(f"{PATH}/pause", data=form)).status_code == 303
        assert "A person holds it up" in (await browser.get(PATH)).text
        assert "is held up: a person holds it up" in (await browser.get("/console")).text
        assert (await browser.post(f"{PATH}/finish", data=form)).status_code == 409
        assert (await browser.post(f"{PATH}/resume", data=form)).status_code == 303
        assert (await browser.post(f"{PATH}/back", data=form)).status_code == 422
        form["reason"] = "changed our mind"
        assert (await browser.post(f"{PATH}/back", data=form)).status_code == 303
        assert "Changed our mind" in (await browser.get(PATH)).text
        assert (await browser.post(f"{PATH}/nonsense", data=form)).status_code == 404
        lost = await browser.post(f"{PATH}/pause", data={"cutover": "cut_x"})
        assert lost.status_code == 404
    assert await _shifts(running) == {}


async def test_a_warning_and_what_was_not_looked_at_are_told_apart(house: Any) -> None:
    gates = (
        Gate("dns.dkim", "ok", "There is a key."),
        Gate("cutover.warmth", "warning", "It is a stranger."),
        Gate("cutover.limit", "not checked", "Nobody told."),
        Gate("dns.return_path", "failed", "It is not there."),
    )
    await _plan(house.running, *gates)
    async with await house.browser(Role.VIEWER) as browser:
        shown = (await browser.get(PATH)).text
    lines = {one.meaning: shown[: shown.index(one.meaning)].rpartition("<li")[2] for one in gates}
    marks = {name: line.partition('"true">')[2][0] for name, line in lines.items()}
    assert list(marks.values()) == ["✓", "!", "–", "✗"]
    assert 'class="warned"' in lines["It is a stranger."]
    assert "<strong>Warning:</strong>" in lines["It is a stranger."]
    assert "<strong>Not checked:</strong>" in lines["Nobody told."]
    assert "dns.return_path" in shown
    assert "It does not start while a check fails" in shown


async def test_everything_moves_with_one_press_though_the_old_one_is_cut_off(house: Any) -> None:
    running = house.running
    async with running.database.write() as tx:
        await services.cut_off(running.database, tx, "one", by="t", reason="stolen", since=0)
    form = {"from": "one", "to": "two", "reason": "stolen"}
    async with await house.browser(Role.RESPONDER) as browser:
        assert "Move everything now" in (await browser.get(PATH)).text
        for wrong in ({"reason": ""}, {"to": "one"}, {"to": "mallory"}):
            answer = await browser.post(f"{PATH}/now", data=form | wrong)
            assert answer.status_code == 422, wrong
        assert (await browser.post(f"{PATH}/now", data=form)).status_code == 303
        shown = (await browser.get(PATH)).text
        leaving = Leaving("one", ("withdraw s1._domainkey.example.com",), "delete it", {}, 0, 5)
        rooms = Offboarding(running.database, running.cutover.house)
        await running.database.retrying(
            lambda tx: rooms.start(tx, leaving, hostile=True, by="uid:0")
        )
        left = (await browser.get(PATH)).text
        provider = (await browser.get("/console/providers/one")).text
        leave = (await browser.get("/console/providers/one/leave")).text
        assert "not believed" not in (await browser.get("/console/providers/two")).text
    for page in (leave, provider):  # where one looks for how it is believed again
        assert "<code>mailkeep offboard stop one" in page
        assert "the server&#39;s own shell" in page or "the server's own shell" in page
    api = Api(running, await house.browser(""), "")
    api.key = await api.new_key("read", name="reads")
    (told,) = (await api.ask("GET", "/v1/offboardings")).json()["offboardings"]
    await api.client.aclose()
    assert (told["provider"], told["hostile"], told["done_at"]) == ("one", True, None)
    (record,) = [one for one in told["items"] if one["name"].startswith("dns.")]
    assert record["text"] == "DNS: withdraw s1._domainkey.example.com"
    assert (record["how"], record["done_at"], record["done_by"]) == ("hand", None, None)
    assert 'href="/console/providers/one/leave"' in left
    assert 'class="chip hostile"' in left
    assert "100%" in shown
    assert "at once" in shown
    assert set((await _shifts(running)).values()) == {1.0}
    async with running.database.read() as tx:
        view = await queries.live(tx)
        assert view is not None
        assert (view.state, view.at_once) == (State.MOVED, True)
        assert view.streams[0].stream == "recovery"


async def test_another_site_and_a_viewer_move_nothing(house: Any) -> None:
    form = {"from": "one", "to": "two", "reason": "x"}
    async with await house.browser(Role.RESPONDER) as browser:
        foreign = {"Origin": "https://evil.example"}
        answer = await browser.post(f"{PATH}/now", data=form, headers=foreign)
        assert answer.status_code == 403
    async with await house.browser(Role.VIEWER) as browser:
        assert (await browser.post(f"{PATH}/now", data=form)).status_code == 403
        shown = (await browser.get(PATH)).text
        assert "Move everything now" not in shown
        assert "<form" not in shown.partition("<main")[2]
    assert await _shifts(house.running) == {}


async def test_a_key_holds_a_move_up_and_can_begin_or_turn_none(api: Api) -> None:
    """A thief of the strongest key: no provider is given our mail by it."""
    for path in ("/v1/cutovers", "/v1/cutovers/cut_x"):
        for act in ("", "/start", "/now", "/back", "/resume", "/finish"):
            answer = await api.ask("POST", path + act, {"from": "one", "to": "one"})
            assert answer.status_code in {404, 405}, (path, act)
    assert (await api.ask("GET", "/v1/cutovers")).json() == {"cutovers": [], "kept": []}
    assert (await api.ask("GET", "/v1/cutovers/cut_x")).status_code == 404
    assert (await api.ask("POST", "/v1/cutovers/cut_x/pause")).status_code == 404


async def test_the_api_tells_how_far_a_move_is(house: Any) -> None:
    running = house.running
    plan = await _plan(running, Gate("dns.spf", "warning", "It is long.", "cut it"))
    async with running.database.write() as tx:
        await running.cutover.start(tx, plan.id, by="uid:0", anyway=True)
    api = Api(running, await house.browser(""), "")
    api.key = await api.new_key("read", "operate", name="all")
    (told,) = (await api.ask("GET", "/v1/cutovers")).json()["cutovers"]
    assert (told["from"], told["to"], told["state"]) == ("one", "two", "moving")
    assert told["gates"][0]["meaning"] == "It is long."
    assert {one["since"] for one in told["streams"]} == {None}, "nothing of them has moved"
    answer = await api.ask("POST", f"/v1/cutovers/{plan.id}/pause")
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    assert (await api.ask("POST", f"/v1/cutovers/{plan.id}/pause")).status_code == 409
    assert (await api.ask("GET", f"/v1/cutovers/{plan.id}")).json()["why"] == "a key holds it up"
    async with running.database.read() as tx:
        assert await mail.cut(tx) == {}
    async with running.database.write() as tx:
        await running.cutover.resume(tx, plan.id, by="uid:0")
    await running.cutover.step()
    moving = (await api.ask("GET", f"/v1/cutovers/{plan.id}")).json()["streams"]
    assert [one["since"] is not None for one in moving] == [one["share"] > 0 for one in moving]
    assert moving[0]["since"] is not None
    await api.client.aclose()


async def test_who_was_left_and_what_it_knows_is_shown_to_people_and_told_by_the_api(
    house: Any,
) -> None:
    running = house.running
    row = {"stream": "alert", "first_at": 1, "last_at": 1, "day": 0, "count": 1}
    async with running.database.write() as tx:
        for who in ("adr_1", "adr_2"):
            given = {"address_id": who, "provider": "gone", **row}
            await tx.run(tables.exposures.insert().values(**given))
    async with await house.browser(Role.VIEWER) as browser:
        page = (await browser.get("/console/providers")).text
        assert "Left for good" in page
        assert "2 addresses" in page
        assert "the settings do not say whose it was" in page
        old = await browser.get("/console/providers/gone")
        assert (old.status_code, old.headers["location"]) == (303, "/console/providers#left")
        assert (await browser.get("/console/providers/never")).status_code == 404
    api = Api(running, await house.browser(""), "")
    api.key = await api.new_key("read", name="reads")
    told = (await api.ask("GET", "/v1/providers")).json()
    assert told["left"] == [{"name": "gone", "party": "", "exposed": 2}]
    assert "gone" not in {one["name"] for one in told["providers"]}
    await api.client.aclose()


async def test_what_is_still_kept_after_a_move_is_shown_and_told(house: Any) -> None:
    running = house.running
    stream = running.streams["bulk"]
    async with running.database.write() as tx:
        await shifting.shift(running.database, tx, stream, "one", "two", 1, by="t", reason="x")
        await shifting.conclude(tx, "bulk", "one")
    async with await house.browser(Role.VIEWER) as browser:
        assert "bulk: from who bounced at one, until" in (await browser.get(PATH)).text
    api = Api(running, await house.browser(""), "")
    api.key = await api.new_key("read", name="reads")
    (kept,) = (await api.ask("GET", "/v1/cutovers")).json()["kept"]
    assert (kept["stream"], kept["from"]) == ("bulk", "one")
    await api.client.aclose()
