"""Keys that stand in files: taken up when they change; who may manage them."""

from pathlib import Path

import msgspec
import pytest

from mailkeep.app.provider_keys import check, keyrings, take_up
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.providers.types import ProviderConfig


class Table(msgspec.Struct):
    name: str = "one"
    kind: str = "smtp"
    secret: str | None = None
    manager: str | None = None
    options: dict[str, str] = {}


def _config() -> ProviderConfig:
    return ProviderConfig("one", "smtp", "", Secret("old"), None, None, {}, "one")


def test_a_key_in_a_file_is_taken_up_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old\n")
    table, providers = Table(secret=f"file:{file}"), {"one": _config()}
    assert take_up(providers, (table,)) == []
    file.write_text("new\n")
    assert take_up(providers, (table,)) == ["one"]
    assert providers["one"].secret.reveal() == "new"
    file.unlink()  # gone for a moment, or empty: what worked is kept
    assert take_up(providers, (table,)) == []
    file.write_text("")
    assert take_up(providers, (table,)) == []
    assert providers["one"].secret.reveal() == "new"
    assert take_up({"one": _config()}, (Table(secret="env:ONE"),), {"ONE": "new"}) == []


def test_who_manages_keys(tmp_path: Path) -> None:
    file = tmp_path / "key"
    options = {"keys": "sendgrid", "keys_url": "http://127.0.0.1:1"}
    able = Table(secret=f"file:{file}", manager="env:M", options=options)
    found = keyrings((able,), {"M": "4ll-k3ys"})["one"]
    assert found.able
    assert found.file == file
    assert "4ll-k3ys" not in repr(found)
    assert not keyrings((able,), {})["one"].able  # the managing key is not here
    assert not keyrings((msgspec.structs.replace(able, secret="env:X"),), {"M": "m"})["one"].able
    by_hand = keyrings((Table(kind="postmark"),), {})["one"]
    assert "API Tokens" in by_hand.by_hand
    assert "pages of one" in keyrings((Table(),), {})["one"].by_hand


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Table(options={"keys": "sendgrit"}), "no 'sendgrit'"),
        (Table(manager="env:M"), "needs options.keys"),
        (Table(manager="env:M", options={"keys": "postmark"}), "needs options.keys"),
    ],
)
def test_settings_that_cannot_be(table: Table, words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        check(table)


def test_settings_that_can_be() -> None:
    check(Table())
    check(Table(manager="env:M", options={"keys": "sendgrid"}))
    check(Table(options={"keys": "ses"}))
