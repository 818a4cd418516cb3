"""What an application is told of a message, and what its webhook may be."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailkeep.app.settings import parse
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.events.types import Recorded
from mailkeep.feed import delivery
from mailkeep.feed.delivery import EventOut, Stands
from mailkeep.feed.types import USUAL, EventKind, EventWebhookSettings
from mailkeep.http.api.events import of_cursor, to_cursor
from mailkeep.mail.events import AttemptFinished, DeliveryReported, MessageGivenUp
from mailkeep.mail.types import SuppressionReason
from mailkeep.providers.types import ClaimKind, OutcomeKind

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "receive-delivery-events.md").read_text()
AT = 1_700_000_000 * SECOND


def _event(outcome: str) -> EventOut:
    fact = AttemptFinished(
        message="m",
        attempt="att",
        provider="a",
        stream="alert",
        address="address_1",
        outcome=outcome,
        detail="words",
        seconds=0.1,
    )
    stands = Stands("accepted", "a")
    return delivery.event(Recorded(1, AT, AT, "evt_1", fact), stands, frozenset(), addresses=False)


@pytest.mark.parametrize("outcome", list(OutcomeKind))
def test_every_outcome_is_told(outcome: OutcomeKind) -> None:
    found = _event(outcome.value)
    wanted = {
        OutcomeKind.ACCEPTED: "message.accepted",
        OutcomeKind.DEFERRED: "message.deferred",
        OutcomeKind.AMBIGUOUS: "message.uncertain",
    }
    assert found.type == wanted.get(outcome, "message.refused")
    assert found.reason == (None if outcome is OutcomeKind.ACCEPTED else outcome.value)
    assert (found.said_by, found.believed, found.detail) == ("mailkeep", True, "words")


def test_of_what_a_provider_says_all_is_told_that_is_about_a_message() -> None:
    told = {
        one: delivery.kind(
            DeliveryReported(
                provider="a",
                claim="c",
                event=one.value,
                message="m",
                stream="alert",
                address="address_1",
                at_provider=None,
            )
        )
        for one in ClaimKind
    }
    silent = {one for one, kind in told.items() if kind is None}
    assert silent == {ClaimKind.SENT, ClaimKind.ACCOUNT_NOTICE, ClaimKind.UNKNOWN}
    assert (
        delivery.kind(
            DeliveryReported(
                provider="a",
                claim="c",
                event="bounced",
                message=None,
                stream=None,
                address=None,
                at_provider=None,
            )
        )
        is None
    )


def test_what_an_application_said_itself_is_not_told_to_it() -> None:
    fact = AttemptFinished(
        message="m",
        attempt="att",
        provider="a",
        stream="alert",
        address="x",
        outcome="accepted",
        detail="journal",
        seconds=0.0,
        told=True,
    )
    assert delivery.kind(fact) is None


def test_the_body_is_what_its_type_says() -> None:
    one = msgspec.json.encode(_event("accepted"))
    for events in ((), (one,), (one, one)):
        raw = delivery.body(delivery.EVENTS, AT, events, None)
        found = msgspec.json.decode(raw, type=delivery.EventsOut)
        assert len(found.data) == len(events)
        assert found.timestamp == "2023-11-14T22:13:20.000Z"
    assert b"address" not in one.replace(b"address_1", b"")


def test_nobodys_word_is_not_a_providers() -> None:
    fact = MessageGivenUp(message="m", stream="alert", address="address_1", why="expired")
    recorded = Recorded(1, AT, AT, "evt_1", fact)
    found = delivery.event(recorded, Stands("given_up", None), frozenset({"a"}), addresses=False)
    assert (found.provider, found.believed, found.reason) == (None, True, "expired")


def test_the_page_names_every_event_and_every_setting() -> None:
    table = PAGE.partition("| event |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert named == {one.value for one in EventKind}
    for field in EventWebhookSettings.__struct_fields__:
        assert f"`{field}`" in PAGE, field


def test_the_settings_of_the_pages_can_be() -> None:
    streams = [STREAM, STREAM | {"name": "bulk"}]
    (hook,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert parse(HOUSE | {"stream": streams} | tomllib.loads(hook)).event_webhook
    listed = (ROOT / "docs" / "how-to" / "bring-suppressions.md").read_text()
    (found,) = re.findall(r"```toml\n(.*?)```", listed, re.DOTALL)
    house = HOUSE | tomllib.loads(found.replace("postmark", "a"))
    bulk, receipts = parse(house).stream
    assert set(receipts.suppress) < set(bulk.suppress) == set(SuppressionReason)


def test_the_example_of_the_page_is_what_comes() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    found = msgspec.json.decode(example, type=delivery.EventsOut, strict=True)
    fields = set(EventOut.__struct_fields__) - {"address"}
    assert set(json.loads(example)["data"][0]) == fields
    assert found.data[0].type == "message.bounced"


STREAM = {"name": "alert", "priority": 5, "routes": [{"provider": "a"}]}
HOUSE = {
    "provider": [{"name": "a", "kind": "smtp", "party": "a", "base_url": "smtp://localhost:25"}],
    "party": [{"id": "a"}],
    "stream": [STREAM],
}
HOOK = {"name": "shop", "to": "https://shop.example.com/in", "secret": "env:S"}


def _settings(*hooks: dict[str, Any], **more: Any) -> tuple[EventWebhookSettings, ...]:
    return parse(HOUSE | {"event_webhook": list(hooks)} | more).event_webhook


def test_a_webhook_is_told_the_usual_of_its_streams() -> None:
    (found,) = _settings(HOOK | {"streams": ["alert"]})
    assert found.what == USUAL
    assert not {EventKind.OPENED, EventKind.CLICKED} & set(USUAL)
    assert (found.addresses, found.batch) == (False, 50)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"streams": []}, "streams names"),
        ({"streams": ["alrt"]}, "no stream 'alrt'"),
        ({"what": []}, "what names each event once"),
        ({"what": ["bounced", "bounced"]}, "what names each event once"),
        ({"what": ["bonced"]}, "Invalid enum value"),
        ({"batch": 0}, "batch"),
        ({"batch": 501}, "batch"),
        ({"timeout": 61}, "timeout"),
        ({"name": "a b"}, "a word"),
        ({"to": "http://shop.example.com/in"}, "https"),
        ({"to": "https://10.0.0.1/in"}, "not public"),
        ({"to": "https://u:p@shop.example.com/in"}, "no user"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"secrt": "env:S"}, "secret"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSettings, match=re.escape(words)):
        _settings(HOOK | {"streams": ["alert"]} | more)


def test_places_are_kept_by_name() -> None:
    one = HOOK | {"streams": ["alert"]}
    with pytest.raises(BadSettings, match="has that name"):
        _settings(one, one)
    with pytest.raises(BadSettings, match="has that name"):
        _settings(one, feed=[{"name": "shop", "to": "stdout"}])


@pytest.mark.parametrize("place", [0, 1, 17, 10**12, 2**63 - 1])
def test_a_place_has_one_name(place: int) -> None:
    assert of_cursor(to_cursor(place)) == place


@pytest.mark.parametrize(
    "text", ["", "x", "ZXZlbnRzIA", "ZXZlbnRzIDE=", to_cursor(2**63), to_cursor(1) + "A", "é"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        of_cursor(text)
