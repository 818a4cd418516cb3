"""Delivery events of the running command: pushed, signed, to an application, and asked for."""

import asyncio
import base64
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from .conftest import COLD, READY_SECONDS, Up, ready, start

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "receive-delivery-events.md"
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()


class Shop:
    """An application with the code of the page."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.asked = 0
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.code: dict[str, Any] = {}
        exec(compile(code, PAGE.name, "exec"), self.code)

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        found = self.code["events"](SECRET, dict(request.headers), await request.read())
        if self.status < 300:
            self.taken += found
        return web.Response(status=self.status)

    async def until(self, message: str, *kinds: str) -> list[dict[str, Any]]:
        """Wait until it was told these of a message."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                found = [one for one in self.taken if one["message"] == message]
                if {one["type"] for one in found} >= {f"message.{one}" for one in kinds}:
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Shop, str]]:
    made = Shop()
    app = web.Application()
    app.router.add_post("/in", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    await runner.cleanup()


@pytest.fixture
async def up(tmp_path: Path, shop: tuple[Shop, str]) -> AsyncIterator[Up]:
    hook = {
        "name": "shop",
        "to": shop[1],
        "secret": "env:SHOP_SECRET",
        "streams": ["alert"],
        "networks": ["127.0.0.0/8"],
    }
    told = {"MAILKEEP_EVENT_WEBHOOK": json.dumps([hook]), "SHOP_SECRET": SECRET}
    process, command, printed = await start(tmp_path / "home", **told)
    url = command[2].removesuffix("/v1/messages")
    controls = dict(re.findall(r"^\s+(\w+)\s+http\S+\s+\(faults: (\S+)\)", printed, re.MULTILINE))
    async with aiohttp.ClientSession() as session:
        await ready(session, url)
        key = command[4].split()[-1]
        yield Up(url, key, 0, controls, command, tmp_path / "home", process, session)
    process.terminate()
    await asyncio.wait_for(process.wait(), 20)


async def _events(up: Up, **asked: str) -> dict[str, Any]:
    async with up.session.get(f"{up.url}/v1/events", params=asked, headers=up.bearer()) as reply:
        found: dict[str, Any] = await reply.json()
        return found | {"http": reply.status}


async def test_what_becomes_of_a_mail_is_told_and_can_be_asked_for(
    up: Up, shop: tuple[Shop, str]
) -> None:
    endpoint, _ = shop
    # It begins with what happens once it has begun.
    warm = await up.send()
    await up.until(str(warm["id"]), "delivered")
    first = await _events(up)
    assert {one["type"] for one in first["events"]} >= {"message.accepted", "message.delivered"}
    sent = await up.send(tags=["order"])
    message = str(sent["id"])
    other = await up.send(stream="bulk")
    found = await endpoint.until(message, "accepted", "delivered")
    assert all(one["tags"] == ["order"] and one["stream"] == "alert" for one in found)
    await up.until(str(other["id"]), "delivered")
    assert str(other["id"]) not in {one["message"] for one in endpoint.taken}

    async with asyncio.timeout(READY_SECONDS):
        while True:
            page = await _events(up, after=first["next"], what="delivered")
            if {one["message"] for one in page["events"]} == {message, str(other["id"])}:
                break
            await asyncio.sleep(0.1)
    again = await _events(up, after=page["next"])
    assert (again["events"], again["more"], again["missed"]) == ([], False, False)
    only = await _events(up, after=first["next"], stream="alert", limit="1")
    assert ([one["message"] for one in only["events"]], only["more"]) == ([message], True)
    for wrong in ({"after": "x"}, {"what": "x"}, {"stream": "x"}, {"limit": "0"}, {"x": "1"}):
        assert (await _events(up, **wrong))["http"] == 422


async def test_an_endpoint_that_was_down_is_told_what_it_missed(
    up: Up, shop: tuple[Shop, str]
) -> None:
    endpoint, _ = shop
    endpoint.status = 500
    sent = [str((await up.send())["id"]) for _ in range(3)]
    for one in sent:
        await up.until(one, "delivered")
    async with asyncio.timeout(READY_SECONDS):
        while True:
            if endpoint.asked:
                break
            await asyncio.sleep(0.1)
    assert endpoint.taken == []
    (state,) = (await _run(up, "list"))["event_webhooks"]
    assert (state["error"], state["told"]) == ("status 500", 0)
    endpoint.status = 200
    assert (await _run(up, "test", "shop"))["taken"]
    await _run(up, "replay", "shop", "--since", "1h")  # nor does it wait for its next try
    for one in sent:
        await endpoint.until(one, "delivered")


async def _run(up: Up, *words: str) -> dict[str, Any]:
    done = await asyncio.to_thread(
        subprocess.run,
        [COLD, "events", *words, "--home", str(up.home), "--json"],
        capture_output=True,
        check=False,
        env=dict(os.environ) | {"MAILKEEP_EVENT_WEBHOOK": _hook(up), "SHOP_SECRET": SECRET},
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _hook(up: Up) -> str:
    """The setting that a process was started with."""
    raw = Path(f"/proc/{up.process.pid}/environ").read_bytes().split(b"\0")
    given = dict(one.decode().partition("=")[::2] for one in raw if one)
    return given["MAILKEEP_EVENT_WEBHOOK"]
