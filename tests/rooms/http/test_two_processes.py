"""Two processes on one PostgreSQL that are handed the same idempotency key at once."""

import asyncio
import warnings
from pathlib import Path

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import func, select

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.http import server
from mailkeep.mail import api_keys, tables
from mailkeep.store.migrate import upgrade

from .conftest import ALL, GOOD, SETTINGS

ROUNDS = 20


@pytest.fixture
async def two(tmp_path: Path, new_postgresql: str) -> list[Application]:
    """Two applications with one home, as two machines with the same keys have it."""
    settings = app_settings.parse(SETTINGS | {"database": new_postgresql})
    made = [Application(settings, tmp_path, environ={"ONE": "secret"}) for _ in range(2)]
    await upgrade(made[0].database)
    return made


async def test_both_answer_with_the_same_message(two: list[Application]) -> None:
    """The unique index lets one of them write; the other hears of the first one's message."""
    async with two[0].database.write() as tx:
        key = await api_keys.create(tx, two[0].keys, "k", ALL, by="test")
    clients = []
    for one in two:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LitestarDeprecationWarning)
            transport = httpx.ASGITransport(server.create(one))
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://test"))

    async def send(client: httpx.AsyncClient, number: int, text: str) -> httpx.Response:
        body = GOOD | {"idempotency_key": f"order-{number}", "text": text}
        headers = {"Authorization": f"Bearer {key}"}
        return await client.post("/v1/messages", json=body, headers=headers)

    try:
        for number in range(ROUNDS):
            answers = await asyncio.gather(*(send(one, number, "words") for one in clients * 3))
            assert [one.status_code for one in answers] == [202] * 6, answers[0].text
            assert len({one.json()["id"] for one in answers}) == 1
        for number in range(ROUNDS, 2 * ROUNDS):
            answers = await asyncio.gather(
                *(send(one, number, str(which)) for which, one in enumerate(clients))
            )
            assert sorted(one.status_code for one in answers) == [202, 409]
        async with two[0].database.read() as tx:
            stored = await tx.value(select(func.count()).select_from(tables.messages))
        assert stored == 2 * ROUNDS
    finally:
        for client in clients:
            await client.aclose()
        for one in two:
            await one.database.close()
