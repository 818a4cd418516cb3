"""Lines of a feed: what they say, their schema, their signature."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.feed import lines, signing
from mailkeep.feed.types import FeedSettings, check
from mailkeep.incidents.events import IncidentClosed, IncidentOpened
from mailkeep.incidents.types import Incident, Reason, State, View
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, Subject

ROOT = Path(__file__).parents[3]
AT = 1_700_000_000 * SECOND
PROVIDER = Subject("provider", "a")

SIGNAL = Signal(
    "canary_missing",
    Family.FLOW,
    PROVIDER,
    {Hypothesis.PROVIDER_SILENT: 4.5},
    AT,
    "Three canaries are missing.",
    ("evt_1",),
    True,
    Forger.NOBODY,
    600.0,
    AT + SECOND,
)
INCIDENT = Incident(
    "inc_1",
    PROVIDER,
    State.OPEN,
    AT,
    AT,
    (
        View(
            Hypothesis.PROVIDER_SILENT,
            2.0,
            open=True,
            alone=True,
            reasons=(Reason("canary_missing", 4.5, "Missing.", "", ("evt_1",), Forger.NOBODY),),
        ),
    ),
)
LINES = (
    lines.signal("evt_2", AT, SIGNAL),
    lines.incident(
        "evt_3",
        AT,
        IncidentOpened(incident="inc_1", subject_kind="provider", subject_id="a", hypotheses=()),
        INCIDENT,
    ),
    lines.incident("evt_4", AT, IncidentClosed(incident="inc_1", by="acc_1"), INCIDENT),
)


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_what_its_schema_says(line: lines.Line) -> None:
    said = json.loads(lines.encode(line))
    validator = jsonschema_rs.validator_for(lines.schema())
    assert validator.is_valid(said)
    assert lines.decode(lines.encode(line)) == line
    for name in ("id", "type", "format", "data", "timestamp"):
        assert not validator.is_valid({key: one for key, one in said.items() if key != name})


def test_the_schemas_in_the_documents_are_not_stale() -> None:
    where = ROOT / "scripts" / "feed_schema.py"
    spec = importlib.util.spec_from_file_location("feed_schema", where)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for page, text in script.pages().items():
        assert page.read_text() == text


def test_what_is_said_can_be_told_apart() -> None:
    signal, opened, closed = (json.loads(lines.encode(one)) for one in LINES)
    assert (signal["type"], opened["type"]) == ("signal", "incident")
    assert signal["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert signal["data"]["evidence"] == {"provider_silent": 4.5}
    assert (opened["data"]["change"], opened["data"]["by"]) == ("opened", "")
    assert (closed["data"]["change"], closed["data"]["by"]) == ("closed", "acc_1")
    assert opened["data"]["hypotheses"][0]["probability"] == pytest.approx(0.881, abs=0.001)


def test_every_field_of_the_mapping_exists() -> None:
    """The page maps fields to OCSF and Sigma; what it names is what is told."""
    page = (ROOT / "docs" / "how-to" / "feed-other-systems.md").read_text()
    told = {name for line in LINES for name in _paths(json.loads(lines.encode(line)))}
    named = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", page, re.MULTILINE))
    assert len(named) > 10
    assert named - told == set()


def _paths(value: Any, before: str = "") -> set[str]:
    if isinstance(value, dict):
        found = {before} - {""}
        for key, one in value.items():
            found |= _paths(one, f"{before}.{key}" if before else key)
        return found
    if isinstance(value, list):
        return {before}.union(*(_paths(one, f"{before}[]") for one in value))
    return {before}


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks test themselves with."""
    key = signing.key(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    body = b'{"test": 2432232314}'
    found = signing.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330 * SECOND, body)
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("text", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ"])
def test_a_weak_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(BadSettings) as refused:
        signing.key(Secret(text))
    assert not text or text not in str(refused.value)


def _feed(**more: object) -> FeedSettings:
    return msgspec.convert({"name": "siem", "to": "stdout"} | more, FeedSettings)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"to": "https://siem.example/in"}, "a webhook is signed"),
        ({"to": "http://siem.example/in", "secret": "env:S"}, "say https"),
        ({"to": "https://10.0.0.7/in", "secret": "env:S"}, "not public"),
        ({"to": "https://localhost/in", "secret": "env:S"}, "not public"),
        ({"to": "https://169.254.169.254/", "secret": "env:S"}, "not public"),
        ({"to": "https://u:p@siem.example/in", "secret": "env:S"}, "no user"),
        ({"to": "https://siem.example/", "secret": "env:S", "networks": ["10.0.0.1/8"]}, "host"),
        ({"secret": "env:S"}, "for webhooks"),
        ({"to": "file:"}, "file:PATH"),
        ({"what": []}, "what names"),
        ({"name": "a b"}, "name is a word"),
        ({"timeout": 0.1}, "timeout"),
    ],
)
def test_a_feed_that_cannot_be_is_refused(more: dict[str, object], why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        check((_feed(**more),))


def test_a_network_of_ours_can_be_named() -> None:
    for to, network in (
        ("https://10.1.2.3/in", "10.1.0.0/16"),
        ("http://127.0.0.1:8080/in", "127.0.0.0/8"),
        ("https://siem.internal/in", "10.1.0.0/16"),
    ):
        check((_feed(to=to, secret="env:S", networks=[network]),))
    with pytest.raises(BadSettings, match="not public"):
        check((_feed(to="https://10.2.0.1/in", secret="env:S", networks=["10.1.0.0/16"]),))


def test_two_feeds_do_not_write_into_one_file() -> None:
    with pytest.raises(BadSettings, match="same place"):
        check((_feed(to="file:/a"), _feed(name="b", to="file:/a")))
