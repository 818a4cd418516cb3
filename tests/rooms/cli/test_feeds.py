"""Signals at the command line as they happen."""

import asyncio
import json
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from typer.testing import CliRunner, Result

from mailkeep.app.doctor import waking
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.settings import parse
from mailkeep.cli.main import app
from mailkeep.feed import lines
from mailkeep.feed.types import FeedState
from mailkeep.watch.mailbox_types import CanaryMailbox, ImapSettings, MailboxState
from mailkeep.watch.types import CanarySettings

from .test_watch import _home


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["watch", *words, "--home", str(home)])


def test_what_was_noticed_is_followed(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    found = _run(tmp_path, "follow", "--since", "9000d", "--once", "--json")
    assert found.exit_code == 0, found.output
    (line,) = found.stdout.splitlines()
    assert jsonschema_rs.validator_for(lines.schema()).is_valid(json.loads(line))
    assert json.loads(line)["data"]["detector"] == "provider_refusal"
    words = _run(tmp_path, "follow", "--since", "9000d", "--once").stdout
    assert "signal  provider_refusal  provider a: " in words
    assert _run(tmp_path, "follow", "--once").stdout == ""


def test_the_feeds_are_listed(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    assert "No [[feed]]" in _run(tmp_path, "feeds").stdout
    (tmp_path / "mailkeep.toml").write_text('[[feed]]\nname = "out"\nto = "stdout"\n')
    (one,) = json.loads(_run(tmp_path, "feeds", "--json").stdout)["feeds"]
    assert (one["name"], one["told"], one["what"]) == ("out", 0, ["signal", "incident"])
    assert "0 told" in _run(tmp_path, "feeds").stdout


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, State.NOT_CHECKED),
        (FeedState("out", 0, 4, 0, 1, None, None), State.OK),
        (FeedState("out", 0, 4, 1, 1, None, None), State.WARNING),
        (FeedState("out", 9, 4, 0, 1, 1, "status 500"), State.WARNING),
    ],
)
def test_the_doctor_says_of_a_feed_what_is_in_its_way(
    tmp_path: Path, state: FeedState | None, said: State
) -> None:
    settings = parse({"feed": [{"name": "out", "to": "stdout"}]})
    facts = DatabaseFacts(feeds={} if state is None else {"out": state})
    (finding,) = waking.feeds(Scene(tmp_path, settings, database=facts))
    assert (finding.about, finding.state) == ("out", said)
    assert bool(finding.next) == (said is not State.OK)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, State.NOT_CHECKED),
        (MailboxState("gmail", 1, None, None), State.OK),
        (MailboxState("gmail", 1, 1, "no connection"), State.WARNING),
    ],
)
def test_the_doctor_says_of_a_mailbox_what_is_in_its_way(
    tmp_path: Path, state: MailboxState | None, said: State
) -> None:
    imap = ImapSettings("imap.gmail.com", "env:X")
    mailbox = CanaryMailbox("ann@gmail.com", name="gmail", imap=imap)
    canary = CanarySettings("post.example", "us@example.com", mailbox=(mailbox,))
    settings = msgspec.structs.replace(parse({}), canary=canary)
    facts = DatabaseFacts(mailboxes={} if state is None else {"gmail": state})
    (finding,) = waking.mailboxes(Scene(tmp_path, settings, database=facts))
    assert (finding.about, finding.state) == ("gmail", said)
