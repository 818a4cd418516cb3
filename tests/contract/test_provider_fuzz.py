"""Every provider module under hostile input: nothing is raised but what the port declares."""

import json
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_recordings import (
    MESSAGE,
    RECEIVED,
    account,
    assert_claim,
    assert_clean,
    every_provider,
    load,
    verified,
    webhook_of,
    with_odd_parts,
)

from mailkeep.providers.errors import (
    ForgedWebhook,
    MalformedWebhook,
    UnbuildableMessage,
)
from mailkeep.providers.message import Address
from mailkeep.providers.registry import REGISTRY
from mailkeep.providers.types import HttpReply, HttpRequest, Reply, SmtpReply, WebhookRequest

texts = st.text(max_size=300)
clean = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=190)
emails = st.one_of(st.just("a@example.com"), st.emails(), texts)


@every_provider
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    subject=clean | texts,
    name=clean | texts,
    email=emails,
    text=clean | texts,
    html=st.none() | texts,
    headers=st.lists(st.tuples(st.just("X-A") | texts, clean | texts), max_size=2),
    metadata=st.dictionaries(clean, clean, max_size=12),
    tags=st.lists(clean, max_size=3),
)
def test_a_request_says_what_the_message_says(
    kind: str,
    subject: str,
    name: str,
    email: str,
    text: str,
    html: str | None,
    headers: list[tuple[str, str]],
    metadata: dict[str, str],
    tags: list[str],
) -> None:
    message = msgspec.structs.replace(
        MESSAGE,
        subject=subject,
        to=Address(email, name),
        text=text,
        html=html,
        headers=tuple(headers),
        metadata=metadata,
        tags=tuple(tags),
    )
    try:
        request = REGISTRY[kind].build(account(kind), message)
    except UnbuildableMessage:
        return
    if isinstance(request, HttpRequest):
        assert json.loads(request.body)
        return
    assert max(map(len, request.data.split(b"\r\n"))) <= 998
    assert b"\r" not in request.data.replace(b"\r\n", b"")
    assert b"\n" not in request.data.replace(b"\r\n", b"")
    mail = message_from_bytes(request.data, policy=SMTP)
    assert not mail.defects
    assert len(mail.get_all("To", [])) == len(mail.get_all("Subject", [])) == 1
    assert mail.get_all("Bcc") is None
    assert mail["To"].addresses[0].addr_spec == email


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from(["error", "sent", "queued", "rejected", "open", "Bounce", "\x00", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)


def altered(data: st.DataObject, value: Any) -> Any:
    """``value`` with some of its parts replaced, removed or moved."""
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(json_values)
    if isinstance(value, dict):
        return {
            key: altered(data, inner)
            for key, inner in value.items()
            if data.draw(st.integers(0, 9)) != 0
        }
    if isinstance(value, list):
        return [altered(data, inner) for inner in value]
    return value


@every_provider
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_read_never_raises(kind: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(load(kind, "replies.json")["cases"]))
    headers = data.draw(
        st.dictionaries(st.sampled_from(["Retry-After", "retry-after", "Date"]), texts)
    )
    reply: Reply
    if data.draw(st.booleans()):
        body = json.dumps(altered(data, case.get("json", case.get("text")))).encode()
        reply = HttpReply(data.draw(st.integers(-1, 1000)), headers, body)
    elif data.draw(st.booleans()):
        status = data.draw(st.integers())
        reply = HttpReply(status, headers, data.draw(st.binary(max_size=200)))
    else:
        enhanced = data.draw(st.from_regex(r"[0-9.]{0,12}") | texts)
        text = data.draw(st.just(case.get("text", "")) | texts)
        reply = SmtpReply(data.draw(st.integers(200, 600) | st.integers()), enhanced, text)
    assert_clean(REGISTRY[kind].read(reply))


@every_provider
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(["Authorization", "X-Mandrill-Signature", "X-Token"]),
        texts | st.just("Basic ") | st.text("Basic =:ABCabc", min_size=28, max_size=28),
    ),
    body=st.binary(max_size=300) | st.text("a=&%+09", max_size=60).map(str.encode),
)
def test_verify_raises_nothing_but_forged(kind: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ForgedWebhook):
        REGISTRY[kind].verify(account(kind), WebhookRequest("", headers, body, RECEIVED))


@every_provider
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_parse_raises_nothing_but_malformed(kind: str, data: st.DataObject) -> None:
    provider, config = REGISTRY[kind], account(kind)
    cases = load(kind, "webhooks.json")["cases"]
    if cases and data.draw(st.integers(0, 3)):
        case = data.draw(st.sampled_from(cases))
        payload = provider.verify(config, webhook_of(kind, case)).payload
        payload = json.dumps(altered(data, json.loads(payload))).encode()
    else:
        payload = data.draw(st.binary(max_size=100) | json_values.map(json.dumps).map(str.encode))
    try:
        claims = provider.parse(config, verified(kind, payload))
    except MalformedWebhook:
        return
    for claim in claims:
        assert_claim(claim)


@every_provider
def test_no_part_of_a_reply_is_taken_for_granted(kind: str) -> None:
    for case in load(kind, "replies.json")["cases"]:
        for odd in with_odd_parts(case.get("json")):
            body = json.dumps(odd).encode()
            for status in {200, 422, 500, case.get("status", 200)}:
                assert_clean(REGISTRY[kind].read(HttpReply(status, {}, body)))


@every_provider
def test_no_part_of_a_webhook_is_taken_for_granted(kind: str) -> None:
    provider, config = REGISTRY[kind], account(kind)
    for case in load(kind, "webhooks.json")["cases"]:
        payload = provider.verify(config, webhook_of(kind, case)).payload
        for odd in with_odd_parts(json.loads(payload)):
            try:
                claims = provider.parse(config, verified(kind, json.dumps(odd).encode()))
            except MalformedWebhook:
                continue
            for claim in claims:
                assert_claim(claim)
