"""What the contract suite shares: the recorded payloads, the message and the checks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers.message import Address, Attachment, OutgoingMessage
from mailkeep.providers.registry import REGISTRY
from mailkeep.providers.types import (
    DETAIL_LIMIT,
    Claim,
    ClaimKind,
    HttpReply,
    Outcome,
    OutcomeKind,
    ProviderConfig,
    SmtpReply,
    VerifiedRequest,
    WebhookRequest,
)

HERE = Path(__file__).parent
KINDS = sorted(REGISTRY)
every_provider = pytest.mark.parametrize("kind", KINDS)

MESSAGE = OutgoingMessage(
    id="0190c1f2-7d5e-7a31-b1c4-5a1c2f3e4d5c",
    attempt="0190c1f2-7d60-7000-8000-000000000001",
    stream="recovery",
    sender=Address("no-reply@example.com", "Exämple, Inc."),
    to=Address("ann@example.net", "Ann O'Neil"),
    reply_to=Address("help@example.com", "Help"),
    subject="Réinitialiser le mot de passe",
    text="Bonjour Ann\n",
    html="<p>Bonjour Ann</p>",
    headers=(("List-Id", "<reset.example.com>"),),
    secret=True,
    tags=("reset",),
    metadata={"tenant": "t1"},
    return_path="b-7@bounce.example.com",
    date=1_700_000_000_000_000,
)
#: With all that a mail may have besides: further recipients, copies, a file.
WHOLE = msgspec.structs.replace(
    MESSAGE,
    secret=False,
    more_to=(Address("bob@example.net", "Bob"),),
    cc=(Address("cleo@example.net", "Cléo"),),
    bcc=(Address("dora@example.net"),),
    attachments=(Attachment("Rechnung März.pdf", b"%PDF-1.7\n", "application/pdf"),),
)
RECEIVED = 1_700_000_100_000_000


def load(kind: str, name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((HERE / "payloads" / kind / name).read_text())
    assert data["source"], "every recording says where it comes from"
    return data


def account(kind: str, **changes: Any) -> ProviderConfig:
    given_: dict[str, Any] = {**load(kind, "account.json")["config"], **changes}
    secret = given_["webhook_secret"]
    return ProviderConfig(
        name=f"{kind}-main",
        kind=kind,
        base_url=given_["base_url"],
        secret=Secret(given_["secret"]),
        webhook_secret=None if secret is None else Secret(secret),
        webhook_url=given_["webhook_url"],
        options=given_["options"],
        party="example-party",
    )


def recorded(name: str) -> list[Any]:
    return [
        pytest.param(kind, case, id=f"{kind}-{case['name']}")
        for kind in KINDS
        for case in load(kind, name)["cases"]
    ]


def reply_of(case: dict[str, Any]) -> HttpReply | SmtpReply:
    if "code" in case:
        return SmtpReply(case["code"], case["enhanced"], case["text"])
    body = json.dumps(case["json"]) if "json" in case else case["body"]
    return HttpReply(case["status"], case.get("headers", {}), body.encode())


def webhook_of(kind: str, case: dict[str, Any]) -> WebhookRequest:
    url = account(kind).webhook_url or ""
    return WebhookRequest(url, case["headers"], case["body"].encode(), RECEIVED)


def verified(kind: str, payload: bytes) -> VerifiedRequest:
    """A request as if its proof had fitted: what is fuzzed here is the parser behind it."""
    request = WebhookRequest("", {}, b"", RECEIVED)
    return VerifiedRequest.prove(
        account(kind),
        request,
        presented=b"k",
        expected=b"k",
        payload=payload,
        authenticated="signature",
    )


UNREADABLE = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html><body>502 Bad Gateway ann@example.net</body></html>",
    "cut": b'[{"email":"ann@example.net","status":"se',
    "huge": b'{"ErrorCode":0,"MessageID":"' + b"a" * 2_000_000 + b'"}',
    "not_utf8": b'{"Message":"\xff\xfe","ErrorCode":0}',
    "utf16": '{"ErrorCode":0}'.encode("utf-16"),
    "null": b"null",
    "number": b"1" * 5000,
    "nan": b"NaN",
    "deep": b"[" * 100_000,
    "deep_object": b'{"a":' * 100_000,
    "twice": b'{"ErrorCode":405,"ErrorCode":0,"MessageID":"x"}',
    "wrong_shape": b'[[{"status":"sent"}]]',
}


def assert_clean(outcome: Outcome) -> None:
    assert isinstance(outcome.kind, OutcomeKind)
    assert len(outcome.detail) <= DETAIL_LIMIT
    assert outcome.detail.isascii()
    assert outcome.detail.isprintable()
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= 3600
    message_id = outcome.provider_message_id
    assert message_id is None or (message_id.isascii() and message_id.isprintable())


def assert_claim(claim: Claim) -> None:
    assert isinstance(claim.kind, ClaimKind)
    assert 0 < len(claim.claim_id) <= 64
    assert len(claim.detail) <= DETAIL_LIMIT
    assert claim.at is None or 0 <= claim.at < 4_102_444_800_000_000
    for text, limit in (
        (claim.provider_message_id, 200),
        (claim.message_id, 64),
        (claim.attempt, 64),
        (claim.recipient, 320),
        (claim.detail, DETAIL_LIMIT),
    ):
        assert text is None or len(text.encode()) <= 4 * limit
        assert text is None or "\0" not in text


ODD = [None, True, -1, 10**30, 0.5, "", "\0", "\ud800", "x" * 5000, [], [[]], {}, {"a": []}]


def with_odd_parts(value: Any) -> Iterator[Any]:
    """``value`` over and over, each time with another of its parts odd or missing."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            for odd in with_odd_parts(value[key]):
                yield {**value, key: odd}
    elif isinstance(value, list):
        for at, part in enumerate(value):
            for odd in with_odd_parts(part):
                yield [*value[:at], odd, *value[at + 1 :]]
