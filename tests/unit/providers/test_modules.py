"""What is particular to one module."""

import base64
import hashlib
import hmac
import json
from email.headerregistry import HeaderRegistry
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers import mandrill, postmark, registry
from mailkeep.providers.errors import (
    ForgedWebhook,
    MisconfiguredProvider,
    UnknownProvider,
)
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.providers.types import HttpRequest, ProviderConfig, SmtpRequest, WebhookRequest

PAYLOADS = Path(__file__).parents[2] / "contract" / "payloads"
MESSAGE = OutgoingMessage(
    id="m-1",
    attempt="a-1",
    stream="alert",
    sender=Address("no-reply@example.com"),
    to=Address("ann@example.net"),
    reply_to=None,
    subject="Hello",
    text="Hello",
    html=None,
    headers=(),
    secret=False,
    tags=(),
    metadata={},
)


def config(kind: str, **changes: Any) -> ProviderConfig:
    plain = ProviderConfig("p", kind, "", Secret("key"), Secret("hook"), None, {}, "party")
    return msgspec.structs.replace(plain, **changes)


def body(kind: str, message: OutgoingMessage = MESSAGE, **changes: Any) -> dict[str, Any]:
    request = registry.get(kind).build(config(kind, **changes), message)
    assert isinstance(request, HttpRequest)
    value: dict[str, Any] = json.loads(request.body)
    return value


@pytest.mark.parametrize("name", ["", "Help Desk", "Desk, Help", "\u00dcnal", "\u00dc" * 20])
def test_mandrill_is_told_an_address_to_answer_to_that_is_one(name: str) -> None:
    message = msgspec.structs.replace(MESSAGE, reply_to=Address("help@example.com", name))
    value = body("mandrill", message)["message"]["headers"]["Reply-To"]
    assert value.isascii()
    assert "\n" not in value
    (read,) = HeaderRegistry()("Reply-To", value).addresses
    assert (read.display_name, read.addr_spec) == (name, "help@example.com")


def smtp(base_url: str, message: OutgoingMessage = MESSAGE, **options: str) -> SmtpRequest:
    request = registry.get("smtp").build(
        config("smtp", base_url=base_url, options=options), message
    )
    assert isinstance(request, SmtpRequest)
    return request


def test_get_names_the_nearest_provider() -> None:
    assert registry.get("postmark").kind == "postmark"
    with pytest.raises(UnknownProvider, match="did you mean mandrill"):
        registry.get("mandril")
    with pytest.raises(UnknownProvider, match=", ".join(sorted(registry.REGISTRY))):
        registry.get("zzz")
    assert all(kind == provider.kind for kind, provider in registry.REGISTRY.items())


@pytest.mark.parametrize("name", sorted(mandrill._EVENTS))
def test_every_mandrill_event_is_recorded(name: str) -> None:
    cases = json.loads((PAYLOADS / "mandrill" / "webhooks.json").read_text())["cases"]
    assert name in {case["name"] for case in cases}


@pytest.mark.parametrize("name", sorted(postmark._BOUNCES))
def test_every_postmark_bounce_is_recorded(name: str) -> None:
    cases = json.loads((PAYLOADS / "postmark" / "webhooks.json").read_text())["cases"]
    assert f"bounce_{name}" in {case["name"] for case in cases}


@pytest.mark.parametrize("code", sorted(postmark._ERRORS))
def test_every_postmark_error_is_recorded(code: int) -> None:
    cases = json.loads((PAYLOADS / "postmark" / "replies.json").read_text())["cases"]
    assert code in {case.get("json", {}).get("ErrorCode") for case in cases}


def test_mandrill_options_and_tags() -> None:
    message = msgspec.structs.replace(MESSAGE, tags=("_reserved", "x" * 60, "_"))
    call = body(
        "mandrill", message, options={"subaccount": "s", "ip_pool": "i", "signing_domain": "d"}
    )
    assert call["ip_pool"] == "i"
    assert call["message"]["subaccount"] == "s"
    assert call["message"]["signing_domain"] == "d"
    assert call["message"]["tags"] == ["reserved", "x" * 50]
    assert call["message"]["important"] is False
    assert call["message"]["view_content_link"] is True
    assert "html" not in call["message"]


