"""Security events from a running Mailkeep to the receiver of the how-to page, as it stands."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from .conftest import Up
from .test_cli import run
from .visitor import PASSWORD, Visitor

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "receive-signals.md"
AUDIENCE = "https://shop.example"
ADDRESS = "grace@example.net"
Acted = tuple[str, dict[str, str], dict[str, Any]]


class Shop:
    """The page's receiver, on loopback, and its token."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.acted: asyncio.Queue[Acted] = asyncio.Queue()
        self.url = ""
        self.token = ""

    def act(self, *said: Any) -> None:
        self.acted.put_nowait(said)

    async def next(self) -> Acted:
        return await asyncio.wait_for(self.acted.get(), 30)

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {more.pop('token', self.token)}"}
        async with self.up.session.request(
            method, f"{self.up.url}{path}", json=body, headers=headers, **more
        ) as reply:
            assert reply.status >= 400 or reply.headers["Cache-Control"] == "no-store"
            return reply.status, await reply.json(
                content_type=None
            ) if reply.status != 204 else None


@pytest.fixture
async def shop(up: Up, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setenv("ISSUER", up.url)
    monkeypatch.setenv("AUDIENCE", AUDIENCE)
    monkeypatch.setenv("PUSH_AUTHORIZATION", "Bearer theirs")
    (module,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(module, PAGE.name, "exec"), names)
    made = Shop(up)
    with pytest.warns(web.NotAppKeyWarning):
        app = names["application"](made.act)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    words = ("shop", "--audience", AUDIENCE, "--push-to", made.url)
    said = await run("receivers", "add", *words, "--home", str(up.home))
    assert said.code == 0, said.err
    made.token = said.out.strip()
    yield made
    await runner.cleanup()


async def test_the_receiver_of_the_page_hears_what_happens_to_an_account(
    up: Up, shop: Shop
) -> None:
    async with up.session.get(f"{up.url}/.well-known/ssf-configuration") as reply:
        metadata = await reply.json(content_type=None)
    assert metadata["spec_version"] == "1_0"
    assert metadata["issuer"] == up.url
    assert metadata["jwks_uri"] == f"{up.url}/.well-known/jwks.json"
    assert len(metadata["delivery_methods_supported"]) == 2
    delivery = {
        "method": "urn:ietf:rfc:8935",
        "endpoint_url": f"{shop.url}/events",
        "authorization_header": "Bearer theirs",
    }
    status, made = await shop.ask("POST", "/ssf/streams", {"delivery": delivery})
    assert (status, made["aud"], made["iss"]) == (201, AUDIENCE, up.url)
    stream = made["stream_id"]
    status, _ = await shop.ask("POST", "/ssf/verify", {"stream_id": stream, "state": "here"})
    assert status == 204
    assert await shop.next() == (
        "verification",
        {"format": "opaque", "id": stream},
        {"state": "here"},
    )

    async with Visitor(up.url) as grace:
        await grace.join(ADDRESS)
        await grace.enter(ADDRESS)
        changed = {"current": PASSWORD, "new": "a-lantern-for-the-quiet-moor"}
        assert (await grace.post("/account/password", **changed))[0] == 303
    event, subject, said = await shop.next()
    assert (event, said["credential_type"]) == ("credential-change", "password")
    event, again, said = await shop.next()
    assert (event, again, said["initiating_entity"]) == ("session-revoked", subject, "user")
    named = await run("receivers", "subject", "shop", ADDRESS, "--home", str(up.home))
    assert subject == {"format": "iss_sub", "iss": up.url, "sub": named.out.strip()}
    async with asyncio.timeout(20):
        while True:
            said = await run("receivers", "list", "--json", "--home", str(up.home))
            (found,) = json.loads(said.out)
            if found["acknowledged"] == 3:
                break
    assert (found["status"], found["waiting"], found["refused"]) == ("enabled", 0, 0)
    assert shop.token not in said.out


async def test_what_a_receiver_is_answered(up: Up, shop: Shop) -> None:
    assert await shop.ask("GET", "/ssf/streams") == (200, [])
    assert (await shop.ask("GET", "/ssf/streams", token="mkr_wrong"))[0] == 401
    assert (await shop.ask("GET", "/ssf/streams", token=up.key))[0] == 401
    status, made = await shop.ask("POST", "/ssf/streams", {})
    assert status == 201
    stream, poll = made["stream_id"], made["delivery"]["endpoint_url"].removeprefix(up.url)
    assert made["delivery"]["method"] == "urn:ietf:rfc:8936"
    assert (await shop.ask("POST", "/ssf/streams", {}))[0] == 409
    assert await shop.ask("GET", f"/ssf/streams?stream_id={stream}") == (200, made)
    assert (await shop.ask("GET", "/ssf/streams?stream_id=str_other"))[0] == 404
    for method, path, body in (
        ("PATCH", "/ssf/streams", {}),
        ("PATCH", "/ssf/streams", {"stream_id": stream, "aud": "https://bank.example"}),
        ("PUT", "/ssf/streams", {"stream_id": stream, "events_requested": []}),
        ("POST", "/ssf/status", {"stream_id": stream, "status": "asleep"}),
        ("POST", "/ssf/subjects/add", {"stream_id": stream, "subject": {"format": "email"}}),
        ("POST", "/ssf/verify", {"stream_id": stream, "state": "x" * 1000}),
        ("POST", poll, {"maxEvents": "many"}),
        ("POST", poll, [1]),
    ):
        status, problem = await shop.ask(method, path, body)
        assert (status, problem["status"]) == (400, 400), (method, path, body)
    headers = {"Authorization": f"Bearer {shop.token}"}
    for data, code in ((b";{ broken", 400), (b" " * 70_000, 413), (b'{"a":1,"a":2}', 400)):
        async with up.session.post(
            f"{up.url}/ssf/status",
            data=data,
            headers=headers | {"Content-Type": "application/json"},
        ) as reply:
            assert reply.status == code
    async with up.session.post(f"{up.url}/ssf/streams", data=b"x", headers=headers) as reply:
        assert reply.status == 415
    paused = {"stream_id": stream, "status": "paused", "reason": "mending"}
    assert await shop.ask("POST", "/ssf/status", paused) == (200, paused)
    assert await shop.ask("GET", f"/ssf/status?stream_id={stream}") == (200, paused)
    await shop.ask("POST", "/ssf/status", {"stream_id": stream, "status": "enabled"})
    subject = {"format": "iss_sub", "iss": up.url, "sub": "sub_1"}
    wanted = {"stream_id": stream, "subject": subject}
    assert (await shop.ask("POST", "/ssf/subjects/remove", wanted))[0] == 204
    assert (await shop.ask("POST", "/ssf/subjects/add", wanted))[0] == 200
    assert (await shop.ask("POST", "/ssf/verify", {"stream_id": stream}))[0] == 204
    assert (await shop.ask("POST", "/ssf/verify", {"stream_id": stream}))[0] == 429
    status, answer = await shop.ask("POST", poll, {"returnImmediately": True})
    assert (status, answer["moreAvailable"], len(answer["sets"])) == (200, False, 1)
    done = {"ack": list(answer["sets"]), "maxEvents": 0}
    assert await shop.ask("POST", poll, done) == (200, {"sets": {}, "moreAvailable": False})
    assert (await shop.ask("DELETE", f"/ssf/streams?stream_id={stream}"))[0] == 204
    assert (await shop.ask("POST", poll, {}))[0] == 404
    # A token that was replaced is good for as long as was said, here not at all.
    new = await run("receivers", "rotate", "shop", "--overlap", "0", "--home", str(up.home))
    assert (await shop.ask("GET", "/ssf/streams"))[0] == 401
    assert (await shop.ask("GET", "/ssf/streams", token=new.out.strip()))[0] == 200
    assert (await run("receivers", "remove", "shop", "--home", str(up.home))).code == 0
    assert (await shop.ask("GET", "/ssf/streams", token=new.out.strip()))[0] == 401
