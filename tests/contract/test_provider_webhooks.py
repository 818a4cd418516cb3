"""Every provider module: recorded webhooks, forged ones, and django-anymail as the oracle."""

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from provider_recordings import (
    HERE,
    KINDS,
    RECEIVED,
    UNREADABLE,
    account,
    assert_claim,
    every_provider,
    load,
    recorded,
    verified,
    webhook_of,
)

from mailkeep.providers.errors import (
    ForgedWebhook,
    MalformedWebhook,
)
from mailkeep.providers.registry import REGISTRY
from mailkeep.providers.types import (
    ClaimKind,
    ProviderConfig,
    WebhookRequest,
)


@pytest.mark.parametrize(("kind", "case"), recorded("webhooks.json"))
def test_recorded_webhook(kind: str, case: dict[str, Any]) -> None:
    provider, config = REGISTRY[kind], account(kind)
    claims = provider.parse(config, provider.verify(config, webhook_of(kind, case)))
    assert len(claims) == len(case["expect"])
    for claim, expected in zip(claims, case["expect"], strict=True):
        for name, value in expected.items():
            assert getattr(claim, name) == value, name
        assert claim.provider == config.name
        assert claim.authenticated == provider.capabilities.webhook_auth
        assert_claim(claim)
    again = provider.parse(config, provider.verify(config, webhook_of(kind, case)))
    assert [claim.claim_id for claim in again] == [claim.claim_id for claim in claims]
    assert len({claim.claim_id for claim in claims}) == len(claims)


@pytest.fixture(scope="session")
def oracle() -> dict[str, list[list[dict[str, Any]]]]:
    """django-anymail's reading of every recorded webhook; its own checks must pass first."""
    groups = {}
    for kind in KINDS:
        view = load(kind, "account.json")["oracle"]
        if view is not None:
            cases = load(kind, "webhooks.json")["cases"]
            groups[kind] = {**view, "url": account(kind).webhook_url, "cases": cases}
    done = subprocess.run(
        [sys.executable, str(HERE / "anymail_oracle.py")],
        input=json.dumps(list(groups.values())),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(groups, json.loads(done.stdout), strict=True))


# What anymail's words are in ours; any other of its words needs a ``differs_because``.
SAME = {
    "sent": ClaimKind.SENT,
    "delivered": ClaimKind.DELIVERED,
    "deferred": ClaimKind.DEFERRED,
    "bounced": ClaimKind.BOUNCED,
    "complained": ClaimKind.COMPLAINED,
    "opened": ClaimKind.OPENED,
    "clicked": ClaimKind.CLICKED,
    "unsubscribed": ClaimKind.UNSUBSCRIBED,
    "rejected": ClaimKind.REJECTED,
    "unknown": ClaimKind.UNKNOWN,
}


def read_by_anymail() -> list[Any]:
    """The recorded webhooks of providers that django-anymail knows."""
    known = {kind for kind in KINDS if load(kind, "account.json")["oracle"] is not None}
    return [one for one in recorded("webhooks.json") if one.values[0] in known]


@pytest.mark.parametrize(("kind", "case"), read_by_anymail())
def test_django_anymail_agrees(
    kind: str, case: dict[str, Any], oracle: dict[str, list[list[dict[str, Any]]]]
) -> None:
    provider, config = REGISTRY[kind], account(kind)
    claims = provider.parse(config, provider.verify(config, webhook_of(kind, case)))
    names = [other["name"] for other in load(kind, "webhooks.json")["cases"]]
    events = oracle[kind][names.index(case["name"])]
    assert len(events) == len(claims)
    for claim, event in zip(claims, events, strict=True):
        message_id = event["provider_message_id"]
        if message_id == "00000000-0000-0000-0000-000000000000":
            message_id = None  # a placeholder, which anymail hands on
        assert claim.provider_message_id == message_id
        silent = "oracle_says" in case and event["recipient"] is None
        assert silent or claim.recipient == event["recipient"]
        assert claim.at == event["at"]
        if "oracle_says" not in case:
            assert claim.kind is SAME[event["kind"]]
    if "oracle_says" in case:
        assert case["differs_because"]
        assert [event["kind"] for event in events] == case["oracle_says"]
        assert any(
            claim.kind is not SAME.get(event["kind"])
            for claim, event in zip(claims, events, strict=True)
        )


