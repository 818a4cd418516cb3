"""Messages at the command line: listed page by page, told, and sent again while they can be."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailkeep.app import settings as app_settings
from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.mail import lives, outbox, services
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }]

[[stream]]
name = "secret"
priority = 0
secret = true
routes = [{ provider = "a" }]
"""


async def _taken_in(tmp_path: Path) -> tuple[Database, list[str]]:
    """A home with one message of each stream."""
    file = tmp_path / "mailkeep.toml"
    file.write_text(SETTINGS)
    settings = app_settings.load(file, {})
    database = Database(settings.database_url(tmp_path), SystemClock())
    await upgrade(database)
    intake = Intake(database, KeyRing(tmp_path), settings.streams())
    ids = []
    for stream in ("alert", "secret"):
        async with database.write() as tx:
            content = Content("us@example.com", "ada@example.net", "Hello", "words")
            ids.append(await intake.accept(tx, NewMessage(stream, content)))
        await asyncio.sleep(0.002)  # two ids of one millisecond have no order
    return database, ids


async def _run(home: Path, *words: str) -> tuple[int, Any]:
    arguments = ["messages", *words, "--json", "--home", str(home)]
    said = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return said.exit_code, json.loads(said.stdout) if said.stdout else None


async def test_messages_are_listed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "SCAN", 1)  # so that one list takes several pages
    database, (first, last) = await _taken_in(tmp_path)
    asks: dict[tuple[str, ...], list[str]] = {
        (): [last, first],
        ("--limit", "1"): [last],
        ("--before", last): [first],
        ("--stream", "alert"): [first],
        ("--stream", "secret", "--status", "queued", "--since", "1h"): [last],
        ("--status", "delivered"): [],
        ("--to", "Ada@Example.NET", "--stream", "alert"): [first],
    }
    for words, wanted in asks.items():
        code, found = await _run(tmp_path, "list", *words)
        assert (code, [one["id"] for one in found["messages"]]) == (0, wanted), words
    assert (await _run(tmp_path, "list", "--before", "msg_1")) == (1, None)
    code, life = await _run(tmp_path, "show", first)
    assert (code, life["waits_for"], life["attempts"], life["events"]) == (0, "due", [], [])
    assert life["next_at"] == life["created_at"]
    async with database.write() as tx:
        await services.cut_off(database, tx, "a", by="test", reason="test", since=tx.now)
    assert (await _run(tmp_path, "show", first))[1]["waits_for"] == "no_route"
    assert (await _run(tmp_path, "show", "msg_1")) == (1, None)
    await database.close()


async def test_a_stream_that_is_mistyped_is_told_from_one_without_mail(tmp_path: Path) -> None:
    """Mail of a stream that has left the settings is listed all the same: it is no error."""
    database, _ = await _taken_in(tmp_path)
    arguments = ["messages", "list", "--stream", "alrt", "--home", str(tmp_path)]
    said = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    words = "No such message; the settings have no stream 'alrt'; did you mean alert?\n"
    assert (said.exit_code, said.stdout) == (0, words)
    arguments = ["messages", "requeue", "--since", "1h", *arguments[2:]]
    said = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert "no stream 'alrt'; did you mean alert?" in str(said.exception)
    await database.close()


async def test_what_was_given_up_is_sent_again(tmp_path: Path) -> None:
    database, ids = await _taken_in(tmp_path)
    async with database.write() as tx:
        for message, stream in zip(ids, ("alert", "secret"), strict=True):
            await outbox.give_up(
                tx, message, stream, "address_1", "expired", keep=stream == "alert"
            )

    async def run(*words: str) -> tuple[int, dict[str, bool]]:
        code, found = await _run(tmp_path, "requeue", *words)
        return code, found["requeued"]

    ordinary, secret = ids
    assert await run(ordinary) == (0, {ordinary: True})
    async with database.read() as tx:
        assert (await lives.one(tx, ordinary)).status == "queued"
    found = await run(ordinary, secret, "msg_none")
    assert found == (1, {ordinary: False, secret: False, "msg_none": False})
    await database.close()


async def test_what_was_given_up_in_a_time_is_requeued_together(tmp_path: Path) -> None:
    database, ids = await _taken_in(tmp_path)
    ordinary, secret = ids
    async with database.write() as tx:
        for one, stream in ((ordinary, "alert"), (secret, "secret")):
            row = await lives.one(tx, one)
            await outbox.give_up(tx, one, stream, row.address, "expired", keep=stream == "alert")
        content = Content("us@example.com", "c1@post.example.com", "canary", "words")
        streams = app_settings.load(tmp_path / "mailkeep.toml", {}).streams()
        intake = Intake(database, KeyRing(tmp_path), streams)
        canary = await intake.accept(tx, NewMessage("alert", content, ours=True))
        await outbox.give_up(tx, canary, "alert", "address_1", "expired", keep=True)
    assert await _run(tmp_path, "requeue", "--since", "1h", "--stream", "secret") == (
        0,
        {"requeued": {}},
    )
    assert await _run(tmp_path, "requeue", "--since", "1h") == (0, {"requeued": {ordinary: True}})
    for words in ((), (ordinary, "--since", "1h")):
        assert await _run(tmp_path, "requeue", *words) == (1, None)
    await database.close()


async def test_what_waits_can_be_taken_back_and_what_left_cannot(tmp_path: Path) -> None:
    database, ids = await _taken_in(tmp_path)
    waits, left = ids
    async with database.write() as tx:
        streams = app_settings.load(tmp_path / "mailkeep.toml", {}).streams()
        assert len(await outbox.claim(database, tx, streams["secret"], {}, 5)) == 1
    assert await _run(tmp_path, "cancel", waits, left) == (
        1,
        {"cancelled": {waits: True, left: False}, "stopped": [], "left": [], "waiting": []},
    )
    async with database.read() as tx:
        assert (await lives.one(tx, waits)).status == "given_up"
        assert await outbox.body(tx, waits) is None
        assert await outbox.body(tx, left) is not None
    await database.close()
