"""The stand-ins as the page of faults knows them, over a control port that is played."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from mailkeep.base.errors import Invalid, NotFound, Unavailable
from mailkeep.http.mailbox.standins import BY_HAND, StandIns
from mailkeep.http.port import StandInView

CATALOGUE = [
    {
        "name": "hang",
        "title": "Hangs",
        "meaning": "Never answers.",
        "choices": [{"label": "stays", "value": True}, {"label": "goes", "value": {"takes": True}}],
    },
    {
        "name": "slow",
        "title": "Slow",
        "meaning": "Late.",
        "choices": [{"label": "3 seconds", "value": {"seconds": 3}}],
    },
]


class Port:
    def __init__(self) -> None:
        self.faults: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.url = ""

    async def state(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": self.faults, "since": dict.fromkeys(self.faults, 7.5)})

    async def catalogue(self, _: web.Request) -> web.Response:
        return web.json_response(CATALOGUE)

    async def switch(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, await request.json() if request.can_read_body else None))
        return web.json_response({}, status=400 if self.faults.get("refuse") else 200)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    made = Port()
    app = web.Application()
    app.add_routes([web.get("/state", made.state), web.get("/catalogue", made.catalogue)])
    app.add_routes([web.post("/faults", made.switch), web.delete("/faults", made.switch)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.mark.parametrize(
    ("name", "state", "label"),
    [
        ("hang", {"takes": False, "left": None}, "stays"),
        ("hang", {"takes": True, "left": None}, "goes"),
        ("slow", {"seconds": 3.0, "left": None}, "3 seconds"),
        ("slow", {"seconds": 11, "left": 2}, BY_HAND),
    ],
)
async def test_what_is_on_is_named_by_its_choice(
    port: Port, name: str, state: dict[str, Any], label: str
) -> None:
    port.faults[name] = state
    (look,) = await StandIns((StandInView("a", port.url),)).look()
    found = look.has(name)
    assert found is not None
    assert (found.label, found.since) == (label, 7_500_000)
    assert len(look.on or ()) == 1


async def test_a_choice_is_sent_by_its_value(port: Port) -> None:
    known = StandIns((StandInView("a", port.url),))
    await known.switch("a", "hang", "goes")
    await known.switch("a", "slow", None)
    await known.clear()
    assert port.asked == [
        ("POST", {"hang": {"takes": True}}),
        ("POST", {"slow": None}),
        ("DELETE", None),
    ]
    with pytest.raises(NotFound):
        await known.switch("b", "slow", None)
    with pytest.raises(NotFound):
        await known.switch("a", "nothing", None)
    with pytest.raises(Invalid):
        await known.switch("a", "slow", "fast")
    port.faults["refuse"] = {"takes": True}
    with pytest.raises(Unavailable):
        await known.switch("a", "slow", None)


async def test_a_stand_in_that_is_gone_is_said_to_be() -> None:
    known = StandIns((StandInView("a", "http://127.0.0.1:1"),))
    (look,) = await known.look()
    assert (look.on, look.faults, look.has("slow")) == (None, (), None)
    with pytest.raises(Unavailable):
        await known.clear()
    assert await StandIns(()).look() == []
