"""What providers say of our accounts, as numbers and no more."""

import json

import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers import registry
from mailkeep.providers.allowance import Allowance, Tells, share
from mailkeep.providers.types import HttpReply, ProviderConfig, SmtpReply, TransportFailure

# https://mailchimp.com/developer/transactional/api/users/get-user-info/
USERS_INFO = {
    "username": "myusername",
    "created_at": "2013-01-01 15:30:27",
    "public_id": "aaabbbccc112233",
    "reputation": 42,
    "hourly_quota": 1500,
    "backlog": 7,
    "stats": {"today": {"sent": 42, "hard_bounces": 42}},
}
# https://postmarkapp.com/developer/api/server-api
SERVER = {
    "ID": 1,
    "Name": "Staging Testing",
    "ApiTokens": ["a-token-of-theirs"],
    "DeliveryType": "Live",
}


def told(kind: str, body: object, status: int = 200) -> Allowance | None:
    module = registry.get(kind)
    assert isinstance(module, Tells)
    found = module.allowance(HttpReply(status, {}, json.dumps(body).encode()))
    assert "token" not in repr(found)
    return found


def test_mandrill_tells_its_quota() -> None:
    assert told("mandrill", USERS_INFO) == Allowance(1500, 7, 42)
    assert told("mandrill", USERS_INFO | {"hourly_quota": True, "backlog": "many"}) == Allowance(
        None, None, 42
    )
    assert told("mandrill", {"status": "error", "name": "Invalid_Key"}, 500) is None


def test_postmark_tells_whether_it_delivers() -> None:
    assert told("postmark", SERVER) == Allowance()
    assert told("postmark", SERVER | {"DeliveryType": "Sandbox"}) == Allowance(sends=False)
    assert told("postmark", [SERVER]) is None


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
def test_what_is_no_answer_tells_nothing(kind: str) -> None:
    module = registry.get(kind)
    assert isinstance(module, Tells)
    for reply in (
        HttpReply(200, {}, b"<html>"),
        HttpReply(200, {}, b'{"a": 1, "a": 2}'),
        SmtpReply(250, "", "ok"),
        TransportFailure("connect"),
    ):
        assert module.allowance(reply) is None


def test_the_key_goes_where_the_api_wants_it() -> None:
    config = ProviderConfig("x", "", "", Secret("the-key"), None, None, {}, "p")
    asked = {kind: registry.get(kind) for kind in ("mandrill", "postmark")}
    mandrill, postmark = asked["mandrill"], asked["postmark"]
    assert isinstance(mandrill, Tells)
    assert isinstance(postmark, Tells)
    request = mandrill.ask_allowance(config)
    assert (request.method, request.url) == (
        "POST",
        "https://mandrillapp.com/api/1.0/users/info.json",
    )
    assert json.loads(request.body) == {"key": "the-key"}
    request = postmark.ask_allowance(config)
    assert (request.method, request.url) == ("GET", "https://api.postmarkapp.com/server")
    assert request.headers["X-Postmark-Server-Token"] == "the-key"
    assert not isinstance(registry.get("smtp"), Tells)


def test_the_share_of_a_peak() -> None:
    assert share(500, 2000) == 0.25
    assert share(500, 0) == share(500, 500) == 1.0
    assert share(None, 10) is None
