"""The API in front of a house on each engine: asked over ASGI, with nothing running behind it, so
that what was stored stays as it is."""

import warnings
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import func, select

from mailkeep.accounts.hashing import SlowHash
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.http import server
from mailkeep.mail import api_keys, tables
from mailkeep.store.database import Database

HERE = "192.0.2.7"
GOOD = {
    "stream": "alert",
    "from": "us@example.com",
    "to": "ada@example.net",
    "subject": "Hello",
    "text": "words",
}
ALL = ("send", "read", "operate")

SETTINGS: dict[str, Any] = {
    "party": [{"id": "one", "name": "One"}],
    "provider": [
        {
            "name": "one",
            "kind": "mandrill",
            "party": "one",
            "secret": "env:ONE",
            "webhook_secret": "env:ONE",
        }
    ],
    "stream": [
        {"name": "recovery", "priority": 0, "routes": [{"provider": "one"}], "secret": True},
        {"name": "alert", "priority": 3, "routes": [{"provider": "one"}]},
        {"name": "bulk", "priority": 9, "routes": [{"provider": "one"}]},
    ],
}


class Api:
    """A client with a key that may do everything, unless another is said."""

    def __init__(self, running: Application, client: httpx.AsyncClient, key: str) -> None:
        self.running = running
        self.client = client
        self.key = key

    async def new_key(self, *scopes: str, name: str = "other", **more: Any) -> str:
        async with self.running.database.write() as tx:
            return await api_keys.create(tx, self.running.keys, name, scopes, by="test", **more)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key or self.key}"}
        more: dict[str, Any] = {} if body is None else {"json": body}
        if raw is not None:
            more = {"content": raw}
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, headers=sent, **more)

    async def send(self, **fields: object) -> str:
        answer = await self.ask("POST", "/v1/messages", GOOD | fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def count(self) -> int:
        """How many messages, and how many bodies, are stored."""
        async with self.running.database.read() as tx:
            return sum(
                [
                    await tx.value(select(func.count()).select_from(one))
                    for one in (tables.messages, tables.message_bodies)
                ]
            )


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever signs up or in at a door is not here to measure how dear a password's hash is."""
    quick = partial(SlowHash, memory_kib=64, passes=1)
    monkeypatch.setattr("mailkeep.app.application.SlowHash", quick)


@pytest.fixture
async def api(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    settings = app_settings.parse(SETTINGS)
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        # The framework's next version wants dependencies marked; that is not this test's affair.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailkeep.test") as client:
        made = Api(running, client, "")
        made.key = await made.new_key(*ALL, name="all")
        yield made
