"""``/v1/offboardings``: a provider is left with a key, and what a thief of one does not get."""

from typing import Any

import pytest

from mailkeep.base.clock import DAY, SECOND
from mailkeep.cutover.checklist import LATE
from mailkeep.mail import queries as mail
from mailkeep.mail import services, shifting
from mailkeep.response import hands

from . import test_console_pages
from .conftest import Api

house = test_console_pages.house
PATH = "/v1/offboardings"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
async def api(house: Any) -> Any:
    made = Api(house.running, await house.browser(""), "")
    made.key = await made.new_key("read", "operate", name="ours", owner="ann")
    yield made
    await made.client.aclose()


async def _moved(api: Api) -> None:
    """Nothing goes over ``one`` any more; of the two it is one without which recovery has none."""
    running = api.running
    async with running.database.write() as tx:
        for stream in running.streams.values():
            await shifting.shift(
                running.database, tx, stream, "one", "two", 1, by="t", reason="we leave"
            )


async def _cut(api: Api) -> dict[str, Any]:
    async with api.running.database.read() as tx:
        return dict(await mail.cut(tx))


async def test_one_that_still_carries_mail_is_not_left_in_peace(api: Any) -> None:
    plan = (await api.ask("GET", f"{PATH}/one/plan")).json()
    assert plan["warnings"][0].startswith("It still carries ")
    assert {"keys", "ledger", "weight"} <= {one["name"] for one in plan["items"]}
    hostile = (await api.ask("GET", f"{PATH}/one/plan?hostile=true")).json()
    assert (hostile["hostile"], "cut" in {one["name"] for one in hostile["items"]}) == (True, True)
    refused = await api.ask("POST", PATH, {"provider": "one"})
    assert (refused.status_code, "still carries" in refused.json()["detail"]) == (409, True)
    for path in (f"{PATH}/one", f"{PATH}/nobody"):
        assert (await api.ask("GET", path)).status_code == 404
    assert (await api.ask("POST", PATH, {"provider": "nobody"})).status_code == 404
    assert (await api.ask("GET", f"{PATH}/nobody/plan")).status_code == 404


async def test_no_key_goes_past_two_routes_of_recovery(api: Any) -> None:
    await _moved(api)
    refused = await api.ask("POST", PATH, {"provider": "one"})
    assert (refused.status_code, "--anyway" in refused.json()["detail"]) == (409, True)
    past = await api.ask("POST", PATH, {"provider": "one", "anyway": True})
    assert past.status_code == 422


async def test_the_only_second_route_is_not_cut_off_by_one_thief(api: Any) -> None:
    """Framing: a healthy provider called hostile, so that resets stop."""
    refused = await api.ask("POST", PATH, {"provider": "one", "hostile": True})
    assert (refused.status_code, "second person" in refused.json()["detail"]) == (409, True)
    assert await _cut(api) == {}
    assert (await api.ask("GET", PATH)).json() == {"offboardings": []}


async def test_two_people_cut_it_off_and_then_one_leaves_it(api: Any) -> None:
    running = api.running
    async with running.database.write() as tx:
        await services.cut_off(running.database, tx, "one", by="t", reason="stolen", since=0)
    begun = await api.ask("POST", PATH, {"provider": "one", "hostile": True})
    assert begun.status_code == 201, begun.text
    assert begun.json()["confirm"] is False, "it was cut off before"
    again = await api.ask("POST", PATH, {"provider": "one", "hostile": True})
    assert again.status_code == 200
    assert again.json()["offboarding"]["id"] == begun.json()["offboarding"]["id"]
    milder = await api.ask("POST", PATH, {"provider": "one"})
    assert (milder.status_code, milder.json()["offboarding"]["hostile"]) == (200, True)
    stop = await api.ask("POST", f"{PATH}/one/stop", {"reason": "we like it"})
    assert (stop.status_code, "at the shell" in stop.json()["detail"]) == (409, True)
    async with running.database.read() as tx:
        assert "one" in await mail.distrusted(tx)


async def test_a_hostile_leave_by_one_person_is_a_cut_by_hand(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "thin", lambda *_: [])  # others carry its streams
    open_one = await api.ask("POST", PATH, {"provider": "one", "hostile": True})
    assert (open_one.status_code, "act there" in open_one.json()["detail"]) == (409, True)
    monkeypatch.setattr(hands, "about", _nothing)
    begun = await api.ask("POST", PATH, {"provider": "one", "hostile": True, "reason": "stolen"})
    assert (begun.status_code, begun.json()["confirm"]) == (201, True)
    assert set(await _cut(api)) == {"one"}
    waits = (await api.ask("GET", "/v1/providers/one")).json()["hand_cut"]
    assert (waits["state"], waits["reason"]) == ("waiting", "stolen")
    own = {"cut": waits["id"], "state": "waiting"}
    assert (await api.ask("POST", "/v1/providers/one/cut/confirm", own)).status_code == 403
    other = await api.new_key("operate", name="second", owner="bob")
    done = await api.ask("POST", "/v1/providers/one/cut/confirm", own, key=other)
    assert done.status_code == 200, done.text