@every_provider
def test_every_kind_of_claim_is_recorded(kind: str) -> None:
    kinds = {
        claim["kind"] for case in load(kind, "webhooks.json")["cases"] for claim in case["expect"]
    }
    if REGISTRY[kind].capabilities.webhook_auth == "none":
        assert not kinds
    else:
        assert kinds >= set(ClaimKind) - {ClaimKind.SENT}
        assert (ClaimKind.DELIVERED in kinds) == REGISTRY[kind].capabilities.reports_deliveries


def forgeries(kind: str, case: dict[str, Any]) -> list[tuple[ProviderConfig, WebhookRequest]]:
    good, config = webhook_of(kind, case), account(kind)
    changed = msgspec.structs.replace
    proofs = load(kind, "account.json")["proof_headers"]
    assert proofs
    forged = [
        (config, changed(good, headers={})),
        (config, changed(good, body=b"a" * (REGISTRY[kind].capabilities.max_webhook + 1))),
        (account(kind, webhook_secret=None), good),
        (account(kind, webhook_secret=""), good),
        (account(kind, webhook_secret="another-secret"), good),
    ]
    for name in proofs:
        value = good.headers[name]
        rest = {key: text for key, text in good.headers.items() if key != name}
        forged.append((config, changed(good, headers=rest)))
        # The first half, since the last character of base64 may hold bits that mean nothing.
        for at in range(len(value) // 2):
            wrong = value[:at] + ("Q" if value[at] not in "Qq" else "R") + value[at + 1 :]
            forged.append((config, changed(good, headers={**rest, name: wrong})))
        for wrong in (
            "",
            " ",
            value[:-4],
            value + "A",
            value.swapcase() + "=",
            "Ä" * 28,
            "\ud800" * 28,
        ):
            forged.append((config, changed(good, headers={**rest, name: wrong})))
    if REGISTRY[kind].capabilities.webhook_auth == "signature":
        body = good.body
        forged += [
            (config, changed(good, body=body[:-1])),
            (config, changed(good, body=body + b"+")),
            (config, changed(good, body=body + b"&a=1")),
            (config, changed(good, body=body + b"&" + body)),
            (config, changed(good, body=body + b"&a=1" * 100)),
            (config, changed(good, body=b"")),
        ]
        if load(kind, "account.json").get("signs_url", True):
            forged.append((account(kind, webhook_url="https://mail.example.com/hooks/other"), good))
        for at in range(0, len(body), max(1, len(body) // 50)):
            other = bytes([body[at] ^ 1])
            forged.append((config, changed(good, body=body[:at] + other + body[at + 1 :])))
    return forged


@every_provider
def test_a_forged_webhook_is_rejected(kind: str) -> None:
    provider = REGISTRY[kind]
    cases = load(kind, "webhooks.json")["cases"]
    if provider.capabilities.webhook_auth == "none":
        with pytest.raises(ForgedWebhook):
            provider.verify(account(kind), WebhookRequest("", {}, b"{}", RECEIVED))
        assert not cases
        return
    for config, request in forgeries(kind, cases[0]):
        with pytest.raises(ForgedWebhook):
            provider.verify(config, request)


@every_provider
def test_headers_are_found_in_any_case(kind: str) -> None:
    provider, config = REGISTRY[kind], account(kind)
    for case in load(kind, "webhooks.json")["cases"][:1]:
        request = webhook_of(kind, case)
        lower = {name.lower(): value for name, value in request.headers.items()}
        assert provider.verify(config, msgspec.structs.replace(request, headers=lower))


@every_provider
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_webhook_is_malformed(kind: str, body: bytes) -> None:
    try:
        claims = REGISTRY[kind].parse(account(kind), verified(kind, body))
    except MalformedWebhook:
        return
    assert {claim.kind for claim in claims} <= {ClaimKind.UNKNOWN}


@every_provider
def test_a_webhook_of_another_provider_is_malformed(kind: str) -> None:
    other = msgspec.structs.replace(account(kind), name="another-account")
    with pytest.raises(MalformedWebhook):
        REGISTRY[kind].parse(other, verified(kind, b"[]"))
