"""Delivery events at the command line: listed, followed, told again, passed over."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from mailkeep.app.doctor import waking
from mailkeep.app.doctor.named import wrong
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.settings import load
from mailkeep.base.clock import SystemClock
from mailkeep.cli.main import app
from mailkeep.events.log import Relay, record
from mailkeep.feed import tables as feed
from mailkeep.feed.types import FeedState
from mailkeep.mail import tables as mail
from mailkeep.mail.events import DeliveryReported
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"
base_url = "smtp://localhost:25"
[[party]]
id = "a"
[[stream]]
name = "alert"
priority = 5
routes = [{ provider = "a" }]
[[event_webhook]]
name = "shop"
to = "https://127.0.0.1:1/in"
secret = "env:SHOP_SECRET"
streams = ["alert"]
networks = ["127.0.0.0/8"]
"""


async def _home(home: Path, *, begun: bool = True) -> None:
    """A home in which a mail was delivered, of which the webhook has been told nothing."""
    (home / "mailkeep.toml").write_text(SETTINGS)
    database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    async with database.write() as tx:
        row = {"id": "msg_1", "stream": "alert", "priority": 5, "address_id": "address_1"}
        times = dict.fromkeys(("created_at", "expires_at", "next_at"), tx.now)
        more = {"status": "bounced", "secret": False, "only": "", "avoid": "", "tries": 1}
        await tx.run(insert(mail.messages).values(**row, **times, **more, provider="a"))
        told = DeliveryReported(
            provider="a",
            claim="c",
            event="bounced",
            message="msg_1",
            stream="alert",
            address="address_1",
            at_provider=None,
        )
        await record(database, tx, told)
        if begun:
            counts = dict.fromkeys(("leased_until", "next_at", "failures", "told", "refused"), 0)
            first = {"name": "shop", "position": 0, "waiting_since": tx.now}
            await tx.run(insert(feed.feeds).values(**first, **counts))
    await Relay(database, "relay").place()
    await database.close()


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["events", *words, "--home", str(home)])


def _state(home: Path) -> dict[str, object]:
    (found,) = json.loads(_run(home, "list", "--json").stdout)["event_webhooks"]
    return dict(found)


def test_what_waits_is_listed_passed_over_and_told_again(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    found = _state(tmp_path)
    assert (found["name"], found["behind"], found["streams"]) == ("shop", 1, ["alert"])
    assert "waiting since" in _run(tmp_path, "list").stdout
    assert json.loads(_run(tmp_path, "skip", "shop", "--json").stdout)["places"] == 1
    assert (_state(tmp_path)["behind"], _state(tmp_path)["waiting_since"]) == (0, None)
    said = _run(tmp_path, "replay", "shop", "--since", "1h")
    assert "1 facts" in said.stdout, said.output
    assert _state(tmp_path)["behind"] == 1


def test_a_webhook_that_there_is_not_is_told_apart_from_one_that_has_not_begun(
    tmp_path: Path,
) -> None:
    asyncio.run(_home(tmp_path, begun=False))
    for words in (["skip"], ["replay", "--since", "1h"]):
        found = _run(tmp_path, words[0], "shopp", *words[1:])
        assert "did you mean" in str(found.exception), found.exception
        found = _run(tmp_path, words[0], "shop", *words[1:])
        assert "has begun" in str(found.exception)


def test_events_are_followed(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    said = _run(tmp_path, "follow", "--since", "1h", "--once")
    assert "bounced by a  msg_1  alert" in said.stdout, said.output
    (line,) = _run(tmp_path, "follow", "--since", "1h", "--once", "--json").stdout.splitlines()
    assert json.loads(line)["type"] == "message.bounced"
    for words in (["--what", "delivered"], ["--stream", "bulk"], []):
        since = ["--since", "1h"] if words else []
        assert _run(tmp_path, "follow", "--once", *since, *words).stdout == ""


def test_the_way_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_home(tmp_path))
    secret = "whsec_" + base64.b64encode(b"n" * 24).decode()
    monkeypatch.setenv("SHOP_SECRET", secret)
    found = _run(tmp_path, "test", "shop")
    assert "did not take it: no connection" in str(found.exception)
    assert secret not in str(found.exception)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, State.NOT_CHECKED),
        (FeedState("shop", 0, 4, 0, 1, None, None), State.OK),
        (FeedState("shop", 0, 4, 1, 1, None, None), State.WARNING),
        (FeedState("shop", 9, 4, 0, 1, 1, "status 500"), State.WARNING),
        (FeedState("shop", 9, 4, 0, 1, None, None, missed_since=1), State.WARNING),
    ],
)
def test_the_doctor_says_what_is_in_its_way(
    tmp_path: Path, state: FeedState | None, said: State
) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    settings = load(tmp_path / "mailkeep.toml", {})
    facts = DatabaseFacts(feeds={} if state is None else {"shop": state})
    (finding,) = waking.event_webhooks(Scene(tmp_path, settings, database=facts))
    assert (finding.about, finding.state) == ("shop", said)
    assert bool(finding.next) == (said is not State.OK)


def test_the_doctor_looks_for_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS + 'former_secret = "env:FORMER"\n')
    settings = load(tmp_path / "mailkeep.toml", {})
    found = {one.field: one.wrong for one in wrong(settings, {"FORMER": "short"})}
    assert "SHOP_SECRET" in found["secret"]
    assert "whsec_" in found["former_secret"]