async def test_who_leaves_one_as_hostile_takes_the_cut_back_with_another_person_only(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one stolen key would have a healthy one disbelieved, and nobody would hear of it."""
    monkeypatch.setattr(hands, "thin", lambda *_: [])
    monkeypatch.setattr(hands, "about", _nothing)
    begun = await api.ask("POST", PATH, {"provider": "one", "hostile": True, "reason": "stolen"})
    assert begun.status_code == 201, begun.text
    asked = await api.ask("POST", "/v1/providers/one/restore", {"reason": "a mistake"})
    assert asked.status_code in {200, 202}, asked.text
    assert set(await _cut(api)) == {"one"}
    waits = (await api.ask("GET", "/v1/providers/one")).json()["hand_cut"]
    assert waits["back_by"] is not None


async def test_nobody_whom_no_one_knows_calls_one_hostile_that_is_cut_off(api: Any) -> None:
    """After a cut that was a false alarm one stolen key would have it disbelieved for good."""
    running = api.running
    async with running.database.write() as tx:
        await services.cut_off(running.database, tx, "one", by="t", reason="stolen", since=0)
    nobody = await api.new_key("operate", name="stolen")
    refused = await api.ask("POST", PATH, {"provider": "one", "hostile": True}, key=nobody)
    assert refused.status_code in {403, 409, 422}, refused.text
    assert (await api.ask("GET", PATH)).json() == {"offboardings": []}


async def _nothing(*_: object) -> None:
    """No incident is open about it."""


async def _left(api: Any) -> None:
    """Left in peace, at the shell."""
    await _moved(api)
    running = api.running
    async with running.database.write() as tx:
        known = await running.ticking.known(tx, "one")
        await running.leaving.start(tx, known, hostile=False, by="uid:0", anyway=True)


async def test_what_is_seen_not_to_be_done_is_not_ticked_off(api: Any) -> None:
    await _left(api)
    for item in ("routes", "settings"):
        refused = await api.ask("POST", f"{PATH}/one/items/{item}/done", {})
        assert (refused.status_code, "still" in refused.json()["detail"]) == (409, True), item
    for item, code in (("events", 409), ("ledger", 409), ("nonsense", 404)):
        assert (await api.ask("POST", f"{PATH}/one/items/{item}/done", {})).status_code == code
    silent = await api.ask("POST", f"{PATH}/one/items/webhooks/done", {})
    assert (silent.status_code, "who did it" in silent.json()["detail"]) == (422, True)
    done = await api.ask("POST", f"{PATH}/one/items/webhooks/done", {"note": "Carla"})
    (item,) = [one for one in done.json()["items"] if one["name"] == "webhooks"]
    assert item["note"] == "a person's word: our account there is not read; Carla"
    again = await api.ask("POST", f"{PATH}/one/items/webhooks/done", {"note": "Eve"})
    (same,) = [one for one in again.json()["items"] if one["name"] == "webhooks"]
    assert (again.status_code, same) == (200, item)
    assert (await api.ask("GET", f"{PATH}/one")).json() == again.json()


async def test_it_is_stopped_with_a_key_while_its_word_still_counts(api: Any, clock: Any) -> None:
    await _left(api)
    missing = await api.ask("POST", f"{PATH}/one/stop", {"reason": ""})
    assert missing.status_code == 422
    assert (await api.ask("POST", f"{PATH}/one/stop", {"reason": "slow"})).status_code == 200
    assert (await api.ask("POST", f"{PATH}/one/stop", {"reason": "slow"})).status_code == 404
    await _left(api)
    clock.advance((LATE + DAY) / SECOND)
    assert await api.running.leaving.step()
    assert (await api.ask("POST", f"{PATH}/one/stop", {"reason": "slow"})).status_code == 409


async def test_a_reader_changes_nothing(api: Any) -> None:
    await _left(api)
    reads = await api.new_key("read", name="reads")
    for path, body in (
        (PATH, {"provider": "two", "hostile": True}),
        (f"{PATH}/one/items/webhooks/done", {}),
        (f"{PATH}/one/stop", {"reason": "x"}),
    ):
        assert (await api.ask("POST", path, body, key=reads)).status_code == 403
    assert (await api.ask("GET", f"{PATH}/one", key=reads)).status_code == 200
