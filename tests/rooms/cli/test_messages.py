"""What was given up is sent again, once, and only while its body is there."""

import asyncio
import json
from pathlib import Path

from typer.testing import CliRunner

from mailkeep.app import settings as app_settings
from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.mail import outbox, queries
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


async def test_what_was_given_up_is_sent_again(tmp_path: Path) -> None:
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
    async with database.write() as tx:
        for message, stream in zip(ids, ("alert", "secret"), strict=True):
            await outbox.give_up(
                tx, message, stream, "address_1", "expired", keep=stream == "alert"
            )

    async def run(*words: str) -> tuple[int, dict[str, bool]]:
        arguments = ["messages", "requeue", *words, "--json", "--home", str(tmp_path)]
        said = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        return said.exit_code, json.loads(said.stdout)["requeued"]

    ordinary, secret = ids
    assert await run(ordinary) == (0, {ordinary: True})
    async with database.read() as tx:
        assert (await queries.message(tx, ordinary)).status == "queued"
    found = await run(ordinary, secret, "msg_none")
    assert found == (1, {ordinary: False, secret: False, "msg_none": False})
    await database.close()
