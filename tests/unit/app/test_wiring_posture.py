"""``[posture]``: what is refused, whose keys are used, and what the doctor says of them."""

from pathlib import Path

import pytest

from mailkeep.app import wiring_posture
from mailkeep.app.doctor import accounts_read
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.settings import Settings, parse
from mailkeep.base.errors import BadSettings

_PROVIDERS = [
    {"name": "m", "kind": "mandrill", "party": "p", "secret": "env:SENDING"},
    {"name": "relay", "kind": "smtp", "party": "p", "base_url": "smtp://127.0.0.1:25"},
]


def _settings(*accounts: dict[str, object], **more: object) -> Settings:
    return parse(
        {
            "public_url": "https://Ours.example",
            "party": [{"id": "p"}],
            "provider": _PROVIDERS,
            "posture": {"account": list(accounts), **more},
        }
    )


@pytest.mark.parametrize(
    ("account", "word"),
    [
        ({"name": "m"}, "secret is missing"),
        ({"name": "x", "kind": "ses", "secret": "env:A"}, "no provider is called so"),
        ({"name": "relay", "kind": "sendgird", "secret": "env:A"}, "did you mean sendgrid"),
        ({"name": "relay", "secret": "env:A"}, "SMTP"),
        ({"name": "m", "kind": "ses", "secret": "env:A"}, "is a mandrill"),
        ({"name": "m", "secrets": "env:A"}, "secret"),
        ({"name": "relay", "kind": "ses", "secret": "env:A", "options": {"regoin": "x"}}, "region"),
    ],
)
def test_an_account_that_cannot_be_read_is_refused_at_the_start(
    account: dict[str, object], word: str
) -> None:
    with pytest.raises(BadSettings, match=word):
        _settings(account)


@pytest.mark.parametrize(
    "more", [{"interval": 0.5}, {"interval": float("nan")}, {"gap": -1.0}, {"patience": 0}]
)
def test_bounds(more: dict[str, object]) -> None:
    with pytest.raises(BadSettings, match="posture"):
        _settings({"name": "m", "secret": "env:A"}, **more)


def test_an_account_is_read_with_its_own_key_and_never_with_the_one_that_sends() -> None:
    settings = _settings(
        {"name": "m", "secret": "env:READING"},
        {"name": "relay", "kind": "sendgrid", "secret": "env:READING"},
    )
    found = wiring_posture.accounts(settings, {"READING": "r", "SENDING": "s"})
    assert {name: one.secret.reveal() for name, one in found.items()} == {"m": "r", "relay": "r"}
    assert found["m"].kind == "mandrill"
    assert (found["relay"].kind, found["relay"].base_url) == ("sendgrid", "")
    assert wiring_posture.ours(settings) == {"ours.example"}
    assert wiring_posture.accounts(parse({"party": [{"id": "p"}], "provider": _PROVIDERS})) == {}


def _scene(settings: Settings, **keys: bool | None) -> Scene:
    return Scene(Path("home"), settings, database=DatabaseFacts(reading_keys=keys))


def test_the_doctor_says_who_is_not_watched_and_who_cannot_be() -> None:
    bare = parse({"party": [{"id": "p"}], "provider": _PROVIDERS})
    assert {one.about: one.state for one in accounts_read.watched(_scene(bare))} == {
        "m": State.WARNING,
        "relay": State.NOT_CHECKED,
    }
    read = _settings({"name": "m", "secret": "env:READING"})
    assert accounts_read.watched(_scene(read))[0].state is State.OK
    relay = _settings({"name": "relay", "kind": "ses", "secret": "env:READING"})
    states = {one.about: one.state for one in accounts_read.watched(_scene(relay))}
    assert states == {"m": State.WARNING, "relay": State.OK}


def test_the_doctor_warns_of_a_reading_key_that_sends() -> None:
    shared = _settings({"name": "m", "secret": "env:SENDING"})
    assert accounts_read.keys(_scene(shared))[0].state is State.WARNING
    apart = _settings({"name": "m", "secret": "env:READING"})
    states = {
        can_send: accounts_read.keys(_scene(apart, m=can_send))[0].state
        for can_send in (True, False, None)
    }
    assert states == {True: State.WARNING, False: State.OK, None: State.NOT_CHECKED}
