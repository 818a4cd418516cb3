"""Claims out of hostile bodies."""

import json
from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.secret import Secret
from mailkeep.providers import mandrill, webhooks
from mailkeep.providers.errors import MalformedWebhook
from mailkeep.providers.mandrill import Mandrill
from mailkeep.providers.postmark import Postmark
from mailkeep.providers.types import (
    Claim,
    ClaimKind,
    ProviderConfig,
    VerifiedRequest,
    WebhookRequest,
)

CONFIG = ProviderConfig("m", "mandrill", "", Secret("k"), Secret("w"), None, {}, "party")


def parse(events: Any) -> list[Claim]:
    verified = VerifiedRequest.prove(
        CONFIG,
        WebhookRequest("", {}, b"", 1),
        presented=b"x",
        expected=b"x",
        payload=json.dumps(events).encode(),
        authenticated="signature",
    )
    return Mandrill().parse(CONFIG, verified)


def event(**changes: Any) -> dict[str, Any]:
    msg = {"email": "ann@example.net", "_id": "p-1", "metadata": {"mailkeep_id": "m-1"}}
    return {"event": "open", "_id": "p-1", "ts": 1_384_954_004, "msg": msg, **changes}


BAD = [
    None,
    "open",
    event(event=["open"]),
    event(_id="p\0"),
    event(_id="\ud800"),
    event(_id={"a": 1}),
    event(_id="p" * 201),
    event(msg=[1]),
    event(msg={"email": "ann\r\nBcc: eve@example.org"}),
    event(msg={"metadata": "x"}),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: ascii(bad)[:60])
def test_one_bad_event_spoils_itself_only(bad: Any) -> None:
    """Else one odd event, which a thief of the key can cause, hides a thousand others."""
    first, middle, last = parse([event(), bad, event(event="click")])
    assert (first.kind, last.kind) == (ClaimKind.OPENED, ClaimKind.CLICKED)
    assert middle.kind is ClaimKind.UNKNOWN
    assert middle.detail.startswith("unreadable event")
    assert (middle.provider_message_id, middle.message_id, middle.recipient) == (None, None, None)
    with pytest.raises(MalformedWebhook):
        parse([bad])


def test_as_many_events_as_documented() -> None:
    assert len(parse([event()] * 1000)) == 1000
    with pytest.raises(MalformedWebhook):
        parse([event()] * 1001)
    with pytest.raises(MalformedWebhook):
        parse({"event": "open"})
    assert parse([]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "click"},
        {"_id": "p-2"},
        {"ts": 1_384_954_005},
        {"ip": "192.0.2.1"},
        {"url": "https://example.com/2"},
        {"user_agent": "curl"},
        {"msg": {"email": "bob@example.net"}},
    ],
    ids=str,
)
def test_claim_ids_tell_events_apart(changes: dict[str, Any]) -> None:
    (one,), (same,), (other,) = parse([event()]), parse([event()]), parse([event(**changes)])
    assert one.claim_id == same.claim_id != other.claim_id


def test_a_number_that_is_told_beforehand_hides_no_bounce() -> None:
    """Postmark counts its bounces up, and signs nothing: a thief of the secret knows the next."""
    config = msgspec.structs.replace(CONFIG, kind="postmark")

    def claim_id(mail: str) -> str:
        told = {"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "MessageID": mail}
        verified = VerifiedRequest.prove(
            config,
            WebhookRequest("", {}, b"", 1),
            presented=b"x",
            expected=b"x",
            payload=json.dumps(told | {"Email": "ann@example.net"}).encode(),
            authenticated="shared_secret",
        )
        (claim,) = Postmark().parse(config, verified)
        return claim.claim_id

    assert claim_id("p-1") == claim_id("p-1") != claim_id("p-2")


def test_claim_ids_do_not_depend_on_what_grows() -> None:
    later = event()
    later["msg"]["opens"] = [{"ts": 1}, {"ts": 2}]
    assert parse([event()])[0].claim_id == parse([later])[0].claim_id


@pytest.mark.parametrize("theirs", ["", "a b", "x" * 65, 5, None, ["m-1"], "m\n", "é"])
def test_only_an_id_that_we_can_have_written_is_ours(theirs: object) -> None:
    (claim,) = parse([event(msg={"metadata": {"mailkeep_id": theirs}})])
    assert claim.message_id is None


@pytest.mark.parametrize("ts", [None, "1", True, -1, 0, 1e300, 10**30, 5_000_000_000, [1]])
def test_an_instant_beyond_reason_is_none(ts: object) -> None:
    (claim,) = parse([event(ts=ts)])
    assert claim.at is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 no such user", "550 5.1.1 no such user"),
        ("550 <ann@example.net> unknown", "550 <<address>> unknown"),
        ("see https://example.com/r?c=1#abc now", "see <link> now"),
        ("<https://e.example/r>, 1http://e and \u00e9http://e", "<<link> <link> and \u00e9<link>"),
        ("a@b@c, d.e+f@g <h@i>;x@ @y", "<address>@c, <address> <<address>>;x@ @y"),
        ("code 482913", "code <code>"),
        ("token dGhpcyBpcyBhIHNlY3JldA== end", "token <code> end"),
        ("a\r\nb\0c\ud800d", "a b c d"),
        ("x y " * 300, ("x y " * 300)[:200]),
    ],
)
def test_described(text: str, expected: str) -> None:
    assert webhooks.described([text]) == expected


@pytest.mark.parametrize("word", ["a", "a.", "a-b+", "1", "://", "a@"])
def test_what_a_stranger_writes_is_looked_through_once(word: str) -> None:
    """A receiving server writes the text, its provider a thousand of them in a webhook: time that
    grows with the square of a word's length would be everybody's, recovery's too."""
    for pattern in (webhooks._ADDRESS, webhooks._LINK, webhooks._CODE):
        pattern.sub("", word * 200_000)


def test_described_takes_texts_only() -> None:
    assert webhooks.described([None, 5, "", "a", ["b"], "c"]) == "a; c"


@given(st.text())
def test_percent_decoding_is_that_of_the_standard_library(text: str) -> None:
    encoded = quote_plus(text, errors="surrogatepass").encode()
    plain = encoded.replace(b"+", b" ")
    assert mandrill._unquote(encoded) == unquote_to_bytes(plain)
    assert mandrill._unquote(encoded.lower()) == unquote_to_bytes(plain.lower())
