"""An incident as a real process tells it: opened by what happened, read over the API, acted on."""

import asyncio

from .conftest import Up


async def _get(up: Up, path: str) -> dict[str, object]:
    async with up.session.get(f"{up.url}{path}", headers=up.bearer()) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


async def _post(up: Up, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    async with up.session.post(f"{up.url}{path}", json=body, headers=up.bearer()) as reply:
        return reply.status, await reply.json(content_type=None)


async def opened(up: Up, hypothesis: str = "provider_silent") -> dict[str, object]:
    """Wait until an incident holds that hypothesis."""
    async with asyncio.timeout(30):
        while True:
            for one in (await _get(up, "/v1/incidents"))["incidents"]:
                if any(
                    view["open"] and view["hypothesis"] == hypothesis for view in one["opinions"]
                ):
                    return one
            await asyncio.sleep(0.1)


async def suspend(up: Up) -> dict[str, object]:
    """One provider suspends us; mail goes on over the other."""
    await up.fault("mandrill", suspend=True)
    for number in range(8):
        sent = await up.send(to=f"user{number}@example.net")
        await up.until(sent["ids"][0], "delivered")
    return await opened(up)


async def test_a_suspension_opens_one_incident_that_explains_itself(up: Up) -> None:
    incident = await suspend(up)
    assert incident["subject"] == {"kind": "provider", "id": "mandrill"}
    assert (incident["state"], incident["contained_at"]) == ("open", None)
    assert incident["opened_at"] >= incident["since"]
    (silent,) = [one for one in incident["opinions"] if one["open"]]
    assert silent["log_odds"] >= 1
    (reason,) = [one for one in silent["reasons"] if one["detector"] == "provider_refusal"]
    assert "suspended" in reason["text"]
    assert reason["nats"] > 4
    assert reason["events"]
    assert incident["blast_radius"]["exposed"] >= 1
    assert [one["kind"] for one in incident["timeline"]][:3] == ["opened", "raised", "evidence"]
    assert "almost certainly" in incident["headline"] or "probably" in incident["headline"]
    mail = {one["text"]: one["done"] for one in incident["tracks"]["mail"]}
    assert mail["A provider stands that is not suspect"] is True
    assert (await _get(up, f"/v1/incidents/{incident['id']}"))["id"] == incident["id"]
    assert len((await _get(up, "/v1/incidents"))["incidents"]) == 1


async def test_a_cut_is_previewed_warned_about_and_applied(up: Up) -> None:
    incident = await suspend(up)
    path = f"/v1/incidents/{incident['id']}/actions/cut_provider"
    # Two providers: cutting one leaves one, and that must have been said.
    status, problem = await _post(up, path, {"step": "apply"})
    assert status == 409
    assert "fewer than two independent routes" in str(problem["detail"])
    status, action = await _post(up, path, {"step": "preview"})
    assert (status, action["state"]) == (200, "proposed")
    assert action["preview"]["needs_person"] is True
    status, action = await _post(up, path, {"step": "apply"})
    assert (status, action["state"]) == (200, "applied")
    assert isinstance(action["result"]["sent_again"], int)
    after = await _get(up, f"/v1/incidents/{incident['id']}")
    assert after["state"] == "contained"
    assert after["contained_at"] is not None
    sent = await up.send(to="after@example.net")
    life = await up.until(sent["ids"][0], "delivered")
    assert [one["provider"] for one in life["attempts"]] == ["postmark"]
    status, action = await _post(up, path, {"step": "undo"})
    assert (status, action["state"]) == (200, "undone")


async def test_the_doors_of_the_api(up: Up) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer mk_guess"}, 401)):
        async with up.session.get(f"{up.url}/v1/incidents", headers=headers) as reply:
            assert reply.status == status
    nowhere = "/v1/incidents/inc_none"
    assert (await _post(up, f"{nowhere}/actions/cut_provider", {"step": "apply"}))[0] == 404
    assert (await _post(up, f"{nowhere}/notes", {"text": "x"}))[0] == 404
    assert (await _post(up, f"{nowhere}/close", {"text": "x"}))[0] == 404
    status, problem = await _post(up, "/v1/incidents/inc_none/actions/x", {"step": "explode"})
    assert (status, problem["field"]) == (422, "step")