def sign(key: str, url: str, fields: str) -> str:
    digest = hmac.new(key.encode(), f"{url}{fields}".encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def test_mandrill_signs_the_url_it_was_given() -> None:
    """The configured URL counts; the request's own only where none is configured."""
    url, other = "https://a.example/h", "https://b.example/h"
    headers = {"X-Mandrill-Signature": sign("hook", url, "mandrill_events[]")}
    request = WebhookRequest(url, headers, b"mandrill_events=[]", 1)
    module = registry.get("mandrill")
    assert module.verify(config("mandrill"), request).payload == b"[]"
    assert module.verify(
        config("mandrill", webhook_url=url), msgspec.structs.replace(request, url=other)
    )
    with pytest.raises(ForgedWebhook):
        module.verify(config("mandrill", webhook_url=other), request)


def test_mandrill_fields_are_signed_in_order() -> None:
    headers = {"X-Mandrill-Signature": sign("hook", "u", "a1mandrill_events[]z9")}
    request = WebhookRequest("u", headers, b"z=9&mandrill_events=%5B%5D&a=1", 1)
    assert registry.get("mandrill").verify(config("mandrill"), request).payload == b"[]"


def test_mandrills_public_test_key_is_no_secret() -> None:
    headers = {"X-Mandrill-Signature": sign("test-webhook", "u", "mandrill_events[]")}
    request = WebhookRequest("u", headers, b"mandrill_events=%5B%5D", 1)
    for secret in ("hook", "test-webhook"):
        with pytest.raises(ForgedWebhook):
            registry.get("mandrill").verify(
                config("mandrill", webhook_secret=Secret(secret)), request
            )


def test_postmark_takes_a_header_of_its_own() -> None:
    module = registry.get("postmark")
    own = config("postmark", options={"webhook_header": "X-Hook-Token"})
    good = WebhookRequest("u", {"x-hook-token": "hook"}, b"{}", 1)
    assert module.verify(own, good).authenticated == "shared_secret"
    basic = {"Authorization": "Basic " + base64.b64encode(b"hook").decode()}
    for headers in ({}, {"X-Hook-Token": ""}, {"X-Hook-Token": "hook "}, basic):
        with pytest.raises(ForgedWebhook):
            module.verify(own, msgspec.structs.replace(good, headers=headers))
    assert module.verify(config("postmark"), msgspec.structs.replace(good, headers=basic))


def test_postmark_leaves_out_what_is_not_there() -> None:
    assert set(body("postmark")) == {
        *("From", "To", "Subject", "Headers", "TrackOpens", "TrackLinks", "Metadata", "TextBody")
    }


def test_smtp_ports_and_tls() -> None:
    for url, expected in (
        ("smtp://relay.example", ("relay.example", 587, "starttls")),
        ("smtp://relay.example:2525/", ("relay.example", 2525, "starttls")),
        ("smtps://relay.example", ("relay.example", 465, "implicit")),
        ("smtps://[::1]:1465", ("::1", 1465, "implicit")),
    ):
        request = smtp(url)
        assert (request.host, request.port, request.tls) == expected
    for url in ("", "smtp://", "relay.example:25", "smtp://relay.example/x", "smtp://a:b"):
        with pytest.raises(MisconfiguredProvider):
            smtp(url)


def test_smtp_without_tls_carries_neither_password_nor_secret() -> None:
    secret = msgspec.structs.replace(MESSAGE, secret=True)
    assert smtp("smtp://relay.example", starttls="off").tls == "none"
    assert smtp("smtp://127.0.0.1:2525", secret, starttls="off", username="u").tls == "none"
    assert smtp("smtp://relay.example", secret, starttls="off", cleartext="accepted")
    with pytest.raises(MisconfiguredProvider):
        smtp("smtp://relay.example", secret, starttls="off")
    with pytest.raises(MisconfiguredProvider):
        smtp("smtp://relay.example", starttls="off", username="u")


def test_smtp_envelope() -> None:
    assert smtp("smtp://relay.example").mail_from == "no-reply@example.com"
    null = msgspec.structs.replace(MESSAGE, return_path="")
    assert smtp("smtp://relay.example", null).mail_from == ""
    assert smtp("smtp://relay.example").password is None
    assert smtp("smtp://relay.example", username="u").password == Secret("key")


@pytest.mark.parametrize("lines", ["Bcc: a@b", "X-A:b", "X-A: b\x0bX-B: c", "X-Mailkeep-Id: 1"])
def test_smtp_secret_headers_are_checked(lines: str) -> None:
    secret = msgspec.structs.replace(MESSAGE, secret=True)
    with pytest.raises(MisconfiguredProvider):
        smtp("smtp://relay.example", secret, secret_headers=lines)
    assert smtp("smtp://relay.example", secret_headers=lines)
