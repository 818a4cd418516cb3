"""What providers say that they sent for us: a number, and nothing else."""

import json

import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers import registry
from mailkeep.providers.types import HttpReply, ProviderConfig, TransportFailure
from mailkeep.providers.volume import Counts

# https://mailchimp.com/developer/transactional/api/users/get-user-info/
USERS_INFO = {"username": "u", "stats": {"today": {"sent": 4}, "all_time": {"sent": 4200}}}
# https://postmarkapp.com/developer/api/stats-api#overview
OVERVIEW = {"Sent": 615, "Bounced": 64, "SMTPApiErrors": 25, "BounceRate": 10.406}


def _module(kind: str) -> Counts:
    module = registry.get(kind)
    assert isinstance(module, Counts)
    return module


def _config(kind: str, **options: str) -> ProviderConfig:
    return ProviderConfig("a", kind, "", Secret("key"), None, None, options, "a")


@pytest.mark.parametrize(
    ("kind", "body", "count"),
    [
        ("mandrill", USERS_INFO, 4200),
        ("mandrill", {"stats": {"all_time": {"sent": "4200"}}}, None),
        ("mandrill", {"stats": [4200]}, None),
        ("postmark", OVERVIEW, 615),
        ("postmark", {"Sent": True}, None),
        ("postmark", {"Sent": -1}, None),
        ("postmark", [OVERVIEW], None),
    ],
)
def test_a_running_total_is_read_and_nothing_else(kind: str, body: object, count: object) -> None:
    assert _module(kind).volume(HttpReply(200, {}, json.dumps(body).encode())) == count


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
def test_what_is_no_answer_tells_nothing(kind: str) -> None:
    for reply in (
        HttpReply(500, {}, json.dumps(OVERVIEW | USERS_INFO).encode()),
        HttpReply(200, {}, b"<html>"),
        TransportFailure("connect"),
    ):
        assert _module(kind).volume(reply) is None


def test_it_is_asked_where_the_mail_goes() -> None:
    asked = _module("postmark").ask_volume(_config("postmark", message_stream="alerts"))
    assert asked.url == "https://api.postmarkapp.com/stats/outbound?messagestream=alerts"
    assert _module("postmark").ask_volume(_config("postmark")).url.endswith("=outbound")
    asked = _module("mandrill").ask_volume(_config("mandrill"))
    assert asked.url == "https://mandrillapp.com/api/1.0/users/info.json"
