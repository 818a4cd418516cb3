"""What the modules ask for and read, held to their documented formats and to hostile answers."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.base.secret import Secret
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.sigv4 import signed
from mailkeep.providers.posture.types import AccountConfig, Ask, Kind, Reading, Trouble
from mailkeep.providers.types import HttpReply, TransportFailure

NOW = 1_440_938_160 * 1_000_000  # 2015-08-30T12:36:00Z
TOKEN = "token-that-must-not-show"


def _config(kind: str, base_url: str = "") -> AccountConfig:
    options = {"region": "us-east-1", "access_key_id": "AKIDEXAMPLE"} if kind == "ses" else {}
    return AccountConfig("a", kind, base_url, Secret(TOKEN), Secret("account-token"), options)


def _ask(kind: str, name: str) -> Ask:
    asks = registry.get(kind).ask(_config(kind), NOW)
    return next(one for one in asks if name in {one.list, one.step})


def _read(kind: str, name: str, body: object, status: int = 200) -> Reading:
    reply = HttpReply(status, {}, msgspec.json.encode(body))
    return registry.get(kind).read(_config(kind), _ask(kind, name), reply, NOW)


@pytest.mark.parametrize("kind", sorted(registry.ACCOUNTS))
def test_every_list_is_asked_for_over_https_and_every_kind_is_seen_or_blind(kind: str) -> None:
    module = registry.get(kind)
    asks = module.ask(_config(kind), NOW)
    left_out = {"server"} if kind == "postmark" else set()  # its servers tell of it too
    assert {one.list for one in asks} == set(module.lists) - left_out
    assert all(one.request.url.startswith("https://") for one in asks)
    assert all(TOKEN not in repr(one) and TOKEN not in repr(one.request) for one in asks)
    seen = {of for kinds in module.lists.values() for of in kinds}
    assert seen | set(module.blind) == set(Kind)
    assert all(why for why in module.blind.values())


@pytest.mark.parametrize("kind", sorted(registry.ACCOUNTS))
def test_no_key_crosses_a_network_in_clear_and_an_empty_one_asks_nothing(kind: str) -> None:
    module = registry.get(kind)
    with pytest.raises(MisconfiguredProvider):
        module.ask(_config(kind, "http://api.example"), NOW)
    empty = msgspec.structs.replace(_config(kind), secret=Secret(""), account_secret=None)
    with pytest.raises(MisconfiguredProvider):
        module.ask(empty, NOW)


def test_an_smtp_relay_is_blind() -> None:
    assert set(registry.blind("smtp")) == set(Kind)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_KNOWN = {
    "postmark": b'{"TotalCount": 1, "Servers": [{"ID": 1}], "Webhooks": [{"ID": 1, "Url": %s}],'
    b'"SenderSignatures": [{"ID": 1, "EmailAddress": %s}], "Domains": [{"ID": 1, "Name": %s}],'
    b'"Templates": []}',
    "mandrill": b'[{"id": "1", "url": %s, "address": %s, "domain": %s, "email": "", "slug": ""}]',
    "sendgrid": b'[{"id": 1, "url": %s, "domain": %s, "username": %s}]',
    "ses": b'{"EmailIdentities": [{"IdentityName": %s}, {"IdentityName": %s}], "NextToken": %s}',
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(registry.ACCOUNTS)), _json, st.text(max_size=40), st.data())
def test_whatever_an_account_answers_nothing_raises(
    kind: str, body: object, name: str, data: st.DataObject
) -> None:
    module, config = registry.get(kind), _config(kind)
    asked = data.draw(st.sampled_from(module.ask(config, NOW)))
    text = msgspec.json.encode(name)
    bodies = (
        msgspec.json.encode(body),
        _KNOWN[kind] % (text, text, text),
        msgspec.json.encode(name)[:-1],
    )
    for one in bodies:
        for status in (200, 500):
            reading = module.read(config, asked, HttpReply(status, {}, one), NOW)
            assert reading.trouble is not None or isinstance(reading.items, tuple)
            for item in reading.items:
                assert all(not v.safe or v.text.isprintable() for v in item.fields.values())
    lost = module.read(config, asked, TransportFailure("connect"), NOW)
    assert lost.trouble is Trouble.UNREACHABLE


def test_no_secret_of_an_account_is_kept() -> None:
    server = {"ID": 1, "Name": "P", "ApiTokens": [TOKEN], "BounceHookUrl": f"https://u:{TOKEN}@x/"}
    hook = {
        "ID": 7,
        "Url": f"https://ours.example/{TOKEN}",
        "HttpAuth": {"Username": "u", "Password": TOKEN},
        "Triggers": {"Bounce": {"Enabled": True, "IncludeContent": True}},
    }
    mandrill = {"id": 4, "url": f"https://ours.example/{TOKEN}", "auth_key": TOKEN, "events": []}
    readings = [
        _read("postmark", "servers", {"TotalCount": 1, "Servers": [server]}),
        _read("postmark", "webhooks", {"Webhooks": [hook]}),
        _read("mandrill", "webhooks/list", [mandrill]),
    ]
    assert all(one.trouble is None and one.items for one in readings)
    assert TOKEN.encode() not in msgspec.json.encode(readings)
    kinds = [one.kind for one in readings[0].items]
    assert Kind.KEY in kinds
    assert Kind.WEBHOOK in kinds
    assert readings[1].items[0].fields["content"].text == "yes"


def test_mandrills_words_for_a_key_that_may_not_are_a_refusal() -> None:
    error = {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}
    assert _read("mandrill", "exports/list", error, 500).trouble is Trouble.REFUSED
    error["name"] = "GeneralError"
    assert _read("mandrill", "exports/list", error, 500).trouble is Trouble.UNREACHABLE


def test_senders_that_only_used_a_mandrill_account_are_known_by_their_domains() -> None:
    used = [{"address": f"shop{n}@mail.example", "sent": n} for n in range(20)]
    (reading,) = {_read("mandrill", "senders/list", used).items[n].id for n in range(20)}
    assert reading == "mail.example"


def test_the_signature_is_that_of_the_documentations_example() -> None:
    """ListUsers, of the pages on Signature Version 4 in the AWS General Reference."""
    headers = signed(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        b"",
        key_id="AKIDEXAMPLE",
        secret=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        region="us-east-1",
        service="iam",
        now=NOW,
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    )
    assert headers["Authorization"].endswith(
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
